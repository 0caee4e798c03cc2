/* Kafka in KRaft mode: a topic of as many partitions as the load has keys, which
 * clients send to by librdkafka (producer.h says what of its retries is off, and how)
 * and read from by the protocol itself (consumer.h). A partition is a shard: it has a
 * leader of its own, and an outage of its own. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/kafka/conn.h"
#include "system/kafka/consumer.h"
#include "system/kafka/probe.h"
#include "system/kafka/producer.h"

enum { REPLICAS = 3, FINAL_BYTES = 1 << 20 };

struct client {
	struct kafka_producer *producer;
	struct kafka_consumer *consumer, *own; /* the load's, or one that nobody else has */
};

static void *shared_new(const struct access *acc)
{
	return kafka_consumer_new(acc);
}

static void shared_free(void *shared)
{
	kafka_consumer_free(shared);
}

static struct client *client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->producer = kafka_producer_new(acc, process);
	c->own = acc->shared ? NULL : kafka_consumer_new(acc);
	c->consumer = acc->shared ? acc->shared : c->own;
	return c;
}

static void client_free(struct client *c)
{
	if (c) {
		kafka_producer_free(c->producer);
		kafka_consumer_free(c->own);
	}
	free(c);
}

static void invoke(struct client *c, struct op *op, int64_t until_ns)
{
	op->shard = (uint32_t)op->key + 1;
	if (op->f == OP_SEND)
		kafka_produce(c->producer, op, until_ns);
	else
		kafka_consume(c->consumer, op, until_ns);
}

/* ---- the topic ---- */

static int by_id(const void *a, const void *b)
{
	const struct kafka_broker *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Partition 0 is led by the first broker, whatever the order in which they are told. */
static int make_topic(const struct access *acc, struct kafka_metadata *md, int partitions,
		      int64_t until_ns, struct err *e)
{
	char why[OP_ERROR_MAX] = "", said[200] = "";
	struct kafka_conn *c =
		kafka_open(acc->members[0].host, kafka_port(acc), until_ns, NULL, why, sizeof(why));
	int replicas = md->nbrokers < REPLICAS ? md->nbrokers : REPLICAS, code = -1;
	struct kafka_reader r;

	qsort(md->brokers, (size_t)md->nbrokers, sizeof(*md->brokers), by_id);
	if (c) {
		kafka_put_create_topic(kafka_ask(c, KAFKA_CREATE_TOPICS), KAFKA_TOPIC, partitions,
				       replicas, md->brokers, md->nbrokers);
		if (kafka_answer(c, until_ns, &r, NULL, why, sizeof(why)) &&
		    !kafka_read_create_topic(&r, &code, said, sizeof(said)))
			snprintf(why, sizeof(why), "its answer cannot be read");
	}
	kafka_drop(c);
	if (!code || code == KAFKA_TOPIC_EXISTS)
		return 0;
	return err_set(e, ERR_BROKEN, "cannot make the topic %s: %s", KAFKA_TOPIC, code > 0 ? said : why);
}

/* Every partition has a leader; while one has none, the topic is not yet made everywhere. */
static bool all_led(const struct kafka_metadata *md, int partitions)
{
	for (int i = 0; i < partitions; i++)
		if (md->partitions[i].leader < 0)
			return false;
	return !md->code && md->npartitions == partitions;
}

/* The first that asks for the group's coordinator has the topic of commits made. */
static int meet_coordinator(const struct access *acc, int64_t until_ns, struct err *e)
{
	char why[OP_ERROR_MAX] = "its answer cannot be read", text[24];
	struct kafka_conn *c =
		kafka_open(acc->members[0].host, kafka_port(acc), until_ns, NULL, why, sizeof(why));
	struct kafka_broker at = {0};
	struct kafka_reader r;
	int code = -1;

	if (c) {
		kafka_put_find_coordinator(kafka_ask(c, KAFKA_FIND_COORDINATOR), KAFKA_GROUP);
		if (kafka_answer(c, until_ns, &r, NULL, why, sizeof(why)))
			kafka_read_find_coordinator(&r, &code, &at);
	}
	kafka_drop(c);
	return code ? err_set(e, ERR_BROKEN, "the group has no coordinator yet: %s",
			      code > 0 ? kafka_code_text(code, text) : why) : 0;
}

static int setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	char why[OP_ERROR_MAX] = "no broker is known";
	int r = 0;

	if (!kafka_any_metadata(acc, 0, until_ns, md, why, sizeof(why)))
		r = err_set(e, ERR_BROKEN, "no broker answers: %s", why);
	else if ((size_t)md->nbrokers < acc->n)
		r = err_set(e, ERR_BROKEN, "%d of %zu brokers are registered and not fenced", md->nbrokers, acc->n);
	else if (md->code)
		r = make_topic(acc, md, keys, until_ns, e);
	if (!r && !all_led(md, keys)) {
		/* What was just made is known everywhere a moment later; the caller comes again. */
		r = err_set(e, ERR_BROKEN, "the topic %s has %d partitions so far, not all with a leader",
			    KAFKA_TOPIC, md->npartitions);
	}
	if (!r)
		r = meet_coordinator(acc, until_ns, e);
	free(md);
	return r;
}

/* ---- what is there at the end ---- */

struct reading {
	const struct access *acc;
	struct final_read *out;
	struct kafka_conn *c;
	int partition;
	int64_t next, until_ns;
	char why[OP_ERROR_MAX];
};

static bool note(void *arg, int64_t offset, const unsigned char *value, size_t n)
{
	struct reading *rd = arg;
	char text[24];

	if (offset < rd->next)
		return true;
	snprintf(text, sizeof(text), "%.*s", (int)(n < 23 ? n : 23), (const char *)value);
	*VEC_PUSH(rd->out->messages, rd->out->nmessages,
		  rd->out->messages_alloc) = (struct final_message){
		.value = strtoll(text, NULL, 10), .partition = rd->partition, .offset = offset};
	return true;
}

static int64_t end_of(struct reading *rd, int64_t at)
{
	struct kafka_offset v[KAFKA_PARTITIONS_MAX] = {{0}};
	struct kafka_reader r;

	kafka_put_list_offsets(kafka_ask(rd->c, KAFKA_LIST_OFFSETS), KAFKA_TOPIC, rd->partition + 1,
			       at, -1);
	if (!kafka_answer(rd->c, rd->until_ns, &r, NULL, rd->why, sizeof(rd->why)))
		return -1;
	if (!kafka_read_list_offsets(&r, v, rd->partition + 1) || v[rd->partition].code) {
		char text[24];

		snprintf(rd->why, sizeof(rd->why), "its offsets: %s", kafka_code_text(v[rd->partition].code, text));
		return -1;
	}
	return v[rd->partition].offset;
}

static bool read_to(struct reading *rd, int64_t high)
{
	while (rd->next < high) {
		struct kafka_fetched f = {0};
		struct kafka_reader r;
		int64_t before = rd->next, next = rd->next;

		kafka_put_fetch(kafka_ask(rd->c, KAFKA_FETCH), KAFKA_TOPIC, rd->partition, rd->next,
				FINAL_BYTES);
		if (!kafka_answer(rd->c, rd->until_ns, &r, NULL, rd->why, sizeof(rd->why)))
			return false;
		if (!kafka_read_fetch(&r, &f) || f.code ||
		    !kafka_each_record(&f, note, rd, &next)) {
			char text[24];

			snprintf(rd->why, sizeof(rd->why), "its messages: %s", kafka_code_text(f.code, text));
			return false;
		}
		rd->next = next;
		if (next == before) {
			snprintf(rd->why, sizeof(rd->why), "nothing comes at offset %" PRId64 " of %" PRId64, before,
				 high);
			return false;
		}
	}
	return true;
}

/* Whether it leads this partition by its own word, once it has told all. */
static bool still_leads(struct reading *rd, int32_t id)
{
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	struct kafka_reader r;
	bool leads;

	kafka_put_metadata(kafka_ask(rd->c, KAFKA_METADATA), KAFKA_TOPIC);
	leads = kafka_answer(rd->c, rd->until_ns, &r, NULL, rd->why, sizeof(rd->why)) &&
		kafka_read_metadata(&r, md) && md->partitions[rd->partition].leader == id;
	free(md);
	return leads;
}

static bool read_partition(struct reading *rd, const struct kafka_metadata *md)
{
	const struct kafka_broker *at = NULL;
	int64_t high;

	for (int i = 0; i < md->nbrokers; i++)
		if (md->brokers[i].id == md->partitions[rd->partition].leader)
			at = &md->brokers[i];
	if (!at) {
		snprintf(rd->why, sizeof(rd->why), "it has no leader");
		return false;
	}
	rd->c = kafka_open(at->host, at->port, rd->until_ns, NULL, rd->why, sizeof(rd->why));
	rd->next = rd->c ? end_of(rd, -2) : -1;
	high = rd->next < 0 ? -1 : end_of(rd, -1);
	if (high < 0 || !read_to(rd, high))
		return false;
	final_read_answered(rd->out, rd->acc, kafka_address(rd->c), at->host,
			    still_leads(rd, at->id) ? ROLE_PRIMARY : ROLE_UNKNOWN,
			    (uint32_t)rd->partition + 1);
	return true;
}

static int final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e)
{
	struct reading rd = {.acc = acc, .out = out, .until_ns = clock_mono_ns() + timeout_ns};
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	int r = 0;

	final_read_begin(out, 0);
	if (!kafka_any_metadata(acc, 0, rd.until_ns, md, rd.why, sizeof(rd.why)))
		r = err_set(e, ERR_BROKEN, "the final read: no broker answers: %s", rd.why);
	for (; !r && rd.partition < keys; rd.partition++) {
		if (!read_partition(&rd, md))
			r = err_set(e, ERR_BROKEN, "the final read of partition %d: %s", rd.partition, rd.why);
		kafka_drop(rd.c);
		rd.c = NULL;
	}
	out->drained = !r;
	free(md);
	return r;
}

const struct client_ops client_kafka = {
	.name = "kafka",
	.summary = "Kafka 3.6 or 4.4 in KRaft mode, a topic with partitions",
	.fixture = "kafka",
	.ops = OP_MESSAGES,
	.caps = SYSTEM_SHARDS,
	.keys_max = KAFKA_PARTITIONS_MAX,
	.setup = setup,
	.shared_new = shared_new,
	.shared_free = shared_free,
	.client_new = client_new,
	.invoke = invoke,
	.client_free = client_free,
	.probe_new = kafka_probe_new,
	.probe = kafka_probe,
	.probe_free = kafka_probe_free,
	.final_read = final_read,
	.inforce = kafka_inforce,
};
