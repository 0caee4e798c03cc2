/* Files without blocks: what shows by the times alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
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
		history_add(&r->h, &(struct op){.f = OP_INSERT, .value = t, .t_invoke = t,
						.t_return = t + MS, .t_intended = t});
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

/* Clients who stand elsewhere: that theirs is missing shows by theirs alone. */
static void groups(int64_t begin_ns, int64_t end_ns, uint32_t silent, const char *why)
{
	struct run r = {.events = cJSON_CreateArray()};
	struct evidence *ev;

	add(&r, 1 * SEC, "{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":200,\"deadline_ns\":1000000000}}");
	add(&r, 9 * SEC, STANDS);
	add(&r, 10 * SEC, "{\"k\":\"phase\",\"phase\":\"load\"}");
	add(&r, 10 * SEC, "{\"k\":\"group\",\"g\":1,\"name\":\"minority\",\"clients\":8,\"rate\":50}");
	add(&r, 40 * SEC, "{\"k\":\"phase\",\"phase\":\"settle\"}");
	add(&r, 43 * SEC, "{\"k\":\"phase\",\"phase\":\"done\"}");
	for (uint32_t g = 0; g < 2; g++)
		for (int64_t t = 10 * SEC; t < 41 * SEC; t += 20 * MS)
			if (g != silent || (t >= begin_ns && t < end_ns))
				history_add(&r.h, &(struct op){.f = OP_INSERT, .group = g,
							       .value = 2 * t + g, .t_invoke = t,
							       .t_return = t + MS,
							       .t_intended = t});
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	if (!why != !ev->incomplete || (why && !strstr(ev->incomplete, why)))
		fail_msg("\"%s\" instead of \"%s\"", ev->incomplete ? ev->incomplete : "nothing", why ? why : "nothing");
	history_free(&r.h);
	cJSON_Delete(r.events);
}

static void test_silent_group(void **state)
{
	(void)state;
	groups(10 * SEC, 41 * SEC, 1, NULL);
	groups(0, 0, 1, "no operation of the load agent beside the others");
	groups(10 * SEC, 20 * SEC, 1, "nothing of the load agent beside the others from 20.0 s before");
	groups(0, 0, 0, "no operation of the load agent");
	groups(25 * SEC, 41 * SEC, 1, "nothing of the load agent beside the others until 15.0 s after");
}

static void test_begin(void **state)
{
	(void)state;
	groups(10 * SEC, 41 * SEC, 1, NULL);
	groups(25 * SEC, 41 * SEC, 0, "until 15.0 s after");
}

/* Whether something counts them: a schedule at 200 a second of which this one is
 * missing (0: none), or nobody tells a load. */
static bool counts(const char *load, int64_t missing_ns, int64_t slip_ns)
{
	struct run r = {.events = cJSON_CreateArray()};
	struct evidence *ev;
	bool counted;

	add(&r, 1 * SEC, load);
	add(&r, 9 * SEC, STANDS);
	add(&r, 10 * SEC, "{\"k\":\"phase\",\"phase\":\"load\"}");
	add(&r, 40 * SEC, "{\"k\":\"phase\",\"phase\":\"settle\"}");
	for (int64_t t = 10 * SEC; t < 41 * SEC; t += 5 * MS)
		if (t != missing_ns)
			history_add(&r.h, &(struct op){.f = OP_INSERT, .value = t,
						       .t_invoke = t + slip_ns, .t_return = t + MS,
						       .t_intended = t});
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	assert_null(ev->incomplete);
	counted = evidence_counts_ops(ev);
	history_free(&r.h);
	cJSON_Delete(r.events);
	return counted;
}

static void test_schedule(void **state)
{
	(void)state;
	assert_true(counts("{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":200}}", 0, 1000));
	assert_false(counts("{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":200}}", 25 * SEC, 1000));
	assert_false(counts("{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":100}}", 0, 1000));
	assert_false(counts("{\"k\":\"scenario\",\"name\":\"x\",\"load\":{}}", 0, 1000));
	/* Another tool's. */
	assert_true(counts("{\"k\":\"scenario\",\"name\":\"x\",\"load\":{}}", 25 * SEC, 0));
}

/* Due one by one: what is not there between others shows, of each group by its own rate. */
static void holes(int format, uint32_t group, int64_t from_ns, int64_t to_ns, int64_t n,
		  const char *why)
{
	struct run r = {.events = cJSON_CreateArray()};
	struct stream streams[2] = {{.group = 0}, {.group = 1}};
	struct evidence *ev;
	char told[100];

	json_push(r.events, cJSON_Parse(format == 2 ? "{\"k\":\"run\",\"t\":1,\"format\":2}" : "{\"k\":\"run\",\"t\":1}"));
	add(&r, 1 * SEC, "{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":250}}");
	add(&r, 2 * SEC, STANDS);
	add(&r, 8 * SEC, "{\"k\":\"group\",\"g\":1,\"name\":\"minority\",\"rate\":50}");
	add(&r, 10 * SEC, "{\"k\":\"phase\",\"phase\":\"load\"}");
	add(&r, 40 * SEC, "{\"k\":\"phase\",\"phase\":\"settle\"}");
	ops(&r, 10 * SEC, 41 * SEC);
	for (int64_t t = 10 * SEC + 3; t < 41 * SEC; t += 20 * MS)
		history_add(&r.h, &(struct op){.f = OP_READ, .group = 1, .t_invoke = t,
					       .t_return = t + MS, .t_intended = t});
	for (size_t i = r.h.n; i-- > 0;) {
		struct op *op = &r.h.ops[i];

		if (op->group == group && op->t_invoke >= from_ns && op->t_invoke < to_ns)
			memmove(op, op + 1, (--r.h.n - i) * sizeof(*op));
		else
			streams[op->group].ops++;
	}
	for (int g = 0; g < 2 && format == 2; g++) {
		snprintf(told, sizeof(told), "{\"k\":\"history\",\"g\":%d,\"ops\":%lld,\"sum\":\"00000000\"}", g,
			 (long long)streams[g].ops);
		add(&r, 41 * SEC, told);
	}
	r.h.streams = format == 2 ? streams : NULL;
	r.h.nstreams = format == 2 ? 2 : 0;
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	assert_int_equal(ev->holes, n);
	if (!why != !ev->incomplete || (why && !strstr(ev->incomplete, why)))
		fail_msg("\"%s\" instead of \"%s\"", ev->incomplete ? ev->incomplete : "", why ? why : "");
	r.h.streams = NULL;
	r.h.nstreams = 0;
	history_free(&r.h);
	cJSON_Delete(r.events);
}

static void test_holes(void **state)
{
	static const char ten[] = "10 operations that were due by the load's rate are not in history.jsonl";

	(void)state;
	holes(2, 0, 0, 0, 0, NULL);
	holes(2, 0, 20 * SEC, 20 * SEC + 50 * MS, 10, ten);
	holes(2, 1, 20 * SEC, 20 * SEC + 200 * MS, 10, ten);
	/* Also where more are missing than are there. */
	holes(2, 0, 20 * SEC, 40 * SEC, 4000, "4000 operations that were due");
	holes(2, 0, 10 * SEC, 11 * SEC, 0, NULL); /* before others: it began later */
	/* At an end of a group's there are no others, but the load went on. */
	holes(2, 1, 25 * SEC, 41 * SEC, 0, "nothing of the load agent beside the others from");
	holes(2, 1, 0, 41 * SEC, 0, "no operation of the load agent beside the others");
	holes(2, 0, 10 * SEC, 41 * SEC, 0, "no operation of the load agent");
	holes(2, 0, 36 * SEC, 41 * SEC, 0, "nothing of the load agent from 4.0 s before");
	holes(2, 0, 39 * SEC, 41 * SEC, 0, NULL);
	holes(1, 0, 36 * SEC, 41 * SEC, 0, NULL); /* as others may write it */
	/* In files that do not count what they have it is the passes that they take (check/gate.c),
	 * and for a while there may have been none. */
	holes(1, 0, 20 * SEC, 20 * SEC + 45 * MS, 9, NULL);
	holes(1, 0, 20 * SEC, 20 * SEC + 50 * MS, 0, NULL);
	holes(1, 1, 10 * SEC, 41 * SEC - 25 * MS, 0, "nothing of the load agent beside the others until");
}

/* Two acknowledged inserts, of one transaction by its name. */
static void named(const char *via, const char *other_via, const char *event, const char *why)
{
	struct run r = {.events = cJSON_CreateArray()};
	struct evidence *ev;

	add(&r, 1 * SEC, "{\"k\":\"scenario\",\"name\":\"x\"}");
	add(&r, 2 * SEC, STANDS);
	for (int i = 0; i < 3; i++) {
		struct op op = {.f = OP_INSERT, .value = i, .line = i + 1, .sent = true};

		op.t_invoke = op.t_intended = (10 + 5 * i) * SEC;
		op.t_return = op.t_invoke + MS;
		op.via = i < 2 ? via : other_via;
		op.tx = i == 1 ? "u:6" : "u:5";
		history_add(&r.h, &op);
	}
	if (event)
		add(&r, 17 * SEC, event);
	ev = evidence_kept(r.events, 0);
	evidence_weigh(ev, &r.h);
	if (!why != !ev->incomplete || (why && !strstr(ev->incomplete, why)))
		fail_msg("\"%s\" instead of \"%s\"", ev->incomplete ? ev->incomplete : "", why ? why : "");
	history_free(&r.h);
	cJSON_Delete(r.events);
}

/* A server gives a name once, as long as it lives; it may give it again when it has lost what
 * bore it. */
static void test_one_transaction(void **state)
{
	static const char kill[] = "{\"k\":\"fault\",\"id\":\"f\",\"fault\":\"kill-pod\",\"state\":\"injecting\",\"targets\":"
				   "[{\"member\":\"my-0\"}]}";

	(void)state;
	named("my-0", "my-0", NULL, "lines 1 and 3 of history.jsonl are two acknowledged writes in one transaction, u:5");
	named("", "", NULL, "lines 1 and 3");
	named("my-0", "my-1", NULL, NULL);
	named("my-0", "my-0", kill, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_events_without_an_end),
		cmocka_unit_test(test_lacks),
		cmocka_unit_test(test_other_clock),
		cmocka_unit_test(test_silent_group),
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_schedule), cmocka_unit_test(test_holes),
		cmocka_unit_test(test_one_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
