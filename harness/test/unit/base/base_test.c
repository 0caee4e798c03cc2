#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/procs.h"
#include "base/random.h"
#include "base/rng.h"

static void buffer_grows_and_stops_at_its_cap(void **state)
{
	struct buf b = {.cap = 10};

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	buf_str(&b, "12345");
	buf_fmt(&b, "%d", 678);
	assert_false(b.over);
	buf_str(&b, "9abcdef");
	assert_true(b.over);
	assert_string_equal(buf_cstr(&b), "123456789a");
	buf_free(&b);
	for (int i = 0; i < 1000; i++)
		buf_fmt(&b, "%d,", i % 10);
	buf_free(&b);
}

static void long_formats_survive(void **state)
{
	struct buf b = {0};
	char want[3000];

	(void)state;
	memset(want, 'x', sizeof(want) - 1);
	want[sizeof(want) - 1] = '\0';
	buf_fmt(&b, "%s", want);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
	struct arena a = {0};

	(void)state;
	for (size_t size = 1; size < 200000; size = size * 3 + 1) {
		unsigned char *p = arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	assert_string_equal(arena_fmt(&a, "%s-%d", "a", 7), "a-7");
	arena_free(&a);
	assert_null(a.head);
}

static void errors_keep_their_kind_under_a_prefix(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_set(&e, ERR_INPUT, "no %s", "file"), -1);
	assert_int_equal(err_prefix(&e, "reading %d", 3), -1);
	assert_string_equal(e.msg, "reading 3: no file");
	assert_int_equal(e.kind, ERR_INPUT);
}

static void rfc3339_goes_both_ways(void **state)
{
	int64_t ns = INT64_C(1700000000123000000), back;
	char text[32];

	(void)state;
	clock_rfc3339(ns, text);
	assert_string_equal(text, "2023-11-14T22:13:20.123Z");
	assert_int_equal(clock_parse_rfc3339(text, &back), 0);
	assert_int_equal(back, ns);
	assert_int_equal(clock_parse_rfc3339("2023-11-14T23:13:20.123456+01:00", &back), 0);
	assert_int_equal(back, ns + 456000);
	assert_int_equal(clock_parse_rfc3339("yesterday", &back), -1);
	assert_int_equal(clock_parse_rfc3339("2023-11-14T22:13:20.1x", &back), -1);
}

static void polling_ends_at_its_time(void **state)
{
	int fd[2];
	struct pollfd p = {.events = POLLIN};
	int64_t from = clock_mono_ns(), late;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	p.fd = fd[0];
	assert_false(clock_poll_until(&p, 1, from - 1));
	assert_int_equal(clock_overslept_ns(), 0); /* it did not sleep */
	assert_false(clock_poll_until(&p, 1, from + 30 * NS_PER_MS));
	late = clock_overslept_ns();
	assert_true(late > 0 && clock_mono_ns() >= from + 30 * NS_PER_MS + late);
	assert_int_equal(clock_overslept_ns(), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_true(clock_poll_until(&p, 1, clock_mono_ns() + 60 * NS_PER_S));
	assert_int_equal(p.revents, POLLIN);
	assert_int_equal(clock_overslept_ns(), 0);
	close(fd[0]);
	close(fd[1]);
}

static void json_integers_are_exact(void **state)
{
	(void)state;
	for (int shift = 40; shift <= 53; shift++) {
		for (int64_t d = -9; d <= 0; d++) {
			int64_t v = (INT64_C(1) << shift) + d;
			struct err e = {0};
			cJSON *o = cJSON_CreateObject(), *back;
			char *text;

			json_set_i64(o, "v", v);
			json_set_i64(o, "n", -v);
			assert_true(json_i64(o, "v", 0) == v && json_i64(o, "n", 0) == -v);
			assert_true(json_num(o, "v", 0) == (double)v);
			text = json_text(o);
			back = json_parse(text, "text", &e);
			assert_true(json_i64(back, "v", 0) == v && json_i64(back, "n", 0) == -v);
			free(text);
			cJSON_Delete(o);
			cJSON_Delete(back);
		}
	}
}

static void json_helpers_default_and_follow_paths(void **state)
{
	struct err e = {0};
	cJSON *o = json_parse("{\"a\":{\"b\":[1,{\"c\":\"x\"}]},\"n\":\"42\"}", "text", &e);

	(void)state;
	assert_non_null(o);
	assert_string_equal(json_str(json_path(o, "a.b.1"), "c", ""), "x");
	assert_null(json_path(o, "a.z.1"));
	assert_int_equal(json_i64(o, "n", 0), 42);
	assert_int_equal(json_i64(o, "missing", -5), -5);
	cJSON_Delete(o);
	assert_null(json_parse("{\n\n oops", "some.json", &e));
	assert_non_null(strstr(e.msg, "some.json:3"));
}

/* Several mistakes, a line each; those without room are counted. */
static void errors_together(void **state)
{
	struct err all = {0}, one = {0}, more = {0};
	char line[101];
	int kept = 0;

	(void)state;
	err_set(&one, ERR_REFUSED, "first");
	assert_int_equal(err_add(&all, &one), -1);
	assert_int_equal(one.kind, ERR_NONE);
	assert_int_equal(all.kind, ERR_REFUSED);
	err_set(&one, ERR_INPUT, "second\nthird");
	err_add(&all, &one);
	assert_int_equal(all.kind, ERR_INPUT);
	assert_string_equal(all.msg, "first\nsecond\nthird");
	memset(line, 'x', 100);
	line[100] = '\0';
	for (int i = 0; i < 200; i++) {
		err_set(&one, ERR_INPUT, "%s", line);
		err_add(&more, &one);
	}
	for (const char *p = more.msg; (p = strstr(p, line)); p += 100)
		kept++;
	assert_true(kept > 70);
	assert_int_equal(more.left_out, 200 - kept);
	assert_non_null(strstr(more.msg, "more"));
	err_add(&all, &more);
	for (const char *p = (kept = 0, all.msg); (p = strstr(p, line)); p += 100)
		kept++;
	assert_int_equal(all.left_out, 200 - kept);
	assert_int_equal(strncmp(all.msg, "first\nsecond\nthird\nxxx", 22), 0);
	assert_non_null(strstr(all.msg, " more"));
	assert_null(strstr(strstr(all.msg, " more") + 1, " more"));
}

static void merge_replaces_and_moves(void **state)
{
	struct err e = {0};
	cJSON *to = json_parse("{\"a\":1,\"b\":2}", "to", &e);
	char *text;

	(void)state;
	json_merge(to, json_parse("{\"b\":3,\"c\":4}", "from", &e));
	json_merge(to, NULL);
	text = json_text(to);
	assert_string_equal(text, "{\"a\":1,\"b\":3,\"c\":4}");
	free(text);
	cJSON_Delete(to);
}

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

static void the_seed_decides(void **state)
{
	struct rng a = {7}, b = {7}, c = {8};
	int same = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t x = rng_next(&a);

		assert_true(x == rng_next(&b));
		same += x == rng_next(&c);
		assert_true(rng_below(&a, 3) < 3);
		rng_next(&b);
		rng_next(&c);
	}
	assert_int_equal(same, 0);
}

static void base64_goes_both_ways(void **state)
{
	static const char *const t[][2] = { /* RFC 4648, section 10 */
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe", "//4="},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct buf there = {0}, back = {0};

		base64_encode(t[i][0], &there);
		assert_string_equal(buf_cstr(&there), t[i][1]);
		assert_int_equal(base64_decode(t[i][1], &back), 0);
		assert_string_equal(buf_cstr(&back), t[i][0]);
		buf_free(&there);
		buf_free(&back);
	}
	for (size_t i = 0; i < 2; i++) {
		struct buf b = {0};

		assert_int_equal(base64_decode(i ? "Zg==x" : "Z!", &b), -1);
		buf_free(&b);
	}
}

static void uuids_are_of_version_4(void **state)
{
	char a[RANDOM_UUID_SIZE], b[RANDOM_UUID_SIZE];
	size_t variants = 0;

	(void)state;
	for (int i = 0; i < 64; i++) {
		random_uuid(a);
		random_uuid(b);
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), 36);
		assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
		for (const char *p = "\x08\x0d\x12\x17"; *p; p++)
			assert_int_equal(a[(int)*p], '-');
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
		variants |= (size_t)1 << (strcspn("89ab", (char[]){a[19], 0}));
	}
	assert_true(variants & (variants - 1)); /* its two free bits are random */
}

static void tokens_have_their_length(void **state)
{
	char a[65], b[65];

	(void)state;
	for (size_t n = 1; n < sizeof(a); n++) {
		random_hex(a, n);
		assert_int_equal(strspn(a, "0123456789abcdef"), n);
		assert_int_equal(a[n], '\0');
	}
	random_hex(b, sizeof(b) - 1);
	assert_string_not_equal(a, b);
}

static void messages_do_not_steer_the_terminal(void **state)
{
	char text[] = "a\x1b[31mb\r\x07\x7f\xc2\x9b" "1m\xc3\xa9\n\tc";

	(void)state;
	log_tame(text);
	assert_string_equal(text, "a?[31mb???\?\?1m\xc3\xa9\n\tc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_grows_and_stops_at_its_cap),
		cmocka_unit_test(long_formats_survive),
		cmocka_unit_test(arena_gives_zeroed_aligned_memory),
		cmocka_unit_test(errors_keep_their_kind_under_a_prefix),
		cmocka_unit_test(rfc3339_goes_both_ways),
		cmocka_unit_test(polling_ends_at_its_time),
		cmocka_unit_test(json_integers_are_exact),
		cmocka_unit_test(json_helpers_default_and_follow_paths),
		cmocka_unit_test(errors_together),
		cmocka_unit_test(merge_replaces_and_moves),
		cmocka_unit_test(processes_are_fed_and_read),
		cmocka_unit_test(a_process_that_hangs_is_ended),
		cmocka_unit_test(started_processes_stop),
		cmocka_unit_test(only_the_very_process_is_signalled),
		cmocka_unit_test(an_ignored_hangup_stays_so),
		cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(shared_folders), cmocka_unit_test(private_folders),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(uuids_are_of_version_4),
		cmocka_unit_test(tokens_have_their_length),
		cmocka_unit_test(messages_do_not_steer_the_terminal),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
