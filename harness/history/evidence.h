#ifndef ORDEAL_HISTORY_EVIDENCE_H
#define ORDEAL_HISTORY_EVIDENCE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "history/effects.h"
#include "history/load_spec.h"
#include "history/op.h"
#include "history/sample.h"

/* What one scenario's events tell, typed, made once when a run is loaded.
 * Measures, the systems' models, checkers and reports all read this; nobody
 * searches the events' JSON again. Everything is in the order of time; agents
 * deliver in batches, so that is not the order of the file. All instants are
 * ns on the driver's timeline. Texts are borrowed from the events, "" when
 * absent, never NULL. It changes no more once it is made
 * (and weighed): any thread may read. */

struct pod_seen { /* a change of a pod, as the API told it */
	int64_t t_ns;
	const char *name, *uid, *node, *ip, *phase;
	int64_t restarts; /* of its containers together */
	bool ready, deleted, gone;
};

struct endpoints_seen {
	int64_t t_ns;
	const char *name;
	const char **addrs; /* "IP" or "IP POD", ready ones */
	size_t naddrs;
	const cJSON *annotations; /* {name: text}; NULL: none */
};

/* Of a container's log the last ones are kept: so many, and before runs told it so many. */
enum { LOG_LINES_MOST = 1000, LOG_LINES_UNTOLD = 250 };

struct log_seen { /* an excerpt of a container's log */
	const char *member, *container, *text;
	bool previous;
	int64_t most; /* lines: with fewer than these it is all there */
};

struct job_seen { /* a Job that a step of the scenario began */
	const char *id, *name, *state; /* "begun", "running", "succeeded", "failed": the newest word */
	const char *from;              /* "cronjob/NAME", whose template it is; "": not told */
	bool begun;                    /* somebody said that it was */
	bool at_odds;                  /* its events tell of two Jobs, or of two ends */
	const char *reason, *message;  /* of its condition */
	const char *log;               /* the end of its pods' */
	int64_t exit; /* of the container that ended last; -1: none has, or nobody told */
	int64_t begun_ns, told_ns;     /* when it was begun, and when that state was seen */
};

struct adapted_seen { /* what was changed in a manifest, and why */
	const char *object, *path, *file, *from, *to, *why;
	int64_t line;
};

struct phase_seen {
	int64_t t_ns, real_ns; /* when, and by the wall clock; 0: not told */
	const char *phase, *detail;
};

struct group_seen { /* clients that stand elsewhere than the others */
	uint32_t number;
	const char *name, *node, *member; /* beside whom; name "?": it has none */
	int64_t clients;
	double rate; /* operations a second */
};

/* What a load agent and its kernel said of the time up to t_ns. -1: not told. */
struct noise_seen {
	int64_t t_ns;
	int64_t span_ns;  /* of [t_ns - span_ns, t_ns]; 0: of the whole load */
	size_t agent;     /* which of those that told something, from 0 */
	bool beside;      /* the agent's whose clients stand elsewhere than the others */
	int64_t late_max_ns, late_sum_ns; /* of its heartbeat, in the span */
	double lateness_p99_ms, lateness_max_ms; /* of its calls, in the whole load */
	int64_t due;      /* operations, in the span or in the whole load */
	double cpu_some_pct, steal_pct;
};

struct load_told { /* what a load agent says that it did, when it was stopped */
	const char *source;
	uint32_t group;
	int64_t ops; /* lines that the history must have of it */
};

struct step_seen { /* a step of the script, as the scenario tells it */
	const char *step; /* "steady", "fault", "heal", "await", "run" */
	const char *id;   /* of what it does or speaks of; a fault's name where it has no other */
	const char *fault, *target, *await, *run;
	int64_t steady_ns, for_ns, within_ns; /* 0: not told */
	const cJSON *params; /* all words of a fault's step, as written; NULL: not told */
};

struct setting_seen {
	const char *name;
	/* a number or true and false as text; NULL: the system told none, or more than one */
	const char *value;
	const char *unit;
	const char *source; /* who chose it: "default", "--set", the scenario; "": not told */
};

struct settings_seen {
	struct setting_seen *v;
	size_t n;
	const struct settings_seen *before; /* the telling before; NULL: the first */
};

struct expect_seen { /* an expectation, as the scenario asks for it */
	const char *name, *metric; /* readable alone; a name of scenario/metrics.h */
	const char *fault;         /* only this one; NULL: the worst of all */
	const char *of;            /* only these operations; NULL: all */
	const char *checker, *run; /* by which it is judged; the id of a step */
	const char *object, *reason; /* what does not come up, and words of why */
	const char *accepted;      /* why what is beyond its limits is taken; NULL: it is not ... */
	const char *setting, *setting_value; /* ... and what has to be in force for that */
	bool within_predicted, want; /* `want`: true where it is not said */
	bool unmissable; /* nobody's, but asked of what a figure stands on (check/counts.c) */
	bool has_at_most, has_at_least;
	double at_most, at_least; /* in the metric's unit: ns, a count, per cent, 0 or 1 */
};

/* What a scenario is. A text that is not told is "?" in the first three, "" in `title` and
 * `file`, NULL in the others. */
struct script_seen {
	const char *name, *system, *variant;
	const char *title, *file;
	const char *seed;     /* its own; NULL: the run's */
	const char *compare;  /* beside which others a report shows it */
	int64_t repetition, repetitions; /* from 1 of so many; 0: it is not repeated */
	int64_t phase_ns;     /* by which the first fault is later than written */
	struct expect_seen *expects;
	size_t nexpects;
};

struct stands_seen { /* did the fixture come up as written */
	int64_t t_ns;
	bool ok;
	const char *point, *member, *reason; /* where it stopped */
};

struct answerer { /* a server that the final read was taken from */
	const char *address; /* "10.244.1.7:6379" */
	const char *member;  /* "": nobody knows whose address that was */
	enum role role;      /* as it said itself, after it had told everything */
	uint32_t shard;      /* 0: it has none, or did not tell */
};

struct value_range {
	int64_t lo, hi;
};

struct register_seen {
	int64_t key, value; /* OP_NO_VALUE: it holds nothing */
};

/* What the final read found. What it did not tell is not known: that is not the
 * same as nothing. */
struct final_seen {
	int64_t t_ns; /* when it was told */
	struct value_range *present;
	size_t npresent;
	int64_t duplicates; /* values that were there more than once, each but the first time */
	struct register_seen *registers; /* in the order in which they were told */
	size_t nregisters;
	struct final_message *messages;
	size_t nmessages;
	bool has_present, has_duplicates, has_registers, has_messages;
	struct answerer *answerers; /* none: it does not say who answered */
	size_t nanswerers;
};

struct whole_seen { /* what a load agent recorded is in history.jsonl, all of it */
	uint32_t group;
	int64_t ops;
	uint32_t sum;
};

struct fault_target {
	const char *member, *node, *uid, *ip;
	enum role role; /* when the fault was planned */
	const char *role_told; /* the word that it was told in */
	bool bit;       /* somebody said that the fault took effect at it */
};

struct sentences {
	const char **v;
	size_t n, alloc;
};

/* A fault, all its events together. */
struct fault_record {
	const char *id, *name, *how;
	const char *state;    /* of its newest event */
	const cJSON *params;  /* the step's own, defaults filled in; for fault/ alone */
	struct effects does;
	struct fault_target *targets;
	size_t ntargets;
	const char *target;   /* their names (of nodes, where it has no members): "a, b" */
	const char *role, *node; /* of the first of them, as told */
	int64_t planned_ns, injected_ns, effective_ns, healing_ns, healed_ns; /* 0: never */
	int64_t everywhere_ns; /* in effect at all of its targets; effective_ns: at the first */
	int64_t te_ns;        /* no instant of it is further from the truth: the clocks' error */
	int injecting, effective; /* how many agents said so, each of its targets */
	bool silences;        /* its targets answer nobody elsewhere from effective_ns on */
	bool no_effect;       /* at one of its nodes at least */
	bool unproven;        /* somebody said that it took effect, and not by what that shows */
	bool bites;           /* effective at every one of its targets */
	bool undone;
	struct sentences evidence, undo;
};

struct image_seen {
	const char *stock, *used;
};

/* What the run tells of itself. */
struct run_seen {
	const char *run_id, *seed, *engine, *version; /* "?": it does not tell */
	const char *started, *command; /* "": it does not */
	int64_t format;                /* of its files; 1 where it does not tell */
	int tap;                       /* the version that was printed */
	int64_t planned;               /* scenarios; -1: not told */
	int64_t cores, memory_bytes;   /* of the machine; -1: not told */
	bool has_images;
	struct image_seen *images;
	size_t nimages;
};

struct evidence {
	int scenario;
	struct run_seen run;
	const struct script_seen *script; /* NULL: none, or this is of the run itself */
	int64_t begin_ns;      /* its time, or the run's */
	struct load_spec load; /* that was asked for; what it does not tell is 0 */
	const char *mix;       /* of the load, as it was told (JSON); "": it was not */
	bool has_load;
	struct step_seen *steps;
	size_t nsteps;
	const char **listed; /* the members that the scenario tells it has */
	size_t nlisted;
	struct settings_seen *settings; /* that were asked for, defaults too; NULL: not told */
	struct settings_seen *inforce; /* as the running system told them last; NULL: not asked */
	struct final_seen *final; /* the last one; NULL: none was made */
	const char *unsettled; /* why the system had not settled before it; NULL: it had */
	bool over;             /* the scenario went to its end, or the run did */
	int64_t end_ns;        /* when the run did; 0: it did not */
	struct stands_seen *stands; /* NULL: it did not get that far */
	const char *unsupported; /* why the engine cannot do it; NULL: it can */
	bool interrupted;
	/* Wall clock minus CLOCK_MONOTONIC, for stamps in logs; has_wall false: the run does
	 * not tell, or the clock was set meanwhile, by set_ns. */
	int64_t wall_ns, set_ns;
	bool has_wall;
	/* What broke first of all that spoils this scenario. */
	bool broken;
	const char *broken_where, *broken_what;
	/* Why the operations are not all that happened, in a sentence without its
	 * full stop: nothing may be judged by them. NULL: they are all. */
	const char *incomplete;
	bool scheduled; /* by when operations were due none is missing */
	int64_t holes;  /* ... so many are, between others that are there */
	int64_t first_ns, last_ns; /* of its own events */

	struct sample *samples; /* the sampler's and the witnesses' */
	size_t nsamples;
	struct pod_seen *pods;
	size_t npods;
	struct endpoints_seen *endpoints;
	size_t nendpoints;
	struct log_seen *logs;
	size_t nlogs;
	struct job_seen *jobs;
	size_t njobs;
	struct adapted_seen *adapted;
	size_t nadapted;
	struct phase_seen *phases;
	size_t nphases;
	struct group_seen *groups;
	size_t ngroups;
	const char **members;  /* whom the sampler asked, the first one first */
	size_t nmembers;
	struct noise_seen *noise;
	size_t nnoise;
	struct load_told *told;
	size_t ntold;
	struct whole_seen *whole;
	size_t nwhole;
	struct fault_record *faults; /* in the order in which they first show */
	size_t nfaults;
	struct arena arena;
};

/* What a fault of this name does with these parameters; fault/ knows. */
typedef void effects_fn(const char *fault, const cJSON *params, struct effects *out);

/* `events`: all of a run's, or those of one scenario and of the whole run; they
 * must outlive *ev, which evidence_free() ends. Scenario -1: what belongs to
 * none, of the run itself. */
void evidence_make(const cJSON *events, int scenario, effects_fn *effects, struct evidence *ev);
void evidence_free(struct evidence *ev);

/* Holds the history against the events and sets ev->incomplete: by the blocks
 * and what the load agents told of them; in files without blocks by the times
 * alone, which show when the end is missing and when the clock is another. */
void evidence_weigh(struct evidence *ev, const struct history *h);

/* Whether anything counts the operations of its history (after evidence_weigh()):
 * blocks, the load agents, a schedule without a hole, or who made it with another tool
 * and answers for it. Where nothing does, as in older files, a line may be missing, and
 * a value that no operation sent says nothing of the system. */
bool evidence_counts_ops(const struct evidence *ev);

/* Whether two names are one setting's: systems write min-replicas-to-write what scenarios
 * call min_replicas_to_write. */
bool setting_same(const char *a, const char *b);
/* A setting in force by its name; NULL: the system did not tell it. */
const struct setting_seen *setting_find(const struct settings_seen *inforce, const char *name);
/* A register at the end; NULL: nobody told. */
const struct register_seen *final_register(const struct final_seen *final, int64_t key);

/* ---- who was what, when ---- */

/* The newest answer "writable primary" that the sampler got by t_ns; NULL:
 * none. With a shard, of that shard (0: of any). */
const struct sample *evidence_leader(const struct evidence *ev, uint32_t shard, int64_t t_ns);
/* The first one after t_ns, but of `not` (NULL: of anybody). */
const struct sample *evidence_next_leader(const struct evidence *ev, uint32_t shard, int64_t t_ns,
					  const char *not);
/* The newest answer of a member by t_ns, a witness' included; NULL: none. */
const struct sample *evidence_answer(const struct evidence *ev, const char *member, int64_t t_ns);

/* The first time within [from_ns, to_ns] for which nobody asked this member what it was,
 * where that is longer than three questions that hang: ns, and *since. 0: there is none. */
int64_t evidence_hole(const struct evidence *ev, const char *member, int64_t from_ns, int64_t to_ns,
		      int64_t *since);
/* Whether the sampler asked it what it is: whether it is a member. */
bool evidence_asked(const struct evidence *ev, const char *pod);
/* A member of whose StatefulSet this pod is: pods of one set are members all, or none of
 * them is. NULL: of none. */
const char *evidence_brother(const struct evidence *ev, const char *pod);
/* A member that was never asked what it is: a target of a fault that had a role, or a pod of
 * whose set *beside was asked. NULL: there is none. */
const char *evidence_unasked(const struct evidence *ev, const char **beside);

/* The number of the first answer at t_ns or after it; ev->nsamples: there is none. */
size_t evidence_answers_from(const struct evidence *ev, int64_t t_ns);

/* The first answer of a member in (from_ns, to_ns] that came from another
 * server process than the answer before it; NULL: none. */
const struct sample *evidence_new_process(const struct evidence *ev, const char *member,
					  int64_t from_ns, int64_t to_ns);

/* The first change in (from_ns, to_ns] of a member's pod that shows it made anew
 * (another UID) or a container of it restarted; *recreated tells which. */
const struct pod_seen *evidence_pod_restarted(const struct evidence *ev, const char *member,
					      int64_t from_ns, int64_t to_ns, bool *recreated);

/* Which member an address ("10.244.1.7", "10.244.1.7:6379", or a member's own
 * name) was at t_ns, or became first after it; "": unknown. */
const char *evidence_member_at(const struct evidence *ev, const char *address, int64_t t_ns);
/* A pod's newest known address and node by t_ns; "" unknown. */
const char *evidence_address(const struct evidence *ev, const char *member, int64_t t_ns);
const char *evidence_node(const struct evidence *ev, const char *member);

const struct group_seen *evidence_group(const struct evidence *ev, uint32_t number);

/* Whether what the final read found is what the system holds: it was made, after
 * the system had settled, and each server that answered was the only writable
 * primary of its part. Where a run does not tell who answered (older ones), at
 * least no two may have been primaries at its end. False: `why` says what is
 * wrong, in words that follow "the final read cannot be relied on: ". */
bool evidence_final_sound(const struct evidence *ev, char *why, size_t size);
/* The same without asking whether the system had settled: what one primary
 * lacks is lost, also where a replica is still away. */
bool evidence_final_entitled(const struct evidence *ev, char *why, size_t size);

/* When a phase began first; 0: never. */
int64_t evidence_phase(const struct evidence *ev, const char *phase);

/* Is a ready address of the Endpoints this one? */
bool endpoints_hold(const struct endpoints_seen *e, const char *ip);
/* Did the i-th of the endpoints gain this address, against what the same object held
 * before? False: `ip` is "", or it is the first that was seen of the object. */
bool evidence_gained(const struct evidence *ev, size_t i, const char *ip);
const char *endpoints_annotation(const struct endpoints_seen *e, const char *name);

static inline bool job_failed(const struct job_seen *j)
{
	return !strcmp(j->state, "failed");
}
static inline bool job_over(const struct job_seen *j)
{
	return !strcmp(j->state, "succeeded") || job_failed(j);
}
/* The Job of the run step with this id; NULL: it was never begun. */
const struct job_seen *evidence_job(const struct evidence *ev, const char *id);

/* ---- logs ---- */

struct log_line {
	const char *member, *container;
	int64_t t_ns;     /* as the line's own stamp says */
	const char *text; /* behind the stamp; not terminated: `len` bytes */
	size_t len;
	char mark;        /* what else the stamp tells (Redis: the role); 0: nothing */
};

/* Takes a line's stamp off, which is of the wall clock, in ns: *out is given
 * with the whole line in text and len. False: it has none. */
typedef bool log_stamp_fn(struct log_line *line);

/* Calls fn for every stamped line within [from_ns, to_ns], one log after the
 * other, until it returns true. Returns whether it did. Nothing without the
 * run's wall clock. */
bool evidence_log_each(const struct evidence *ev, log_stamp_fn *stamp, int64_t from_ns,
		       int64_t to_ns, bool (*fn)(void *arg, const struct log_line *line),
		       void *arg);

/* Whether what is kept of the first container's log reaches back to then: a line before
 * that is there, or all that the container wrote. */
bool evidence_log_reaches(const struct evidence *ev, log_stamp_fn *stamp, const char *member,
			  int64_t t_ns);

/* What a line must be like; what is NULL or 0 does not matter. */
struct log_wanted {
	const char *member, *not; /* of this one; of anyone but this one */
	char mark;
	const char *begins;
	const char *has, *and;    /* both occur in it */
};

/* The earliest line within [from_ns, to_ns] that fits. False: none. */
bool evidence_log_first(const struct evidence *ev, log_stamp_fn *stamp,
			const struct log_wanted *want, int64_t from_ns, int64_t to_ns,
			struct log_line *out);

/* ---- faults ---- */

/* Whom it hits: "primary" when one is among its targets, else the role of its
 * last target whose role was known, else "". */
const char *fault_role(const struct fault_record *f);
bool fault_hits(const struct fault_record *f, const char *member);
bool fault_hits_node(const struct fault_record *f, const char *node);
bool fault_does(const struct fault_record *f, uint32_t effects); /* any of them */

/* Whether it takes a pod away from the others: one of its targets, or whatever
 * else is on their nodes. */
bool fault_reaches(const struct evidence *ev, const struct fault_record *f, const char *pod);

/* Whether a lasting fault kept a pod from doing anything for the others at t_ns:
 * frozen, cut off or gone with its node. */
bool evidence_out(const struct evidence *ev, const char *pod, int64_t t_ns);

/* When it came to this member: with its injection, or, one by one, when the
 * member's pod was told to end; 0: never, or nothing tells. */
int64_t fault_came(const struct evidence *ev, const struct fault_record *f, const char *member);

/* Of one that takes its targets one by one, the last that it had come to by t_ns,
 * as if it had been a fault of that one alone: in the role that it had then, undone
 * when it was ready again. `t` is where *out keeps it. False: nobody by then. */
bool fault_hit(const struct evidence *ev, const struct fault_record *f, int64_t t_ns,
	       struct fault_record *out, struct fault_target *t);

/* Is t_ns within the time in which it was certainly or perhaps on: from its
 * effect until it was healed? */
bool fault_on(const struct fault_record *f, int64_t t_ns);

/* How long it lasted, at least and at most, in ns: from its effect or its
 * injection to its healing. False: it was not healed, or not yet. */
bool fault_length(const struct fault_record *f, int64_t *lo, int64_t *hi);

/* The earliest moment at which it may have been gone: when its healing began, where that
 * was told; else when it was seen to be gone. 0: it was not healed. */
int64_t fault_healing(const struct fault_record *f);

/* A word of a step that says what its fault does, and what the fault was made with; `was`
 * NULL: nothing tells that. */
struct word_seen {
	const char *word, *asked, *was;
};
/* The first one in which they differ. What a fault is made with has its defaults filled in.
 * False: there is none. */
bool fault_other_word(const struct step_seen *step, const struct fault_record *f,
		      struct word_seen *out);
/* The same of two faults of one name; a word that one does not tell is not held against it. */
bool faults_other_word(const struct fault_record *f, const struct fault_record *than,
		       struct word_seen *out);
/* Whether the faults of two scenarios' scripts are the same ones on the same targets. False,
 * too, where there are none. */
bool scripts_same_faults(const struct evidence *a, const struct evidence *b);

#endif
