/* The HTTP server of the agents: the token, routes, bad bodies. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http_server.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/lib/fault_help.h"

#define TOKEN "0123456789abcdef"

static void echo(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	cJSON *in = http_body_object(rq, rp);

	(void)arg;
	if (in)
		http_reply_json(rp, in);
}

static void below(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	cJSON *o = cJSON_CreateObject();

	(void)arg;
	json_set_str(o, "rest", rq->rest);
	json_set_i64(o, "from", http_query_i64(rq, "from", 7));
	snprintf(rp->header, sizeof(rp->header), "X-Next");
	snprintf(rp->header_value, sizeof(rp->header_value), "42");
	http_reply_json(rp, o);
}

static void count(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
}

static const struct http_route ROUTES[] = {
	{"POST", "/v1/echo", echo},
	{"GET", "/v1/things/", below},
	{NULL, NULL, NULL},
};

struct fixture {
	struct http_server *srv;
	int authorised;
};

static int start(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct http_conf conf = {.listen = "127.0.0.1:0", .token = TOKEN, .routes = ROUTES,
				 .arg = &f->authorised, .body_cap_bytes = 1000,
				 .authorised = count};
	struct err e = {0};

	*state = f;
	return http_server_start(&conf, &f->srv, &e);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	http_server_stop(f->srv);
	free(f);
	return 0;
}

static long ask(struct fixture *f, const char *method, const char *path, const char *token,
		const char *body, struct buf *answer)
{
	return help_http(http_server_port(f->srv), method, path, token, body, answer);
}

static void refuses_without_the_token(void **state)
{
	static const char *const wrong[] = {NULL, "", "x", "0123456789abcdeF", "0123456789abcde",
					    "0123456789abcdef0"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct buf b = {0};

		assert_int_equal(ask(f, "POST", "/v1/echo", wrong[i], "{}", &b), 401);
		assert_non_null(strstr(buf_cstr(&b), "\"error\""));
		buf_reset(&b);
		/* What exists is not told to strangers either. */
		assert_int_equal(ask(f, "GET", "/nowhere", wrong[i], NULL, &b), 401);
		buf_free(&b);
	}
	assert_int_equal(f->authorised, 0);
}

static void answers_with_the_token(void **state)
{
	struct fixture *f = *state;
	struct buf b = {0};

	assert_int_equal(ask(f, "POST", "/v1/echo", TOKEN, "{\"a\": [1, 2]}", &b), 200);
	assert_string_equal(buf_cstr(&b), "{\"a\":[1,2]}\n");
	buf_reset(&b);
	assert_int_equal(ask(f, "GET", "/v1/things/one/two?from=12", TOKEN, NULL, &b), 200);
	assert_string_equal(buf_cstr(&b), "{\"rest\":\"one/two\",\"from\":12}\n");
	buf_reset(&b);
	assert_int_equal(ask(f, "GET", "/v1/things/x?from=-3", TOKEN, NULL, &b), 200);
	assert_non_null(strstr(buf_cstr(&b), "\"from\":-1"));
	assert_int_equal(f->authorised, 3);
	buf_free(&b);
}

static void refuses_bad_requests(void **state)
{
	struct fixture *f = *state;
	struct buf b = {0};
	char big[2001];

	memset(big, ' ', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(ask(f, "POST", "/v1/echo", TOKEN, "{", &b), 400);
	assert_int_equal(ask(f, "POST", "/v1/echo", TOKEN, "[1]", &b), 400);
	assert_int_equal(ask(f, "POST", "/v1/echo", TOKEN, big, &b), 413);
	assert_int_equal(ask(f, "GET", "/v1/echo", TOKEN, NULL, &b), 405);
	assert_int_equal(ask(f, "GET", "/v1/things/", TOKEN, NULL, &b), 404);
	assert_int_equal(ask(f, "GET", "/v1/echo2", TOKEN, NULL, &b), 404);
	buf_free(&b);
}

static void needs_a_token_and_an_address(void **state)
{
	struct http_conf conf = {.listen = "127.0.0.1:0", .routes = ROUTES, .token = ""};
	struct http_server *srv;
	struct err e = {0};

	(void)state;
	assert_int_equal(http_server_start(&conf, &srv, &e), -1);
	conf.token = TOKEN;
	conf.listen = "127.0.0.1";
	assert_int_equal(http_server_start(&conf, &srv, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses_without_the_token, start, stop),
		cmocka_unit_test_setup_teardown(answers_with_the_token, start, stop),
		cmocka_unit_test_setup_teardown(refuses_bad_requests, start, stop),
		cmocka_unit_test(needs_a_token_and_an_address),
	};

	return cmocka_run_group_tests_name("http server", tests, NULL, NULL);
}
