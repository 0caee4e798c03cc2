#include <string.h>

#include "base/clock.h"
#include "system/allowances.h"
#include "system/rabbitmq/model.h"

/* How long a queue may be away, by the rules of RabbitMQ and of its Raft under the
 * settings in force.
 *
 * Members of a quorum queue monitor their leader's process. Its end is known at once where
 * it is the process alone that ends, and when its node's connections close; they wait 100 to
 * 600 ms more in that case before they ask for votes, so that a node that is back already is
 * not replaced (ra, src/ra_server_proc.erl). Silence alone closes no connection: a failure
 * detector listens for beats of each node, judges once a poll, 5 s, and what it suspects is
 * given 5 to 6 s more to come back (rabbitmq/aten; ra). Classic queues wait for Erlang's own
 * net tick: 0.75 to 1.25 times net_ticktime, and a confirm for every mirror
 * (rabbitmq.com/ha.html).
 *
 * What no document states is an allowance, named here or in allowances.h. */

#define S(x) ((int64_t)((x) * 1e9))
#define NODE_LOST S(0.6)   /* ra_server_proc: noconnection, 101 to 600 ms */
#define SUSPECTED_LO S(5)  /* ra_server_proc: a node that the detector calls down */
#define SUSPECTED_HI S(6)
#define VOTES S(1.5)       /* allowance: pre-vote, vote, first entry, clients' answers */
#define BOOT S(60)         /* allowance: a broker starts, meets its peers and has its queues */
/* allowance: it takes the metadata over, and its queues' members theirs */
#define RETURN S(2)
#define ALARM S(10)        /* rabbit_disk_monitor: the longest pause between two looks */

#define QUORUM_DOC "rabbitmq.com/quorum-queues.html; rabbitmq/ra, src/ra_server_proc.erl"
#define DETECTOR_DOC "rabbitmq/aten; rabbitmq/ra, src/ra_server_proc.erl"
#define TICK_DOC "rabbitmq.com/nettick.html"

struct rules {
	const struct evidence *ev;
	bool quorum, mirrored;
	int64_t poll, tick, heartbeat;
	struct takeover others;
	struct assumed assumed;
};

static bool majority_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	return !ev->nmembers || 2 * prediction_members_left(ev, fault, t_ns) > ev->nmembers;
}

/* Too few are left for anybody to lead: they have to come back first. True: that is said. */
static bool hindered(struct prediction *p, const struct rules *r)
{
	int64_t hi =
		r->others.by_ns + (r->others.starts ? BOOT : 0) + r->poll + SUSPECTED_HI + VOTES;

	if (!r->others.hindered)
		return false;
	if (r->others.never)
		prediction_note(p, "No majority was left to elect a leader, and none came back.");
	else
		prediction_add(p, RABBIT_RESTART, r->others.from_ns, hi, QUORUM_DOC,
			       "no majority was left until %.1f s after the fault; then a leader is elected%s: %.1f to %.1f s",
			       in_s(r->others.by_ns), r->others.starts ? ", once a broker has started (60 s allowed)" : "",
			       in_s(r->others.from_ns), in_s(hi));
	return true;
}

static void comes_back(struct prediction *p, const struct rules *r)
{
	(void)r;
	prediction_add(p, RABBIT_RESTART, 0, ALLOW_RECREATE + BOOT + ALLOW_RECONNECT_LOGIN, "rabbitmq.com/classic-queues.html",
		       "a classic queue without mirrors is where its node is: it is back with it (%.0f s allowed)",
		       in_s(ALLOW_RECREATE + BOOT + ALLOW_RECONNECT_LOGIN));
}

/* Whatever has led since: who was away joins, and on a busy machine writes stumble over that. */
static void returns(struct prediction *p, const struct rules *r)
{
	(void)r;
	prediction_add(p, RABBIT_RETURN, 0, RETURN, "rabbitmq.com/clustering.html, Restarting Cluster Nodes",
		       "when it is back, it takes over the metadata and what its queues' members have missed; %.0f s allowed for what writes wait then",
		       in_s(RETURN));
}

static void dies(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t hi = NODE_LOST + VOTES;

	(void)fault;
	if (!r->quorum && !r->mirrored) {
		comes_back(p, r);
		return;
	}
	if (hindered(p, r))
		return;
	if (r->quorum)
		prediction_add(p, RABBIT_MONITOR, 0, hi, QUORUM_DOC,
			       "its connections close, and the others' monitors fire; 0.1 to 0.6 s later one asks for votes (%.1f s allowed for these): up to %.1f s",
			       in_s(VOTES), in_s(hi));
	else
		prediction_add(p, RABBIT_MONITOR, 0, ALLOW_RECONNECT_LOGIN, "rabbitmq.com/ha.html",
			       "its connections close, and the oldest mirror is promoted: up to %.0f s", in_s(ALLOW_RECONNECT_LOGIN));
	returns(p, r);
}

/* The clients of a silent node have a queue to go to, and do not know. */
static void heartbeats(struct prediction *p, const struct rules *r)
{
	int64_t lo = r->heartbeat * 3 / 2, hi = 2 * r->heartbeat + ALLOW_RECONNECT_LOGIN;

	if (r->heartbeat)
		prediction_add(p, RABBIT_HEARTBEAT, lo, hi, "rabbitmq.com/heartbeats.html",
			       "clients that are connected to the silent node take another one when they have missed two heartbeats of %.0f s (it sends one at least every %.0f s): %.1f to %.1f s",
			       in_s(r->heartbeat), in_s(r->heartbeat / 2), in_s(lo), in_s(hi));
}

static void goes_on(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	(void)r;
	prediction_fault_ends(p, fault, ALLOW_RECONNECT_LOGIN, QUORUM_DOC, "it ended before anybody was elected, and the leader goes on");
}

/* Nothing closes: somebody has to miss it. */
static void falls_silent(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	int64_t lo = r->quorum ? SUSPECTED_LO : r->tick * 3 / 4;
	int64_t hi = r->quorum ? r->poll + SUSPECTED_HI + VOTES :
				 r->tick * 5 / 4 + ALLOW_RECONNECT_LOGIN;

	if (hindered(p, r))
		return;
	if (r->quorum)
		prediction_add(p, RABBIT_DETECTOR, lo, hi, DETECTOR_DOC,
			       "the failure detector judges every %.0f s, and a node that it suspects has 5 to 6 s to come back; then votes (%.1f s allowed): %.1f to %.1f s",
			       in_s(r->poll), in_s(VOTES), in_s(lo), in_s(hi));
	else
		prediction_add(p, RABBIT_TICK, lo, hi, TICK_DOC,
			       "a node that is silent counts as there for 0.75 to 1.25 times net_ticktime %.0f s: %.1f to %.1f s",
			       in_s(r->tick), in_s(lo), in_s(hi));
	heartbeats(p, r);
	goes_on(p, r, fault);
	if (r->quorum)
		prediction_note(p, "A channel that is opened while the leader is silent may wait for net_ticktime (%.0f s), for it asks the leader that the metadata name.",
				in_s(r->tick));
}

/* As a kill where its connections are closed, and as silence where they are not. */
static void node_gone(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (!r->others.hindered)
		dies(p, r, fault);
	falls_silent(p, r, fault);
}

static void disk_full(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t lo, hi;

	(void)r;
	if (!fault_length(fault, &lo, &hi)) {
		prediction_note(p, "Publishers are blocked as long as there is no space, and none was freed.");
		return;
	}
	prediction_add(p, RABBIT_SPACE, 0, hi + ALARM + ALLOW_RECONNECT_LOGIN, "rabbitmq.com/disk-alarms.html",
		       "below disk_free_limit on one node publishers are blocked on all, until there is space (after %.1f s) and that was seen (looked at every 0.1 to 10 s): 0 to %.1f s",
		       in_s(hi), in_s(hi + ALARM + ALLOW_RECONNECT_LOGIN));
}

static void follower(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (fault_does(fault, EFFECT_STORAGE_REFUSES))
		disk_full(p, r, fault);
	else if (!r->quorum && r->mirrored && !effects_die(&fault->does))
		falls_silent(p, r, fault); /* a confirm waits for every mirror */
	else if (!hindered(p, r) && fault_does(fault, EFFECT_SILENT | EFFECT_CUT_OFF))
		heartbeats(p, r);
	else if (!r->others.hindered)
		prediction_add(p, RABBIT_MAJORITY, 0, 0, "rabbitmq.com/quorum-queues.html",
			       r->quorum ? "an entry is committed by a majority, and one is left" : "a mirror that is gone is waited for by nobody");
}

static const struct effect_rules of_leader = {
	.process_dies = dies,
	.silent = falls_silent,
	.cut_off = falls_silent,
	.node_gone = node_gone,
	.storage_refuses = disk_full,
};

void rabbit_predict(const struct evidence *ev, const struct fault_record *fault,
		    struct prediction *out)
{
	const char *type = prediction_setting(ev->inforce, "queue_type");
	const char *version = prediction_setting(ev->inforce, "version");
	struct rules r = {.ev = ev};

	memset(out, 0, sizeof(*out));
	r.quorum = !type || strcmp(type, "classic") != 0;
	r.mirrored = version && *version == '3' && !prediction_off(ev->inforce, "mirrored");
	r.poll = prediction_number(ev->inforce, "detector_poll", 5000, &r.assumed) * NS_PER_MS;
	r.tick = prediction_number(ev->inforce, "net_ticktime", 60000, &r.assumed) * NS_PER_MS;
	if (fault_does(fault, EFFECT_SILENT | EFFECT_CUT_OFF | EFFECT_NODE_GONE))
		r.heartbeat = prediction_number(ev->inforce, "heartbeat", 10, &r.assumed) * NS_PER_S;
	r.others = prediction_takeover(ev, fault, 0, majority_left);
	prediction_by_role(out, &of_leader, follower, "leader", &r, fault);
	prediction_note_assumed(out, &r.assumed, "RabbitMQ's");
}
