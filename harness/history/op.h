#ifndef ORDEAL_HISTORY_OP_H
#define ORDEAL_HISTORY_OP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "history/texts.h"

/* One client call. */

enum op_f {
	OP_INSERT, /* append a unique value to the set of all values */
	OP_READ,   /* read register `key`: value is what was read */
	OP_WRITE,  /* set register `key` to value */
	OP_CAS,    /* register `key` from `expect` to `value` */
	/* Read register `key` where a replica answers, who may be behind: no
	 * read that linearizability is asked of, but what staleness is measured
	 * on. */
	OP_READ_REPLICA,
	OP_SEND,    /* put the unique message `value` into partition (or queue) `key` */
	OP_RECEIVE, /* take the next message of partition `key`: value is what came */
};
enum { OP_KINDS = OP_RECEIVE + 1 };

/* Sets of kinds, as what a system's clients can do. */
#define OP_BIT(f)    (UINT32_C(1) << (f))
#define OP_ANY       (OP_BIT(OP_KINDS) - 1)
#define OP_WRITES    (OP_BIT(OP_INSERT) | OP_BIT(OP_WRITE) | OP_BIT(OP_CAS) | OP_BIT(OP_SEND))
#define OP_REGISTERS (OP_BIT(OP_READ) | OP_BIT(OP_WRITE) | OP_BIT(OP_CAS) | OP_BIT(OP_READ_REPLICA))
#define OP_MESSAGES  (OP_BIT(OP_SEND) | OP_BIT(OP_RECEIVE))
/* "insert, read, write": those of the set, in the order of enum op_f. Returns `out`. */
enum { OP_SET_MAX = 96 };
char *op_set_text(uint32_t set, char out[OP_SET_MAX]);

/* In doubt: OP_INFO. */
enum op_outcome {
	OP_OK,   /* acknowledged */
	OP_FAIL, /* certainly not applied */
	OP_INFO, /* unknown: time-outs, broken connections */
};

/* What became of the consumer's acknowledgement of what it received (of its
 * offset's commit). */
enum op_ack {
	OP_ACK_NONE, /* none was sent, or it was refused */
	OP_ACK_SENT, /* nobody knows whether it was heard (AMQP confirms none) */
	OP_ACK_DONE, /* confirmed */
};

/* What an error is about: X(ENUM, the word before its colon). Clients write
 * "class: detail"; what begins with none of these words is the server's own. */
#define OP_ERR_LIST(X) \
	X(MISMATCH, "mismatch") /* the server answered a compare-and-set that the value was another */ \
	X(TIMEOUT, "timeout")   /* the deadline passed in silence */ \
	X(CLIENT, "client")     /* the generator gave up; says nothing of the system */ \
	X(DNS, "dns")           /* no address for the name */ \
	X(CONNECT, "connect")   /* no connection */ \
	X(BROKEN, "broken")     /* the connection ended before the answer */ \
	X(BLOCKED, "blocked")   /* the server says that it takes nothing for now, for want of memory or disk */ \
	X(WARNING, "warning")   /* answered with a warning that leaves its fate open */

enum op_error {
	OP_ERR_NONE, /* there was none */
#define OP_ERR_ENUM(id, word) OP_ERR_##id,
	OP_ERR_LIST(OP_ERR_ENUM)
#undef OP_ERR_ENUM
	OP_ERR_OTHER, /* the server's own */
};

/* A class, the longest name of a host (253), and what is said of it. */
enum { OP_ERROR_MAX = 352 };
/* A GTID with a tag: 36 characters, 32, 19 and two colons. */
enum { OP_TX_MAX = 92 };
/* No value: none that JSON carries exactly, for others' values may be negative. */
#define OP_NO_VALUE INT64_MIN

/* An acknowledgement that came when its call had long returned: of the client's own send
 * of `value`, heard at `t` (CLOCK_MONOTONIC ns, as the operation's times). */
struct op_late {
	int64_t value, t;
};
enum { OP_LATE_MAX = 32 };

/* The texts of a call that is under way, and what was heard meanwhile of earlier ones: a
 * client writes them here. */
struct op_room {
	char error[OP_ERROR_MAX];
	char via[64];
	char tx[OP_TX_MAX];
	struct op_late late[OP_LATE_MAX];
};

struct op {
	uint32_t scenario; /* index in the run */
	uint32_t process;  /* one client: one connection, one op at a time */
	/* Where the client stands: 0 with most others; else the number of its
	 * group in the scenario's "group" events. Filled by the load. */
	uint32_t group;
	/* Which part of the system answers for this key or value (Redis
	 * Cluster's shards), from 1; 0: unknown, or the system has no parts.
	 * Filled by invoke(), also when the operation fails, whenever the client
	 * knows where it belongs. Numbers are the same for all clients and for
	 * the whole scenario. */
	uint32_t shard;
	enum op_f f;
	enum op_outcome outcome;
	int64_t key;    /* register or partition number; OP_NO_VALUE for inserts */
	int64_t value;  /* OP_NO_VALUE: none (an absent register, nothing to receive) */
	int64_t expect; /* CAS: the value it compares with, else OP_NO_VALUE */
	/* Of OP_SEND and OP_RECEIVE, filled by invoke() as far as the system
	 * tells, else OP_NO_VALUE: the partition or queue that it was (as `key`
	 * when asked for), the place in a partition's log, the delivery's tag. */
	int64_t partition, offset, tag;
	enum op_ack acked; /* OP_RECEIVE */
	bool redelivered;  /* the system says that it delivered this before */
	bool sent;         /* false: never left the client (then outcome is OP_FAIL) */
	bool undue; /* its line does not tell when it was due: t_intended is t_invoke */
	/* CLOCK_MONOTONIC ns, on the driver's timeline once collected. */
	int64_t t_intended, t_invoke, t_return;
	/* Parts of this call: asking other servers who serves this (a map of
	 * slots, Sentinels), 0 when none told; the two that follow apart, which
	 * are 0 when it reused its connection. */
	int64_t find_ns, dns_ns, connect_ns;
	/* Of t_invoke - t_intended: during which a client was free and nothing held
	 * the call back. That much the generator itself was late. */
	int64_t slip_ns;
	/* How long the call's end was put off because its client, whose time was
	 * over, had no processor. */
	int64_t late_ns;
	/* OP_SEND that returned as OP_INFO: when its client heard that it was acknowledged
	 * after all; 0: never. Told by a later call's `late`. */
	int64_t t_confirmed;
	int nlate; /* of `late` */
	int line;  /* where it stands in history.jsonl; 0: it was not read */
	/* Texts in `room`, while the call is under way; in a history, its own. NULL is "". */
	const char *error; /* "" when ok; "class: detail" (enum op_error), or the server's words */
	const char *via;   /* address of the server that answered, "" unknown */
	/* What the system itself calls the transaction that it acknowledged (MySQL:
	 * its GTID), "" when it does not tell: a lost write can be looked for by it. */
	const char *tx;
	const struct op_late *late; /* as the texts */
	struct op_room *room; /* NULL in a history */
};

/* Its texts are empty, and will stand in *room; nothing was heard of earlier calls. */
void op_room_begin(struct op *op, struct op_room *room);

/* A message that is there at the end. */
struct final_message {
	int64_t value, partition;
	int64_t offset;   /* OP_NO_VALUE: a queue has none */
	bool redelivered; /* as in struct op */
};

const char *op_f_name(enum op_f f);
const char *op_outcome_name(enum op_outcome o);

enum op_error op_error_class(const struct op *op);
/* Writes "class: detail" into op->room->error. Not for NONE and OTHER. */
void op_error_set(struct op *op, enum op_error class, const char *detail);

bool op_is_write(const struct op *op);
bool op_acked_write(const struct op *op);
/* Acknowledged, be it after the call had returned: what is asked about what became of it. What
 * is asked about the service, which did not answer in time, is op_acked_write(). */
bool op_promised(const struct op *op);
/* When its client knew. */
int64_t op_promised_ns(const struct op *op);
/* A compare-and-set that the server answered with "the value is another". */
bool op_mismatch(const struct op *op);
/* The service answered as a healthy one does. */
bool op_answered(const struct op *op);
/* Tried against the service and not answered as a healthy one would: refused,
 * broken or timed out. */
bool op_refused(const struct op *op);
/* A write of which that is so. */
bool op_found_down(const struct op *op);
/* A receive that brought a message. */
bool op_received(const struct op *op);

/* What one load agent wrote of one scenario, as the blocks in the file tell
 * (history/block.h). */
struct stream {
	uint32_t scenario, group;
	int64_t ops;
	uint32_t sum; /* of all its operations' lines */
	bool ended;   /* it says that this is all */
};

struct history {
	struct op *ops; /* sorted by t_invoke after history_sort() */
	size_t n, alloc;
	struct texts texts; /* theirs */
	/* What its file tells about itself. No streams: it is older than blocks,
	 * or another tool's. */
	struct stream *streams;
	size_t nstreams, streams_alloc;
	int64_t loose; /* operations at its end that no block covers */
	/* Its last line has no end (a crash) and was left out: its number, and
	 * the scenario of the line before it. 0: it is whole. */
	int torn;
	uint32_t torn_scenario;
};

/* A copy of it, its texts too. */
void history_add(struct history *h, const struct op *op);
void history_sort(struct history *h);
void history_free(struct history *h);

/* The line format of history.jsonl (see doc/HISTORY.md). op_to_line writes
 * one line with its newline into out (returns its length; size >=
 * OP_LINE_MAX). */
enum { OP_LINE_MAX = 2304 + 48 * OP_LATE_MAX };
size_t op_to_line(const struct op *op, char *out, size_t size);
/* Its texts are those of *room. */
int op_from_json(const cJSON *o, struct op_room *room, struct op *op, struct err *e);

#endif
