#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"
#include "test/fuzz/targets.h"

/* Every day's dose: the corpus of tricky inputs, and some mutations of each,
 * the same on every machine. A finding of the real fuzzer (make fuzz) goes
 * into the corpus and stays there. */

enum { MUTATIONS = 400, FIELD_MUTATIONS = 60, SIZE_MAX_BYTES = 1 << 16 };

static void mutate(struct rng *r, struct buf *b)
{
	static const char *const pieces[] = {"- ", ": ", "\n", "  ", "{", "}", "[", "]", "\"", "'",
					     "|", "#", "&", "*", "!", "%", "0", "999999999999", "\t", ","};
	size_t at, len, i;
	const char *piece;

	for (i = 0; i < 1 + rng_below(r, 3); i++) {
		at = b->len ? rng_below(r, b->len) : 0;
		switch (rng_below(r, 4)) {
		case 0: /* one byte becomes another */
			if (b->len)
				b->s[at] = (char)rng_next(r);
			break;
		case 1: /* a stretch goes */
			len = b->len ? rng_below(r, b->len - at) : 0;
			if (len) {
				memmove(b->s + at, b->s + at + len, b->len - at - len);
				b->len -= len;
			}
			break;
		case 2: /* a piece of syntax comes */
			piece = pieces[rng_below(r, sizeof(pieces) / sizeof(*pieces))];
			len = strlen(piece);
			buf_str(b, piece);
			memmove(b->s + at + len, b->s + at, b->len - at - len);
			memcpy(b->s + at, piece, len);
			break;
		default: /* the end goes */
			b->len = at;
		}
	}
}

static void run_corpus(const struct fuzz_target *t, const char *root)
{
	static uint8_t room[SIZE_MAX_BYTES];
	struct buf seed = {0}, b = {.cap = SIZE_MAX_BYTES};
	struct rng r = {.state = 7};
	char pattern[4300];
	struct err e = {0};
	glob_t g = {0};
	size_t i, k;

	snprintf(pattern, sizeof(pattern), "%s/harness/test/fuzz/corpus/%s/*", root, t->name);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (i = 0; i < g.gl_pathc; i++) {
		buf_reset(&seed);
		if (file_read(g.gl_pathv[i], &seed, &e))
			fail_msg("%s", e.msg);
		t->run((const uint8_t *)buf_cstr(&seed), seed.len);
		for (k = 0; k < (t->mutate ? FIELD_MUTATIONS : MUTATIONS); k++) {
			buf_reset(&b);
			buf_add(&b, buf_cstr(&seed), seed.len);
			if (t->mutate) {
				memcpy(room, b.s, b.len);
				b.len = 0;
				buf_add(&b, (char *)room,
					t->mutate(room, seed.len, sizeof(room), &r));
			} else {
				mutate(&r, &b);
			}
			t->run((const uint8_t *)buf_cstr(&b), b.len);
		}
	}
	globfree(&g);
	buf_free(&seed);
	buf_free(&b);
}

static void test_corpus(void **state)
{
	const struct fuzz_target *t;
	struct err e = {0};
	char root[4096];

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	for (t = fuzz_targets; t->name; t++)
		run_corpus(t, root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
