#include "system/rabbitmq/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/dial.h"
#include "base/mem.h"
#include "base/resolve.h"

enum { CHANNEL = 1, FRAME_MAX = 131072, METHOD_MAX = 4096, FRAME_END = 0xCE, FRAME_EXTRA = 8,
       PROTOCOL_HEADER = 'A' }; /* as librabbitmq calls one that came instead of a frame */

struct rabbit_conn {
	int fd;
	amqp_connection_state_t codec;
	struct buf out;       /* put and not sent */
	size_t sent;          /* of it */
	char in[16384];
	size_t in_len, in_pos;
	/* A method that brings content, until all of it is there. */
	struct rabbit_event partial;
	struct buf body;
	uint64_t body_len;
	bool wants_header, wants_body;
	uint32_t frame_max;
	int64_t heartbeat_ns; /* 0: none */
	int64_t heard_ns, spoke_ns;
	char blocked[120];
	int close_code;
	char address[80];
};

static amqp_bytes_t bytes(const char *s)
{
	return (amqp_bytes_t){strlen(s), (void *)(uintptr_t)s};
}

/* ---- out ---- */

static void put_frame(struct rabbit_conn *c, int type, int channel, const void *payload, size_t len)
{
	uint32_t size = htonl((uint32_t)len);
	uint16_t ch = htons((uint16_t)channel);

	buf_char(&c->out, (char)type);
	buf_add(&c->out, &ch, sizeof(ch));
	buf_add(&c->out, &size, sizeof(size));
	buf_add(&c->out, payload, len);
	buf_char(&c->out, (char)FRAME_END);
}

static void put_method(struct rabbit_conn *c, int channel, amqp_method_number_t id, void *method)
{
	char payload[METHOD_MAX];
	uint32_t number = htonl(id);
	int n;

	memcpy(payload, &number, sizeof(number));
	n = amqp_encode_method(
		id, method,
		(amqp_bytes_t){sizeof(payload) - sizeof(number), payload + sizeof(number)});
	if (n < 0)
		abort(); /* none of ours is that long */
	put_frame(c, AMQP_FRAME_METHOD, channel, payload, sizeof(number) + (size_t)n);
}

void rabbit_put(struct rabbit_conn *c, amqp_method_number_t id, void *method)
{
	put_method(c, CHANNEL, id, method);
}

void rabbit_put_content(struct rabbit_conn *c, const amqp_basic_properties_t *p, const char *body,
			size_t len)
{
	unsigned char head[METHOD_MAX] = {AMQP_BASIC_CLASS >> 8, AMQP_BASIC_CLASS & 0xff};
	size_t most = c->frame_max - FRAME_EXTRA;
	uint64_t size = len;
	int n;

	for (int i = 0; i < 8; i++)
		head[4 + i] = (unsigned char)(size >> (8 * (7 - i)));
	n = amqp_encode_properties(AMQP_BASIC_CLASS, (void *)(uintptr_t)p,
				   (amqp_bytes_t){sizeof(head) - 12, head + 12});
	if (n < 0)
		abort();
	put_frame(c, AMQP_FRAME_HEADER, CHANNEL, head, 12 + (size_t)n);
	for (size_t at = 0; at < len; at += most)
		put_frame(c, AMQP_FRAME_BODY, CHANNEL, body + at,
			  len - at < most ? len - at : most);
}

static enum rabbit_end broken(const char *what, int problem, char *error, size_t size)
{
	snprintf(error, size, "broken: %s%s%s", what, problem ? ": " : "", problem ? strerror(problem) : "");
	return RABBIT_BROKEN;
}

enum rabbit_end rabbit_flush(struct rabbit_conn *c, int64_t until_ns, char *error, size_t size)
{
	while (c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.s + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

		if (n > 0) {
			c->sent += (size_t)n;
			c->spoke_ns = clock_mono_ns();
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!clock_wait_fd(c->fd, POLLOUT, until_ns)) {
				snprintf(error, size, "timeout: the server takes nothing");
				return RABBIT_TIMEOUT;
			}
		} else if (n < 0 && errno != EINTR) {
			return broken("sending", errno, error, size);
		}
	}
	buf_reset(&c->out);
	c->sent = 0;
	return RABBIT_OK;
}

/* ---- in ---- */

static bool brings_content(amqp_method_number_t id)
{
	return id == AMQP_BASIC_DELIVER_METHOD || id == AMQP_BASIC_GET_OK_METHOD ||
	       id == AMQP_BASIC_RETURN_METHOD;
}

static enum rabbit_end closed(struct rabbit_conn *c, const char *what, int code, amqp_bytes_t text,
			      char *error, size_t size)
{
	c->close_code = code;
	snprintf(error, size, "%s closed: %d %.*s", what, code, (int)(text.len < 200 ? text.len : 200),
		 (const char *)text.bytes);
	return RABBIT_BROKEN;
}

/* Channel 0, and a channel's end. */
static enum rabbit_end connection_says(struct rabbit_conn *c, const amqp_method_t *m, char *error,
				       size_t size)
{
	const amqp_connection_blocked_t *b = m->decoded;
	const amqp_connection_close_t *k = m->decoded;
	const amqp_channel_close_t *h = m->decoded;

	switch (m->id) {
	case AMQP_CONNECTION_BLOCKED_METHOD:
		snprintf(c->blocked, sizeof(c->blocked), "%.*s", (int)b->reason.len, (const char *)b->reason.bytes);
		return RABBIT_OK;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		c->blocked[0] = '\0';
		return RABBIT_OK;
	case AMQP_CONNECTION_CLOSE_METHOD:
		return closed(c, "connection", k->reply_code, k->reply_text, error, size);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return closed(c, "channel", h->reply_code, h->reply_text, error, size);
	default:
		return RABBIT_OK;
	}
}

/* Takes one frame in. *whole: *ev is an event. */
static enum rabbit_end take(struct rabbit_conn *c, const amqp_frame_t *f, struct rabbit_event *ev,
			    bool *whole, char *error, size_t size)
{
	const amqp_method_t *m = &f->payload.method;

	if (f->frame_type == AMQP_FRAME_METHOD &&
	    (!f->channel || m->id == AMQP_CHANNEL_CLOSE_METHOD) &&
	    m->id != AMQP_CONNECTION_START_METHOD && m->id != AMQP_CONNECTION_TUNE_METHOD &&
	    m->id != AMQP_CONNECTION_OPEN_OK_METHOD)
		return connection_says(c, m, error, size);
	if (f->frame_type == AMQP_FRAME_METHOD) {
		*ev = c->partial = (struct rabbit_event){.id = m->id, .method = m->decoded};
		c->wants_header = brings_content(m->id);
		*whole = !c->wants_header;
		return RABBIT_OK;
	}
	if (f->frame_type == AMQP_FRAME_HEADER && c->wants_header) {
		buf_reset(&c->body);
		c->body_len = f->payload.properties.body_size;
		c->wants_header = false;
		c->wants_body = true;
	} else if (f->frame_type == AMQP_FRAME_BODY && c->wants_body) {
		buf_add(&c->body, f->payload.body_fragment.bytes, f->payload.body_fragment.len);
	}
	if (c->wants_body && c->body.len >= c->body_len) {
		c->wants_body = false;
		*ev = c->partial;
		ev->body = buf_cstr(&c->body);
		ev->len = c->body.len;
		*whole = true;
	}
	return RABBIT_OK;
}

/* Frames of what was read already. */
static enum rabbit_end decode(struct rabbit_conn *c, struct rabbit_event *ev, bool *whole,
			      char *error, size_t size)
{
	enum rabbit_end end = RABBIT_OK;

	if (!c->wants_header && !c->wants_body)
		amqp_maybe_release_buffers(c->codec);
	while (end == RABBIT_OK && !*whole && c->in_pos < c->in_len) {
		amqp_frame_t f = {0};
		int n = amqp_handle_input(
			c->codec, (amqp_bytes_t){c->in_len - c->in_pos, c->in + c->in_pos}, &f);

		if (n < 0)
			return broken(amqp_error_string2(n), 0, error, size);
		c->in_pos += (size_t)n;
		if (f.frame_type == PROTOCOL_HEADER)
			return broken("the server speaks another protocol", 0, error, size);
		if (f.frame_type)
			end = take(c, &f, ev, whole, error, size);
	}
	return end;
}

static enum rabbit_end receive(struct rabbit_conn *c, char *error, size_t size)
{
	ssize_t n = recv(c->fd, c->in, sizeof(c->in), 0);

	if (!n)
		return broken("the server closed the connection", 0, error, size);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return broken("receiving", errno, error, size);
	c->in_pos = 0;
	c->in_len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		c->heard_ns = clock_mono_ns();
	return RABBIT_OK;
}

enum rabbit_end rabbit_next(struct rabbit_conn *c, int64_t until_ns, struct rabbit_event *ev,
			    char *error, size_t size)
{
	enum rabbit_end end =
		c->sent < c->out.len ? rabbit_flush(c, until_ns, error, size) : RABBIT_OK;
	bool whole = false;

	while (end == RABBIT_OK) {
		end = decode(c, ev, &whole, error, size);
		if (end != RABBIT_OK || whole)
			break;
		if (!clock_wait_fd(c->fd, POLLIN, until_ns)) {
			snprintf(error, size, "timeout: no answer in time");
			end = RABBIT_TIMEOUT;
		} else {
			end = receive(c, error, size);
		}
	}
	return end;
}

enum rabbit_end rabbit_call(struct rabbit_conn *c, amqp_method_number_t id, int64_t until_ns,
			    struct rabbit_event *ev,
			    void (*other)(void *arg, const struct rabbit_event *ev), void *arg,
			    char *error, size_t size)
{
	enum rabbit_end end;

	while ((end = rabbit_next(c, until_ns, ev, error, size)) == RABBIT_OK && ev->id != id)
		if (other)
			other(arg, ev);
	return end;
}

/* ---- from nothing to a channel ---- */

/* What a server offers only to who says that he understands it. */
static void start(struct rabbit_conn *c, const struct rabbit_login *l)
{
	static const char *const known[] = {"publisher_confirms", "basic.nack", "consumer_cancel_notify",
					    "connection.blocked", "authentication_failure_close"};
	amqp_table_entry_t caps[ARRAY_LEN(known)], props[2];
	amqp_connection_start_ok_t m = {.mechanism = bytes("PLAIN"), .locale = bytes("en_US")};
	struct buf plain = {0};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		caps[i] = (amqp_table_entry_t){bytes(known[i]),
					       {AMQP_FIELD_KIND_BOOLEAN, {.boolean = 1}}};
	props[0] = (amqp_table_entry_t){bytes("product"), {AMQP_FIELD_KIND_UTF8, {.bytes = bytes("ordeal")}}};
	props[1] =
		(amqp_table_entry_t){bytes("capabilities"),
				     {AMQP_FIELD_KIND_TABLE, {.table = {ARRAY_LEN(known), caps}}}};
	m.client_properties = (amqp_table_t){2, props};
	buf_fmt(&plain, "%c%s%c%s", 0, l->user, 0, l->password);
	m.response = (amqp_bytes_t){plain.len, plain.s};
	put_method(c, 0, AMQP_CONNECTION_START_OK_METHOD, &m);
	buf_free(&plain);
}

static void tune(struct rabbit_conn *c, const struct rabbit_login *l,
		 const amqp_connection_tune_t *told)
{
	amqp_connection_tune_ok_t m = {.channel_max = told->channel_max,
				       .frame_max = told->frame_max,
				       .heartbeat = (uint16_t)l->heartbeat_s};
	amqp_connection_open_t open = {.virtual_host = bytes(l->vhost)};
	amqp_channel_open_t channel = {0};

	if (!m.frame_max || m.frame_max > FRAME_MAX)
		m.frame_max = FRAME_MAX;
	if (told->heartbeat && m.heartbeat > told->heartbeat)
		m.heartbeat = told->heartbeat;
	c->frame_max = m.frame_max;
	c->heartbeat_ns = m.heartbeat * NS_PER_S;
	amqp_tune_connection(c->codec, m.channel_max, (int)m.frame_max, 0);
	put_method(c, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &m);
	put_method(c, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
	put_method(c, CHANNEL, AMQP_CHANNEL_OPEN_METHOD, &channel);
}

static bool handshake(struct rabbit_conn *c, const struct rabbit_login *l, int64_t until_ns,
		      char *error, size_t size)
{
	struct rabbit_event ev;

	/* A frame has 4 KiB until a longer one was agreed on. */
	if (strlen(l->user) + strlen(l->password) > METHOD_MAX - 1024) {
		snprintf(error, size, "connect: user and password are longer than a login takes");
		return false;
	}
	buf_add(&c->out, "AMQP\0\0\x09\x01", 8);
	if (rabbit_call(c, AMQP_CONNECTION_START_METHOD, until_ns, &ev, NULL, NULL, error, size))
		return false;
	start(c, l);
	if (rabbit_call(c, AMQP_CONNECTION_TUNE_METHOD, until_ns, &ev, NULL, NULL, error, size))
		return false;
	tune(c, l, ev.method);
	return rabbit_call(c, AMQP_CHANNEL_OPEN_OK_METHOD, until_ns, &ev, NULL, NULL, error,
			   size) == RABBIT_OK;
}

/* The socket; NULL with why there is none. */
static struct rabbit_conn *reach(const struct rabbit_login *l, int64_t until_ns,
				 struct rabbit_cost *cost, char *error, size_t size)
{
	char ip[RESOLVE_ADDR_MAX], why[RESOLVE_WHY_MAX];
	int64_t from = clock_mono_ns();
	struct rabbit_conn *c;
	int fd;

	if (resolve_host(NULL, l->host, until_ns, ip, why, sizeof(why))) {
		cost->dns_ns += clock_mono_ns() - from;
		snprintf(error, size, "%s: %s", clock_mono_ns() >= until_ns ? "timeout" : "dns", why);
		return NULL;
	}
	cost->dns_ns += clock_mono_ns() - from;
	fd = dial(ip, l->port, until_ns);
	if (fd < 0) {
		if (errno == ETIMEDOUT)
			snprintf(error, size, "timeout: no connection to %.40s:%d in time", ip, l->port);
		else
			snprintf(error, size, "connect: %.40s:%d: %s", ip, l->port, strerror(errno));
		return NULL;
	}
	c = mem_alloc(sizeof(*c));
	c->fd = fd;
	c->frame_max = FRAME_MAX;
	c->codec = amqp_new_connection();
	if (!c->codec)
		abort();
	c->heard_ns = c->spoke_ns = clock_mono_ns();
	snprintf(c->address, sizeof(c->address), "%s:%d", ip, l->port);
	return c;
}

struct rabbit_conn *rabbit_open(const struct rabbit_login *l, int64_t until_ns,
				struct rabbit_cost *cost, char *error, size_t size)
{
	struct rabbit_cost none = {0};
	int64_t from = clock_mono_ns(), dns_ns;
	struct rabbit_conn *c;

	cost = cost ? cost : &none;
	dns_ns = cost->dns_ns;
	c = reach(l, until_ns, cost, error, size);
	if (c && !handshake(c, l, until_ns, error, size)) {
		rabbit_drop(c);
		c = NULL;
	}
	cost->connect_ns += clock_mono_ns() - from - (cost->dns_ns - dns_ns);
	return c;
}

void rabbit_drop(struct rabbit_conn *c)
{
	if (!c)
		return;
	close(c->fd);
	amqp_destroy_connection(c->codec);
	buf_free(&c->out);
	buf_free(&c->body);
	free(c);
}

const char *rabbit_address(const struct rabbit_conn *c)
{
	return c->address;
}

const char *rabbit_blocked(const struct rabbit_conn *c)
{
	return c->blocked[0] ? c->blocked : NULL;
}

bool rabbit_alive(struct rabbit_conn *c)
{
	int64_t now = clock_mono_ns();

	if (!c->heartbeat_ns)
		return true;
	if (now - c->heard_ns > 2 * c->heartbeat_ns)
		return false;
	if (now - c->spoke_ns > c->heartbeat_ns / 2 && c->sent == c->out.len)
		put_frame(c, AMQP_FRAME_HEARTBEAT, 0, "", 0);
	return true;
}

int rabbit_close_code(const struct rabbit_conn *c)
{
	return c->close_code;
}
