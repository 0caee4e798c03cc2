/* A Job that a scenario starts: what is sent to an API server, and what is read of
 * it until its end; and whose logs there are. The server is one in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/serve.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/engine.h"
#include "test/lib/fault_help.h"

#define RUN_NS "trial"
#define CRON                                                                                       \
	"{\"metadata\":{\"name\":\"backup\",\"namespace\":\"" RUN_NS "\",\"uid\":\"c-1\"},"        \
	"\"spec\":{\"schedule\":\"@daily\",\"suspend\":true,\"jobTemplate\":{"                     \
	"\"metadata\":{\"labels\":{\"app\":\"backup\"},\"annotations\":{\"why\":\"nightly\"}},"    \
	"\"spec\":{\"backoffLimit\":0,\"template\":{\"spec\":{\"restartPolicy\":\"Never\","        \
	"\"containers\":[{\"name\":\"main\",\"image\":\"x\"}]}}}}}}"

struct place {
	char top[64];
	struct store store;
	struct serve_conf conf;
	struct serve *serve;
	struct engine *en;
};

static const struct engine_ops *ops(void)
{
	return engine_find("kube");
}

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static int read_log(void *arg, const char *ns, const char *pod, const char *container,
		    bool previous, int lines, bool times, struct buf *out, struct err *e)
{
	(void)arg, (void)ns, (void)lines, (void)times, (void)e;
	buf_fmt(out, "%s%s%s%s was here\n", previous ? "before, " : "", strcmp(container, "main") ? container : "", strcmp(container, "main") ? " of " : "",
		pod);
	return 0;
}

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	char *text, kubeconfig[128];
	struct engine_conf conf = {.context = "c", .namespace = RUN_NS, .kubeconfig = kubeconfig};
	struct err e = {0};

	*state = p;
	help_temp(p->top);
	setenv("ORDEAL_CACHE", p->top, 1);
	setenv("ORDEAL_AGENT_IMAGE", "registry.example/agent:1", 1);
	snprintf(kubeconfig, sizeof(kubeconfig), "%s/kubeconfig", p->top);
	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "t", .account = no_account, .log = read_log};
	assert_int_equal(serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e), 0);
	text = mem_fmt("current-context: c\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		       "users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
		       serve_port(p->serve));
	assert_int_equal(file_write_atomic(kubeconfig, text, strlen(text), &e), 0);
	free(text);
	if (ops()->open(&conf, &p->en, &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	if (p->en)
		ops()->close(p->en);
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
	help_remove(p->top);
	free(p);
	return 0;
}

static void put(struct place *p, enum kind_id id, const char *json)
{
	struct err e = {0};
	cJSON *o = json_parse(json, "the test", &e);

	if (!o)
		fail_msg("%s", e.msg);
	store_lock(&p->store);
	store_put(&p->store, id, o);
	store_unlock(&p->store);
}

/* The caller frees it; NULL if there is none. */
static cJSON *stored(struct place *p, enum kind_id id, const char *name)
{
	const cJSON *o;
	cJSON *copy;

	store_lock(&p->store);
	o = store_get(&p->store, id, RUN_NS, name);
	copy = o ? cJSON_Duplicate(o, 1) : NULL;
	store_unlock(&p->store);
	return copy;
}

static void start(struct place *p)
{
	struct err e = {0};

	put(p, KIND_CRON_JOB, CRON);
	if (ops()->job_start(p->en, "backup", "backup-run-1", &e))
		fail_msg("%s", e.msg);
}

/* The Job as it is stored, with this status. */
static void has_status(struct place *p, const char *status)
{
	cJSON *job = stored(p, KIND_JOB, "backup-run-1");
	struct err e = {0};

	json_set(job, "status", json_parse(status, "the test", &e));
	store_lock(&p->store);
	store_put(&p->store, KIND_JOB, job);
	store_unlock(&p->store);
}

static void put_pod_made(struct place *p, const char *name, const char *created, const char *phase,
			 const char *containers)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"" RUN_NS
			     "\",\"creationTimestamp\":\"%s\",\"labels\":{\"job-name\":\"%s\"}},"
			     "\"status\":{\"phase\":\"%s\",\"containerStatuses\":[%s]}}",
			     name, created, name[0] == 'b' ? "backup-run-1" : "another", phase, containers);

	put(p, KIND_POD, text);
	free(text);
}

static void put_pod(struct place *p, const char *name, const char *phase, const char *containers)
{
	put_pod_made(p, name, "2026-01-01T00:00:00Z", phase, containers);
}

static cJSON *look(struct place *p)
{
	struct err e = {0};
	cJSON *out;

	if (ops()->job_look(p->en, "backup-run-1", &out, &e))
		fail_msg("%s", e.msg);
	return out;
}

/* As kubectl create job --from makes it: the template, and where it came from. A
 * suspended CronJob is no hindrance. */
static void it_is_made_from_the_template(void **state)
{
	cJSON *job;
	const cJSON *owner;

	start(*state);
	job = stored(*state, KIND_JOB, "backup-run-1");
	assert_non_null(job);
	assert_string_equal(json_str(json_path(job, "metadata.labels"), "app", ""), "backup");
	assert_string_equal(json_str(json_path(job, "metadata.annotations"), "why", ""), "nightly");
	assert_string_equal(json_str(json_path(job, "metadata.annotations"), "cronjob.kubernetes.io/instantiate", ""),
			    "manual");
	owner = cJSON_GetArrayItem(json_path(job, "metadata.ownerReferences"), 0);
	assert_string_equal(json_str(owner, "uid", ""), "c-1");
	assert_false(json_bool(owner, "controller", false));
	assert_int_equal(json_i64(json_get(job, "spec"), "backoffLimit", -1), 0);
	cJSON_Delete(job);
}

static void none_without_its_cron_job(void **state)
{
	struct place *p = *state;
	struct err e = {0};
	cJSON *out;

	assert_int_equal(ops()->job_start(p->en, "backup", "backup-run-1", &e), -1);
	assert_non_null(strstr(e.msg, "there is no CronJob backup in trial"));
	assert_int_equal(ops()->job_look(p->en, "backup-run-1", &out, &e), -1);
	assert_non_null(strstr(e.msg, "the Job backup-run-1 is gone"));
}

/* A pod that has failed is not yet the end of the Job, and what it said is told. */
static void it_runs_until_a_condition_says_so(void **state)
{
	cJSON *out;

	start(*state);
	has_status(*state, "{\"active\":1,\"failed\":1,\"conditions\":[{\"type\":\"FailureTarget\",\"status\":\"True\"},"
			   "{\"type\":\"Failed\",\"status\":\"False\"}]}");
	put_pod(*state, "backup-run-1-a", "Failed",
		"{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":3,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:00Z\"}}}");
	out = look(*state);
	assert_string_equal(json_str(out, "state", ""), "running");
	assert_int_equal(cJSON_GetArraySize(json_get(out, "pods")), 1);
	cJSON_Delete(out);
}

static void a_failed_one_tells_its_reason_and_the_last_exit(void **state)
{
	cJSON *out;

	start(*state);
	has_status(*state, "{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\","
			   "\"message\":\"Job has reached the specified backoff limit\"}]}");
	put_pod(*state, "backup-run-1-a", "Failed",
		"{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":3,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:09Z\"}}}");
	put_pod(*state, "backup-run-1-b", "Failed",
		"{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":1,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:02Z\"}}}");
	put_pod(*state, "other-a", "Failed",
		"{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":9,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:01:00Z\"}}}");
	out = look(*state);
	assert_string_equal(json_str(out, "state", ""), "failed");
	assert_string_equal(json_str(out, "reason", ""), "BackoffLimitExceeded");
	assert_int_equal(json_i64(out, "exit", -1), 3);
	assert_int_equal(cJSON_GetArraySize(json_get(out, "pods")), 2);
	assert_string_equal(json_str(out, "log", ""), "backup-run-1-a was here\nbackup-run-1-b was here\n");
	cJSON_Delete(out);
}

/* Pods' names end at random: what the last try said stands last. */
static void tries_are_told_in_their_order(void **state)
{
	static const char failed[] = "{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":3}}}";
	static const char done[] = "{\"name\":\"main\",\"state\":{\"terminated\":{\"exitCode\":0}}}";
	const cJSON *pods;
	cJSON *out;

	start(*state);
	has_status(*state, "{\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}");
	put_pod_made(*state, "backup-run-1-a", "2026-01-01T00:00:30Z", "Succeeded", done);
	put_pod_made(*state, "backup-run-1-b", "2026-01-01T00:00:09Z", "Failed", failed);
	put_pod_made(*state, "backup-run-1-c", "2026-01-01T00:00:10Z", "Failed", failed);
	out = look(*state);
	assert_string_equal(json_str(out, "log", ""),
			    "backup-run-1-b was here\nbackup-run-1-c was here\nbackup-run-1-a was here\n");
	pods = json_get(out, "pods");
	assert_string_equal(json_str(cJSON_GetArrayItem(pods, 0), "phase", ""), "Failed");
	assert_string_equal(json_str(cJSON_GetArrayItem(pods, 2), "phase", ""), "Succeeded");
	/* Nobody told when they ended. */
	assert_int_equal(json_i64(out, "exit", -1), 0);
	cJSON_Delete(out);
}

/* A container that was started anew in its place says how the one before ended. */
static void one_that_succeeded_after_a_restart(void **state)
{
	cJSON *out;

	start(*state);
	has_status(*state, "{\"succeeded\":1,\"conditions\":[{\"type\":\"SuccessCriteriaMet\",\"status\":\"True\"},"
			   "{\"type\":\"Complete\",\"status\":\"True\"}]}");
	put_pod(*state, "backup-run-1-a", "Succeeded",
		"{\"name\":\"main\",\"lastState\":{\"terminated\":{\"exitCode\":3,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:02Z\"}},\"restartCount\":1,\"state\":{\"terminated\":{\"exitCode\":0,"
		"\"reason\":\"Completed\",\"finishedAt\":\"2026-01-01T00:00:09Z\"}}}");
	out = look(*state);
	assert_int_equal(json_i64(cJSON_GetArrayItem(json_get(out, "pods"), 0), "restarts", -1), 1);
	assert_string_equal(json_str(out, "state", ""), "succeeded");
	assert_int_equal(json_i64(out, "exit", -1), 0);
	cJSON_Delete(out);
}

/* What comes before the containers can fail as well, and then they never run. */
static void what_comes_before_the_containers(void **state)
{
	cJSON *out;

	start(*state);
	has_status(*state, "{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\"}]}");
	put_pod(*state, "backup-run-1-a", "Failed",
		"{\"name\":\"main\",\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}}],\"initContainerStatuses\":[{"
		"\"name\":\"fetch\",\"state\":{\"terminated\":{\"exitCode\":0,\"finishedAt\":\"2026-01-01T00:00:07Z\"}}},"
		"{\"name\":\"dump\",\"state\":{\"terminated\":{\"exitCode\":64,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:09Z\"}}}");
	out = look(*state);
	assert_int_equal(json_i64(out, "exit", -1), 64);
	assert_string_equal(json_str(out, "log", ""), "fetch of backup-run-1-a was here\ndump of backup-run-1-a was here\n");
	cJSON_Delete(out);
}

/* Of one that a limit ends while its container begins once more: that one has not said yet
 * why the tries before it failed. */
static void one_that_is_tried_again_in_place(void **state)
{
	cJSON *out;

	start(*state);
	has_status(*state, "{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\"}]}");
	put_pod(*state, "backup-run-1-a", "Running",
		"{\"name\":\"main\",\"lastState\":{\"terminated\":{\"exitCode\":127,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:02Z\"}},\"state\":{\"running\":{}}}");
	out = look(*state);
	assert_int_equal(json_i64(out, "exit", -1), 127);
	assert_string_equal(json_str(out, "log", ""), "before, backup-run-1-a was here\nbackup-run-1-a was here\n");
	cJSON_Delete(out);
	/* While it waits for its turn, its log is that of the try before. */
	put_pod(*state, "backup-run-1-a", "Running",
		"{\"name\":\"main\",\"lastState\":{\"terminated\":{\"exitCode\":127,\"reason\":\"Error\","
		"\"finishedAt\":\"2026-01-01T00:00:02Z\"}},\"state\":{\"waiting\":{}}}");
	out = look(*state);
	assert_string_equal(json_str(out, "log", ""), "backup-run-1-a was here\n");
	cJSON_Delete(out);
}

/* However many containers a pod has, and however long they are called: each has a log. */
static void every_container_of_a_pod_is_named(void **state)
{
	enum { MANY = 20 };
	struct place *p = *state;
	struct pods pods = {0};
	struct buf list = {0}, names = {0};
	struct err e = {0};
	char *pod;

	for (int i = 0; i < MANY; i++) {
		char name[64];

		snprintf(name, sizeof(name), "a-container-whose-name-is-as-long-as-any-label-can-be-there-%03d", i);
		buf_fmt(&list, "%s{\"name\":\"%s\"}", i ? "," : "", name);
		buf_fmt(&names, "%s%s", i > 1 ? " " : "", i ? name : "");
	}
	pod = mem_fmt("{\"metadata\":{\"name\":\"many\",\"namespace\":\"" RUN_NS "\"},"
		      "\"spec\":{\"containers\":[%s]}}", buf_cstr(&list));
	put(p, KIND_POD, pod);
	put_pod(p, "none", "Running", "");
	if (ops()->pods(p->en, &pods, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(pods.n, 2);
	assert_string_equal(pods.v[0].beside, buf_cstr(&names));
	assert_string_equal(pods.v[1].beside, "");
	pods_free(&pods);
	buf_free(&list);
	buf_free(&names);
	free(pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_made_from_the_template, set_up, tear_down),
		cmocka_unit_test_setup_teardown(none_without_its_cron_job, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_runs_until_a_condition_says_so, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_failed_one_tells_its_reason_and_the_last_exit,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(tries_are_told_in_their_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_succeeded_after_a_restart, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_comes_before_the_containers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_tried_again_in_place, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(every_container_of_a_pod_is_named, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
