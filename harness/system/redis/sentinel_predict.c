#include <string.h>

#include "system/allowances.h"
#include "system/redis/log.h"
#include "system/redis/predict.h"
#include "system/redis/sentinel_model.h"

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
 * What no document states is an allowance, named here or in allowances.h, and
 * said to be one. */

#define S(x) ((int64_t)((x) * 1e9))
#define PING S(1)          /* sentinel.c: SENTINEL_PING_PERIOD */
#define TICK S(0.1)        /* its timer, 10 to 20 times a second */
#define ASK S(1)           /* SENTINEL_ASK_PERIOD */
#define DESYNC S(1)        /* SENTINEL_MAX_DESYNC */
#define INFO S(1)          /* sentinelSendPeriodicCommands(): while a failover is on */
#define STEPS S(0.5)       /* allowance: votes and the steps between two ticks */
#define CLIENTS S(1)       /* allowance: clients time out, ask a Sentinel and connect */
#define DISK_CRON S(7)     /* AOF again every second, a failed snapshot again after 5 s */

#define DOC "Redis Sentinel documentation: "
#define RESTARTS DOC "Sentinel and persistence; StatefulSets of Kubernetes"

struct rules {
	int64_t down_after, failover_timeout, shutdown, min_lag;
	int64_t quorum, others, min_replicas;
	struct redis_takeover promotion;
	struct assumed assumed;
};

static void replica_promoted(struct prediction *p, const struct rules *r, int64_t lo, int64_t hi)
{
	prediction_add(p, "replica promoted", lo, hi, r->promotion.source,
		       "down-after-milliseconds %.1f s without an answer, give or take a ping (1 s); up to 1 s until quorum %lld is asked for, 0 to 1 s of chance, votes (%.1f s allowed); up to 1 s until INFO confirms; %.1f s allowed for clients: %.1f to %.1f s",
		       in_s(r->down_after), (long long)r->quorum, in_s(STEPS), in_s(CLIENTS), in_s(lo), in_s(hi));
	prediction_note(p, "When votes split or no replica fits, the next attempt comes after 2 * failover-timeout = %.0f s; a Sentinel that was stopped for 2 s (TILT) does nothing for 30 s.",
			2 * in_s(r->failover_timeout));
	if (r->others + 1 < 3)
		prediction_note(p, "With %lld Sentinels a majority is all of them.", (long long)r->others + 1);
}

/* The first log of a pod that is no member, and a Sentinel's. */
static bool of_a_sentinel(const struct evidence *ev, size_t log)
{
	const char *pod = ev->logs[log].member;
	struct log_line line;
	bool known = false;

	for (size_t i = 0; i < log; i++)
		known = known || !strcmp(ev->logs[i].member, pod);
	for (size_t i = 0; i < ev->nmembers; i++)
		known = known || !strcmp(ev->members[i], pod);
	return !known && evidence_log_first(ev, redis_log_stamp, &(struct log_wanted){.mark = 'X', .member = pod},
					    INT64_MIN, INT64_MAX, &line);
}

/* A replica to promote, and a majority of the Sentinels. */
static bool enough_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	size_t replicas = 0, sentinels = 0, left = 0;

	for (size_t i = 0; i < ev->nmembers; i++)
		replicas += prediction_left(ev, fault, ev->members[i], t_ns);
	for (size_t i = 0; i < ev->nlogs; i++) {
		if (!of_a_sentinel(ev, i))
			continue;
		sentinels++;
		left += prediction_left(ev, fault, ev->logs[i].member, t_ns);
	}
	return (replicas || !ev->nmembers) && (2 * left > sentinels || !sentinels);
}

static void rules_read(const struct evidence *ev, const struct fault_record *fault, struct rules *r)
{
	const cJSON *inforce = ev->inforce;

	memset(r, 0, sizeof(*r));
	r->down_after = prediction_number(inforce, "down-after-milliseconds", 30000, &r->assumed) * NS_PER_MS;
	r->failover_timeout = prediction_number(inforce, "failover-timeout", 180000, &r->assumed) * NS_PER_MS;
	r->quorum = prediction_number(inforce, "quorum", 2, &r->assumed);
	r->others = prediction_number(inforce, "num-other-sentinels", 2, &r->assumed);
	r->min_replicas = prediction_number(inforce, "min-replicas-to-write", 0, &r->assumed);
	r->min_lag = prediction_number(inforce, "min-replicas-max-lag", 10, &r->assumed) * NS_PER_S;
	r->shutdown = prediction_number(inforce, "shutdown-timeout", 10, &r->assumed) * NS_PER_S;
	r->promotion = (struct redis_takeover){
		.word = "promoted", .source = DOC "SDOWN and ODOWN failure state; sentinel.c",
		.least_ns = r->down_after - PING, .lo_ns = r->down_after - PING,
		.hi_ns = r->down_after + PING + TICK + ASK + DESYNC + STEPS + INFO + TICK + CLIENTS,
		.no_log = prediction_off(inforce, "appendonly"), .add = replica_promoted, .rules = r,
		.others = prediction_takeover(ev, fault, r->promotion.least_ns, enough_left)};
}

/* The same member is back before the Sentinels miss it, or in the middle of
 * their vote. A master that is told to end may answer pings while it waits for
 * its replicas, so the Sentinels may begin that much later. */
static void dies(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	struct redis_restart again = redis_restart(&r->promotion, fault);
	enum notice notice = fault->does.notice;
	int64_t later = notice == NOTICE_FULL ? r->shutdown : notice == NOTICE_SHORT ? ALLOW_FORCED_GRACE : 0;
	int64_t hi = later + again.start_ns + again.load_ns + ALLOW_RECONNECT;

	prediction_add(p, "same member restarts", 0, hi, RESTARTS,
		       "%s before the Sentinels miss it (%.1f s allowed), asks them who the master is, reads what it has on disk (%.1f s allowed) and goes on, unless its start leaves them the time to promote another: 0 to %.1f s",
		       again.who, in_s(again.start_ns), in_s(again.load_ns), in_s(hi));
	redis_takeover(p, &r->promotion, later);
	redis_note_restart(p, &r->promotion);
	if (notice == NOTICE_FULL)
		prediction_note(p, "Told to end, it waits for its replicas, at most shutdown-timeout %.0f s, and hands nothing over.",
				in_s(r->shutdown));
}

static void stands_still(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	redis_goes_on(p, &r->promotion, fault);
}

static void cut_off(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	redis_goes_on(p, &r->promotion, fault);
	if (r->min_replicas > 0)
		prediction_note(p, "Cut off, the old master stops taking writes min-replicas-max-lag = %.0f s after its replicas' last word: what it took until then is lost.",
				in_s(r->min_lag));
	else
		prediction_note(p, "Cut off, the old master takes writes until it is healed and told to follow: all of them are lost.");
}

static void node_gone(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	redis_node_gone(p, &r->promotion, fault, ALLOW_RECONNECT);
	prediction_note(p, "A Sentinel goes with it: the others must be a majority, and agree.");
}

/* A server that cannot write its AOF answers MISCONF to writes and to PING
 * alike (server.c, processCommand()), and a Sentinel takes no error but LOADING
 * and MASTERDOWN for a sign of life (sentinelPingReplyCallback()). */
static void disk_full(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	redis_takeover_or_end(p, &r->promotion, fault, DISK_CRON + ALLOW_RECONNECT,
			      "space returned before a replica was promoted; the AOF is tried again every second, a failed snapshot after 5 s");
	prediction_note(p, "MISCONF answers PING, too: to a Sentinel the server is down.");
}

static void replica(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (r->min_replicas > 1) {
		prediction_note(p, "With min-replicas-to-write %lld a master that misses one replica refuses writes after %.0f s; no window is computed for that.",
				(long long)r->min_replicas, in_s(r->min_lag));
		return;
	}
	prediction_add(p, "writes need no replica", 0, 0, DOC "Replication is asynchronous",
		       "a master answers without waiting for its replicas, whatever %s does to one of them",
		       *fault->name ? fault->name : "a fault");
}

static const struct effect_rule of_primary[] = {
	{EFFECT_PROCESS_DIES | EFFECT_POD_RECREATED, dies},
	{EFFECT_SILENT, stands_still},
	{EFFECT_CUT_OFF, cut_off},
	{EFFECT_NODE_GONE, node_gone},
	{EFFECT_STORAGE_REFUSES, disk_full},
	{0, NULL},
};

void redis_sentinel_predict(const struct evidence *ev, const struct fault_record *fault, struct prediction *out)
{
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(ev, fault, &r);
	prediction_by_role(out, of_primary, replica, "master", &r, fault);
	prediction_note_assumed(out, &r.assumed, "the");
}
