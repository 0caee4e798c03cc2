/* MySQL: transactions that a member has and its primary never had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/system/mysql/tale.h"

#define AGENT(gtids) \
	"{\"event\": \"errant\", \"who\": \"mysql-0\", \"gtids\": \"" gtids "\", \"source\": \"mysql-1\", \"action\": \"clone\"}"

/* What is told of an old primary that was cut off at 10 s and is back at 20 s. */
struct back {
	const char *agent;  /* a line of its agent; NULL: none */
	const char *errant; /* as the sampler named it; NULL: nobody did */
	bool sets;          /* it told what it had executed, while it followed nobody */
	bool cloned;        /* it was cloned at 22 s */
	bool followed;      /* and held against its source from 24 s on */
	const char *last;   /* the last agent's word that the fault is in effect; NULL: one spoke */
};

static void held(struct tale *t, int64_t at, const char *m, const char *x)
{
	sample(t, at, m, ROLE_REPLICA, false, x);
	json_set_i64(cJSON_GetArrayItem(t->events, cJSON_GetArraySize(t->events) - 1), "lag_tx", 0);
}

static void answers(struct tale *t, int64_t at, const char *m, const char *x)
{
	sample(t, at, m, ROLE_UNKNOWN, false, x);
	json_set_bool(cJSON_GetArrayItem(t->events, cJSON_GetArraySize(t->events) - 1), "ok", true);
}

static struct errant_told tell(const struct back *b)
{
	static const char *const lost[] = {UUID_0 ":101", UUID_0 ":103"};
	struct errant_told out;
	char log[600] = "", x[200];
	struct tale t;

	tale_begin(&t, "{\"fault\":\"partition-node\"," PRIMARY "}", "failover=runbook");
	for (int64_t at = SEC; at < 40 * SEC; at += 500 * MS) {
		bool before = at <= 10 * SEC;

		if (before)
			sample(&t, at, "mysql-0", ROLE_PRIMARY, true, "{\"uuid\":\"" UUID_0 "\",\"executed\":\"" UUID_0 ":1-100\"}");
		else if (at >= 20 * SEC && at < 22 * SEC)
			answers(&t, at, "mysql-0", b->sets ? "{\"uuid\":\"" UUID_0 "\",\"executed\":\"" UUID_0 ":1-104\"}" :
							  "{\"uuid\":\"" UUID_0 "\"}");
		else if (at >= 24 * SEC && b->followed) {
			snprintf(x, sizeof(x), "{\"uuid\":\"" UUID_0 "\",\"executed\":\"" UUID_0 ":1-100\"%s%s%s%s}",
				 b->cloned ? ",\"cloned\":\"b\"" : "", b->errant ? ",\"errant\":\"" : "",
				 b->errant ? b->errant : "", b->errant ? "\"" : "");
			held(&t, at, "mysql-0", x);
		}
		if (before)
			held(&t, at + MS, "mysql-1", "{\"uuid\":\"" UUID_1 "\",\"executed\":\"" UUID_0 ":1-100\"}");
		else
			sample(&t, at + 10 * MS, "mysql-1", ROLE_PRIMARY, true,
			       "{\"uuid\":\"" UUID_1 "\",\"executed\":\"" UUID_0 ":1-100," UUID_1 ":1-9\"}");
	}
	if (b->agent) {
		say(log, sizeof(log), 21 * SEC, b->agent);
		keep_log(&t, "mysql-0", "agent", log);
	}
	if (b->last)
		json_push(t.events, test_json(b->last));
	tale_tell(&t, 0);
	model_mysql.errant(&t.ev, lost, ARRAY_LEN(lost), &out);
	tale_end(&t);
	return out;
}

static void test_named(void **state)
{
	struct errant_told e;

	(void)state;
	/* by its agent, before it was cloned */
	e = tell(&(struct back){.agent = AGENT(UUID_0 ":101-104"), .sets = true, .cloned = true, .followed = true});
	assert_true(e.known);
	assert_int_equal(e.n, 4);
	assert_string_equal(e.who, "mysql-0");
	assert_string_equal(e.names, UUID_0 ":101-104");
	assert_int_equal(e.unnamed, 0);
	assert_string_equal(e.why, "");
	/* by the sampler; each counts once */
	e = tell(&(struct back){.agent = AGENT(UUID_0 ":101-104"), .errant = UUID_0 ":103-105", .followed = true});
	assert_int_equal(e.n, 5);
	assert_string_equal(e.names, UUID_0 ":101-105");
	assert_int_equal(e.unnamed, 0);
	/* a part */
	e = tell(&(struct back){.agent = AGENT(UUID_0 ":101-102"), .sets = true, .cloned = true, .followed = true});
	assert_int_equal(e.n, 2);
	assert_int_equal(e.unnamed, 1);
}

static void test_unnamed(void **state)
{
	struct errant_told e;

	(void)state;
	/* The sets tell what nobody named. */
	e = tell(&(struct back){.sets = true, .followed = true});
	assert_true(e.known);
	assert_int_equal(e.n, 0);
	assert_int_equal(e.unnamed, 2);
	/* Thrown away before anybody looked. */
	e = tell(&(struct back){.cloned = true, .followed = true});
	assert_int_equal(e.unnamed, 0);
	assert_string_equal(e.why, "mysql-0 was cloned anew, and nobody told what it had had");
	/* It never came so far as to be compared. */
	e = tell(&(struct back){0});
	assert_int_equal(e.unnamed, 0);
	assert_string_equal(e.why, "nobody held mysql-0 against the primary after the last fault");
	/* Nor after the fault had come to all of its targets. */
	e = tell(&(struct back){.followed = true, .last = "{\"k\":\"fault\",\"s\":0,\"t\":45000000000,"
							   "\"fault\":\"partition-node\",\"state\":\"effective\"}"});
	assert_string_equal(e.why, "nobody held mysql-0 against the primary after the last fault");
	/* It was, and had none. */
	e = tell(&(struct back){.followed = true});
	assert_true(e.known);
	assert_int_equal(e.n, 0);
	assert_string_equal(e.why, "");
}

/* The primary lost its volume, and an empty server is at its address: whoever followed it has
 * nothing that a primary never had. */
static void test_against_no_primary(void **state)
{
	static const char old[] = "{\"errant\":\"" UUID_0 ":1-100\",\"source\":{\"uuid\":\"" UUID_0 "\"}}";
	struct errant_told e;
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook");
	for (int64_t at = SEC; at < 40 * SEC; at += 500 * MS) {
		bool before = at <= 10 * SEC, after = at > 20 * SEC;

		if (before)
			sample(&t, at + MS, "mysql-0", ROLE_PRIMARY, true, "{\"uuid\":\"" UUID_0 "\"}");
		if (after)
			sample(&t, at + 10 * MS, "mysql-1", ROLE_PRIMARY, true, "{\"uuid\":\"" UUID_1 "\"}");
		held(&t, at, "mysql-2", before ? "{\"source\":{\"uuid\":\"" UUID_0 "\"}}" : at < 25 * SEC ? old :
		     "{\"source\":{\"uuid\":\"" UUID_1 "\"}}");
	}
	tale_tell(&t, 0);
	model_mysql.errant(&t.ev, NULL, 0, &e);
	assert_true(e.known);
	assert_int_equal(e.n, 0);
	assert_string_equal(e.why, "nobody held mysql-0 against the primary after the last fault");
	tale_end(&t);
}

/* Nobody was ever held against a primary. */
static void test_no_evidence(void **state)
{
	struct errant_told e;
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook");
	for (int64_t at = SEC; at < 40 * SEC; at += 500 * MS) {
		sample(&t, at, "mysql-0", ROLE_PRIMARY, true, "{\"uuid\":\"" UUID_0 "\",\"executed\":\"" UUID_0 ":1-100\"}");
		sample(&t, at + MS, "mysql-1", ROLE_REPLICA, false, "{\"source_err\":\"timeout\"}");
	}
	tale_tell(&t, 0);
	model_mysql.errant(&t.ev, NULL, 0, &e);
	assert_false(e.known);
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_unnamed),
		cmocka_unit_test(test_against_no_primary),
		cmocka_unit_test(test_no_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
