/* The node agent as a process, in local mode, with real processes as pods:
 * what it does by request, and what it undoes when nobody asks any more. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"

#define TOKEN "a-token-for-tests"
#define UID "aaaaaaaa-0000-1111-2222-333333333333"

struct fixture {
	char dir[64], log[100];
	pid_t agent, member;
	int port;
};

static void write_member(struct fixture *f, const char *uid)
{
	cJSON *o = cJSON_CreateObject();
	struct err e = {0};
	char path[200], *text;

	snprintf(path, sizeof(path), "%s/pods", f->dir);
	assert_int_equal(file_mkdirs(path, &e), 0);
	json_set_str(o, "name", "db-0");
	json_set_str(o, "uid", uid);
	json_set_i64(o, "pid", f->member);
	json_set_str(o, "data_dir", f->dir);
	json_set_str(o, "ip", "127.0.0.1");
	text = json_text(o);
	snprintf(path, sizeof(path), "%s/pods/db-0.json", f->dir);
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	free(text);
	cJSON_Delete(o);
}

static bool announced(void *arg)
{
	struct fixture *f = arg;
	struct buf b = {0};
	struct err e = {0};
	const char *at;
	char *end;

	f->port = 0;
	if (file_read(f->log, &b, &e) == 0 && (at = strstr(buf_cstr(&b), "listening 127.0.0.1:"))) {
		f->port = (int)strtol(at + strlen("listening 127.0.0.1:"), &end, 10);
		if (*end != '\n')
			f->port = 0;
	}
	buf_free(&b);
	return f->port > 0;
}

static const char *program(void)
{
	const char *p = getenv("ORDEAL");

	return p && *p ? p : "build/ordeal";
}

static void start_mode(struct fixture *f, const char *mode, const char *dead_man)
{
	const char *argv[] = {program(), "node-agent", "--mode", mode, "--state", f->dir,
			      "--listen", "127.0.0.1:0", "--dead-man", dead_man, NULL};
	struct err e = {0};

	unlink(f->log);
	setenv("ORDEAL_TOKEN", TOKEN, 1);
	assert_int_equal(proc_start(argv, f->log, &f->agent, &e), 0);
	if (!help_wait(announced, f))
		fail_msg("the agent (%s) does not start", program());
}

static void start_agent(struct fixture *f, const char *dead_man)
{
	start_mode(f, "local", dead_man);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	*state = f;
	help_temp(f->dir);
	snprintf(f->log, sizeof(f->log), "%s/log", f->dir);
	f->member = help_sleeper();
	write_member(f, UID);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	proc_stop(f->agent, 20 * NS_PER_S);
	help_end(f->member);
	help_remove(f->dir);
	free(f);
	return 0;
}

static cJSON *ask(struct fixture *f, const char *method, const char *path, const cJSON *body,
		  long want)
{
	char *text = body ? json_text(body) : NULL;
	struct buf b = {0};
	struct err e = {0};
	long status = help_http(f->port, method, path, TOKEN, text, &b);
	cJSON *o = json_parse(buf_cstr(&b), path, &e);

	if (status != want)
		fail_msg("%s %s: %ld instead of %ld: %s", method, path, status, want, buf_cstr(&b));
	assert_non_null(o);
	free(text);
	buf_free(&b);
	return o;
}

static void expect(struct fixture *f, const char *method, const char *path, const cJSON *body,
		   long want)
{
	cJSON_Delete(ask(f, method, path, body, want));
}

static char member_state(struct fixture *f)
{
	struct proc_stat s;

	return procs_stat(f->member, &s) ? '-' : s.state;
}

static bool runs(void *arg)
{
	return strchr("SR", member_state(arg)) != NULL;
}

static bool dead(void *arg)
{
	return strchr("Z-", member_state(arg)) != NULL;
}

static void inject(struct fixture *f, const char *id, const char *fault, const char *params)
{
	cJSON *plan = help_plan(id, fault, "db-0", UID, params), *a;

	a = ask(f, "POST", "/v1/faults", plan, 200);
	assert_true(json_bool(a, "supported", false));
	assert_true(json_i64(a, "injected_ns", 0) > 0);
	assert_string_equal(json_str(a, "id", ""), id);
	cJSON_Delete(a);
	cJSON_Delete(plan);
}

struct bite {
	struct fixture *f;
	const char *path;
	cJSON *last;
};

static bool bites(void *arg)
{
	struct bite *b = arg;

	cJSON_Delete(b->last);
	b->last = ask(b->f, "GET", b->path, NULL, 200);
	return json_bool(b->last, "bites", false);
}

/* Waits for the evidence; the caller deletes it. */
static cJSON *await_bite(struct fixture *f, const char *path)
{
	struct bite b = {f, path, NULL};

	if (!help_wait(bites, &b))
		fail_msg("%s does not bite", path);
	assert_true(json_i64(b.last, "effective_ns", 0) > 0);
	assert_true(cJSON_GetArraySize(json_get(b.last, "evidence")) > 0);
	return b.last;
}

static void assert_clean(struct fixture *f)
{
	cJSON *a = ask(f, "GET", "/v1/residue", NULL, 200);
	char *text = json_text(a);

	if (!json_bool(a, "clean", false))
		fail_msg("not clean: %s", text);
	free(text);
	cJSON_Delete(a);
}

static bool journal_empty(void *arg)
{
	struct fixture *f = arg;
	struct journal_list l;
	struct err e = {0};
	bool empty;

	assert_int_equal(journal_read_all(f->dir, &l, &e), 0);
	empty = l.n + l.ntorn == 0;
	journal_list_free(&l);
	return empty;
}

static void strangers_are_refused(void **state)
{
	static const char *const paths[][2] = {
		{"GET", "/v1/clock"}, {"GET", "/v1/health"}, {"POST", "/v1/lease"}, {"POST", "/v1/faults"},
		{"GET", "/v1/faults"}, {"DELETE", "/v1/faults"}, {"GET", "/v1/faults/x"},
		{"DELETE", "/v1/faults/x"}, {"GET", "/v1/residue"},
	};
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "15");
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct buf b = {0};

		assert_int_equal(help_http(f->port, paths[i][0], paths[i][1], NULL, NULL, &b), 401);
		assert_int_equal(help_http(f->port, paths[i][0], paths[i][1], "wrong", "{}", &b), 401);
		buf_free(&b);
	}
	a = ask(f, "GET", "/v1/health", NULL, 200);
	assert_string_equal(json_str(a, "posture", ""), "node");
	cJSON_Delete(a);
	a = ask(f, "GET", "/v1/clock", NULL, 200);
	assert_true(json_i64(a, "mono_ns", 0) > 0);
	assert_int_equal(strlen(json_str(a, "boot_id", "")), 36);
	cJSON_Delete(a);
	a = ask(f, "POST", "/v1/lease", NULL, 200);
	assert_true(json_i64(a, "expires_in_ms", 0) > 10000);
	cJSON_Delete(a);
	assert_clean(f);
}

static void bad_plans_are_refused(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("x", "explode", "db-0", UID, NULL), *a;

	start_agent(f, "15");
	expect(f, "POST", "/v1/faults", plan, 400);
	json_set_str(plan, "fault", "pause");
	json_set_str(plan, "id", "../../x");
	expect(f, "POST", "/v1/faults", plan, 400);
	json_set_str(plan, "id", "x");
	json_set(plan, "targets", cJSON_CreateArray());
	expect(f, "POST", "/v1/faults", plan, 400);
	cJSON_Delete(plan);
	expect(f, "GET", "/v1/faults/nobody", NULL, 404);
	expect(f, "DELETE", "/v1/faults/nobody", NULL, 404);
	/* A pod that is not here: nothing changes and nothing stays behind. */
	plan = help_plan("y", "pause", "db-9", "no-such-uid", NULL);
	expect(f, "POST", "/v1/faults", plan, 500);
	cJSON_Delete(plan);
	plan = help_plan("z", "partition-node", "db-0", UID, NULL);
	a = ask(f, "POST", "/v1/faults", plan, 200);
	assert_false(json_bool(a, "supported", true));
	assert_true(strlen(json_str(a, "why", "")) > 10);
	cJSON_Delete(a);
	cJSON_Delete(plan);
	plan = help_plan("d", "fill-disk", "db-0", UID, NULL);
	a = ask(f, "POST", "/v1/faults", plan, 200);
	assert_false(json_bool(a, "supported", true));
	cJSON_Delete(a);
	cJSON_Delete(plan);
	assert_true(journal_empty(f));
	assert_clean(f);
}

static void pauses_and_heals(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("p", "pause", "db-0", UID, "{\"other\": 1}"), *a;

	start_agent(f, "15");
	inject(f, "p", "pause", NULL);
	assert_int_equal(member_state(f), 'T');
	cJSON_Delete(await_bite(f, "/v1/faults/p"));
	assert_false(journal_empty(f));
	/* The driver asks again after a lost answer: no second fault. */
	inject(f, "p", "pause", NULL);
	expect(f, "POST", "/v1/faults", plan, 409);
	a = ask(f, "GET", "/v1/residue", NULL, 200);
	assert_false(json_bool(a, "clean", true));
	cJSON_Delete(a);
	a = ask(f, "DELETE", "/v1/faults/p", NULL, 200);
	assert_true(json_i64(a, "healed_ns", 0) > 0);
	assert_true(cJSON_GetArraySize(json_get(a, "evidence")) > 0);
	cJSON_Delete(a);
	assert_true(help_wait(runs, f));
	expect(f, "DELETE", "/v1/faults/p", NULL, 200);
	a = ask(f, "GET", "/v1/faults", NULL, 200);
	assert_string_equal(json_str(cJSON_GetArrayItem(json_get(a, "faults"), 0), "state", ""), "healed");
	cJSON_Delete(a);
	assert_clean(f);
	/* The name may be used again. */
	inject(f, "p", "pause", NULL);
	expect(f, "DELETE", "/v1/faults", NULL, 200);
	assert_true(help_wait(runs, f));
	cJSON_Delete(plan);
}

/* A second one finds nothing to do: no effect of its own. */
static void a_paused_pod_is_not_paused_again(void **state)
{
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "15");
	inject(f, "p", "pause", NULL);
	cJSON_Delete(await_bite(f, "/v1/faults/p"));
	inject(f, "q", "pause", NULL);
	a = ask(f, "GET", "/v1/faults/q", NULL, 200);
	assert_false(json_bool(a, "bites", true));
	assert_int_equal(json_i64(a, "effective_ns", -1), 0);
	assert_non_null(strstr(json_get(a, "evidence")->child->valuestring, "did so before this fault"));
	cJSON_Delete(a);
	expect(f, "DELETE", "/v1/faults", NULL, 200);
	assert_true(help_wait(runs, f));
	assert_clean(f);
}

static void somebody_else_thaws_it(void **state)
{
	struct fixture *f = *state;

	start_agent(f, "15");
	inject(f, "p", "pause", NULL);
	cJSON_Delete(await_bite(f, "/v1/faults/p"));
	kill(f->member, SIGCONT);
	/* It is still meant to be paused. */
	for (int i = 0; i < 4000 && member_state(f) != 'T'; i++)
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	assert_int_equal(member_state(f), 'T');
	expect(f, "DELETE", "/v1/faults/p", NULL, 200);
	assert_true(help_wait(runs, f));
}

static void kills_of_a_pod(void **state)
{
	static const char *const hows[] = {"{\"how\": \"graceful\"}", "{\"how\": \"force\"}",
					   "{\"how\": \"crash\"}"};
	struct fixture *f = *state;

	start_agent(f, "15");
	for (size_t i = 0; i < 3; i++) {
		char id[16], path[40];

		snprintf(id, sizeof(id), "k%zu", i);
		snprintf(path, sizeof(path), "/v1/faults/%s", id);
		inject(f, id, "kill-pod", hows[i]);
		assert_true(help_wait(dead, f));
		cJSON_Delete(await_bite(f, path));
		expect(f, "DELETE", path, NULL, 200);
		/* What the supervisor of engine local would do. */
		help_end(f->member);
		f->member = help_sleeper();
		write_member(f, UID);
	}
	assert_clean(f);
}

static void kills_of_a_process(void **state)
{
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "15");
	inject(f, "k", "kill-process", "{\"which\": \"server\", \"process\": \"sleep\"}");
	a = await_bite(f, "/v1/faults/k");
	assert_non_null(strstr(cJSON_GetArrayItem(json_get(a, "evidence"), 0)->valuestring, "sleep"));
	cJSON_Delete(a);
	assert_true(dead(f));
	help_end(f->member);
	f->member = help_sleeper();
	write_member(f, UID);
	inject(f, "k2", "kill-process", "{\"which\": \"pid1\"}");
	cJSON_Delete(await_bite(f, "/v1/faults/k2"));
	assert_true(dead(f));
	/* The first evidence stays, though the pod has a new process now. */
	help_end(f->member);
	f->member = help_sleeper();
	write_member(f, UID);
	a = ask(f, "GET", "/v1/faults/k2", NULL, 200);
	assert_true(json_bool(a, "bites", false));
	cJSON_Delete(a);
}

/* The driver was killed: nobody renews the lease. */
static void dead_man(void **state)
{
	struct fixture *f = *state;
	const cJSON *one;
	cJSON *a;

	start_agent(f, "1");
	inject(f, "p", "pause", NULL);
	assert_true(help_wait(journal_empty, f));
	assert_true(help_wait(runs, f));
	a = ask(f, "GET", "/v1/faults", NULL, 200);
	one = cJSON_GetArrayItem(json_get(a, "faults"), 0);
	assert_string_equal(json_str(one, "state", ""), "healed");
	assert_true(json_i64(one, "effective_ns", 0) > 0);
	assert_true(json_i64(one, "healed_ns", 0) - json_i64(one, "injected_ns", 0) > NS_PER_S / 2);
	cJSON_Delete(a);
	assert_clean(f);
}

static void a_fault_has_an_end_of_its_own(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("p", "pause", "db-0", UID, NULL);

	start_agent(f, "60");
	json_set_i64(plan, "ttl_ms", 300);
	expect(f, "POST", "/v1/faults", plan, 200);
	assert_true(help_wait(runs, f));
	assert_true(help_wait(journal_empty, f));
	cJSON_Delete(plan);
}

/* However long it is held: the end counts from the driver's last word. */
static void a_fault_is_held_by_renewal(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("p", "pause", "db-0", UID, NULL);
	int64_t end_ns;

	start_agent(f, "60");
	json_set_i64(plan, "ttl_ms", 1000);
	expect(f, "POST", "/v1/faults", plan, 200);
	end_ns = clock_mono_ns() + 3 * NS_PER_S;
	while (clock_mono_ns() < end_ns) {
		expect(f, "POST", "/v1/lease", NULL, 200);
		assert_int_equal(member_state(f), 'T');
		clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	}
	assert_true(help_wait(runs, f));
	assert_true(help_wait(journal_empty, f));
	cJSON_Delete(plan);
}

/* Asked to undo it later, it says that it had done so by itself. */
static void an_early_end_is_told(void **state)
{
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "1");
	inject(f, "p", "pause", NULL);
	assert_true(help_wait(runs, f));
	a = ask(f, "DELETE", "/v1/faults/p", NULL, 200);
	assert_non_null(strstr(json_str(a, "lapse", ""), "nobody has been heard of"));
	cJSON_Delete(a);
}

static void ending_heals(void **state)
{
	struct fixture *f = *state;

	start_agent(f, "60");
	inject(f, "p", "pause", NULL);
	assert_int_equal(member_state(f), 'T');
	proc_stop(f->agent, 20 * NS_PER_S);
	f->agent = 0;
	assert_true(runs(f));
	assert_true(journal_empty(f));
}

static void the_next_one_heals_after_a_kill(void **state)
{
	struct fixture *f = *state;

	start_agent(f, "60");
	inject(f, "p", "pause", NULL);
	help_end(f->agent);
	f->agent = 0;
	assert_int_equal(member_state(f), 'T');
	assert_false(journal_empty(f));
	start_agent(f, "60");
	assert_true(help_wait(runs, f));
	assert_true(journal_empty(f));
	assert_clean(f);
}

/* A journal that cannot be read hides what to undo: it is looked for. */
static void a_torn_journal_is_no_excuse(void **state)
{
	struct fixture *f = *state;
	char path[200];
	FILE *t;

	start_agent(f, "60");
	inject(f, "p", "pause", NULL);
	help_end(f->agent);
	f->agent = 0;
	snprintf(path, sizeof(path), "%s/journal/p.json", f->dir);
	t = fopen(path, "w");
	assert_non_null(t);
	fputs("{\"id\":\"p\",\"fau", t);
	fclose(t);
	start_agent(f, "60");
	assert_true(help_wait(runs, f));
	assert_clean(f);
}

static bool gone(void *arg)
{
	return !proc_alive(*(pid_t *)arg);
}

/* An agent whose driver has died heals, and does not stay for ever. */
static void does_not_outlive_its_driver_for_long(void **state)
{
	struct fixture *f = *state;
	struct buf b = {0};
	struct err e = {0};
	char path[200];
	pid_t agent;

	snprintf(path, sizeof(path), "%s/agent.pid", f->dir);
	setenv("ORDEAL_TOKEN", TOKEN, 1);
	assert_true(help_sh("%s node-agent --mode local --state %s --listen 127.0.0.1:0 --dead-man 1 "
			    ">%s 2>&1 </dev/null & echo $! >%s; "
			    "until grep -q listening %s; do sleep 0.05; done",
			    program(), f->dir, f->log, path, f->log));
	assert_int_equal(file_read(path, &b, &e), 0);
	agent = (int)strtol(buf_cstr(&b), NULL, 10);
	assert_true(agent > 1);
	assert_true(help_wait(gone, &agent));
	buf_free(&b);
}

static void needs_its_options(void **state)
{
	struct fixture *f = *state;

	assert_true(help_sh("%s node-agent --help | grep -q dead-man", program()));
	assert_true(help_sh("%s node-agent --mode local >/dev/null 2>&1; test $? = 2", program()));
	assert_true(help_sh("%s node-agent --mode moon --state %s --listen 127.0.0.1:0 2>/dev/null; "
			    "test $? = 2", program(), f->dir));
	assert_true(help_sh("ORDEAL_TOKEN= %s node-agent --mode local --state %s --listen 127.0.0.1:0 "
			    "2>/dev/null; test $? = 2", program(), f->dir));
}

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

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(strangers_are_refused),
		WITH(bad_plans_are_refused),
		WITH(pauses_and_heals),
		WITH(a_paused_pod_is_not_paused_again),
		WITH(somebody_else_thaws_it),
		WITH(kills_of_a_pod),
		WITH(kills_of_a_process),
		WITH(dead_man),
		WITH(a_fault_has_an_end_of_its_own),
		WITH(a_fault_is_held_by_renewal),
		WITH(an_early_end_is_told),
		WITH(ending_heals),
		WITH(the_next_one_heals_after_a_kill),
		WITH(a_torn_journal_is_no_excuse),
		WITH(does_not_outlive_its_driver_for_long),
		WITH(needs_its_options),
		WITH(stops_and_starts_nodes),
		WITH(leaves_other_containers_alone),
		WITH(starts_nodes_when_the_driver_is_gone),
	};

	return cmocka_run_group_tests_name("node agent", tests, NULL, NULL);
}
