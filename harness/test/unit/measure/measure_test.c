/* What a run is told to be: noise, what broke, what stands; redirections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/measure.h"
#include "measure/parts.h"
#include "test/lib/synth.h"
#include "test/unit/measure/told.h"

static void by_way_of(struct run *r, enum op_f f, int64_t key, const char *const *via, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct op op = {.f = f,
				.value = (int64_t)i,
				.key = key,
				.expect = OP_NO_VALUE,
				.t_intended = SEC,
				.t_invoke = SEC,
				.t_return = SEC + MS,
				.outcome = OP_OK,
				.sent = true,
				.via = via[i]};

		history_add(&r->h, &op);
	}
}

static void test_redirections(void **state)
{
	static const char *const via[] = {"10.1.0.1:6379", "10.1.0.2:6379 MOVED", "10.1.0.2:6379 MOVED",
					  "10.1.0.2:6379 ASK", "10.1.0.3:6379 ASK TRYAGAIN"};
	struct run r;

	(void)state;
	begin(&r);
	add(r.events, "scenario", SEC, "{\"system\":\"redis-cluster\"}");
	by_way_of(&r, OP_INSERT, OP_NO_VALUE, via, ARRAY_LEN(via));
	measure(&r);
	assert_int_equal(measured_redirected(&r.m, "moved"), 2);
	assert_int_equal(measured_redirected(&r.m, "ask"), 2);
	assert_int_equal(measured_redirected(&r.m, "tryagain"), 1);
	assert_int_equal(measured_redirected(&r.m, "elsewhere"), 0);
	end(&r);
}

/* Kafka's library, by itself. */
static void test_resent(void **state)
{
	static const char *const via[] = {"10.1.0.1:9092", "10.1.0.2:9092 resent"};
	struct run r;

	(void)state;
	begin(&r);
	add(r.events, "scenario", SEC, "{\"system\":\"kafka\"}");
	by_way_of(&r, OP_SEND, 0, via, ARRAY_LEN(via));
	measure(&r);
	assert_int_equal(measured_redirected(&r.m, "resent"), 1);
	end(&r);
}

/* Every system's table is whole, and no longer than what is counted. */
static void test_redirection_tables(void **state)
{
	size_t n, tables = 0;
	const struct system *all = system_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct redirection *r = all[i].model->redirections;
		size_t k = 0;

		for (; r && r[k].word; k++) {
			assert_true(k < REDIRECTIONS_MAX);
			assert_null(strchr(r[k].word, ' '));
			assert_true(*r[k].word && *r[k].key && *r[k].before && *r[k].after);
		}
		tables += k > 0;
	}
	assert_true(tables > 0);
}

static void tell(struct run *r, const char *state, const char *targets)
{
	cJSON *e = synth_fault("cut", "partition-node", state, 10 * SEC);

	if (*targets)
		json_set(e, "targets", cJSON_Parse(targets));
	json_push(r->events, e);
}

/* Each agent tells of its part; with one of them missing, or one target, nobody
 * knows that it took effect there. */
static void test_effective_everywhere(void **state)
{
	static const char two[] = "[{\"member\":\"m0\",\"node\":\"n0\",\"role\":\"primary\"},"
				  "{\"member\":\"m1\",\"node\":\"n1\",\"role\":\"replica\"}]";
	static const char one[] = "[{\"member\":\"m0\",\"node\":\"n0\",\"role\":\"primary\"}]";
	static const struct {
		const char *injecting[2], *effective[2]; /* NULL: no such event */
		bool bites;
	} runs[] = {
		{{two, two}, {two, two}, true},
		{{two, two}, {two, NULL}, false},
		{{two, NULL}, {two, NULL}, false}, /* two nodes have two agents */
		{{two, two}, {one, one}, false},
		{{two, two}, {"", ""}, true},      /* they need not say it again */
		{{one, NULL}, {one, NULL}, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		struct run r;

		begin(&r);
		steady(&r.h, 2000);
		for (int k = 0; k < 2; k++)
			if (runs[i].injecting[k])
				tell(&r, "injecting", runs[i].injecting[k]);
		for (int k = 0; k < 2; k++)
			if (runs[i].effective[k])
				tell(&r, "effective", runs[i].effective[k]);
		recover(&r);
		if (r.m.faults[0].rec->bites != runs[i].bites)
			fail_msg("run %zu", i);
		assert_string_equal(r.m.faults[0].rec->target, runs[i].injecting[0] == two ? "m0, m1" : "m0");
		end(&r);
	}
}

/* Nodes are stopped from beside the driver, all of them by one agent, which says what
 * it saw of all. */
static void test_effective_from_outside(void **state)
{
	static const char *const states[] = {"planned", "injecting", "effective"};
	struct run r;

	(void)state;
	for (int told = 2; told <= 3; told++) {
		begin(&r);
		steady(&r.h, 2000);
		for (int i = 0; i < told; i++) {
			cJSON *e = synth_fault("off", "node-down", states[i], 10 * SEC);

			json_set(e, "targets", cJSON_Parse("[{\"member\":\"m0\",\"node\":\"n0\"},{\"member\":\"m1\","
							   "\"node\":\"n1\"}]"));
			json_push(r.events, e);
		}
		measure(&r);
		assert_int_equal(r.m.faults[0].rec->bites, told == 3);
		assert_int_equal(r.m.broken, told == 2);
		end(&r);
	}
}

static void test_noise(void **state)
{
	struct run r;
	size_t i;

	(void)state;
	begin(&r);
	steady(&r.h, 1000);
	add(r.events, "noise", 11 * SEC, "{\"source\":\"load\",\"lateness_p99_ms\":2.5,\"cpu_some_pct\":71.5,\"steal_pct\":0.4}");
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	assert_true(r.m.noise.cpu_some_pct > 71 && r.m.noise.lateness_p99_ms == 2.5);
	measured_free(&r.m);

	add(r.events, "noise", 12 * SEC, "{\"lateness_p99_ms\":150}");
	measure(&r);
	assert_true(r.m.noise.too_noisy);
	assert_non_null(strstr(r.m.noise.why, "150"));
	end(&r);

	begin(&r);
	steady(&r.h, 1000);
	for (i = 0; i < r.h.n; i += 20)
		r.h.ops[i].t_intended -= 120 * MS;
	measure(&r);
	assert_true(r.m.noise.too_noisy);
	end(&r);

	begin(&r);
	steady(&r.h, 1000);
	add(r.events, "noise", 11 * SEC, "{\"steal_pct\":49}");
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	measured_free(&r.m);
	add(r.events, "noise", 12 * SEC, "{\"steal_pct\":51}");
	measure(&r);
	assert_true(r.m.noise.too_noisy);
	assert_non_null(strstr(r.m.noise.why, "hypervisor"));
	end(&r);
}

/* Queueing behind an outage is the system's doing, not noise. */
static void test_queue_is_no_noise(void **state)
{
	struct run r;
	int i;

	(void)state;
	begin(&r);
	steady(&r.h, 1000);
	synth_add_fault(r.events, "kill", "kill-pod", 11 * SEC);
	for (i = 0; i < 200; i++) {
		insert(&r.h, 1000 + i, 15 * SEC + i * MS, OP_OK);
		r.h.ops[r.h.n - 1].t_intended = 12 * SEC;
	}
	measure(&r);
	assert_false(r.m.noise.too_noisy);
	end(&r);
}

static void test_broken(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	json_push(r.events, synth_fault("kill", "kill-pod", "injecting", SEC));
	json_push(r.events, synth_fault("kill", "kill-pod", "no-effect", 2 * SEC));
	measure(&r);
	assert_true(r.m.broken);
	assert_non_null(strstr(r.m.broken_why, "kill had no measurable effect"));
	assert_false(r.m.faults[0].rec->bites);
	end(&r);

	begin(&r);
	steady(&r.h, 100);
	add(r.events, "broken", SEC, "{\"where\":\"load agent\",\"what\":\"it went away\"}");
	add(r.events, "stands", SEC, "{\"ok\":true}");
	measure(&r);
	assert_true(r.m.broken);
	assert_string_equal(r.m.broken_why, "load agent: it went away");
	assert_true(r.m.stands);
	end(&r);

	begin(&r);
	steady(&r.h, 100);
	json_push(r.events, synth_fault("fill", "fill-disk", "injecting", SEC));
	measure(&r);
	assert_true(r.m.broken); /* never seen to bite */
	end(&r);
}

/* An error may be a list of all that is wrong: it is told to its end. */
static void test_long_reasons(void **state)
{
	char what[3000], event[3100];
	struct run r;

	(void)state;
	memset(what, 'x', sizeof(what));
	what[sizeof(what) - 1] = '\0';
	begin(&r);
	snprintf(event, sizeof(event), "{\"where\":\"kind\",\"what\":\"%s\"}", what);
	add(r.events, "broken", SEC, event);
	snprintf(event, sizeof(event), "{\"ok\":false,\"member\":\"postgres-0\",\"reason\":\"%s\"}", what);
	add(r.events, "stands", SEC, event);
	snprintf(event, sizeof(event), "{\"what\":\"%s\"}", what);
	add(r.events, "unsupported", SEC, event);
	measure(&r);
	assert_int_equal(strlen(r.m.broken_why), strlen("kind: ") + strlen(what));
	assert_int_equal(strlen(r.m.stands_why), strlen("postgres-0: ") + strlen(what));
	assert_string_equal(r.m.unsupported, what);
	end(&r);
}

static void test_unsupported(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	json_push(r.events, synth_fault("off", "node-down", "planned", SEC));
	add(r.events, "unsupported", SEC, "{\"what\":\"no nodes here\"}");
	json_push(r.events, synth_fault("off", "node-down", "healing", SEC));
	measure(&r);
	assert_string_equal(r.m.unsupported, "no nodes here");
	assert_false(r.m.broken);
	end(&r);
}

/* Another scenario's trouble is not ours; the run's is. */
static void test_whose_trouble(void **state)
{
	struct run r;
	cJSON *e;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	add(r.events, "broken", SEC, "{\"what\":\"x\"}");
	e = cJSON_GetArrayItem(r.events, 0);
	cJSON_DeleteItemFromObject(e, "s");
	json_set_i64(e, "s", 3);
	measure(&r);
	assert_false(r.m.broken);
	measured_free(&r.m);
	cJSON_DeleteItemFromObject(e, "s");
	measure(&r);
	assert_true(r.m.broken);
	end(&r);
}

/* Names that are longer than any pod's, equal in all that is kept of them: each
 * sample counts for somebody who is known. */
static void test_long_names(void **state)
{
	struct run r;
	char name[300];
	int64_t t;
	int i;

	(void)state;
	begin(&r);
	steady(&r.h, 100);
	synth_add_fault(r.events, "kill", "kill-pod", SEC);
	for (t = 0; t < 6 * SEC; t += 100 * MS)
		for (i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "%0280d", i);
			json_push(r.events, synth_sample(name, t + i, true, "replica", false, 1));
		}
	measure(&r);
	assert_int_equal(r.m.nsamples, 60 * 40);
	assert_int_equal(r.m.redundant_ns, -1);
	end(&r);
}

static void test_stands(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	add(r.events, "stands", SEC, "{\"ok\":false,\"member\":\"postgres-0\",\"point\":\"creating containers\",\"reason\":\"secret not found\"}");
	measure(&r);
	assert_false(r.m.stands);
	assert_string_equal(r.m.stands_why, "postgres-0: creating containers: secret not found");
	end(&r);

	begin(&r);
	add(r.events, "stands", SEC, "{\"ok\":true}");
	insert(&r.h, 1, SEC, OP_FAIL);
	measure(&r);
	assert_false(r.m.stands);
	assert_non_null(strstr(r.m.stands_why, "acknowledged no write"));
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirections),
		cmocka_unit_test(test_resent),
		cmocka_unit_test(test_redirection_tables),
		cmocka_unit_test(test_effective_everywhere),
		cmocka_unit_test(test_effective_from_outside),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_queue_is_no_noise),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_long_reasons),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_whose_trouble),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
