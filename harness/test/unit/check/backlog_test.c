/* How far consumers were behind, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "check/backlog.h"
#include "fault/fault.h"
#include "test/lib/evidence_help.h"

enum { EACH_MS = 10, FAULT_MS = 5000 };

static void put(struct history *h, enum op_f f, int64_t value, int64_t at_ms)
{
	struct op op = {.f = f,
			.value = value,
			.expect = OP_NO_VALUE,
			.offset = OP_NO_VALUE,
			.tag = OP_NO_VALUE,
			.t_intended = at_ms * NS_PER_MS,
			.t_invoke = at_ms * NS_PER_MS,
			.t_return = at_ms * NS_PER_MS,
			.sent = true};

	history_add(h, &op);
}

/* A message every 10 ms for 20 s, each received 30 ms later; not between two moments, after
 * which all that waited comes at once; nor when it is one of `left` in a hundred. */
static void tell(int from_ms, int to_ms, int left, bool fault, char *out, size_t size)
{
	static const char kill[] = "{\"id\":\"f\",\"fault\":\"kill-pod\",\"injected_ns\":5000000000,\"effective_ns\":5000000000}";
	cJSON *events = cJSON_CreateArray();
	struct buf b = {0};
	struct evidence ev;
	struct history h = {0};
	struct err e = {0};
	struct view v;

	for (int64_t i = 0; i < 2000; i++) {
		int64_t at = i * EACH_MS, got = at + 3 * EACH_MS;

		put(&h, OP_SEND, i, at);
		if (i % 100 >= left)
			put(&h, OP_RECEIVE, i, got >= from_ms && got < to_ms ? to_ms : got);
	}
	put(&h, OP_RECEIVE, 7, 19000); /* once more: it waits for nobody */
	if (fault)
		evidence_tell_fault(events, json_parse(kill, "test", &e));
	evidence_make(events, 0, fault_effects, &ev);
	view_make(&v, &h, &ev);
	backlog_tell(&v, &b);
	mem_copy_str(out, size, b.len ? buf_cstr(&b) : "");
	buf_free(&b);
	view_free(&v);
	evidence_free(&ev);
	history_free(&h);
	cJSON_Delete(events);
}

static void told(void **state)
{
	char is[300];

	(void)state;
	tell(6000, 9000, 0, true, is, sizeof(is));
	assert_string_equal(is, "; 3 messages waited for a consumer at most before the first fault, 303 after it, and "
			    "consumers had caught up after 4.0 s");
	tell(0, 0, 1, true, is, sizeof(is));
	assert_non_null(strstr(is, "consumers had not caught up in the end (20)"));
	tell(0, 0, 30, true, is, sizeof(is));
	assert_non_null(strstr(is, "takes out less than it puts in: 599 messages waited at the end"));
	tell(6000, 9000, 0, false, is, sizeof(is));
	assert_string_equal(is, "");
}

/* A publisher that is blocked waits until it may send again, however many sends that takes. */
static void blocked(void **state)
{
	static const struct {
		uint32_t process;
		int64_t at_ms;
		bool is;
	} sends[] = {{1, 1000, false}, {1, 2000, true}, {1, 3000, true}, {1, 4000, false},
		     {1, 6000, true}, {1, 7000, false}, {2, 2000, false}, {2, 2500, true}};
	struct history h = {0};
	struct buf b = {0};
	struct evidence ev;
	struct view v;
	cJSON *events = cJSON_CreateArray();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sends); i++) {
		put(&h, OP_SEND, (int64_t)i, sends[i].at_ms);
		h.ops[i].process = sends[i].process;
		h.ops[i].t_return = h.ops[i].t_invoke + 100 * NS_PER_MS;
		if (sends[i].is) {
			h.ops[i].outcome = OP_FAIL;
			h.ops[i].error = "blocked: low on disk";
		}
	}
	evidence_make(events, 0, fault_effects, &ev);
	view_make(&v, &h, &ev);
	backlog_tell(&v, &b);
	assert_string_equal(buf_cstr(&b), "; 4 sends were blocked, in 3 waits of publishers of up to 2.1 s, some to the load's end");
	buf_free(&b);
	view_free(&v);
	evidence_free(&ev);
	history_free(&h);
	cJSON_Delete(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(told), cmocka_unit_test(blocked)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
