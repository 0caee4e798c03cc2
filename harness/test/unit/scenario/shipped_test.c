#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "run/plan.h"

/* Every scenario that is shipped can be run: it fits the lists of this very
 * build, its settings exist and have a place in its variant's manifests. */

static void check_one(const char *root, const char *path)
{
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char stem[64];

	if (plan_read(&a, root, path, NULL, 0, &p, &e))
		fail_msg("%s", e.msg);
	snprintf(stem, sizeof(stem), "/%.40s.yaml", p.sc.name);
	if (!strstr(path, stem))
		fail_msg("%s holds the scenario %s", path, p.sc.name);
	assert_true(strlen(p.sc.title) > strlen(p.sc.name) / 2);
	plan_free(&p);
	arena_free(&a);
}

static void test_shipped(void **state)
{
	char root[4096], pattern[4200];
	struct err e = {0};
	glob_t g = {0};
	size_t i;

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(pattern, sizeof(pattern), "%s/scenarios/*.yaml", root);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	assert_true(g.gl_pathc >= 9);
	for (i = 0; i < g.gl_pathc; i++)
		check_one(root, g.gl_pathv[i]);
	globfree(&g);
}

/* --set goes before the scenario's own, and is checked with it. */
static void test_set(void **state)
{
	static const struct setting_arg off = {"synchronous_mode", "off"}, unknown = {"tll", "20"},
					low = {"ttl", "25"};
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char root[4096], path[4200];

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "%s/scenarios/postgres-kill-primary.yaml", root);
	if (plan_read(&a, root, path, &off, 1, &p, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(settings_find(&p.settings, "synchronous_mode")->value, "off");
	assert_string_equal(settings_find(&p.settings, "synchronous_mode")->changed_by, "--set");
	plan_free(&p);
	assert_int_equal(plan_read(&a, root, path, &unknown, 1, &p, &e), -1);
	assert_non_null(strstr(e.msg, "did you mean \"ttl\"?"));
	assert_int_equal(plan_read(&a, root, path, &low, 1, &p, &e), -1);
	assert_non_null(strstr(e.msg, "loop_wait + 2 * retry_timeout <= ttl"));
	assert_int_equal(e.kind, ERR_INPUT);
	arena_free(&a);
}

/* Other manifests by a setting: another store for Patroni, another way for
 * clients. */
static void test_overlay(void **state)
{
	static const struct setting_arg etcd = {"store", "etcd"}, etcd3 = {"store", "etcd3"};
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char root[4096], path[4200];
	bool has_etcd = false;

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "%s/scenarios/postgres-kill-primary.yaml", root);
	if (plan_read(&a, root, path, &etcd, 1, &p, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < p.manifest.n; i++) {
		const char *name = manifest_object_name(&a, p.manifest.objects[i]);

		has_etcd = has_etcd || !strcmp(name, "StatefulSet/etcd");
		assert_null(strstr(name, "Role"));
		assert_string_not_equal(name, "Service/postgres-master");
	}
	assert_true(has_etcd);
	assert_string_equal(json_str(p.access, "write_host", ""),
			    "postgres-0.postgres,postgres-1.postgres,postgres-2.postgres");
	assert_int_equal(cJSON_GetArraySize(json_get(p.access, "stores")), 3);
	assert_null(json_get(p.access, "leader_object"));
	assert_string_equal(json_str(p.access, "user", ""), "postgres");
	assert_true(p.changes.n > 10);
	plan_free(&p);
	/* One overlay on the other. */
	if (plan_read(&a, root, path, &etcd3, 1, &p, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(json_str(p.access, "store_api", ""), "v3");
	assert_string_equal(json_str(p.access, "write_host", ""),
			    "postgres-0.postgres,postgres-1.postgres,postgres-2.postgres");
	plan_free(&p);
	snprintf(path, sizeof(path), "%s/scenarios/postgres-documented.yaml", root);
	assert_int_equal(plan_read(&a, root, path, &etcd, 1, &p, &e), -1);
	assert_string_equal(e.msg, "--set store=etcd is an overlay of the variant corrected only; "
			    "postgres-documented is documented");
	plan_free(&p);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_overlay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
