#ifndef ORDEAL_SYSTEM_KAFKA_CONN_H
#define ORDEAL_SYSTEM_KAFKA_CONN_H

#include "system/client.h"
#include "system/kafka/wire.h"

/* One connection to one broker, or controller, and one question at a time on it, by
 * one deadline over all. Nothing is tried twice. One thread owns it. */
struct kafka_conn;

/* How often a client asks who leads, unless access.yaml says otherwise. */
enum { KAFKA_REFRESH_MS = 1000 };

/* The topic of every run, and the group that reads it. */
#define KAFKA_TOPIC "ordeal"
#define KAFKA_GROUP "ordeal"

/* NULL with "dns: ...", "connect: ..." or "timeout: ..." in error. What it took is added
 * to op's parts (may be NULL). */
struct kafka_conn *kafka_open(const char *host, int port, int64_t until_ns, struct op *op,
			      char *error, size_t size);
const char *kafka_address(const struct kafka_conn *c);
void kafka_drop(struct kafka_conn *c); /* NULL is fine */

/* The request to be filled, its head written. */
struct buf *kafka_ask(struct kafka_conn *c, enum kafka_api api);
/* Sends it and waits for its answer, to be read until the next call. *sent: some of it left
 * (may be NULL). False: "broken: ..." or "timeout: ..."; the connection is of no use then. */
bool kafka_answer(struct kafka_conn *c, int64_t until_ns, struct kafka_reader *out, bool *sent,
		  char *error, size_t size);

/* Metadata of the topic from any member that answers, beginning with the at-th; each has its
 * share of the time. */
bool kafka_any_metadata(const struct access *acc, size_t at, int64_t until_ns,
			struct kafka_metadata *out, char *error, size_t size);

/* access.yaml's ports. */
int kafka_port(const struct access *acc);
int kafka_controller_port(const struct access *acc);

#endif
