/* The verdict on how far back what survived a fault ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/parts.h"
#include "test/lib/evidence_kept.h"
#include "test/lib/trial.h"

#define MS NS_PER_MS
#define WITHIN(limit) "[{\"metric\":\"recovery_point\",\"fault\":\"kill\",\"at_most\":" limit "}]"

static void lose(struct trial *t, int64_t value)
{
	struct loss *l = &t->m.loss;
	struct lost_write w = {.f = OP_INSERT, .value = value, .t_call = value * 50 * MS,
			       .t_return = value * 50 * MS + MS};

	mem_copy_str(w.fault, sizeof(w.fault), "kill");
	l->writes = mem_realloc(l->writes, (l->n + 1) * sizeof(*l->writes));
	l->writes[l->n++] = w;
	l->lost = (int64_t)l->n;
}

static void point(struct trial *t)
{
	struct view v;

	view_make(&v, &t->h, evidence_kept(t->events, 0));
	recovery_points_make(&v, NULL, &t->m);
	view_free(&v);
}

/* The trial inserts every fourth value of 50 ms each, and is killed after 10 s. */
static void begin(struct trial *t, int64_t but)
{
	trial_begin(t);
	for (int64_t value = 120; value < 200; value += 4)
		if (value != but)
			lose(t, value);
	point(t);
}

static void end(struct trial *t)
{
	free(t->m.loss.writes);
	t->m.loss.writes = NULL;
	trial_end(t);
}

static void becomes(struct trial *t, const char *expect, enum verdict v, const char *why)
{
	const struct judged *j = trial_judge(t, expect);

	if (j->verdict != v || !strstr(j->why, why))
		fail_msg("%s: %s, %s", expect, verdict_name(j->verdict), j->why);
}

static void test_limits(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, -1);
	becomes(&t, WITHIN("4500000000"), VERDICT_PASS, "of one moment, 4.00 s before it: 20 of ");
	becomes(&t, WITHIN("3500000000"), VERDICT_FAIL, "4.00 s before it");
	/* Between the call of the first lost one and its acknowledgement. */
	becomes(&t, WITHIN("3999500000"), VERDICT_UNKNOWN, "4.00 s before it");
	becomes(&t, "[{\"metric\":\"recovery_point\",\"at_most\":3500000000}]", VERDICT_FAIL, "kill");
	becomes(&t, "[{\"metric\":\"recovery_point\",\"fault\":\"zzz\",\"at_most\":1}]", VERDICT_UNKNOWN, "was not injected");
	/* Which others are lost nobody can tell, be it one of long ago. */
	t.m.loss.maybe_lost = 1;
	becomes(&t, WITHIN("4500000000"), VERDICT_UNKNOWN, "");
	becomes(&t, WITHIN("3500000000"), VERDICT_FAIL, "");
	t.m.loss.known = false;
	mem_copy_str(t.m.loss.why_unknown, sizeof(t.m.loss.why_unknown), "no final read was made");
	becomes(&t, WITHIN("4500000000"), VERDICT_UNKNOWN, "no final read was made");
	end(&t);
}

static void test_no_moment(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 160);
	becomes(&t, WITHIN("60000000000"), VERDICT_FAIL, "of no single moment: 1 acknowledged writes are there");
	end(&t);
}

/* One side of a cut went on: what it acknowledged then was in no state before the fault. */
static void test_after(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	lose(&t, 200);
	point(&t);
	becomes(&t, WITHIN("4500000000"), VERDICT_PASS, "of one moment, 0.00 s before it");
	end(&t);
	trial_begin(&t);
	lose(&t, 220);
	lose(&t, 224);
	point(&t);
	becomes(&t, WITHIN("4500000000"), VERDICT_UNKNOWN,
		"2 of the lost writes were called after fault kill had taken effect: of these no time before it tells");
	end(&t);
	/* ... and what it had lost of before, it had. */
	trial_begin(&t);
	for (int64_t value = 120; value <= 220; value += 4)
		lose(&t, value);
	point(&t);
	becomes(&t, WITHIN("4500000000"), VERDICT_UNKNOWN, "5 of the lost writes were called after");
	becomes(&t, WITHIN("3500000000"), VERDICT_FAIL, "4.00 s before it");
	end(&t);
}

/* Of what was put back the position counts as well: no limit holds where it is not that of
 * the data, and where nobody knows that is said. */
static void test_position(void **state)
{
	struct recovery_point *p;
	struct trial t;

	(void)state;
	begin(&t, -1);
	p = &t.m.faults[0].point;
	p->put_back = POINT_CONSISTENT;
	snprintf(p->how, sizeof(p->how), "consistent with position 7");
	becomes(&t, WITHIN("4500000000"), VERDICT_PASS, "none of them earlier; consistent with position 7");
	p->put_back = POINT_UNTOLD;
	snprintf(p->how, sizeof(p->how), "its position was not compared: x");
	becomes(&t, WITHIN("4500000000"), VERDICT_PASS, "none of them earlier; its position was not compared: x");
	p->put_back = POINT_INCONSISTENT;
	snprintf(p->how, sizeof(p->how), "not consistent with position 7: value 3 is lost");
	becomes(&t, WITHIN("4500000000"), VERDICT_FAIL, "what was put back after fault kill is not consistent with position 7: "
		"value 3 is lost");
	becomes(&t, WITHIN("3500000000"), VERDICT_FAIL, "none of them earlier; not consistent with position 7");
	end(&t);
}

static void test_nothing(void **state)
{
	struct trial t;

	(void)state;
	trial_begin(&t);
	becomes(&t, WITHIN("0"), VERDICT_PASS, "nothing that was acknowledged before fault kill is lost");
	trial_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_no_moment),
		cmocka_unit_test(test_after),
		cmocka_unit_test(test_position),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
