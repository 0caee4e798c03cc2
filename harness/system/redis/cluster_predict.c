#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/prediction.h"
#include "system/redis/cluster_rules.h"

/* How long the writes of one shard may be down, by the rules of Redis
 * Cluster, Kubernetes and Redis under the settings in force.
 *
 * A node pings each other at least every node timeout / 2. A ping that is
 * unanswered for the node timeout makes the other suspect (PFAIL): node
 * timeout to 1.5 times that after the last sign of life, and as cron looks
 * every 100 ms, a little later. Suspicions travel with heartbeats; when the
 * majority of masters has one, whoever learns it last says FAIL to all. The
 * replica then waits 500 ms and up to 500 ms more of chance, and 1 s for each
 * other replica with newer data, asks all masters for their vote, and has the
 * slots with a majority of them. (Cluster specification, "Failure detection",
 * "Replica election and promotion".)
 *
 * What no document states is an allowance, named here and said to be one. */

#define S(x) ((int64_t)((x) * 1e9))
#define CRON S(0.1)        /* cluster.c: clusterCron() */
#define GOSSIP S(1.5)      /* allowance: suspicions reach the majority with heartbeats */
#define ELECT_LO S(0.5)    /* cluster.c: clusterHandleSlaveFailover() */
#define ELECT_HI S(1.0)
#define VOTES S(0.5)       /* allowance: votes, promotion, clients learn of it */
#define WRITABLE S(2)      /* cluster.c: CLUSTER_WRITABLE_DELAY, after a master's restart */
#define RECREATE S(10)     /* allowance: StatefulSet controller, volume, container start */
#define BACKOFF S(11)      /* second restart of a container within ten minutes, and its start */
#define LOAD S(3)          /* allowance: reading the AOF */
#define RECONNECT S(2)     /* allowance: dead connections give up, new ones open */
#define RESYNC S(20)       /* allowance: a member rejoins, connects to its master, copies, reports */
#define DISK_CRON S(2)     /* aof.c: the write is tried again every second */
#define NODE_BOOT S(30)    /* allowance: a node and its pods start again */
#define REJOIN_MAX S(5)    /* cluster.c: CLUSTER_MAX_REJOIN_DELAY */

#define SPEC "Redis cluster specification: "
#define DETECTION SPEC "Failure detection; Replica election and promotion"
#define RESTARTS SPEC "Nodes that restart; StatefulSets of Kubernetes"

struct rules {
	int64_t timeout, validity, ping_period, min_replicas;
	bool full_coverage, no_log;
	struct assumed assumed;
};

static void rules_read(const cJSON *inforce, struct rules *r)
{
	const cJSON *v = json_get(prediction_setting(inforce, "cluster-require-full-coverage"), "value");

	memset(r, 0, sizeof(*r));
	r->timeout = prediction_number(inforce, "cluster-node-timeout", 15000, &r->assumed) * NS_PER_MS;
	r->validity = prediction_number(inforce, "cluster-replica-validity-factor", 10, &r->assumed);
	r->ping_period = prediction_number(inforce, "repl-ping-replica-period", 10, &r->assumed) * NS_PER_S;
	r->min_replicas = prediction_setting(inforce, "min-replicas-to-write") ?
			  prediction_number(inforce, "min-replicas-to-write", 0, &r->assumed) : 0;
	r->no_log = prediction_off(inforce, "appendonly");
	r->full_coverage = !cJSON_IsString(v) || !strcmp(v->valuestring, "yes") ||
			   !strcmp(v->valuestring, "on");
}

static int64_t elected_lo(const struct rules *r)
{
	return r->timeout + ELECT_LO;
}

static int64_t elected_hi(const struct rules *r)
{
	return r->timeout + r->timeout / 2 + CRON + GOSSIP + ELECT_HI + VOTES;
}

static void replica_elected(struct prediction *p, const struct rules *r)
{
	prediction_add(p, "replica elected", elected_lo(r), elected_hi(r), DETECTION,
		       "a ping unanswered for cluster-node-timeout %.1f s makes a node suspect, the ping goes out up to half of that later; %.1f s allowed until a majority says FAIL; the replica waits 0.5 to 1 s, then asks for votes (%.1f s allowed): %.1f to %.1f s",
		       in_s(r->timeout), in_s(GOSSIP), in_s(VOTES), in_s(elected_lo(r)), in_s(elected_hi(r)));
}

/* A lasting fault against the node timeout: whichever comes first. */
static void elected_or_end(struct prediction *p, const struct rules *r, const cJSON *fault, int64_t after,
			   const char *why)
{
	int64_t lo, hi;
	bool known = prediction_fault_length(fault, &lo, &hi);

	if (!known || hi >= r->timeout)
		replica_elected(p, r);
	if (known && lo <= elected_hi(r))
		prediction_fault_ends(p, fault, after, DETECTION, why);
}

static void validity(struct prediction *p, const struct rules *r)
{
	if (r->validity)
		prediction_note(p, "A replica whose link was down for more than %.0f s (validity factor %lld) would not stand.",
				in_s(r->timeout * r->validity + r->ping_period), (long long)r->validity);
}

/* The same member is back under its id before a majority misses it, or in the
 * middle of the vote. */
static void dies(struct prediction *p, const struct rules *r, int64_t start, const char *who)
{
	int64_t load = r->no_log ? 0 : LOAD, hi = start + load + WRITABLE;

	prediction_add(p, "same member restarts", WRITABLE, hi, RESTARTS,
		       "%s within the node timeout (%.1f s allowed), reads what it has on disk (%.1f s allowed), and takes writes %.0f s after it came up, as restarted masters do: %.0f to %.1f s",
		       who, in_s(start), in_s(load), in_s(WRITABLE), in_s(WRITABLE), in_s(hi));
	replica_elected(p, r);
	validity(p, r);
	if (r->no_log)
		prediction_note(p, "appendonly is off: a member that restarts and leads on has its last snapshot, or nothing, and its replicas copy that.");
}

static void partition(struct prediction *p, const struct rules *r, const cJSON *fault)
{
	elected_or_end(p, r, fault, REJOIN_MAX + RECONNECT,
		       "it ended before a replica was elected, and the old master goes on once it has waited out its rejoin delay");
	prediction_note(p, "On the minority's side the old master stops taking writes when it has missed the majority for %.1f to %.1f s; what it acknowledged until then is lost.",
			in_s(r->timeout), in_s(r->timeout + r->timeout / 2 + CRON));
}

/* Whoever owns the slots, it takes no writes without its replicas; what took
 * one of them away has to end first. */
static void min_replicas(struct prediction *p, const struct rules *r, const cJSON *fault)
{
	int64_t lo, hi;

	if (!r->min_replicas)
		return;
	prediction_note(p, "min-replicas-to-write %lld: refused without so many replicas, on either side.",
			(long long)r->min_replicas);
	if (!prediction_fault_length(fault, &lo, &hi))
		return;
	prediction_add(p, "replica returns", 0, hi + RESYNC, "Redis documentation: Replication (allow writes only with N attached replicas)",
		       "min-replicas-to-write %lld: a shard that has lost its replica, or got it as its master, takes no writes until the fault ends, after %.1f s, and a replica is in step again (%.0f s allowed): 0 to %.1f s",
		       (long long)r->min_replicas, in_s(hi), in_s(RESYNC), in_s(hi + RESYNC));
}

static void fill_disk(struct prediction *p, const cJSON *fault)
{
	int64_t lo, hi;

	if (!prediction_fault_length(fault, &lo, &hi)) {
		prediction_note(p, "No rule ends this before space returns, and it was not freed.");
		return;
	}
	prediction_add(p, "space returns", 0, hi + DISK_CRON + RECONNECT, "Redis documentation: Redis persistence (append-only file)",
		       "once the AOF cannot be written, writes are answered with MISCONF; the write is tried again every second; the node answers pings all the time, so nobody takes over; full for %.1f s: 0 to %.1f s",
		       in_s(hi), in_s(hi + DISK_CRON + RECONNECT));
	prediction_note(p, "A full disk is no failure to the cluster: it has no rule for it.");
}

static void primary(struct prediction *p, const struct rules *r, const cJSON *fault, const char *name)
{
	if (!strcmp(name, "kill-pod")) {
		dies(p, r, RECREATE, "the StatefulSet creates the pod again under its name");
		if (strcmp(fault_how(fault, "how", "crash"), "crash"))
			prediction_note(p, "A server that is told to end hands nothing over: no replica takes part in its shutdown.");
	} else if (!strcmp(name, "kill-process")) {
		dies(p, r, BACKOFF, "the kubelet restarts the container, at once the first time and after 10 s the second within ten minutes");
	} else if (!strcmp(name, "pause")) {
		elected_or_end(p, r, fault, RECONNECT, "it ended before a replica was elected, and the master goes on");
		validity(p, r);
	} else if (!strcmp(name, "partition-node")) {
		partition(p, r, fault);
	} else if (!strcmp(name, "node-down")) {
		elected_or_end(p, r, fault, NODE_BOOT + LOAD + WRITABLE,
			       "the node came back before a replica was elected, and the same member starts again");
		prediction_note(p, "Its node's other members are gone, too.");
	} else if (!strcmp(name, "fill-disk")) {
		fill_disk(p, fault);
	} else {
		prediction_note(p, "No rule is known for the fault \"%.40s\".", name);
	}
}

/* Faults of nodes hit all members there: besides the target, a master of
 * another shard. */
static bool of_a_node(const char *fault)
{
	return !strcmp(fault, "partition-node") || !strcmp(fault, "node-down");
}

void redis_cluster_predict(const cJSON *fault, const cJSON *inforce, struct prediction *out)
{
	const char *name = json_str(fault, "fault", ""), *role = fault_role(fault);
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(inforce, &r);
	if (!strcmp(role, "replica"))
		prediction_add(out, "writes need no replica", 0, 0, SPEC "Write safety",
			       "replication is asynchronous: a master answers without waiting for its replica%s",
			       of_a_node(name) ? "; a master on the same node is hit as well" : "");
	if (!strcmp(role, "primary") || (!strcmp(role, "replica") && of_a_node(name)))
		primary(out, &r, fault, name);
	else if (strcmp(role, "replica"))
		prediction_note(out, "It is not known whether the target owned slots.");
	if (*role)
		min_replicas(out, &r, fault);
	if (!strcmp(role, "primary") && r.full_coverage)
		prediction_note(out, "With cluster-require-full-coverage all shards stop while slots have no owner.");
	if (*r.assumed.names)
		prediction_note(out, "Not reported, taken at the default: %s.", r.assumed.names);
}
