#ifndef ORDEAL_SYSTEM_CLIENT_H
#define ORDEAL_SYSTEM_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "history/op.h"
#include "history/sample.h"

/* How a system's clients talk to it. These functions run in the load agent,
 * beside the system; none knows which engine that is on. What the answers mean
 * is the system's model (system/model.h). system/skeleton.c is the example to
 * copy. */

struct member {
	char name[MEMBER_NAME_BYTES]; /* pod name: "postgres-0" */
	char host[256]; /* where this very member answers */
};

/* How to reach a system; made by the driver from the fixture's
 * fixtures/<system>/<variant>/access.yaml and the live pods. */
struct access {
	struct member *members;
	size_t n; /* 1 at least */
	int payload_bytes; /* what each insert carries besides its value; for systems that can */
	void *shared; /* what shared_new() made for this load's clients; NULL: nothing */
	cJSON *conf; /* the rest of access.yaml: write_host, read_host, ports, user, password ... */
};

struct final_read {
	int64_t *values;  /* every value present, duplicates included, any order */
	size_t n, alloc;
	int64_t *registers; /* value by key, OP_NO_VALUE when absent */
	size_t nregisters;
	/* Every message that is still there, in the order in which a consumer
	 * would get them, one partition (or queue) after the other. */
	struct final_message *messages;
	size_t nmessages, messages_alloc;
	bool drained; /* the messages were read, even if there are none */
	/* Every server that was read from, and what it said it was once it had
	 * told everything: whether it was entitled to is judged by that. */
	struct final_answer {
		char address[64]; /* as in op->via */
		char member[MEMBER_NAME_BYTES]; /* "": which it is, its address has to tell */
		enum role role;
		uint32_t shard;   /* as in struct op */
	} *answers;
	size_t nanswers, answers_alloc;
};

/* What a system has that others have not. */
enum system_cap {
	SYSTEM_SHARDS = 1, /* parts of its own: op->shard and sample.shard say which */
	SYSTEM_EVICTS = 2, /* it may throw keys out for want of memory, and counts them:
			    * "evicted_keys" in sample.extra */
};

enum { FINAL_WITHIN_S = 50, FINAL_AT_MOST_S = 150 };

struct client; /* one connection's worth of state, owned by one thread */
struct probe;  /* one member's direct connection, owned by one thread */

struct client_ops {
	/* Required, but for what is marked as optional. */
	const char *name, *summary;
	const char *fixture; /* folder in fixtures/; NULL: no scenario can use it */
	/* The kinds of operation that invoke() knows: OP_BIT() of each. With
	 * OP_READ_REPLICA it asks a replica (its own Service, or members in turn,
	 * over a connection apart from the one for writes) and never falls back to
	 * the primary; op->via says who answered. With OP_RECEIVE it takes one
	 * message and acknowledges it within the same call: a message in hand is
	 * OP_OK whatever became of the acknowledgement (op->acked), nothing to
	 * take is OP_OK without a value. */
	uint32_t ops;
	unsigned caps; /* optional: of enum system_cap */
	int keys_max;  /* optional: so many registers or partitions at most */
	/* Optional: its members are plain processes, no containers; it runs on the
	 * engine local, and nowhere else. */
	bool processes_only;

	/* Optional. Creates what the operations need (a table, a topic);
	 * idempotent. Tried again while the system is coming up. */
	int (*setup)(const struct access *acc, int keys, int64_t deadline_ns, struct err *e);
	/* Optional, both or none. What the clients of one load share: made before the
	 * first of them, freed after the last, and in access.shared meanwhile. The
	 * access that it is handed outlives it. */
	void *(*shared_new)(const struct access *acc);
	void (*shared_free)(void *shared);
	struct client *(*client_new)(const struct access *acc, uint32_t process);
	/* Performs op->f with op->key/value/expect, as call_make() of
	 * system/client_kit.h hands it in: begun, with nothing known. Fills
	 * outcome, value (reads), dns_ns, connect_ns, sent, and op->room with
	 * error, via, tx. Never
	 * waits beyond until_ns (CLOCK_MONOTONIC), whatever the network or the
	 * server do: past it the outcome is OP_INFO (OP_FAIL when nothing was
	 * sent) and the connection is thrown away. Opens its connection when it
	 * has none. No hidden retry. */
	void (*invoke)(struct client *c, struct op *op, int64_t until_ns);
	void (*client_free)(struct client *c);

	/* Asks one member directly; keeps its connection between calls. Never
	 * takes longer than timeout_ns. *s is handed in with nothing known but
	 * whom it is of (sample_begin() in system/client_kit.h). */
	struct probe *(*probe_new)(const struct access *acc, const struct member *m);
	void (*probe)(struct probe *p, struct sample *s, int64_t timeout_ns);
	void (*probe_free)(struct probe *p);

	/* Everything that is there, once all has healed and settled: read once,
	 * over a connection of its own, in at most timeout_ns. After an error
	 * `out` may hold a part. */
	int (*final_read)(const struct access *acc, int keys, struct final_read *out,
			  int64_t timeout_ns, struct err *e);
	/* Optional. How long that may take in s, all attempts together, where servers
	 * need long to let go of what the load's clients had: at most FINAL_AT_MOST_S;
	 * 0: FINAL_WITHIN_S. */
	int final_within_s;
	/* Optional. The settings as the running system reports them, by the names
	 * that settings.yaml gives them: setting_add() in system/client_kit.h. */
	int (*inforce)(const struct access *acc, cJSON *out, struct err *e);
};

void final_read_free(struct final_read *f);

#endif
