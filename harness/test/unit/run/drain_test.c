/* What a load agent recorded by another clock than the driver's: its times are
 * moved, and the sums that came with them are made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "history/block.h"
#include "history/event.h"
#include "history/read.h"
#include "run/stage.h"
#include "test/lib/evidence_kept.h"

#define SEC NS_PER_S
#define APART (-5000 * SEC)   /* the agent's clock less the driver's */
#define ERROR (20 * NS_PER_MS) /* half of the shortest round trip, at most */
#define T0 (9000 * SEC)       /* by the driver's clock */

enum { OPS = 500, ANSWERS = 5 };

struct engine {
	struct engine_base base;
	bool damaged, torn; /* on its way; by the agent itself */
};

/* An operation as the agent has it. The second is a send that the fifth tells of. */
static struct op operation(int64_t i)
{
	static const struct op_late late = {2, T0 + APART + 4 * NS_PER_MS};
	int64_t t = T0 + APART + i * NS_PER_MS;

	if (i == 1)
		return (struct op){.f = OP_SEND, .key = 1, .value = 2, .expect = OP_NO_VALUE,
				   .outcome = OP_INFO, .sent = true, .process = 3, .t_intended = t,
				   .t_invoke = t + 100, .t_return = t + NS_PER_MS,
				   .connect_ns = 77, .slip_ns = 2 * NS_PER_MS};
	return (struct op){.late = &late, .nlate = i == 4, .f = i % 3 ? OP_INSERT : OP_CAS,
			   .key = i % 3 ? OP_NO_VALUE : 1, .value = i + 1,
			   .expect = i % 3 ? OP_NO_VALUE : i, .outcome = OP_OK,
			   .sent = true, .process = 3, .t_intended = t, .t_invoke = t + 100,
			   .t_return = t + NS_PER_MS, .connect_ns = 77, .slip_ns = 2 * NS_PER_MS};
}

static void history_from(int64_t from, const struct engine *en, struct buf *answer)
{
	char line[OP_LINE_MAX], close[BLOCK_LINE_MAX];
	struct block_sum sum = {0};
	struct block b = {.from = from, .lines = OPS / ANSWERS};

	for (int64_t i = from; i < from + b.lines; i++) {
		struct op op = operation(i);
		size_t len = op_to_line(&op, line, sizeof(line));

		if (en->torn)
			line[0] = '!';
		block_add(&sum, line, len);
		buf_add(answer, line, len);
	}
	b.crc = sum.crc ^ en->damaged;
	b.end = from + b.lines == OPS;
	buf_add(answer, close, block_to_line(&b, close));
}

static int call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e)
{
	long long from = 0;

	(void)body, (void)timeout_ns, (void)e;
	assert_string_equal(agent, "load");
	assert_string_equal(method, "GET");
	*status = 200;
	if (!strcmp(path, "/v1/clock"))
		buf_fmt(answer, "{\"mono_ns\":%lld,\"clock\":\"another\"}", (long long)(clock_mono_ns() + APART));
	else if (sscanf(path, "/v1/history?from=%lld", &from) == 1)
		history_from(from, en, answer);
	else if (!strncmp(path, "/v1/samples", 11))
		buf_fmt(answer, "{\"next\":1,\"samples\":[{\"t\":%lld,\"m\":\"m-0\",\"ok\":true}]}", (long long)(T0 + APART));
	else
		buf_fmt(answer, "{\"next\":1,\"noise\":[{\"t\":%lld,\"span_ms\":1000}]}", (long long)(T0 + APART));
	return 0;
}

struct room {
	char dir[64], history[80], events[80];
	struct engine_ops ops;
	struct engine en;
	struct stage st;
};

static void enter(struct room *r)
{
	struct err e = {0};

	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/ordeal-drain.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->history, sizeof(r->history), "%s/history.jsonl", r->dir);
	snprintf(r->events, sizeof(r->events), "%s/events.jsonl", r->dir);
	r->ops.call = call;
	r->en.base.ops = &r->ops;
	r->st = (struct stage){.en = &r->en, .ops = &r->ops, .loading = true};
	if (event_log_open(&r->st.events, r->events, &e) ||
	    append_open(&r->st.history, r->history, &e))
		fail_msg("%s", e.msg);
	event_emit(&r->st.events, cJSON_Parse("{\"k\":\"run\",\"t\":1,\"format\":2}"));
	event_emit(&r->st.events, cJSON_Parse("{\"k\":\"scenario\",\"t\":2,\"s\":0,\"name\":\"x\"}"));
	event_emit(&r->st.events, cJSON_Parse("{\"k\":\"stands\",\"t\":3,\"s\":0,\"ok\":true}"));
}

static void leave(struct room *r)
{
	unlink(r->history);
	unlink(r->events);
	rmdir(r->dir);
}

static int64_t error_of(const cJSON *events, const char *kind)
{
	const cJSON *x;

	cJSON_ArrayForEach(x, events) {
		if (!event_is(x, kind))
			continue;
		assert_in_range(event_t(x), T0 - ERROR, T0 + ERROR);
		return json_i64(x, "te", 0);
	}
	fail_msg("no %s", kind);
	return 0;
}

static void another_clock(void **state)
{
	struct history h = {0};
	struct err e = {0};
	struct evidence *ev;
	struct room r;
	cJSON *events;

	(void)state;
	enter(&r);
	if (stage_drain(&r.st, true, &e) || event_log_close(&r.st.events, &e) ||
	    append_close(&r.st.history, &e))
		fail_msg("%s", e.msg);
	/* The reader counts and sums all blocks. */
	if (history_read(r.history, &h, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(h.n, OPS);
	for (int64_t i = 0; i < OPS; i++) {
		const struct op *got = &h.ops[i];
		struct op sent = operation(i);

		assert_in_range(got->t_intended, T0 + i * NS_PER_MS - ERROR,
				T0 + i * NS_PER_MS + ERROR);
		assert_int_equal(got->t_return - got->t_intended, NS_PER_MS);
		assert_int_equal(got->t_invoke - got->t_intended, 100);
		assert_int_equal(got->value, sent.value);
		assert_int_equal(got->connect_ns, 77);
		assert_int_equal(got->slip_ns, 2 * NS_PER_MS);
		assert_int_equal(got->t_confirmed ? got->t_confirmed - got->t_intended : 0,
				 i == 1 ? 3 * NS_PER_MS : 0);
	}
	events = events_read(r.events, &e);
	if (!events)
		fail_msg("%s", e.msg);
	assert_in_range(error_of(events, "sample"), 1, ERROR);
	assert_in_range(error_of(events, "noise"), 1, ERROR);
	/* And the sum over all of them, which is in the other file, is theirs. */
	ev = evidence_kept(events, 0);
	evidence_weigh(ev, &h);
	if (ev->incomplete)
		fail_msg("%s", ev->incomplete);
	history_free(&h);
	cJSON_Delete(events);
	leave(&r);
}

/* The agent's own block is looked at before anything is moved. */
static void damaged_on_its_way(void **state)
{
	struct err e = {0};
	struct room r;

	(void)state;
	enter(&r);
	r.en.damaged = true;
	assert_int_equal(stage_drain(&r.st, true, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	assert_non_null(strstr(e.msg, "damaged on its way"));
	assert_int_equal(append_close(&r.st.history, &e), 0);
	assert_int_equal(event_log_close(&r.st.events, &e), 0);
	leave(&r);
}

/* Its own error is told, and not one that was told before through the same place. */
static void torn_by_the_agent(void **state)
{
	struct err e, closing = {0};
	struct room r;

	(void)state;
	enter(&r);
	r.en.torn = true;
	err_set(&e, ERR_INTERRUPTED, "of an earlier call");
	assert_int_equal(stage_drain(&r.st, true, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	assert_string_equal(e.msg, "history of the load agent: a line is no JSON");
	assert_int_equal(append_close(&r.st.history, &closing), 0);
	assert_int_equal(event_log_close(&r.st.events, &closing), 0);
	leave(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_clock),
		cmocka_unit_test(damaged_on_its_way),
		cmocka_unit_test(torn_by_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
