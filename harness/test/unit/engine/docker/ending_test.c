/* Who deletes a workload through the API: its pods, Jobs and claims go, stay or go before
 * it, as was asked for and as Kubernetes does by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"
#include "kube/client.h"

#define SETS "/apis/apps/v1/namespaces/ns/statefulsets"
#define JOBS "/apis/batch/v1/namespaces/ns/jobs"

struct place {
	struct docker d;
	struct serve_conf conf;
	struct serve *serve;
	struct kube_conf kube;
	struct kube_client *k;
};

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	struct err e = {0};

	*state = p;
	store_init(&p->d.store);
	p->conf = (struct serve_conf){.store = &p->d.store, .admin_token = "t", .account = no_account, .arg = &p->d,
				      .delete_pod = docker_pod_delete};
	assert_int_equal(serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e), 0);
	p->kube.server = mem_fmt("http://127.0.0.1:%d", serve_port(p->serve));
	p->kube.token = mem_strdup("t");
	assert_int_equal(kube_client_new(&p->kube, NULL, &p->k, &e), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	kube_client_free(p->k);
	kube_conf_free(&p->kube);
	store_close(&p->d.store);
	serve_stop(p->serve);
	store_free(&p->d.store);
	free(p);
	return 0;
}

static int ask(struct place *p, const char *method, const char *path, const char *body, cJSON **out)
{
	cJSON *in = body ? cJSON_Parse(body) : NULL;
	struct err e = {0};
	int status = 0;

	assert_true(!body || in);
	kube_send(p->k, method, path, KUBE_JSON, in, out, &status, &e);
	cJSON_Delete(in);
	return status;
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
	store_put(&p->d.store, kind, o);
}

/* A set of one pod with its claim, and a pod and a claim of another name beside it. */
static void put_set(struct place *p, const char *when_deleted)
{
	const cJSON *set;

	store_lock(&p->d.store);
	put(p, KIND_STATEFUL_SET, "{\"metadata\":{\"name\":\"db\",\"namespace\":\"ns\",\"uid\":\"set\"},\"spec\":{\"replicas\":1,"
	    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"%s\"},"
	    "\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"}}]}}", when_deleted);
	for (int i = 0; i < 2; i++) {
		put(p, KIND_POD, "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"labels\":{\"a\":\"b\"}}}", i ? "other" : "db-0");
		put(p, KIND_PERSISTENT_VOLUME_CLAIM, "{\"metadata\":{\"name\":\"data-%s\",\"namespace\":\"ns\"}}", i ? "other" : "db-0");
	}
	set = store_get(&p->d.store, KIND_STATEFUL_SET, "ns", "db");
	stateful_own(&p->d, set, 1);
	store_unlock(&p->d.store);
}

static void collect(struct place *p)
{
	store_lock(&p->d.store);
	garbage_collect(&p->d);
	claims_end(&p->d);
	store_unlock(&p->d.store);
}

/* "set pod claim", those that are there; "(set)" is marked. What is not the set's is there always. */
static const char *left(struct place *p)
{
	static char text[80];
	const struct store *s = &p->d.store;
	const cJSON *set;

	store_lock(&p->d.store);
	set = store_get(s, KIND_STATEFUL_SET, "ns", "db");
	assert_non_null(store_get(s, KIND_POD, "ns", "other"));
	assert_non_null(store_get(s, KIND_PERSISTENT_VOLUME_CLAIM, "ns", "data-other"));
	snprintf(text, sizeof(text), "%s %s %s", !set ? "-" : workload_ending(set) ? "(set)" : "set",
		 store_get(s, KIND_POD, "ns", "db-0") ? "pod" : "-",
		 store_get(s, KIND_PERSISTENT_VOLUME_CLAIM, "ns", "data-db-0") ? "claim" : "-");
	store_unlock(&p->d.store);
	return text;
}

static void pods_go_and_claims_stay(void **state)
{
	struct place *p = *state;

	put_set(p, "Retain");
	collect(p);
	assert_string_equal(left(p), "set pod claim");
	assert_int_equal(ask(p, "DELETE", SETS "/db", NULL, NULL), 200);
	collect(p);
	assert_string_equal(left(p), "- - claim");
}

static void claims_go_where_that_is_said(void **state)
{
	struct place *p = *state;

	put_set(p, "Delete");
	assert_int_equal(ask(p, "DELETE", SETS "/db?propagationPolicy=Background", NULL, NULL), 200);
	collect(p);
	assert_string_equal(left(p), "- - -");
}

/* As kubectl delete --cascade=orphan; and a set of that name takes the pod over. */
static void orphans_stay(void **state)
{
	struct place *p = *state;
	const cJSON *pod;

	put_set(p, "Delete");
	assert_int_equal(ask(p, "DELETE", SETS "/db", "{\"propagationPolicy\":\"Orphan\"}", NULL), 200);
	collect(p);
	assert_string_equal(left(p), "- pod claim");
	store_lock(&p->d.store);
	put(p, KIND_STATEFUL_SET, "{\"metadata\":{\"name\":\"db\",\"namespace\":\"ns\",\"uid\":\"anew\"},\"spec\":{\"replicas\":1,"
	    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}");
	stateful_own(&p->d, store_get(&p->d.store, KIND_STATEFUL_SET, "ns", "db"), 1);
	pod = store_get(&p->d.store, KIND_POD, "ns", "db-0");
	assert_string_equal(json_str(json_path(pod, "metadata.ownerReferences.0"), "uid", ""), "anew");
	store_unlock(&p->d.store);
	/* The query says it, too, and its older word. */
	assert_int_equal(ask(p, "DELETE", SETS "/db?orphanDependents=true", NULL, NULL), 200);
	collect(p);
	assert_string_equal(left(p), "- pod claim");
}

static void owners_wait_in_the_foreground(void **state)
{
	struct place *p = *state;

	put_set(p, "Retain");
	assert_int_equal(ask(p, "DELETE", SETS "/db", "{\"propagationPolicy\":\"Foreground\"}", NULL), 200);
	assert_string_equal(left(p), "(set) pod claim");
	collect(p);
	collect(p);
	assert_string_equal(left(p), "- - claim");
	/* Nobody to wait for. */
	put_set(p, "Retain");
	store_lock(&p->d.store);
	store_delete(&p->d.store, KIND_POD, "ns", "db-0");
	store_unlock(&p->d.store);
	assert_int_equal(ask(p, "DELETE", SETS "/db?propagationPolicy=Foreground", NULL, NULL), 200);
	assert_string_equal(left(p), "- - claim");
}

/* batch/v1 lets a Job's pods be unless it is told otherwise. */
static void jobs_leave_their_pods(void **state)
{
	static const char *const ways[][2] = {{JOBS "/j", "pod"}, {JOBS "/j?propagationPolicy=Background", "-"}};
	struct place *p = *state;

	for (int i = 0; i < 2; i++) {
		bool there;

		store_lock(&p->d.store);
		put(p, KIND_JOB, "{\"metadata\":{\"name\":\"j\",\"namespace\":\"ns\",\"uid\":\"j\"},\"spec\":{}}");
		put(p, KIND_POD, "{\"metadata\":{\"name\":\"j-x\",\"namespace\":\"ns\",\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"j\","
		    "\"uid\":\"j\",\"controller\":true}]}}");
		store_unlock(&p->d.store);
		assert_int_equal(ask(p, "DELETE", ways[i][0], NULL, NULL), 200);
		collect(p);
		store_lock(&p->d.store);
		there = store_get(&p->d.store, KIND_POD, "ns", "j-x");
		store_unlock(&p->d.store);
		assert_string_equal(there ? "pod" : "-", ways[i][1]);
	}
}

/* One of two owners is enough. */
static void two_owners(void **state)
{
	struct place *p = *state;
	bool there;

	for (int i = 0; i < 2; i++) {
		store_lock(&p->d.store);
		if (!i)
			put(p, KIND_CONFIG_MAP, "{\"metadata\":{\"name\":\"m\",\"namespace\":\"ns\",\"uid\":\"m\"}}");
		else
			store_delete(&p->d.store, KIND_CONFIG_MAP, "ns", "m");
		put(p, KIND_POD, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"ns\",\"ownerReferences\":[{\"kind\":\"Job\",\"name\":\"j\","
		    "\"uid\":\"gone\"},{\"kind\":\"ConfigMap\",\"name\":\"m\",\"uid\":\"m\"}]}}");
		store_unlock(&p->d.store);
		collect(p);
		store_lock(&p->d.store);
		there = store_get(&p->d.store, KIND_POD, "ns", "x");
		store_unlock(&p->d.store);
		assert_int_equal(there, !i);
	}
}

static void options_are_judged(void **state)
{
	struct place *p = *state;

	put_set(p, "Retain");
	assert_int_equal(ask(p, "DELETE", SETS "/db?propagationPolicy=Orphans", NULL, NULL), 422);
	assert_int_equal(ask(p, "DELETE", SETS "/db", "{\"propagationPolicy\":\"Orphan\",\"orphanDependents\":true}", NULL), 422);
	assert_int_equal(ask(p, "DELETE", SETS "/db?dryRun=some", NULL, NULL), 422);
	assert_int_equal(ask(p, "DELETE", SETS "/db", "{\"preconditions\":{\"resourceVersion\":\"0\"}}", NULL), 409);
	assert_int_equal(ask(p, "DELETE", SETS "?labelSelector=no", "{\"preconditions\":{\"uid\":\"x\"}}", NULL), 200);
	assert_int_equal(ask(p, "DELETE", SETS, "{\"preconditions\":{\"uid\":\"x\"}}", NULL), 200);
	assert_string_equal(left(p), "set pod claim");
}

/* Who only asks what would be changes nothing. */
static void dry_runs_change_nothing(void **state)
{
	struct place *p = *state;
	cJSON *o = NULL;

	put_set(p, "Retain");
	assert_int_equal(ask(p, "DELETE", SETS "/db?dryRun=All", NULL, NULL), 200);
	assert_int_equal(ask(p, "DELETE", SETS "/db", "{\"dryRun\":[\"All\"]}", NULL), 200);
	assert_int_equal(ask(p, "DELETE", SETS "?dryRun=All", NULL, NULL), 200);
	assert_int_equal(ask(p, "DELETE", "/api/v1/namespaces/ns/pods/db-0?dryRun=All", NULL, NULL), 200);
	collect(p);
	assert_string_equal(left(p), "set pod claim");
	assert_int_equal(ask(p, "POST", "/api/v1/namespaces/ns/configmaps?dryRun=All", "{\"metadata\":{\"name\":\"m\"}}", &o), 201);
	assert_string_equal(kube_meta(o, "name"), "m");
	cJSON_Delete(o);
	o = NULL;
	assert_int_equal(ask(p, "PATCH", "/api/v1/namespaces/ns/pods/db-0?dryRun=All", "{\"metadata\":{\"labels\":{\"a\":\"c\"}}}", &o), 200);
	assert_string_equal(kube_label(o, "a"), "c");
	cJSON_Delete(o);
	store_lock(&p->d.store);
	assert_null(store_get(&p->d.store, KIND_CONFIG_MAP, "ns", "m"));
	assert_string_equal(kube_label(store_get(&p->d.store, KIND_POD, "ns", "db-0"), "a"), "b");
	store_unlock(&p->d.store);
}

/* Whoever takes the last finalizer out of what was deleted ends it. */
static void the_last_finalizer(void **state)
{
	struct place *p = *state;

	put_set(p, "Retain");
	assert_int_equal(ask(p, "PATCH", SETS "/db", "{\"metadata\":{\"finalizers\":[\"a/b\"]}}", NULL), 200);
	assert_int_equal(ask(p, "DELETE", SETS "/db", NULL, NULL), 200);
	collect(p);
	assert_string_equal(left(p), "(set) pod claim");
	assert_int_equal(ask(p, "PATCH", SETS "/db", "{\"metadata\":{\"finalizers\":null}}", NULL), 200);
	collect(p);
	assert_string_equal(left(p), "- - claim");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pods_go_and_claims_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(claims_go_where_that_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(orphans_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(owners_wait_in_the_foreground, set_up, tear_down),
		cmocka_unit_test_setup_teardown(jobs_leave_their_pods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_owners, set_up, tear_down),
		cmocka_unit_test_setup_teardown(options_are_judged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(dry_runs_change_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_finalizer, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
