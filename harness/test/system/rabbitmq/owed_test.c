/* Confirms that come too late: of which publishes they are, and which they say nothing of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "system/rabbitmq/owed.h"

/* What a call tells, as the values and times that are expected, ended by 0. */
static void tells(struct owed *o, const int64_t *expected)
{
	struct op_room room;
	struct op op = {0};
	int n = 0;

	op_room_begin(&op, &room);
	owed_tell(o, &op);
	for (; expected[2 * n]; n++) {
		assert_true(n < op.nlate);
		assert_int_equal(op.late[n].value, expected[2 * n]);
		assert_int_equal(op.late[n].t, expected[2 * n + 1]);
	}
	assert_int_equal(op.nlate, n);
}

#define TELLS(o, ...) tells(o, (const int64_t[]){__VA_ARGS__})

static void one_by_one(void **state)
{
	struct owed o = {0};

	(void)state;
	TELLS(&o, 0);
	owed_add(&o, 2, 12, false);
	owed_add(&o, 3, 13, false);
	TELLS(&o, 0);
	owed_settle(&o, 3, false, true, 100);
	owed_settle(&o, 4, false, true, 110);
	TELLS(&o, 13, 100, 0);
	owed_settle(&o, 2, false, true, 120);
	owed_settle(&o, 2, false, true, 130);
	TELLS(&o, 12, 120, 0);
	TELLS(&o, 0);
	owed_free(&o);
}

static void all_up_to(void **state)
{
	struct owed o = {0};

	(void)state;
	for (int i = 1; i <= 5; i++)
		owed_add(&o, (uint64_t)i, 10 + i, false);
	owed_settle(&o, 2, false, true, 100);
	owed_settle(&o, 4, true, true, 110);
	TELLS(&o, 11, 110, 12, 100, 13, 110, 14, 110, 0);
	owed_settle(&o, 9, true, true, 120);
	TELLS(&o, 15, 120, 0);
	owed_free(&o);
}

/* What no queue took is confirmed all the same, after it was returned. */
static void not_acknowledged(void **state)
{
	struct owed o = {0};

	(void)state;
	owed_add(&o, 1, 11, false);
	owed_add(&o, 2, 12, true);
	owed_add(&o, 3, 13, false);
	owed_add(&o, 4, 14, false);
	owed_return(&o, 11);
	owed_settle(&o, 3, false, false, 100);
	owed_settle(&o, 4, true, true, 110);
	TELLS(&o, 14, 110, 0);
	owed_free(&o);
}

/* The numbers of the next channel are others; what was heard of this one stays true. */
static void channel_ends(void **state)
{
	struct owed o = {0};

	(void)state;
	owed_add(&o, 1, 11, false);
	owed_add(&o, 2, 12, false);
	owed_settle(&o, 1, false, true, 100);
	owed_end(&o);
	owed_settle(&o, 2, true, true, 110);
	TELLS(&o, 11, 100, 0);
	owed_free(&o);
}

/* More than one call has room for. */
static void many(void **state)
{
	struct owed o = {0};
	struct op_room room;
	struct op op = {0};
	int told = 0;

	(void)state;
	for (int i = 1; i <= 2 * OP_LATE_MAX + 1; i++)
		owed_add(&o, (uint64_t)i, i, false);
	owed_settle(&o, 2 * OP_LATE_MAX + 1, true, true, 100);
	for (int calls = 0; calls < 3; calls++) {
		op_room_begin(&op, &room);
		owed_tell(&o, &op);
		for (int i = 0; i < op.nlate; i++)
			assert_int_equal(op.late[i].value, ++told);
	}
	assert_int_equal(told, 2 * OP_LATE_MAX + 1);
	assert_int_equal(op.nlate, 1);
	owed_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(all_up_to),
		cmocka_unit_test(not_acknowledged),
		cmocka_unit_test(channel_ends),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("rabbitmq, late confirms", tests, NULL, NULL);
}
