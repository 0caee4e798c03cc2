/* Whether a Service leads to the primary: by what it held while members answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "test/lib/trial.h"

#define WANT(want) "[{\"name\":\"n\",\"metric\":\"routes_to_primary\",\"object\":\"r\",\"want\":" want "}]"
#define POD(name, ip) "{\"k\":\"object\",\"t\":0,\"type\":\"pod\",\"name\":\"" name "\",\"ip\":\"" ip "\"}"
#define HOLDS(service, t, addrs) \
	"{\"k\":\"object\",\"t\":" t ",\"type\":\"endpoints\",\"name\":\"" service "\",\"addrs\":[" addrs "]}"
#define ALL "\"10.0.0.1 m0\",\"10.0.0.2 m1\""

static enum verdict verdict(const char *const *events, bool stands, const char *want,
			    const char *says)
{
	const struct judged *j;
	enum verdict v;
	struct trial t;

	trial_begin(&t);
	trial_event(&t, POD("m0", "10.0.0.1"));
	trial_event(&t, POD("m1", "10.0.0.2"));
	for (size_t i = 0; events[i]; i++)
		trial_event(&t, events[i]);
	t.m.stands = stands;
	j = trial_judge(&t, want);
	if (!strstr(j->why, says))
		fail_msg("\"%s\" is not in: %s", says, j->why);
	v = j->verdict;
	trial_end(&t);
	return v;
}

static void by_whom_it_led_to(void **state)
{
	static const char *const both[] = {HOLDS("r", "0", ALL), NULL};
	static const char *const replica[] = {HOLDS("r", "0", "\"10.0.0.2\""), NULL};

	(void)state;
	assert_int_equal(verdict(both, true, WANT("true"), "led to m0 while that was a writable primary: 199 of 399"), VERDICT_PASS);
	assert_int_equal(verdict(both, true, WANT("false"), "led to m0"), VERDICT_FAIL);
	assert_int_equal(verdict(replica, true, WANT("false"), "none of 200 answers"), VERDICT_PASS);
	assert_int_equal(verdict(replica, true, WANT("true"), "none of 200 answers"), VERDICT_FAIL);
}

/* What does not come up is judged by this, too. */
static void of_what_does_not_stand(void **state)
{
	static const char *const both[] = {HOLDS("r", "0", ALL), NULL};

	(void)state;
	assert_int_equal(verdict(both, false, WANT("true"), "led to m0"), VERDICT_PASS);
}

/* Another Service, one that leads to nobody, one that was never seen, the primary's
 * address in it only when it was none, or for a moment in which nobody asked. */
static void without_evidence(void **state)
{
	static const char *const none[] = {NULL};
	static const char *const other[] = {HOLDS("other", "0", ALL), NULL};
	static const char *const empty[] = {HOLDS("r", "0", ""), NULL};
	static const char *const brief[] = {HOLDS("r", "0", ""), HOLDS("r", "10002000000", ALL),
					    HOLDS("r", "10010000000", ""), NULL};
	static const char *const late[] = {HOLDS("r", "98000000000", "\"10.0.0.2 m1\""), NULL};
	static const char *const *const rows[] = {none, other, empty, brief};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(verdict(rows[i], true, WANT("true"), "no member was heard"), VERDICT_UNKNOWN);
		assert_int_equal(verdict(rows[i], true, WANT("false"), "no member was heard"), VERDICT_UNKNOWN);
	}
	assert_int_equal(verdict(late, true, WANT("false"), "only 4 answers were heard, of no primary"), VERDICT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_whom_it_led_to),
		cmocka_unit_test(of_what_does_not_stand),
		cmocka_unit_test(without_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
