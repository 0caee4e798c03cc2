#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "report/compare.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"
#include "test/lib/validate.h"

/* Two runs side by side. */

struct two {
	struct report_room a, b;
	struct comparison c;
	char *text, *html;
};

static void write_to(struct comparison *c, void (*write)(struct comparison *, FILE *), char **out)
{
	size_t len = 0;
	FILE *f = open_memstream(out, &len);

	write(c, f);
	fclose(f);
}

static void open_two(struct two *t, unsigned a, unsigned b)
{
	struct err e = {0};

	memset(t, 0, sizeof(*t));
	report_room_open(&t->a, a);
	report_room_open(&t->b, b);
	if (comparison_make(t->a.dir, t->b.dir, NULL, &t->c, &e))
		fail_msg("%s", e.msg);
	write_to(&t->c, comparison_text, &t->text);
	write_to(&t->c, comparison_html, &t->html);
}

static void close_two(struct two *t)
{
	comparison_free(&t->c);
	free(t->text);
	free(t->html);
	report_room_close(&t->a);
	report_room_close(&t->b);
}

static void has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("\"%s\" is not in:\n%.3000s", what, text);
}

static void a_difference_is_bounded(void **state)
{
	const struct stat_shift *s;
	struct two t;

	(void)state;
	open_two(&t, RUN_REPEAT, RUN_REPEAT_FAST);
	assert_int_equal(t.c.n, 1);
	assert_int_equal(t.c.v[0].nfaults, 1);
	s = &t.c.v[0].faults[0].shift[FIGURE_OUTAGE];
	assert_true(s->bounded && s->differs && s->hi < 0);
	assert_true(s->p < 0.01);
	assert_false(t.c.v[0].faults[0].shift[FIGURE_LOST].differs);
	has(t.text, "settings: B has ttl 20 instead of 30");
	has(t.text, " s shorter (B less A, 95 % for this figure alone: no bound to -");
	has(t.text, "p = 0.0022, 0.0065 corrected for 3 figures)");
	has(t.text, "no difference is shown");
	has(t.text, "3 figures are compared. Each p is corrected for these 3 by Holm's method");
	has(t.html, "Each p is corrected for these 3");
	has(t.text, "of A left out: 7 broken");
	has(t.html, "A: writes down");
	has(t.html, "B: writes down");
	must_be_well_formed(t.html, true);
	close_two(&t);
}

/* One value a side says nothing, whatever it is. */
static void few_values_decide_nothing(void **state)
{
	struct two t;

	(void)state;
	open_two(&t, RUN_KILL | RUN_SPLIT, RUN_KILL | RUN_DOCUMENTED);
	has(t.text, "too few values to decide (1 and 1;");
	has(t.text, "settings: the same");
	has(t.text, "only in A: postgres-partition-primary\n");
	has(t.text, "only in B: postgres-documented\n");
	assert_null(strstr(t.text, "less A"));
	has(t.text, "No figure has enough values on both sides");
	close_two(&t);
}

/* What is asked for alone is corrected for itself alone. */
static void one_scenario_can_be_chosen(void **state)
{
	struct report_room a, b;
	struct comparison c = {0};
	struct err e = {0};

	(void)state;
	report_room_open(&a, RUN_REPEAT | RUN_KILL);
	report_room_open(&b, RUN_REPEAT_FAST | RUN_KILL);
	assert_int_equal(comparison_make(a.dir, b.dir, "postgres-kill-often", &c, &e), 0);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.v[0].a->name, "postgres-kill-often");
	assert_string_equal(c.only_a, "");
	comparison_free(&c);
	memset(&c, 0, sizeof(c));
	assert_int_equal(comparison_make(a.dir, b.dir, "postgres-kill", &c, &e), -1);
	has(e.msg, "no scenario \"postgres-kill\" in common");
	comparison_free(&c);
	report_room_close(&a);
	report_room_close(&b);
}

/* As many figures as ninety scenarios would have, six values each: whoever is far
 * off is not named, and the words say what it would take. */
static void too_many_for_six(void **state)
{
	struct stat_value six[] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}};
	struct stat_value far[] = {{11, 11}, {12, 12}, {13, 13}, {14, 14}, {15, 15}, {16, 16}};
	struct stat_shift shifts[90], *v[90];
	struct comparison c = {.most_a = 6, .most_b = 6};
	const char *words;

	(void)state;
	for (int i = 0; i < 90; i++) {
		v[i] = &shifts[i];
		stat_shift(six, 6, i ? six : far, 6, v[i]);
	}
	stat_holm(v, 90, &c.family);
	assert_false(shifts[0].differs);
	words = family_words(&c);
	has(words, "90 figures are compared. Each p is corrected for these 90");
	has(words, "With at most 6 values against 6 none of so many can be named, however large; "
		   "with 8 against 8 it could");
	stat_holm(v, 20, &c.family);
	assert_true(shifts[0].differs);
	assert_null(strstr(family_words(&c), "none of so many"));
	comparison_free(&c);
}

/* Everything that r's events tell of "in" is of "up" from now on. */
static void turn(const struct report_room *r)
{
	struct buf events = {0};
	char path[300];
	FILE *f;

	report_room_read(r, "events.jsonl", &events);
	for (char *at = events.s; (at = strstr(at, "\"direction\":\"in\"")); at++) {
		at[strlen("\"direction\":\"")] = 'u';
		at[strlen("\"direction\":\"i")] = 'p';
	}
	snprintf(path, sizeof(path), "%s/events.jsonl", r->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(events.s, 1, events.len, f), events.len);
	fclose(f);
	buf_free(&events);
}

/* Of the same id, but another fault: no figure of the two is one figure. */
static void what_was_made_otherwise_is_not_compared(void **state)
{
	struct report_room a, b;
	struct comparison c = {0};
	struct err e = {0};

	(void)state;
	report_room_open(&a, RUN_ONE_WAY);
	report_room_open(&b, RUN_ONE_WAY);
	assert_int_equal(comparison_make(a.dir, b.dir, NULL, &c, &e), 0);
	assert_int_equal(c.v[0].nfaults, 1);
	comparison_free(&c);
	turn(&b);
	memset(&c, 0, sizeof(c));
	assert_int_equal(comparison_make(a.dir, b.dir, NULL, &c, &e), 0);
	assert_int_equal(c.v[0].nfaults, 0);
	has(c.v[0].unpaired, "partition-node, on a primary (A only, with direction in where B has up)");
	comparison_free(&c);
	report_room_close(&a);
	report_room_close(&b);
}

static void a_run_against_itself_shows_none(void **state)
{
	struct two t;

	(void)state;
	open_two(&t, RUN_REPEAT, RUN_REPEAT);
	for (int k = 0; k < FIGURES; k++)
		assert_false(t.c.v[0].faults[0].shift[k].differs);
	has(t.text, "no difference is shown");
	close_two(&t);
}

static void nothing_in_common_is_an_error(void **state)
{
	struct report_room a, b;
	struct comparison c = {0};
	struct err e = {0};

	(void)state;
	report_room_open(&a, RUN_DOCUMENTED);
	report_room_open(&b, RUN_KILL);
	assert_int_equal(comparison_make(a.dir, b.dir, NULL, &c, &e), -1);
	has(e.msg, "no scenario in common");
	comparison_free(&c);
	report_room_close(&a);
	report_room_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_difference_is_bounded),
		cmocka_unit_test(few_values_decide_nothing),
		cmocka_unit_test(one_scenario_can_be_chosen),
		cmocka_unit_test(too_many_for_six),
		cmocka_unit_test(what_was_made_otherwise_is_not_compared),
		cmocka_unit_test(a_run_against_itself_shows_none),
		cmocka_unit_test(nothing_in_common_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
