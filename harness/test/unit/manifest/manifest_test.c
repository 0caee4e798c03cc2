/* Reading manifests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "manifest/manifest.h"
#include "test/unit/manifest/room.h"

static void test_read(void **state)
{
	struct fixture *f = *state;
	const char **images;
	struct err e = {0};
	size_t n;

	put(f, "20-set.yaml", set);
	put(f, "10-config.yaml", config);
	put(f, "access.yaml", "no: object\n");
	put(f, "notes.txt", "[[[");
	put(f, ".hidden.yaml", "[[[");
	put(f, "30-empty.yaml", "# nothing\n---\n");
	read_dir(f);
	assert_int_equal(f->m.n, 4);
	assert_string_equal(manifest_object_name(&f->arena, f->m.objects[0]),
			    "ConfigMap/postgres-config");
	assert_string_equal(manifest_object_name(&f->arena, f->m.objects[3]),
			    "StorageClass/fast-ssd");
	assert_int_equal(manifest_images(&f->arena, &f->m, &images, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(images[0], "busybox");
	assert_string_equal(images[1], "acid/spilo-15:3.0-p1");
	assert_null(images[2]);
}

static void test_read_wrong(void **state)
{
	static const struct {
		const char *text, *message;
	} t[] = {
		{"kind: A\nmetadata: {name: a}\n", "1:1: the object has no apiVersion"},
		{"apiVersion: v1\nmetadata: {name: a}\n", "1:1: the object has no kind"},
		{"apiVersion: v1\nkind: A\n", "1:1: the object has no metadata.name"},
		{"apiVersion: v1\nkind: A\nmetadata: {}\n", "3:11: the object has no metadata.name"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: [1]}\n",
		 "3:18: a text is needed here, not a list"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: ''}\n", "3:18: metadata.name is empty"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: []}\n",
		 "3:32: a text is needed here, not a list"},
		{"- a\n", "1:1: an object (apiVersion, kind, metadata) is needed here"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: A\n"
		 "metadata: {name: a}\n", NULL},
		/* In a run they are one and the same, wherever they were. */
		{"apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: x}\n---\napiVersion: v1\nkind: A\nmetadata: {name: a, namespace: y}\n", NULL},
		{"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: A\nmetadata: {name: a, namespace: y}\n", NULL},
		{"apiVersion: v1\nkind: List\n", "1:1: a List has its objects in `items`, and this one has no such key"},
		{"apiVersion: v1\nkind: ServiceList\nmetadata: {}\n", "1:1: a ServiceList has its objects in `items`, and this one has no such key"},
		{"apiVersion: v1\nkind: List\nmetadata: {name: a}\nitems: {a: b}\n", "4:8: the `items` of a List must be a list"},
		{"a: 1\na: 2\n", "2:1: the key \"a\" is there twice (first in line 1): remove one"},
		{"# nothing\n", NULL},
	};
	struct fixture *f = *state;
	char expected[1024];
	size_t i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};

		put(f, "a.yaml", t[i].text);
		if (!manifest_read_dir(&f->arena, f->dir, &f->m, &e))
			fail_msg("taken, but wrong:\n%s", t[i].text);
		assert_int_equal(e.kind, ERR_INPUT);
		snprintf(expected, sizeof(expected), "%s/a.yaml:%s", f->dir, t[i].message);
		if (t[i].message)
			assert_string_equal(e.msg, expected);
	}
}

static void test_read_nothing(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(manifest_read_dir(&f->arena, f->dir, &f->m, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(manifest_read_dir(&f->arena, "/nonexistent/folder", &f->m, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

/* What bears one name in two groups is two things; a List of nothing is no mistake, and what
 * only ends like one is an object. */
static void test_read_apart(void **state)
{
	struct fixture *f = *state;

	put(f, "a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n"
			 "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n---\n"
			 "apiVersion: v1\nkind: List\nitems: []\n---\n"
			 "apiVersion: example.org/v1\nkind: AllowList\nmetadata: {name: a}\n");
	read_dir(f);
	assert_int_equal(f->m.n, 3);
}

/* The place that a whole suite tells its errors through may hold an earlier one. */
static void test_read_wrong_again(void **state)
{
	static const char *const wrong[] = {"apiVersion: v1\nkind: A\n", "a: [\n"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0}, again;

		put(f, "a.yaml", wrong[i]);
		assert_int_equal(manifest_read_dir(&f->arena, f->dir, &f->m, &e), -1);
		err_set(&again, ERR_BROKEN, "of an earlier scenario");
		assert_int_equal(manifest_read_dir(&f->arena, f->dir, &f->m, &again), -1);
		assert_string_equal(again.msg, e.msg);
		assert_int_equal(again.kind, e.kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_wrong_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
