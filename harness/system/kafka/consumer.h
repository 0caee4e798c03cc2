#ifndef ORDEAL_SYSTEM_KAFKA_CONSUMER_H
#define ORDEAL_SYSTEM_KAFKA_CONSUMER_H

#include "system/client.h"

/* One consumer of all partitions, which the clients of a load agent share: a partition is
 * read by one of them at a time, the others wait their turn. It takes a message at the
 * group's offset, and commits the next one within the same call. It has no membership,
 * hence no rebalances: what is put to the test is the log, the group's coordinator and its
 * commits. It remembers no offset across a commit that was not confirmed, nor across a
 * connection to the coordinator that ended: what the group has committed counts then, as
 * for a consumer that was started anew; so a commit that was confirmed and lost shows as
 * messages that come again. */
struct kafka_consumer;

struct kafka_consumer *kafka_consumer_new(const struct access *acc);
void kafka_consumer_free(struct kafka_consumer *c);

/* Takes one message of partition op->key. Any thread. */
void kafka_consume(struct kafka_consumer *c, struct op *op, int64_t until_ns);

#endif
