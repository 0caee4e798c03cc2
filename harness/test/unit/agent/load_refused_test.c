/* The load agent as the driver meets it: what it refuses, and members that
 * are down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "test/lib/pg_server.h"
#include "test/unit/agent/load_room.h"

static void test_refused(void **state)
{
	struct fixture *f = need(state, false);
	struct buf b = {0};

	assert_int_equal(http(f, "GET", "/v1/health", NULL, NULL, &b), 401);
	assert_int_equal(http(f, "GET", "/v1/health", "wrong", NULL, &b), 401);
	assert_int_equal(http(f, "POST", "/v1/start", "", "", &b), 401);
	buf_free(&b);
	refused(f, "GET", "/v1/nothing", NULL, 404, "there is no");
	refused(f, "POST", "/v1/start", "", 409, "nothing is set up");
	refused(f, "GET", "/v1/status", NULL, 409, "nothing is set up");
	refused(f, "GET", "/v1/history?from=0", NULL, 409, "nothing is set up");
	refused(f, "POST", "/v1/setup", "{", 400, "not valid JSON");
	refused(f, "POST", "/v1/setup", "{}", 400, "unknown system");
	refused(f, "POST", "/v1/setup", "{\"system\":\"postgres\"}", 400, "needs access and load");
	refused(f, "POST", "/v1/setup", "{\"system\":\"postgres\",\"load\":{},\"access\":"
		"{\"members\":[{\"name\":\"a\"}]}}", 400, "each needs name and host");
	refused(f, "POST", "/v1/setup", "{\"system\":\"kafka\",\"load\":{\"keys\":64},\"access\":{}}", 400,
		"load.keys: kafka has at most 63");
	/* A system that is not there: an error, and the agent lives on. */
	refused(f, "POST", "/v1/setup", "{\"system\":\"postgres\",\"load\":{},\"access\":"
		"{\"members\":[{\"name\":\"a\",\"host\":\"127.0.0.1\"}],\"write_host\":\"127.0.0.1\",\"port\":1}}", 500, "no connection");
	cJSON_Delete(call(f, "POST", "/v1/reset", "", 200));
}

static const cJSON *newest(const cJSON *status)
{
	return cJSON_GetArrayItem(json_get(status, "members"), 0);
}

/* PostgreSQL that is down under a Patroni that is not, and the other way
 * round, must be told apart. */
static void test_who_is_down(void **state)
{
	struct fixture *f = need(state, true);
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	char *body = setup_body(f);
	cJSON *o = NULL;
	bool seen = false;

	cJSON_Delete(call(f, "POST", "/v1/setup", body, 200));
	pg_server_stop(&f->pg);
	while (!seen && clock_mono_ns() < end_ns) {
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		o = call(f, "GET", "/v1/status", NULL, 200);
		seen = !json_bool(newest(o), "ok", true) &&
		       json_bool(json_get(newest(o), "x"), "patroni_ok", false) &&
		       strstr(json_str(newest(o), "err", ""), "connect:");
		cJSON_Delete(o);
	}
	assert_true(seen);
	assert_int_equal(pg_server_start(&f->pg), 0);
	atomic_store(&f->patroni.mute, true);
	for (seen = false; !seen && clock_mono_ns() < end_ns;) {
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		o = call(f, "GET", "/v1/status", NULL, 200);
		seen = json_bool(newest(o), "ok", false) &&
		       !json_bool(json_get(newest(o), "x"), "patroni_ok", true) &&
		       strstr(json_str(json_get(newest(o), "x"), "patroni_err", ""), "timeout");
		cJSON_Delete(o);
	}
	assert_true(seen);
	atomic_store(&f->patroni.mute, false);
	cJSON_Delete(call(f, "POST", "/v1/reset", "", 200));
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_who_is_down),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
