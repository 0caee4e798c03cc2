#include <string.h>

#include "base/json.h"
#include "system/allowances.h"
#include "system/redis/cluster_model.h"
#include "system/redis/predict.h"

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
 * What no document states is an allowance, named here or in allowances.h, and
 * said to be one. */

#define S(x) ((int64_t)((x) * 1e9))
#define CRON S(0.1)        /* cluster.c: clusterCron() */
#define GOSSIP S(1.5)      /* allowance: suspicions reach the majority with heartbeats */
#define ELECT_LO S(0.5)    /* cluster.c: clusterHandleSlaveFailover() */
#define ELECT_HI S(1.0)
#define VOTES S(0.5)       /* allowance: votes, promotion, clients learn of it */
#define WRITABLE S(2)      /* cluster.c: CLUSTER_WRITABLE_DELAY, after a master's restart */
#define RESYNC S(20) /* allowance: a member rejoins, connects to its master, copies, reports */
#define REJOIN_MAX S(5)    /* cluster.c: CLUSTER_MAX_REJOIN_DELAY */

#define SPEC "Redis cluster specification: "
#define RESTARTS SPEC "Nodes that restart; StatefulSets of Kubernetes"

enum { MASTERS_MIN = 3 }; /* of any cluster; with fewer, answers are missing */

struct rules {
	int64_t timeout, validity, ping_period, min_replicas;
	bool full_coverage;
	struct redis_takeover election;
	struct assumed assumed;
};

static void replica_elected(struct prediction *p, const struct rules *r, int64_t lo, int64_t hi)
{
	prediction_add(p, "replica elected", lo, hi, r->election.source,
		       "a ping unanswered for cluster-node-timeout %.1f s makes a node suspect, the ping goes out up to half of that later; %.1f s allowed until a majority says FAIL; the replica waits 0.5 to 1 s, then asks for votes (%.1f s allowed): %.1f to %.1f s",
		       in_s(r->timeout), in_s(GOSSIP), in_s(VOTES), in_s(lo), in_s(hi));
}

/* Who owned slots by t_ns, as their last answers tell. */
static bool owned(const struct evidence *ev, const char *member, int64_t t_ns)
{
	const struct sample *s = evidence_answer(ev, member, t_ns);

	return s && sample_leads(s);
}

/* Only masters vote, and it takes a majority of all that own slots. */
static bool majority_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	size_t n = 0, left = 0;

	for (size_t i = 0; i < ev->nmembers; i++) {
		if (!owned(ev, ev->members[i], fault->injected_ns))
			continue;
		n++;
		left += prediction_left(ev, fault, ev->members[i], t_ns);
	}
	return 2 * left > n || n < MASTERS_MIN;
}

static void rules_read(const struct evidence *ev, const struct fault_record *fault, struct rules *r)
{
	const struct settings_seen *inforce = ev->inforce;
	const char *coverage = prediction_setting(inforce, "cluster-require-full-coverage");

	memset(r, 0, sizeof(*r));
	r->timeout = prediction_number(inforce, "cluster-node-timeout", 15000, &r->assumed) * NS_PER_MS;
	r->validity = prediction_number(inforce, "cluster-replica-validity-factor", 10, &r->assumed);
	r->ping_period = prediction_number(inforce, "repl-ping-replica-period", 10, &r->assumed) * NS_PER_S;
	r->min_replicas = prediction_setting(inforce, "min-replicas-to-write") ?
			  prediction_number(inforce, "min-replicas-to-write", 0, &r->assumed) : 0;
	r->full_coverage = !coverage || !strcmp(coverage, "yes") || !strcmp(coverage, "on");
	r->election = (struct redis_takeover){
		.word = "elected", .source = SPEC "Failure detection; Replica election and promotion",
		.least_ns = r->timeout, .lo_ns = r->timeout + ELECT_LO,
		.hi_ns = r->timeout + r->timeout / 2 + CRON + GOSSIP + ELECT_HI + VOTES,
		.no_log = prediction_off(inforce, "appendonly"), .add = replica_elected, .rules = r,
		.others = prediction_takeover(ev, fault, r->timeout, majority_left)};
}

static void validity(struct prediction *p, const struct rules *r)
{
	if (r->validity)
		prediction_note(
			p,
			"A replica whose link was down for more than %.0f s (validity factor %lld) would not stand.",
			in_s(r->timeout * r->validity + r->ping_period), (long long)r->validity);
}

/* The same member is back under its id before a majority misses it, or in the
 * middle of the vote. */
static void dies(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	struct redis_restart again = redis_restart(&r->election, fault);
	int64_t hi = again.start_ns + again.load_ns + WRITABLE;

	prediction_add(
		p, "same member restarts", WRITABLE, hi, RESTARTS,
		"%s within the node timeout (%.1f s allowed), reads what it has on disk (%.1f s allowed), and takes writes %.0f s after it came up, as restarted masters do: %.0f to %.1f s",
		again.who, in_s(again.start_ns), in_s(again.load_ns), in_s(WRITABLE),
		in_s(WRITABLE), in_s(hi));
	redis_takeover(p, &r->election, 0);
	validity(p, r);
	redis_note_restart(p, &r->election, fault);
	if (fault->does.notice != NOTICE_NONE)
		prediction_note(p, "A server that is told to end hands nothing over: no replica takes part in its shutdown.");
}

/* A node's id is on its volume: what comes back under its name is a stranger to the
 * others, and owns nothing. */
static void comes_back_empty(struct prediction *p, const struct rules *r,
			     const struct fault_record *fault)
{
	(void)fault;
	redis_takeover(p, &r->election, 0);
	validity(p, r);
	prediction_note(p, "Its id (nodes.conf) is lost with its volume: what starts under its name is a new node, which "
			"has to be met before it can replicate anything.");
}

/* Without a majority all the others stop as well, and wait before they serve
 * again. */
static void stands_still(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	if (r->election.others.hindered)
		redis_takeover_or_end(p, &r->election, fault, REJOIN_MAX + ALLOW_RECONNECT,
				      "no majority of masters was left to elect a replica, and the master goes on; masters wait out their rejoin delay");
	else
		redis_goes_on(p, &r->election, fault);
	validity(p, r);
}

static void cut_off(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	redis_takeover_or_end(p, &r->election, fault, REJOIN_MAX + ALLOW_RECONNECT,
			      "it ended before a replica was elected, and the old master goes on once it has waited out its rejoin delay");
	prediction_note(p, "On the minority's side the old master stops taking writes when it has missed the majority for %.1f to %.1f s; what it acknowledged until then is lost.",
			in_s(r->timeout), in_s(r->timeout + r->timeout / 2 + CRON));
}

/* Whoever owns the slots, it takes no writes without its replicas; what took
 * one of them away has to end first. */
static void min_replicas(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	int64_t lo, hi;

	if (!r->min_replicas)
		return;
	prediction_note(p, "min-replicas-to-write %lld: refused without so many replicas, on either side.",
			(long long)r->min_replicas);
	if (!fault_length(fault, &lo, &hi))
		return;
	prediction_add(p, "replica returns", 0, hi + RESYNC, "Redis documentation: Replication (allow writes only with N attached replicas)",
		       "min-replicas-to-write %lld: a shard that has lost its replica, or got it as its master, takes no writes until the fault ends, after %.1f s, and a replica is in step again (%.0f s allowed): 0 to %.1f s",
		       (long long)r->min_replicas, in_s(hi), in_s(RESYNC), in_s(hi + RESYNC));
}

static void disk_full(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t lo, hi;

	(void)r;
	if (!fault_length(fault, &lo, &hi)) {
		prediction_note(p, "No rule ends this before space returns, and it was not freed.");
		return;
	}
	prediction_add(p, "space returns", 0, hi + REDIS_AOF_AGAIN + ALLOW_RECONNECT, "Redis documentation: Redis persistence (append-only file)",
		       "once the AOF cannot be written, writes are answered with MISCONF; the write is tried again every second; the node answers pings all the time, so nobody takes over; full for %.1f s: 0 to %.1f s",
		       in_s(hi), in_s(hi + REDIS_AOF_AGAIN + ALLOW_RECONNECT));
	prediction_note(p, "A full disk is no failure to the cluster: it has no rule for it.");
}

static void node_gone(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	redis_node_gone(p, &r->election, fault, WRITABLE);
	prediction_note(p, "Its node's other members are gone, too.");
}

static const struct effect_rules of_primary = {
	.storage_empty = comes_back_empty,
	.process_dies = dies,
	.silent = stands_still,
	.cut_off = cut_off,
	.node_gone = node_gone,
	.storage_refuses = disk_full,
};

void redis_cluster_predict(const struct evidence *ev, const struct fault_record *fault,
			   struct prediction *out)
{
	const char *role = fault_role(fault);
	/* Faults of nodes hit all members there: besides the target, a master of
	 * another shard. */
	bool whole_node = fault->does.whole_node;
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(ev, fault, &r);
	if (!strcmp(role, "replica"))
		prediction_add(out, "writes need no replica", 0, 0, SPEC "Write safety",
			       "replication is asynchronous: a master answers without waiting for its replica%s",
			       whole_node ? "; a master on the same node is hit as well" : "");
	if (!strcmp(role, "primary") || (!strcmp(role, "replica") && whole_node))
		prediction_by_effect(out, &of_primary, &r, fault);
	else if (strcmp(role, "replica"))
		prediction_note(out, "It is not known whether the target owned slots.");
	if (*role)
		min_replicas(out, &r, fault);
	if (!strcmp(role, "primary") && r.full_coverage)
		prediction_note(out, "With cluster-require-full-coverage all shards stop while slots have no owner.");
	prediction_note_assumed(out, &r.assumed, "the");
}
