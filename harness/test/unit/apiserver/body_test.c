/* What is sent means one thing, to us and to whoever reads it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test/unit/apiserver/place.h"

#define PODS "/api/v1/namespaces/ns/pods"
#define SERVICES "/api/v1/namespaces/ns/services"

static int sent(struct place *p, const char *url, const char *body)
{
	return ask(p, "t-sys", "POST", url, body);
}

static void with_rights(struct place *p)
{
	begin(p, 0);
	give(p, "sys", ALL);
}

/* One of two is looked at, and the other one is read. */
static void keys_that_are_there_twice(void **state)
{
	struct buf answer = {0};
	struct place p;

	(void)state;
	with_rights(&p);
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\",\"uid\":\"x\",\"uid\":\"mine\"}}"), 400);
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\",\"deletionTimestamp\":\"x\",\"deletionTimestamp\":\"x\"}}"), 400);
	assert_int_equal(sent(&p, PODS, "{\"metadata\":{\"name\":\"a\"},\"status\":{},\"status\":{\"podIP\":\"10.240.0.2\"}}"), 400);
	assert_int_equal(sent(&p, SERVICES, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"clusterIP\":\"None\",\"clusterIP\":\"10.240.0.2\"}}"), 400);
	assert_int_equal(sent(&p, PODS, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"name\":\"../c\"}]}}"), 400);
	assert_int_equal(ask_for(&p, "t-sys", "POST", MAPS, "{\"data\":{\"k\":\"1\",\"k\":\"2\"},\"metadata\":{\"name\":\"a\"}}", &answer), 400);
	assert_non_null(strstr(buf_cstr(&answer), "duplicate field \\\"k\\\""));
	/* One that was taken out is not twice there, nor is one that lists have each. */
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\",\"uid\":\"x\"},\"x\":[{\"k\":1},{\"k\":1}],\"status\":{}}"), 201);
	assert_int_equal(ask_for(&p, "t-sys", "GET", MAPS "/a", "", &answer), 200);
	assert_null(strstr(buf_cstr(&answer), "\"status\""));
	assert_int_equal(ask(&p, "t-sys", "DELETE", MAPS "/a", "{\"dryRun\":[\"All\"],\"dryRun\":[]}"), 400);
	assert_int_equal(ask(&p, "t-sys", "PATCH", MAPS "/a", "{\"data\":{\"k\":\"1\",\"k\":null}}"), 400);
	end(&p);
	buf_free(&answer);
}

static void nothing_is_cut(void **state)
{
	struct buf answer = {0};
	struct place p;

	(void)state;
	with_rights(&p);
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\\u0000/../b\"}}"), 400);
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"1\\u00002\"}}"), 400);
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\"}} {\"metadata\":{}}"), 400);
	assert_int_equal(sent(&p, MAPS, "{\"metadata\":{\"name\":\"a\"}} x"), 400);
	/* A backslash of the text's own, and white space. */
	assert_int_equal(sent(&p, MAPS, " {\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"\\\\u0000\"}}\n "), 201);
	assert_int_equal(ask_for(&p, "t-sys", "GET", MAPS "/a", "", &answer), 200);
	assert_non_null(strstr(buf_cstr(&answer), "\"k\":\"\\\\u0000\""));
	end(&p);
	buf_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_are_there_twice),
		cmocka_unit_test(nothing_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
