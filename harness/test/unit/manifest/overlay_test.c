/* Other manifests by a setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "manifest/manifest.h"
#include "manifest/parts.h"
#include "test/unit/manifest/room.h"

static void sub(struct fixture *f, const char *dir, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	put(f, path, text);
}

static int lay(struct fixture *f, const char *overlay, const struct ynode **access, struct err *e)
{
	put(f, "a.yaml", config);
	put(f, "b.yaml", set);
	sub(f, "over", "overlay.yaml", overlay);
	sub(f, "over", "store.yaml", more);
	read_dir(f);
	return manifest_overlay(&f->arena, &f->m, arena_fmt(&f->arena, "%s/over", f->dir), "store = x",
				&f->log, access, e);
}

static void test_overlay(void **state)
{
	struct fixture *f = *state;
	const struct ynode *access = NULL;
	struct err e = {0};

	if (lay(f, "about: x\n"
		"edit:\n"
		"- object: ConfigMap/postgres-config\n"
		"  path: data.\"patroni.yaml\"\n"
		"  replace: |\n"
		"    kubernetes:\n"
		"      namespace: production\n"
		"  with: |\n"
		"    etcd3: {hosts: a}\n"
		"- {object: ConfigMap/postgres-config, path: data.OTHER, remove: true}\n"
		"access: {write_host: 'a,b', read_host: null}\n", &access, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(yaml_get(access, "write_host")->text, "a,b");
	assert_null(strstr(text_at(f, 0, "data.\"patroni.yaml\""), "kubernetes:"));
	assert_non_null(strstr(text_at(f, 0, "data.\"patroni.yaml\""),
			       "- host all all\netcd3: {hosts: a}\nurl: http:"));
	assert_null(yaml_path(f->m.objects[0], "data.OTHER"));
	assert_string_equal(manifest_object_name(&f->arena, f->m.objects[f->m.n - 1]), "Service/store");
	assert_logged(f, "ConfigMap/postgres-config", "data.\"patroni.yaml\"", 21,
		      "kubernetes:\n  namespace: production\n", "etcd3: {hosts: a}\n");
	assert_logged(f, "ConfigMap/postgres-config", "data.OTHER", 9, "production", NULL);
	assert_logged(f, "Service/store", "(the object)", 1, NULL, "added");
	assert_int_equal(f->log.n, 3);
}

static void test_overlay_removes(void **state)
{
	struct fixture *f = *state;
	const struct ynode *access = NULL;
	struct err e = {0};
	size_t n;

	if (lay(f, "remove: [ConfigMap/postgres-config]\n", &access, &e))
		fail_msg("%s", e.msg);
	n = f->m.n;
	for (size_t i = 0; i < n; i++)
		assert_string_not_equal(manifest_kind(f->m.objects[i]), "ConfigMap");
	assert_logged(f, "ConfigMap/postgres-config", "(the object)", 1, "there", NULL);
	assert_null(access);
}

static void test_overlay_adds(void **state)
{
	struct fixture *f = *state;
	const struct ynode *access = NULL;
	struct err e = {0};

	if (lay(f, "edit:\n"
		"- {object: StatefulSet/postgres, path: 'spec.template.spec.containers[0]',\n"
		"   add: {lifecycle: {preStop: {exec: {command: ['true']}}}}}\n"
		"- {object: StatefulSet/postgres, path: spec.template.spec.containers,\n"
		"   add: [{name: beside, image: 'x:1'}]}\n", &access, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(text_at(f, 1, "spec.template.spec.containers[0].lifecycle.preStop.exec.command[0]"), "true");
	assert_string_equal(text_at(f, 1, "spec.template.spec.containers[name=beside].image"), "x:1");
	assert_int_equal(f->log.n, 3); /* these, and the object that the overlay brings */
}

static void test_overlay_that_does_not_fit(void **state)
{
	static const struct {
		const char *text, *message;
	} t[] = {
		{"remove: [Service/x]\n", "1:10: the manifests have no Service/x to change"},
		{"remove: x\n", "1:9: remove must be a list of Kind/name"},
		{"edit:\n- {object: ConfigMap/x, path: a, remove: true}\n",
		 "2:12: the manifests have no ConfigMap/x to change"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.no, remove: true}\n",
		 "2:45: ConfigMap/postgres-config has no data.no"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER}\n",
		 "2:3: an edit needs object, path, and remove, add, or replace and with"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, replace: prod, with: x, "
		 "remove: true}\n", "2:3: an edit needs object, path, and remove, add, or replace and with"},
		/* Twice in it, and not at all. */
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, replace: o, with: x}\n",
		 "2:66: this text must stand exactly once in data.OTHER of ConfigMap/postgres-config"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, replace: z, with: x}\n",
		 "2:66: this text must stand exactly once in data.OTHER of ConfigMap/postgres-config"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data, remove: [no]}\n",
		 "2:60: data of ConfigMap/postgres-config has no no to remove"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, remove: false}\n",
		 "2:65: remove is true, for a key of a map, or a list of names"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data, add: {OTHER: x}}\n",
		 "2:57: data of ConfigMap/postgres-config has OTHER already"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data, add: [x]}\n",
		 "2:56: data of ConfigMap/postgres-config is no list to add to"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data, add: x}\n",
		 "2:56: data of ConfigMap/postgres-config is no map to add to"},
		{"acess: {}\n", "1:1: unknown key \"acess\" in an overlay; did you mean \"access\"?"},
		{"access: [a]\n", "1:9: access must be a map"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct ynode *access;
		struct err e = {0};
		char expected[400];

		assert_int_equal(lay(f, t[i].text, &access, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		snprintf(expected, sizeof(expected), "%s/over/overlay.yaml:%s", f->dir, t[i].message);
		assert_string_equal(e.msg, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_overlay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlay_removes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlay_adds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlay_that_does_not_fit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
