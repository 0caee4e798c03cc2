#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/evaluate.h"
#include "report/repeat.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"
#include "test/lib/validate.h"

/* Repetitions together, and scenarios beside each other. */

static int setup(void **state)
{
	struct report_room *r = mem_alloc(sizeof(*r));

	unsetenv("TAP_VERSION");
	report_room_open(r, RUN_SPLIT | RUN_GUARDED | RUN_REPEAT);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	report_room_close(*state);
	free(*state);
	return 0;
}

static void near(double got, double want, double within)
{
	if (fabs(got - want) > within)
		fail_msg("%g, not %g", got, want);
}

static void repetitions_are_one_group(void **state)
{
	const struct report_room *r = *state;
	struct evaluation ev = {0};
	struct arena a = {0};
	struct repeats all;
	struct err e = {0};
	const struct repeated *p;
	const struct figure *f;

	assert_int_equal(evaluation_read(r->dir, &ev, &e), 0);
	repeats_make(&a, &ev.run, &all);
	assert_true(all.any);
	assert_int_equal(all.n, 3);
	p = &all.v[2];
	assert_string_equal(p->name, "postgres-kill-often");
	assert_int_equal(p->n, 7);
	assert_int_equal(p->counted, 6);
	assert_string_equal(p->left_out, "7 broken");
	assert_int_equal(p->nfaults, 1);
	f = &p->faults[0].figures[FIGURE_OUTAGE];
	assert_int_equal(f->n, 6);
	assert_int_equal(f->median.censored, 1);
	assert_false(f->median.at_least);
	near(f->median.value / 1e9, (31.2 + 35.0) / 2, 0.2);
	near(f->median.lo / 1e9, 24.5, 0.2);
	assert_true(isinf(f->median.hi));
	f = &p->faults[0].figures[FIGURE_LOST];
	assert_int_equal(f->n, 6);
	assert_true(f->median.hi >= 3);
	arena_free(&a);
	evaluation_free(&ev);
}

static void they_are_told_in_tap(void **state)
{
	const struct report_room *r = *state;

	assert_non_null(strstr(r->tap, "postgres-kill-often (2 of 7): no acknowledged write lost"));
	assert_non_null(strstr(r->tap, "\n# postgres-kill-often, 6 of 7 repetitions; left out: 7 broken\n"));
	assert_non_null(strstr(r->tap, "no upper bound; n = 6; 1 not over at the end)\n"));
}

static void and_in_json(void **state)
{
	cJSON *o = report_room_json(*state, "result.json");
	const cJSON *often = json_path(o, "repeated.2"), *v;

	assert_string_equal(json_str(often, "name", ""), "postgres-kill-often");
	assert_int_equal(json_i64(often, "counted", 0), 6);
	v = json_path(often, "faults.0.outage.values.3");
	assert_true(json_bool(v, "censored", false));
	assert_true(cJSON_IsNull(json_get(v, "hi")));
	assert_true(cJSON_IsNull(json_path(often, "faults.0.outage.hi")));
	assert_int_equal(json_i64(json_path(o, "scenarios.3"), "repetition", 0), 2);
	cJSON_Delete(o);
}

static void the_page_shows_them(void **state)
{
	struct buf html = {0};
	const char *beside;

	report_room_read(*state, "report.html", &html);
	assert_non_null(strstr(buf_cstr(&html), "All repetitions together"));
	assert_non_null(strstr(buf_cstr(&html), ">▷<title>repetition 4: at least "));
	beside = strstr(buf_cstr(&html), "The same fault, side by side");
	assert_non_null(beside);
	assert_non_null(strstr(beside, "synchronous_mode on instead of off"));
	/* A kill is not beside a partition. */
	assert_null(strstr(strstr(beside, "<h3>") + 4, "<h3>When the primary was killed"));
	must_be_well_formed(buf_cstr(&html), true);
	buf_free(&html);
}

/* A fault that was made with other words is another one, whatever it is called. */
static void what_was_made_otherwise_is_not_beside_it(void **state)
{
	struct report_room r;
	struct buf html = {0};

	(void)state;
	report_room_open(&r, RUN_SPLIT | RUN_ONE_WAY);
	report_room_read(&r, "report.html", &html);
	assert_null(strstr(buf_cstr(&html), "side by side"));
	buf_free(&html);
	report_room_close(&r);
}

/* Of one repetition nothing was written after the fault, of the next nothing is there. */
static bool spoil(cJSON *op, int64_t fault_ns)
{
	int64_t s = json_i64(op, "s", 0);

	if (s == 1 && json_i64(op, "tc", 0) > fault_ns && strcmp(json_str(op, "f", ""), "read") != 0) {
		json_set_str(op, "f", "read");
		json_set_i64(op, "key", 0);
		cJSON_DeleteItemFromObject(op, "val");
		cJSON_DeleteItemFromObject(op, "exp");
	}
	return s != 2;
}

static void spoil_history(const struct report_room *r, int64_t fault_ns)
{
	struct buf in = {0};
	struct err e = {0};
	char path[300], *line, *rest;
	FILE *f;

	report_room_read(r, "history.jsonl", &in);
	snprintf(path, sizeof(path), "%s/history.jsonl", r->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (line = strtok_r(in.s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		cJSON *op = json_parse(line, "test", &e);
		char *text;

		if (spoil(op, fault_ns)) {
			text = cJSON_PrintUnformatted(op);
			fprintf(f, "%s\n", text);
			free(text);
		}
		cJSON_Delete(op);
	}
	fclose(f);
	buf_free(&in);
}

/* What every verdict on it calls unknown is no value of a median. */
static void what_is_not_known_is_left_out_and_named(void **state)
{
	struct evaluation ev = {0};
	struct arena a = {0};
	struct report_room r;
	struct repeats all;
	struct err e = {0};
	int64_t fault_ns;

	(void)state;
	report_room_open(&r, RUN_REPEAT);
	assert_int_equal(evaluation_read(r.dir, &ev, &e), 0);
	fault_ns = ev.run.scenarios[1].m->faults[0].rec->injected_ns;
	evaluation_free(&ev);
	spoil_history(&r, fault_ns);
	assert_int_equal(evaluation_read(r.dir, &ev, &e), 0);
	repeats_make(&a, &ev.run, &all);
	assert_string_equal(all.v[0].left_out, "2 time down not known, 3 not whole, 7 broken");
	assert_int_equal(all.v[0].faults[0].figures[FIGURE_OUTAGE].n, 4);
	assert_int_equal(all.v[0].faults[0].figures[FIGURE_LOST].n, 5);
	assert_int_equal(all.v[0].faults[0].figures[FIGURE_REDUNDANT].n, 5);
	assert_false(isinf(all.v[0].faults[0].figures[FIGURE_LOST].v[0].hi));
	ev.run.scenarios[0].m->loss.maybe_lost = 2;
	repeats_make(&a, &ev.run, &all);
	assert_true(isinf(all.v[0].faults[0].figures[FIGURE_LOST].v[0].hi));
	arena_free(&a);
	evaluation_free(&ev);
	report_room_close(&r);
}

static void without_repetitions_nothing_is_claimed(void **state)
{
	struct report_room r;
	struct buf html = {0};
	cJSON *o;

	(void)state;
	report_room_open(&r, RUN_KILL | RUN_SPLIT);
	assert_null(strstr(r.tap, "repetitions"));
	report_room_read(&r, "report.html", &html);
	assert_null(strstr(buf_cstr(&html), "All repetitions together"));
	assert_null(strstr(buf_cstr(&html), "side by side"));
	o = report_room_json(&r, "result.json");
	assert_int_equal(cJSON_GetArraySize(json_get(o, "repeated")), 0);
	cJSON_Delete(o);
	buf_free(&html);
	report_room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repetitions_are_one_group),
		cmocka_unit_test(they_are_told_in_tap),
		cmocka_unit_test(and_in_json),
		cmocka_unit_test(the_page_shows_them),
		cmocka_unit_test(what_was_made_otherwise_is_not_beside_it),
		cmocka_unit_test(what_is_not_known_is_left_out_and_named),
		cmocka_unit_test(without_repetitions_nothing_is_claimed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
