/* What all systems' clients stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/client_kit.h"
#include "test/lib/client_trial.h"

/* What a client is handed, and until when. */
static struct op begun;
static int64_t until_ns;

static void invoke(struct client *c, struct op *op, int64_t until)
{
	(void)c;
	begun = *op;
	until_ns = until;
	op->outcome = OP_OK;
}

static struct op made(struct op op, int64_t deadline_ns)
{
	static const struct client_ops sys = {.invoke = invoke};
	int64_t before = clock_mono_ns();

	call_make(&sys, NULL, &op, trial_room(), deadline_ns);
	assert_true(begun.t_invoke >= before && op.t_invoke == begun.t_invoke);
	assert_true(op.t_return >= op.t_invoke && op.t_return <= clock_mono_ns());
	assert_int_equal(op.outcome, OP_OK);
	return op;
}

static void a_call_begins_with_nothing_known(void **state)
{
	(void)state;
	made((struct op){.f = OP_READ,
			 .key = 1,
			 .value = 7,
			 .outcome = OP_OK,
			 .sent = true,
			 .find_ns = 1,
			 .dns_ns = 2,
			 .connect_ns = 3,
			 .error = "old",
			 .via = "old"},
	     NS_PER_S);
	assert_int_equal(begun.outcome, OP_FAIL);
	assert_false(begun.sent);
	assert_int_equal(begun.find_ns | begun.dns_ns | begun.connect_ns, 0);
	assert_string_equal(begun.error, "");
	assert_string_equal(begun.via, "");
	assert_int_equal(begun.value, OP_NO_VALUE);
	assert_int_equal(begun.key, 1);
	/* What is to be written stays. */
	made((struct op){.f = OP_CAS, .value = 7, .expect = 6}, NS_PER_S);
	assert_int_equal(begun.value, 7);
	assert_int_equal(begun.expect, 6);
}

static void a_call_gives_up_before_its_deadline(void **state)
{
	struct op op = made((struct op){.f = OP_READ}, 400 * NS_PER_MS);

	(void)state;
	assert_int_equal(until_ns, op.t_invoke + 390 * NS_PER_MS);
	/* However long it may take, 25 ms are enough to wake up. */
	op = made(op, 60 * NS_PER_S);
	assert_int_equal(until_ns, op.t_invoke + 60 * NS_PER_S - 25 * NS_PER_MS);
	assert_true(call_may_send(&op, clock_mono_ns() + 60 * NS_PER_S));
	assert_string_equal(op.error, "");
	assert_false(call_may_send(&op, clock_mono_ns()));
	assert_int_equal(strncmp(op.error, "timeout:", 8), 0);
}

static void a_mismatch_is_a_refusal(void **state)
{
	struct op op = {.f = OP_CAS, .outcome = OP_INFO};
	char line[OP_ERROR_MAX + 50];

	(void)state;
	op_room_begin(&op, trial_room());
	call_mismatch(&op, "the value was %d", 3);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_string_equal(op.error, "mismatch: the value was 3");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	call_mismatch(&op, "%s", line);
	assert_int_equal(strlen(op.error), OP_ERROR_MAX - 1);
}

static void a_payload_has_its_length(void **state)
{
	char *one = payload_make(1, 100), *two = payload_make(2, 100), *none = payload_make(3, 0);

	(void)state;
	assert_int_equal(strlen(one), 100);
	assert_int_equal(strlen(two), 100);
	assert_string_not_equal(one, two);
	assert_string_equal(none, "");
	free(one);
	free(two);
	free(none);
}

static void what_nobody_wrote_is_absent(void **state)
{
	struct final_read r;

	(void)state;
	final_read_begin(&r, 2);
	final_read_register(&r, 1, 5);
	final_read_register(&r, 2, 6);
	final_read_register(&r, -1, 7);
	final_read_value(&r, 9);
	final_read_value(&r, 9);
	assert_int_equal(r.n, 2);
	assert_true(r.values[0] == 9 && r.values[1] == 9);
	assert_int_equal(r.nregisters, 2);
	assert_int_equal(r.registers[0], OP_NO_VALUE);
	assert_int_equal(r.registers[1], 5);
	final_read_free(&r);
}

/* By a name that is cut nobody would find it among the members. */
static void whoever_answered_has_its_whole_name(void **state)
{
	struct member m = {.host = "10.0.0.1"};
	const struct access acc = {.members = &m, .n = 1};
	struct final_read r;

	(void)state;
	memset(m.name, 'm', sizeof(m.name) - 1);
	final_read_begin(&r, 0);
	final_read_answered(&r, &acc, "10.0.0.1:5432", "10.0.0.1", ROLE_PRIMARY, 0);
	assert_string_equal(r.answers[0].member, m.name);
	final_read_free(&r);
}

static void settings_are_told_in_one_language(void **state)
{
	static const struct {
		const char *value, *unit, *told;
	} t[] = {
		{"yes", "bool", "on"}, {"on", "bool", "on"}, {"true", "bool", "on"}, {"no", "bool", "off"},
		{"off", "bool", "off"}, {"yes", "word", "yes"}, {"30", "s", "30"},
	};
	cJSON *list = cJSON_CreateArray();

	(void)state;
	for (int i = 0; i < (int)(sizeof(t) / sizeof(t[0])); i++) {
		const cJSON *o;

		setting_add(list, "knob", t[i].value, t[i].unit, "its own word");
		o = cJSON_GetArrayItem(list, i);
		assert_string_equal(json_str(o, "name", ""), "knob");
		assert_string_equal(json_str(o, "value", ""), t[i].told);
		assert_string_equal(json_str(o, "unit", ""), t[i].unit);
		assert_string_equal(json_str(o, "source", ""), "its own word");
	}
	cJSON_Delete(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_begins_with_nothing_known),
		cmocka_unit_test(a_call_gives_up_before_its_deadline),
		cmocka_unit_test(a_mismatch_is_a_refusal),
		cmocka_unit_test(a_payload_has_its_length),
		cmocka_unit_test(what_nobody_wrote_is_absent),
		cmocka_unit_test(whoever_answered_has_its_whole_name),
		cmocka_unit_test(settings_are_told_in_one_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
