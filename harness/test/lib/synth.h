#ifndef ORDEAL_TEST_LIB_SYNTH_H
#define ORDEAL_TEST_LIB_SYNTH_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "history/op.h"

/* A history whose truth is known: an open-loop load of many clients against
 * a pretended service that is down between known instants. */

enum synth_mode {
	SYNTH_REFUSE, /* open calls break, new ones are refused at once */
	SYNTH_VANISH, /* open calls hang until their deadline, new ones are refused */
	SYNTH_HANG,   /* open and new calls hang until their deadline, even past the end */
	SYNTH_FREEZE, /* calls and answers hang, and come at the end if they are still waited for */
};

struct synth_down {
	int64_t from, to; /* ns */
	enum synth_mode mode;
};

enum { SYNTH_MOST = 16384 }; /* calls */

struct synth {
	uint64_t seed;
	double rate;
	int clients;
	int64_t deadline_ns, start_ns, length_ns;
	struct synth_down down[4];
	int ndown;
	int64_t latency_ns,
		spread_ns; /* each call takes latency + 0..spread, now and then thrice that */
	int64_t connect_ns; /* more for the first call of a connection */
	bool paced;         /* as the load does when clients hang */
	int read_pct, cas_pct;
	/* By value: when the call took effect, if it ever did; filled by
	 * synth_history(). */
	int64_t effect[SYNTH_MOST];
};

/* 200 a second, 64 clients, deadline 1 s, 10 s before the first outage. */
void synth_defaults(struct synth *s, uint64_t seed);

void synth_history(struct synth *s, struct history *h);

/* Events of scenario 0. */
cJSON *synth_fault(const char *id, const char *fault, const char *state, int64_t t);
/* Injected and effective at t. */
void synth_add_fault(cJSON *events, const char *id, const char *fault, int64_t t);
cJSON *synth_sample(const char *member, int64_t t, bool ok, const char *role, bool writable,
		    int timeline);
/* Every 100 ms: m0 leads until each outage, m1 after it. */
/* A pod, and a Service that leads to it alone. */
void synth_service(cJSON *events, const char *service, int64_t t, const char *pod);
void synth_samples(const struct synth *s, cJSON *events);

#endif
