/* What checker_queue says when every kind of breach is there, often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "check/check.h"
#include "test/lib/evidence_kept.h"

enum { TIMES = 1000, QUEUES = 5000 }; /* from QUEUES on partitions have no offsets */

static int64_t now_ns;

static struct op *put(struct history *h, enum op_f f, uint32_t process, int64_t partition,
		      int64_t value, int64_t offset)
{
	struct op op = {.process = process,
			.f = f,
			.key = partition,
			.partition = partition,
			.value = value,
			.expect = OP_NO_VALUE,
			.offset = offset,
			.tag = OP_NO_VALUE,
			.t_intended = now_ns,
			.t_invoke = now_ns,
			.t_return = now_ns + NS_PER_MS,
			.sent = true,
			.acked = OP_ACK_DONE};

	now_ns += 2 * NS_PER_MS;
	history_add(h, &op);
	return &h->ops[h->n - 1];
}

/* Each kind once, in a partition of its own. */
static void break_all(struct history *h, int64_t at, struct buf *left)
{
	int64_t v = 10 * at, q = QUEUES + at;

	put(h, OP_SEND, 0, at, v, 1);
	put(h, OP_SEND, 0, at, v + 1, 0); /* stored before */
	put(h, OP_SEND, 1, at, v + 2, 2); /* lost */
	put(h, OP_SEND, 1, at, v + 3, OP_NO_VALUE)->outcome = OP_FAIL; /* and there */
	put(h, OP_SEND, 2, at, v + 5, 5);
	put(h, OP_SEND, 3, at, v + 6, 5); /* at the same place, and lost */
	put(h, OP_RECEIVE, 7, at, v, 1);
	put(h, OP_RECEIVE, 7, at, v + 1, 0); /* offsets go back */
	put(h, OP_RECEIVE, 8, at, v, 1);     /* again */
	put(h, OP_SEND, 5, at, v + 9, 6);
	put(h, OP_RECEIVE, 9, at, v + 9, 6)->acked = OP_ACK_SENT; /* no more there */
	put(h, OP_RECEIVE, 9, at, v + 9, 6); /* as new once more */
	put(h, OP_SEND, 4, q, v + 7, OP_NO_VALUE);
	put(h, OP_SEND, 4, q, v + 8, OP_NO_VALUE);
	put(h, OP_RECEIVE, 7, q, v + 8, OP_NO_VALUE);
	put(h, OP_RECEIVE, 7, q, v + 7, OP_NO_VALUE); /* received before */
	/* The second value was never sent by anybody. */
	buf_fmt(left, "%s{\"part\":%lld,\"off\":3,\"val\":[%lld,%lld,%lld]}", at ? "," : "", (long long)at,
		(long long)v + 3, (long long)v + 4, (long long)v + 5);
}

/* None is cut from the sentence. */
static void every_breach_is_told(void **state)
{
	const struct check_budget budget = {10 * NS_PER_S, (size_t)256 << 20};
	struct check_result res;
	struct history h = {0};
	struct buf left = {0};
	struct err e = {0};
	cJSON *events;

	(void)state;
	buf_str(&left, "[{\"k\":\"scenario\",\"s\":0,\"t\":0,\"name\":\"x\",\"system\":\"rabbitmq\"},"
		"{\"k\":\"final\",\"s\":0,\"t\":100000000000,\"messages\":[");
	for (int i = 0; i < TIMES; i++)
		break_all(&h, i, &left);
	buf_str(&left, "]}]");
	events = json_parse(buf_cstr(&left), "test", &e);
	if (!events)
		fail_msg("%s", e.msg);
	checker_find("queue")->check(&h, evidence_kept(events, 0), NULL, &budget, &res);
	assert_int_equal(res.verdict, VERDICT_FAIL);
	assert_string_equal(res.why,
			    "messages: 2000 acknowledged and never received, nor there at the end; "
			    "1000 refused, and turned up all the same; 1000 never sent by anybody; "
			    "1000 delivered again after their acknowledgement was confirmed, or there twice; "
			    "1000 given out as new more than once; 1000 received, and no more in their log at the end; "
			    "1000 stored before what their client had sent earlier; "
			    "1000 received before what their client had sent earlier; "
			    "1000 received after a later offset; 1000 at an offset that held another value");
	cJSON_Delete(res.witness);
	cJSON_Delete(events);
	history_free(&h);
	buf_free(&left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_breach_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
