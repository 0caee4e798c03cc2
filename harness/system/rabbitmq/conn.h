#ifndef ORDEAL_SYSTEM_RABBITMQ_CONN_H
#define ORDEAL_SYSTEM_RABBITMQ_CONN_H

#include <amqp.h>
#include <amqp_framing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One connection to one broker by AMQP 0-9-1, with one channel and one deadline over
 * everything. Of librabbitmq only what writes methods and properties and reads frames:
 * its sockets wait without a limit (0.11 for ever, once a server fell silent), and its
 * login asks for neither connection.blocked nor basic.cancel, so that no server ever
 * tells. No call here takes longer than its until_ns (CLOCK_MONOTONIC); none tries
 * anything twice. */

struct rabbit_login {
	const char *host, *user, *password, *vhost;
	int port, heartbeat_s; /* 0: without heartbeats */
};

struct rabbit_cost {
	int64_t dns_ns, connect_ns;
};

struct rabbit_conn;

/* NULL with "dns: ...", "connect: ...", "timeout: ..." or the server's words in error. */
struct rabbit_conn *rabbit_open(const struct rabbit_login *l, int64_t until_ns,
				struct rabbit_cost *cost, char *error, size_t size);
/* NULL is fine; says nothing to the server and waits for nobody. */
void rabbit_drop(struct rabbit_conn *c);
const char *rabbit_address(const struct rabbit_conn *c); /* "10.244.1.7:5672" */

/* What is put goes out with the next rabbit_flush() or rabbit_next(). */
void rabbit_put(struct rabbit_conn *c, amqp_method_number_t id, void *method);
void rabbit_put_content(struct rabbit_conn *c, const amqp_basic_properties_t *p, const char *body,
			size_t len);

enum rabbit_end {
	RABBIT_OK,
	RABBIT_TIMEOUT, /* silence until until_ns */
	RABBIT_BROKEN,  /* the connection is over; error says how */
};

/* All that was put has left. After RABBIT_TIMEOUT a part may have: drop it. */
enum rabbit_end rabbit_flush(struct rabbit_conn *c, int64_t until_ns, char *error, size_t size);

/* What the server said on the channel; content comes with its method, whole. */
struct rabbit_event {
	amqp_method_number_t id;
	void *method; /* a struct of librabbitmq's (amqp_framing); until the next call */
	const char *body;
	size_t len;
};

/* The next one; a moment that is over asks only for what is there already. Heartbeats,
 * connection.blocked and unblocked are dealt with here. */
enum rabbit_end rabbit_next(struct rabbit_conn *c, int64_t until_ns, struct rabbit_event *ev,
			    char *error, size_t size);

/* Waits for the answer `id` to what was put; events that are none go to `other` (NULL:
 * are dropped). */
enum rabbit_end rabbit_call(struct rabbit_conn *c, amqp_method_number_t id, int64_t until_ns,
			    struct rabbit_event *ev,
			    void (*other)(void *arg, const struct rabbit_event *ev), void *arg,
			    char *error, size_t size);

/* Why the server takes nothing for now ("low on disk"); NULL: it does. */
const char *rabbit_blocked(const struct rabbit_conn *c);

/* Sends a heartbeat when one is due. False: the server has been silent for two. */
bool rabbit_alive(struct rabbit_conn *c);

/* The code with which the server closed channel or connection; 0: it has not. */
int rabbit_close_code(const struct rabbit_conn *c);

#endif
