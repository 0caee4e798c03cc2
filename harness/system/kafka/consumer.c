#include "system/kafka/consumer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/kafka/conn.h"

/* Of one partition; who has set `busy` owns the rest. */
struct lane {
	bool busy;
	struct kafka_conn *leader, *coordinator;
	int64_t next;  /* the offset to read; -1: the group has to be asked */
	int32_t epoch; /* of the leader who appended what stands before it; -1: not known */
	bool checked;  /* the leader has all that was read before `next` */
};

struct kafka_consumer {
	const struct access *acc;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct lane lanes[KAFKA_PARTITIONS_MAX];
};

/* How one try ended; AGAIN: another broker has to be asked. */
enum end { DONE, AGAIN, FAILED };

struct kafka_consumer *kafka_consumer_new(const struct access *acc)
{
	struct kafka_consumer *c = mem_alloc(sizeof(*c));

	c->acc = acc;
	pthread_mutex_init(&c->lock, NULL);
	cond_init(&c->freed);
	for (size_t i = 0; i < ARRAY_LEN(c->lanes); i++)
		c->lanes[i].next = -1;
	return c;
}

void kafka_consumer_free(struct kafka_consumer *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_LEN(c->lanes); i++) {
		kafka_drop(c->lanes[i].leader);
		kafka_drop(c->lanes[i].coordinator);
	}
	pthread_cond_destroy(&c->freed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void drop(struct kafka_conn **c)
{
	kafka_drop(*c);
	*c = NULL;
}

/* Its turn, by until_ns. */
static bool take(struct kafka_consumer *c, struct lane *l, int64_t until_ns)
{
	bool mine, go_on = true;

	pthread_mutex_lock(&c->lock);
	while (l->busy && go_on)
		go_on = cond_wait(&c->freed, &c->lock, until_ns);
	mine = !l->busy;
	l->busy = true;
	pthread_mutex_unlock(&c->lock);
	return mine;
}

static void give_back(struct kafka_consumer *c, struct lane *l)
{
	pthread_mutex_lock(&c->lock);
	l->busy = false;
	pthread_cond_broadcast(&c->freed);
	pthread_mutex_unlock(&c->lock);
}

static void say_code(struct op *op, const char *what, int code)
{
	char text[24];

	snprintf(op->room->error, sizeof(op->room->error), "%s: %s", what, kafka_code_text(code, text));
}

/* ---- where things are ---- */

static bool find_leader(struct kafka_consumer *c, struct lane *l, struct op *op, int64_t until_ns)
{
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	const struct kafka_broker *at = NULL;
	int64_t from = clock_mono_ns();
	bool ok = kafka_any_metadata(c->acc, (size_t)op->key, until_ns, md, op->room->error,
				     sizeof(op->room->error));

	op->find_ns += clock_mono_ns() - from;
	for (int i = 0; ok && i < md->nbrokers; i++)
		if (md->brokers[i].id == md->partitions[op->key].leader)
			at = &md->brokers[i];
	l->checked = false;
	if (at)
		l->leader = kafka_open(at->host, at->port, until_ns, op, op->room->error,
				       sizeof(op->room->error));
	else if (ok)
		snprintf(op->room->error, sizeof(op->room->error), "no leader: partition %" PRId64 " has none", op->key);
	free(md);
	return l->leader;
}

/* Any broker knows the group's coordinator. */
static bool find_coordinator(struct kafka_consumer *c, struct lane *l, struct op *op,
			     int64_t until_ns)
{
	struct kafka_broker at = {0};
	int code = 0;

	for (size_t i = 0; i < c->acc->n && !l->coordinator; i++) {
		int64_t now = clock_mono_ns(),
			share = now + (until_ns - now) / (int64_t)(c->acc->n - i);
		const char *host = c->acc->members[((size_t)op->key + i) % c->acc->n].host;
		struct kafka_conn *any = kafka_open(host, kafka_port(c->acc), share, op,
						    op->room->error, sizeof(op->room->error));
		struct kafka_reader r;

		if (!any)
			continue;
		kafka_put_find_coordinator(kafka_ask(any, KAFKA_FIND_COORDINATOR), KAFKA_GROUP);
		if (kafka_answer(any, share, &r, NULL, op->room->error, sizeof(op->room->error)) &&
		    kafka_read_find_coordinator(&r, &code, &at)) {
			if (code)
				say_code(op, "no coordinator", code);
			else
				l->coordinator =
					kafka_open(at.host, at.port, until_ns, op, op->room->error,
						   sizeof(op->room->error));
		}
		kafka_drop(any);
	}
	return l->coordinator;
}

/* The offset that the group has committed; from the beginning where it has none. */
static bool find_next(struct kafka_consumer *c, struct lane *l, struct op *op, int64_t until_ns)
{
	struct kafka_offset at = {0};
	struct kafka_reader r;

	if (l->next >= 0)
		return true;
	if (!l->coordinator && !find_coordinator(c, l, op, until_ns))
		return false;
	kafka_put_offset_fetch(kafka_ask(l->coordinator, KAFKA_OFFSET_FETCH), KAFKA_GROUP,
			       KAFKA_TOPIC, (int)op->key);
	if (kafka_answer(l->coordinator, until_ns, &r, NULL, op->room->error,
			 sizeof(op->room->error)) &&
	    kafka_read_offset_fetch(&r, &at) && !at.code) {
		l->next = at.offset < 0 ? 0 : at.offset;
		l->epoch = at.offset < 0 ? -1 : at.epoch;
		l->checked = false;
		return true;
	}
	if (at.code)
		say_code(op, "the group's offset", at.code);
	drop(&l->coordinator);
	return false;
}

/* ---- a log that is not what it was ---- */

/* The history tells it as a receive that was refused. */
static enum end reset(struct lane *l, struct op *op, const struct kafka_offset *to, const char *why)
{
	snprintf(op->room->error, sizeof(op->room->error), "reset from offset %" PRId64 " to %" PRId64 ": %s",
		 l->next, to->offset, why);
	l->next = to->offset;
	l->epoch = to->epoch;
	l->checked = true;
	op->sent = true;
	op->outcome = OP_FAIL;
	return FAILED;
}

/* A question to the leader that gets no answer that can be read: another try may. */
static enum end unanswered(struct lane *l, struct op *op)
{
	drop(&l->leader);
	return op_error_class(op) == OP_ERR_TIMEOUT ? FAILED : AGAIN;
}

static enum end refused(struct lane *l, struct op *op, int code)
{
	say_code(op, "refused", code);
	op->outcome = OP_FAIL;
	drop(&l->leader);
	return code == KAFKA_NOT_LEADER || code == KAFKA_UNKNOWN_TOPIC ? AGAIN : FAILED;
}

/* What auto.offset.reset=earliest is documented to do with an offset that the leader has not
 * (any more). */
static enum end to_earliest(struct lane *l, struct op *op, int64_t until_ns, const char *why)
{
	struct kafka_offset at[KAFKA_PARTITIONS_MAX];
	int n = (int)op->key + 1;
	struct kafka_reader r;

	kafka_put_list_offsets(kafka_ask(l->leader, KAFKA_LIST_OFFSETS), KAFKA_TOPIC, n, -2, -1);
	if (!kafka_answer(l->leader, until_ns, &r, NULL, op->room->error,
			  sizeof(op->room->error)) ||
	    !kafka_read_list_offsets(&r, at, n))
		return unanswered(l, op);
	if (at[op->key].code)
		return refused(l, op, at[op->key].code);
	at[op->key].epoch = -1; /* nothing stands before it */
	return reset(l, op, &at[op->key], why);
}

/* A leader that was elected without all that was acknowledged has other messages at offsets that
 * were read before, or has them not yet. As Kafka's own consumer, with each leader this asks where
 * the epoch ended in which it has read last, and where that is before its position goes on from
 * there: "the first offset known to diverge" (KIP-320; SubscriptionState.maybeCompleteValidation
 * of 3.6 and 4.x, where auto.offset.reset is not none). */
static enum end check_position(struct lane *l, struct op *op, int64_t until_ns)
{
	struct kafka_offset end;
	struct kafka_reader r;

	if (l->checked || l->epoch < 0)
		return DONE;
	kafka_put_epoch_end(kafka_ask(l->leader, KAFKA_OFFSET_FOR_LEADER_EPOCH), KAFKA_TOPIC,
			    (int)op->key, l->epoch);
	if (!kafka_answer(l->leader, until_ns, &r, NULL, op->room->error,
			  sizeof(op->room->error)) ||
	    !kafka_read_epoch_end(&r, &end))
		return unanswered(l, op);
	if (end.code)
		return refused(l, op, end.code);
	if (end.offset < 0)
		return to_earliest(l, op, until_ns, "the leader knows nothing of what was read, and this is its earliest");
	if (end.offset < l->next)
		return reset(l, op, &end, "from there on the leader has not what was read");
	l->checked = true;
	return DONE;
}

/* ---- a message ---- */

static bool note_record(void *arg, int64_t offset, const unsigned char *value, size_t n)
{
	struct op *op = arg;
	char text[24];

	/* A batch is sent whole, also where it begins before what was asked for. */
	if (offset < op->offset)
		return true;
	snprintf(text, sizeof(text), "%.*s", (int)(n < 23 ? n : 23), (const char *)value);
	op->value = strtoll(text, NULL, 10);
	op->offset = offset;
	return false;
}

static enum end fetch(struct lane *l, struct op *op, int64_t until_ns)
{
	struct kafka_fetched f = {0};
	struct kafka_reader r;
	int64_t next = l->next;

	kafka_put_fetch(kafka_ask(l->leader, KAFKA_FETCH), KAFKA_TOPIC, (int)op->key, l->next, 1);
	if (!kafka_answer(l->leader, until_ns, &r, &op->sent, op->room->error,
			  sizeof(op->room->error))) {
		op->outcome = op->sent ? OP_INFO : OP_FAIL;
		return unanswered(l, op);
	}
	op->offset = l->next;
	op->value = OP_NO_VALUE;
	if (!kafka_read_fetch(&r, &f) || !kafka_each_record(&f, note_record, op, &next)) {
		snprintf(op->room->error, sizeof(op->room->error), "broken: the messages cannot be read");
		drop(&l->leader);
		return FAILED;
	}
	if (op->value == OP_NO_VALUE)
		op->offset = OP_NO_VALUE;
	if (!f.code) {
		/* Offsets of control batches and of what was compacted hold nothing to take. */
		if (next != l->next)
			l->epoch = kafka_fetched_epoch(&f);
		l->next = op->value == OP_NO_VALUE ? next : op->offset + 1;
		op->outcome = OP_OK;
		return DONE;
	}
	if (f.code == KAFKA_OFFSET_OUT_OF_RANGE)
		return to_earliest(l, op, until_ns, "out of the log's range, whose earliest this is");
	return refused(l, op, f.code);
}

/* A message in hand is received, whatever becomes of this. */
static void commit(struct kafka_consumer *c, struct lane *l, struct op *op, int64_t until_ns)
{
	char why[OP_ERROR_MAX];
	struct kafka_reader r;
	bool sent = false, ok = l->coordinator || find_coordinator(c, l, op, until_ns);
	int code = 0;

	op->acked = OP_ACK_NONE;
	if (ok) {
		kafka_put_offset_commit(kafka_ask(l->coordinator, KAFKA_OFFSET_COMMIT), KAFKA_GROUP,
					KAFKA_TOPIC, (int)op->key, l->next, l->epoch);
		ok = kafka_answer(l->coordinator, until_ns, &r, &sent, why, sizeof(why)) &&
		     kafka_read_offset_commit(&r, &code);
		op->acked = ok && !code ? OP_ACK_DONE :
			    ok		? OP_ACK_NONE :
			    sent	? OP_ACK_SENT :
					  OP_ACK_NONE;
	}
	op->room->error[0] = '\0';
	if (op->acked == OP_ACK_DONE)
		return;
	drop(&l->coordinator);
	l->next = -1;
}

static void receive(struct kafka_consumer *c, struct lane *l, struct op *op, int64_t until_ns)
{
	enum end end = AGAIN;

	/* Once more where the first one leads no more: asking again loses and doubles nothing. */
	for (int tries = 0; tries < 2 && end == AGAIN; tries++) {
		if (!find_next(c, l, op, until_ns) ||
		    (!l->leader && !find_leader(c, l, op, until_ns)))
			return;
		mem_copy_str(op->room->via, sizeof(op->room->via), kafka_address(l->leader));
		end = check_position(l, op, until_ns);
		if (end == DONE)
			end = fetch(l, op, until_ns);
	}
	if (end != DONE)
		return;
	op->room->error[0] = '\0';
	if (op->value != OP_NO_VALUE)
		commit(c, l, op, until_ns);
}

void kafka_consume(struct kafka_consumer *c, struct op *op, int64_t until_ns)
{
	struct lane *l;

	if (op->key < 0 || op->key >= KAFKA_PARTITIONS_MAX)
		return;
	l = &c->lanes[op->key];
	if (!take(c, l, until_ns)) {
		snprintf(op->room->error, sizeof(op->room->error), "timeout: another client is reading this partition");
		return;
	}
	receive(c, l, op, until_ns);
	give_back(c, l);
}
