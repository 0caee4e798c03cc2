#ifndef ORDEAL_SYSTEM_RABBITMQ_ERL_H
#define ORDEAL_SYSTEM_RABBITMQ_ERL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Questions to one broker in its own language: a hidden node of Erlang's distribution
 * (libei of Erlang/OTP), which is in nobody's nodes() and so counts in no quorum. The
 * broker evaluates an expression, as `rabbitmqctl eval` has it do. What the management
 * API says of the same things is up to 5 s old, and takes up to 40 s with a node down.
 *
 * No call takes longer than its until_ns (CLOCK_MONOTONIC), but for the handshake of a
 * new connection with a server that answers it byte by byte. */

struct erl;

struct erl_login {
	const char *host, *cookie;
	int port; /* of the distribution: no epmd is asked */
};

/* NULL with why in error ("dns: ...", "connect: ..."). */
struct erl *erl_open(const struct erl_login *l, int64_t until_ns, char *error, size_t size);
/* NULL is fine. */
void erl_drop(struct erl *c);

/* Evaluates `expr`, Erlang with its full stop, whose value is a binary (or a list of
 * bytes), and appends that to `out`. What it is evaluated from is kept: the same
 * expression is parsed once a connection. False: why is in error; after a time-out or a
 * broken connection (*usable false) drop it. */
bool erl_eval(struct erl *c, const char *expr, int64_t until_ns, struct buf *out, bool *usable,
	      char *error, size_t size);

#endif
