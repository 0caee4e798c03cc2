/* Whether what members say of themselves tells who led. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "check/check.h"
#include "test/lib/trial.h"
#include "test/unit/check/judged.h"

static void becomes(struct trial *t, enum verdict v, const char *says)
{
	const struct judged *j = trial_judge(t, "[{\"metric\":\"dual_primary\",\"at_most\":0}]");

	if (j->verdict != v || (says && !strstr(j->why, says)))
		fail_msg("%s: %s", verdict_name(j->verdict), j->why);
}

/* What members say from 50 s on, and for so long, of this key: another word, or NULL, nothing. */
static void say(struct trial *t, int seconds, const char *key, const char *word)
{
	cJSON *e;

	cJSON_ArrayForEach(e, t->events) {
		if (!json_get(e, "role") || json_i64(e, "t", 0) < 50 * SEC || json_i64(e, "t", 0) >= (50 + seconds) * SEC)
			continue;
		cJSON_DeleteItemFromObject(e, key);
		if (word)
			json_set_str(e, key, word);
	}
}

static void deaf(struct trial *t, const char *member, int64_t from, int64_t to)
{
	cJSON *e;

	cJSON_ArrayForEach(e, t->events)
		if (!strcmp(json_str(e, "m", ""), member) && json_i64(e, "t", 0) >= from && json_i64(e, "t", 0) < to)
			cJSON_ReplaceItemInObject(e, "ok", cJSON_CreateFalse());
}

static void test_said(void **state)
{
	static const struct {
		int seconds;
		const char *key, *word;
		enum verdict v;
		const char *says;
	} cases[] = {
		{1, "role", "replica", VERDICT_PASS, NULL},
		/* Somebody took the writes that were acknowledged. */
		{10, "role", "replica", VERDICT_UNKNOWN, "writes were acknowledged while no member had said for 2 s that it "
							 "was a writable primary, from 5"},
		/* A primary that does not say whether it takes writes may take them. */
		{3, "writable", NULL, VERDICT_UNKNOWN, "m0 was not heard for 3."},
		{3, "role", NULL, VERDICT_UNKNOWN, "m0 was not heard for 3."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial t;

		trial_begin(&t);
		say(&t, cases[i].seconds, cases[i].key, cases[i].word);
		if (!cases[i].word)
			deaf(&t, "m1", 50 * SEC, 53 * SEC);
		becomes(&t, cases[i].v, cases[i].says);
		trial_end(&t);
	}
}

/* Two primaries are two: of one that nobody heard nothing need be known while all others were
 * heard to be none; behind a cut one is not heard, and may be one. */
static void test_no_other(void **state)
{
	static const char cut[] = "{\"k\":\"fault\",\"t\":49000000000,\"id\":\"cut\",\"fault\":\"partition-node\",\"state\":"
				  "\"effective\",\"targets\":[{\"member\":\"m1\"}],\"does\":{\"cut_off\":true,\"lasts\":true}}";
	static const struct {
		bool others, cut;
		enum verdict v;
		const char *says;
	} cases[] = {
		{false, false, VERDICT_PASS, NULL},
		{true, false, VERDICT_UNKNOWN, "m0 was not heard for 10."},
		{true, true, VERDICT_UNKNOWN, "m0 was not heard for 10."},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trial t;

		trial_begin(&t);
		for (size_t k = 0; k < t.h.n; k++)
			if (t.h.ops[k].t_intended > 47 * SEC && t.h.ops[k].t_intended < 63 * SEC)
				t.h.ops[k].outcome = OP_FAIL;
		deaf(&t, "m0", 50 * SEC, 60 * SEC);
		if (cases[i].others)
			deaf(&t, "m1", 50 * SEC, 60 * SEC);
		if (cases[i].cut)
			trial_event(&t, cut);
		becomes(&t, cases[i].v, cases[i].says);
		trial_end(&t);
	}
}

/* Without confirms a message is taken for sent once it has left: nobody had to take it. */
static void test_without_confirms(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	for (size_t i = 0; i < t.h.n; i++)
		t.h.ops[i].f = t.h.ops[i].f == OP_INSERT ? OP_SEND :
			       t.h.ops[i].f == OP_CAS	 ? OP_RECEIVE :
							   t.h.ops[i].f;
	say(&t, 10, "role", "replica");
	becomes(&t, VERDICT_UNKNOWN, "writes were acknowledged while no member had said");
	trial_event(&t, "{\"k\":\"inforce\",\"t\":1,\"settings\":[{\"name\":\"confirms\",\"value\":\"off\"}]}");
	becomes(&t, VERDICT_PASS, NULL);
	trial_end(&t);
}

/* Who takes no writes is no primary, whatever else it is: starting, or stopping. */
static void test_takes_none(void **state)
{
	struct trial t;
	cJSON *e;

	(void)state;
	trial_begin(&t);
	cJSON_ArrayForEach(e, t.events)
		if (!strcmp(json_str(e, "m", ""), "m2"))
			cJSON_ReplaceItemInObject(e, "role", cJSON_CreateString("unknown"));
	becomes(&t, VERDICT_PASS, NULL);
	trial_end(&t);
}

/* Where writes are of parts, a primary that does not say of which was not heard. */
static void test_of_no_part(void **state)
{
	struct trial t;

	(void)state;
	for (int told = 1; told >= 0; told--) {
		cJSON *e;

		trial_begin(&t);
		for (size_t i = 0; i < t.h.n; i++)
			t.h.ops[i].shard = 1;
		cJSON_ArrayForEach(e, t.events)
			if (told && !strcmp(json_str(e, "role", ""), "primary"))
				json_set_i64(e, "shard", 1);
		becomes(&t, told ? VERDICT_PASS : VERDICT_UNKNOWN, told ? NULL : "no member was ever heard as a writable primary");
		trial_end(&t);
	}
}

/* The worst part may be one that nothing tells of: what is too short for all is no failure. */
static void test_parts_untold(void **state)
{
	static const char least[] = "[{\"metric\":\"outage\",\"at_least\":30000000000}]";
	static const char most[] = AT_MOST_S("outage", "10");

	(void)state;
	for (int told = 1; told >= 0; told--) {
		const struct judged *j;
		struct trial t;

		trial_begin(&t);
		for (size_t i = 0; i < t.h.n; i++)
			t.h.ops[i].shard = told || i % 2 ? 1 : 0;
		j = trial_judge(&t, least);
		if (j->verdict != (told ? VERDICT_FAIL : VERDICT_UNKNOWN))
			fail_msg("%s: %s", verdict_name(j->verdict), j->why);
		assert_int_equal(trial_judge(&t, most)->verdict, VERDICT_FAIL);
		trial_end(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_no_part), cmocka_unit_test(test_parts_untold),
		cmocka_unit_test(test_said),	   cmocka_unit_test(test_no_other),
		cmocka_unit_test(test_without_confirms),
		cmocka_unit_test(test_takes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
