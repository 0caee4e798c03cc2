/* Faults that come to their targets one after the other, and those of which one agent
 * tells for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "measure/measure.h"
#include "test/lib/evidence_help.h"

#define S NS_PER_S

#define TARGET(i, uid, role) "{\"member\":\"db-" i "\",\"node\":\"n" i "\",\"uid\":\"" uid "\",\"role\":\"" role "\"}"
#define ALL "[" TARGET("0", "a0", "primary") "," TARGET("1", "a1", "replica") "," TARGET("2", "a2", "replica") "]"
#define FAULT(name, state, t, targets) "{\"k\":\"fault\",\"id\":\"f\",\"fault\":\"" name "\",\"state\":\"" state \
	"\",\"t\":" t "000000000,\"targets\":" targets "}"
#define POD(i, t, uid, more) "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"db-" i "\",\"t\":" t "000000000,\"uid\":\"" uid \
	"\",\"phase\":\"Running\"" more "}"
#define SAMPLE(i, t, role) "{\"k\":\"sample\",\"m\":\"db-" i "\",\"t\":" t "000000000,\"ok\":true,\"role\":\"" role "\"}"

static void one_tells_of_all(void **state)
{
	struct evidence ev;
	cJSON *hold;

	(void)state;
	evidence_of("[" FAULT("node-down", "planned", "1", ALL) "," FAULT("node-down", "injecting", "2", ALL) ","
		    FAULT("node-down", "effective", "3", ALL) "]", &ev, &hold);
	assert_true(fault_of(&ev, "f")->bites);
	evidence_free(&ev);
	cJSON_Delete(hold);
	/* Each node's agent tells of its own. */
	evidence_of("[" FAULT("pause", "planned", "1", ALL) "," FAULT("pause", "injecting", "2", ALL) ","
		    FAULT("pause", "effective", "3", ALL) "]", &ev, &hold);
	assert_false(fault_of(&ev, "f")->bites);
	evidence_free(&ev);
	cJSON_Delete(hold);
}

/* db-2 goes at 3 and is ready at 5, db-1 goes at 6 and is not; db-2 had become the
 * primary by then, and db-0 is never reached. */
#define ROLL \
	"[" FAULT("rolling-restart", "planned", "1", ALL) "," FAULT("rolling-restart", "injecting", "2", ALL) "," \
	POD("2", "1", "a2", ",\"ready\":true") "," POD("2", "3", "a2", ",\"deleted\":true,\"ready\":true") "," \
	POD("2", "4", "b2", "") "," POD("2", "5", "b2", ",\"ready\":true") "," \
	POD("1", "1", "a1", ",\"ready\":true") "," POD("1", "6", "a1", ",\"deleted\":true,\"ready\":true") "," \
	POD("1", "7", "b1", "") "," POD("0", "1", "a0", ",\"ready\":true") "," \
	SAMPLE("1", "4", "primary") "," SAMPLE("2", "2", "replica") "," \
	FAULT("rolling-restart", "effective", "3", "[" TARGET("2", "a2", "replica") "," TARGET("1", "a1", "replica") "]") "," \
	FAULT("rolling-restart", "healed", "9", "[" TARGET("2", "a2", "replica") "," TARGET("1", "a1", "replica") "]") "]"

static void each_hit_by_itself(void **state)
{
	struct fault_target t;
	struct fault_record one;
	struct evidence ev;
	cJSON *hold;

	(void)state;
	evidence_of(ROLL, &ev, &hold);
	assert_int_equal(fault_came(&ev, fault_of(&ev, "f"), "db-2"), 3 * S);
	assert_int_equal(fault_came(&ev, fault_of(&ev, "f"), "db-1"), 6 * S);
	assert_int_equal(fault_came(&ev, fault_of(&ev, "f"), "db-0"), 0);
	assert_false(fault_hit(&ev, fault_of(&ev, "f"), 2 * S, &one, &t));
	assert_true(fault_hit(&ev, fault_of(&ev, "f"), 5 * S, &one, &t));
	assert_string_equal(one.target, "db-2");
	assert_int_equal(one.injected_ns, 3 * S);
	assert_int_equal(one.healed_ns, 5 * S);
	assert_string_equal(fault_role(&one), "replica");
	assert_true(fault_hit(&ev, fault_of(&ev, "f"), 60 * S, &one, &t));
	assert_string_equal(one.target, "db-1");
	assert_int_equal(one.ntargets, 1);
	assert_int_equal(one.healed_ns, 0);
	/* What it was then, not what it was when the fault was planned. */
	assert_string_equal(fault_role(&one), "primary");
	evidence_free(&ev);
	cJSON_Delete(hold);
}

/* A restart that got stuck is the system's doing, and no broken harness; and no pass. */
static void not_all_were_reached(void **state)
{
	struct history h = {0};
	struct measured m;
	struct evidence ev;
	cJSON *hold;

	(void)state;
	evidence_of(ROLL, &ev, &hold);
	assert_false(fault_of(&ev, "f")->bites);
	measure_scenario(&h, &ev, &m);
	assert_false(m.broken);
	measured_free(&m);
	evidence_free(&ev);
	cJSON_Delete(hold);
	/* Whom it never came to at all, it did nothing to. */
	evidence_of("[" FAULT("rolling-restart", "planned", "1", ALL) "," FAULT("rolling-restart", "injecting", "2", ALL) ","
		    FAULT("rolling-restart", "no-effect", "17", "[]") "]", &ev, &hold);
	measure_scenario(&h, &ev, &m);
	assert_true(m.broken);
	measured_free(&m);
	evidence_free(&ev);
	cJSON_Delete(hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_tells_of_all),
		cmocka_unit_test(each_hit_by_itself),
		cmocka_unit_test(not_all_were_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
