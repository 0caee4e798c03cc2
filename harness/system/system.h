#ifndef ORDEAL_SYSTEM_SYSTEM_H
#define ORDEAL_SYSTEM_SYSTEM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "history/op.h"

/* A system under trial: how its clients talk to it and what its answers
 * mean. One file a system, listed in system/list.h. system/skeleton.c is
 * the example to copy. The functions of the first group run in the load
 * agent, beside the system; those of the second are pure and run wherever a
 * report is made. No file here knows which engine it runs on. */

enum role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_REPLICA };

struct member {
	char name[64];  /* pod name: "postgres-0" */
	char host[256]; /* where this very member answers */
};

/* How to reach a system; made by the driver from the fixture's
 * fixtures/<system>/<variant>/access.yaml and the live pods. */
struct access {
	struct member *members;
	size_t n;
	int payload_bytes; /* what each insert carries besides its value; for systems that can */
	cJSON *conf; /* the rest of access.yaml: write_host, read_host, ports, user, password ... */
};

/* What one member said when asked directly. */
struct sample {
	char member[64];
	int64_t t_ns;     /* when the answer came (or the attempt ended) */
	int64_t took_ns;
	bool ok;          /* it answered */
	bool closed;      /* not ok, and known to take nobody now: shut down or starting */
	enum role role;
	bool writable;    /* it would take a write right now */
	/* Which part of the system it serves (struct op), from 1; 0: the system
	 * has no parts, or it serves none. Primaries of different shards are
	 * no two primaries. */
	uint32_t shard;
	int64_t timeline; /* epoch of leadership (timeline, term); -1 unknown */
	int64_t position; /* log position in bytes; -1 unknown */
	int64_t lag_bytes, lag_ns; /* behind its source, as it says; -1 unknown */
	char error[OP_ERROR_MAX];
	/* What only this system has; owned by the sample; may be NULL. Measures
	 * know these names: "started_ms" or "run_id", another value of which
	 * means that the server was started anew; "evicted_keys", how many keys
	 * it has thrown out for want of memory since then. */
	cJSON *extra;
};

struct final_read {
	int64_t *values;  /* every value present, duplicates included, any order */
	size_t n, alloc;
	int64_t *registers; /* value by key, OP_NO_VALUE when absent */
	size_t nregisters;
};

struct client; /* one connection's worth of state, owned by one thread */
struct probe;  /* one member's direct connection, owned by one thread */

/* The parts of an outage, each an instant in ns on the driver's timeline, 0
 * when the evidence does not tell. */
struct milestones {
	int64_t effective, detected, elected, promoted, routed, first_ack, baseline;
	int64_t resolved_ns; /* name resolution within routed: a length, -1 unknown */
	/* "how it is known", for each of the above that a system fills */
	char how_detected[160], how_elected[160], how_promoted[160], how_routed[160];
	char mechanism[64];  /* which of prediction's mechanisms ended the outage */
	char why_mechanism[200];
};

struct mechanism {
	char name[64];   /* "lease expires" */
	char rule[400];  /* the rule in words, with its settings filled in */
	char source[160];/* where the rule is documented */
	int64_t lo_ns, hi_ns;
};
struct prediction {
	bool known;
	int64_t lo_ns, hi_ns; /* spans the mechanisms that race */
	struct mechanism mech[6];
	size_t n;
	char note[500];
};

struct recovery_info {
	char resync[32];      /* "full", "partial", "rewind", "none", "" unknown */
	int64_t bytes;        /* copied; -1 unknown */
	char how[200];
};

/* Why an acknowledged write is not there at the end. */
enum loss_cause {
	LOSS_UNKNOWN,        /* the evidence does not tell */
	LOSS_NOT_REPLICATED, /* it had not reached the member that took over */
	LOSS_MINORITY,       /* taken by a primary that was cut off or already replaced */
	LOSS_RESTART,        /* its server began anew before its log was on disk */
	LOSS_EVICTED,        /* thrown out for want of memory, as the settings say */
};
const char *loss_cause_name(enum loss_cause c); /* "not replicated", ...; "" unknown */

struct system_ops {
	const char *name, *summary;
	const char *fixture; /* folder in fixtures/; NULL when it has none */
	/* invoke() knows OP_READ_REPLICA: it asks a replica (its own Service, or
	 * members in turn, over a connection apart from the one for writes) and
	 * never falls back to the primary; op->via says who answered. */
	bool replica_reads;

	/* ---- in the load agent ---- */
	/* Creates what the operations need (a table, a topic); idempotent. */
	int (*setup)(const struct access *acc, int keys, int64_t deadline_ns, struct err *e);
	struct client *(*client_new)(const struct access *acc, uint32_t process);
	/* Performs op->f with op->key/value/expect. Fills t_invoke, t_return,
	 * outcome, value (reads), error, dns_ns, connect_ns, via, sent. Never
	 * takes longer than deadline_ns from its start, whatever the network or
	 * the server do: past it the outcome is OP_INFO (OP_FAIL when nothing
	 * was sent) and the connection is thrown away. Opens its connection
	 * when it has none. No hidden retry. */
	void (*invoke)(struct client *c, struct op *op, int64_t deadline_ns);
	void (*client_free)(struct client *c);

	/* Asks one member directly; keeps its connection between calls. Never
	 * takes longer than timeout_ns. */
	struct probe *(*probe_new)(const struct access *acc, const struct member *m);
	void (*probe)(struct probe *p, struct sample *s, int64_t timeout_ns);
	void (*probe_free)(struct probe *p);

	/* Everything that is there, once all has healed and settled: read once,
	 * over a connection of its own, in at most timeout_ns. After an error
	 * `out` may hold a part. */
	int (*final_read)(const struct access *acc, int keys, struct final_read *out,
			  int64_t timeout_ns, struct err *e);
	/* The settings as the running system reports them: an array of
	 * {name, value, unit}. */
	int (*inforce)(const struct access *acc, cJSON *out, struct err *e);

	/* ---- pure ---- */
	/* From the newest sample of every member: are all `n` members up, with one
	 * writable primary and everyone else following it? `why` (200 bytes)
	 * says what is missing. */
	bool (*redundant)(const struct sample *s, size_t n, char *why);

	/* `events` below: the scenario's and those of the whole run, in the order
	 * of writing (events_of()). */

	/* What the settings in force allow for this fault (its "fault" events'
	 * last state). `inforce` is the event's settings array. */
	void (*predict)(const cJSON *fault, const cJSON *inforce, struct prediction *out);

	/* Fills detected, elected, promoted, routed and mechanism of one outage
	 * from the events; effective and first_ack are given. */
	void (*explain)(const cJSON *events, const cJSON *fault, const struct prediction *pred,
			struct milestones *m);

	/* How redundancy came back between two instants. */
	void (*resync)(const cJSON *events, int64_t from_ns, int64_t to_ns,
		       struct recovery_info *out);

	/* Why this acknowledged write was lost, where the system's own evidence
	 * tells more than what measure/loss.c knows of every system (roles,
	 * timelines, restarts, groups); that is asked when the answer is
	 * LOSS_UNKNOWN. `fault` is the newest event of the fault that was at
	 * work, NULL: none. `why` (160 bytes) says how it is known. May be NULL. */
	enum loss_cause (*loss_cause)(const cJSON *events, const struct op *op,
				      const cJSON *fault, char *why);
};

/* The list: system/list.h. */
const struct system_ops *system_find(const char *name);
const struct system_ops *const *system_all(void); /* NULL-terminated */

const char *role_name(enum role r);
enum role role_from_name(const char *name);
cJSON *sample_to_json(const struct sample *s); /* fields of a "sample" event */
void sample_from_json(const cJSON *o, struct sample *s); /* extra borrowed: not owned */
void final_read_free(struct final_read *f);

#endif
