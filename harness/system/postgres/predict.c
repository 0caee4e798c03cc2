#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/allowances.h"
#include "system/postgres/model.h"
#include "system/prediction.h"

/* How long writes may be down, by the rules of Patroni, Kubernetes and
 * PostgreSQL under the settings in force.
 *
 * With Kubernetes as its store, Patroni's leader renews the annotations of
 * an Endpoints object every loop_wait. A replica starts its clock when it
 * sees them change, wakes up for each change and otherwise every loop_wait +
 * 0.5 s, and calls the cluster unlocked once ttl has gone by without one.
 * So when a leader vanishes, its last renewal is 0 to loop_wait old, and the
 * first replica to notice does so 0 to loop_wait + 0.5 s after the lease
 * ended: ttl - loop_wait to ttl + loop_wait + 0.5 s after the fault. Then it
 * asks the other members for their positions (2 s for those that do not
 * answer), takes the lease and promotes.
 *
 * With etcd the leader's key itself ends after ttl, and is renewed every
 * loop_wait. etcd removes it then and tells the watching replicas, which act at
 * once; a replica whose own etcd member has gone looks again after loop_wait.
 * By v3 a new leader of etcd gives all leases their whole time anew (etcd,
 * lessor.go: Promote()), so that one that leaves with Patroni's leader adds what
 * the election of another takes. The window is the same.
 *
 * What no document states (how long a process takes to start, to recover
 * from a crash, to promote, and a Service to follow) is an allowance, named
 * here or in allowances.h, and said to be one in each rule. */

#define S(x) ((int64_t)((x) * 1e9))
#define LOOP_SLACK S(0.5)  /* patroni/dcs/kubernetes.py: watch() */
#define ASK_MEMBERS S(2)   /* patroni/ha.py: fetch_node_status() */
#define PROMOTE S(5)       /* allowance: promotion, label, Service, reconnecting */
#define SHUTDOWN S(5)      /* allowance: PostgreSQL's fast shutdown with its checkpoint */
#define CRASH_RECOVERY S(10) /* allowance: recovery in single-user mode, start, promotion */

#define DYNAMIC "Patroni documentation: Dynamic Configuration Settings"
#define ON_KUBERNETES "Patroni documentation: Using Patroni with Kubernetes"
#define POD_LIFECYCLE "Kubernetes documentation: Pod Lifecycle"
#define STATEFUL_SETS "Kubernetes documentation: StatefulSets"
#define REPLICATION "PostgreSQL documentation: Replication settings"

struct rules {
	int64_t ttl, loop_wait, retry_timeout, primary_start_timeout, wal_sender_timeout;
	bool synchronous;
	bool etcd; /* Patroni's store; else the Kubernetes API */
	struct takeover takeover;
	int64_t no_space_ns; /* the target's volume was full when it was hit, for so long; -1: it
				was not */
	struct assumed assumed;
};

/* A majority of etcd's members, as far as the answers name them. */
static bool etcd_decides(const struct evidence *ev, int64_t t_ns)
{
	char hosts[8][64];
	size_t n = 0, out = 0, k;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const char *host = json_str(json_get(ev->samples[i].extra, "store"), "host", "");

		if (!*host || n == ARRAY_LEN(hosts))
			continue;
		snprintf(hosts[n], sizeof(hosts[n]), "%.*s", (int)strcspn(host, ".:"), host);
		for (k = 0; k < n && strcmp(hosts[k], hosts[n]); k++)
			;
		n += k == n;
	}
	for (k = 0; k < n; k++)
		out += evidence_out(ev, hosts[k], t_ns);
	return 2 * out < n || !n;
}

/* A replica that could act, and a store that lets it. */
static bool enough_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	return !ev->nmembers ||
	       (prediction_members_left(ev, fault, t_ns) && etcd_decides(ev, t_ns));
}

/* For how long the target's volume had no room from the fault on. */
static int64_t no_space(const struct evidence *ev, const struct fault_record *fault)
{
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];

		if (f == fault || !fault_does(f, EFFECT_STORAGE_REFUSES) ||
		    !fault_on(f, fault->injected_ns))
			continue;
		for (size_t k = 0; k < fault->ntargets; k++)
			if (fault_hits(f, fault->targets[k].member))
				return f->healed_ns ? f->healed_ns - fault->injected_ns : INT64_MAX;
	}
	return -1;
}

static int64_t duration(struct rules *r, const struct settings_seen *inforce, const char *name,
			double dflt_s)
{
	const struct setting_seen *s = setting_find(inforce, name);
	double n;
	char *end;

	if (!s || !s->value || !*s->value) {
		prediction_assume(&r->assumed, name);
		return S(dflt_s);
	}
	n = strtod(s->value, &end);
	if (!strcmp(end, "ms"))
		n /= 1000;
	else if (!strcmp(end, "min"))
		n *= 60;
	else if (*end && strcmp(end, "s"))
		n = dflt_s;
	if (!strcmp(s->unit, "ms"))
		n /= 1000;
	return S(n);
}

static bool is_on(const struct settings_seen *inforce, const char *name)
{
	const char *v = prediction_setting(inforce, name);

	return v && (!strcmp(v, "on") || !strcmp(v, "true") || !strcmp(v, "quorum"));
}

static int64_t lease_lo(const struct rules *r)
{
	return r->ttl - r->loop_wait;
}

static void rules_read(const struct evidence *ev, const struct fault_record *fault, struct rules *r)
{
	const struct settings_seen *inforce = ev->inforce;
	const char *store = prediction_setting(inforce, "store");

	memset(r, 0, sizeof(*r));
	r->ttl = duration(r, inforce, "ttl", 30);
	r->loop_wait = duration(r, inforce, "loop_wait", 10);
	r->retry_timeout = duration(r, inforce, "retry_timeout", 10);
	r->primary_start_timeout = duration(r, inforce, "primary_start_timeout", 300);
	r->synchronous = is_on(inforce, "synchronous_mode");
	r->etcd = store && !strncmp(store, "etcd", 4);
	/* Not a knob of ours, so its absence is nothing to mention. */
	r->wal_sender_timeout = prediction_setting(inforce, "wal_sender_timeout") ?
				duration(r, inforce, "wal_sender_timeout", 60) : S(60);
	r->takeover = prediction_takeover(ev, fault, lease_lo(r), enough_left);
	r->no_space_ns = no_space(ev, fault);
}

static int64_t lease_hi(const struct rules *r)
{
	return r->ttl + r->loop_wait + LOOP_SLACK + ASK_MEMBERS + PROMOTE;
}

/* A Patroni that starts counts the lease from when it first reads it. */
static void lease_after_all(struct prediction *p, const struct rules *r)
{
	int64_t hi = r->takeover.by_ns + lease_hi(r) +
		     (r->takeover.starts ? ALLOW_NODE_BOOT + CRASH_RECOVERY : 0);

	if (r->takeover.never) {
		prediction_note(p, "No replica, or no store of the lease, was left to take over as long as the faults lasted.");
		return;
	}
	prediction_add(p, "lease expires", r->takeover.from_ns > lease_lo(r) ? r->takeover.from_ns : lease_lo(r), hi, DYNAMIC,
		       "no replica or no store of the lease was left until %.1f s after the fault; who is there again acts once ttl %.0f s is over, within loop_wait %.0f s + 0.5 s, asks the others for up to 2 s%s; %.0f s allowed for promotion and the Service: until %.1f s",
		       in_s(r->takeover.by_ns), in_s(r->ttl), in_s(r->loop_wait),
		       r->takeover.starts ? "; it has to start before (40 s allowed)" : "", in_s(PROMOTE), in_s(hi));
}

static void lease_expires(struct prediction *p, const struct rules *r)
{
	if (r->takeover.hindered) {
		lease_after_all(p, r);
		return;
	}
	if (r->etcd) {
		prediction_add(
			p, "lease expires", lease_lo(r), lease_hi(r),
			DYNAMIC "; etcd documentation: TTL, Lease",
			"the last renewal of the key in etcd is 0 to loop_wait %.0f s old, it goes when ttl %.0f s is over (by v3 with another leader of etcd: counted from its election), a replica that etcd cannot tell looks every loop_wait + 0.5 s, asks the others for up to 2 s; %.0f s allowed for promotion: %.0f to %.1f s%s",
			in_s(r->loop_wait), in_s(r->ttl), in_s(PROMOTE), in_s(lease_lo(r)),
			in_s(lease_hi(r)),
			r->synchronous ? "; only the synchronous standby may take over" : "");
		return;
	}
	prediction_add(
		p, "lease expires", lease_lo(r), lease_hi(r), DYNAMIC,
		"the last renewal is 0 to loop_wait %.0f s old, a replica may act once ttl %.0f s is over and looks every loop_wait + 0.5 s, asks the others for up to 2 s; %.0f s allowed for promotion and the Service: %.0f to %.1f s%s",
		in_s(r->loop_wait), in_s(r->ttl), in_s(PROMOTE), in_s(lease_lo(r)),
		in_s(lease_hi(r)),
		r->synchronous ? "; only the synchronous standby may take over" : "");
}

static void lease_released(struct prediction *p, const char *grace)
{
	int64_t hi = SHUTDOWN + ASK_MEMBERS + PROMOTE;

	prediction_add(p, "lease released", S(0.3), hi, ON_KUBERNETES,
		       "on SIGTERM Patroni shuts PostgreSQL down and gives its lease up%s, and the replicas race at once (asking the others for up to 2 s); allowed: %.0f s for the shutdown, %.0f s for promotion and the Service: 0.3 to %.0f s",
		       grace, in_s(SHUTDOWN), in_s(PROMOTE), in_s(hi));
}

/* A lasting fault against the lease: whichever comes first. */
static void lease_or_end(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault, int64_t after, const char *why)
{
	int64_t lo, hi;
	bool known = fault_length(fault, &lo, &hi);

	if (!known || hi + after >= lease_lo(r))
		lease_expires(p, r);
	if (known && (lo <= lease_hi(r) || r->takeover.hindered))
		prediction_fault_ends(p, fault, after, DYNAMIC, why);
}

static void same_member(struct prediction *p, const struct rules *r, const char *who, int64_t start,
			const char *source)
{
	int64_t hi = start + CRASH_RECOVERY + ALLOW_READY;

	prediction_add(
		p, "same member restarts", S(1), hi, source,
		"%s, and while the lease (ttl %.0f s) still names it, the member goes on as leader after crash recovery; allowed: %.0f s to start, %.0f s for recovery, %.0f s until its readiness probe lets the Service route to it: 1 to %.0f s",
		who, in_s(r->ttl), in_s(start), in_s(CRASH_RECOVERY), in_s(ALLOW_READY), in_s(hi));
}

/* Whoever led before, or was the synchronous standby, may have been restarted just
 * now, and no other is named yet. */
static void no_standby_named(struct prediction *p, const struct rules *r)
{
	int64_t hi = SHUTDOWN + ALLOW_RECREATE + CRASH_RECOVERY + ALLOW_READY;

	prediction_add(
		p, "same member restarts", S(1), hi,
		"Patroni documentation: Replication modes; patroni/ha.py: is_healthiest_node()",
		"with synchronous_mode only the synchronous standby may take over, and after the restart of the pod before the leader names one within loop_wait %.0f s: until then it is the leader itself that comes back; allowed: %.0f s for the shutdown, %.0f s until it is made again, %.0f s to start, %.0f s for its readiness probe: 1 to %.0f s",
		in_s(r->loop_wait), in_s(SHUTDOWN), in_s(ALLOW_RECREATE), in_s(CRASH_RECOVERY),
		in_s(ALLOW_READY), in_s(hi));
}

static void pod_goes(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (fault->does.notice == NOTICE_FULL) {
		lease_released(p, " within the manifest's grace period");
		if (fault->does.one_by_one && r->synchronous)
			no_standby_named(p, r);
	} else if (fault->does.notice == NOTICE_SHORT) {
		lease_released(p, " (deletion with grace 0 still sends SIGTERM and leaves about 2 s)");
		same_member(p, r, "the StatefulSet creates the pod again under its name at once", ALLOW_RECREATE,
			    STATEFUL_SETS);
		lease_expires(p, r);
		prediction_note(p, "If the shutdown takes more than the 2 s, SIGKILL comes, and then the new pod and the lease's end race.");
	} else {
		same_member(p, r, "the StatefulSet creates the pod again under its name", ALLOW_RECREATE,
			    STATEFUL_SETS);
		lease_expires(p, r);
		prediction_note(p, "All processes are killed, so nobody gives the lease up; the new pod and the lease's end race.");
	}
}

/* It is the leader still by the lease, and has nothing to lead with: Patroni gives
 * the lease up at its first look, if it has not ended by then. */
static void comes_back_empty(struct prediction *p, const struct rules *r,
			     const struct fault_record *fault)
{
	int64_t hi = ALLOW_RECREATE + ALLOW_CONTAINER_START + ASK_MEMBERS + PROMOTE;

	(void)fault;
	prediction_add(p, "lease released", S(0.3), hi, STATEFUL_SETS "; patroni/ha.py: _run_cycle()",
		       "the StatefulSet creates the pod and its claims again, and a Patroni that finds no data where its lease makes it the leader gives the lease up at once; the replicas race (asking the others for up to 2 s); allowed: %.0f s until it starts, %.0f s for promotion and the Service: 0.3 to %.0f s",
		       in_s(ALLOW_RECREATE + ALLOW_CONTAINER_START), in_s(PROMOTE), in_s(hi));
	lease_expires(p, r);
	prediction_note(p, "It comes back without data and copies the new primary's: what no other had is lost with its volume.");
}

/* It cannot start before there is room again; until then Patroni keeps the
 * lease, and tries. */
static void on_a_full_disk(struct prediction *p, const struct rules *r)
{
	int64_t given_up =
		r->primary_start_timeout + r->loop_wait + LOOP_SLACK + ASK_MEMBERS + PROMOTE;
	int64_t room = r->no_space_ns;

	prediction_add(p, "lease released", S(0.3), given_up, DYNAMIC ": primary_start_timeout",
		       "its disk is full, so it may not start; Patroni gives the lease up once it has not been up for primary_start_timeout %.0f s, and looks every loop_wait %.0f s: %.1f s at most",
		       in_s(r->primary_start_timeout), in_s(r->loop_wait), in_s(given_up));
	if (room == INT64_MAX)
		return;
	prediction_add(p, "PostgreSQL restarted in place", S(0.2), room + r->loop_wait + LOOP_SLACK + CRASH_RECOVERY,
		       DYNAMIC ": primary_start_timeout",
		       "Patroni starts it again and again; with room after %.1f s, within loop_wait %.0f s, and %.0f s allowed for crash recovery",
		       in_s(room), in_s(r->loop_wait), in_s(CRASH_RECOVERY));
}

static void process_dies(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	int64_t hi = r->loop_wait + LOOP_SLACK + CRASH_RECOVERY;

	if (fault->does.whole_container) {
		same_member(p, r, "the kubelet restarts the container, at once the first time and after 10 s the second within ten minutes",
			    ALLOW_BACKOFF, POD_LIFECYCLE ": container restarts");
		lease_expires(p, r);
	} else if (!r->primary_start_timeout) {
		hi = r->loop_wait + LOOP_SLACK + ASK_MEMBERS + PROMOTE;
		prediction_add(p, "lease released", S(0.3), hi, DYNAMIC ": primary_start_timeout",
			       "primary_start_timeout is 0: Patroni notices the dead server within loop_wait %.0f s + 0.5 s and fails over at once: 0.3 to %.1f s",
			       in_s(r->loop_wait), in_s(hi));
	} else if (r->no_space_ns >= 0) {
		on_a_full_disk(p, r);
	} else {
		prediction_add(p, "PostgreSQL restarted in place", S(0.2), hi, DYNAMIC ": primary_start_timeout",
			       "Patroni notices the dead server within loop_wait %.0f s + 0.5 s and starts it again itself; %.0f s allowed for crash recovery and promotion: 0.2 to %.1f s",
			       in_s(r->loop_wait), in_s(CRASH_RECOVERY), in_s(hi));
		prediction_note(p, "Only when it is not up after primary_start_timeout %.0f s is the lease given up.",
				in_s(r->primary_start_timeout));
	}
}

static void stands_still(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	lease_or_end(p, r, fault, ALLOW_RECONNECT_LOGIN, "it ended before the lease did, and the primary goes on");
}

static void cut_off(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	/* A cut between nodes is one between members of etcd, whatever becomes of
	 * the API server. */
	if (!(fault->does.cut & CUT_API) && !r->etcd) {
		prediction_fault_ends(p, fault, ALLOW_RECONNECT_LOGIN, ON_KUBERNETES,
				      "the primary still reaches the API server and renews its lease, so nobody takes over");
		if (!p->known)
			prediction_note(p, "The primary keeps its lease, so the outage lasts as long as the cut, which was not healed.");
		prediction_note(p, "Clients on the primary's own node are not cut off.");
		return;
	}
	lease_or_end(p, r, fault, r->loop_wait + CRASH_RECOVERY,
		     "it ended before the lease did, and the old primary goes on or gets its lease back");
	prediction_note(
		p,
		"Cut off from its store, the old primary demotes itself retry_timeout %.0f s after its next renewal fails: %.0f to %.0f s after the cut.",
		in_s(r->retry_timeout), in_s(r->retry_timeout),
		in_s(r->retry_timeout + r->loop_wait));
}

static void node_gone(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (fault->does.notice == NOTICE_FULL)
		lease_released(p, " when the node stops its containers");
	lease_or_end(p, r, fault, ALLOW_NODE_BOOT + CRASH_RECOVERY + ALLOW_READY,
		     "the node came back before the lease ended, and the same member starts again");
	prediction_note(p, "A StatefulSet's pod is not created elsewhere while its node is away.");
}

static void disk_full(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t lo, hi, after = r->loop_wait + LOOP_SLACK + CRASH_RECOVERY + ALLOW_RECONNECT_LOGIN;

	if (!fault_length(fault, &lo, &hi)) {
		prediction_note(p, "No rule ends this before space returns, and it was not freed.");
		return;
	}
	prediction_add(p, "space returns", 0, hi + after, "PostgreSQL documentation: Disk Full Failure",
		       "writes fail while no block is free, and work again when there is space; the server stays up unless its log cannot be written, which stops it; full for %.1f s, %.0f s allowed for a restart: 0 to %.1f s",
		       in_s(hi), in_s(after), in_s(hi + after));
	prediction_add(p, "leader gives up", 0, r->loop_wait + LOOP_SLACK + CRASH_RECOVERY + ASK_MEMBERS + PROMOTE, DYNAMIC,
		       "a server that stopped on the full disk is started again within loop_wait %.0f s; if that fails, Patroni deletes its leader key and a replica takes over",
		       in_s(r->loop_wait));
	prediction_note(p, "Patroni has no failover rule for a full disk as such.");
}

static void replica(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	/* How long it copies a whole primary no rule says. */
	bool dies = effects_die(&fault->does), known,
	     empty = fault_does(fault, EFFECT_STORAGE_EMPTY);
	int64_t lo, len = 0, replaced = r->loop_wait + LOOP_SLACK + ASK_MEMBERS, returns, hi;

	if (!r->synchronous) {
		prediction_add(p, "writes need no replica", 0, 0, REPLICATION,
			       "replication is asynchronous (synchronous_mode off): commits wait for no standby");
		return;
	}
	known = !empty && (dies || fault_length(fault, &lo, &len));
	returns = dies ? ALLOW_RECREATE + CRASH_RECOVERY : len + ALLOW_RECONNECT_LOGIN;
	if (!dies)
		replaced += r->wal_sender_timeout;
	hi = known && returns < replaced ? returns : replaced;
	prediction_add(p, "synchronous standby replaced", 0, hi, "Patroni documentation: Replication modes",
		       "commits wait for the synchronous standby; Patroni names another within loop_wait %.0f s + 0.5 s once the connection is gone%s, %.1f s at most, unless the standby is back before; 0 if it was not the synchronous one",
		       in_s(r->loop_wait), dies ? "" : " (silent peers: wal_sender_timeout)", in_s(replaced));
	if (known)
		prediction_add(p, "synchronous standby returns", 0, hi, REPLICATION,
			       "the standby itself streams again %.1f s after %s at the latest, %s, unless another has taken its place before",
			       in_s(dies ? returns : ALLOW_RECONNECT_LOGIN), dies ? "it was killed" : "the fault ends",
			       dies ? "allowed for its start and recovery" : "allowed for its reconnecting");
}

static const struct effect_rules of_primary = {
	.storage_empty = comes_back_empty,
	.pod_recreated = pod_goes,
	.process_dies = process_dies,
	.silent = stands_still,
	.cut_off = cut_off,
	.node_gone = node_gone,
	.storage_refuses = disk_full,
};

void postgres_predict(const struct evidence *ev, const struct fault_record *fault,
		      struct prediction *out)
{
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(ev, fault, &r);
	prediction_by_role(out, &of_primary, replica, "primary", &r, fault);
	prediction_note_assumed(out, &r.assumed, "Patroni's");
}
