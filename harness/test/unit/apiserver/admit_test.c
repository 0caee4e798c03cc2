/* What is written over the API is taken or refused as an API server does it (apimachinery's
 * objectmeta.go, pkg/apis/core and pkg/apis/rbac's validation.go, escalation_check.go). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test/unit/apiserver/place.h"

#define SERVICES "/api/v1/namespaces/ns/services"
#define ENDPOINTS "/api/v1/namespaces/ns/endpoints"
#define OWNER "\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":\"w\",\"uid\":\"u\""
#define LONG_PORT "a-name-that-is-longer-than-a-containers"

struct row {
	const char *url, *object; /* without its name */
	int status;
	const char *said; /* NULL: nothing is looked for */
};

static const struct row metadata[] = {
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[]}}", 201, NULL},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[{" OWNER "},{" OWNER ",\"controller\":true}]}}", 201, NULL},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[{}]}}", 422,
	 "metadata.ownerReferences.apiVersion: Invalid value: \\\"\\\": version must not be empty, "
	 "metadata.ownerReferences.kind: Invalid value: \\\"\\\": must not be empty, "
	 "metadata.ownerReferences.name: Invalid value: \\\"\\\": must not be empty, "
	 "metadata.ownerReferences.uid: Invalid value: \\\"\\\": must not be empty"},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[null]}}", 422, "version must not be empty"},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[{\"apiVersion\":\"apps/\",\"kind\":\"K\",\"name\":\"n\",\"uid\":\"u\"}]}}",
	 422, "metadata.ownerReferences.apiVersion: Invalid value: \\\"apps/\\\": version must not be empty"},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[{\"apiVersion\":\"a/b/c\",\"kind\":\"K\",\"name\":\"n\",\"uid\":\"u\"}]}}",
	 422, "version must not be empty"},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"n\",\"uid\":\"u\"}]}}",
	 422, "/v1, Kind=Event is disallowed from being an owner"},
	{MAPS, "{\"metadata\":{%s,\"ownerReferences\":[{" OWNER ",\"controller\":true},{" OWNER ",\"controller\":true}]}}", 422,
	 "Only one reference can have Controller set to true"},
	{MAPS, "{\"metadata\":{%s,\"finalizers\":[\"a.b/c\",\"foregroundDeletion\",\"kubernetes\"]}}", 201, NULL},
	{MAPS, "{\"metadata\":{%s,\"finalizers\":[\"keep\"]}}", 422,
	 "metadata.finalizers[0]: Invalid value: \\\"keep\\\": name is neither a standard finalizer name nor is it fully qualified"},
	{MAPS, "{\"metadata\":{%s,\"finalizers\":[\"a/b/c\"]}}", 422, "metadata.finalizers: Invalid value: \\\"a/b/c\\\""},
	{MAPS, "{\"metadata\":{%s,\"finalizers\":[\"orphan\",\"foregroundDeletion\"]}}", 422,
	 "finalizer foregroundDeletion and orphan cannot be both set"},
	{MAPS, "{\"metadata\":{%s,\"annotations\":{\"A.example/B_c\":\"any \\n text\",\"d\":\"\"}}}", 201, NULL},
	{MAPS, "{\"metadata\":{%s,\"annotations\":{\"a b\":\"\"}}}", 422, "metadata.annotations: Invalid value: \\\"a b\\\""},
	{MAPS, "{\"metadata\":{%s,\"annotations\":{\"-a/b\":\"\"}}}", 422, "metadata.annotations: Invalid value: \\\"-a/b\\\""},
	{MAPS, "{\"metadata\":{%s,\"annotations\":{\"\":\"\"}}}", 422, "metadata.annotations: Invalid value: \\\"\\\""},
	{"/apis/apps/v1/namespaces/ns/deployments", "{\"metadata\":{%s},\"spec\":{\"template\":{\"metadata\":{\"annotations\":"
	 "{\"a b\":\"\"}}}}}", 422, "spec.template.metadata.annotations: Invalid value: \\\"a b\\\""},
};

static const struct row ports[] = {
	{SERVICES, "{\"metadata\":{%s},\"spec\":{\"ports\":[{\"name\":\"" LONG_PORT "\",\"port\":1}]}}", 201, NULL},
	{SERVICES, "{\"metadata\":{%s},\"spec\":{\"ports\":[{\"name\":\"9\",\"port\":1}]}}", 201, NULL},
	{SERVICES, "{\"metadata\":{%s},\"spec\":{\"ports\":[{\"name\":\"a_b\",\"port\":1}]}}", 422, "spec.ports[0].name"},
	{ENDPOINTS, "{\"metadata\":{%s},\"subsets\":[{\"ports\":[{\"name\":\"" LONG_PORT "\",\"port\":1}]}]}", 201, NULL},
	{ENDPOINTS, "{\"metadata\":{%s},\"subsets\":[{\"ports\":[{\"name\":\"A\",\"port\":1}]}]}", 422, "subsets[0].ports[0].name"},
};

#define RULE(VERBS, GROUPS, RESOURCES) \
	"{\"metadata\":{%s},\"rules\":[{\"verbs\":" VERBS ",\"apiGroups\":" GROUPS ",\"resources\":" RESOURCES "}]}"
#define BINDING(REF, SUBJECT) "{\"metadata\":{%s},\"roleRef\":{" REF "},\"subjects\":[{" SUBJECT "}]}"
#define ROLE "\"kind\":\"Role\",\"name\":\"r\""
#define ACCOUNT "\"kind\":\"ServiceAccount\",\"name\":\"x\""

static const struct row rights[] = {
	{RBAC "roles", RULE("[\"get\"]", "[\"\"]", "[\"pods\"]"), 201, NULL},
	{RBAC "roles", "{\"metadata\":{%s},\"rules\":[]}", 201, NULL},
	{RBAC "roles", RULE("[]", "[\"\"]", "[\"pods\"]"), 422, "rules[0].verbs: Required value: verbs must contain at least one value"},
	{RBAC "roles", RULE("[\"get\"]", "[]", "[\"pods\"]"), 422,
	 "rules[0].apiGroups: Required value: resource rules must supply at least one api group"},
	{RBAC "roles", RULE("[\"get\"]", "[\"\"]", "null"), 422,
	 "rules[0].resources: Required value: resource rules must supply at least one resource"},
	{RBAC "rolebindings", BINDING(ROLE, ACCOUNT), 201, NULL},
	{RBAC "rolebindings", BINDING(ROLE ",\"apiGroup\":\"rbac.authorization.k8s.io\"", ACCOUNT), 201, NULL},
	{RBAC "rolebindings", BINDING(ROLE ",\"apiGroup\":\"apps\"", ACCOUNT), 422, "roleRef.apiGroup: Unsupported value: \\\"apps\\\""},
	{RBAC "rolebindings", BINDING(ROLE, "\"kind\":\"ServiceAccount\",\"name\":\"X\""), 422, "subjects[0].name: Invalid value"},
	{RBAC "rolebindings", BINDING(ROLE, "\"kind\":\"ServiceAccount\""), 422, "Required value"},
	{RBAC "rolebindings", BINDING(ROLE, "\"kind\":\"User\",\"name\":\"any: thing\""), 201, NULL},
	{RBAC "rolebindings", BINDING(ROLE, "\"kind\":\"User\",\"name\":\"u\",\"apiGroup\":\"apps\""), 422,
	 "subjects[0].apiGroup: Unsupported value: \\\"apps\\\""},
	{RBAC "rolebindings", BINDING(ROLE, ACCOUNT ",\"apiGroup\":\"rbac.authorization.k8s.io\""), 422, "subjects[0].apiGroup"},
	{RBAC "rolebindings", BINDING(ROLE, "\"kind\":\"Pod\",\"name\":\"u\""), 422, "subjects[0].kind: Unsupported value: \\\"Pod\\\""},
};

static void write_all(const struct row *rows, size_t n)
{
	struct buf answer = {0};
	struct place p;

	begin(&p, 0);
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		const char *at = strstr(r->object, "%s");
		char *body = mem_fmt("%.*s\"name\":\"n%zu\"%s", (int)(at - r->object), r->object, i, at + 2);
		int status = ask_for(&p, "admin-token", "POST", r->url, body, &answer);

		if (status != r->status || (r->said && !strstr(buf_cstr(&answer), r->said)))
			fail_msg("%s: %d: %s", body, status, buf_cstr(&answer));
		free(body);
	}
	end(&p);
	buf_free(&answer);
}

static void of_all_objects(void **state)
{
	(void)state;
	write_all(metadata, ARRAY_LEN(metadata));
}

static void names_of_ports(void **state)
{
	(void)state;
	write_all(ports, ARRAY_LEN(ports));
}

static void roles_and_bindings(void **state)
{
	(void)state;
	write_all(rights, ARRAY_LEN(rights));
}

/* A Service's name is one of RFC 1035. */
static void names_of_services(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 0);
	assert_int_equal(ask(&p, "admin-token", "POST", SERVICES, "{\"metadata\":{\"name\":\"1a\"}}"), 422);
	assert_int_equal(ask(&p, "admin-token", "POST", SERVICES, "{\"metadata\":{\"name\":\"a1\"}}"), 201);
	/* Endpoints' names are wider. */
	assert_int_equal(ask(&p, "admin-token", "POST", ENDPOINTS, "{\"metadata\":{\"name\":\"1a\"}}"), 201);
	end(&p);
}

/* Who ends is not held up by more. */
static void finalizers_of_what_ends(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 0);
	assert_int_equal(ask(&p, "admin-token", "POST", MAPS, "{\"metadata\":{\"name\":\"m\",\"finalizers\":[\"a.b/c\",\"a.b/d\"]}}"),
			 201);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/m", "{\"metadata\":{\"finalizers\":[\"a.b/c\",\"a.b/e\"]}}"), 200);
	assert_int_equal(ask(&p, "admin-token", "DELETE", MAPS "/m", ""), 200);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/m", "{\"metadata\":{\"finalizers\":[\"a.b/c\",\"a.b/f\"]}}"), 422);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/m", "{\"metadata\":{\"finalizers\":[\"a.b/e\"]}}"), 200);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/m", "{\"metadata\":{\"finalizers\":null}}"), 200);
	assert_int_equal(ask(&p, "admin-token", "GET", MAPS "/m", ""), 404);
	end(&p);
}

/* Who may escalate a role by its name may change that one: a request that makes one has no
 * name yet. */
static void escalating_by_name(void **state)
{
	static const char more[] = "{\"metadata\":{\"name\":\"mine\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],"
				   "\"verbs\":[\"get\"]}]}";
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", "[{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\"],\"verbs\":[\"create\",\"update\"]},"
	     "{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\"],\"resourceNames\":[\"mine\"],"
	     "\"verbs\":[\"escalate\"]}]");
	assert_int_equal(ask(&p, "t-sys", "POST", RBAC "roles", more), 403);
	assert_int_equal(ask(&p, "t-sys", "POST", RBAC "roles", "{\"metadata\":{\"name\":\"mine\"}}"), 201);
	assert_int_equal(ask(&p, "t-sys", "PUT", RBAC "roles/mine", more), 200);
	end(&p);
}

/* An account without a namespace is one of the binding's. */
static void accounts_by_the_binding(void **state)
{
	static const char *const namespaces[] = {"", ",\"namespace\":\"\"", ",\"namespace\":\"ns\"", ",\"namespace\":\"other\""};
	struct place p;

	(void)state;
	begin(&p, 0);
	assert_int_equal(ask(&p, "admin-token", "POST", RBAC "roles", "{\"metadata\":{\"name\":\"r\"},\"rules\":" ALL "}"), 201);
	for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
		char *body = mem_fmt("{\"metadata\":{\"name\":\"b%zu\"},\"roleRef\":{" ROLE "},\"subjects\":[{\"kind\":\"ServiceAccount\","
				     "\"name\":\"x%zu\"%s}]}", i, i, namespaces[i]);
		char *token = mem_fmt("t-x%zu", i);

		assert_int_equal(ask(&p, "admin-token", "POST", RBAC "rolebindings", body), 201);
		assert_int_equal(ask(&p, token, "GET", MAPS, ""), i < 3 ? 200 : 403);
		free(token);
		free(body);
	}
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_all_objects),	   cmocka_unit_test(names_of_ports),
		cmocka_unit_test(roles_and_bindings),	   cmocka_unit_test(names_of_services),
		cmocka_unit_test(finalizers_of_what_ends), cmocka_unit_test(escalating_by_name),
		cmocka_unit_test(accounts_by_the_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
