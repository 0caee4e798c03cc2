/* Processes and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/procs.h"

static void processes_are_fed_and_read(void **state)
{
	static const char *const cat[] = {"cat", NULL};
	static const char *const sh[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
	struct proc_result res;
	struct err e = {0};
	struct buf big = {0}, out = {0};

	(void)state;
	for (int i = 0; i < 40000; i++)
		buf_fmt(&big, "%d\n", i);
	assert_int_equal(proc_must(cat, buf_cstr(&big), 20 * NS_PER_S, &out, &e), 0);
	assert_string_equal(buf_cstr(&out), buf_cstr(&big));
	assert_int_equal(proc_run(sh, NULL, 20 * NS_PER_S, &res, &e), 0);
	assert_int_equal(res.exit_code, 3);
	assert_string_equal(buf_cstr(&res.out), "out\n");
	assert_string_equal(buf_cstr(&res.err), "err\n");
	proc_result_free(&res);
	assert_int_equal(proc_must(sh, NULL, 20 * NS_PER_S, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "exit code 3: err"));
	buf_free(&big);
	buf_free(&out);
}

static void a_process_that_hangs_is_ended(void **state)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct proc_result res;
	struct err e = {0};

	(void)state;
	assert_int_equal(proc_run(argv, NULL, 50 * NS_PER_MS, &res, &e), -1);
	assert_non_null(strstr(e.msg, "was killed"));
	proc_result_free(&res);
}

static void started_processes_stop(void **state)
{
	static const char *const deaf[] = {"sh", "-c", "trap '' TERM; while :; do sleep 0.01; done",
					   NULL};
	static const char *const none[] = {"/nonexistent/program", NULL};
	struct err e = {0};
	pid_t pid;

	(void)state;
	assert_int_equal(proc_start(deaf, "/dev/null", &pid, &e), 0);
	assert_true(proc_alive(pid));
	proc_stop(pid, 50 * NS_PER_MS);
	assert_false(proc_alive(pid));
	assert_int_equal(proc_start(none, NULL, &pid, &e), -1);
	assert_non_null(strstr(e.msg, "/nonexistent/program"));
}

/* A PID that belongs to somebody else by now is left alone. */
static void only_the_very_process_is_signalled(void **state)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct proc_stat s;
	struct proc_id id;
	struct err e = {0};
	pid_t pid;

	(void)state;
	assert_int_equal(proc_start(argv, NULL, &pid, &e), 0);
	assert_int_equal(procs_stat(pid, &s), 0);
	id = proc_id_of(&s);
	id.start_ticks++;
	assert_int_equal(procs_signal(id, SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
	assert_true(proc_alive(pid));
	assert_true(procs_ended(pid, id.start_ticks));
	assert_false(procs_ended(pid, s.start_ticks));
	assert_int_equal(procs_signal(proc_id_of(&s), SIGKILL), 0);
	proc_stop(pid, NS_PER_S);
	assert_true(procs_ended(pid, s.start_ticks));
}

/* As under nohup: neither we nor a child of ours end with the terminal. */
static void an_ignored_hangup_stays_so(void **state)
{
	static const char *const argv[] = {"sh", "-c", "kill -HUP $$; echo lives", NULL};
	const struct timespec at_once = {0};
	struct buf out = {0};
	sigset_t ends, before;
	struct err e = {0};

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	signal(SIGHUP, SIG_IGN);
	proc_block_ends(&ends);
	kill(getpid(), SIGHUP);
	assert_int_equal(sigtimedwait(&ends, NULL, &at_once), -1);
	assert_int_equal(proc_must(argv, NULL, 20 * NS_PER_S, &out, &e), 0);
	assert_string_equal(buf_cstr(&out), "lives\n");
	signal(SIGHUP, SIG_DFL);
	proc_block_ends(&ends);
	kill(getpid(), SIGHUP);
	assert_int_equal(sigtimedwait(&ends, NULL, &at_once), SIGHUP);
	assert_int_equal(proc_must(argv, NULL, 20 * NS_PER_S, &out, &e), -1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	buf_free(&out);
}

static void files_are_replaced_whole(void **state)
{
	char dir[] = "/tmp/ordeal-base-XXXXXX", path[PATH_MAX];
	struct err e = {0};
	struct buf b = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(file_mkdirs(path, &e), 0);
	snprintf(path, sizeof(path), "%s/a/b/c/file", dir);
	assert_int_equal(file_write_atomic(path, "one", 3, &e), 0);
	assert_int_equal(file_write_atomic(path, "three", 5, &e), 0);
	assert_int_equal(file_read(path, &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "three");
	buf_free(&b);
	assert_int_equal(file_remove_tree(dir, &e), 0);
	assert_false(file_exists(dir));
	assert_int_equal(file_remove_tree(dir, &e), 0);
	assert_int_equal(file_read(path, &b, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	buf_free(&b);
}

/* Where others can put something in our place first. */
static void shared_folders(void **state)
{
	char dir[] = "/tmp/ordeal-own.XXXXXX", lock[80], other[80];
	struct err e = {0};
	struct buf b = {0};
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 01777), 0);
	snprintf(lock, sizeof(lock), "%s/lock", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	fd = file_open_own(lock, &e);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);
	/* One that an earlier program left open to all is closed. */
	assert_int_equal(chmod(lock, 0666), 0);
	fd = file_open_own(lock, &e);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	close(fd);
	/* No link, of either kind, and nothing that is no file. */
	assert_int_equal(file_write_private(other, "kept", 4, &e), 0);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(symlink(other, lock), 0);
	assert_int_equal(file_open_own(lock, &e), -1);
	assert_non_null(strstr(e.msg, "link"));
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(link(other, lock), 0);
	assert_int_equal(file_open_own(lock, &e), -1);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(mkfifo(lock, 0600), 0);
	assert_int_equal(file_open_own(lock, &e), -1);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(file_read(other, &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "kept");
	buf_free(&b);
	if (!geteuid()) {
		fd = file_open_own(lock, &e);
		assert_int_equal(fchown(fd, 65534, 65534), 0);
		close(fd);
		/* By us or, with fs.protected_regular, by the kernel. */
		assert_int_equal(file_open_own(lock, &e), -1);
		assert_non_null(strstr(e.msg, "somebody else's"));
		/* In a folder that is theirs alone it is theirs to lock. */
		assert_int_equal(chmod(dir, 0755) || chown(dir, 65534, 65534), 0);
		fd = file_open_own(lock, &e);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

static void private_folders(void **state)
{
	char dir[] = "/tmp/ordeal-private.XXXXXX", path[80], link[80];
	struct err e = {0};
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(file_private_dir(path, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(file_private_dir(link, &e), -1);
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(file_private_dir(path, &e), -1);
		assert_non_null(strstr(e.msg, "not ours"));
	}
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_are_fed_and_read),
		cmocka_unit_test(a_process_that_hangs_is_ended),
		cmocka_unit_test(started_processes_stop),
		cmocka_unit_test(only_the_very_process_is_signalled),
		cmocka_unit_test(an_ignored_hangup_stays_so),
		cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(shared_folders),
		cmocka_unit_test(private_folders),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
