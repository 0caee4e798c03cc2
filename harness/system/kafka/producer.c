#include "system/kafka/producer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/resolve.h"
#include "system/client_kit.h"
#include "system/kafka/conn.h"

enum {
	PRODUCE = 0,       /* the request's number */
	RESOLVE_MS = 1000, /* what a broker's name may take, in the library's thread */
	PURGE_MS = 15,     /* a report that was called for is here within */
	SPENT_MOST = 8,    /* of some threads each */
};

struct handle {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *reports;
	bool met;      /* it has heard who leads */
	bool owes;     /* the report of its message, whose value is: */
	int64_t value;
	struct handle *older;
};

struct kafka_producer {
	const struct access *acc;
	uint32_t process;
	struct handle *h; /* NULL: none */
	struct handle *spent; /* they may still send what was given up; ended with the client */
	int nspent;
	uintptr_t serial; /* of the message that is under way */
	char *payload;
	char trouble[160]; /* what the library said last of its connections */
	pthread_mutex_t lock; /* over what follows: broker threads tell it */
	int sends;
	char via[64];
};

struct kafka_producer *kafka_producer_new(const struct access *acc, uint32_t process)
{
	struct kafka_producer *p = mem_alloc(sizeof(*p));

	p->acc = acc;
	p->process = process;
	p->payload = payload_make(process, (size_t)acc->payload_bytes);
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void handle_free(struct handle *h)
{
	rd_kafka_queue_destroy(h->reports);
	rd_kafka_topic_destroy(h->topic);
	rd_kafka_destroy(h->rk);
	free(h);
}

/* Its threads end when they can, which is no matter of the call under way. */
static void spend(struct kafka_producer *p)
{
	p->h->older = p->spent;
	p->spent = p->h;
	p->nspent++;
	p->h = NULL;
}

/* Of a message that was given up its report may still come, and say that it is there. */
static void hear(struct handle *h, struct op *op)
{
	const rd_kafka_message_t *m;
	rd_kafka_event_t *ev;

	while (h->owes && (ev = rd_kafka_queue_poll(h->reports, 0))) {
		while (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR &&
		       (m = rd_kafka_event_message_next(ev))) {
			h->owes = false;
			if (!m->err && op->nlate < OP_LATE_MAX)
				op->room->late[op->nlate++] =
					(struct op_late){h->value, clock_mono_ns()};
		}
		rd_kafka_event_destroy(ev);
	}
}

/* One that owes nothing any more is as good as new. */
static void reclaim(struct kafka_producer *p, struct op *op)
{
	for (struct handle **at = &p->spent, *h; (h = *at);) {
		hear(h, op);
		if (h->owes || (p->h && !rd_kafka_fatal_error(h->rk, NULL, 0))) {
			at = &h->older;
			continue;
		}
		*at = h->older;
		p->nspent--;
		if (rd_kafka_fatal_error(h->rk, NULL, 0))
			handle_free(h);
		else
			p->h = h;
	}
}

void kafka_producer_free(struct kafka_producer *p)
{
	if (!p)
		return;
	if (p->h)
		spend(p);
	while (p->spent) {
		struct handle *h = p->spent;

		p->spent = h->older;
		handle_free(h);
	}
	pthread_mutex_destroy(&p->lock);
	free(p->payload);
	free(p);
}

static void peer_address(int fd, char *out, size_t size)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	char ip[INET_ADDRSTRLEN];

	if (!getpeername(fd, (struct sockaddr *)&a, &len) && a.sin_family == AF_INET &&
	    inet_ntop(AF_INET, &a.sin_addr, ip, sizeof(ip)))
		snprintf(out, size, "%s:%d", ip, ntohs(a.sin_port));
}

static rd_kafka_resp_err_t on_sent(rd_kafka_t *rk, int fd, const char *name, int32_t id,
				   int16_t api, int16_t version, int32_t correlation, size_t bytes,
				   void *arg)
{
	struct kafka_producer *p = arg;

	(void)rk, (void)name, (void)id, (void)version, (void)correlation, (void)bytes;
	if (api != PRODUCE)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	pthread_mutex_lock(&p->lock);
	p->sends++;
	peer_address(fd, p->via, sizeof(p->via));
	pthread_mutex_unlock(&p->lock);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *arg,
				  char *error, size_t size)
{
	(void)conf, (void)error, (void)size;
	return rd_kafka_interceptor_add_on_request_sent(rk, "ordeal", on_sent, arg);
}

/* getaddrinfo() has no deadline, and does not know the names of engine local. */
static int resolve(const char *node, const char *service, const struct addrinfo *hints,
		   struct addrinfo **res, void *opaque)
{
	struct addrinfo numeric = hints ? *hints : (struct addrinfo){.ai_socktype = SOCK_STREAM};
	char ip[RESOLVE_ADDR_MAX], why[RESOLVE_WHY_MAX];

	(void)opaque;
	if (!node) { /* it gives back what it got */
		freeaddrinfo(*res);
		return 0;
	}
	if (resolve_host(NULL, node, clock_mono_ns() + RESOLVE_MS * NS_PER_MS, ip, why,
			 sizeof(why)))
		return EAI_AGAIN;
	numeric.ai_flags |= AI_NUMERICHOST;
	return getaddrinfo(ip, service, &numeric, res);
}

static void quiet(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk, (void)level, (void)facility, (void)text;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, char *error,
		size_t size)
{
	return rd_kafka_conf_set(conf, name, value, error, size) == RD_KAFKA_CONF_OK;
}

static bool set_ms(rd_kafka_conf_t *conf, const char *name, int64_t ms, char *error, size_t size)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, ms);
	return set(conf, name, text, error, size);
}

static bool set_brokers(rd_kafka_conf_t *conf, const struct access *acc, char *error, size_t size)
{
	struct buf list = {0};
	bool ok;

	for (size_t i = 0; i < acc->n; i++)
		buf_fmt(&list, "%s%s:%d", i ? "," : "", acc->members[i].host, kafka_port(acc));
	ok = set(conf, "bootstrap.servers", buf_cstr(&list), error, size);
	buf_free(&list);
	return ok;
}

/* Times that hold whatever a user chose: by the deadline a call is over. */
static bool set_times(rd_kafka_conf_t *conf, const struct access *acc, int64_t ms, char *error,
		      size_t size)
{
	int64_t own = json_i64(acc->conf, "delivery_timeout_ms", 0);

	return set_ms(conf, "message.timeout.ms", own > 0 && own < ms ? own : ms, error, size) &&
	       set_ms(conf, "request.timeout.ms", ms, error, size) &&
	       /* Past it a broker that is silent is left and the leader asked for anew. */
	       set_ms(conf, "socket.timeout.ms", ms < 10 ? 10 : ms, error, size) &&
	       set(conf, "socket.connection.setup.timeout.ms", "1000", error, size) &&
	       set(conf, "socket.nagle.disable", "true", error, size) &&
	       set(conf, "reconnect.backoff.ms", "50", error, size) &&
	       set(conf, "reconnect.backoff.max.ms", "500", error, size) &&
	       set(conf, "topic.metadata.refresh.fast.interval.ms", "100", error, size) &&
	       /* A call to a silent leader is over before the library finds it silent (it
		* looks once a second), and would not ask who leads by now for five minutes. */
	       set_ms(conf, "topic.metadata.refresh.interval.ms",
		      json_i64(acc->conf, "metadata_refresh_ms", KAFKA_REFRESH_MS), error, size) &&
	       set(conf, "broker.address.family", "v4", error, size) &&
	       set(conf, "allow.auto.create.topics", "false", error, size);
}

static bool set_choices(rd_kafka_conf_t *conf, const struct access *acc, int64_t ms, char *error,
			size_t size)
{
	bool idempotent = !strcmp(json_str(acc->conf, "idempotence", "off"), "on");
	int64_t retries = json_i64(acc->conf, "retries", 0);

	return set(conf, "acks", json_str(acc->conf, "acks", "all"), error, size) &&
	       set_ms(conf, "linger.ms", json_i64(acc->conf, "linger_ms", 0), error, size) &&
	       set_ms(conf, "max.in.flight", json_i64(acc->conf, "in_flight", 1), error, size) &&
	       set(conf, "enable.idempotence", idempotent ? "true" : "false", error, size) &&
	       (retries ? set_ms(conf, "retries", retries, error, size) :
			  idempotent || (set(conf, "retries", "0", error, size) &&
					 set_ms(conf, "retry.backoff.ms", ms + 1000, error, size)));
}

static bool configure(struct kafka_producer *p, rd_kafka_conf_t *conf, int64_t ms, char *error,
		      size_t size)
{
	char name[40];

	snprintf(name, sizeof(name), "ordeal-%u", p->process);
	rd_kafka_conf_set_log_cb(conf, quiet);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
	rd_kafka_conf_set_resolve_cb(conf, resolve);
	return rd_kafka_conf_interceptor_add_on_new(conf, "ordeal", on_new, p) == RD_KAFKA_RESP_ERR_NO_ERROR &&
	       set(conf, "client.id", name, error, size) && set_brokers(conf, p->acc, error, size) &&
	       set_times(conf, p->acc, ms, error, size) &&
	       set_choices(conf, p->acc, ms, error, size);
}

static int left_ms(int64_t until_ns)
{
	int64_t left = until_ns - clock_mono_ns();

	return left <= 0 ? 0 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
}

/* A handle whose messages live for as long as this call may take, as every one of its
 * load may. */
static bool begin(struct kafka_producer *p, int64_t until_ns, char *error, size_t size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_t *topic;
	struct handle *h;
	rd_kafka_t *rk;
	char why[256] = "its interceptor was refused";

	if (!configure(p, conf, left_ms(until_ns), why, sizeof(why))) {
		rd_kafka_conf_destroy(conf);
		snprintf(error, size, "client: librdkafka: %s", why);
		return false;
	}
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		snprintf(error, size, "client: librdkafka: %s", why);
		return false;
	}
	topic = rd_kafka_topic_new(rk, KAFKA_TOPIC, NULL);
	if (!topic) {
		snprintf(error, size, "client: librdkafka: %s", rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_destroy(rk);
		return false;
	}
	h = mem_alloc(sizeof(*h));
	h->rk = rk;
	h->topic = topic;
	h->reports = rd_kafka_queue_get_main(rk);
	p->h = h;
	return true;
}

/* The first message on a topic that the library does not know yet waits for up to a second
 * whatever comes in meanwhile (its issue 5032): so it has to know it before. */
static bool meet(struct kafka_producer *p, int64_t until_ns, char *error, size_t size)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;

	if (!p->h && p->nspent == SPENT_MOST) {
		snprintf(error, size, "client: librdkafka still holds %d messages that were given up", p->nspent);
		return false;
	}
	if (!p->h && !begin(p, until_ns, error, size))
		return false;
	if (p->h->met)
		return true;
	err = rd_kafka_metadata(p->h->rk, 0, p->h->topic, &md, left_ms(until_ns));
	if (!err) {
		rd_kafka_metadata_destroy(md);
		p->h->met = true;
		return true;
	}
	snprintf(error, size, "%s: no broker told who leads: %s",
		 clock_mono_ns() >= until_ns ? "timeout" : "connect", rd_kafka_err2str(err));
	return false;
}

/* The report of the message under way, by until_ns. Of older ones nobody asks any more. */
static bool report(struct kafka_producer *p, struct op *op, int64_t until_ns,
		   struct kafka_report *out)
{
	const rd_kafka_message_t *m;
	rd_kafka_event_t *ev;
	bool found = false;

	while (!found && (ev = rd_kafka_queue_poll(p->h->reports, left_ms(until_ns)))) {
		if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
			mem_copy_str(p->trouble, sizeof(p->trouble),
				     rd_kafka_event_error_string(ev));
		while (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR &&
		       (m = rd_kafka_event_message_next(ev))) {
			if ((uintptr_t)m->_private != p->serial)
				continue;
			found = true;
			p->h->owes = false;
			out->err = m->err;
			out->status = rd_kafka_message_status(m);
			if (!m->err && m->offset >= 0)
				op->offset = m->offset;
		}
		rd_kafka_event_destroy(ev);
	}
	return found;
}

/* "timeout: ..." for what ended with the time, the broker's words for its answers. */
static void say(const struct kafka_producer *p, const struct kafka_report *r, struct op *op)
{
	const char *class = "";

	switch (r->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return;
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
		snprintf(op->room->error, sizeof(op->room->error), op->sent ? "timeout: no answer in time" :
			 "timeout: never sent%s%s", *p->trouble ? ": " : "", p->trouble);
		return;
	case RD_KAFKA_RESP_ERR__TRANSPORT:
		class = op->sent ? "broken: " : "connect: ";
		break;
	default:
		break;
	}
	snprintf(op->room->error, sizeof(op->room->error), "%s%s", class, rd_kafka_err2str(r->err));
}

static void conclude(struct kafka_producer *p, struct kafka_report *r, struct op *op)
{
	pthread_mutex_lock(&p->lock);
	r->sends = p->sends;
	/* A word of its own behind the address: the library has sent it again. */
	if (r->sends)
		snprintf(op->room->via, sizeof(op->room->via), "%.50s%s", p->via, r->sends > 1 ? " resent" : "");
	pthread_mutex_unlock(&p->lock);
	op->outcome = kafka_outcome(r);
	op->sent = kafka_was_sent(r);
	say(p, r, op);
}

void kafka_produce(struct kafka_producer *p, struct op *op, int64_t until_ns)
{
	struct kafka_report r = {.err = RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
				 .status = RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED};
	struct buf text = {0};

	reclaim(p, op);
	if (!meet(p, until_ns, op->room->error, sizeof(op->room->error)) ||
	    !call_may_send(op, until_ns))
		return;
	pthread_mutex_lock(&p->lock);
	p->sends = 0;
	*p->via = '\0';
	pthread_mutex_unlock(&p->lock);
	*p->trouble = '\0';
	p->serial++;
	p->h->owes = true;
	p->h->value = op->value;
	buf_fmt(&text, "%" PRId64 " %s", op->value, p->payload);
	if (rd_kafka_produce(
		    p->h->topic, (int32_t)op->key, RD_KAFKA_MSG_F_COPY, text.s, text.len, NULL, 0,
		    (void *)p->serial)) { /* NOLINT(performance-no-int-to-ptr): it is given back */
		r = (struct kafka_report){rd_kafka_last_error(), RD_KAFKA_MSG_STATUS_NOT_PERSISTED,
					  0};
		p->h->owes = false;
	} else if (!report(p, op, until_ns, &r)) {
		rd_kafka_purge(p->h->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
			       RD_KAFKA_PURGE_F_NON_BLOCKING);
		/* Without a report it may still leave: of unknown fate, as `r` says, and the handle
		 * would send it in between those that come. */
		if (!report(p, op, clock_mono_ns() + PURGE_MS * NS_PER_MS, &r))
			spend(p);
	}
	buf_free(&text);
	conclude(p, &r, op);
	if (p->h && rd_kafka_fatal_error(p->h->rk, NULL, 0))
		spend(p);
}
