#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "check/check.h"
#include "measure/measure.h"
#include "test/lib/shipped.h"
#include "test/lib/shipped_run.h"

/* Every expectation of every scenario that is shipped can fail: each is judged
 * on a run that violates it. */

static void judge_run(const struct shipped_run *r, struct judged **j, size_t *n)
{
	struct evidence ev;
	struct measured m;

	evidence_load(r->events, 0, &ev);
	measure_scenario(&r->h, &ev, &m);
	judge_scenario(&r->h, &ev, &m, j, n);
	measured_free(&m);
	evidence_free(&ev);
}

static void violate(const struct plan *p, size_t i)
{
	struct shipped_run run;
	struct judged *j;
	size_t n;

	shipped_run_make(p, &p->sc.expects[i], &run);
	judge_run(&run, &j, &n);
	assert_int_equal(n, p->sc.nexpects);
	if (j[i].verdict != VERDICT_FAIL)
		fail_msg("%s: \"%s\" is violated, and the verdict is %s: %s", p->sc.name, j[i].name,
			 verdict_name(j[i].verdict), j[i].why);
	judged_free(j, n);
	shipped_run_free(&run);
}

/* In a run in which all is well none of these fails, so that it is the violation
 * that they fail of. */
static void all_well(const char *path, const struct plan *p)
{
	static const enum expect_metric sure[] = {
		EXPECT_LOST,	     EXPECT_PHANTOM,	    EXPECT_DUPLICATE,
		EXPECT_DUAL_PRIMARY, EXPECT_ERRORS_CLEAR,   EXPECT_CHECK,
		EXPECT_STALENESS,    EXPECT_RECOVERY_POINT, EXPECT_JOB,
		EXPECT_ROUTES,
	};
	struct shipped_run run;
	struct judged *j;
	size_t n;

	(void)path;
	shipped_run_make(p, NULL, &run);
	judge_run(&run, &j, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(sure); k++)
			if (p->sc.expects[i].metric == sure[k] && !p->sc.expects[i].has_at_least &&
			    j[i].verdict == VERDICT_FAIL)
				fail_msg("%s: \"%s\" is not violated: %s", p->sc.name, j[i].name, j[i].why);
	judged_free(j, n);
	shipped_run_free(&run);
}

static void violate_all(const char *path, const struct plan *p)
{
	(void)path;
	for (size_t i = 0; i < p->sc.nexpects; i++)
		violate(p, i);
}

static void test_all_can_fail(void **state)
{
	(void)state;
	shipped_each(violate_all);
}

static void test_all_well(void **state)
{
	(void)state;
	shipped_each(all_well);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_well),
		cmocka_unit_test(test_all_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
