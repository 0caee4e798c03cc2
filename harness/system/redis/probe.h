#ifndef ORDEAL_SYSTEM_REDIS_PROBE_H
#define ORDEAL_SYSTEM_REDIS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "system/client.h"
#include "system/redis/peer.h"

/* Asking a Redis server directly: what the probes of both systems do alike. One
 * thread owns it.
 *
 * What is filled into sample.extra here (what a server does not tell is left
 * out):
 *   run_id        the process' id, its first 8 digits: another one restarted
 *   of, link      on a replica: its master, and master_link_status ("up", "down")
 *   silent_s      on a replica: for how long it has heard nothing from its master
 *   loading, syncing   booleans
 *   sync_full, sync_partial   resynchronisations that it has served, and
 *   evicted_keys  ... since the process began
 *   memory        used, in bytes */
struct redis_probe {
	struct redis_peer member;
	/* A replica knows its own offset only, so its master is asked for its own
	 * right after, over a connection of its own. */
	struct redis_peer source;
};

/* What such a second question may take: a mute server must not make the
 * replica's answer old, nor delay the next question to the replica. */
#define REDIS_SECOND_MAX_NS (50 * NS_PER_MS)

enum { REDIS_ID_SHOWN = 8 }; /* digits of an id in a sample */

void redis_probe_init(struct redis_probe *p, const struct access *acc, const struct member *m);
void redis_probe_drop(struct redis_probe *p);

struct redis_question {
	int argc;
	const char *argv[3];
};

/* Asks all of it in one round trip. Fills t_ns, took_ns, error, closed, and
 * extra with an object. True: each was answered, and none with an error. The
 * replies are the caller's either way: redis_replies_free(). */
bool redis_probe_ask(struct redis_probe *p, const struct redis_question *q, redisReply **r, size_t n,
		     struct sample *s, int64_t until_ns);
void redis_replies_free(redisReply **r, size_t n);

/* A member that answered: from its INFO, what is told of both roles. */
void redis_info_sample(const char *info, struct sample *s);
/* `of`: its master, by the name that its system gives it. */
void redis_info_replica(const char *info, const char *of, struct sample *s);
/* Whether a status ("aof_last_write_status") is "err". */
bool redis_info_err(const char *info, const char *status);

/* Fills lag_bytes of a replica whose INFO is given; leaves it when its master
 * does not tell in time. Of anybody else it asks nothing. */
void redis_probe_lag(struct redis_probe *p, const char *info, struct sample *s, int64_t until_ns);

/* ---- the settings in force ---- */

struct redis_setting {
	const char *name, *unit;
};

/* Of CONFIG GET, and the version. The members are configured alike: the first
 * one that answers tells. Returns 0 or -1. */
int redis_inforce(const struct access *acc, const struct redis_setting *v, size_t n, int64_t until_ns,
		  cJSON *out, struct err *e);

#endif
