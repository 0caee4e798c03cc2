/* Which image stands in for which: with a project folder and an image.sh of
 * the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/images.h"

struct fixture {
	struct arena arena;
	struct images im;
	char dir[64];
};

static void put(struct fixture *f, const char *name, const char *text)
{
	char path[PATH_MAX], *slash;
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(path, &e), 0);
	*slash = '/';
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	unsetenv("ORDEAL_IMAGES");
	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->im.arena = &f->arena;
	mem_copy_str(f->im.root, sizeof(f->im.root), f->dir);
	mem_copy_str(f->im.cache, sizeof(f->im.cache), f->dir);
	put(f, "fixtures/images/stock.yaml",
	    "images:\n- {image: 'redis:7.2', build: redis, is: redis 7.0 of Debian}\n"
	    "- {image: 'x/backup:1', is: nobody packs it}\n"
	    "- {image: 'x/old:1', withdrawn: true, is: it is gone}\n");
	put(f, "fixtures/images/redis/Dockerfile", "FROM ordeal/base:12\n");
	/* Counts its calls; its noise is no part of the answer. */
	put(f, "kind/image.sh",
	    "#!/bin/sh\necho \"$*\" >>\"${0%/*}/calls\"\necho building >&2\n"
	    "[ \"$1\" != --stock ] || { echo \"$2\"; exit; }\n"
	    "[ \"$1\" != broken ] || { echo no space >&2; exit 1; }\necho first\necho ordeal/$1:abc\n");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	unsetenv("ORDEAL_IMAGES");
	free(f->im.v);
	arena_free(&f->arena);
	file_remove_tree(f->dir, &e);
	free(f);
	return 0;
}

static void a_stand_in_is_built_once(void **state)
{
	struct fixture *f = *state;
	struct buf calls = {0};
	char path[PATH_MAX];
	struct err e = {0};

	assert_string_equal(images_on_kind(&f->im, "redis:7.2"), "ordeal/redis:abc");
	assert_string_equal(images_on_kind(&f->im, "redis:7.2"), "ordeal/redis:abc");
	/* What is adapted already stays. */
	assert_null(images_on_kind(&f->im, "ordeal/redis:abc"));
	snprintf(path, sizeof(path), "%s/kind/calls", f->dir);
	assert_int_equal(file_read(path, &calls, &e), 0);
	assert_string_equal(buf_cstr(&calls), "redis\n");
	buf_free(&calls);
	/* Docker has other names for the same. */
	assert_string_equal(images_on_kind(&f->im, "docker.io/library/redis:7.2"), "ordeal/redis:abc");
	assert_string_equal(images_on_kind(&f->im, "index.docker.io/redis:7.2"), "ordeal/redis:abc");
}

static void our_own_names_are_folders(void **state)
{
	struct fixture *f = *state;
	const char *const refs[] = {"ordeal/none:1"};
	struct err e = {0};

	assert_string_equal(images_on_kind(&f->im, "ordeal/redis:7.0"), "ordeal/redis:abc");
	assert_null(images_on_kind(&f->im, "ordeal/none:1"));
	assert_int_equal(images_error(&f->im, refs, 1, &e), -1);
	assert_non_null(strstr(e.msg, "fixtures/images/none"));
}

static void what_cannot_be_had_says_why(void **state)
{
	struct fixture *f = *state;
	const char *const gone[] = {"x/backup:1"}, *const unknown[] = {"mongo:7"}, *const fine[] = {"a"};
	struct err e = {0};

	assert_null(images_on_kind(&f->im, "x/backup:1"));
	assert_null(images_on_kind(&f->im, "mongo:7"));
	assert_int_equal(images_error(&f->im, fine, 1, &e), 0);
	assert_int_equal(images_error(&f->im, gone, 1, &e), -1);
	assert_non_null(strstr(e.msg, "x/backup:1 cannot be had: nobody packs it"));
	assert_int_equal(images_error(&f->im, unknown, 1, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "mongo:7"));
}

/* Its pod has to wait here as it would anywhere, so the manifests are taken. */
static void what_was_withdrawn_is_no_fault_of_this_place(void **state)
{
	struct fixture *f = *state;
	const char *const gone[] = {"x/old:1"};

	for (int pulling = 0; pulling < 2; pulling++) {
		struct err e = {0};

		f->im.n = 0;
		if (pulling)
			put(f, "kind/mode", "pull\n");
		assert_null(images_on_kind(&f->im, "x/old:1"));
		assert_int_equal(images_error(&f->im, gone, 1, &e), 0);
		images_why(&f->im, "x/old:1", &e);
		assert_non_null(strstr(e.msg, "x/old:1 cannot be had: it is gone"));
	}
}

static void stock_names_stay_when_pulling(void **state)
{
	struct fixture *f = *state;

	put(f, "kind/mode", "pull\n");
	assert_string_equal(images_on_kind(&f->im, "mongo:7"), "mongo:7");
	assert_string_equal(images_on_kind(&f->im, "ordeal/redis:7.0"), "ordeal/redis:abc");
}

static void a_failed_build_quotes_its_end(void **state)
{
	struct fixture *f = *state;
	const char *ref = NULL;
	struct err e = {0};

	assert_int_equal(images_build(&f->im, "broken", NULL, &ref, &e), -1);
	assert_non_null(strstr(e.msg, "no space"));
	assert_null(ref);
}

static void a_malformed_table_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *const refs[] = {"redis:7.2"};
	struct err e = {0};

	put(f, "fixtures/images/stock.yaml", "images:\n- {image: 'redis:7.2', biuld: redis, is: x}\n");
	assert_null(images_on_kind(&f->im, "redis:7.2"));
	assert_int_equal(images_error(&f->im, refs, 1, &e), -1);
	assert_non_null(strstr(e.msg, "stock.yaml:2"));
	assert_non_null(strstr(e.msg, "biuld"));
}

/* Each takes the longest that fits, from the whole name, once. */
static void redirects(void **state)
{
	static const char *const prefixes[] = {"docker.io=mirror.example/hub", "docker.io/bitnami=quay.example:5000/b",
					       "gcr.io/x=docker.io/x"};
	static const struct {
		const char *image, *to;
	} cases[] = {
		{"redis:7.2", "mirror.example/hub/library/redis:7.2"},
		{"redis@sha256:00", "mirror.example/hub/library/redis@sha256:00"},
		{"bitnami/redis:7", "quay.example:5000/b/redis:7"},
		{"docker.io/bitnami/redis", "quay.example:5000/b/redis"},
		{"docker.io/redis:7.2", "mirror.example/hub/library/redis:7.2"},
		{"docker.io/library/redis", "mirror.example/hub/library/redis"},
		{"index.docker.io/redis", "mirror.example/hub/library/redis"},
		{"index.docker.io/bitnami/redis", "quay.example:5000/b/redis"},
		{"index.docker.iox/redis", NULL},
		{"bitnamix/redis", "mirror.example/hub/bitnamix/redis"},
		{"gcr.io/x/y:1", "docker.io/x/y:1"},
		{"gcr.io/xy/z", NULL},
		{"localhost/a", NULL},
		{"localhost:5000/a", NULL},
		{"quay.io/a/b", NULL},
		{"mirror.example/hub/library/redis:7.2", NULL},
		{"quay.example:5000/b/redis:7", NULL},
	};
	static const char *const bad[] = {"", "=", "a", "a=", "=b", "a/=b", "a=b/", "a b=c", "a=b\nc", "a=b=c"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *to =
			images_redirect(&f->arena, prefixes, ARRAY_LEN(prefixes), cases[i].image);

		if (!cases[i].to != !to || (to && strcmp(to, cases[i].to)))
			fail_msg("%s: %s", cases[i].image, to ? to : "(kept)");
	}
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		assert_null(images_bad_prefix(prefixes[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_non_null(images_bad_prefix(bad[i]));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_stand_in_is_built_once),    T(our_own_names_are_folders),
		T(what_cannot_be_had_says_why), T(stock_names_stay_when_pulling),
		T(what_was_withdrawn_is_no_fault_of_this_place),
		T(a_failed_build_quotes_its_end), T(a_malformed_table_is_refused),
		T(redirects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
