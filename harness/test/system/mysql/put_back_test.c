/* MySQL: the position at which a system stands that was put back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/system/mysql/tale.h"

#define UUID_2 "22222222-0000-11f0-8000-000000000002"
#define GROUP "aaaaaaaa-0000-11f0-8000-00000000000a"
#define ALL "{\"fault\":\"claim-lost\",\"targets\":[{\"member\":\"mysql-0\"},{\"member\":\"mysql-1\"}]}"

/* A member that is open, and one that is not. */
static void opened(struct tale *t, int64_t at, const char *x)
{
	sample(t, at, "mysql-0", ROLE_PRIMARY, true, x);
}

static void closed(struct tale *t, int64_t at, const char *x)
{
	sample(t, at, "mysql-0", ROLE_REPLICA, false, x);
}

static bool put_back(struct tale *t, const char *tx, bool *has, char *how)
{
	bool told;

	tale_tell(t, 0);
	*how = '\0';
	told = model_mysql.put_back(&t->ev, &t->ev.faults[0], &tx, 1, has, how);
	tale_end(t);
	return told;
}

static void alone(struct tale *t, bool opens)
{
	tale_begin(t, ALL, "failover=none");
	opened(t, 9 * SEC, "{\"uuid\":\"" UUID_0 "\",\"executed\":\"" UUID_0 ":1-900\"}");
	/* Another one goes on for a moment. */
	sample(t, 10200 * MS, "mysql-1", ROLE_PRIMARY, true, "{\"uuid\":\"" UUID_1 "\",\"executed\":\"" UUID_0 ":1-950\"}");
	sample(t, 9 * SEC, "mysql-1", ROLE_REPLICA, false, "{\"uuid\":\"" UUID_1 "\",\"executed\":\"" UUID_0 ":1-900\"}");
	closed(t, 20 * SEC, "{\"uuid\":\"" UUID_2 "\",\"executed\":\"\"}");
	if (opens)
		opened(t, 21 * SEC, "{\"uuid\":\"" UUID_2 "\",\"executed\":\"" UUID_0 ":1-700," UUID_2 ":1-40\"}");
}

static void of_a_group(struct tale *t, bool told_before)
{
	tale_begin(t, ALL, "failover=group-replication");
	opened(t, 9 * SEC, "{\"uuid\":\"" UUID_0 "\",\"executed\":\"" GROUP ":1-900\",\"group\":{}}");
	if (told_before)
		closed(t, 20 * SEC, "{\"uuid\":\"" UUID_2 "\",\"executed\":\"" GROUP ":1-700\"}");
	opened(t, 21 * SEC, "{\"uuid\":\"" UUID_2 "\",\"executed\":\"" GROUP ":1-740\",\"purged\":\"" GROUP ":1-700\","
			  "\"group\":{}}");
}

static void test_put_back(void **state)
{
	char how[WHY_BYTES];
	struct tale t;
	bool has;

	(void)state;
	alone(&t, true);
	assert_true(put_back(&t, UUID_0 ":700", &has, how));
	assert_true(has);
	assert_string_equal(how, "one GTID position, " UUID_0 ":1-700 of mysql-0");
	alone(&t, true);
	assert_true(put_back(&t, UUID_0 ":701", &has, how));
	assert_false(has);
	alone(&t, true);
	assert_false(put_back(&t, "7", &has, how));
	assert_string_equal(how, "7 is no GTID");
	alone(&t, false);
	assert_false(put_back(&t, UUID_0 ":700", &has, how));
	assert_string_equal(how, "no new server was heard as a writable primary");
	/* Names that were lost are given anew, by the group itself. */
	of_a_group(&t, true);
	assert_true(put_back(&t, GROUP ":700", &has, how));
	assert_true(has);
	of_a_group(&t, true);
	assert_true(put_back(&t, GROUP ":701", &has, how));
	assert_false(has);
	assert_string_equal(how, "one GTID position, " GROUP ":1-700 of mysql-0");
	of_a_group(&t, false);
	assert_false(put_back(&t, GROUP ":700", &has, how));
	assert_string_equal(how, "mysql-0 told none before its group took writes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
