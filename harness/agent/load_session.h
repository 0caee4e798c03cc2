#ifndef ORDEAL_AGENT_LOAD_SESSION_H
#define ORDEAL_AGENT_LOAD_SESSION_H

#include <cjson/cJSON.h>
#include <pthread.h>

#include "load/heartbeat.h"
#include "load/load.h"
#include "load/noise.h"
#include "load/sampler.h"

/* What the load agent holds between setup and reset. `setup`, `start` and
 * `stop` are called by one thread at a time; the rest by any. */
struct load_session {
	const struct system *sys;
	cJSON *body;        /* the setup request: everything below points into it */
	struct access acc;
	struct load_conf conf;
	struct access near; /* the members that this agent asks; they are acc's */
	struct sampler *sampler; /* NULL: it asks none */

	pthread_mutex_t lock;
	struct load *load;  /* NULL before the start; stays after the stop */
	struct heartbeat *heartbeat; /* as the load */
	struct noise_mark begin;
	cJSON *noise;       /* as it was at the stop; NULL while running */
	int refs;
};

/* Takes ownership of `body`. Creates tables, starts the sampler. */
int load_session_new(cJSON *body, struct load_session **out, struct err *e);
int load_session_start(struct load_session *s, int64_t *t0_ns, struct err *e);
/* Ends the load; returns how many operations were recorded. */
int64_t load_session_stop(struct load_session *s);
/* GET /v1/status. */
cJSON *load_session_status(struct load_session *s);
/* POST /v1/final. */
cJSON *load_session_final(struct load_session *s, struct err *e);
/* The load, NULL before the start. */
struct load *load_session_load(struct load_session *s);
/* GET /v1/noise: rows from `from` on. */
void load_session_noise(struct load_session *s, int64_t from, struct buf *out);

/* Ends everything. */
void load_session_free(struct load_session *s);

#endif
