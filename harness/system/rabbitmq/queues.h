#ifndef ORDEAL_SYSTEM_RABBITMQ_QUEUES_H
#define ORDEAL_SYSTEM_RABBITMQ_QUEUES_H

#include "system/client.h"
#include "system/rabbitmq/conn.h"
#include "system/rabbitmq/erl.h"

/* What client.c, ends.c and probe.c share: names, and how access.yaml says to get in. */

#define RABBIT_QUEUE "ordeal." /* and its number */
enum { RABBIT_QUEUE_BYTES = 32 };

void rabbit_queue_name(int64_t key, char out[RABBIT_QUEUE_BYTES]);
/* The texts are the access's. */
void rabbit_login_from(struct rabbit_login *l, const struct access *acc, const struct member *m);
void erl_login_from(struct erl_login *l, const struct access *acc, const struct member *m);
/* "on" or "off" of access.yaml; `dflt` when it says nothing. */
bool rabbit_is_on(const struct access *acc, const char *key, bool dflt);
/* Quorum queues; else classic ones. */
bool rabbit_quorum(const struct access *acc);
/* Puts a declaration of the queue, as the setup makes it. */
void rabbit_put_declare(struct rabbit_conn *c, int64_t key, bool quorum);
/* The value that a message carries; OP_NO_VALUE: it is none of ours. */
int64_t rabbit_value(const char *body, size_t len);

/* ends.c: before and after the load (client_ops). */
int rabbit_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e);
int rabbit_final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e);
int rabbit_inforce(const struct access *acc, cJSON *out, struct err *e);

/* probe.c */
struct probe *rabbit_probe_new(const struct access *acc, const struct member *m);
void rabbit_probe(struct probe *p, struct sample *s, int64_t timeout_ns);
void rabbit_probe_free(struct probe *p);

#endif
