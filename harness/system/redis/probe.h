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
struct probe {
	const struct access *acc;
	size_t number; /* of the member */
	struct redis_peer member;
	/* A replica knows its own offset only, so its master is asked for its own
	 * right after, over a connection of its own. */
	struct redis_peer source;
	struct redis_peer watch; /* who knows of it besides, in a system that has such */
};

/* What such a second question may take: a mute server must not make the
 * replica's answer old, nor delay the next question to the replica. */
#define REDIS_SECOND_MAX_NS (50 * NS_PER_MS)
int64_t redis_second_ns(int64_t until_ns); /* until when, from now on */

enum { REDIS_ID_SHOWN = 8 }; /* digits of an id in a sample */

struct probe *redis_probe_new(const struct access *acc, const struct member *m);
void redis_probe_free(struct probe *p);

enum { REDIS_QUESTIONS_MAX = 3 };

/* What a system asks a member, INFO first, all in one round trip. */
struct redis_questions {
	struct redis_question {
		int argc;
		const char *argv[3];
	} v[REDIS_QUESTIONS_MAX];
	size_t n;
	/* Fills the sample from the replies. False: they do not tell ... */
	bool (*fill)(const struct redis_peer *me, struct sample *s, redisReply *const *r);
	const char *silent; /* ... and that is the error */
};

/* Asks a member until member_until_ns, and a replica's master for how far behind
 * it is until until_ns. Fills t_ns, took_ns, error, closed, lag_bytes, and extra
 * with an object. */
void redis_probe_ask(struct probe *p, const struct redis_questions *q, struct sample *s,
		     int64_t member_until_ns, int64_t until_ns);

/* Of a flat list of names and values, as of CONFIG GET, one's value; "": it is
 * not there. */
const char *redis_pair(const redisReply *r, const char *name);

/* A member that answered: from its INFO, what is told of both roles. */
void redis_info_sample(const char *info, struct sample *s);
/* One whose data is read, whose disk takes writes (else MISCONF) and which has
 * all else that it needs is writable. */
void redis_info_master(const char *info, bool misconf, bool else_well, struct sample *s);
/* `of`: its master, by the name that its system gives it. */
void redis_info_replica(const char *info, const char *of, struct sample *s);
/* Whether a status ("aof_last_write_status") is "err". */
bool redis_info_err(const char *info, const char *status);

/* ---- the settings in force ---- */

struct redis_setting {
	const char *name, *unit;
};

/* What one server tells of them: 0, or -1 and why. */
typedef int redis_tell_fn(struct redis_peer *p, const void *arg, int64_t until_ns, cJSON *out,
			  char *why, size_t size);

/* The servers are configured alike: the first one that answers within its share
 * of the time tells. Returns 0 or -1. */
int redis_first_to_tell(const char *const *hosts, size_t n, int port, redis_tell_fn *tell,
			const void *arg, int64_t until_ns, cJSON *out, struct err *e);

/* Of a member's CONFIG GET, and its version. The list ends with a NULL name. */
int redis_inforce(const struct access *acc, const struct redis_setting *v, int64_t until_ns,
		  cJSON *out, struct err *e);

#endif
