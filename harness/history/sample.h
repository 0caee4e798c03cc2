#ifndef ORDEAL_HISTORY_SAMPLE_H
#define ORDEAL_HISTORY_SAMPLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
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
	bool writable_untold; /* ... and of that it said nothing */
	bool outvoted;    /* its group had gone on under another primary, and it did not know yet */
	/* Which parts of the system it serves (struct op): a set of shard_bit();
	 * 0: the system has no parts, or it serves none. Primaries of different
	 * shards are no two primaries. */
	uint64_t shards;
	int64_t timeline; /* epoch of leadership (timeline, term); -1 unknown */
	int64_t position; /* log position in bytes; -1 unknown */
	int64_t lag_bytes, lag_ns; /* behind its source, as it says; -1 unknown */
	int64_t lag_tx; /* the same in transactions, where no bytes are counted; -1 unknown */
	char error[OP_ERROR_MAX];
	/* What only this system has; owned by the sample; may be NULL. Four words in it
	 * mean the same for all, and are read below; of a group whose members vote
	 * "group": {"view": "GROUP:NUMBER", "majority": …, "primary": its address}. */
	cJSON *extra;
};

const char *role_name(enum role r);
enum role role_from_name(const char *name);

cJSON *sample_to_json(const struct sample *s); /* fields of a "sample" event */
/* From a "sample" or "witness" event. `extra` is borrowed. */
void sample_from_json(const cJSON *o, struct sample *s);

/* Nothing is known but of whom it is, and of which shards. */
void sample_forget(struct sample *s);

/* An older answer of a member is no answer. */
#define SAMPLE_FRESH_NS NS_PER_S

static inline bool sample_fresh(const struct sample *s, int64_t t_ns)
{
	return t_ns - s->t_ns <= SAMPLE_FRESH_NS;
}

/* It said that it was a writable primary, and could be one. */
bool sample_leads(const struct sample *s);
/* Whether it tells that the member was a writable primary, or that it was none: who lets
 * nobody in is none, and of who answers without saying so nothing is known. */
bool sample_tells(const struct sample *s);
/* Whether it tells which server process answered ("run_id" or "started_ms"). */
bool sample_tells_process(const struct sample *s);
/* Whether the later of two answers of one member came from another one than the earlier.
 * False when nothing tells. */
bool sample_started_anew(const struct sample *earlier, const struct sample *later);
/* How many keys that process has thrown out for want of memory ("evicted_keys"); -1: it
 * does not tell. */
int64_t sample_evicted(const struct sample *s);
/* Whether it answered, and nobody could hold it against its source ("source_err"): what it
 * lacks, or has alone, is not known. */
bool sample_uncompared(const struct sample *s);
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
