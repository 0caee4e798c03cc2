/* Questions to a member by HTTP, each half within its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "system/http_call.h"
#include "test/lib/one_answer.h"

#define LONG_NS (60 * NS_PER_S)

static int64_t long_from_now(void)
{
	return clock_mono_ns() + LONG_NS;
}

static void test_question(void **state)
{
	struct one_answer a;
	struct http_call c;
	cJSON *o;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	one_answer_listen(&a);
	http_begin(&c, "127.0.0.1", a.port, "/patroni", NULL, long_from_now());
	/* Whoever is no primary answers 503, with all that is wanted. */
	one_answer_give(&a, "HTTP/1.0 503 Service Unavailable\r\n\r\n", "{\"role\": \"replica\"}");
	o = http_end(&c, long_from_now());
	assert_string_equal(json_str(o, "role", ""), "replica");
	cJSON_Delete(o);
	assert_int_equal(strncmp(a.question, "GET /patroni HTTP/1.0\r\n", 23), 0);
	one_answer_listen(&a);
	http_begin(&c, "127.0.0.1", a.port, "/v3/kv/range", "{\"key\":\"\"}", long_from_now());
	one_answer_give(&a, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "{\"n\": 123}and more");
	o = http_end(&c, long_from_now());
	assert_int_equal(json_i64(o, "n", 0), 123);
	cJSON_Delete(o);
	assert_int_equal(strncmp(a.question, "POST /v3/kv/range HTTP/1.0\r\n", 28), 0);
	assert_non_null(strstr(a.question, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(a.question, "\r\n\r\n{\"key\":\"\"}"));
	unsetenv("http_proxy");
}

/* The thread came late to an answer that was there in time. */
static void test_late_reader(void **state)
{
	struct one_answer a;
	struct http_call c;
	cJSON *o;

	(void)state;
	one_answer_listen(&a);
	http_begin(&c, "127.0.0.1", a.port, "/", NULL, long_from_now());
	one_answer_give(&a, "HTTP/1.0 200 OK\r\n\r\n", "{\"n\": 7}");
	o = http_end(&c, clock_mono_ns() - 1);
	assert_int_equal(json_i64(o, "n", 0), 7);
	cJSON_Delete(o);
}

static void fails(const char *head, const char *body, const char *why)
{
	struct one_answer a;
	struct http_call c;

	one_answer_listen(&a);
	http_begin(&c, "127.0.0.1", a.port, "/", NULL, long_from_now());
	one_answer_give(&a, head, body);
	assert_null(http_end(&c, long_from_now()));
	assert_string_equal(c.error, why);
	assert_null(c.easy);
}

static void test_failures(void **state)
{
	struct http_call c = {.error = "dns: nobody"};

	(void)state;
	fails("", "", "answer: empty");
	fails("HTTP/1.0 200 OK\r\n\r\n", "", "answer: empty");
	fails("HTTP/1.0 200 OK\r\n\r\n", "[1]", "answer: not understood");
	fails("HTTP/1.0 200 OK\r\nContent-Length: 30\r\n\r\n", "{\"n\": 1}", "answer: not understood");
	fails("oops\n", "oops", "answer: not understood");
	/* A call that was not begun keeps what its owner noted. */
	assert_null(http_end(&c, long_from_now()));
	assert_string_equal(c.error, "dns: nobody");
}

static void *never_end(void *arg)
{
	static const char head[] = "HTTP/1.0 200 OK\r\n\r\n", spaces[4096] = "     ";
	int *listener = arg, fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC);

	send(fd, head, strlen(head), MSG_NOSIGNAL);
	while (send(fd, spaces, sizeof(spaces), MSG_NOSIGNAL) > 0)
		;
	close(fd);
	return NULL;
}

/* An answer without an end does not fill the memory. */
static void test_cap(void **state)
{
	struct one_answer a;
	struct http_call c;
	pthread_t t;

	(void)state;
	one_answer_listen(&a);
	assert_int_equal(pthread_create(&t, NULL, never_end, &a.fd), 0);
	http_begin(&c, "127.0.0.1", a.port, "/", NULL, long_from_now());
	assert_null(http_end(&c, long_from_now()));
	pthread_join(t, NULL);
	assert_string_equal(c.error, "answer: not understood");
	one_answer_end(&a);
}

static void test_nobody_listens(void **state)
{
	struct one_answer a;
	struct http_call c;

	(void)state;
	one_answer_listen(&a);
	one_answer_end(&a);
	http_begin(&c, "127.0.0.1", a.port, "/", NULL, long_from_now());
	assert_null(http_end(&c, long_from_now()));
	assert_string_equal(c.error, "connect: Connection refused");
}

/* By how much the two halves outlasted a time of 30 ms each. */
static int64_t overshoot_ns(struct one_answer *a, const char *why)
{
	int64_t from = clock_mono_ns(), within_ns = 30 * NS_PER_MS;
	struct http_call c;

	http_begin(&c, "127.0.0.1", a->port, "/", NULL, from + within_ns);
	assert_null(http_end(&c, from + within_ns));
	assert_string_equal(c.error, why);
	return clock_mono_ns() - from - within_ns;
}

/* One try in ten is enough: others may have the processor in between. */
static void holds_the_deadline(struct one_answer *a, const char *why)
{
	int64_t best = LONG_NS;

	for (int i = 0; i < 10; i++) {
		int64_t late = overshoot_ns(a, why);

		assert_true(late >= 0);
		best = late < best ? late : best;
	}
	assert_true(best < 5 * NS_PER_MS);
}

static void test_deadline(void **state)
{
	struct one_answer a;
	int full[4];

	(void)state;
	one_answer_listen(&a);
	listen(a.fd, 64);
	holds_the_deadline(&a, "timeout: no answer");
	one_answer_end(&a);
	/* With a full queue the kernel answers nobody who wants to connect. */
	one_answer_listen(&a);
	listen(a.fd, 0);
	for (size_t i = 0; i < 4; i++)
		full[i] = dial("127.0.0.1", a.port, clock_mono_ns() + 50 * NS_PER_MS);
	assert_true(full[0] >= 0 && full[3] < 0);
	holds_the_deadline(&a, "connect: Connection timed out");
	for (size_t i = 0; i < 4; i++)
		if (full[i] >= 0)
			close(full[i]);
	one_answer_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_deadline),
	};

	return cmocka_run_group_tests_name("http_call", tests, NULL, NULL);
}
