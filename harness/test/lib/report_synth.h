#ifndef ORDEAL_TEST_LIB_REPORT_SYNTH_H
#define ORDEAL_TEST_LIB_REPORT_SYNTH_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rng.h"

/* Makes events.jsonl and history.jsonl of a run that never was, as a run
 * would have written them: for the tests of the reporters. The same content
 * every time. `dir` is created. */

enum {
	RUN_KILL = 1,       /* the primary is killed: 31 s without writes, nothing lost */
	RUN_KINDS = 2,      /* six faults one after the other; two lose writes */
	RUN_DOCUMENTED = 4, /* a fixture that does not come up, with hostile logs */
	RUN_SPLIT = 8,      /* cut off: two primaries at once, lag, many writes lost */
	RUN_NO_EFFECT = 16, /* a fault without effect: broken */
	RUN_REPEAT = 64,    /* seven repetitions of a kill; one never recovers, one is broken */
	RUN_REPEAT_FAST = 256, /* the same scenario, back four times as soon; not with it */
	RUN_ONE_WAY = 2048, /* the same, but of what is sent to it alone */
	RUN_GUARDED = 128,  /* RUN_SPLIT's fault with other settings */
	RUN_LOSS_EXPECTED = 512, /* RUN_SPLIT's fault, and no expectation about loss */
	RUN_SKIPPED = 1024, /* the engine cannot do it */
	RUN_INTERRUPTED = 32, /* a scenario that Ctrl-C cut short; put last */
};

void report_synth(const char *dir, unsigned what);

/* ---- between report_synth.c and report_synth_runs.c ---- */

struct pretend_fault {
	const char *id, *fault, *how;
	double at_s, down_s;
	double recover_s; /* after the fault, until the victim is back as a replica */
	double held_s;    /* a lasting fault: until it is undone */
	bool fails_over;  /* to the next member, on a new timeline */
	double dual_s;    /* the victim goes on as a primary for so long after that */
	int lost;
	const char *proof[2], *undo[2];
};

struct pretend {
	FILE *events, *history;
	int scenario, timeline, primary;
	int64_t now_ns;   /* end of what was written */
	int64_t begin_ns; /* of the load */
	struct rng rng;
	int64_t next_value, regs[8];
	int repetition, repetitions;
	bool guarded;     /* synchronous_mode is on */
	double speed;     /* 0: 1 */
	const char *direction; /* of cuts; NULL: both */
	char *present;    /* by value: 1 is there */
};

cJSON *pretend_event(const struct pretend *s, int64_t t_ns, const char *kind);
void pretend_emit(struct pretend *s, cJSON *event);
/* The same with more fields, as JSON text. */
void pretend_emit_text(struct pretend *s, int64_t t_ns, const char *kind, const char *fields);
cJSON *pretend_json(const char *text);
int64_t pretend_sec(double v);

/* From the manifests to a running system. */
void pretend_come_up(struct pretend *s);
/* Load, faults, samples and the end of one scenario. */
void pretend_act(struct pretend *s, const struct pretend_fault *v, size_t n, double length_s,
		 bool bites, bool finished);

#endif
