#include "test/lib/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/synth.h"

#define MS NS_PER_MS
#define SEC NS_PER_S

/* A run of 100 s in which nothing is missing that a pass rests on. */
static void all_seen(struct trial *t)
{
	static const enum op_f kinds[] = { OP_INSERT, OP_READ, OP_CAS, OP_READ_REPLICA };
	static const char *const members[] = { "m0", "m1", "m2" };
	struct err e = { 0 };

	t->events = cJSON_CreateArray();
	for (int i = 0; i < 2000; i++) {
		struct op op = {.f = kinds[i % 4],
				.key = 100,
				.value = i,
				.expect = kinds[i % 4] == OP_CAS ? 7000 : OP_NO_VALUE,
				.outcome = kinds[i % 4] == OP_CAS ? OP_FAIL : OP_OK,
				.sent = true,
				.t_intended = i * 50 * MS,
				.t_invoke = i * 50 * MS,
				.t_return = i * 50 * MS + MS};

		if (op.f == OP_CAS)
			op.error = "mismatch: another value";
		else if (op.f != OP_INSERT)
			op.value = OP_NO_VALUE;
		history_add(&t->h, &op);
	}
	for (int i = 0; i < 600; i++)
		json_push(t->events, synth_sample(members[i % 3], i * 500 / 3 * MS, true,
						  i % 3 ? "replica" : "primary", !(i % 3), 1));
	synth_add_fault(t->events, "kill", "kill-pod", 10 * SEC);
	json_push(t->events, json_parse("{\"s\":0,\"k\":\"final\",\"t\":101000000000,\"present\":[]}", "test",
					&e));
	json_push(t->events, json_parse("{\"s\":0,\"k\":\"phase\",\"t\":102000000000,\"phase\":\"done\"}",
					"test", &e));
}

void trial_begin(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	all_seen(t);
	t->rec = (struct fault_record){ .id = "kill", .name = "kill-pod", .how = "", .state = "", .target = "",
					.role = "", .node = "", .injected_ns = 10 * SEC,
					.effective_ns = 10 * SEC, .everywhere_ns = 10 * SEC,
					.bites = true };
	t->fault = (struct fault_seen){.rec = &t->rec,
				       .window_end_ns = 100 * SEC,
				       .redundant_ns = 20 * SEC,
				       .redundant_lo_ns = 20 * SEC,
				       .lag_zero_ns = -1,
				       .demoted_ns = -1};
	t->fault.outage = (struct outage){.any = true,
					  .ended = true,
					  .down_lo = 10 * SEC,
					  .down_hi = 10 * SEC + 10 * MS,
					  .up_lo = 30 * SEC,
					  .up_hi = 30 * SEC + 20 * MS,
					  .lo_ns = 19990 * MS,
					  .hi_ns = 20020 * MS,
					  .seen_ns = 20010 * MS};
	t->fault.predicted =
		(struct prediction){.known = true, .lo_ns = 10 * SEC, .hi_ns = 40 * SEC};
	t->m = (struct measured){.faults = &t->fault,
				 .nfaults = 1,
				 .baseline_p999_ns = 10 * MS,
				 .stands = true,
				 .redundant_ns = 20 * SEC,
				 .nsamples = 1000,
				 .longest_op_ns = 1010 * MS,
				 .longest_own_ns = 1010 * MS,
				 .end_ns = 100 * SEC};
	t->m.worst = &t->fault.outage;
	t->m.slowest = &t->fault;
	t->m.loss = (struct loss){ .known = true, .of = "insert", .acked = 1000 };
	t->m.stands_why = "creating containers: secret not found";
}

void trial_forget(struct trial *t, const char *kind, int64_t t_ns)
{
	cJSON *e, *next;

	for (e = t->events->child; e; e = next) {
		next = e->next;
		if (!strcmp(json_str(e, "k", ""), kind) && json_i64(e, "t", 0) >= t_ns)
			cJSON_Delete(cJSON_DetachItemViaPointer(t->events, e));
	}
}

void trial_hits(struct trial *t, const char *member)
{
	cJSON *e;

	cJSON_ArrayForEach(e, t->events) {
		cJSON *target = cJSON_CreateObject();

		json_set_str(target, "member", member);
		if (!strcmp(json_str(e, "k", ""), "fault"))
			json_push(cJSON_AddArrayToObject(e, "targets"), target);
		else
			cJSON_Delete(target);
	}
}

void trial_event(struct trial *t, const char *json)
{
	struct err err = { 0 };
	cJSON *e = json_parse(json, "test", &err);

	if (!e)
		fail_msg("%s", err.msg);
	json_set_i64(e, "s", 0);
	json_push(t->events, e);
}

const struct judged *trial_judge(struct trial *t, const char *expect)
{
	return trial_judge_of(t, expect, NULL);
}

const struct judged *trial_judge_of(struct trial *t, const char *expect, const char *more)
{
	struct evidence *ev;
	struct buf b = { 0 };

	judged_free(t->j, t->n);
	trial_forget(t, "scenario", 0);
	buf_fmt(&b, "{\"k\":\"scenario\",\"expect\":%s%s%s}", expect, more ? "," : "", more ? more : "");
	trial_event(t, buf_cstr(&b));
	buf_free(&b);
	ev = evidence_kept(t->events, 0);
	evidence_weigh(ev, &t->h);
	judge_scenario(&t->h, ev, &t->m, &t->j, &t->n);
	assert_int_equal(t->n, 1);
	assert_true(*t->j->why);
	return t->j;
}

void trial_note(struct trial *t, const char *kind, bool ok)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "s", 0);
	json_set_str(e, "k", kind);
	json_set_bool(e, "ok", ok);
	json_push(t->events, e);
}

void trial_end(struct trial *t)
{
	judged_free(t->j, t->n);
	history_free(&t->h);
	cJSON_Delete(t->events);
}
