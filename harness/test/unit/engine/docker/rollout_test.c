/* A StatefulSet whose template changes: which pod its controller ends next, and
 * what the fault that makes it so sees of that, through the API that it is asked by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"
#include "test/lib/fault_help.h"

enum { PODS = 3 };

struct place {
	char dir[64];
	struct store store;
	struct serve_conf conf;
	struct serve *serve;
	struct docker_faults node;
	bool flat; /* the pod that was made anew last is not ready yet */
	int64_t last;
};

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static void put(struct place *p, enum kind_id kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void put(struct place *p, enum kind_id kind, const char *fmt, ...)
{
	char text[1000];
	va_list ap;
	cJSON *o;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o = cJSON_Parse(text);
	assert_non_null(o);
	store_put(&p->store, kind, o);
}

static void put_pod(struct place *p, int64_t i, const char *revision, bool ready)
{
	put(p, KIND_POD, "{\"metadata\":{\"name\":\"db-%lld\",\"namespace\":\"trial\",\"labels\":{\"controller-revision-hash\":\"%s\"},"
	    "\"ownerReferences\":[{\"kind\":\"StatefulSet\",\"name\":\"db\",\"uid\":\"set\"}]},\"spec\":{\"nodeName\":\"%s\"},"
	    "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\"}]}}", (long long)i, revision,
	    docker_node_names[1], ready ? "True" : "False");
}

static const cJSON *set(const struct place *p)
{
	return store_get(&p->store, KIND_STATEFUL_SET, "trial", "db");
}

static const cJSON *pod(const struct place *p, int64_t i)
{
	char name[32];

	snprintf(name, sizeof(name), "db-%lld", (long long)i);
	return store_get(&p->store, KIND_POD, "trial", name);
}

/* A set of three whose pods are as its template is now. */
static void put_set(struct place *p, const char *strategy, const char *mark)
{
	char revision[STATEFUL_REVISION_BYTES];

	store_lock(&p->store);
	put(p, KIND_NAMESPACE, "{\"metadata\":{\"name\":\"trial\",\"labels\":{\"%s\":\"r\"}}}", mark);
	put(p, KIND_STATEFUL_SET, "{\"metadata\":{\"name\":\"db\",\"namespace\":\"trial\",\"uid\":\"set\"},\"spec\":{\"replicas\":3,"
	    "\"template\":{\"metadata\":{\"labels\":{\"app\":\"db\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}},"
	    "\"updateStrategy\":%s}}", strategy);
	stateful_revision(set(p), revision);
	for (int i = 0; i < PODS; i++)
		put_pod(p, i, revision, true);
	store_unlock(&p->store);
	p->flat = false;
}

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	struct err e = {0};
	char path[200], *text;

	*state = p;
	help_temp(p->dir);
	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "t", .account = no_account, .arg = p};
	assert_int_equal(serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e), 0);
	text = mem_fmt("current-context: c\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		       "users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
		       serve_port(p->serve));
	snprintf(path, sizeof(path), "%s/" DOCKER_KUBECONFIG, p->dir);
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

	node_faults_stop(p->node.api.faults, &e);
	node_faults_free(p->node.api.faults);
	docker_node_close(&p->node.node);
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
	help_remove(p->dir);
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

/* The targets come as a system lists its members, which is no order of their numbers. */
static cJSON *restart(struct place *p, const char *first, int want)
{
	static const int order[PODS] = {0, 2, 1};
	cJSON *plan = help_plan("roll", "rolling-restart", first ? first : "db-0", "u-log-0", NULL);
	cJSON *targets = cJSON_GetObjectItem(plan, "targets"), *answer;

	if (!first)
		cJSON_DeleteItemFromArray(targets, 0);
	store_lock(&p->store);
	for (int n = 0; n < PODS; n++) {
		cJSON *t = cJSON_CreateObject();
		int i = order[n];

		json_set_str(t, "member", json_str(json_get(pod(p, i), "metadata"), "name", ""));
		json_set_str(t, "uid", json_str(json_get(pod(p, i), "metadata"), "uid", ""));
		json_set_str(t, "node", docker_node_names[i + 1]);
		json_push(targets, t);
	}
	store_unlock(&p->store);
	answer = ask(p, "POST", "/v1/faults", plan, want);
	cJSON_Delete(plan);
	return answer;
}

/* One step of the controller, and of the kubelet: a pod is made anew, or the one that
 * was is ready. False: there is nothing to do. */
static bool step(struct place *p, int64_t instead)
{
	char update[STATEFUL_REVISION_BYTES], name[32];
	const cJSON *pods[PODS];
	struct stateful s;

	if (p->flat) {
		put_pod(p, p->last, kube_label(pod(p, p->last), "controller-revision-hash"), true);
		p->flat = false;
		return true;
	}
	stateful_revision(set(p), update);
	stateful_read(set(p), update, &s);
	for (int i = 0; i < PODS; i++)
		pods[i] = pod(p, i);
	p->last = stateful_update(&s, pods);
	if (p->last < 0)
		return false;
	if (instead >= 0)
		p->last = instead;
	snprintf(name, sizeof(name), "db-%lld", (long long)p->last);
	assert_true(store_delete(&p->store, KIND_POD, "trial", name));
	put_pod(p, p->last, update, false);
	p->flat = true;
	return true;
}

/* What the agent says once nothing is left to do; it looks after each step. */
static cJSON *roll(struct place *p, int64_t first)
{
	cJSON *o = NULL;
	bool more = true;

	while (more) {
		store_lock(&p->store);
		more = step(p, first);
		store_unlock(&p->store);
		first = -1;
		cJSON_Delete(o);
		o = ask(p, "GET", "/v1/faults/roll", NULL, 200);
	}
	return o;
}

static const char *said(const cJSON *answer, int i)
{
	return cJSON_GetArrayItem(json_get(answer, "evidence"), i)->valuestring;
}

static void from_the_highest_down(void **state)
{
	struct place *p = *state;
	const cJSON *notes;
	cJSON *o;

	put_set(p, "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":0}}", "ordeal.dev/run");
	cJSON_Delete(restart(p, NULL, 200));
	store_lock(&p->store);
	notes = json_path(set(p), "spec.template.metadata.annotations");
	assert_true(*json_str(notes, "kubectl.kubernetes.io/restartedAt", ""));
	assert_int_equal(json_i64(json_get(set(p), "metadata"), "generation", 0), 1);
	store_unlock(&p->store);
	o = roll(p, -1);
	assert_true(json_bool(o, "bites", false));
	assert_int_equal(cJSON_GetArraySize(json_get(o, "reached")), PODS);
	assert_true(json_i64(o, "effective_ns", 0) >= json_i64(o, "injected_ns", 0));
	for (int i = 0; i < PODS; i++) {
		char begins[40];

		snprintf(begins, sizeof(begins), "pod db-%d: told to end after ", PODS - 1 - i);
		assert_ptr_equal(strstr(said(o, i), begins), said(o, i));
		assert_non_null(strstr(said(o, i), "ready after"));
		assert_null(strstr(said(o, i), "out of turn"));
	}
	cJSON_Delete(o);
	o = ask(p, "DELETE", "/v1/faults/roll", NULL, 200);
	assert_non_null(strstr(said(o, 0), "a restart cannot be taken back"));
	cJSON_Delete(o);
}

static void never_two_at_once(void **state)
{
	struct place *p = *state;
	cJSON *o;

	put_set(p, "{\"type\":\"RollingUpdate\"}", "ordeal.dev/run");
	cJSON_Delete(restart(p, NULL, 200));
	o = roll(p, 0);
	assert_false(json_bool(o, "bites", true));
	assert_non_null(strstr(said(o, PODS - 1), "out of turn"));
	cJSON_Delete(o);
}

static void down_to_the_partition(void **state)
{
	struct place *p = *state;
	cJSON *o;

	put_set(p, "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":1}}", "ordeal.dev/run");
	cJSON_Delete(restart(p, NULL, 200));
	o = roll(p, -1);
	assert_true(json_bool(o, "bites", false));
	assert_int_equal(cJSON_GetArraySize(json_get(o, "reached")), 2);
	assert_string_equal(said(o, 2), "pod db-0 is as it was: StatefulSet db has the partition 1");
	cJSON_Delete(o);
}

static void not_on_delete(void **state)
{
	struct place *p = *state;
	cJSON *o;

	put_set(p, "{\"type\":\"OnDelete\"}", "ordeal.dev/run");
	cJSON_Delete(restart(p, NULL, 200));
	o = roll(p, -1);
	assert_false(json_bool(o, "bites", true));
	assert_int_equal(cJSON_GetArraySize(json_get(o, "reached")), 0);
	assert_int_equal(json_i64(o, "effective_ns", -1), 0);
	assert_string_equal(said(o, 0), "pod db-2 is as it was: StatefulSet db has the updateStrategy OnDelete");
	cJSON_Delete(o);
}

static bool restarted(struct place *p, const char *name)
{
	const cJSON *notes;
	bool r;

	store_lock(&p->store);
	notes = json_path(store_get(&p->store, KIND_STATEFUL_SET, "trial", name), "spec.template.metadata.annotations");
	r = *json_str(notes, "kubectl.kubernetes.io/restartedAt", "");
	store_unlock(&p->store);
	return r;
}

static void put_log(struct place *p, const char *uid, bool ready)
{
	store_lock(&p->store);
	put(p, KIND_POD, "{\"metadata\":{\"name\":\"log-0\",\"namespace\":\"trial\",\"uid\":\"%s\",\"ownerReferences\":["
	    "{\"kind\":\"StatefulSet\",\"name\":\"log\",\"uid\":\"log\"}]},\"spec\":{\"nodeName\":\"%s\"},"
	    "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\"}]}}", uid, docker_node_names[1],
	    ready ? "True" : "False");
	store_unlock(&p->store);
}

/* A second set is left alone until the first is whole again. */
static void one_set_after_the_other(void **state)
{
	struct place *p = *state;
	int64_t end_ns;
	cJSON *o;

	put_set(p, "{\"type\":\"RollingUpdate\"}", "ordeal.dev/run");
	store_lock(&p->store);
	put(p, KIND_STATEFUL_SET, "{\"metadata\":{\"name\":\"log\",\"namespace\":\"trial\",\"uid\":\"log\"},"
	    "\"spec\":{\"replicas\":1,\"template\":{}}}");
	store_unlock(&p->store);
	put_log(p, "u-log-0", true);
	cJSON_Delete(restart(p, "log-0", 200));
	put_log(p, "another", false);
	cJSON_Delete(ask(p, "GET", "/v1/faults/roll", NULL, 200));
	assert_true(restarted(p, "log"));
	assert_false(restarted(p, "db"));
	put_log(p, "another", true);
	end_ns = clock_mono_ns() + 20 * NS_PER_S;
	while (!restarted(p, "db") && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	assert_true(restarted(p, "db"));
	o = roll(p, -1);
	assert_true(json_bool(o, "bites", false));
	assert_non_null(strstr(said(o, 0), "pod log-0: "));
	assert_non_null(strstr(said(o, 1), "pod db-2: "));
	cJSON_Delete(o);
}

/* What no run has made is left alone. */
static void not_somebody_elses(void **state)
{
	struct place *p = *state;
	cJSON *o;

	put_set(p, "{\"type\":\"RollingUpdate\"}", "somebody.else");
	o = restart(p, NULL, 409);
	assert_non_null(strstr(json_str(o, "error", ""), "not a run's"));
	cJSON_Delete(o);
	store_lock(&p->store);
	assert_null(json_path(set(p), "spec.template.metadata.annotations"));
	store_unlock(&p->store);
}

/* The order of keys makes no other revision, what they hold does. */
static void revisions(void **state)
{
	static const char *const texts[] = {
		"{\"metadata\":{\"name\":\"db\"},\"spec\":{\"template\":{\"a\":[1,2],\"b\":{\"c\":true}}}}",
		"{\"metadata\":{\"name\":\"db\"},\"spec\":{\"template\":{\"b\":{\"c\":true},\"a\":[1,2]}}}",
		"{\"metadata\":{\"name\":\"db\"},\"spec\":{\"template\":{\"a\":[2,1],\"b\":{\"c\":true}}}}",
		"{\"metadata\":{\"name\":\"db\"},\"spec\":{\"template\":{\"a\":[1,2],\"b\":{\"d\":true}}}}",
	};
	char r[4][STATEFUL_REVISION_BYTES];

	(void)state;
	for (int i = 0; i < 4; i++) {
		cJSON *o = cJSON_Parse(texts[i]);

		stateful_revision(o, r[i]);
		assert_int_equal(strlen(r[i]), strlen("db-") + 8);
		cJSON_Delete(o);
	}
	assert_string_equal(r[0], r[1]);
	assert_string_not_equal(r[0], r[2]);
	assert_string_not_equal(r[0], r[3]);
	assert_string_not_equal(r[2], r[3]);
}

static void available_after_a_while(void **state)
{
	cJSON *o = cJSON_Parse("{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":"
			       "\"1970-01-01T00:01:40Z\"}]}}");

	(void)state;
	assert_true(stateful_available(o, 0, 0));
	assert_false(stateful_available(o, 10, 109));
	assert_true(stateful_available(o, 10, 110));
	assert_false(stateful_available(NULL, 0, 110));
	cJSON_Delete(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(from_the_highest_down, set_up, tear_down),
		cmocka_unit_test_setup_teardown(never_two_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(down_to_the_partition, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_on_delete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_set_after_the_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_somebody_elses, set_up, tear_down),
		cmocka_unit_test(revisions), cmocka_unit_test(available_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
