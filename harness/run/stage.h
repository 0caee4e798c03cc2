#ifndef ORDEAL_RUN_STAGE_H
#define ORDEAL_RUN_STAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/append.h"
#include "base/err.h"
#include "engine/engine.h"
#include "history/block.h"
#include "history/event.h"
#include "history/sample.h"

/* What a run holds while it is on: the engine with its agents, the two files
 * that everything is written to, and the clocks of the agents. One thread
 * drives it; only the engine's watch emits events from another. */

enum {
	STAGE_AGENTS_MAX = 64,
	/* Of the members, by the load agents. */
	STAGE_SAMPLE_EVERY_MS = 100,
	STAGE_PROBE_TIMEOUT_MS = 500,
};

/* The clients that stand beside a member: see SCENARIOS.md, load.minority. */
#define STAGE_BESIDE "minority"
#define STAGE_BESIDE_AGENT "load/" STAGE_BESIDE

struct agent_clock {
	char agent[ENGINE_AGENT_BYTES];
	int64_t offset_ns; /* driver's monotonic = agent's + offset */
	int64_t error_ns;  /* 0 when both share a kernel */
};

/* How far a load agent's history has been fetched. */
struct fetched {
	struct block_sum ops; /* their lines as they were written */
	bool all;             /* the agent said that there are no more */
};

struct stage {
	struct engine *en;
	const struct engine_ops *ops;
	const volatile int *interrupted;
	struct event_log events;
	struct append history;
	int scenario; /* index of the one that runs; -1: none */
	struct agent_clock clocks[STAGE_AGENTS_MAX];
	size_t nclocks;
	/* Draining the load agent. */
	bool loading;
	struct fetched got;
	int64_t next_sample, next_noise;
	/* The second load agent. A partition may keep it from answering for as
	 * long as it lasts; it keeps what was not fetched. */
	bool beside;
	char beside_member[MEMBER_NAME_BYTES];
	struct fetched beside_got;
	int64_t beside_next_sample, beside_next_noise, beside_retry_ns;
	int64_t drained_ns, leased_ns;
	int64_t mute_since_ns; /* the load agent has not answered since; 0: it does */
	char run_id[64];
};

/* call.c: calls an agent; an HTTP status of 300 or more is an error with the
 * agent's own words. `body` (may be NULL) is not consumed. *answer (may be
 * NULL) is the caller's to delete. */
int stage_call(struct stage *st, const char *agent, const char *method, const char *path,
	       const cJSON *body, int64_t timeout_ns, cJSON **answer, struct err *e);

/* Sends a DELETE. An agent that has nothing under this path leaves *known false
 * and *answer NULL: what is not there needs no undoing. Otherwise as
 * stage_call(). */
int stage_delete(struct stage *st, const char *agent, const char *path, int64_t timeout_ns,
		 cJSON **answer, bool *known, struct err *e);

/* Sets *e to an agent's refusal in its own words; returns -1. */
int stage_answer_error(const char *agent, const char *path, int status, const char *text,
		       struct err *e);

/* -1 when an event or an operation could not be written: the run is over, for
 * what happens from then on is not told. */
int stage_files(struct stage *st, struct err *e);

/* The clock of an agent against the driver's, measured once per agent by the
 * shortest of several round trips (as NTP, RFC 5905, section 8), or taken as
 * equal when both run on the same kernel. */
int stage_clock(struct stage *st, const char *agent, struct agent_clock *out, struct err *e);

/* Forgets measured clocks: after agents were started anew. */
void stage_forget_clocks(struct stage *st);

/* Writes the load agents' new operations, samples and noise to the files, all
 * of them when `all`. A load agent that does not answer is an error, and so is
 * an answer that was damaged on its way; the one beside a member only when
 * `all`, after some time. (drain.c) */
int stage_drain(struct stage *st, bool all, struct err *e);

/* Renews the dead-man timer of every agent that answers. */
void stage_lease(struct stage *st);

/* Drains and renews when it is time. Called between all waits. Returns -1
 * with ERR_INTERRUPTED once the user wants to stop, or when the load agent
 * has been mute for too long. */
int stage_tick(struct stage *st, struct err *e);

/* Waits until an absolute time, ticking. */
int stage_sleep_until(struct stage *st, int64_t mono_ns, struct err *e);

/* What the load agent sees at this moment: members, redundancy, noise, the
 * last acknowledgement. *status is the caller's to delete. */
int stage_status(struct stage *st, cJSON **status, struct err *e);

/* Whether the pod of a member in this status has been told to end, which then
 * serves on for a while; also when the engine cannot tell now. */
bool stage_member_ends(struct stage *st, const cJSON *status);

/* Waits until redundancy has held for a while, so that one answer is not taken
 * for a state. Returns 0; 1 when it did not come within the time, with the
 * system's own reason in `why`; -1 with an error. */
int stage_await_redundant(struct stage *st, int64_t within_ns, char why[WHY_BYTES], struct err *e);

/* Ends an agent's load, and emits {k: "load"}: how many operations it says that
 * it did. `group` is theirs in the history. */
int stage_stop_load(struct stage *st, const char *agent, uint32_t group, int64_t timeout_ns,
		    struct err *e);

/* Emits {k: "inforce"}: the settings as the running system tells them. */
void stage_emit_inforce(struct stage *st);

/* Emits {k: "broken"} with this text. */
void stage_broken(struct stage *st, const char *where, const char *what);

/* Emits {k: "unsupported"}: the engine cannot do what the scenario asks. */
void stage_unsupported(struct stage *st, const char *what);

void stage_phase(struct stage *st, const char *phase, const char *detail);

#endif
