/* Engine docker's virtual nodes, asked without HTTP, and the process that
 * undoes their faults when the driver cannot. */
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
#include "engine/docker/docker.h"
#include "test/lib/fault_help.h"

#define UID "aaaaaaaa-0000-1111-2222-333333333333"

struct place {
	char top[64], dir[64];
	struct store store;
	struct serve_conf conf;
	struct serve *serve; /* the API, with no pod in it */
	struct docker_faults node;
	pid_t guard;
};

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static void path_of(const struct place *p, const char *name, char path[200])
{
	snprintf(path, 200, "%s/%s", p->dir, name);
}

static bool there(const struct place *p, const char *name)
{
	char path[200];

	path_of(p, name, path);
	return file_exists(path);
}

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	struct err e = {0};
	char path[200], *text;

	*state = p;
	help_temp(p->top);
	/* A cache folder may have any name. */
	snprintf(p->dir, sizeof(p->dir), "%.50s/a[b]*", p->top);
	assert_int_equal(file_mkdirs(p->dir, &e), 0);
	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "t", .account = no_account, .arg = p};
	assert_int_equal(serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e), 0);
	text = mem_fmt("current-context: c\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		       "users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
		       serve_port(p->serve));
	path_of(p, DOCKER_KUBECONFIG, path);
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	free(text);
	if (docker_node_open(&p->node.node, docker_node_names[1], p->dir, &e))
		fail_msg("%s", e.msg);
	p->node.api = (struct node_api){.mode = "docker", .node = &p->node.node,
					.faults = node_faults_new(&p->node.node, 3600 * NS_PER_S)};
	assert_int_equal(node_faults_run(p->node.api.faults, &e), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err e = {0};

	help_end(p->guard);
	node_faults_stop(p->node.api.faults, &e);
	node_faults_free(p->node.api.faults);
	docker_node_close(&p->node.node);
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
	help_remove(p->top);
	free(p);
	return 0;
}

/* The answer, which the caller deletes. */
static cJSON *ask(struct place *p, const char *method, const char *path, const cJSON *body,
		  int want)
{
	char *text = body ? json_text(body) : NULL;
	struct http_reply rp = {0};
	struct err e = {0};
	cJSON *o;

	node_api_call(&p->node.api, method, path, text, &rp);
	if (rp.status != want)
		fail_msg("%s %s: %d instead of %d: %s", method, path, rp.status, want, buf_cstr(&rp.body));
	o = json_parse(buf_cstr(&rp.body), path, &e);
	assert_non_null(o);
	buf_free(&rp.body);
	free(text);
	return o;
}

static void expect(struct place *p, const char *method, const char *path, const cJSON *body,
		   int want)
{
	cJSON_Delete(ask(p, method, path, body, want));
}

static void break_node(struct place *p, const char *node, int want)
{
	cJSON *plan = help_plan("down", "node-down", "db-0", UID, NULL);

	json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(plan, "targets"), 0), "node", node);
	expect(p, "POST", "/v1/faults", plan, want);
	cJSON_Delete(plan);
}

static void answers_without_http(void **state)
{
	struct place *p = *state;
	cJSON *o;

	break_node(p, "elsewhere", 400);
	break_node(p, docker_node_names[2], 200);
	assert_true(there(p, "down/ordeal-node2"));
	o = ask(p, "GET", "/v1/faults/down", NULL, 200);
	assert_true(json_bool(o, "bites", false));
	cJSON_Delete(o);
	o = ask(p, "GET", "/v1/health", NULL, 200);
	assert_string_equal(json_str(o, "node", ""), docker_node_names[1]);
	cJSON_Delete(o);
	o = ask(p, "GET", "/v1/residue", NULL, 200);
	assert_false(json_bool(o, "clean", true));
	cJSON_Delete(o);
	expect(p, "GET", "/v1/faults/other", NULL, 404);
	expect(p, "GET", "/v1/nothing", NULL, 404);
	expect(p, "PUT", "/v1/faults", NULL, 405);
	expect(p, "POST", "/v1/faults", NULL, 400);
	expect(p, "DELETE", "/v1/faults/down", NULL, 200);
	assert_false(there(p, "down/ordeal-node2"));
	o = ask(p, "GET", "/v1/residue", NULL, 200);
	assert_true(json_bool(o, "clean", false));
	cJSON_Delete(o);
}

/* ---- the guard ---- */

static void lease(const struct place *p, int64_t for_ns)
{
	int64_t until_ns = clock_mono_ns() + for_ns;
	struct err e = {0};
	char path[200];

	path_of(p, DOCKER_LEASE, path);
	assert_int_equal(file_write_atomic(path, (const char *)&until_ns, sizeof(until_ns), &e), 0);
}

static void start_guard(struct place *p, pid_t driver)
{
	const char *program = getenv("ORDEAL");
	char num[16], log[200];
	const char *argv[] = {program && *program ? program : "build/ordeal", "docker-guard", "--state", p->dir,
			      "--driver", num, NULL};
	struct err e = {0};

	snprintf(num, sizeof(num), "%d", (int)driver);
	path_of(p, "guard.log", log);
	assert_int_equal(proc_start(argv, log, &p->guard, &e), 0);
}

static int ends_with(struct place *p)
{
	int status = -1;

	assert_int_equal(waitpid(p->guard, &status, 0), p->guard);
	p->guard = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool watches(void *arg)
{
	const struct place *p = arg;
	struct buf b = {0};
	struct err e = {0};
	char path[200];
	bool yes;

	path_of(p, "guard.log", path);
	yes = file_read(path, &b, &e) == 0 && strstr(buf_cstr(&b), "watching");
	buf_free(&b);
	return yes;
}

static bool node_is_up(void *arg)
{
	return !there(arg, "down/ordeal-node2") && !there(arg, "nodes/ordeal-node1/journal/down.json");
}

static void undoes_when_the_driver_is_gone(void **state)
{
	struct place *p = *state;

	break_node(p, docker_node_names[2], 200);
	lease(p, 3600 * NS_PER_S);
	start_guard(p, 1); /* whoever that is, it did not start the guard */
	assert_int_equal(ends_with(p), 0);
	assert_true(node_is_up(p));
}

static void undoes_when_the_driver_is_silent(void **state)
{
	struct place *p = *state;

	break_node(p, docker_node_names[2], 200);
	lease(p, 3600 * NS_PER_S);
	start_guard(p, getpid());
	assert_true(help_wait(watches, p));
	clock_sleep_until(clock_mono_ns() + 300 * NS_PER_MS);
	assert_true(there(p, "down/ordeal-node2")); /* not before */
	lease(p, -1);
	assert_true(help_wait(node_is_up, p));
	assert_true(proc_alive(p->guard)); /* the driver may come back */
	/* What the driver does later is no second undoing. */
	expect(p, "DELETE", "/v1/faults/down", NULL, 200);
	break_node(p, docker_node_names[2], 200);
	assert_true(help_wait(node_is_up, p));
	kill(p->guard, SIGTERM);
	assert_int_equal(ends_with(p), 0);
}

static void undoes_when_told_to_end(void **state)
{
	struct place *p = *state;

	break_node(p, docker_node_names[2], 200);
	lease(p, 3600 * NS_PER_S);
	start_guard(p, getpid());
	assert_true(help_wait(watches, p));
	kill(p->guard, SIGTERM);
	assert_int_equal(ends_with(p), 0);
	assert_true(node_is_up(p));
}

static void wants_its_arguments(void **state)
{
	struct place *p = *state;
	const char *program = getenv("ORDEAL");

	assert_true(help_sh("%s docker-guard --state %s 2>/dev/null; test $? = 2",
			    program && *program ? program : "build/ordeal", p->dir));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(answers_without_http),
		WITH(undoes_when_the_driver_is_gone),
		WITH(undoes_when_the_driver_is_silent),
		WITH(undoes_when_told_to_end),
		WITH(wants_its_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
