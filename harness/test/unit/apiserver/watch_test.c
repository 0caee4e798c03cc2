/* What a watch is told, as it goes over the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "test/unit/apiserver/place.h"

#define LABEL(value) "{\"metadata\":{\"labels\":{\"app\":" value "}}}"

/* How often a text is in another. */
static int count(const char *in, const char *text)
{
	int n = 0;

	for (const char *at = in; (at = strstr(at, text)); at += strlen(text))
		n++;
	return n;
}

/* Reads until so many events of a type are there, or time is over. */
static void events(int fd, struct buf *b, const char *type, int n)
{
	char word[40], chunk[65536];
	ssize_t got;

	snprintf(word, sizeof(word), "{\"type\":\"%s\"", type);
	while (count(buf_cstr(b), word) < n && (got = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		buf_add(b, chunk, (size_t)got);
	if (count(buf_cstr(b), word) != n)
		fail_msg("not %d times %s: %.2000s", n, type, buf_cstr(b));
}

/* Labels that fit no more are an end to whoever chose by them, and ones that do now a
 * beginning. */
static void labels(void **state)
{
	struct buf b = {0};
	struct place p;
	int fd;

	(void)state;
	begin(&p, 0);
	put_map(&p.store, "a", "x", 1);
	put_map(&p.store, "b", "y", 1);
	put_map(&p.store, "a", "x", 2);
	fd = send_it(&p, "admin-token", "GET", MAPS "?watch=true&labelSelector=app%3Dx", "");
	/* What is there, not how it came to be so. */
	events(fd, &b, "ADDED", 1);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/a", "{\"data\":{\"k\":\"1\"}}"), 200);
	events(fd, &b, "MODIFIED", 1);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/a", LABEL("\"y\"")), 200);
	events(fd, &b, "DELETED", 1);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/a", "{\"data\":{\"k\":\"2\"}}"), 200);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/b", LABEL("\"x\"")), 200);
	events(fd, &b, "ADDED", 2);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/b", LABEL("null")), 200);
	events(fd, &b, "DELETED", 2);
	assert_int_equal(ask(&p, "admin-token", "PATCH", MAPS "/b", LABEL("\"x\"")), 200);
	events(fd, &b, "ADDED", 3);
	assert_int_equal(ask(&p, "admin-token", "DELETE", MAPS "/b", ""), 200);
	events(fd, &b, "DELETED", 3);
	assert_int_equal(count(buf_cstr(&b), "{\"type\":\"MODIFIED\""), 1);
	close(fd);
	buf_free(&b);
	end(&p);
}

/* Without a version, or from 0, a watch begins with all that is there, however many changes
 * ago it came, and however much it is. */
static void from_the_start(void **state)
{
	static const char *const urls[] = {MAPS "?watch=true", MAPS "?watch=true&resourceVersion=0"};
	char name[20], where[60];
	struct buf b = {0};
	struct place p;
	int fd;

	(void)state;
	begin(&p, 0);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		put_map(&p.store, name, "x", 20000);
	}
	for (int i = 0; i < 5000; i++)
		put_map(&p.store, "busy", i % 2 ? "x" : "y", 1);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		buf_reset(&b);
		fd = send_it(&p, "admin-token", "GET", urls[i], "");
		events(fd, &b, "ADDED", 41);
		snprintf(where, sizeof(where), MAPS "/m%zu", i);
		assert_int_equal(ask(&p, "admin-token", "PATCH", where, "{\"data\":{\"k\":\"1\"}}"), 200);
		events(fd, &b, "MODIFIED", 1);
		assert_int_equal(count(buf_cstr(&b), "\"type\":"), 42);
		close(fd);
	}
	/* Changes that are forgotten cannot be told. */
	buf_reset(&b);
	fd = send_it(&p, "admin-token", "GET", MAPS "?watch=true&resourceVersion=1", "");
	events(fd, &b, "ERROR", 1);
	assert_non_null(strstr(buf_cstr(&b), "\"code\":410"));
	close(fd);
	buf_free(&b);
	end(&p);
}

/* No number is refused, and what is ahead of all versions waits until it has been: what
 * changes before then is none of its changes. */
static void versions_asked_for(void **state)
{
	static const char *const none[] = {"abc", "-1", "1.5", "0x10", "%207", "7a", "18446744073709551616"};
	char url[120], word[80];
	struct buf b = {0};
	struct place p;
	int64_t now;
	int fd;

	(void)state;
	begin(&p, 0);
	put_map(&p.store, "a", "x", 1);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		snprintf(url, sizeof(url), MAPS "?watch=true&timeoutSeconds=1&resourceVersion=%s", none[i]);
		if (ask(&p, "admin-token", "GET", url, "") != 500)
			fail_msg("%s is taken", none[i]);
	}
	store_lock(&p.store);
	now = p.store.version;
	store_unlock(&p.store);
	snprintf(url, sizeof(url), MAPS "?watch=true&resourceVersion=%lld", (long long)now + 2);
	fd = send_it(&p, "admin-token", "GET", url, "");
	/* It has begun when its head is there. */
	while (!strstr(buf_cstr(&b), "\r\n\r\n")) {
		char c;

		assert_int_equal(recv(fd, &c, 1, 0), 1);
		buf_add(&b, &c, 1);
	}
	put_map(&p.store, "b", "x", 1);
	put_map(&p.store, "c", "x", 1);
	put_map(&p.store, "d", "x", 1);
	events(fd, &b, "ADDED", 1);
	snprintf(word, sizeof(word), "\"name\":\"d\"");
	assert_non_null(strstr(buf_cstr(&b), word));
	close(fd);
	buf_free(&b);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(labels),
					   cmocka_unit_test(from_the_start),
					   cmocka_unit_test(versions_asked_for)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
