#ifndef ORDEAL_SYSTEM_KAFKA_PRODUCER_H
#define ORDEAL_SYSTEM_KAFKA_PRODUCER_H

#include <librdkafka/rdkafka.h>

#include "system/client.h"

/* One client's producer: a librdkafka handle of its own, with one message in it at a
 * time. So every Produce request that its interceptor sees leave the socket is this
 * message's, be it the first time or again; handles that several clients shared would
 * mix batches, purges and fatal errors. By default nothing is sent twice: `retries` 0 is
 * not enough for that (a broker that says that it does not lead has the message queued
 * anew whatever `retries` says), so a retry also waits for longer than the message
 * lives. What a user's retries do is the setting `retries`; how often, is counted.
 *
 * access.yaml: acks, idempotence, retries, delivery_timeout_ms (0: the call's own time), linger_ms,
 * in_flight, metadata_refresh_ms. */
struct kafka_producer;

struct kafka_producer *kafka_producer_new(const struct access *acc, uint32_t process);
/* Waits for librdkafka's threads. */
void kafka_producer_free(struct kafka_producer *p);

/* Sends op->value to partition op->key and fills its outcome. */
void kafka_produce(struct kafka_producer *p, struct op *op, int64_t until_ns);

/* What a delivery report means. `sends`: how often a request with the message left the
 * client whole. */
struct kafka_report {
	rd_kafka_resp_err_t err;
	rd_kafka_msg_status_t status;
	int sends;
};
enum op_outcome kafka_outcome(const struct kafka_report *r);
/* Whether anything of the message may have left the client. */
bool kafka_was_sent(const struct kafka_report *r);

#endif
