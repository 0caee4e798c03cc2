#include "system/memory/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "memoryd/lease.h"
#include "memoryd/net.h"

enum { ASK_MAX = MEMORY_MEMBERS_MAX };

void wire_init(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	w->fd = -1;
}

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd);
	buf_free(&w->in);
	wire_init(w);
}

static enum wire_result failed(struct err *e, enum wire_result r, const char *what)
{
	if (r == WIRE_TIMEOUT)
		err_set(e, ERR_BROKEN, "timeout: %s", what);
	else
		err_set(e, ERR_BROKEN, "broken: %s: %s", what, errno ? strerror(errno) : "closed");
	return r;
}

enum wire_result wire_connect(struct wire *w, const char *addr, int port, int64_t end_ns,
			      struct err *e)
{
	wire_close(w);
	w->fd = dial(addr, port, end_ns);
	if (w->fd >= 0) {
		snprintf(w->addr, sizeof(w->addr), "%s", addr);
		w->port = port;
		return WIRE_OK;
	}
	if (errno == ETIMEDOUT)
		return failed(e, WIRE_TIMEOUT, "connecting");
	err_set(e, ERR_BROKEN, "cannot connect to %s:%d: %s", addr, port, strerror(errno));
	return WIRE_BROKEN;
}

enum wire_result wire_send(struct wire *w, const char *line, int64_t end_ns, struct err *e)
{
	char text[512];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s\n", line), done = 0;

	w->sent = false;
	while (done < len) {
		ssize_t n = send(w->fd, text + done, len - done, MSG_NOSIGNAL);
		struct pollfd p = {w->fd, POLLOUT, 0};

		if (n > 0) {
			done += (size_t)n;
			w->sent = true;
		} else if (errno != EAGAIN && errno != EINTR) {
			return failed(e, WIRE_BROKEN, "sending");
		} else if (!clock_poll_until(&p, 1, end_ns)) {
			return failed(e, WIRE_TIMEOUT, "sending");
		}
	}
	return WIRE_OK;
}

static void drop_line(struct buf *b)
{
	char *end = b->len ? memchr(b->s, '\0', b->len) : NULL;
	size_t n;

	/* A line that was handed out ends in a NUL where its newline was. */
	if (!end)
		return;
	n = (size_t)(end - b->s) + 1;
	memmove(b->s, b->s + n, b->len - n);
	b->len -= n;
}

/* What is there now; *line NULL when no line is complete. */
static enum wire_result take(struct wire *w, const char **line, struct err *e)
{
	char chunk[65536], *end;
	ssize_t n;

	*line = NULL;
	end = w->in.len ? memchr(w->in.s, '\n', w->in.len) : NULL;
	if (!end) {
		n = recv(w->fd, chunk, sizeof(chunk), 0);
		if (n == 0)
			errno = 0;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return failed(e, WIRE_BROKEN, "waiting for the answer");
		if (n > 0)
			buf_add(&w->in, chunk, (size_t)n);
		end = w->in.len ? memchr(w->in.s, '\n', w->in.len) : NULL;
	}
	if (end) {
		*end = '\0';
		*line = w->in.s;
	}
	return WIRE_OK;
}

enum wire_result wire_line(struct wire *w, const char **line, int64_t end_ns, struct err *e)
{
	drop_line(&w->in);
	for (;;) {
		struct pollfd p = {w->fd, POLLIN, 0};
		enum wire_result r = take(w, line, e);

		if (r || *line)
			return r;
		if (!clock_poll_until(&p, 1, end_ns))
			return failed(e, WIRE_TIMEOUT, "no answer");
	}
}

/* Asking who is primary. */
struct asking {
	struct wire w[ASK_MAX];
	const char *name[ASK_MAX];
	char addr[ASK_MAX][64];
	bool asked[ASK_MAX];
	size_t n;
	size_t silent; /* members that did not know, or are not there */
	int named;     /* who was named; -1 nobody yet */
	int by;        /* who named it */
};

static void give_up_on(struct asking *a, size_t i)
{
	wire_close(&a->w[i]);
	a->silent++;
}

static void hear(struct asking *a, size_t i, const char *line)
{
	char name[64];

	if (sscanf(line, "leader %63s", name) == 1) {
		for (size_t k = 0; k < a->n; k++) {
			if (!strcmp(a->name[k], name) && a->addr[k][0]) {
				a->named = (int)k;
				a->by = (int)i;
				return;
			}
		}
	}
	give_up_on(a, i);
}

/* Something happened on one of the connections. */
static void attend(struct asking *a, size_t i)
{
	struct err e = {0};
	const char *line = NULL;

	if (!a->asked[i]) {
		a->asked[i] = true;
		/* A few bytes fit into the buffer of a fresh connection. */
		if (memory_net_connected(a->w[i].fd) ||
		    wire_send(&a->w[i], "leader", clock_mono_ns() + NS_PER_MS, &e))
			give_up_on(a, i);
		return;
	}
	drop_line(&a->w[i].in);
	if (take(&a->w[i], &line, &e))
		give_up_on(a, i);
	else if (line)
		hear(a, i, line);
}

static void ask_all(struct asking *a, const struct access *acc, int port, int64_t *dns_ns)
{
	int64_t before = clock_mono_ns();
	struct err e = {0};

	a->named = a->by = -1;
	for (a->n = 0; a->n < acc->n && a->n < ASK_MAX; a->n++) {
		wire_init(&a->w[a->n]);
		a->name[a->n] = acc->members[a->n].name;
		if (memory_net_resolve(acc->members[a->n].host, a->addr[a->n], &e))
			a->addr[a->n][0] = '\0';
	}
	*dns_ns = clock_mono_ns() - before;
	for (size_t i = 0; i < a->n; i++) {
		a->w[i].fd = a->addr[i][0] ? memory_net_connect(a->addr[i], port, &e) : -1;
		if (a->w[i].fd < 0)
			a->silent++;
	}
}

static bool hear_all(struct asking *a, int64_t end_ns)
{
	struct pollfd p[ASK_MAX];

	while (a->named < 0 && a->silent < a->n) {
		for (size_t i = 0; i < a->n; i++)
			p[i] = (struct pollfd){a->w[i].fd, a->asked[i] ? POLLIN : POLLOUT, 0};
		if (!clock_poll_until(p, a->n, end_ns))
			return false;
		for (size_t i = 0; i < a->n && a->named < 0; i++)
			if (a->w[i].fd >= 0 && p[i].revents)
				attend(a, i);
	}
	return true;
}

enum wire_result wire_find_primary(struct wire *w, const struct access *acc, int64_t end_ns,
				   int64_t *dns_ns, int64_t *connect_ns, struct err *e)
{
	int64_t began = clock_mono_ns();
	int port = (int)json_i64(acc->conf, "port", 0);
	struct asking a = {0};
	enum wire_result r;

	ask_all(&a, acc, port, dns_ns);
	if (!hear_all(&a, end_ns)) {
		r = failed(e, WIRE_TIMEOUT, "no member said who is primary");
	} else if (a.named < 0) {
		err_set(e, ERR_BROKEN, "no primary: %s",
			"every member that answers says that there is none");
		r = WIRE_BROKEN;
	} else if (a.named == a.by) {
		wire_close(w);
		*w = a.w[a.by];
		snprintf(w->addr, sizeof(w->addr), "%s", a.addr[a.by]);
		w->port = port;
		wire_init(&a.w[a.by]);
		r = WIRE_OK;
	} else {
		r = wire_connect(w, a.addr[a.named], port, end_ns, e);
	}
	for (size_t i = 0; i < a.n; i++)
		wire_close(&a.w[i]);
	*connect_ns = clock_mono_ns() - began - *dns_ns;
	return r;
}
