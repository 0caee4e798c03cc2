/* What takes the API long with its lock: much that is looked for among, or held against, much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/same.h"
#include "base/mem.h"
#include "test/unit/apiserver/place.h"

/* Rules of a role of so many verbs, groups and resources; heap. */
static char *role_of(int verbs, int groups, int resources)
{
	const char *const names[] = {"verbs", "apiGroups", "resources"};
	const int n[] = {verbs, groups, resources};
	struct buf b = {0};
	char *out;

	buf_fmt(&b, "{\"metadata\":{\"name\":\"wide%d\"},\"rules\":[{", verbs);
	for (int l = 0; l < 3; l++) {
		buf_fmt(&b, "%s\"%s\":[\"x\"", l ? "," : "", names[l]);
		for (int i = 1; i < n[l]; i++)
			buf_fmt(&b, ",\"x%d\"", i);
		buf_char(&b, ']');
	}
	buf_str(&b, "}]}");
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return out;
}

static int with_role(struct place *p, int verbs, int groups, int resources)
{
	char *body = role_of(verbs, groups, resources);
	int status = ask(p, "t-sys", "POST", RBAC "roles", body);

	free(body);
	return status;
}

/* So many items, or NULL: keys of a map. */
static int with_items(struct place *p, const char *url, const char *head, const char *item, int n,
		      const char *tail)
{
	struct buf b = {0};
	int status;

	buf_fmt(&b, "%s", head);
	for (int i = 0; i < n; i++) {
		buf_str(&b, i ? "," : "");
		if (item)
			buf_str(&b, item);
		else
			buf_fmt(&b, "\"k%d\":\"v\"", i);
	}
	buf_str(&b, tail);
	status = ask(p, "t-sys", "POST", url, buf_cstr(&b));
	buf_free(&b);
	return status;
}

/* What is held with the lock for long by little: each of many looked for among, or held
 * against, each of many others. */
static void many_times_many(void **state)
{
	struct buf b = {0};
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	buf_str(&b, "{\"metadata\":{\"name\":\"maps\"}");
	for (int m = 0; m < 30; m++) {
		buf_fmt(&b, ",\"m%d\":{\"k\":0", m);
		for (int i = 0; i < 4000; i++)
			buf_fmt(&b, ",\"%x\":0", i);
		buf_char(&b, '}');
	}
	buf_char(&b, '}');
	assert_int_equal(ask(&p, "t-sys", "POST", MAPS, buf_cstr(&b)), 413);
	buf_free(&b);
	assert_int_equal(with_role(&p, 10, 10, 10), 201);
	assert_int_equal(with_role(&p, 50, 50, 50), 422);
	assert_int_equal(with_role(&p, 1, 1, 3000), 422);
	assert_int_equal(with_items(&p, MAPS, "{\"metadata\":{\"name\":\"a\",\"labels\":{", NULL, 100, "}}}"), 201);
	assert_int_equal(with_items(&p, MAPS, "{\"metadata\":{\"name\":\"b\",\"labels\":{", NULL, 101, "}}}"), 422);
	assert_int_equal(with_items(&p, MAPS, "{\"metadata\":{\"name\":\"c\",\"ownerReferences\":[", "{}", 101, "]}}"), 422);
	assert_int_equal(with_items(&p, "/api/v1/namespaces/ns/services",
				    "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{", NULL, 101, "}}}"), 422);
	assert_int_equal(with_items(&p, RBAC "rolebindings", "{\"metadata\":{\"name\":\"e\"},\"roleRef\":{\"kind\":\"Role\",\"name\":\"wide\"},"
							      "\"subjects\":[", "{}", 1001, "]}"), 422);
	assert_int_equal(with_items(&p, "/api/v1/namespaces/ns/pods",
				    "{\"metadata\":{\"name\":\"f\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],"
				    "\"tolerations\":[", "{}", 101, "]}}"), 422);
	end(&p);
}

static bool same(const char *a, const char *b)
{
	cJSON *x = cJSON_Parse(a), *y = cJSON_Parse(b);
	bool yes = same_json(x, y);

	assert_true(yes == same_json(y, x));
	cJSON_Delete(x);
	cJSON_Delete(y);
	return yes;
}

static void same_values(void **state)
{
	(void)state;
	assert_true(same("{\"a\":1,\"b\":[1,{\"c\":null,\"d\":true}]}", "{\"b\":[1,{\"d\":true,\"c\":null}],\"a\":1}"));
	assert_true(same("{}", "{}"));
	assert_false(same("{}", "[]"));
	assert_false(same("{\"a\":1}", "{\"a\":2}"));
	assert_false(same("{\"a\":1}", "{\"a\":\"1\"}"));
	assert_false(same("{\"a\":1}", "{\"a\":1,\"b\":1}"));
	assert_false(same("{\"a\":1,\"c\":1}", "{\"b\":1,\"a\":1}"));
	assert_false(same("[1,2]", "[2,1]"));
	assert_false(same("[1]", "[1,1]"));
	assert_false(same("true", "false"));
	assert_false(same_json(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_times_many),
		cmocka_unit_test(same_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
