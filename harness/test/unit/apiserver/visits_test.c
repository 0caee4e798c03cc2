/* Whoever sends, or takes, a byte now and then holds his place for a while only; and so does
 * whom nobody knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>

#include "test/unit/apiserver/place.h"

#define HEAD "GET " MAPS " HTTP/1.1\r\nHost: x\r\n"
#define SHORT_NS (300 * NS_PER_MS)
#define LONG_NS (3600 * NS_PER_S)

static struct serve_limits limits;

/* All long but one, which the test makes short. */
static void as_usual(void)
{
	limits = serve_limits;
	limits.unknown_ns = limits.request_ns = limits.watch_ns = limits.idle_ns = LONG_NS;
}

/* What has come so far is taken; true: nothing more will. */
static bool is_over(int fd)
{
	struct pollfd at = {.fd = fd, .events = POLLIN};
	char chunk[4096];
	ssize_t n = 1;

	while (n > 0 && poll(&at, 1, 0) > 0)
		n = recv(fd, chunk, sizeof(chunk), 0);
	return n <= 0;
}

/* Says so again and again, until it is cut. */
static void until_it_is_cut(int fd, const char *text)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;

	while (!is_over(fd)) {
		if (clock_mono_ns() > end_ns)
			fail_msg("it is held for ever");
		put(fd, text);
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	close(fd);
}

/* For longer than anything short. */
static void is_not_cut(int fd, const char *text)
{
	int64_t end_ns = clock_mono_ns() + 5 * SHORT_NS;

	while (clock_mono_ns() < end_ns) {
		put(fd, text);
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		assert_false(is_over(fd));
	}
	close(fd);
}

static void whom_nobody_knows(void **state)
{
	struct place p;
	int fd;

	(void)state;
	as_usual();
	limits.unknown_ns = SHORT_NS;
	begin_limited(&p, &limits);
	fd = open_socket(&p);
	put(fd, HEAD "X: ");
	until_it_is_cut(fd, "x");
	/* Nor by as many requests as he likes. */
	until_it_is_cut(open_socket(&p), HEAD "\r\n");
	until_it_is_cut(open_socket(&p), HEAD "Authorization: Bearer guess\r\n\r\n");
	/* Whom it knows is not meant. */
	fd = open_socket(&p);
	put(fd, HEAD "Authorization: Bearer t-sys\r\n\r\n");
	is_not_cut(fd, HEAD "Authorization: Bearer t-sys\r\n\r\n");
	end(&p);
}

static void a_slow_body(void **state)
{
	static const char head[] = "POST " MAPS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\n";
	struct place p;
	char text[200];
	int fd;

	(void)state;
	as_usual();
	limits.request_ns = SHORT_NS;
	begin_limited(&p, &limits);
	fd = open_socket(&p);
	snprintf(text, sizeof(text), head, "t-sys");
	put(fd, text);
	until_it_is_cut(fd, " ");
	/* The driver is trusted. */
	fd = open_socket(&p);
	snprintf(text, sizeof(text), head, "admin-token");
	put(fd, text);
	is_not_cut(fd, " ");
	/* A watch is longer than other requests. */
	fd = open_socket(&p);
	put(fd, "GET " MAPS "?watch=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-sys\r\n\r\n");
	is_not_cut(fd, "");
	end(&p);
}

/* What an answer holds is given back, though nobody takes it. */
static void a_slow_reader(void **state)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	char *fill = mem_alloc((1 << 20) + 1), *body, one;
	struct place p;
	int fd, status;

	(void)state;
	memset(fill, 'x', 1000000);
	as_usual();
	/* Who takes all at once has time enough, with a sanitizer, too. */
	limits.request_ns = 10 * SHORT_NS;
	limits.held_bytes = 24 << 20;
	begin_limited(&p, &limits);
	for (int i = 0; i < 16; i++) {
		body = mem_fmt("{\"metadata\":{\"name\":\"m%d\"},\"data\":{\"k\":\"%s\"}}", i, fill);
		assert_int_equal(ask(&p, "admin-token", "POST", MAPS, body), 201);
		free(body);
	}
	fd = send_it(&p, "t-sys", "GET", MAPS, "");
	assert_int_equal(recv(fd, &one, 1, 0), 1);
	do {
		assert_true(recv(fd, &one, 1, 0) >= 0);
		status = ask(&p, "t-sys", "GET", MAPS, "");
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	} while (status != 200 && clock_mono_ns() < end_ns);
	assert_int_equal(status, 200);
	close(fd);
	end(&p);
	free(fill);
}

static void a_watch_and_a_pause(void **state)
{
	struct place p;
	int fd;

	(void)state;
	as_usual();
	limits.watch_ns = SHORT_NS;
	begin_limited(&p, &limits);
	fd = open_socket(&p);
	put(fd, "GET " MAPS "?watch=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-sys\r\n\r\n");
	until_it_is_cut(fd, "");
	end(&p);
	as_usual();
	limits.idle_ns = SHORT_NS;
	begin_limited(&p, &limits);
	fd = open_socket(&p);
	put(fd, HEAD "Authorization: Bearer t-sys\r\n\r\n" HEAD "X: ");
	until_it_is_cut(fd, "x");
	end(&p);
}

/* However many addresses he has. */
static void places(void **state)
{
	static const char text[] = HEAD "Authorization: Bearer t-sys\r\n\r\n";
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	struct buf answer = {0};
	struct place p;
	int fds[8], last, status;

	(void)state;
	as_usual();
	limits.connections = ARRAY_LEN(fds);
	begin_limited(&p, &limits);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		do { /* those that gave the rights go in their time */
			fds[i] = open_socket(&p);
			put(fds[i], text);
		} while (status_of(fds[i], &answer) != 200 && !close(fds[i]));
	}
	last = open_socket(&p);
	put(last, text);
	assert_int_equal(status_of(last, &answer), 0);
	close(last);
	close(fds[0]);
	do {
		last = open_socket(&p);
		put(last, text);
		status = status_of(last, &answer);
		close(last);
	} while (status != 200 && clock_mono_ns() < end_ns);
	assert_int_equal(status, 200);
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	end(&p);
	buf_free(&answer);
}

/* Without a length it is cut where it is longer than a body may be. */
static void a_long_body(void **state)
{
	enum { PIECE = 0x10000, MOST = 4 << 20 };
	char *piece = mem_alloc(PIECE + 20);
	size_t sent = 0;
	struct place p;
	int fd;

	(void)state;
	as_usual();
	begin_limited(&p, &limits);
	fd = open_socket(&p);
	put(fd, "POST " MAPS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-sys\r\nTransfer-Encoding: chunked\r\n\r\n");
	snprintf(piece, PIECE + 20, "10000\r\n%*s\r\n", PIECE, "");
	for (; !is_over(fd) && sent < MOST; sent += PIECE)
		put(fd, piece);
	/* What is sent is there a little before it is read. */
	until_it_is_cut(fd, "");
	assert_true(sent >= 3 << 20);
	end(&p);
	free(piece);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whom_nobody_knows),
		cmocka_unit_test(a_slow_body),
		cmocka_unit_test(a_slow_reader),
		cmocka_unit_test(a_watch_and_a_pause),
		cmocka_unit_test(places),
		cmocka_unit_test(a_long_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
