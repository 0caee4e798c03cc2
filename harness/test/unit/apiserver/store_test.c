/* The engine docker's own API: its store, and requests to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "apiserver/serve.h"
#include "apiserver/store.h"
#include "kube/client.h"
#include "kube/watch.h"

static cJSON *config(const char *name, const char *value)
{
	cJSON *o = cJSON_CreateObject(), *m = cJSON_AddObjectToObject(o, "metadata");

	json_set_str(m, "name", name);
	json_set_str(m, "namespace", "ns");
	json_set_str(cJSON_AddObjectToObject(m, "labels"), "app", "x");
	json_set_str(cJSON_AddObjectToObject(o, "data"), "key", value);
	return o;
}

static const char *version_of(const cJSON *o)
{
	return json_str(json_get(o, "metadata"), "resourceVersion", "");
}

static void versions(void **state)
{
	const enum kind_id kind = KIND_CONFIG_MAP;
	struct store s;
	const cJSON *o;
	char first[32];

	(void)state;
	store_init(&s);
	store_lock(&s);
	o = store_put(&s, kind, config("a", "1"));
	mem_copy_str(first, sizeof(first), version_of(o));
	/* The same again is no change, whatever the caller says of versions. */
	o = store_put(&s, kind, config("a", "1"));
	assert_string_equal(version_of(o), first);
	assert_int_equal(s.nchanges, 1);
	o = store_put(&s, kind, config("a", "2"));
	assert_string_not_equal(version_of(o), first);
	assert_string_equal(s.changes[1].type, "MODIFIED");
	assert_true(store_delete(&s, KIND_CONFIG_MAP, "ns", "a"));
	assert_false(store_delete(&s, KIND_CONFIG_MAP, "ns", "a"));
	assert_string_equal(s.changes[2].type, "DELETED");
	assert_string_equal(json_str(json_get(s.changes[2].object, "data"), "key", ""), "2");
	for (int i = 0; i < 5000; i++) {
		char value[16];

		snprintf(value, sizeof(value), "%d", i);
		store_put(&s, kind, config("b", value));
	}
	assert_true(s.nchanges <= 4096);
	assert_true(s.forgotten > 0);
	assert_int_equal(s.changes[0].version, s.forgotten + 1);
	store_unlock(&s);
	store_free(&s);
}

/* Run as a process of its own: each ends it by SIGABRT. */
static int break_rule(const char *rule)
{
	struct store s;

	store_init(&s);
	if (!strcmp(rule, "read without")) {
		store_get(&s, KIND_CONFIG_MAP, "ns", "a");
	} else if (!strcmp(rule, "take twice")) {
		store_lock(&s);
		store_lock(&s);
	} else if (!strcmp(rule, "call with")) {
		store_lock(&s);
		store_assert_unlocked();
	}
	return 0;
}

static void lock_rules(void **state)
{
	static const char *const rules[] = {"read without", "take twice", "call with"};
	struct proc_result res;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const char *const argv[] = {"/proc/self/exe", rules[i], NULL};

		assert_int_equal(proc_run(argv, NULL, 30 * NS_PER_S, &res, &e), 0);
		assert_int_equal(res.exit_code, 128 + SIGABRT);
		assert_non_null(strstr(buf_cstr(&res.err), "a store's lock"));
		proc_result_free(&res);
	}
}

static void selectors(void **state)
{
	cJSON *labels = cJSON_Parse("{\"app\":\"x\",\"role\":\"master\"}"), *map = cJSON_CreateObject();

	(void)state;
	assert_true(store_labels_fit("", labels));
	assert_true(store_labels_fit("app=x,role=master", labels));
	assert_true(store_labels_fit("app==x,role!=replica", labels));
	assert_false(store_labels_fit("app=x,role=replica", labels));
	assert_true(store_labels_fit("!gone,app", labels));
	assert_false(store_labels_fit("!app", labels));
	assert_true(store_labels_fit("role in (replica, master),app=x", labels));
	assert_false(store_labels_fit("role notin (replica,master)", labels));
	assert_true(store_labels_fit("gone notin (a)", labels));
	assert_false(store_labels_fit("gone in (a)", labels));
	/* An empty selector of a Service selects nothing. */
	assert_false(store_map_fits(map, labels));
	json_set_str(map, "role", "master");
	assert_true(store_map_fits(map, labels));
	cJSON_Delete(map);
	cJSON_Delete(labels);
}

static void merging(void **state)
{
	cJSON *a = cJSON_Parse("{\"m\":{\"k\":1,\"gone\":2},\"l\":[1,2],\"s\":\"x\"}");
	cJSON *p = cJSON_Parse("{\"m\":{\"gone\":null,\"new\":{\"y\":null,\"z\":3}},\"l\":[9],\"s\":{\"o\":1}}");
	char *text;

	(void)state;
	store_merge(a, p);
	text = json_text(a);
	assert_string_equal(text, "{\"m\":{\"k\":1,\"new\":{\"z\":3}},\"l\":[9],\"s\":{\"o\":1}}");
	free(text);
	cJSON_Delete(a);
	cJSON_Delete(p);
}

/* ---- over HTTP ---- */

struct place {
	struct store store;
	struct serve_conf conf;
	struct serve *serve;
	struct kube_conf admin_conf, pod_conf, nobody_conf;
	struct kube_client *admin, *pod, *nobody;
	char deleted[64];
};

static bool account_of(void *arg, const char *token, const char **ns, const char **account)
{
	(void)arg;
	*ns = "ns";
	*account = "sa";
	return !strcmp(token, "pod-token");
}

static void on_delete_pod(void *arg, const char *ns, const char *name, int grace_s)
{
	struct place *p = arg;

	snprintf(p->deleted, sizeof(p->deleted), "%s/%s %d", ns, name, grace_s);
}

static int no_log(void *arg, const char *ns, const char *pod, const char *container, bool previous,
		  int lines, bool timestamps, struct buf *out, struct err *e)
{
	(void)arg, (void)ns, (void)container, (void)previous, (void)timestamps, (void)e;
	buf_fmt(out, "%s %d\n", pod, lines);
	return 0;
}

static void connect_as(struct place *p, const char *token, struct kube_conf *c,
		       struct kube_client **k)
{
	struct err e = {0};

	c->server = mem_fmt("http://127.0.0.1:%d", serve_port(p->serve));
	c->token = token ? mem_strdup(token) : NULL;
	if (kube_client_new(c, NULL, k, &e))
		fail_msg("%s", e.msg);
}

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	struct err e = {0};

	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "admin-token", .account = account_of,
				      .delete_pod = on_delete_pod, .log = no_log, .arg = p};
	if (serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e))
		fail_msg("%s", e.msg);
	connect_as(p, "admin-token", &p->admin_conf, &p->admin);
	connect_as(p, "pod-token", &p->pod_conf, &p->pod);
	connect_as(p, "wrong", &p->nobody_conf, &p->nobody);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	kube_client_free(p->admin);
	kube_client_free(p->pod);
	kube_client_free(p->nobody);
	kube_conf_free(&p->admin_conf);
	kube_conf_free(&p->pod_conf);
	kube_conf_free(&p->nobody_conf);
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
	free(p);
	return 0;
}

static int ask(struct kube_client *k, const char *method, const char *path, const char *body,
	       cJSON **out)
{
	struct kube_request q = {.method = method, .path = path, .type = KUBE_JSON, .body = body};
	struct buf b = {0};
	struct err e = {0};
	int status = 0;

	if (kube_http(k, &q, &b, &status, &e))
		fail_msg("%s %s: %s", method, path, e.msg);
	if (out)
		*out = cJSON_Parse(buf_cstr(&b));
	buf_free(&b);
	return status;
}

#define MAPS "/api/v1/namespaces/ns/configmaps"

static void tokens_and_roles(void **state)
{
	struct place *p = *state;

	assert_int_equal(ask(p->nobody, "GET", MAPS, NULL, NULL), 401);
	assert_int_equal(ask(p->pod, "GET", MAPS, NULL, NULL), 403);
	assert_int_equal(ask(p->admin, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/roles",
			     "{\"metadata\":{\"name\":\"r\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":"
			     "[\"configmaps\"],\"verbs\":[\"get\",\"create\"],\"resourceNames\":[\"a\",\"\"]}]}", NULL), 201);
	assert_int_equal(ask(p->admin, "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/rolebindings",
			     "{\"metadata\":{\"name\":\"b\"},\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":"
			     "\"ServiceAccount\",\"name\":\"sa\",\"namespace\":\"ns\"}]}", NULL), 201);
	assert_int_equal(ask(p->pod, "POST", MAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL), 201);
	assert_int_equal(ask(p->pod, "GET", MAPS "/a", NULL, NULL), 200);
	assert_int_equal(ask(p->pod, "GET", MAPS "/b", NULL, NULL), 403);
	assert_int_equal(ask(p->pod, "GET", MAPS, NULL, NULL), 403);
	assert_int_equal(ask(p->pod, "DELETE", MAPS "/a", NULL, NULL), 403);
	assert_int_equal(ask(p->pod, "GET", "/api/v1/namespaces/other/configmaps/a", NULL, NULL), 403);
}

static void changing(void **state)
{
	struct place *p = *state;
	char old[32], body[200];
	cJSON *o;

	assert_int_equal(ask(p->admin, "PATCH", MAPS "/a", "{\"data\":{\"k\":\"1\"}}", NULL), 404);
	assert_int_equal(ask(p->admin, "POST", MAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"1\"}}", &o), 201);
	mem_copy_str(old, sizeof(old), version_of(o));
	cJSON_Delete(o);
	assert_int_equal(ask(p->admin, "POST", MAPS, "{\"metadata\":{\"name\":\"a\"}}", NULL), 409);
	snprintf(body, sizeof(body), "{\"metadata\":{\"resourceVersion\":\"%s\"},\"data\":{\"j\":\"2\"}}", old);
	assert_int_equal(ask(p->admin, "PATCH", MAPS "/a", body, &o), 200);
	assert_string_equal(json_str(json_get(o, "data"), "k", ""), "1");
	assert_string_equal(json_str(json_get(o, "data"), "j", ""), "2");
	cJSON_Delete(o);
	/* Its version has gone by: two leaders cannot both have it. */
	assert_int_equal(ask(p->admin, "PATCH", MAPS "/a", body, NULL), 409);
	assert_int_equal(ask(p->admin, "PUT", MAPS "/a", "{\"data\":{\"z\":\"3\"}}", &o), 200);
	assert_null(json_get(json_get(o, "data"), "k"));
	cJSON_Delete(o);
	assert_int_equal(ask(p->admin, "POST", MAPS, "not json", NULL), 400);
	assert_int_equal(ask(p->admin, "GET", "/api/v1/namespaces/ns/unknowns", NULL, NULL), 404);
	assert_int_equal(ask(p->admin, "DELETE", MAPS "?labelSelector=app%3Dnone", NULL, NULL), 200);
	assert_int_equal(ask(p->admin, "GET", MAPS "/a", NULL, NULL), 200);
	assert_int_equal(ask(p->admin, "DELETE", MAPS "/a", NULL, NULL), 200);
	assert_int_equal(ask(p->admin, "GET", MAPS "/a", NULL, NULL), 404);
}

static void pods(void **state)
{
	struct place *p = *state;
	cJSON *o;
	char body[200];

	assert_int_equal(ask(p->admin, "POST", "/api/v1/namespaces/ns/pods", "{\"metadata\":{\"name\":\"p\"},\"spec\":"
			     "{\"nodeName\":\"n1\"}}", &o), 201);
	assert_int_equal(ask(p->admin, "DELETE", "/api/v1/namespaces/ns/pods/p",
			     "{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"another\"}}", NULL), 409);
	assert_string_equal(p->deleted, "");
	snprintf(body, sizeof(body), "{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":\"%s\"}}",
		 json_str(json_get(o, "metadata"), "uid", ""));
	cJSON_Delete(o);
	assert_int_equal(ask(p->admin, "DELETE", "/api/v1/namespaces/ns/pods/p", body, NULL), 200);
	assert_string_equal(p->deleted, "ns/p 0");
	assert_int_equal(ask(p->admin, "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", NULL, &o), 200);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "items")), 1);
	cJSON_Delete(o);
	assert_int_equal(ask(p->admin, "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn2", NULL, &o), 200);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "items")), 0);
	cJSON_Delete(o);
	assert_int_equal(ask(p->admin, "GET", "/api/v1/namespaces/ns/pods/p/log?tailLines=7", NULL, NULL), 200);
}

struct seen {
	pthread_mutex_t lock;
	char text[400];
};

static void on_change(void *arg, const char *change, const cJSON *o)
{
	struct seen *s = arg;
	size_t at;

	pthread_mutex_lock(&s->lock);
	at = strlen(s->text);
	snprintf(s->text + at, sizeof(s->text) - at, "%s %s; ", change, json_str(json_get(o, "metadata"), "name", ""));
	pthread_mutex_unlock(&s->lock);
}

static void await(struct seen *s, const char *want)
{
	int64_t end_ns = clock_mono_ns() + 20 * NS_PER_S;
	bool there = false;

	while (!there && clock_mono_ns() < end_ns) {
		pthread_mutex_lock(&s->lock);
		there = !strcmp(s->text, want);
		pthread_mutex_unlock(&s->lock);
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
	assert_string_equal(s->text, want);
}

static void watching(void **state)
{
	struct place *p = *state;
	struct seen s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct kube_watch *w;
	struct err e = {0};

	store_lock(&p->store);
	store_put(&p->store, KIND_CONFIG_MAP, config("before", "1"));
	store_unlock(&p->store);
	assert_int_equal(kube_watch_start(&p->admin_conf, MAPS, "app%3Dx", on_change, &s, &w, &e), 0);
	await(&s, "ADDED before; ");
	store_lock(&p->store);
	store_put(&p->store, KIND_CONFIG_MAP, config("later", "1"));
	store_put(&p->store, KIND_CONFIG_MAP, config("later", "2"));
	store_delete(&p->store, KIND_CONFIG_MAP, "ns", "before");
	store_unlock(&p->store);
	await(&s, "ADDED before; ADDED later; MODIFIED later; DELETED before; ");
	kube_watch_stop(w);
	kube_watch_free(w);
}

struct guest {
	struct store s;
	int done; /* atomic */
};

static void *comes_often(void *arg)
{
	struct guest *g = arg;

	for (int i = 0; i < 50; i++) {
		store_lock(&g->s);
		store_unlock(&g->s);
	}
	__atomic_store_n(&g->done, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* On a busy machine, too, where who is woken runs late. */
static void who_yields_lets_in(void **state)
{
	struct guest g = {0};
	pthread_t thread;
	int met = 0;

	(void)state;
	store_init(&g.s);
	store_lock(&g.s);
	assert_int_equal(pthread_create(&thread, NULL, comes_often, &g), 0);
	while (!__atomic_load_n(&g.done, __ATOMIC_RELAXED)) {
		uint64_t turn = g.s.turns;

		if (!__atomic_load_n(&g.s.waiting, __ATOMIC_RELAXED)) {
			sched_yield();
			continue;
		}
		store_yield(&g.s);
		assert_true(g.s.turns > turn);
		met++;
	}
	store_unlock(&g.s);
	pthread_join(thread, NULL);
	assert_true(met > 0);
	store_free(&g.s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(lock_rules),
		cmocka_unit_test(who_yields_lets_in),
		cmocka_unit_test(selectors),
		cmocka_unit_test(merging),
		cmocka_unit_test_setup_teardown(tokens_and_roles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(watching, set_up, tear_down),
	};

	if (argc == 2)
		return break_rule(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
