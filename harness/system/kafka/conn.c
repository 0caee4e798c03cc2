#include "system/kafka/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/resolve.h"

enum { HEAD = 8, ANSWER_MAX = 64 << 20 };

struct kafka_conn {
	int fd;
	int32_t id; /* of the last request */
	struct buf out, in;
	char address[80];
};

int kafka_port(const struct access *acc)
{
	return (int)json_i64(acc->conf, "port", 9092);
}

int kafka_controller_port(const struct access *acc)
{
	return (int)json_i64(acc->conf, "controller_port", 9093);
}

struct kafka_conn *kafka_open(const char *host, int port, int64_t until_ns, struct op *op,
			      char *error, size_t size)
{
	char ip[RESOLVE_ADDR_MAX], why[RESOLVE_WHY_MAX];
	int64_t from = clock_mono_ns(), resolved;
	struct kafka_conn *c;
	int fd, r;

	r = resolve_host(NULL, host, until_ns, ip, why, sizeof(why));
	resolved = clock_mono_ns();
	if (op)
		op->dns_ns += resolved - from;
	if (r) {
		snprintf(error, size, "%s: %s", resolved >= until_ns ? "timeout" : "dns", why);
		return NULL;
	}
	fd = dial(ip, port, until_ns);
	if (fd < 0 && errno == ETIMEDOUT)
		snprintf(error, size, "timeout: no connection to %s:%d in time", ip, port);
	else if (fd < 0)
		snprintf(error, size, "connect: %s:%d: %s", ip, port, strerror(errno));
	if (op)
		op->connect_ns += clock_mono_ns() - resolved;
	if (fd < 0)
		return NULL;
	c = mem_alloc(sizeof(*c));
	c->fd = fd;
	c->in.cap = ANSWER_MAX;
	snprintf(c->address, sizeof(c->address), "%s:%d", ip, port);
	return c;
}

const char *kafka_address(const struct kafka_conn *c)
{
	return c->address;
}

void kafka_drop(struct kafka_conn *c)
{
	if (!c)
		return;
	close(c->fd);
	buf_free(&c->out);
	buf_free(&c->in);
	free(c);
}

struct buf *kafka_ask(struct kafka_conn *c, enum kafka_api api)
{
	kafka_request_begin(&c->out, api, ++c->id);
	return &c->out;
}

static bool failed(const char *what, int problem, char *error, size_t size)
{
	if (problem == ETIMEDOUT)
		snprintf(error, size, "timeout: no answer in time");
	else
		snprintf(error, size, "broken: %s: %s", what, problem ? strerror(problem) : "the connection has ended");
	return false;
}

static bool would_wait(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static bool flush(struct kafka_conn *c, int64_t until_ns, bool *sent, char *error, size_t size)
{
	for (size_t done = 0; done < c->out.len;) {
		ssize_t n = send(c->fd, c->out.s + done, c->out.len - done, MSG_NOSIGNAL);

		if (n > 0) {
			done += (size_t)n;
			*sent = true;
		} else if (!would_wait(n)) {
			return failed("sending", errno, error, size);
		} else if (!clock_wait_fd(c->fd, POLLOUT, until_ns)) {
			return failed("sending", ETIMEDOUT, error, size);
		}
	}
	return true;
}

/* Until so many bytes of the answer are there. */
static bool fill(struct kafka_conn *c, size_t want, int64_t until_ns, char *error, size_t size)
{
	char part[16384];

	while (c->in.len < want) {
		size_t room = want - c->in.len < sizeof(part) ? want - c->in.len : sizeof(part);
		ssize_t n = recv(c->fd, part, room, 0);

		if (n > 0)
			buf_add(&c->in, part, (size_t)n);
		else if (!would_wait(n))
			return failed("receiving", n ? errno : 0, error, size);
		else if (!clock_wait_fd(c->fd, POLLIN, until_ns))
			return failed("receiving", ETIMEDOUT, error, size);
	}
	return true;
}

bool kafka_answer(struct kafka_conn *c, int64_t until_ns, struct kafka_reader *out, bool *sent,
		  char *error, size_t size)
{
	struct kafka_reader head;
	int64_t n, id;
	bool left = false;

	kafka_request_end(&c->out);
	buf_reset(&c->in);
	if (!flush(c, until_ns, sent ? sent : &left, error, size) ||
	    !fill(c, HEAD, until_ns, error, size))
		return false;
	head = (struct kafka_reader){(unsigned char *)c->in.s, HEAD, false};
	n = kafka_get(&head, 4);
	id = kafka_get(&head, 4);
	if (n < 4 || n > ANSWER_MAX - 4 || id != c->id) {
		snprintf(error, size, "broken: what came is no answer to what was asked");
		return false;
	}
	if (!fill(c, (size_t)n + 4, until_ns, error, size))
		return false;
	*out = (struct kafka_reader){(unsigned char *)c->in.s + HEAD, (size_t)n - 4, false};
	return true;
}

bool kafka_any_metadata(const struct access *acc, size_t at, int64_t until_ns,
			struct kafka_metadata *out, char *error, size_t size)
{
	for (size_t i = 0; i < acc->n; i++) {
		int64_t now = clock_mono_ns(),
			share = now + (until_ns - now) / (int64_t)(acc->n - i);
		const char *host = acc->members[(at + i) % acc->n].host;
		struct kafka_conn *c = kafka_open(host, kafka_port(acc), share, NULL, error, size);
		struct kafka_reader r;
		bool ok = false;

		if (c) {
			kafka_put_metadata(kafka_ask(c, KAFKA_METADATA), KAFKA_TOPIC);
			ok = kafka_answer(c, share, &r, NULL, error, size);
			if (ok && !kafka_read_metadata(&r, out)) {
				snprintf(error, size, "broken: the metadata cannot be read");
				ok = false;
			}
		}
		kafka_drop(c);
		if (ok)
			return true;
	}
	return false;
}
