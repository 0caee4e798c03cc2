/* RabbitMQ as its clients see it: publishing with confirms, consuming with manual
 * acknowledgements. Asking the members one by one is in probe.c, what comes before and
 * after the load in ends.c, what the answers mean in model.c.
 *
 * Retries of the client library: it has none, and of the library only its codec is used
 * (conn.c). A client knows all members, as a list of addresses, and goes on to the next
 * when its own is gone; it does so with its next operation, never within one.
 *
 * A connection for publishing and one for consuming: a server that is short of memory or
 * disk reads nothing more of one that publishes, acknowledgements neither. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/rabbitmq/owed.h"
#include "system/rabbitmq/queues.h"

enum { PREFETCH = 1, PERSISTENT = 2, NO_ROUTE = 312, NOT_FOUND = 404 };

/* A delivery that nobody has taken yet. */
struct hand {
	int64_t key, value;
	uint64_t tag;
	bool redelivered;
};

struct session {
	struct rabbit_conn *conn;
	uint64_t seq;        /* of the last publish */
	uint64_t confirmed;  /* all up to here are, one way or the other */
	/* Consuming. */
	bool *consumes;      /* by key */
	size_t nconsumes;
	struct hand *hands;
	size_t nhands, ahands;
	int64_t getting;     /* the key of a basic.get without its answer; -1: none */
	int64_t missing;     /* the key of a queue that was not there; -1: none */
};

struct client {
	const struct access *acc; /* outlives the client */
	uint32_t process;
	size_t at;                /* whom it is connected to, or tries next */
	bool confirms, mandatory, keeps, quorum;
	struct session publish, consume;
	struct owed owed; /* of the publishing one */
	char *payload;
};

static struct client *client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->acc = acc;
	c->process = process;
	c->at = process % acc->n;
	c->confirms = rabbit_is_on(acc, "confirms", true);
	c->mandatory = rabbit_is_on(acc, "mandatory", true);
	c->keeps = strcmp(json_str(acc->conf, "on_silence", "keep"), "reconnect") != 0;
	c->quorum = rabbit_quorum(acc);
	c->consume.getting = c->consume.missing = -1;
	c->payload = payload_make(process, (size_t)acc->payload_bytes);
	return c;
}

/* What it held in hand goes back to its queue. */
static void drop(struct client *c, struct session *s)
{
	if (s == &c->publish)
		owed_end(&c->owed);
	rabbit_drop(s->conn);
	s->conn = NULL;
	s->seq = s->confirmed = 0;
	s->nhands = 0;
	s->getting = -1;
	if (s->consumes)
		memset(s->consumes, 0, s->nconsumes * sizeof(*s->consumes));
}

static void client_free(struct client *c)
{
	drop(c, &c->publish);
	drop(c, &c->consume);
	owed_free(&c->owed);
	free(c->consume.consumes);
	free(c->consume.hands);
	free(c->payload);
	free(c);
}

static bool open_session(struct client *c, struct session *s, struct op *op, int64_t until_ns)
{
	struct rabbit_cost cost = {0};
	struct rabbit_login l;
	struct rabbit_event ev;
	amqp_confirm_select_t confirm = {0};
	amqp_basic_qos_t qos = {.prefetch_count = PREFETCH};
	bool publishes = s == &c->publish;
	enum rabbit_end end = RABBIT_OK;

	rabbit_login_from(&l, c->acc, &c->acc->members[c->at]);
	s->conn = rabbit_open(&l, until_ns, &cost, op->room->error, sizeof(op->room->error));
	if (s->conn && publishes && c->confirms) {
		rabbit_put(s->conn, AMQP_CONFIRM_SELECT_METHOD, &confirm);
		end = rabbit_call(s->conn, AMQP_CONFIRM_SELECT_OK_METHOD, until_ns, &ev, NULL, NULL,
				  op->room->error, sizeof(op->room->error));
	} else if (s->conn && !publishes) {
		rabbit_put(s->conn, AMQP_BASIC_QOS_METHOD, &qos);
		end = rabbit_call(s->conn, AMQP_BASIC_QOS_OK_METHOD, until_ns, &ev, NULL, NULL,
				  op->room->error, sizeof(op->room->error));
	}
	op->dns_ns = cost.dns_ns;
	op->connect_ns = cost.connect_ns;
	if (s->conn && end == RABBIT_OK)
		return true;
	drop(c, s);
	c->at = (c->at + 1) % c->acc->n;
	return false;
}

/* ---- what a server says unasked ---- */

static void confirm(struct session *s, uint64_t tag, bool multiple)
{
	if (multiple || tag == s->confirmed + 1)
		s->confirmed = tag;
}

static bool is_no_route(const struct rabbit_event *ev)
{
	return ev->id == AMQP_BASIC_RETURN_METHOD &&
	       ((const amqp_basic_return_t *)ev->method)->reply_code == NO_ROUTE;
}

/* A late confirm is of an operation that has long returned. */
static void hear_publish(struct client *c, const struct rabbit_event *ev)
{
	const amqp_basic_ack_t *a = ev->method; /* basic.nack begins alike */

	if (is_no_route(ev))
		owed_return(&c->owed, rabbit_value(ev->body, ev->len));
	if (ev->id != AMQP_BASIC_ACK_METHOD && ev->id != AMQP_BASIC_NACK_METHOD)
		return;
	confirm(&c->publish, a->delivery_tag, a->multiple);
	owed_settle(&c->owed, a->delivery_tag, a->multiple, ev->id == AMQP_BASIC_ACK_METHOD,
		    clock_mono_ns());
}

/* The number in a queue's name, which is its consumer's tag as well; -1: another. */
static int64_t key_of(amqp_bytes_t name)
{
	char text[RABBIT_QUEUE_BYTES];

	snprintf(text, sizeof(text), "%.*s", (int)name.len, (const char *)name.bytes);
	return strncmp(text, RABBIT_QUEUE, sizeof(RABBIT_QUEUE) - 1) ? -1 :
	       strtoll(text + sizeof(RABBIT_QUEUE) - 1, NULL, 10);
}

static void hear_consume(void *arg, const struct rabbit_event *ev)
{
	const amqp_basic_deliver_t *d = ev->method;
	const amqp_basic_get_ok_t *g = ev->method;
	const amqp_basic_cancel_t *k = ev->method;
	struct session *s = arg;
	int64_t key;

	if (ev->id == AMQP_BASIC_DELIVER_METHOD) {
		*VEC_PUSH(s->hands, s->nhands, s->ahands) =
			(struct hand){key_of(d->consumer_tag), rabbit_value(ev->body, ev->len),
				      d->delivery_tag, d->redelivered};
	} else if (ev->id == AMQP_BASIC_GET_OK_METHOD) {
		*VEC_PUSH(s->hands, s->nhands, s->ahands) =
			(struct hand){s->getting, rabbit_value(ev->body, ev->len), g->delivery_tag,
				      g->redelivered};
		s->getting = -1;
	} else if (ev->id == AMQP_BASIC_GET_EMPTY_METHOD) {
		s->getting = -1;
	} else if (ev->id == AMQP_BASIC_CANCEL_METHOD) {
		/* Its queue has gone, or has another leader. */
		key = key_of(k->consumer_tag);
		if (key >= 0 && (size_t)key < s->nconsumes)
			s->consumes[key] = false;
	}
}

/* Takes what has come meanwhile, so that it is not taken for an answer: an end that is
 * noticed now, before anything is sent, costs no doubt. */
static bool catch_up(struct client *c, struct session *s)
{
	struct rabbit_event ev;
	enum rabbit_end end = RABBIT_OK;
	char why[OP_ERROR_MAX];

	while (s->conn && (end = rabbit_next(s->conn, 0, &ev, why, sizeof(why))) == RABBIT_OK) {
		if (s == &c->publish)
			hear_publish(c, &ev);
		else
			hear_consume(s, &ev);
	}
	if (s->conn && (end == RABBIT_BROKEN || !rabbit_alive(s->conn))) {
		drop(c, s);
		c->at = (c->at + 1) % c->acc->n;
	}
	return s->conn;
}

static bool ready(struct client *c, struct session *s, struct op *op, int64_t until_ns)
{
	if (!catch_up(c, s) && !open_session(c, s, op, until_ns))
		return false;
	mem_copy_str(op->room->via, sizeof(op->room->via), rabbit_address(s->conn));
	return true;
}

/* The server has ended it, or nobody knows what it holds. */
static void gone(struct client *c, struct session *s)
{
	drop(c, s);
	c->at = (c->at + 1) % c->acc->n;
}

/* ---- send ---- */

/* A blocked connection takes nothing more; a client that was told does not send. */
static bool wait_unblocked(struct client *c, struct op *op, int64_t until_ns)
{
	struct session *s = &c->publish;
	struct rabbit_event ev;
	enum rabbit_end end = RABBIT_OK;

	while (rabbit_blocked(s->conn) &&
	       (end = rabbit_next(s->conn, until_ns, &ev, op->room->error,
				  sizeof(op->room->error))) == RABBIT_OK)
		hear_publish(c, &ev);
	if (end == RABBIT_BROKEN) {
		gone(c, s);
		return false;
	}
	if (!rabbit_blocked(s->conn))
		return true;
	op_error_set(op, OP_ERR_BLOCKED, rabbit_blocked(s->conn));
	return false;
}

static void put_message(struct client *c, const struct op *op)
{
	char queue[RABBIT_QUEUE_BYTES];
	amqp_basic_publish_t m = {.mandatory = c->mandatory, .routing_key = {.bytes = queue}};
	amqp_basic_properties_t p = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
				     .delivery_mode = PERSISTENT};
	char *body = mem_fmt("%" PRId64 " %s", op->value, c->payload);

	rabbit_queue_name(op->key, queue);
	m.routing_key.len = strlen(queue);
	rabbit_put(c->publish.conn, AMQP_BASIC_PUBLISH_METHOD, &m);
	rabbit_put_content(c->publish.conn, &p, body, strlen(body));
	free(body);
}

/* Whether this answers the publish `seq`. */
static bool answers(uint64_t seq, const struct rabbit_event *ev)
{
	const amqp_basic_ack_t *ack = ev->method; /* basic.nack begins alike */

	return (ev->id == AMQP_BASIC_ACK_METHOD || ev->id == AMQP_BASIC_NACK_METHOD) &&
	       (ack->delivery_tag == seq || (ack->multiple && ack->delivery_tag > seq));
}

/* The channel's or the connection's end. 403 to 406 refuse one command; whose, is known
 * while no other one is under way (AMQP 0-9-1, 2.2.10). */
static void ended(struct client *c, struct op *op, bool alone)
{
	int code = rabbit_close_code(c->publish.conn);

	op->outcome =
		alone && (code == 403 || code == NOT_FOUND || code == 406) ? OP_FAIL : OP_INFO;
	gone(c, &c->publish);
}

/* Quorum queues refuse only what they have not taken (rabbit_fifo_client); a classic
 * queue's end refuses all that is pending, which may be on a disk or in a mirror
 * (rabbit_classic_queue). */
static void answered(struct client *c, struct op *op, const struct rabbit_event *ev, bool returned)
{
	if (ev->id == AMQP_BASIC_NACK_METHOD) {
		op->outcome = c->quorum ? OP_FAIL : OP_INFO;
		snprintf(op->room->error, sizeof(op->room->error), "nack");
	} else if (returned) {
		op->outcome = OP_FAIL;
		snprintf(op->room->error, sizeof(op->room->error), "returned: it could not be routed to a queue");
	} else {
		op->outcome = OP_OK;
	}
}

static void wait_confirm(struct client *c, struct op *op, bool alone, int64_t until_ns)
{
	struct session *s = &c->publish;
	bool returned = false;
	struct rabbit_event ev;
	enum rabbit_end end;

	op->outcome = OP_INFO;
	while ((end = rabbit_next(s->conn, until_ns, &ev, op->room->error,
				  sizeof(op->room->error))) == RABBIT_OK) {
		hear_publish(c, &ev);
		if (is_no_route(&ev) && rabbit_value(ev.body, ev.len) == op->value)
			returned = true;
		if (answers(s->seq, &ev)) {
			answered(c, op, &ev, returned);
			return;
		}
	}
	if (end == RABBIT_BROKEN)
		ended(c, op, alone);
	else if (rabbit_blocked(s->conn))
		op_error_set(op, OP_ERR_BLOCKED, rabbit_blocked(s->conn));
	if (end == RABBIT_TIMEOUT && c->keeps)
		owed_add(&c->owed, s->seq, op->value, returned);
	else if (end == RABBIT_TIMEOUT)
		gone(c, s);
}

static void publish(struct client *c, struct op *op, int64_t until_ns)
{
	struct session *s = &c->publish;
	bool alone;

	if (!ready(c, s, op, until_ns) || !wait_unblocked(c, op, until_ns) ||
	    !call_may_send(op, until_ns))
		return;
	alone = s->confirmed == s->seq;
	put_message(c, op);
	/* Of a message whose last byte did not leave nothing is routed. */
	if (rabbit_flush(s->conn, until_ns, op->room->error, sizeof(op->room->error))) {
		gone(c, s);
		return;
	}
	op->sent = true;
	op->tag = (int64_t)++s->seq;
	if (c->confirms)
		wait_confirm(c, op, alone, until_ns);
	else
		op->outcome = OP_OK; /* what a client believes that does not ask */
}

static void send_message(struct client *c, struct op *op, int64_t until_ns)
{
	publish(c, op, until_ns);
	owed_tell(&c->owed, op);
}

/* ---- receive ---- */

/* A queue that is not there is declared anew, as applications declare what they consume from:
 * one that was reset with its node does not come back by itself. */
static bool subscribe(struct client *c, struct op *op, int64_t until_ns)
{
	struct session *s = &c->consume;
	char queue[RABBIT_QUEUE_BYTES];
	amqp_basic_consume_t m = {0};
	struct rabbit_event ev;
	enum rabbit_end end;

	if ((size_t)op->key >= s->nconsumes) {
		s->consumes =
			mem_realloc(s->consumes, ((size_t)op->key + 1) * sizeof(*s->consumes));
		memset(s->consumes + s->nconsumes, 0,
		       ((size_t)op->key + 1 - s->nconsumes) * sizeof(*s->consumes));
		s->nconsumes = (size_t)op->key + 1;
	}
	if (s->consumes[op->key])
		return true;
	rabbit_queue_name(op->key, queue);
	m.queue = m.consumer_tag = (amqp_bytes_t){strlen(queue), queue};
	if (s->missing == op->key)
		rabbit_put_declare(s->conn, op->key, c->quorum);
	rabbit_put(s->conn, AMQP_BASIC_CONSUME_METHOD, &m);
	end = rabbit_call(s->conn, AMQP_BASIC_CONSUME_OK_METHOD, until_ns, &ev, hear_consume, s,
			  op->room->error, sizeof(op->room->error));
	s->consumes[op->key] = end == RABBIT_OK;
	s->missing = end == RABBIT_BROKEN && rabbit_close_code(s->conn) == NOT_FOUND ? op->key : -1;
	if (end != RABBIT_OK)
		gone(c, s);
	return end == RABBIT_OK;
}

/* Takes a delivery of this queue out of the hands. */
static bool in_hand(struct session *s, int64_t key, struct hand *out)
{
	for (size_t i = 0; i < s->nhands; i++) {
		if (s->hands[i].key != key)
			continue;
		*out = s->hands[i];
		memmove(&s->hands[i], &s->hands[i + 1], (--s->nhands - i) * sizeof(*s->hands));
		return true;
	}
	return false;
}

static void take_message(struct client *c, struct op *op, const struct hand *h, int64_t until_ns)
{
	amqp_basic_ack_t ack = {.delivery_tag = h->tag};

	op->outcome = OP_OK;
	op->room->error[0] = '\0';
	op->value = h->value;
	op->tag = (int64_t)h->tag;
	op->redelivered = h->redelivered;
	rabbit_put(c->consume.conn, AMQP_BASIC_ACK_METHOD, &ack);
	if (rabbit_flush(c->consume.conn, until_ns, op->room->error, sizeof(op->room->error)) ==
	    RABBIT_OK)
		op->acked = OP_ACK_SENT;
	else
		gone(c, &c->consume);
	op->room->error[0] = '\0';
}

/* Waits for a delivery. Silence is not taken for an empty queue: after half of the time
 * the queue is asked, and says so. */
static void receive_message(struct client *c, struct op *op, int64_t until_ns)
{
	struct session *s = &c->consume;
	int64_t ask_ns = clock_mono_ns() + (until_ns - clock_mono_ns()) / 2;
	char queue[RABBIT_QUEUE_BYTES];
	amqp_basic_get_t get = {.queue = {.bytes = queue}};
	struct rabbit_event ev;
	enum rabbit_end end = RABBIT_OK;
	struct hand h;

	if (!ready(c, s, op, until_ns) || !subscribe(c, op, until_ns))
		return;
	op->sent = true;
	op->outcome = OP_INFO;
	rabbit_queue_name(op->key, queue);
	get.queue.len = strlen(queue);
	while (end != RABBIT_BROKEN) {
		if (in_hand(s, op->key, &h)) {
			take_message(c, op, &h, until_ns);
			return;
		}
		if (clock_mono_ns() >= ask_ns && s->getting < 0) {
			s->getting = op->key;
			rabbit_put(s->conn, AMQP_BASIC_GET_METHOD, &get);
		}
		end = rabbit_next(s->conn, s->getting < 0 ? ask_ns : until_ns, &ev, op->room->error,
				  sizeof(op->room->error));
		if (end == RABBIT_TIMEOUT && clock_mono_ns() >= until_ns)
			break;
		if (end != RABBIT_OK)
			continue;
		hear_consume(s, &ev);
		if (ev.id == AMQP_BASIC_GET_EMPTY_METHOD) {
			op->outcome = OP_OK;
			op->room->error[0] = '\0';
			return;
		}
	}
	if (end == RABBIT_BROKEN || !c->keeps)
		gone(c, s);
}

static void invoke(struct client *c, struct op *op, int64_t until_ns)
{
	if (op->f == OP_SEND)
		send_message(c, op, until_ns);
	else
		receive_message(c, op, until_ns);
}

const struct client_ops client_rabbitmq = {
	.name = "rabbitmq",
	.summary = "RabbitMQ, a cluster of three: quorum queues, or classic ones",
	.fixture = "rabbitmq",
	.ops = OP_MESSAGES,
	.setup = rabbit_setup,
	.client_new = client_new,
	.invoke = invoke,
	.client_free = client_free,
	.probe_new = rabbit_probe_new,
	.probe = rabbit_probe,
	.probe_free = rabbit_probe_free,
	.final_read = rabbit_final_read,
	/* A channel in a basic.get that a frozen leader never answered holds its consumers, and
	 * what they have in hand, for the 60 s of that call, whether its connection lives or not.
	 */
	.final_within_s = FINAL_AT_MOST_S,
	.inforce = rabbit_inforce,
};
