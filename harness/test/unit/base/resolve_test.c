/* Name resolution with a deadline, against a name server of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/resolve.h"

#define LONG_NS (60 * NS_PER_S)

struct server {
	int fd, port;
	pthread_t thread;
	atomic_bool silent, stop;
	atomic_int asked;
	pthread_mutex_t lock;
	char log[4096]; /* names asked for, in order */
	char dir[64], conf[96], hosts[96];
	struct resolver r;
};

/* The asked name as text, and its type. */
static int read_question(const unsigned char *q, size_t len, char *name)
{
	size_t at = 12, n = 0;

	while (at < len && q[at]) {
		memcpy(name + n, q + at + 1, q[at]);
		n += q[at];
		name[n++] = '.';
		at += (size_t)q[at] + 1;
	}
	name[n ? n - 1 : 0] = '\0';
	return q[at + 2];
}

static size_t answer(unsigned char *p, size_t len, const char *name, int type)
{
	static const unsigned char alias[] = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, 2, 0xc0, 12};
	static const unsigned char v4[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 10, 1, 2, 3};
	static const unsigned char v6[] = {0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 1, 0, 16, 0xfd, 0, 0,
					   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};

	p[2] |= 0x80;
	if (!strcmp(name, "db.prod.svc.test") && type == 1) {
		p[7] = 2; /* behind an alias */
		memcpy(p + len, alias, sizeof(alias));
		memcpy(p + len + sizeof(alias), v4, sizeof(v4));
		return len + sizeof(alias) + sizeof(v4);
	}
	if (!strcmp(name, "six.test") && type == 28) {
		p[7] = 1;
		memcpy(p + len, v6, sizeof(v6));
		return len + sizeof(v6);
	}
	if (!strcmp(name, "broken.test"))
		p[3] = 2; /* SERVFAIL */
	else if (strcmp(name, "six.test"))
		p[3] = 3; /* NXDOMAIN */
	return len;
}

static void *serve(void *arg)
{
	struct server *s = arg;

	while (!atomic_load(&s->stop)) {
		unsigned char p[600];
		struct sockaddr_in from;
		socklen_t flen = sizeof(from);
		ssize_t n = recvfrom(s->fd, p, 300, 0, (struct sockaddr *)&from, &flen);
		char name[300];
		size_t len;
		int type;

		if (n < 17)
			continue;
		atomic_fetch_add(&s->asked, 1);
		if (atomic_load(&s->silent))
			continue;
		type = read_question(p, (size_t)n, name);
		pthread_mutex_lock(&s->lock);
		len = strlen(s->log);
		snprintf(s->log + len, sizeof(s->log) - len, "%s/%d ", name, type);
		pthread_mutex_unlock(&s->lock);
		/* A stranger's answer first: a wrong id must not count. */
		p[0] ^= 0xff;
		len = answer(p, (size_t)n, "db.prod.svc.test", 1);
		sendto(s->fd, p, len, 0, (struct sockaddr *)&from, flen);
		p[0] ^= 0xff;
		p[7] = 0;
		len = answer(p, (size_t)n, name, type);
		sendto(s->fd, p, len, 0, (struct sockaddr *)&from, flen);
	}
	return NULL;
}

static void put(const char *path, const char *text)
{
	struct err e = {0};

	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
}

static int start(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct timeval poll = {.tv_usec = 20000};
	struct server *s = mem_alloc(sizeof(*s));
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &poll, sizeof(poll));
	if (bind(s->fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(s->fd, (struct sockaddr *)&a, &len))
		return -1;
	mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-dns-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->conf, sizeof(s->conf), "%s/resolv.conf", s->dir);
	snprintf(s->hosts, sizeof(s->hosts), "%s/hosts", s->dir);
	put(s->conf, "# a comment\nnameserver 127.0.0.1\nsearch prod.svc.test svc.test test\n"
		     "options edns0 ndots:2\n");
	put(s->hosts, "127.0.0.9 localhost\n::1 localhost\n10.9.9.9 here there # no-comment\n");
	s->r = (struct resolver){.hosts = s->hosts, .resolv_conf = s->conf, .port = ntohs(a.sin_port)};
	pthread_mutex_init(&s->lock, NULL);
	*state = s;
	return pthread_create(&s->thread, NULL, serve, s);
}

static int stop(void **state)
{
	struct server *s = *state;
	struct err e = {0};

	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	close(s->fd);
	file_remove_tree(s->dir, &e);
	free(s);
	return 0;
}

static void found(struct server *s, const char *host, const char *want, const char *asked)
{
	char out[RESOLVE_ADDR_MAX], why[120] = "", log[sizeof(s->log)];

	pthread_mutex_lock(&s->lock);
	s->log[0] = '\0';
	pthread_mutex_unlock(&s->lock);
	if (resolve_host(&s->r, host, clock_mono_ns() + LONG_NS, out, why, sizeof(why)))
		fail_msg("%s: %s", host, why);
	assert_string_equal(out, want);
	pthread_mutex_lock(&s->lock);
	memcpy(log, s->log, sizeof(log));
	pthread_mutex_unlock(&s->lock);
	assert_string_equal(log, asked);
}

static void test_found(void **state)
{
	struct server *s = *state;

	found(s, "10.0.0.1", "10.0.0.1", "");
	found(s, "fd00::1", "fd00::1", "");
	found(s, "localhost", "127.0.0.9", "");
	found(s, "THERE", "10.9.9.9", "");
	found(s, "db", "10.1.2.3", "db.prod.svc.test/1 ");
	found(s, "db.prod", "10.1.2.3", "db.prod.prod.svc.test/1 db.prod.svc.test/1 ");
	/* Two dots: as it is first. */
	found(s, "db.prod.svc", "10.1.2.3", "db.prod.svc/1 db.prod.svc.prod.svc.test/1 "
					    "db.prod.svc.svc.test/1 db.prod.svc.test/1 ");
	found(s, "db.prod.svc.test.", "10.1.2.3", "db.prod.svc.test/1 ");
	found(s, "six.test.", "fd00::7", "six.test/1 six.test/28 ");
}

static void not_found(struct server *s, const char *host, int64_t within_ns, const char *want)
{
	char out[RESOLVE_ADDR_MAX], why[120] = "";

	assert_int_equal(resolve_host(&s->r, host, clock_mono_ns() + within_ns, out, why,
				      sizeof(why)), -1);
	if (!strstr(why, want))
		fail_msg("%s: %s", host, why);
}

static void test_not_found(void **state)
{
	struct server *s = *state;
	int64_t from;
	int before;

	not_found(s, "nobody", LONG_NS, "nobody does not exist");
	not_found(s, "broken.test.", LONG_NS, "the name server has no answer for broken.test.");
	not_found(s, "a..b.c.", LONG_NS, "does not exist");
	atomic_store(&s->silent, true);
	before = atomic_load(&s->asked);
	from = clock_mono_ns();
	not_found(s, "db", NS_PER_S, "no answer in time for db");
	assert_true(clock_mono_ns() - from < 20 * NS_PER_S);
	assert_true(atomic_load(&s->asked) - before >= 2); /* a lost packet is asked for again */
	atomic_store(&s->silent, false);
	found(s, "db", "10.1.2.3", "db.prod.svc.test/1 ");
}

/* Nobody listens at all: an answer of its own (ICMP), at once. */
static void test_no_server(void **state)
{
	struct server *s = *state;
	struct resolver r = s->r;
	char out[RESOLVE_ADDR_MAX], why[120] = "";

	r.port = 1;
	assert_int_equal(resolve_host(&r, "db.", clock_mono_ns() + LONG_NS, out, why, sizeof(why)),
			 -1);
	assert_non_null(strstr(why, "no answer for db."));
}

/* Packets are anyone's: bytes changed and cut at random must never be read
 * past their end (this bites under AddressSanitizer). */
static void test_hostile_packets(void **state)
{
	struct rng rng = {.state = 5};
	unsigned char q[300];
	size_t qlen = resolve_question(77, "db.prod.svc.test", 1, q);
	int got[4] = {0};

	(void)state;
	for (int i = 0; i < 20000; i++) {
		unsigned char base[600], *p;
		char out[RESOLVE_ADDR_MAX];
		size_t len;

		memcpy(base, q, qlen);
		len = answer(base, qlen, "db.prod.svc.test", 1);
		for (uint64_t n = rng_below(&rng, 4); n; n--)
			base[rng_below(&rng, len)] = (unsigned char)rng_next(&rng);
		if (rng_below(&rng, 2))
			len = (size_t)rng_below(&rng, len + 1);
		p = mem_alloc(len ? len : 1);
		memcpy(p, base, len);
		got[resolve_parse(q, qlen, p, len, out)]++;
		free(p);
	}
	for (int i = 0; i < 4; i++)
		assert_true(got[i] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_hostile_packets),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
