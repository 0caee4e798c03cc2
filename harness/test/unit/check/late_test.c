/* Sends that were acknowledged when their calls had long ended: what a history's file tells of
 * them, and what loss, the queue's check and the outage make of that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "check/check.h"
#include "history/read.h"
#include "scenario/metrics.h"
#include "test/unit/measure/told.h"

#define FINAL(left) "{\"present\":[],\"duplicates\":[],\"registers\":{},\"messages\":[" left "]}"

/* Two clients: 1 and 4 were acknowledged in time, 2 and 3 not, of which 2 was later. */
#define TOLD(conf) \
	"{\"p\":1,\"f\":\"send\",\"o\":\"ok\",\"key\":0,\"val\":1,\"tc\":1000000000,\"tr\":1010000000}\n" \
	"{\"p\":1,\"f\":\"send\",\"o\":\"info\",\"key\":0,\"val\":2,\"tc\":2000000000,\"tr\":3000000000}\n" \
	"{\"p\":2,\"f\":\"send\",\"o\":\"info\",\"key\":0,\"val\":3,\"tc\":2000000000,\"tr\":3000000000}\n" \
	"{\"p\":1,\"f\":\"send\",\"o\":\"ok\",\"key\":0,\"val\":4,\"tc\":6000000000,\"tr\":6010000000" conf "}\n" \
	"{\"p\":1,\"f\":\"receive\",\"o\":\"ok\",\"key\":0,\"val\":1,\"tc\":7000000000,\"tr\":7010000000}\n"
#define LATER ",\"conf\":[[2,6005000000]]"

static int read_text(const char *text, struct history *h, struct err *e)
{
	char path[] = "/tmp/ordeal-late-XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(file_write_atomic(path, text, strlen(text), e), 0);
	r = history_read(path, h, e);
	unlink(path);
	return r;
}

static void of(struct run *r, const char *history, const char *final)
{
	struct err e = {0};

	begin(r);
	add(r->events, "final", 20 * SEC, final);
	if (read_text(history, &r->h, &e))
		fail_msg("%s", e.msg);
	measure_scenario(&r->h, evidence_kept(r->events, 0), &r->m);
}

static enum verdict queue(struct run *r, struct check_result *res)
{
	const struct check_budget b = {10 * NS_PER_S, (size_t)256 << 20};

	checker_find("queue")->check(&r->h, evidence_kept(r->events, 0), &r->m, &b, res);
	return res->verdict;
}

static void test_lost(void **state)
{
	struct check_result res;
	struct run r;
	char *w;

	(void)state;
	of(&r, TOLD(LATER), FINAL("{\"part\":0,\"val\":[4]}"));
	assert_int_equal(r.m.loss.acked, 3);
	assert_int_equal(r.m.loss.acked_late, 1);
	assert_int_equal(r.m.loss.unknown, 1);
	assert_int_equal(r.m.loss.lost, 1);
	assert_int_equal(r.m.loss.writes[0].value, 2);
	assert_int_equal(r.m.loss.writes[0].t_return, 6005 * MS);
	assert_int_equal(queue(&r, &res), VERDICT_FAIL);
	w = json_text(res.witness);
	if (!strstr(w, "client 1 sent 2 to partition 0") || !strstr(w, "acknowledged later"))
		fail_msg("%s", w);
	free(w);
	cJSON_Delete(res.witness);
	end(&r);
	/* Nobody ever heard of it: nothing is known. */
	of(&r, TOLD(""), FINAL("{\"part\":0,\"val\":[4]}"));
	assert_int_equal(r.m.loss.acked, 2);
	assert_int_equal(r.m.loss.unknown, 2);
	assert_int_equal(r.m.loss.lost, 0);
	assert_int_equal(queue(&r, &res), VERDICT_PASS);
	end(&r);
}

static void test_there(void **state)
{
	static const char *const left[] = {FINAL("{\"part\":0,\"val\":[2,4]}"),
					   FINAL("{\"part\":0,\"val\":[4,2]}")};
	struct check_result res;
	struct run r;

	(void)state;
	/* A client that gave it up may have sent what followed by another way. */
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		of(&r, TOLD(LATER), left[i]);
		assert_int_equal(r.m.loss.lost, 0);
		assert_int_equal(r.m.loss.acked, 3);
		assert_int_equal(queue(&r, &res), VERDICT_PASS);
		assert_non_null(strstr(res.why, "all 3 acknowledged sends"));
		assert_non_null(strstr(res.why, "1 of them were acknowledged after their calls had ended"));
		end(&r);
	}
}

/* It is the fault's that was at work when its client heard, and no answer in time. */
static void test_when(void **state)
{
	struct run with, without;

	(void)state;
	of(&with, TOLD(LATER), FINAL("{\"part\":0,\"val\":[4]}"));
	of(&without, TOLD(""), FINAL("{\"part\":0,\"val\":[4]}"));
	measured_free(&with.m);
	measured_free(&without.m);
	synth_add_fault(with.events, "early", "kill-pod", 2500 * MS);
	synth_add_fault(with.events, "late", "kill-pod", 6001 * MS);
	synth_add_fault(without.events, "early", "kill-pod", 2500 * MS);
	synth_add_fault(without.events, "late", "kill-pod", 6001 * MS);
	measure_scenario(&with.h, evidence_kept(with.events, 0), &with.m);
	measure_scenario(&without.h, evidence_kept(without.events, 0), &without.m);
	assert_string_equal(with.m.loss.writes[0].fault, "late");
	for (size_t i = 0; i < 2; i++) {
		const struct outage *a = &with.m.faults[i].outage, *b = &without.m.faults[i].outage;

		assert_int_equal(a->any, b->any);
		assert_int_equal(a->up_lo, b->up_lo);
		assert_int_equal(a->up_hi, b->up_hi);
	}
	end(&with);
	end(&without);
}

/* Only of what its client had sent, and had no answer to; once, and not before or behind. */
static void test_refused(void **state)
{
	static const char *const wrong[] = {
		",\"conf\":[[1,6005000000]]",	     ",\"conf\":[[3,6005000000]]",
		",\"conf\":[[4,6005000000]]",	     ",\"conf\":[[9,6005000000]]",
		",\"conf\":[[2,6005000000],[2,6006000000]]", ",\"conf\":[[2,6011000000]]",
		",\"conf\":[[2,1000000000]]",
	};
	static const char *const malformed[] = {
		"2", "[2,6005000000]", "[[2]]", "[[2,6005000000,1]]", "[[2,\"6005000000\"]]",
		"[[null,6005000000]]", "[[2.5,6005000000]]", "[[2,1e300]]", "[{\"a\":2,\"b\":6005000000}]", "{}",
	};
	struct history h = {0};
	struct err e = {0};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		buf_reset(&b);
		buf_fmt(&b, TOLD("%s"), wrong[i]);
		assert_int_equal(read_text(buf_cstr(&b), &h, &e), -1);
		if (!strstr(e.msg, ":4: \"conf\" tells of the value"))
			fail_msg("%s: %s", wrong[i], e.msg);
		history_free(&h);
	}
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		buf_reset(&b);
		buf_fmt(&b, TOLD(",\"conf\":%s"), malformed[i]);
		assert_int_equal(read_text(buf_cstr(&b), &h, &e), -1);
		if (!strstr(e.msg, ":4: \"conf\" must be a list"))
			fail_msg("%s: %s", malformed[i], e.msg);
		history_free(&h);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_there),
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
