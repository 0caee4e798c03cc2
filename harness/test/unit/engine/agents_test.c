/* Agents as processes beside the driver: what they are told, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "engine/agents.h"

static int has(const char *const *env, const char *entry)
{
	int n = 0;

	for (; *env; env++)
		n += !strncmp(*env, entry, strlen(entry));
	return n;
}

/* Whoever started us may be an agent himself: of two tokens the first counts. */
static void an_agent_gets_its_own_token(void **state)
{
	struct engine_conf conf = {0};
	struct arena a = {0};
	const char **env;

	(void)state;
	engine_make_tokens(&conf);
	setenv("ORDEAL_TOKEN", "of-another-run", 1);
	setenv("ORDEAL_HOSTS", "/of/another/run", 1);
	setenv("OF_OURS", "1", 1);
	env = agents_env(&a, &conf, "host", NULL);
	assert_int_equal(has(env, "ORDEAL_TOKEN="), 1);
	assert_int_equal(has(env, arena_fmt(&a, "ORDEAL_TOKEN=%s", conf.token)), 1);
	assert_int_equal(has(env, "ORDEAL_HOSTS="), 0);
	assert_int_equal(has(env, "OF_OURS=1"), 1);
	env = agents_env(&a, &conf, "load agent", "/hosts");
	assert_int_equal(has(env, arena_fmt(&a, "ORDEAL_TOKEN=%s", conf.load_token)), 1);
	assert_int_equal(has(env, "ORDEAL_HOSTS="), 1);
	assert_int_equal(has(env, "ORDEAL_HOSTS=/hosts"), 1);
	arena_free(&a);
}

static int wait_for(const char *script, char *addr, size_t size, struct err *e)
{
	char log[] = "/tmp/agents_test.XXXXXX";
	const char *const argv[] = {"sh", "-c", script, NULL};
	int fd = mkstemp(log), r;
	struct arena a = {0};
	struct engine_conf conf = {0};
	pid_t pid;

	assert_true(fd >= 0);
	close(fd);
	if (proc_start_env(argv, agents_env(&a, &conf, "host", NULL), log, &pid, e))
		fail_msg("%s", e->msg);
	r = agents_await("agent of the test", log, pid, addr, size, e);
	proc_stop(pid, 0);
	unlink(log);
	arena_free(&a);
	return r;
}

static void its_address_is_awaited(void **state)
{
	struct err e = {0};
	char addr[64];

	(void)state;
	if (wait_for("echo hello; printf listen; sleep 0.1; echo ing 127.0.0.1:7; exec sleep 60", addr, sizeof(addr), &e))
		fail_msg("%s", e.msg);
	assert_string_equal(addr, "127.0.0.1:7");
	/* Also of one that has ended meanwhile: calls to it will say so. */
	if (wait_for("echo listening 127.0.0.1:8", addr, sizeof(addr), &e))
		fail_msg("%s", e.msg);
	assert_string_equal(addr, "127.0.0.1:8");
	assert_int_equal(wait_for("echo no such option", addr, sizeof(addr), &e), -1);
	assert_string_equal(e.msg, "the agent of the test does not start: no such option\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_agent_gets_its_own_token),
		cmocka_unit_test(its_address_is_awaited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
