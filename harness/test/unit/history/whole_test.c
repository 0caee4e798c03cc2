/* Files without blocks: what shows by the times alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/evidence.h"
#include "test/lib/evidence_kept.h"

#define MS NS_PER_MS
#define SEC NS_PER_S

struct run {
	struct history h;
	cJSON *events;
};

static void add(struct run *r, int64_t t_ns, const char *json)
{
	cJSON *o = cJSON_Parse(json);

	assert_non_null(o);
	json_set_i64(o, "s", 0);
	json_set_i64(o, "t", t_ns);
	json_push(r->events, o);
}

static void ops(struct run *r, int64_t from_ns, int64_t to_ns)
{
	for (int64_t t = from_ns; t < to_ns; t += 5 * MS)
		history_add(&r->h, &(struct op){.f = OP_INSERT, .value = t, .t_invoke = t, .t_return = t + MS, .t_intended = t});
}

/* A load from 10 s to 40 s at 200 operations a second; NULL: it is whole. */
static void is(int64_t from_ns, int64_t to_ns, const char *stands, int torn, const char *why)
{
	struct run r = {.events = cJSON_CreateArray()};
	struct evidence *ev;

	add(&r, 1 * SEC, "{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":200,\"deadline_ns\":1000000000}}");
	add(&r, 9 * SEC, stands);
	add(&r, 40 * SEC, "{\"k\":\"phase\",\"phase\":\"settle\"}");
	add(&r, 42 * SEC, "{\"k\":\"phase\",\"phase\":\"final\"}");
	add(&r, 43 * SEC, "{\"k\":\"phase\",\"phase\":\"done\"}");
	ops(&r, from_ns, to_ns);
	r.h.torn = torn;
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	if (!why && ev->incomplete)
		fail_msg("%s", ev->incomplete);
	if (why && !ev->incomplete)
		fail_msg("nothing instead of \"%s\"", why);
	if (why && !strstr(ev->incomplete, why))
		fail_msg("\"%s\" instead of \"%s\"", ev->incomplete, why);
	history_free(&r.h);
	cJSON_Delete(r.events);
}

#define STANDS "{\"k\":\"stands\",\"ok\":true}"

static void test_whole(void **state)
{
	(void)state;
	is(10 * SEC, 41 * SEC, STANDS, 0, NULL);
	is(10 * SEC, 40 * SEC - 4 * SEC, STANDS, 0, NULL); /* as others may write it */
	is(0, 0, "{\"k\":\"stands\",\"ok\":false}", 0, NULL);
	is(0, 0, "{\"k\":\"unsupported\",\"what\":\"x\"}", 0, NULL);
}

/* Events that end before the load say nothing of when it was. */
static void test_events_without_an_end(void **state)
{
	struct run r = {.events = cJSON_CreateArray()};
	struct evidence *ev;

	(void)state;
	add(&r, 1 * SEC, "{\"k\":\"scenario\",\"name\":\"x\",\"load\":{}}");
	add(&r, 2 * SEC, STANDS);
	ops(&r, 10 * SEC, 11 * SEC);
	json_push(r.events, cJSON_Parse("{\"t\":99000000000,\"k\":\"end\",\"ok\":true}"));
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	assert_true(ev->over);
	assert_null(ev->incomplete);
	/* Where they go past it, they do. */
	add(&r, 5 * SEC, "{\"k\":\"final\",\"present\":[]}");
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	assert_non_null(ev->incomplete);
	history_free(&r.h);
	cJSON_Delete(r.events);
}

static void test_lacks(void **state)
{
	(void)state;
	is(0, 0, STANDS, 0, "has no operation of this scenario");
	is(10 * SEC, 41 * SEC, STANDS, 7, "line 7 of history.jsonl, its last, is torn");
	is(10 * SEC, 25 * SEC, STANDS, 0, "history.jsonl ends 15.0 s before the system was left to settle");
	is(10 * SEC, 33 * SEC, STANDS, 0, "history.jsonl ends 7.0 s before");
}

static void test_other_clock(void **state)
{
	(void)state;
	is(18000 * SEC, 18030 * SEC, STANDS, 0, "all operations lie outside of the time");
	is(30 * SEC, 60 * SEC, STANDS, 0, "3399 of 6000 operations were called after it had ended");
	is(5 * SEC, 39 * SEC, STANDS, 0, "600 of 6800 operations were called before the load began");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_events_without_an_end),
		cmocka_unit_test(test_lacks),
		cmocka_unit_test(test_other_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
