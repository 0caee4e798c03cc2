#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "history/evidence.h"
#include "test/lib/evidence_help.h"

/* Who answered the final read, and whether that may be relied on. */

#define LEADS(m, t, shard) "{\"k\":\"sample\",\"t\":" t ",\"m\":\"" m "\",\"ok\":true,\"role\":\"primary\"," \
	"\"writable\":true,\"shard\":" shard "}"
#define FOLLOWS(m, t) "{\"k\":\"sample\",\"t\":" t ",\"m\":\"" m "\",\"ok\":true,\"role\":\"replica\"," \
	"\"writable\":false}"
#define POD(m, ip) "{\"k\":\"object\",\"t\":1,\"type\":\"pod\",\"name\":\"" m "\",\"ip\":\"" ip "\"}"
#define FINAL(by) "{\"k\":\"final\",\"t\":9100000000,\"present\":[]," by "\"registers\":{}}"
#define BY(addr, role) "\"by\":[{\"addr\":\"" addr "\",\"role\":\"" role "\"}],"

static bool sound(const char *events, const char *says)
{
	struct evidence ev;
	cJSON *hold;
	char why[200];
	bool r;

	evidence_of(events, &ev, &hold);
	r = evidence_final_sound(&ev, why, sizeof(why));
	if (says && !strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
	if (r)
		assert_string_equal(why, "");
	evidence_free(&ev);
	cJSON_Delete(hold);
	return r;
}

#define ONE "[" POD("a", "10.0.0.1") "," POD("b", "10.0.0.2") "," LEADS("a", "9000000000", "0") "," \
	FOLLOWS("b", "9050000000") ","
#define TWO "[" POD("a", "10.0.0.1") "," POD("b", "10.0.0.2") "," LEADS("a", "9000000000", "0") "," \
	LEADS("b", "9050000000", "0") ","

static void test_one_primary(void **state)
{
	(void)state;
	assert_true(sound(ONE FINAL("") "]", NULL));
	assert_true(sound(ONE FINAL(BY("10.0.0.1:6379", "primary")) "]", NULL));
	assert_false(sound(ONE FINAL(BY("10.0.0.1:6379", "replica")) "]", "a answered it, which was no primary"));
	assert_false(sound(ONE FINAL(BY("10.0.0.2:6379", "primary")) "]", "b answered it, while a was"));
	assert_false(sound(ONE "{\"k\":\"phase\",\"t\":5,\"phase\":\"settle\"}]", "none was made"));
}

static void test_two_primaries(void **state)
{
	(void)state;
	assert_false(sound(TWO FINAL("") "]", "both writable primaries"));
	assert_false(sound(TWO FINAL(BY("10.0.0.1", "primary")) "]", "a answered it, while b was"));
	assert_false(sound(TWO FINAL(BY("10.0.0.7", "primary")) "]", "both writable primaries"));
	/* Long ago is not at the end. */
	assert_true(sound("[" LEADS("b", "3000000000", "0") "," LEADS("a", "9000000000", "0") ","
			  FINAL("") "]", NULL));
}

/* Who led last is not who answered, of whom nothing was heard since. */
static void test_unheard(void **state)
{
#define SILENT(m, t) "{\"k\":\"sample\",\"t\":" t ",\"m\":\"" m "\",\"ok\":false}"
#define LATER LEADS("a", "1000000000", "0") "," LEADS("b", "7000000000", "0") "," SILENT("a", "9000000000") "," \
	SILENT("b", "9050000000") ","
	(void)state;
	assert_false(sound("[" POD("a", "10.0.0.1") "," LATER FINAL(BY("10.0.0.1", "primary")) "]",
			   "a answered it, which was not heard at the end, and b was a writable primary after it was"));
	assert_true(sound("[" POD("b", "10.0.0.1") "," LATER FINAL(BY("10.0.0.1", "primary")) "]", NULL));
}

static void test_unsettled(void **state)
{
	(void)state;
	assert_false(sound(ONE "{\"k\":\"phase\",\"t\":9000000001,\"phase\":\"unsettled\",\"detail\":\"b is away\"},"
			   FINAL(BY("10.0.0.1", "primary")) "]", "not settled before it: b is away"));
}

static void test_shards(void **state)
{
#define SHARDS "[" LEADS("a", "9000000000", "1") "," LEADS("b", "9050000000", "2") ","
	(void)state;
	assert_true(sound(SHARDS FINAL("") "]", NULL));
	assert_true(sound(SHARDS FINAL("\"by\":[{\"addr\":\"1\",\"member\":\"a\",\"role\":\"primary\",\"shard\":1},"
				       "{\"addr\":\"2\",\"member\":\"b\",\"role\":\"primary\",\"shard\":2}],") "]",
			  NULL));
	assert_false(sound(SHARDS FINAL("\"by\":[{\"addr\":\"1\",\"member\":\"a\",\"role\":\"primary\",\"shard\":1}],")
			   "]", "nobody answered for shard 2"));
}

/* What else a scenario's end tells. */
static void test_end(void **state)
{
	struct evidence ev;
	cJSON *hold;

	(void)state;
	evidence_of("[{\"k\":\"load\",\"t\":3,\"source\":\"load\",\"ops\":12},{\"k\":\"load\",\"t\":4,"
		    "\"source\":\"load/minority\",\"g\":1,\"ops\":3}]", &ev, &hold);
	assert_int_equal(ev.ntold, 2);
	assert_int_equal(ev.told[0].ops, 12);
	assert_int_equal(ev.told[1].group, 1);
	assert_string_equal(ev.told[1].source, "load/minority");
	assert_false(ev.over);
	evidence_free(&ev);
	cJSON_Delete(hold);
	evidence_of("[{\"k\":\"phase\",\"t\":3,\"phase\":\"done\"}]", &ev, &hold);
	assert_true(ev.over);
	evidence_free(&ev);
	cJSON_Delete(hold);
	evidence_of("[{\"k\":\"end\",\"t\":3,\"s\":-1}]", &ev, &hold);
	assert_true(ev.over);
	evidence_free(&ev);
	cJSON_Delete(hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_primary), cmocka_unit_test(test_two_primaries),
		cmocka_unit_test(test_unheard),	    cmocka_unit_test(test_unsettled),
		cmocka_unit_test(test_shards),	    cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
