#ifndef ORDEAL_SCENARIO_SCENARIO_H
#define ORDEAL_SCENARIO_SCENARIO_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "scenario/load_spec.h"
#include "scenario/metrics.h"
#include "yaml/yaml.h"

/* A scenario file, as it was read. doc/SCENARIOS.md is the manual of the format, with an
 * example of every key. */

/* X(ENUM, word) */
#define STEP_LIST(X) \
	X(STEADY, "steady") \
	X(FAULT, "fault") \
	X(HEAL, "heal") \
	X(AWAIT, "await") \
	X(RUN, "run")

enum step_kind {
#define STEP_ENUM(id, word) STEP_##id,
	STEP_LIST(STEP_ENUM)
#undef STEP_ENUM
};
const char *step_word(enum step_kind k);

/* What `await:` can wait for: X(ENUM, word). run/walk.c knows when each is
 * reached. */
#define AWAIT_LIST(X) \
	X(WRITES, "writes") \
	X(REDUNDANT, "redundant") \
	X(FAILOVER, "failover") \
	X(READY, "ready")

enum await_kind {
#define AWAIT_ENUM(id, word) AWAIT_##id,
	AWAIT_LIST(AWAIT_ENUM)
#undef AWAIT_ENUM
	AWAIT_JOB, /* "job/ID": that the Job which a run step began is over */
};
const char *await_word(enum await_kind k);

struct step {
	enum step_kind kind;
	const struct ynode *at;
	int64_t duration_ns; /* steady: how long; fault: `for` (0: until healed); await: within;
			      * run: within (0: it goes on beside the next steps) */
	const char *fault;   /* fault: its name in the list of faults */
	const char *cron_job; /* run: whose template it is */
	const char *id;      /* fault, heal, run: the id; await job/ID: the run's */
	const char *target;  /* fault: primary replica any all, or a name, or node/NAME */
	const struct ynode *params; /* fault: the whole step map */
	enum await_kind await;
};

struct expectation {
	enum expect_metric metric;
	const struct ynode *at;
	const char *name;    /* readable alone: "outage of kill at most 45 s" */
	bool within_predicted;
	bool has_at_most, has_at_least;
	double at_most, at_least; /* ns, count, per cent, or 0/1 */
	bool want;           /* bool metrics */
	const char *fault;   /* only this fault id; NULL: the worst of all */
	const char *of;      /* only these operations: a word of OF_LIST or a kind; NULL: all */
	const char *checker; /* EXPECT_CHECK */
	/* EXPECT_STANDS with want false: which object does not come up, and words of
	 * the reason. NULL: whatever keeps it from standing, which passes nothing.
	 * EXPECT_JOB with want false has words of the reason, too. EXPECT_ROUTES: the Service. */
	const char *object, *reason;
	const char *run;     /* EXPECT_JOB: the id of its step */
	/* Why what is beyond a limit of 0 (or at_most) is taken, and the setting that
	 * has to be in force with this value for it. NULL: it is not. */
	const char *accepted, *setting, *setting_value;
};

struct scenario {
	const char *file, *name, *title, *about, *system, *variant;
	int64_t ready_within_ns; /* how long the workloads may take to come up */
	const char *compare; /* beside which others the report shows it; NULL: as it finds */
	const struct ynode *root;
	const struct ynode *settings; /* map or NULL */
	struct load_spec load;
	struct step *steps;
	size_t nsteps;
	bool partial;  /* some steps could not be read: nobody knows what is missing */
	bool nameless; /* of one of them not even the id is known */
	struct expectation *expects;
	size_t nexpects;
};

/* Names that the file may use; the caller fills it from the lists, so that
 * this layer needs to know none of them. All NULL-terminated. */
struct scenario_names {
	const char *const *systems;
	const char *const *faults;
	const char *const *checkers;
	/* Parameters of one fault besides fault/target/as/for. */
	const char *const *(*fault_params)(const char *fault);
};

/* Reads and checks a file, and tells all that is wrong with it; with an error
 * *out holds what could be read, `system` and `variant` NULL where they could
 * not. Shape, names, units, contradictions (heal of an
 * id that was never injected, a fault injected twice, an await without
 * `within`, no expectation at all ...). */
int scenario_read(struct arena *a, const char *path, const struct scenario_names *names,
		  struct scenario *out, struct err *e);

/* The run step of this id; NULL: there is none. */
const struct step *scenario_run(const struct scenario *s, const char *id);

/* NAME of the target node/NAME, inside it; NULL: it is another target. */
const char *target_node_name(const char *target);
/* Whether it names no member or node, but says which of them by what they are. */
bool target_is_role(const char *target);

/* The fields of the "scenario" event (history/event.h) that the file alone
 * decides: name, title, about, compare, file, system, variant, load{} (history/load_spec.h),
 * steps[{step, line, and by kind: duration_ns |
 * fault, id, target, for_ns, params{} | id | await, within_ns | run, id, within_ns}],
 * expect[{name, metric, line, at_most, at_least, within_predicted, want,
 * fault, of, checker, object, reason, run, accepted, setting{name, value}}], limits in ns,
 * as counts or in per cent. What an expectation does not
 * have is left out. The caller deletes it. */
cJSON *scenario_to_json(const struct scenario *s);

#endif
