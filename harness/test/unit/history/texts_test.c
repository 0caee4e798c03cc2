/* What a history keeps of its operations' texts, and how much room they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "history/op.h"

static void equal_texts_are_one(void **state)
{
	struct texts t = {0};
	const char *first[1000];
	char text[32];

	(void)state;
	assert_string_equal(texts_keep(&t, NULL), "");
	assert_string_equal(texts_keep(&t, ""), "");
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%d.%d:6379", i / 256, i % 256);
		first[i] = texts_keep(&t, text);
		assert_ptr_not_equal(first[i], text);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%d.%d:6379", i / 256, i % 256);
		assert_string_equal(first[i], text);
		assert_ptr_equal(texts_keep(&t, text), first[i]);
	}
	assert_int_equal(t.n, 1000);
	texts_free(&t);
	assert_string_equal(texts_keep(&t, "again"), "again");
	texts_free(&t);
}

static void a_history_has_its_own(void **state)
{
	struct history h = {0};
	struct op_room room;
	struct op op = {.f = OP_INSERT};

	(void)state;
	op_room_begin(&op, &room);
	op_error_set(&op, OP_ERR_TIMEOUT, "no answer");
	mem_copy_str(room.via, sizeof(room.via), "10.0.0.1");
	mem_copy_str(room.tx, sizeof(room.tx), "uuid:1");
	history_add(&h, &op);
	memset(&room, 'x', sizeof(room));
	history_add(&h, &(struct op){.f = OP_READ});
	assert_string_equal(h.ops[0].error, "timeout: no answer");
	assert_string_equal(h.ops[0].via, "10.0.0.1");
	assert_string_equal(h.ops[0].tx, "uuid:1");
	assert_null(h.ops[0].room);
	assert_string_equal(h.ops[1].error, "");
	assert_string_equal(h.ops[1].via, "");
	history_free(&h);
}

/* A load of an hour is millions of operations, and all are at hand at once: most have
 * neither an error nor an address that no other has. */
static void many_take_little(void **state)
{
	enum { MANY = 100000, EACH_BYTES = 208 };
	struct history h = {0};
	struct op op = {.f = OP_INSERT, .via = "10.244.1.7:6379"};
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, took;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		op.error = i % 10 ? "" : "connect: connection refused";
		history_add(&h, &op);
	}
	took = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	print_message("# %zu bytes an operation\n", took / h.alloc);
#if !defined(__SANITIZE_ADDRESS__) &&                                                              \
	!defined(__SANITIZE_THREAD__) /* whose allocators tell nothing */
	assert_true(took > 0);
#endif
	assert_in_range(took, 0, EACH_BYTES * h.alloc);
	history_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_texts_are_one),
		cmocka_unit_test(a_history_has_its_own),
		cmocka_unit_test(many_take_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
