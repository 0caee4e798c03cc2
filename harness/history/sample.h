#ifndef ORDEAL_HISTORY_SAMPLE_H
#define ORDEAL_HISTORY_SAMPLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "history/op.h"

enum role { ROLE_UNKNOWN, ROLE_PRIMARY, ROLE_REPLICA };

/* A pod's name with its end (RFC 1123: 253 characters). */
enum { MEMBER_NAME_BYTES = 254 };

/* A sentence that names two of them and more besides. */
enum { WHY_BYTES = 800 };

/* What one member said when asked directly. */
struct sample {
	char member[MEMBER_NAME_BYTES];
	int64_t t_ns;     /* when the answer came (or the attempt ended) */
	int64_t te_ns;    /* by which the clocks may be apart */
	int64_t took_ns;
	bool ok;          /* it answered */
	bool closed;      /* not ok, and known to take nobody now: shut down or starting */
	bool beside;      /* asked by a witness: one who stands beside the member */
	enum role role;
	bool writable;    /* it would take a write right now */
	/* Which parts of the system it serves (struct op): a set of shard_bit();
	 * 0: the system has no parts, or it serves none. Primaries of different
	 * shards are no two primaries. */
	uint64_t shards;
	int64_t timeline; /* epoch of leadership (timeline, term); -1 unknown */
	int64_t position; /* log position in bytes; -1 unknown */
	int64_t lag_bytes, lag_ns; /* behind its source, as it says; -1 unknown */
	int64_t lag_tx; /* the same in transactions, where there are no bytes to count; -1 unknown */
	char error[OP_ERROR_MAX];
	/* What only this system has; owned by the sample; may be NULL. Measures
	 * know these names: "started_ms" or "run_id", another value of which
	 * means that the server was started anew; "evicted_keys", how many keys
	 * it has thrown out for want of memory since then. */
	cJSON *extra;
};

const char *role_name(enum role r);
enum role role_from_name(const char *name);

cJSON *sample_to_json(const struct sample *s); /* fields of a "sample" event */
/* From a "sample" or "witness" event. `extra` is borrowed. */
void sample_from_json(const cJSON *o, struct sample *s);

/* It said that it was a writable primary. */
bool sample_leads(const struct sample *s);
/* When the question went out. */
int64_t sample_asked(const struct sample *s);

/* Sets of shards. The number of one, from 1, as a set (0: the empty one); those
 * from 64 on are told apart no more. */
uint64_t shard_bit(uint32_t shard);
/* The number of the only one in a set; 0: it has none, or several. */
uint32_t shard_only(uint64_t shards);
/* Primaries of different shards are no two primaries (none: of everything). */
bool shards_rival(uint64_t a, uint64_t b);

/* By how much it is behind its source: bytes, else transactions; -1: unknown. */
int64_t sample_lag(const struct sample *s);

#endif
