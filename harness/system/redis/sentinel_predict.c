#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/prediction.h"
#include "system/redis/sentinel_rules.h"

/* How long writes may be down, by the rules of Sentinel, Kubernetes and Redis
 * under the settings in force.
 *
 * A Sentinel pings every second. It takes a server for down (SDOWN) when a
 * ping has been unanswered for down-after-milliseconds, or when its connection
 * is broken and the last answer is that old: so from 1 s before to 1 s after
 * down-after, counted from the fault. It asks the others every second; with a
 * quorum the master is down for all (ODOWN). It waits up to 1 s of chance, asks
 * for votes, and needs a majority of all Sentinels. The leader promotes a
 * replica at once, and believes it when that one's INFO, asked every second
 * during a failover, says so; then it names it to clients, and tells the other
 * Sentinels. (Sentinel documentation, "SDOWN and ODOWN failure state", "The
 * Sentinels and replicas auto discovery", and the constants of sentinel.c.)
 *
 * What no document states is an allowance, named here and said to be one. */

#define S(x) ((int64_t)((x) * 1e9))
#define PING S(1)          /* sentinel.c: SENTINEL_PING_PERIOD */
#define TICK S(0.1)        /* its timer, 10 to 20 times a second */
#define ASK S(1)           /* SENTINEL_ASK_PERIOD */
#define DESYNC S(1)        /* SENTINEL_MAX_DESYNC */
#define INFO S(1)          /* sentinelSendPeriodicCommands(): while a failover is on */
#define STEPS S(0.5)       /* allowance: votes and the steps between two ticks */
#define CLIENTS S(1)       /* allowance: clients time out, ask a Sentinel and connect */
#define RECREATE S(10)     /* allowance: StatefulSet controller, volume, container start */
#define BACKOFF S(11)      /* second restart of a container within ten minutes, and its start */
#define LOAD S(3)          /* allowance: reading the AOF */
#define RECONNECT S(2)     /* allowance: dead connections give up, new ones open */
#define DISK_CRON S(7)     /* AOF again every second, a failed snapshot again after 5 s */
#define NODE_BOOT S(30)    /* allowance: a node and its pods start again */

#define DOC "Redis Sentinel documentation: "
#define DETECTION DOC "SDOWN and ODOWN failure state; sentinel.c"
#define RESTARTS DOC "Sentinel and persistence; StatefulSets of Kubernetes"

struct rules {
	int64_t down_after, failover_timeout, shutdown, min_lag;
	int64_t quorum, others, min_replicas;
	bool no_log;
	struct assumed assumed;
};

static void rules_read(const cJSON *inforce, struct rules *r)
{
	memset(r, 0, sizeof(*r));
	r->down_after = prediction_number(inforce, "down-after-milliseconds", 30000, &r->assumed) * NS_PER_MS;
	r->failover_timeout = prediction_number(inforce, "failover-timeout", 180000, &r->assumed) * NS_PER_MS;
	r->quorum = prediction_number(inforce, "quorum", 2, &r->assumed);
	r->others = prediction_number(inforce, "num-other-sentinels", 2, &r->assumed);
	r->min_replicas = prediction_number(inforce, "min-replicas-to-write", 0, &r->assumed);
	r->min_lag = prediction_number(inforce, "min-replicas-max-lag", 10, &r->assumed) * NS_PER_S;
	r->no_log = prediction_off(inforce, "appendonly");
	r->shutdown = prediction_number(inforce, "shutdown-timeout", 10, &r->assumed) * NS_PER_S;
}

static int64_t promoted_lo(const struct rules *r)
{
	return r->down_after - PING;
}

static int64_t promoted_hi(const struct rules *r)
{
	return r->down_after + PING + TICK + ASK + DESYNC + STEPS + INFO + TICK + CLIENTS;
}

/* A master that is told to end may answer pings while it waits for its
 * replicas, so the Sentinels may begin that much later. */
static void replica_promoted(struct prediction *p, const struct rules *r, int64_t later)
{
	int64_t lo = promoted_lo(r), hi = promoted_hi(r) + later;

	prediction_add(p, "replica promoted", lo, hi, DETECTION,
		       "down-after-milliseconds %.1f s without an answer, give or take a ping (1 s); up to 1 s until quorum %lld is asked for, 0 to 1 s of chance, votes (%.1f s allowed); up to 1 s until INFO confirms; %.1f s allowed for clients: %.1f to %.1f s",
		       in_s(r->down_after), (long long)r->quorum, in_s(STEPS), in_s(CLIENTS), in_s(lo), in_s(hi));
	prediction_note(p, "When votes split or no replica fits, the next attempt comes after 2 * failover-timeout = %.0f s; a Sentinel that was stopped for 2 s (TILT) does nothing for 30 s.",
			2 * in_s(r->failover_timeout));
	if (r->others + 1 < 3)
		prediction_note(p, "With %lld Sentinels a majority is all of them.", (long long)r->others + 1);
}

/* A lasting fault against down-after: whichever comes first. */
static void promoted_or_end(struct prediction *p, const struct rules *r, const cJSON *fault, int64_t after,
			    const char *why)
{
	int64_t lo, hi;
	bool known = prediction_fault_length(fault, &lo, &hi);

	if (!known || hi >= promoted_lo(r))
		replica_promoted(p, r, 0);
	if (known && lo <= promoted_hi(r))
		prediction_fault_ends(p, fault, after, DETECTION, why);
}

/* The same member is back before the Sentinels miss it, or in the middle of
 * their vote. */
static void dies(struct prediction *p, const struct rules *r, int64_t start, int64_t later, const char *who)
{
	int64_t load = r->no_log ? 0 : LOAD, hi = later + start + load + RECONNECT;

	prediction_add(p, "same member restarts", 0, hi, RESTARTS,
		       "%s before the Sentinels miss it (%.1f s allowed), asks them who the master is, reads what it has on disk (%.1f s allowed) and goes on, unless its start leaves them the time to promote another: 0 to %.1f s",
		       who, in_s(start), in_s(load), in_s(hi));
	replica_promoted(p, r, later);
	if (r->no_log)
		prediction_note(p, "appendonly is off: a member that restarts and leads on has its last snapshot, or nothing, and its replicas copy that.");
}

static void partition(struct prediction *p, const struct rules *r, const cJSON *fault)
{
	promoted_or_end(p, r, fault, RECONNECT,
			"it ended before a replica was promoted, and the master goes on");
	if (r->min_replicas > 0)
		prediction_note(p, "Cut off, the old master stops taking writes min-replicas-max-lag = %.0f s after its replicas' last word: what it took until then is lost.",
				in_s(r->min_lag));
	else
		prediction_note(p, "Cut off, the old master takes writes until it is healed and told to follow: all of them are lost.");
}

/* A server that cannot write its AOF answers MISCONF to writes and to PING
 * alike (server.c, processCommand()), and a Sentinel takes no error but LOADING
 * and MASTERDOWN for a sign of life (sentinelPingReplyCallback()). */
static void fill_disk(struct prediction *p, const struct rules *r, const cJSON *fault)
{
	promoted_or_end(p, r, fault, DISK_CRON + RECONNECT,
			"space returned before a replica was promoted; the AOF is tried again every second, a failed snapshot after 5 s");
	prediction_note(p, "MISCONF answers PING, too: to a Sentinel the server is down.");
}

static void primary(struct prediction *p, const struct rules *r, const cJSON *fault, const char *name)
{
	const char *how = fault_how(fault, "how", "crash");

	if (!strcmp(name, "kill-pod")) {
		dies(p, r, RECREATE, !strcmp(how, "graceful") ? r->shutdown : !strcmp(how, "force") ? S(2) : 0,
		     "the StatefulSet creates the pod again under its name");
		if (!strcmp(how, "graceful"))
			prediction_note(p, "Told to end, it waits for its replicas, at most shutdown-timeout %.0f s, and hands nothing over.",
					in_s(r->shutdown));
	} else if (!strcmp(name, "kill-process")) {
		dies(p, r, BACKOFF, 0, "the kubelet restarts the container, at once the first time and after 10 s the second within ten minutes");
	} else if (!strcmp(name, "pause")) {
		promoted_or_end(p, r, fault, RECONNECT, "it ended before a replica was promoted, and the master goes on");
	} else if (!strcmp(name, "partition-node")) {
		partition(p, r, fault);
	} else if (!strcmp(name, "node-down")) {
		promoted_or_end(p, r, fault, NODE_BOOT + LOAD + RECONNECT,
				"the node came back before a replica was promoted, and the same member starts again");
		prediction_note(p, "A Sentinel goes with it: the others must be a majority, and agree.");
	} else if (!strcmp(name, "fill-disk")) {
		fill_disk(p, r, fault);
	} else {
		prediction_note(p, "No rule is known for the fault \"%.40s\".", name);
	}
}

static void replica(struct prediction *p, const struct rules *r, const char *name)
{
	if (r->min_replicas > 1) {
		prediction_note(p, "With min-replicas-to-write %lld a master that misses one replica refuses writes after %.0f s; no window is computed for that.",
				(long long)r->min_replicas, in_s(r->min_lag));
		return;
	}
	prediction_add(p, "writes need no replica", 0, 0, DOC "Replication is asynchronous",
		       "a master answers without waiting for its replicas, whatever %s does to one of them",
		       *name ? name : "a fault");
}

void redis_sentinel_predict(const cJSON *fault, const cJSON *inforce, struct prediction *out)
{
	const char *name = json_str(fault, "fault", ""), *role = fault_role(fault);
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(inforce, &r);
	if (!strcmp(role, "primary"))
		primary(out, &r, fault, name);
	else if (!strcmp(role, "replica"))
		replica(out, &r, name);
	else
		prediction_note(out, "It is not known whether the target was the master.");
	if (*r.assumed.names)
		prediction_note(out, "Not reported, taken at the default: %s.", r.assumed.names);
}
