#ifndef ORDEAL_SYSTEM_MODEL_H
#define ORDEAL_SYSTEM_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/evidence.h"
#include "history/op.h"
#include "history/sample.h"

/* What a system's answers mean, and what its own rules allow. Pure: made from
 * samples and evidence alone, wherever a report is made. No file of a model
 * knows which engine it ran on, nor a fault by its name: what a fault does to
 * its targets is in fault_record.does. system/skeleton.c is the example to
 * copy. */

/* How long an outage may last by one mechanism, in ns from the injection. */
struct rule_window {
	bool known;
	int64_t lo_ns, hi_ns;
	char how[WHY_BYTES]; /* what it is counted from; "": as predicted */
};

/* The parts of an outage, each an instant in ns on the driver's timeline, 0
 * when the evidence does not tell. */
struct milestones {
	/* `effective` is where they begin: the fault's effect, or its healing when
	 * the outage began with that (from_heal); of a fault that takes its targets one
	 * by one, when it came to the member `hit`. */
	int64_t effective, detected, elected, promoted, routed, first_ack, baseline;
	int64_t began; /* of the outage: the earliest that it may have */
	bool from_heal;
	const char *hit; /* NULL: it takes all at once */
	int64_t resolved_ns; /* name resolution within routed: a length, -1 unknown */
	/* "how it is known", for each of the above that a system fills */
	char how_detected[WHY_BYTES], how_elected[WHY_BYTES], how_promoted[WHY_BYTES],
		how_routed[WHY_BYTES];
	/* What ended the outage: one of prediction's mechanisms; or another one,
	 * which no rule foresaw; "" when the evidence does not tell. */
	char mechanism[64];
	char why_mechanism[WHY_BYTES];
	/* The window of that mechanism. explain() fills it where the rule counts
	 * from something that was seen (a renewal); else it is the predicted one,
	 * and not known for a mechanism that was not predicted. */
	struct rule_window window;
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
	bool assumed; /* a setting that it rests on was not told: the window is none of this
			 system's */
	char note[500];
};

struct recovery_info {
	char resync[32];      /* "full", "partial", "rewind", "none", "" unknown */
	int64_t bytes;        /* copied; -1 unknown */
	char how[WHY_BYTES];
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

/* Transactions that members had executed and the primary that they were held against never had,
 * as members and those who run them named them. */
struct errant_told {
	bool known;        /* some member was held against a primary */
	int64_t n;         /* each once */
	char who[MEMBER_NAME_BYTES]; /* the last who had some; "" */
	char names[300];   /* as the system calls them, perhaps cut off; "" */
	/* Lost writes that a member still had when another one led that never had them, and that
	 * nobody named: what was named is not all. */
	int64_t unnamed;
	char why[WHY_BYTES]; /* of whom nobody can tell, after the last fault, that it had none; "" */
};

/* How a server of the system sends an operation elsewhere, or tells it to come
 * again, and clients do: that adds latency, and is counted. */
struct redirection {
	const char
		*word; /* as its client puts it into `via`, a word of its own; NULL ends a list */
	const char *key;  /* in result.json: "redirected" */
	/* A piece of one sentence: what stands before its count and after it. */
	const char *before, *after;
};
enum { REDIRECTIONS_MAX = 4 };

struct model_ops {
	/* Required. From the newest sample of every member: are all `n` members
	 * up, with one writable primary and everyone else following it? `why`
	 * (WHY_BYTES) says what is missing. */
	bool (*redundant)(const struct sample *s, size_t n, char *why);

	/* Optional, each: what is missing is told as unknown. */

	/* What the settings in force (evidence.inforce) allow for this fault,
	 * with the other faults that are on at the same time. */
	void (*predict)(const struct evidence *ev, const struct fault_record *fault,
			struct prediction *out);

	/* Fills detected, elected, promoted, routed and mechanism of one outage
	 * from the evidence; effective, began and first_ack are given. */
	void (*explain)(const struct evidence *ev, const struct fault_record *fault,
			const struct prediction *pred, struct milestones *m);

	/* How redundancy came back between two instants; `back`: that it did. If
	 * it did not there is no kind of resync, and `how` says what was in the
	 * way, where the evidence tells. */
	void (*resync)(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		       struct recovery_info *out);

	/* Why this acknowledged write was lost, where the system's own evidence
	 * tells more than what measure/loss_cause.c knows of every system (roles,
	 * timelines, restarts, groups); that is asked when the answer is
	 * LOSS_UNKNOWN. `fault` is the one that was at work, NULL: none. `why`
	 * (WHY_BYTES) says how it is known. */
	enum loss_cause (*loss_cause)(const struct evidence *ev, const struct op *op,
				      const struct fault_record *fault, char *why);

	/* Where a fault took all members' volumes, so that what is there was put back: which of
	 * these transactions (op.tx, none "") the system was put back to have, by its own
	 * word. False: it tells of none; `how` (WHY_BYTES) says why, or which word it is:
	 * "one GTID position, ...". */
	bool (*put_back)(const struct evidence *ev, const struct fault_record *fault,
			 const char *const *tx, size_t n, bool *has, char *how);

	/* Optional: of a system whose transactions have names, and whose members tell which
	 * they have. `lost`: the names of lost writes, as in struct op (tx). */
	void (*errant)(const struct evidence *ev, const char *const *lost, size_t nlost,
		       struct errant_told *out);

	/* Of several queues a member's role is that in the first alone: who led the others
	 * nobody was asked. */
	bool first_key_only;

	/* The clients of a group (struct op) receive as one consumer: each gets what no other
	 * one got, in the order of the whole. */
	bool one_consumer;

	/* Of logs: whether what one leader had committed was cut off under a later one, by their
	 * own words. `why` (WHY_BYTES) says where. */
	bool (*cut_back)(const struct evidence *ev, char *why);

	/* Of queues that mark what they deliver again: given out as new twice, a message came back.
	 * Whether a member was left without what it had in (from_ns, to_ns]; optional. */
	bool marks_repeats;
	bool (*emptied)(const struct evidence *ev, int64_t from_ns, int64_t to_ns);

	/* The value of a setting of which no server tells, as members acted by it; NULL: they did
	 * not, or it is another setting. Optional. */
	const char *(*acted)(const struct evidence *ev, const char *setting);

	/* At most REDIRECTIONS_MAX. */
	const struct redirection *redirections;
};

#endif
