#include "system/redis/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/dial.h"
#include "base/resolve.h"

struct redis_conn {
	int fd;
	redisReader *reader;
	struct buf out; /* put and not sent */
	size_t sent;    /* of it */
	char address[80];
};

/* Why there is no connection. */
static void not_connected(const char *ip, int port, char *error, size_t size)
{
	if (errno == ETIMEDOUT)
		snprintf(error, size, "timeout: no connection to %.40s:%d in time", ip, port);
	else
		snprintf(error, size, "connect: %.40s:%d: %s", ip, port, strerror(errno));
}

struct redis_conn *redis_open(const char *host, int port, int64_t until_ns,
			      struct redis_cost *cost, char *error, size_t size)
{
	char ip[RESOLVE_ADDR_MAX], why[RESOLVE_WHY_MAX];
	int64_t from = clock_mono_ns(), resolved;
	struct redis_cost none = {0};
	struct redis_conn *c;
	int fd;

	cost = cost ? cost : &none;
	if (resolve_host(NULL, host, until_ns, ip, why, sizeof(why))) {
		cost->dns_ns += clock_mono_ns() - from;
		snprintf(error, size, "%s: %s", clock_mono_ns() >= until_ns ? "timeout" : "dns", why);
		return NULL;
	}
	resolved = clock_mono_ns();
	cost->dns_ns += resolved - from;
	fd = dial(ip, port, until_ns);
	if (fd < 0)
		not_connected(ip, port, error, size);
	cost->connect_ns += clock_mono_ns() - resolved;
	if (fd < 0)
		return NULL;
	c = mem_alloc(sizeof(*c));
	c->fd = fd;
	c->reader = redisReaderCreate();
	if (!c->reader)
		abort();
	snprintf(c->address, sizeof(c->address), "%s:%d", ip, port);
	return c;
}

const char *redis_address(const struct redis_conn *c)
{
	return c->address;
}

void redis_drop(struct redis_conn *c)
{
	if (!c)
		return;
	close(c->fd);
	redisReaderFree(c->reader);
	buf_free(&c->out);
	free(c);
}

void redis_put(struct redis_conn *c, int argc, const char *const *argv)
{
	buf_fmt(&c->out, "*%d\r\n", argc);
	for (int i = 0; i < argc; i++) {
		buf_fmt(&c->out, "$%zu\r\n", strlen(argv[i]));
		buf_str(&c->out, argv[i]);
		buf_str(&c->out, "\r\n");
	}
}

static enum redis_end broken(const char *what, int problem, char *error, size_t size)
{
	snprintf(error, size, "broken: %s%s%s", what, problem ? ": " : "",
		 problem ? strerror(problem) : "");
	return REDIS_BROKEN;
}

static enum redis_end flush(struct redis_conn *c, int64_t until_ns, char *error, size_t size)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.s + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

		if (n > 0)
			c->sent += (size_t)n;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!clock_wait_fd(c->fd, POLLOUT, until_ns))
				return REDIS_TIMEOUT;
		} else if (n < 0 && errno != EINTR) {
			return broken("sending", errno, error, size);
		}
	}
	buf_reset(&c->out);
	c->sent = 0;
	return REDIS_ANSWERED;
}

/* Takes what is there; whether anything was does not matter. */
static enum redis_end receive(struct redis_conn *c, char *error, size_t size)
{
	char chunk[16384];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

	if (!n)
		return broken("the server closed the connection", 0, error, size);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return broken("receiving", errno, error, size);
	if (n > 0 && redisReaderFeed(c->reader, chunk, (size_t)n) != REDIS_OK)
		return broken(c->reader->errstr, 0, error, size);
	return REDIS_ANSWERED;
}

enum redis_end redis_get(struct redis_conn *c, int64_t until_ns, redisReply **reply, char *error,
			 size_t size)
{
	enum redis_end end = flush(c, until_ns, error, size);
	void *r = NULL;

	*reply = NULL;
	while (end == REDIS_ANSWERED && !r) {
		if (redisReaderGetReply(c->reader, &r) != REDIS_OK)
			return broken(c->reader->errstr, 0, error, size);
		if (r)
			break;
		if (!clock_wait_fd(c->fd, POLLIN, until_ns))
			end = REDIS_TIMEOUT;
		else
			end = receive(c, error, size);
	}
	if (end == REDIS_TIMEOUT)
		snprintf(error, size, "timeout: no answer in time");
	*reply = r;
	return end;
}

enum redis_end redis_call(struct redis_conn *c, int argc, const char *const *argv,
			  int64_t until_ns, redisReply **reply, char *error, size_t size)
{
	redis_put(c, argc, argv);
	return redis_get(c, until_ns, reply, error, size);
}

bool redis_gone(struct redis_conn *c)
{
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};

	return poll(&pfd, 1, 0) > 0;
}

bool redis_field(const char *text, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);

	out[0] = '\0';
	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		if (strncmp(s, key, len) || s[len] != ':')
			continue;
		s += len + 1;
		snprintf(out, size, "%.*s", (int)strcspn(s, "\r\n"), s);
		return true;
	}
	return false;
}

int64_t redis_number(const char *text, const char *key, int64_t dflt)
{
	char value[40], *end;
	long long n;

	if (!redis_field(text, key, value, sizeof(value)))
		return dflt;
	n = strtoll(value, &end, 10);
	return end == value ? dflt : n;
}

const char *redis_text(const redisReply *r)
{
	return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS) ? r->str : "";
}
