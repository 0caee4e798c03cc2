#ifndef ORDEAL_SYSTEM_PREDICTION_H
#define ORDEAL_SYSTEM_PREDICTION_H

#include "system/model.h"
#include "system/why.h"

/* What the systems' predict() and explain() have in common. Pure. */

/* Adds a mechanism with its rule (the text) and its source; the window, in ns,
 * grows to span it. A lower end below 0 is 0; what no longer fits is left out. */
void prediction_add(struct prediction *p, const char *name, int64_t lo, int64_t hi,
		    const char *source, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Adds a sentence to the note. */
void prediction_note(struct prediction *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds the mechanism "fault ends": the outage is over at the latest `after` ns
 * after the fault is, when nothing has ended it before. None, while the length
 * is not known. */
void prediction_fault_ends(struct prediction *p, const struct fault_record *fault, int64_t after,
			   const char *source, const char *why);

/* What a system's settings in force make of a fault; each predict.c has its own. */
struct rules;
typedef void rule_fn(struct prediction *p, const struct rules *r, const struct fault_record *fault);

/* What one that does this to a primary leads to; NULL: nothing is known. Of a fault
 * that does several things the first of these counts. */
struct effect_rules {
	rule_fn *storage_empty;
	rule_fn *pod_recreated, *process_dies; /* NULL: as the other */
	rule_fn *silent, *cut_off, *node_gone, *storage_refuses;
};
/* By the rule that fits; a note when none does. */
void prediction_by_effect(struct prediction *p, const struct effect_rules *of_primary,
			  const struct rules *r, const struct fault_record *fault);
/* The same for a primary, and for a replica its rule; `word` is what one calls a primary. */
void prediction_by_role(struct prediction *p, const struct effect_rules *of_primary,
			rule_fn *of_replica, const char *word, const struct rules *r,
			const struct fault_record *fault);

/* Whether a pod can do something for the others at t_ns: no fault that lasts
 * keeps it from that, and this one does not, or is over. */
bool prediction_left(const struct evidence *ev, const struct fault_record *fault, const char *pod,
		     int64_t t_ns);
/* How many of the members can. */
size_t prediction_members_left(const struct evidence *ev, const struct fault_record *fault,
			       int64_t t_ns);

/* Others can take over only while enough of them are left. From when on they
 * were, in ns after the injection, with all faults that were on. */
struct takeover {
	bool hindered;    /* too few were left when they would have acted ... */
	bool never;       /* ... and no fault that was healed brought them back */
	bool starts;      /* those who were missing have to start first */
	int64_t from_ns, by_ns; /* hindered, and not never: at the earliest (a heal is noted after
				 * the deed), and certainly */
};
/* Whether enough are left at t_ns to take over what this fault has hit. True
 * when the evidence does not tell. */
typedef bool enough_fn(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns);
struct takeover prediction_takeover(const struct evidence *ev, const struct fault_record *fault,
				    int64_t least_ns, enough_fn *enough);

/* The value of a setting in force; NULL when the system did not tell it. */
const char *prediction_setting(const struct settings_seen *inforce, const char *name);

/* Settings that nobody told and that were taken at their defaults. */
struct assumed {
	char names[160]; /* "ttl, loop_wait" */
};
void prediction_assume(struct assumed *a, const char *name);
/* Says so: "taken at the default". */
void prediction_note_assumed(struct prediction *p, const struct assumed *a, const char *whose);

/* A setting that is a whole number; `dflt` when it was not told, which is then
 * assumed. */
int64_t prediction_number(const struct settings_seen *inforce, const char *name, int64_t dflt,
			  struct assumed *a);

/* Whether a setting was told to be off ("off" or "no"). */
bool prediction_off(const struct settings_seen *inforce, const char *name);

/* The mechanism of this name; NULL: there is none. `p` may be NULL. */
const struct mechanism *prediction_mechanism(const struct prediction *p, const char *name);
bool prediction_has(const struct prediction *p, const char *name);

/* ---- what explain() and resync() tell ---- */

/* An instant (0: none), and how it is known. */
void milestone_tell(int64_t *at, char *how, int64_t t_ns, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What ended the outage, and how that is known. */
void mechanism_tell(struct milestones *m, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An instant that was seen later than `to`, which it caused, is moved there;
 * `how` says by how much. One that is 0, or has no consequence, stays. */
void milestone_before(int64_t *t, int64_t to, char *how);

/* Causes before consequences: an instant that was seen later than what
 * follows from it is moved there, and its "how" says by how much. */
void milestones_in_order(struct milestones *m);

/* Nothing is known of it yet. */
void recovery_begin(struct recovery_info *out);
/* Whether each member was asked what it was all along, so that none was away unseen; else
 * who was not is told of *out, whose resync is not known. */
bool recovery_asked(const struct evidence *ev, int64_t from_ns, int64_t to_ns,
		    struct recovery_info *out);
/* Of which kind it was, and how that is known. */
void recovery_tell(struct recovery_info *out, const char *kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
