/* Recovery is not over while something is left, or was not looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "engine/kube/kube.h"

static void recover_says_what_is_left(void **state)
{
	static const struct {
		int status;
		const char *answer, *said; /* NULL: all is well */
	} rows[] = {
		{200, "{\"clean\":true,\"found\":[]}", NULL},
		{200, "{\"clean\":false,\"found\":[\"frozen cgroup /x\",\"fill file /y\"]}",
		 "agent node/n has healed, and there is still: frozen cgroup /x, fill file /y"},
		{200, "{\"clean\":false,\"found\":[]}", "does not say whether anything is left"},
		{200, "{}", "does not say whether anything is left: {}"},
		{200, "", "does not say whether anything is left"},
		{503, "{\"error\":\"busy\"}", "does not say whether anything is left: {\"error\":\"busy\"}"},
		{503, "{\"clean\":true}", "does not say whether anything is left"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = {0};

		assert_int_equal(kube_left("node/n", rows[i].status, rows[i].answer, &e), rows[i].said ? -1 : 0);
		if (rows[i].said && !strstr(e.msg, rows[i].said))
			fail_msg("%s", e.msg);
	}
}

static void recover_says_what_it_did_not_see(void **state)
{
	struct node_info v[] = {{.name = "n1", .ready = true}, {.name = "n2"}, {.name = "n3"}};
	struct nodes all = {.v = v, .n = 3}, seen = {.v = v, .n = 1};
	struct err e = {0};

	(void)state;
	assert_int_equal(kube_all_seen(&seen, &e), 0);
	assert_int_equal(kube_all_seen(&all, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	assert_non_null(strstr(e.msg, "not looked at: n2, n3."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recover_says_what_is_left),
		cmocka_unit_test(recover_says_what_it_did_not_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
