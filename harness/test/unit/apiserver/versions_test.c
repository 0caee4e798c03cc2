/* What the API does with objects that change and that are deleted: versions of a spec,
 * and what a finalizer holds back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/serve.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/client.h"

#define SETS "/apis/apps/v1/namespaces/ns/statefulsets"
#define CLAIMS "/api/v1/namespaces/ns/persistentvolumeclaims"

struct place {
	struct store store;
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
	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "t", .account = no_account, .arg = p};
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
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
	free(p);
	return 0;
}

static cJSON *get(struct place *p, const char *path)
{
	struct err e = {0};
	cJSON *o = NULL;

	if (kube_get(p->k, path, &o, &e))
		fail_msg("%s", e.msg);
	return o;
}

/* The version of the spec after this. */
static int64_t generation(struct place *p, const char *method, const char *path, const char *body)
{
	cJSON *in = cJSON_Parse(body), *out = NULL;
	struct err e = {0};
	int64_t n;

	assert_non_null(in);
	if (kube_send(p->k, method, path, KUBE_JSON, in, &out, NULL, &e))
		fail_msg("%s", e.msg);
	n = json_i64(json_get(out, "metadata"), "generation", 0);
	cJSON_Delete(in);
	cJSON_Delete(out);
	return n;
}

static void versions_of_a_spec_are_counted(void **state)
{
	struct place *p = *state;

	assert_int_equal(generation(p, "POST", SETS, "{\"metadata\":{\"name\":\"db\",\"generation\":7},\"spec\":{\"replicas\":1}}"), 1);
	assert_int_equal(generation(p, "PATCH", SETS "/db", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), 1);
	assert_int_equal(generation(p, "PATCH", SETS "/db", "{\"spec\":{\"replicas\":1}}"), 1);
	assert_int_equal(generation(p, "PATCH", SETS "/db", "{\"spec\":{\"replicas\":2}}"), 2);
	assert_int_equal(generation(p, "PUT", SETS "/db", "{\"metadata\":{\"name\":\"db\"},\"spec\":{\"replicas\":3}}"), 3);
	assert_int_equal(generation(p, "PATCH", SETS "/db", "{\"metadata\":{\"generation\":9}}"), 3);
	/* What has no spec has no versions of it. */
	assert_int_equal(generation(p, "POST", "/api/v1/namespaces/ns/configmaps", "{\"metadata\":{\"name\":\"m\"},\"data\":{}}"), 0);
}

static void delete(struct place *p, const char *path)
{
	struct err e = {0};
	bool found;

	if (kube_delete(p->k, path, NULL, -1, NULL, &found, &e))
		fail_msg("%s", e.msg);
	assert_true(found);
}

static void a_finalizer_holds_it_back(void **state)
{
	struct place *p = *state;
	char since[40];
	cJSON *o;

	generation(p, "POST", CLAIMS, "{\"metadata\":{\"name\":\"held\",\"finalizers\":[\"kubernetes.io/pvc-protection\"]},\"spec\":{}}");
	generation(p, "POST", CLAIMS, "{\"metadata\":{\"name\":\"free\"},\"spec\":{}}");
	delete(p, CLAIMS "/free");
	assert_null(get(p, CLAIMS "/free"));
	delete(p, CLAIMS "/held");
	o = get(p, CLAIMS "/held");
	assert_non_null(o);
	mem_copy_str(since, sizeof(since), json_str(json_get(o, "metadata"), "deletionTimestamp", ""));
	assert_true(*since);
	cJSON_Delete(o);
	/* Again, and all of them, changes nothing. */
	delete(p, CLAIMS "/held");
	delete(p, CLAIMS);
	o = get(p, CLAIMS "/held");
	assert_string_equal(json_str(json_get(o, "metadata"), "deletionTimestamp", ""), since);
	cJSON_Delete(o);
	/* Nobody takes that back. */
	generation(p, "PATCH", CLAIMS "/held", "{\"metadata\":{\"deletionTimestamp\":null}}");
	o = get(p, CLAIMS "/held");
	assert_string_equal(json_str(json_get(o, "metadata"), "deletionTimestamp", ""), since);
	cJSON_Delete(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(versions_of_a_spec_are_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_finalizer_holds_it_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
