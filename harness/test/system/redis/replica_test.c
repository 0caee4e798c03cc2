/* How a member came to follow again, by what masters count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "system/redis/replica.h"
#include "test/lib/evidence_help.h"

#define SEC NS_PER_S

static void push_sample(cJSON *events, const char *m, int64_t t, const char *x)
{
	cJSON *e = cJSON_CreateObject();
	struct err err = {0};

	json_set_str(e, "k", "sample");
	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", t);
	json_set_str(e, "m", m);
	json_set_bool(e, "ok", true);
	json_set_str(e, "role", "primary");
	json_set_bool(e, "writable", true);
	json_set(e, "x", json_parse(x, "test", &err));
	json_push(events, e);
}

static cJSON *counters(int64_t full, int64_t partial, const char *run)
{
	cJSON *events = cJSON_CreateArray();
	char x[160];

	snprintf(x, sizeof(x), "{\"run_id\":\"1\",\"sync_full\":3,\"sync_partial\":1}");
	push_sample(events, "r-0", 5 * SEC, x);
	push_sample(events, "r-0", 9 * SEC, x);
	snprintf(x, sizeof(x), "{\"run_id\":\"%s\",\"sync_full\":%lld,\"sync_partial\":%lld}", run,
		 (long long)full, (long long)partial);
	push_sample(events, "r-0", 15 * SEC, x);
	return events;
}

static void test_resync(void **state)
{
	static const struct {
		int64_t full, partial;
		const char *run, *is;
	} t[] = {{3, 1, "1", "none"}, {4, 1, "1", "full"}, {3, 2, "1", "partial"}, {4, 2, "1", "full"},
		 {1, 0, "2", "full"}, {0, 0, "2", "none"}};
	struct recovery_info r;
	struct evidence ev;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		cJSON *events = counters(t[i].full, t[i].partial, t[i].run);

		evidence_make(events, 0, fault_effects, &ev);
		redis_resync(&ev, 10 * SEC, 20 * SEC, true, &r);
		assert_string_equal(r.resync, t[i].is);
		assert_int_equal(r.bytes, -1);
		evidence_free(&ev);
		cJSON_Delete(events);
	}
	/* Of a master that was killed nothing tells what it served. */
	for (int silent = 0; silent < 2; silent++) {
		cJSON *events = counters(3, 1, "1");

		push_sample(events, "r-1", 5 * SEC, "{\"run_id\":\"1\",\"sync_full\":3,\"sync_partial\":1}");
		if (!silent)
			push_sample(events, "r-1", 15 * SEC, "{\"run_id\":\"2\"}");
		evidence_make(events, 0, fault_effects, &ev);
		redis_resync(&ev, 10 * SEC, 20 * SEC, true, &r);
		assert_string_equal(r.resync, "");
		assert_string_equal(r.how, "r-1 did not tell all the time how many resynchronisations it had served");
		evidence_free(&ev);
		cJSON_Delete(events);
	}
	evidence_make(NULL, 0, fault_effects, &ev);
	redis_resync(&ev, 0, SEC, true, &r);
	assert_string_equal(r.resync, "");
	evidence_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
