/* The host agent as a process: whole nodes, with a Docker that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"
#include "test/unit/agent/node_room.h"

/* ---- host mode, with a docker command of our own that keeps each node's
 * state in a file ---- */

static const char DOCKER[] =
	"#!/bin/sh\n"
	"cd \"$(dirname \"$0\")\" || exit 1\n"
	"echo \"$*\" >>calls\n"
	"for last; do :; done\n"
	"case $1 in\n"
	"inspect) test -f node-$last || { echo no such container >&2; exit 1; }\n"
	"  echo \"$(cat node-$last) $(cat label)\";;\n"
	"kill|stop) echo false >node-$last;;\n"
	"start) echo true >node-$last;;\n"
	"ps) for n in node-*; do test \"$(cat $n)\" = true || echo ${n#node-}; done;;\n"
	"*) exit 1;;\n"
	"esac\n";

static void put(struct fixture *f, const char *name, const char *text)
{
	struct err e = {0};
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
}

static bool holds(struct fixture *f, const char *name, const char *text)
{
	struct buf b = {0};
	struct err e = {0};
	char path[200];
	bool yes;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	yes = file_read(path, &b, &e) == 0 && strstr(buf_cstr(&b), text);
	buf_free(&b);
	return yes;
}

static void start_host(struct fixture *f, const char *dead_man)
{
	char *path = mem_fmt("%s:%s", f->dir, getenv("PATH"));
	char *old = mem_strdup(getenv("PATH"));

	put(f, "docker", DOCKER);
	assert_true(help_sh("chmod +x %s/docker", f->dir));
	if (!holds(f, "node-w1", "")) {
		put(f, "node-w1", "true\n");
		put(f, "label", "ordeal\n");
	}
	setenv("PATH", path, 1);
	start_mode(f, "host", dead_man);
	setenv("PATH", old, 1);
	free(path);
	free(old);
}

static cJSON *node_plan(const char *node, const char *params)
{
	cJSON *plan = help_plan("down", "node-down", "db-0", UID, params);

	json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(plan, "targets"), 0), "node", node);
	return plan;
}

static void stops_and_starts_nodes(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = node_plan("w1", NULL), *stop = node_plan("w1", "{\"how\": \"stop\"}");

	start_host(f, "30");
	expect(f, "POST", "/v1/faults", plan, 200);
	assert_true(holds(f, "node-w1", "false"));
	assert_true(holds(f, "calls", "kill w1"));
	cJSON_Delete(await_bite(f, "/v1/faults/down"));
	expect(f, "DELETE", "/v1/faults/down", NULL, 200);
	assert_true(holds(f, "node-w1", "true"));
	expect(f, "POST", "/v1/faults", stop, 200);
	assert_true(holds(f, "calls", "stop -t 10 w1"));
	/* Killed on the spot; the next one starts the node again. */
	help_end(f->agent);
	f->agent = 0;
	assert_true(holds(f, "node-w1", "false"));
	start_host(f, "30");
	assert_true(holds(f, "node-w1", "true"));
	assert_clean(f);
	cJSON_Delete(plan);
	cJSON_Delete(stop);
}

static void leaves_other_containers_alone(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = node_plan("w1", NULL), *option = node_plan("--all", NULL);

	start_host(f, "30");
	put(f, "label", "somebody-else\n");
	expect(f, "POST", "/v1/faults", plan, 400);
	expect(f, "POST", "/v1/faults", option, 400);
	assert_true(holds(f, "node-w1", "true"));
	assert_false(holds(f, "calls", "kill"));
	cJSON_Delete(plan);
	cJSON_Delete(option);
}

static bool w1_runs(void *arg)
{
	return holds(arg, "node-w1", "true");
}

static void starts_nodes_when_the_driver_is_gone(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = node_plan("w1", NULL);

	start_host(f, "1");
	expect(f, "POST", "/v1/faults", plan, 200);
	assert_true(holds(f, "calls", "kill w1"));
	assert_true(help_wait(w1_runs, f));
	cJSON_Delete(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(stops_and_starts_nodes),
		WITH(leaves_other_containers_alone),
		WITH(starts_nodes_when_the_driver_is_gone),
	};

	return cmocka_run_group_tests_name("node agent", tests, NULL, NULL);
}
