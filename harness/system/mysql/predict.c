#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/allowances.h"
#include "system/mysql/log.h"
#include "system/mysql/model.h"
#include "system/prediction.h"

/* How long writes may be down, by who fails over: nobody, a runbook's controller, or
 * group replication; by the rules of MySQL and Kubernetes under the settings in force.
 *
 * Nobody: the same member has to come back.
 *
 * The runbook's controller looks, gives that 1 s, and looks again 1 s later. When the
 * primary has failed every look for detector_timeout it says that nobody is primary,
 * fences the old one (by SQL for fence_timeout at most, for that waits behind commits
 * that wait for an acknowledgement; then its pod is deleted, which has fence_timeout to be
 * seen), stops the receivers, lets the member with the largest set of GTIDs apply what it
 * received, promotes and labels it. A primary that is back before goes on. Of several
 * controllers one acts; another takes its lock 5 s after it was last renewed.
 *
 * A group suspects a member that has been silent for 5 s (MySQL Reference Manual,
 * "Responses to Failure Detection and Network Partitioning"). Who is suspected for longer
 * than member_expel_timeout is expelled by a thread that runs when a suspicion is added
 * and then every 15 s (gcs_xcom_control_interface.cc, Gcs_suspicions_manager; there is no
 * variable for that). So "5 s + member_expel_timeout", as is often written, is a lower
 * bound: with 0 it is about 5 s, with 1 to 15 about 20 s, with 16 to 30 about 35 s. What
 * the thread pushes is a request to XCom; one that came to nothing is pushed again at the
 * thread's next look (seen: pushed 20.0 s after the death, again 16.0 s later, and a
 * second after that the member was out).
 * Then the rest elects, which needs no vote. A member that ends by itself
 * leaves, and nobody has to suspect it.
 *
 * What no document states is an allowance, named here or in allowances.h, and
 * said to be one in each rule. */

#define S(x) ((int64_t)((x) * 1e9))
#define LOOK S(1)          /* the controller's: how often, and how long a look may take */
#define LOCK S(5)          /* the controllers': until another takes a lock that is not renewed */
#define STEPS S(3)         /* allowance: its steps, each a call or two */
#define CLIENTS S(2)       /* allowance: the Service follows, clients connect anew */
#define RECOVERY S(20)     /* allowance: InnoDB's crash recovery and start */
#define FIRST_START S(20)  /* allowance: an empty member makes its data folder, and starts */
#define CLONE S(60)        /* allowance: a clone of what a test load has */
#define SHUTDOWN S(10)     /* allowance: a clean shutdown */
#define OPENED S(4)        /* allowance: whoever runs it looks, and lets it take writes */
#define SUSPECT S(5)       /* gcs_xcom: a member's silence until it is suspected */
/* gcs_xcom_control_interface.cc: SUSPICION_PROCESSING_THREAD_PERIOD */
#define SWEEP (15 * NS_PER_S)
#define ELECT S(2)         /* allowance: a view, an election, super_read_only off */
/* group_replication_force_members waits so long for the new view (the plugin's
 * FORCE_MEMBERS_VIEW_MODIFICATION_TIMEOUT). Whoever proposes without a majority sleeps between
 * two tries, each time longer by half, up to 10 to 20 s (XCom, xcom_base.cc: wakeup_delay), and
 * what was forced is heard when the last of them has woken: 59 s were seen. */
#define FORCE S(120)
#define REJOIN S(300)      /* between two tries of a member to join again by itself */
#define ANEW S(20)         /* allowance: agents ask each other, and one starts the group anew */
#define ASK S(5)           /* allowance: clients time out and ask the members who is primary */
#define DISK_LOOK S(60)    /* a server that waits for room looks once a minute */

#define DETECTION "MySQL Reference Manual: Responses to Failure Detection and Network Partitioning; gcs_xcom_control_interface.cc"
#define QUORUM "MySQL Reference Manual: Handling a Network Partition and Loss of Quorum"
#define SINGLE "MySQL Reference Manual: Single-Primary Mode"
#define RUNBOOK "the runbook's settings: detector_timeout, fence_timeout, apply_timeout"
#define SEMI_SYNC "MySQL Reference Manual: Semisynchronous Replication"
#define FULL_DISK "MySQL Reference Manual: How MySQL Handles a Full Disk"
#define RESTARTS "Kubernetes documentation: Pod Lifecycle, StatefulSets"

enum failover { NOBODY, BY_RUNBOOK, BY_GROUP };

struct rules {
	enum failover failover;
	int64_t detector, fence, apply;  /* the runbook's */
	int64_t net;                     /* a receiver that is just connecting stops no sooner */
	int64_t expel, expelled;         /* the group's: the setting, and from silence on */
	int64_t majority_timeout;
	/* without a majority it leaves then, and tries to join for so long; 0 never */
	int64_t leaves, rejoins;
	bool semi_sync;
	int64_t semi_timeout, semi_replicas;
	size_t replicas;                 /* that are left beside what was hit */
	bool replica_gone;               /* of a primary's fault: one is away besides */
	bool controller_hit;             /* one of several */
	struct takeover takeover;
	struct assumed assumed;
};

/* Of the running server, or, for what has no variable there, of the scenario: where that
 * server told of nothing, nobody knows what is in force. */
static const char *setting(const struct evidence *ev, const char *name)
{
	static const char *const asked[] = {"failover", "detector_timeout", "fence_timeout", "apply_timeout"};
	const char *v = prediction_setting(ev->inforce, name);

	for (size_t i = 0; i < ARRAY_LEN(asked) && !v && ev->inforce && ev->inforce->n; i++)
		if (!strcmp(name, asked[i]))
			v = prediction_setting(ev->settings, name);
	return v;
}

static int64_t number(const struct evidence *ev, const char *name, int64_t dflt, struct rules *r)
{
	const char *v = setting(ev, name);

	if (v && *v)
		return strtoll(v, NULL, 10);
	prediction_assume(&r->assumed, name);
	return dflt;
}

static const char *word(const struct evidence *ev, const char *name)
{
	const char *v = setting(ev, name);

	return v ? v : "";
}

/* Of the pods that run the controller, by what was last seen of each: how many can act at
 * t_ns, and how many there are. */
static size_t controllers(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns,
			  size_t *all)
{
	size_t left = 0;

	*all = 0;
	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];
		bool newest = p->t_ns <= t_ns && my_log_of_controller(p->name);

		for (size_t k = i + 1; newest && k < ev->npods && ev->pods[k].t_ns <= t_ns; k++)
			newest = strcmp(ev->pods[k].name, p->name) != 0;
		if (!newest || p->gone)
			continue;
		(*all)++;
		left += prediction_left(ev, fault, p->name, t_ns);
	}
	return left;
}

/* A replica to promote and a controller that does it. */
static bool runbook_can(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	size_t all, left = controllers(ev, fault, t_ns, &all);

	return (!ev->nmembers || prediction_members_left(ev, fault, t_ns)) && (left || !all);
}

/* A majority of the group. */
static bool group_can(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	return 2 * prediction_members_left(ev, fault, t_ns) > ev->nmembers || !ev->nmembers;
}

static void rules_read(const struct evidence *ev, const struct fault_record *fault, struct rules *r)
{
	const char *failover = word(ev, "failover");
	size_t left = prediction_members_left(ev, fault, fault->injected_ns + 1), all;

	memset(r, 0, sizeof(*r));
	r->failover = !strcmp(failover, "runbook") ? BY_RUNBOOK : !strcmp(failover, "group-replication") ? BY_GROUP : NOBODY;
	if (!*failover)
		prediction_assume(&r->assumed, "failover");
	r->replicas = left ? left - 1 : 0; /* of a replica's fault the primary is left, too */
	if (r->failover == BY_GROUP) {
		r->expel = number(ev, "member_expel_timeout", 5, r) * NS_PER_S;
		r->expelled = SUSPECT + (r->expel + SWEEP - 1) / SWEEP * SWEEP;
		r->majority_timeout = number(ev, "unreachable_majority_timeout", 0, r) * NS_PER_S;
		r->leaves = r->majority_timeout ? SUSPECT + r->majority_timeout : 0;
		r->rejoins = r->leaves ? number(ev, "autorejoin_tries", 3, r) * REJOIN : 0;
		r->takeover = prediction_takeover(ev, fault, r->expelled - LOOK, group_can);
		return;
	}
	r->semi_sync = !strcmp(word(ev, "semi_sync"), "on");
	r->semi_timeout = r->semi_sync ? number(ev, "semi_sync_timeout", 10000, r) * NS_PER_MS : 0;
	r->semi_replicas = r->semi_sync ? number(ev, "semi_sync_replicas", 1, r) : 0;
	if (r->failover == NOBODY)
		return;
	r->detector = number(ev, "detector_timeout", 10, r) * NS_PER_S;
	r->fence = number(ev, "fence_timeout", 5, r) * NS_PER_S;
	r->apply = number(ev, "apply_timeout", 60, r) * NS_PER_S;
	r->net = prediction_setting(ev->inforce, "replica_net_timeout") ?
		 number(ev, "replica_net_timeout", 60, r) * NS_PER_S : 0;
	r->replica_gone = left + 1 < ev->nmembers;
	r->controller_hit = controllers(ev, fault, fault->injected_ns + 1, &all) < all;
	r->takeover = prediction_takeover(ev, fault, r->detector - LOOK, runbook_can);
}

/* ---- who takes over ---- */

static int64_t runbook_lo(const struct rules *r)
{
	return r->detector > LOOK ? r->detector - LOOK : 0;
}

/* One that is dead need not be fenced, and its looks fail at once. Of a replica that does
 * not answer either it is waited for fence_timeout, too. */
static int64_t runbook_acts(const struct rules *r, bool dead)
{
	return (dead ? LOOK : 2 * r->fence + r->net) + (r->replica_gone ? r->fence : 0) + STEPS +
	       CLIENTS;
}

static int64_t runbook_hi(const struct rules *r, bool dead)
{
	return r->detector + (dead ? 3 : 4) * LOOK + (r->controller_hit ? LOCK : 0) +
	       runbook_acts(r, dead);
}

static void replica_promoted(struct prediction *p, const struct rules *r, bool dead, int64_t lo)
{
	int64_t hi = runbook_hi(r, dead);

	if (r->takeover.never) {
		prediction_note(p, "No replica, or no controller, was left to take over as long as the faults lasted.");
		return;
	}
	if (r->takeover.hindered) {
		lo = r->takeover.from_ns > lo ? r->takeover.from_ns : lo;
		hi += r->takeover.by_ns + (r->takeover.starts ? ALLOW_NODE_BOOT + RECOVERY : 0);
		prediction_note(p, "No replica, or no controller, was left until %.1f s after the fault.",
				in_s(r->takeover.by_ns));
	}
	prediction_add(p, "replica promoted", lo, hi, RUNBOOK,
		       "every look (1 s, and 1 s until the next) fails for detector_timeout %.0f s%s; %s; %.0f s allowed for the steps and %.0f s for the Service and clients: %.1f to %.1f s",
		       in_s(r->detector), r->controller_hit ? ", by another controller once it has the lock (5 s)" : "",
		       dead ? "a dead primary needs no fence (1 s allowed)" :
		       "fencing has fence_timeout, its pod's deletion as long, a receiver stops within replica_net_timeout",
		       in_s(STEPS), in_s(CLIENTS), in_s(lo), in_s(hi));
	prediction_note(p, "A candidate that has not applied what it received may take apply_timeout %.0f s more; members whose sets of GTIDs have parted stop the runbook.",
			in_s(r->apply));
}

static void group_elects(struct prediction *p, const struct rules *r)
{
	int64_t lo = r->expelled - LOOK, hi = r->expelled + SWEEP + LOOK + ELECT + ASK;

	if (r->takeover.never) {
		prediction_note(p, "No majority of the group was left as long as the faults lasted: it does not elect, and writes hang%s.",
				r->majority_timeout ? " until unreachable_majority_timeout, then fail" : "");
		return;
	}
	if (r->takeover.hindered) {
		lo = r->takeover.from_ns > lo ? r->takeover.from_ns : lo;
		hi += r->takeover.by_ns + (r->takeover.starts ? ALLOW_NODE_BOOT + RECOVERY : 0);
		prediction_note(p, "No majority of the group was left until %.1f s after the fault.", in_s(r->takeover.by_ns));
	}
	prediction_add(p, "group elects", lo, hi, DETECTION,
		       "suspected after 5 s of silence, give or take one; expelled by a thread that looks at once and then every 15 s, the first time that member_expel_timeout %.0f s is over: %.0f s, or 15 s later, when a first request comes to nothing; allowed: %.0f s for view and election, %.0f s until clients have asked: %.1f to %.1f s",
		in_s(r->expel), in_s(r->expelled), in_s(ELECT), in_s(ASK), in_s(lo), in_s(hi));
}

static void taken_over(struct prediction *p, const struct rules *r, bool dead)
{
	if (r->failover == BY_RUNBOOK)
		replica_promoted(p, r, dead, runbook_lo(r));
	else if (r->failover == BY_GROUP)
		group_elects(p, r);
	else
		prediction_note(p, "Nobody fails over: only the same member ends it.");
}

static int64_t takeover_lo(const struct rules *r)
{
	if (r->failover == BY_RUNBOOK)
		return runbook_lo(r);
	return r->failover == BY_GROUP ? r->expelled - LOOK : INT64_MAX;
}

/* ---- what was hit: the primary ---- */

/* In a group one that was gone comes back as a secondary, or waits until it is expelled. */
static void same_member(struct prediction *p, const struct rules *r,
			const struct fault_record *fault)
{
	bool anew = fault_does(fault, EFFECT_POD_RECREATED);
	int64_t start = anew ? ALLOW_RECREATE : ALLOW_BACKOFF + ALLOW_CONTAINER_START;
	int64_t hi = start + (fault->does.notice ? SHUTDOWN : 0) + RECOVERY + OPENED + CLIENTS;

	if (r->failover == BY_GROUP)
		return;
	prediction_add(p, "same member restarts", S(0.5), hi, RESTARTS,
		       "%s, recovers, and is let take writes again%s; allowed: %.0f s to start, %.0f s for recovery, %.0f s until it is opened, %.0f s for the Service and clients: 0.5 to %.0f s",
		       anew ? "the StatefulSet creates the pod again under its name" :
		       "the kubelet restarts the container, at once the first time and after 10 s the second within ten minutes",
		       r->failover == BY_RUNBOOK ? ", if detector_timeout is not over before" : "", in_s(start), in_s(RECOVERY),
		       in_s(OPENED), in_s(CLIENTS), in_s(hi));
	if (r->semi_sync)
		prediction_note(p, "What it had in its binary log and nobody acknowledged it commits while it recovers, and serves.");
}

static void leaves_group(struct prediction *p)
{
	int64_t hi = SHUTDOWN + ELECT + ASK;

	prediction_add(p, "primary leaves", S(0.2), hi, SINGLE,
		       "told to end, it leaves the group, which elects at once; allowed: %.0f s for that, %.0f s for the election, %.0f s until clients have asked: 0.2 to %.0f s",
		       in_s(SHUTDOWN), in_s(ELECT), in_s(ASK), in_s(hi));
}

static void dies(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	same_member(p, r, fault);
	if (r->failover == BY_GROUP && fault->does.notice)
		leaves_group(p);
	if (!(r->failover == BY_GROUP && fault->does.notice == NOTICE_FULL))
		taken_over(p, r, true);
}

/* Its data are with the others alone. Where nobody fails over it takes them back from the one
 * that has most; a runbook's controller gives up a primary that lacks what others have as
 * soon as it is back. */
static void comes_back_empty(struct prediction *p, const struct rules *r,
			     const struct fault_record *fault)
{
	int64_t start = ALLOW_RECREATE + FIRST_START;
	int64_t hi = start + CLONE + RECOVERY + OPENED + CLIENTS;

	(void)fault;
	if (r->failover == NOBODY)
		prediction_add(p, "same member restarts", S(0.5), hi, RESTARTS "; MySQL Reference Manual: The Clone Plugin",
			       "the StatefulSet creates the pod and its claims again, and whoever leads by the record and is empty clones the replica that has most; allowed: %.0f s until it starts, %.0f s for the clone, %.0f s for a restart, %.0f s until it is opened, %.0f s for the Service and clients: 0.5 to %.0f s",
			       in_s(start), in_s(CLONE), in_s(RECOVERY), in_s(OPENED),
			       in_s(CLIENTS), in_s(hi));
	else if (r->failover == BY_RUNBOOK)
		replica_promoted(p, r, true, S(0.5));
	else
		group_elects(p, r);
	prediction_note(p, "It comes back without data: what no other had is lost with its volume.");
}

/* Whichever comes first. */
static void taken_over_or_end(struct prediction *p, const struct rules *r,
			      const struct fault_record *fault, int64_t after, const char *why)
{
	int64_t lo, hi;
	bool known = fault_length(fault, &lo, &hi);

	if (!known || r->failover == NOBODY || hi + after >= takeover_lo(r))
		taken_over(p, r, false);
	if (known && (r->failover == NOBODY || r->takeover.hindered ||
		      lo <= runbook_hi(r, false) + r->expelled))
		prediction_fault_ends(p, fault, after,
				      r->failover == BY_GROUP ? DETECTION :
				      r->failover == BY_RUNBOOK ? RUNBOOK : RESTARTS, why);
}

static void stands_still(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	taken_over_or_end(p, r, fault,
			  ALLOW_RECONNECT_LOGIN + (r->failover == BY_GROUP ? SUSPECT : 0),
			  r->failover == NOBODY ? "nobody takes over, and the primary goes on" :
			  "it ended before another took over, and the primary goes on");
}

static void cut_off(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	stands_still(p, r, fault);
	if (r->failover == NOBODY)
		prediction_note(p, "Clients on the primary's own node are not cut off.");
	else if (r->failover == BY_RUNBOOK)
		prediction_note(p, "Who is out of the runbook's reach cannot be fenced but by deleting its pod; until its node hears of that it takes writes of clients beside it%s.",
				r->semi_sync ? ", each after semi_sync_timeout at first" : "");
	else
		prediction_note(p, "Cut off, it has no majority: its commits hang%s.",
				r->majority_timeout ? " until unreachable_majority_timeout" : " until it is healed");
}

static void node_gone(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (r->failover == BY_GROUP && fault->does.notice == NOTICE_FULL)
		leaves_group(p);
	taken_over_or_end(p, r, fault, ALLOW_NODE_BOOT + RECOVERY + OPENED + CLIENTS,
			  "the node came back, and the same member starts again");
	prediction_note(p, "A StatefulSet's pod is not created elsewhere while its node is away.");
}

static void disk_full(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	prediction_fault_ends(p, fault, DISK_LOOK + RECOVERY + OPENED, FULL_DISK,
			      "a statement that finds no room fails or waits, and looks once a minute; a server that cannot write its binary log ends (binlog_error_action), and starts once there is room");
	if (r->failover != NOBODY)
		taken_over(p, r, true);
	prediction_note(p, "A server that waits for room still answers who looks at it.");
}

/* ---- a replica ---- */

/* Who saw no majority for as long as it was to wait is in no group any more either, and tries
 * to join what is not there. Once nobody is in one, whoever has all starts it anew. */
static void started_anew(struct prediction *p, const struct rules *r)
{
	int64_t back = r->takeover.by_ns + (r->takeover.starts ? ALLOW_NODE_BOOT + RECOVERY : 0);
	int64_t out = r->leaves + r->rejoins, hi = (back > out ? back : out) + ANEW + ELECT + ASK;
	int64_t lo = r->rejoins ? out - REJOIN : r->leaves - LOOK;

	lo = lo > r->takeover.from_ns ? lo : r->takeover.from_ns;
	prediction_add(p, "group started anew", lo, hi, QUORUM "; Exit Action; Auto-Rejoin",
		       "no majority was left until %.1f s after the fault; suspected after 5 s, waited for unreachable_majority_timeout %.0f s, so the member leaves; it tries to join again for %.0f s (autorejoin_tries, 5 minutes apart); then whoever has all starts the group anew; allowed: %.0f s for that, %.0f s for the view, %.0f s until clients have asked: %.1f to %.1f s",
		in_s(r->takeover.by_ns), in_s(r->majority_timeout), in_s(r->rejoins), in_s(ANEW),
		in_s(ELECT), in_s(ASK), in_s(lo), in_s(hi));
}

/* Who comes back by starting anew is in no group, and who is left has no majority to let it
 * in: somebody has to force the group to go on without the others. */
static void majority_returns(struct prediction *p, const struct rules *r)
{
	int64_t start = r->takeover.starts ? ALLOW_NODE_BOOT + RECOVERY + FORCE : 0;
	int64_t hi = r->takeover.by_ns + start + ELECT + ASK;

	if (r->takeover.never) {
		prediction_note(p, "No majority of the group was left as long as the faults lasted: writes hang%s.",
				r->majority_timeout ? " until unreachable_majority_timeout, then fail" : "");
		return;
	}
	if (r->leaves && r->takeover.by_ns > r->leaves) {
		started_anew(p, r);
		return;
	}
	prediction_add(p, "majority returns", r->takeover.from_ns, hi, QUORUM,
		       "no majority of the group was left until %.1f s after the fault%s; allowed: %.0f s for the view, %.0f s until clients have asked: %.1f to %.1f s",
		       in_s(r->takeover.by_ns),
		       start ? "; those who start again are in no group, and the one that is left has to be forced to go on without them (50 s allowed until they answer, 120 s for the forcing, which waits for proposers that sleep up to 20 s each)" :
		       "", in_s(ELECT), in_s(ASK), in_s(r->takeover.from_ns), in_s(hi));
}

static void of_group(struct prediction *p, const struct rules *r)
{
	int64_t hi = SUSPECT + LOOK + ELECT;

	if (r->takeover.hindered)
		majority_returns(p, r);
	else
		prediction_add(p, "group goes on", 0, hi, DETECTION,
			       "a majority is left and commits go on; what the one that is gone had to say is waited for until it is suspected, %.0f s at most (allowed), and it is expelled after %.0f s",
			       in_s(hi), in_s(r->expelled));
}

static void replica(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (r->failover == BY_GROUP) {
		of_group(p, r);
	} else if (!r->semi_sync) {
		prediction_add(p, "writes need no replica", 0, 0, SEMI_SYNC,
			       "replication is asynchronous (semi_sync off): commits wait for no replica, whatever %s does to one",
			       *fault->name ? fault->name : "a fault");
	} else if ((int64_t)r->replicas >= r->semi_replicas) {
		prediction_add(p, "another replica acknowledges", 0, LOOK, SEMI_SYNC,
			       "commits wait for %lld acknowledgement; another replica gives it (1 s allowed for one that was under way)",
			       (long long)r->semi_replicas);
	} else {
		prediction_add(p, "semi-sync falls back", 0, r->semi_timeout + LOOK, SEMI_SYNC,
			       "too few replicas are left to acknowledge: commits wait for semi_sync_timeout %.1f s once, then for nobody (1 s allowed)",
			       in_s(r->semi_timeout));
	}
}

static const struct effect_rules of_primary = {
	.storage_empty = comes_back_empty, .process_dies = dies, .silent = stands_still,
	.cut_off = cut_off, .node_gone = node_gone, .storage_refuses = disk_full,
};

void mysql_predict(const struct evidence *ev, const struct fault_record *fault,
		   struct prediction *out)
{
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(ev, fault, &r);
	prediction_by_role(out, &of_primary, replica, "primary", &r, fault);
	prediction_note_assumed(out, &r.assumed, "the");
}

/* ---- and counted from what was seen ---- */

void mysql_count_from(const struct evidence *ev, const struct fault_record *fault, int64_t seen_ns,
		      struct rule_window *out)
{
	int64_t age_ns = seen_ns - fault->injected_ns;
	struct rules r;

	rules_read(ev, fault, &r);
	if (r.failover == NOBODY)
		return;
	out->known = true;
	if (r.failover == BY_GROUP) {
		out->lo_ns = age_ns + r.expelled - SUSPECT - LOOK;
		out->hi_ns = age_ns + r.expelled - SUSPECT + SWEEP + LOOK + ELECT + ASK;
	} else {
		out->lo_ns = age_ns + r.detector;
		out->hi_ns = age_ns + r.detector + 2 * LOOK +
			     runbook_acts(&r, effects_die(&fault->does));
	}
	out->lo_ns = out->lo_ns > 0 ? out->lo_ns : 0;
	why_say(out->how, "counted from %s, %.1f s %s the fault",
		r.failover == BY_GROUP ? "the suspicion that was seen" : "the first look that failed", in_s(llabs(age_ns)),
		age_ns >= 0 ? "after" : "before");
}
