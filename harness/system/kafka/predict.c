#include <string.h>

#include "base/json.h"
#include "system/allowances.h"
#include "system/kafka/model.h"
#include "system/kafka/release.h"
#include "system/prediction.h"

/* How long writes may be down, by the rules of Kafka's controller (KRaft) under the
 * settings in force.
 *
 * A broker tells the active controller every heartbeat interval that it lives. One that
 * has not for the session's time is fenced: its partitions get other leaders, and it
 * leaves the copies in sync everywhere. Until then its partitions have no other leader,
 * and where a write waits for all copies in sync (acks=all) every partition with a copy
 * there waits as well. A broker that comes back before may not register until the session of
 * the one before has ended, so its own partitions wait all the same; its copies of others'
 * partitions fetch at once. (Design, "Replication"; KIP-631,
 * "Broker registration and heartbeats"; ClusterControlManager.registerBroker.) 3.6 looks at
 * a session when it runs out (BrokerHeartbeatManager.nextCheckTimeNs), from 4.0 on sessions are
 * looked at an eighth of their length apart (QuorumController.maybeFenceStaleBrokerPeriodNs).
 *
 * Where the active controller goes with it, the others elect one first: they miss it for the
 * fetch time-out, less what had passed of its no-op records' interval, and vote for the
 * election time-out, up to twice that by chance, and once more where nobody has a majority
 * (KIP-595). The new one counts every session from when it became active.
 *
 * Brokers learn of another leader from the metadata log, and clients that are in silence ask
 * who leads every metadata refresh.
 *
 * What no document states is an allowance, named here or in allowances.h, and said to be
 * one. */

#define S(x) ((int64_t)((x) * 1e9))
#define NO_OP S(0.5)     /* metadata.max.idle.interval.ms */
#define KNOWN S(0.5)     /* allowance: brokers learn it from the metadata log */
#define REFRESH S(1)     /* of clients that did not tell it yet */
#define MOVED S(1)       /* allowance: the controller moves the leaders of who is told to end */
#define START S(25)      /* allowance: Java, the log, registration, copies catch up */

#define CLIENT "librdkafka, CONFIGURATION.md"
#define DESIGN "Apache Kafka documentation: Design, Replication; KIP-631; " CLIENT
#define VOTE "KIP-595 and KIP-631; " CLIENT
#define TELLS "%.1f s allowed until brokers know, and clients ask who leads every topic.metadata.refresh.interval.ms %.1f s"

struct rules {
	const struct evidence *ev;
	int64_t session, heartbeat, fetch, election, lag, least, refresh;
	int64_t look;  /* so late a session that has run out may be seen to have */
	int64_t tells; /* until brokers and clients know */
	bool all;  /* a write waits for all copies in sync */
	bool active, known; /* the active controller is hit; whether it is known who that is */
	struct takeover take;
	struct assumed assumed;
};

/* The controllers' majority, and as many copies as a write needs. */
static bool enough_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	struct assumed a = {0};
	int64_t least = prediction_number(ev->inforce, "min_insync_replicas", 2, &a);
	const char *acks = prediction_setting(ev->inforce, "acks");
	int64_t left = (int64_t)prediction_members_left(ev, fault, t_ns), n = (int64_t)ev->nmembers;

	if (acks && strcmp(acks, "all"))
		least = 1;
	return !n || (2 * left > n && left >= least);
}

/* Whether the last that the members said of the quorum names a target as its leader. */
static void who_is_active(const struct evidence *ev, const struct fault_record *fault,
			  struct rules *r)
{
	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= fault->injected_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->beside || !json_bool(s->extra, "controller", false))
			continue;
		r->known = true;
		r->active = fault_hits(fault, s->member);
	}
}

static void rules_read(const struct evidence *ev, const struct fault_record *fault, struct rules *r)
{
	const struct settings_seen *inforce = ev->inforce;
	const char *acks = prediction_setting(inforce, "acks");
	int release = kafka_release(ev);

	memset(r, 0, sizeof(*r));
	r->ev = ev;
	r->session = prediction_number(inforce, "session_timeout", 9000, &r->assumed) * NS_PER_MS;
	r->heartbeat = prediction_number(inforce, "heartbeat_interval", 2000, &r->assumed) * NS_PER_MS;
	r->fetch = prediction_number(inforce, "quorum_fetch_timeout", 2000, &r->assumed) * NS_PER_MS;
	r->election = prediction_number(inforce, "quorum_election_timeout", 1000, &r->assumed) * NS_PER_MS;
	r->lag = prediction_number(inforce, "replica_lag_time_max", 30000, &r->assumed) * NS_PER_MS;
	r->least = prediction_number(inforce, "min_insync_replicas", 2, &r->assumed);
	r->refresh = prediction_setting(inforce, "metadata_refresh") ?
			     prediction_number(inforce, "metadata_refresh", 0, &r->assumed) * NS_PER_MS : REFRESH;
	if (!release)
		prediction_assume(&r->assumed, "version");
	r->look = release && release < 400 ? 0 : r->session / 8;
	r->tells = KNOWN + r->refresh;
	r->all = !acks || !strcmp(acks, "all");
	who_is_active(ev, fault, r);
	r->take = prediction_takeover(ev, fault, r->session - r->heartbeat, enough_left);
}

static void fenced(struct prediction *p, const struct rules *r)
{
	int64_t lo = r->session - r->heartbeat, hi = r->session + r->look + r->tells;

	if (r->known && r->active)
		return;
	prediction_add(p, "broker fenced", lo, hi, DESIGN,
		       "the controller fences a broker that was silent for broker.session.timeout.ms %.1f s, which began up to broker.heartbeat.interval.ms %.1f s before the fault%s; " TELLS ": %.1f to %.1f s",
		       in_s(r->session), in_s(r->heartbeat),
		       r->look ? "; sessions are looked at an eighth of that apart from 4.0 on" : "",
		       in_s(KNOWN), in_s(r->refresh), in_s(lo), in_s(hi));
}

static void controller_first(struct prediction *p, const struct rules *r)
{
	int64_t lo = r->fetch - NO_OP + r->session;
	int64_t hi = r->fetch + 4 * r->election + r->session + r->look + r->tells;

	if (r->known && !r->active)
		return;
	prediction_add(
		p, "controller elected, broker fenced", lo, hi, VOTE,
		"the active controller is heard no more: who misses it for controller.quorum.fetch.timeout.ms %.1f s (up to %.1f s had passed) asks for votes, controller.quorum.election.timeout.ms %.1f to %.1f s and perhaps once more; the new one counts the session of %.1f s anew; " TELLS ": %.1f to %.1f s",
		in_s(r->fetch), in_s(NO_OP), in_s(r->election), in_s(2 * r->election),
		in_s(r->session), in_s(KNOWN), in_s(r->refresh), in_s(lo), in_s(hi));
}

/* A process that starts again copies from leaders by what it last knew of who they are,
 * while it is not yet let in: its copies count, for they never left those in sync. */
static void copies_again(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
{
	if (r->all && effects_die(&fault->does) && fault->does.notice == NOTICE_NONE)
		prediction_add(p, "copy fetches again", S(1), ALLOW_RECREATE + START, DESIGN,
			       "its process starts again, %.0f s allowed, and copies from leaders while it waits for its session of before to end: until then no leader has taken it out of those in sync",
			       in_s(ALLOW_RECREATE + START));
}

/* Its leader may take a silent follower out before it is fenced. */
static void out_of_sync(struct prediction *p, const struct rules *r)
{
	if (r->lag < r->session)
		prediction_add(p, "follower out of sync", r->lag, r->lag + r->lag / 2 + r->tells, DESIGN,
			       "a leader takes a follower that lags for replica.lag.time.max.ms %.1f s out of those in sync; it looks every half of that",
			       in_s(r->lag));
}

static void silent(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t lo, hi, surely = r->session + r->look + r->tells;
	bool over = fault_length(fault, &lo, &hi);

	if (!over || hi >= r->session - r->heartbeat) {
		fenced(p, r);
		controller_first(p, r);
	}
	if (over && lo < surely)
		prediction_fault_ends(p, fault, ALLOW_RECONNECT + r->tells, DESIGN,
				      "it ended before the broker was fenced, which goes on");
}

static void gone(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	(void)fault;
	fenced(p, r);
	controller_first(p, r);
}

static void told_to_end(struct prediction *p, const struct rules *r)
{
	prediction_add(p, "controlled shutdown", 0, MOVED + r->refresh + (r->active || !r->known ? r->fetch + 4 * r->election : 0),
		       DESIGN "; Graceful shutdown",
		       "a broker that is told to end has its leaders moved first, and no copy of its in sync is missed; %.1f s allowed for that, and clients ask who leads every topic.metadata.refresh.interval.ms %.1f s%s",
		       in_s(MOVED), in_s(r->refresh), r->active || !r->known ? "; an active controller gives its lead up, and a vote goes before" : "");
}

static void dies(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	if (fault->does.notice != NOTICE_NONE)
		told_to_end(p, r);
	else
		gone(p, r, fault);
}

/* A broker whose only folder cannot be written halts at once, and again at every start. */
static void storage(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	gone(p, r, fault);
	prediction_note(p, "A broker whose only log directory fails halts at once, without a controlled shutdown (LogManager), and does so again as long as it has no room.");
}

static const struct effect_rules of_broker = {
	.process_dies = dies,
	.silent = silent,
	.cut_off = silent,
	.node_gone = gone,
	.storage_refuses = storage,
};

/* Too few are left for any of that. */
static void too_few(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t most = START + r->fetch + 4 * r->election + r->session + r->look + r->tells;

	if (effects_die(&fault->does) && fault->does.notice == NOTICE_NONE)
		prediction_add(p, "members start again", 0, ALLOW_RECREATE + most, VOTE,
			       "too few are left for a controller, or for the copies in sync that a write needs: they start again, %.0f s allowed, and their sessions of before may have to end",
			       in_s(ALLOW_RECREATE + START));
	else if (effects_die(&fault->does))
		prediction_note(p, "A broker that is told to end waits for a controller to move its leaders, for as long as its grace is.");
	else
		prediction_fault_ends(p, fault, most, VOTE,
				      "too few are left for a controller, or for the copies in sync that a write needs");
}

/* A cut that leaves everybody somebody: who hears whom decides. */
static void partial(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	int64_t fence = r->session - r->heartbeat, surely = r->session + r->look + r->tells;
	int64_t lag = r->lag + r->lag / 2 + r->tells;

	prediction_add(p, "broker fenced", fence, surely, DESIGN,
		       "a broker that is cut off from the active controller alone is fenced when its session of %.1f s has run out, %.1f s of which may have passed; " TELLS ": %.1f to %.1f s",
		       in_s(r->session), in_s(r->heartbeat), in_s(KNOWN), in_s(r->refresh),
		       in_s(fence), in_s(surely));
	controller_first(p, r);
	prediction_add(p, "follower out of sync", r->lag, lag,
		       "broker configuration, replica.lag.time.max.ms; ReplicaManager.startup; " CLIENT,
		       "a follower that is cut off from its leader alone is not fenced: the leader waits for it for replica.lag.time.max.ms %.1f s, and looks every half of that; " TELLS ": %.1f to %.1f s",
		       in_s(r->lag), in_s(KNOWN), in_s(r->refresh), in_s(r->lag), in_s(lag));
	prediction_fault_ends(p, fault, ALLOW_RECONNECT + r->tells, DESIGN, "nobody was fenced or taken out of those in sync before");
}

static bool leads_any(const struct fault_record *fault)
{
	for (size_t i = 0; i < fault->ntargets; i++)
		if (fault->targets[i].role == ROLE_PRIMARY)
			return true;
	return false;
}

void kafka_predict(const struct evidence *ev, const struct fault_record *fault,
		   struct prediction *out)
{
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(ev, fault, &r);
	if (!leads_any(fault) && !r.all) {
		prediction_add(out, "no copy is waited for", 0, r.tells, DESIGN,
			       "with acks=1 a write waits for its leader alone, and this broker led nothing");
	} else if (fault_does(fault, EFFECT_CUT_OFF) && fault->does.partly) {
		partial(out, &r, fault);
	} else if (r.take.hindered || r.take.never) {
		too_few(out, &r, fault);
	} else {
		prediction_by_effect(out, &of_broker, &r, fault);
		if (out->known && !leads_any(fault)) {
			out_of_sync(out, &r);
			copies_again(out, &r, fault);
		}
	}
	prediction_note_assumed(out, &r.assumed, "Kafka's");
}
