/* fixtures/postgres: every knob turns something in both variants, impossible
 * combinations are refused, and clients know the password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifest/manifest.h"
#include "manifest/settings.h"

static const char *const variants[] = {"corrected", "documented"};

struct fixture {
	struct arena a;
	struct settings s;
	struct manifest m;
	struct adaptations log;
};

static void load(struct fixture *f, const char *variant)
{
	char root[PATH_MAX];
	struct err e = {0};

	memset(f, 0, sizeof(*f));
	if (file_project_root(root, &e) ||
	    settings_load(&f->a, arena_fmt(&f->a, "%s/fixtures/postgres/settings.yaml", root),
			  &f->s, &e) ||
	    manifest_read_dir(&f->a, arena_fmt(&f->a, "%s/fixtures/postgres/%s", root, variant),
			      &f->m, &e))
		fail_msg("%s", e.msg);
}

static const struct ynode *object(struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->m.n; i++) {
		if (!strcmp(manifest_object_name(&f->a, f->m.objects[i]), name))
			return f->m.objects[i];
	}
	return NULL;
}

/* Some other value than the default. */
static const char *other(const struct setting *st)
{
	const struct ynode *choices = yaml_get(st->node, "choices");

	if (!strcmp(st->unit, "bool"))
		return strcmp(st->value, "on") ? "on" : "off";
	for (size_t i = 0; choices && i < choices->n; i++)
		if (strcmp(choices->items[i]->text, st->value) != 0)
			return choices->items[i]->text;
	return "47";
}

static void test_every_knob(void **state)
{
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(variants); v++) {
		struct fixture f;
		size_t n;

		load(&f, variants[v]);
		n = f.s.n;
		assert_true(n >= 8);
		arena_free(&f.a);
		for (size_t i = 0; i < n; i++) {
			struct err e = {0};
			const char *name;

			load(&f, variants[v]);
			name = f.s.v[i].name;
			/* The defaults are what the manifests say already. */
			if (manifest_apply_settings(&f.a, &f.m, &f.s, &f.log, &e))
				fail_msg("%s", e.msg);
			assert_int_equal(f.log.n, 0);
			if (settings_set(&f.a, &f.s, name, other(&f.s.v[i]), "--set", NULL, &e) ||
			    manifest_apply_settings(&f.a, &f.m, &f.s, &f.log, &e))
				fail_msg("%s: %s", variants[v], e.msg);
			/* An overlay is another set of manifests
			 * (test/unit/scenario/shipped_test.c). */
			if (f.log.n != (setting_overlays(&f.s.v[i]) ? 0 : 1))
				fail_msg("%s: %s changes %zu places", variants[v], name, f.log.n);
			arena_free(&f.a);
		}
	}
}

static void test_impossible(void **state)
{
	static const char *const pairs[][4] = {
		{"ttl", "29", "loop_wait", "10"},
		{"synchronous_mode_strict", "on", "synchronous_mode", "off"},
		{"synchronous_mode", "on", "synchronous_commit", "local"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct fixture f;
		struct err e = {0};

		load(&f, "corrected");
		assert_int_equal(settings_check(&f.s, &e), 0);
		assert_int_equal(settings_set(&f.a, &f.s, pairs[i][0], pairs[i][1], "--set", NULL,
					      &e), 0);
		assert_int_equal(settings_set(&f.a, &f.s, pairs[i][2], pairs[i][3], "--set", NULL,
					      &e), 0);
		assert_int_equal(settings_check(&f.s, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		arena_free(&f.a);
	}
}

static void test_password(void **state)
{
	const struct ynode *secret;
	struct ynode **docs;
	struct fixture f;
	struct err e = {0};
	char root[PATH_MAX];
	size_t n;

	(void)state;
	load(&f, "corrected");
	secret = object(&f, "Secret/postgres-secret");
	assert_non_null(secret);
	assert_int_equal(file_project_root(root, &e), 0);
	assert_int_equal(yaml_read_file(&f.a, arena_fmt(&f.a, "%s/fixtures/postgres/corrected/"
							"access.yaml", root), &docs, &n, &e), 0);
	assert_string_equal(yaml_get(docs[0], "password")->text,
			    yaml_get(yaml_get(secret, "stringData"), "superuser-password")->text);
	arena_free(&f.a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_knob),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
