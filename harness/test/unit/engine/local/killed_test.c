/* Engine local: nothing is left when the driver dies. The test program is its
 * own `ordeal`: the engine starts the running binary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/procs.h"
#include "engine/engine.h"
#include "memoryd/server.h"
#include "test/unit/engine/local/place.h"

static pid_t start_victim(const char *dir)
{
	char self[PATH_MAX], log[128];
	const char *argv[] = {self, "victim", dir, NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	struct buf b = {0};
	struct err e = {0};
	pid_t pid;

	assert_true(n > 0);
	self[n] = '\0';
	snprintf(log, sizeof(log), "%s/victim.log", dir);
	assert_int_equal(proc_start(argv, log, &pid, &e), 0);
	do {
		nap();
		buf_reset(&b);
		assert_int_equal(file_read(log, &b, &e), 0);
		if (!proc_alive(pid) || clock_mono_ns() > end_ns)
			fail_msg("%s", buf_cstr(&b));
	} while (!strstr(buf_cstr(&b), "standing"));
	buf_free(&b);
	return pid;
}

struct known {
	struct proc_stat v[16];
	size_t n;
};

/* Every process that stands in procs/, and lives. */
static void all_processes(const char *dir, struct known *k)
{
	char path[300];
	struct dirent *d;
	DIR *f;

	k->n = 0;
	snprintf(path, sizeof(path), "%s/local/procs", dir);
	f = opendir(path);
	assert_non_null(f);
	while ((d = readdir(f)) && k->n < 16)
		if (d->d_name[0] != '.' &&
		    procs_stat((int)strtol(d->d_name, NULL, 10), &k->v[k->n]) == 0)
			k->n++;
	closedir(f);
}

static size_t still_there(const struct known *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += procs_same(k->v[i].pid, k->v[i].start_ticks);
	return n;
}

static void nothing_outlives_a_killed_driver(void **state)
{
	int64_t end_ns;
	cJSON *found = cJSON_CreateArray();
	struct engine_conf conf = {.run_id = "after"};
	struct known k;
	struct engine *en;
	struct place p = {0};
	struct err e = {0};
	char dir[64];
	cJSON *file;
	pid_t pid;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	unsetenv("ORDEAL_REGISTER");
	own_folders(dir);
	pid = start_victim(dir);
	all_processes(dir, &k);
	assert_int_equal(k.n, 5); /* three members, two agents */
	assert_int_equal(still_there(&k), 5);
	/* A member that stands still must go as well. */
	mem_copy_str(p.dir, sizeof(p.dir), dir);
	file = pod_file(&p, "memory-2");
	assert_int_equal(kill((pid_t)json_i64(file, "pid", 0), SIGSTOP), 0);
	cJSON_Delete(file);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* The node agent stays until its dead-man time is over; `recover` does
	 * not wait for that. */
	end_ns = clock_mono_ns() + SOON_NS;
	while (still_there(&k) > 1 && clock_mono_ns() < end_ns)
		nap();
	assert_true(still_there(&k) <= 1);
	own_folders(dir);
	assert_int_equal(OPS->open(&conf, &en, &e), 0);
	assert_int_equal(OPS->lock(en, clock_mono_ns() + SOON_NS, &e), 0);
	if (OPS->recover(en, found, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(still_there(&k), 0);
	assert_int_equal(count_files(dir, "local/procs"), 0);
	assert_int_equal(count_files(dir, "local/state"), 0);
	OPS->close(en);
	cJSON_Delete(found);
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

/* Under another cache folder it is found; one that is in use is let be. */
static void found_from_another_home(void **state)
{
	struct engine_conf conf = {.run_id = "after"};
	cJSON *found = cJSON_CreateArray();
	char dir[64] = "/tmp/ordeal-test.XXXXXX", other[64] = "/tmp/ordeal-test.XXXXXX";
	struct engine *en;
	struct err e = {0};
	struct known k;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(other));
	unsetenv("ORDEAL_REGISTER");
	own_folders(other);
	pid = start_victim(dir);
	all_processes(dir, &k);
	assert_int_equal(k.n, 5);
	assert_int_equal(OPS->open(&conf, &en, &e), 0);
	assert_int_equal(OPS->lock(en, clock_mono_ns() + SOON_NS, &e), 0);
	if (OPS->recover(en, found, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(still_there(&k), 5);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (OPS->recover(en, found, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(still_there(&k), 0);
	assert_int_equal(count_files(dir, "local/procs"), 0);
	assert_int_equal(count_files(dir, "local/state"), 0);
	/* It is forgotten: a folder of that name may be anybody's later. */
	assert_int_equal(file_remove_tree(dir, &e), 0);
	if (OPS->recover(en, found, &e))
		fail_msg("%s", e.msg);
	assert_false(file_exists(dir));
	OPS->close(en);
	cJSON_Delete(found);
	assert_int_equal(file_remove_tree(other, &e), 0);
}

static void the_node_agent_ends_by_itself(void **state)
{
	int64_t end_ns;
	struct known k;
	struct err e = {0};
	char dir[64];
	pid_t pid;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	unsetenv("ORDEAL_REGISTER");
	own_folders(dir);
	pid = start_victim(dir);
	all_processes(dir, &k);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end_ns = clock_mono_ns() + SOON_NS;
	while (still_there(&k) && clock_mono_ns() < end_ns)
		nap();
	assert_int_equal(still_there(&k), 0);
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_outlives_a_killed_driver),
		cmocka_unit_test(found_from_another_home),
		cmocka_unit_test(the_node_agent_ends_by_itself),
	};

	if (argc > 1 && !strcmp(argv[1], "memory-server"))
		return memory_server_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "node-agent"))
		return node_agent_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "load-agent"))
		return load_agent_main(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "victim"))
		return victim(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
