/* What Redis Sentinel is allowed to do, and how to read from the evidence what
 * it did.
 *
 * What is read of sample.extra besides what system/redis/probe.h names
 * (optional; what is absent is not assumed):
 *   me            host:port by which the Sentinels know this member
 *   of            on a replica: host:port of its master
 *   followers     on a master: replicas that are online
 *   misconf, noreplicas   booleans: why a master takes no writes
 *   sentinel      what one Sentinel says of the master: host, and error or
 *                 names (host:port), flags ("master,s_down,..."), epoch,
 *                 others (Sentinels it knows), of (how many there are), replicas
 *
 * And the servers' and the Sentinels' own logs (system/redis/log.h). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/allowances.h"
#include "system/redis/explain.h"
#include "system/redis/log.h"
#include "system/redis/predict.h"
#include "system/redis/replica.h"
#include "system/redundancy.h"

/* ---- redundancy: one master takes writes, everyone else follows it, and every
 * Sentinel knows so; one that does not know a replica would not promote it ---- */

static bool follows(const struct sample *s, const struct sample *master, char *why)
{
	return redis_follows(s, "tells no role", why) &&
	       (!strcmp(redis_extra(s, "of"), redis_extra(master, "me")) ||
		why_not(why, "%s follows %s, not %s", s->member, redis_extra(s, "of"), master->member));
}

static bool agrees(const cJSON *view, const struct sample *master, size_t n, char *why)
{
	const char *who = json_str(view, "host", "a Sentinel"), *flags = json_str(view, "flags", "");

	if (*json_str(view, "error", ""))
		return why_not(why, "Sentinel %s: %s", who, json_str(view, "error", ""));
	if (strcmp(json_str(view, "names", ""), redis_extra(master, "me")))
		return why_not(why, "Sentinel %s names %s, not %s", who, json_str(view, "names", ""), master->member);
	if (strstr(flags, "down") || strstr(flags, "failover") || strstr(flags, "disconnected"))
		return why_not(why, "Sentinel %s says of the master: %s", who, flags);
	if (json_i64(view, "others", 0) < json_i64(view, "of", 0) - 1)
		return why_not(why, "Sentinel %s knows %lld other Sentinels", who,
			       (long long)json_i64(view, "others", 0));
	return json_i64(view, "replicas", 0) >= (int64_t)n - 1 ||
	       why_not(why, "Sentinel %s knows %lld replicas", who, (long long)json_i64(view, "replicas", 0));
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *m = redundancy_primary(s, n, "master", follows, why);
	bool asked = false;

	for (size_t i = 0; !m && i < n; i++)
		if (s[i].ok && s[i].role == ROLE_PRIMARY && !s[i].writable)
			why_say(why, "%s is a master and takes no writes%s", s[i].member,
				json_bool(s[i].extra, "misconf", false) ? ": MISCONF" :
				json_bool(s[i].extra, "noreplicas", false) ? ": NOREPLICAS" : "");
	if (!m)
		return false;
	if (json_i64(m->extra, "followers", 0) < (int64_t)n - 1)
		return why_not(why, "%s has %lld replicas online", m->member,
			       (long long)json_i64(m->extra, "followers", 0));
	for (size_t i = 0; i < n; i++) {
		const cJSON *view = json_get(s[i].extra, "sentinel");

		asked = asked || view;
		if (view && !agrees(view, m, n, why))
			return false;
	}
	return asked || why_not(why, "no Sentinel was asked");
}

/* ---- predictions ---- */

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
	prediction_add(
		p, "replica promoted", lo, hi, r->promotion.source,
		"down-after-milliseconds %.1f s without an answer, give or take a ping (1 s); up to 1 s until quorum %lld is asked for, 0 to 1 s of chance, votes (%.1f s allowed); up to 1 s until INFO confirms; %.1f s allowed for clients: %.1f to %.1f s",
		in_s(r->down_after), (long long)r->quorum, in_s(STEPS), in_s(CLIENTS), in_s(lo),
		in_s(hi));
	prediction_note(p, "When votes split or no replica fits, the next attempt comes after 2 * failover-timeout = %.0f s; a Sentinel that was stopped for 2 s (TILT) does nothing for 30 s.",
			2 * in_s(r->failover_timeout));
	if (r->others + 1 < 3)
		prediction_note(p, "With %lld Sentinels a majority is all of them.", (long long)r->others + 1);
}

/* The first log of a pod that is no member, and a Sentinel's. */
static bool of_a_sentinel(const struct evidence *ev, size_t log)
{
	const char *pod = ev->logs[log].member;
	bool known = evidence_asked(ev, pod);
	struct log_line line;

	for (size_t i = 0; i < log; i++)
		known = known || !strcmp(ev->logs[i].member, pod);
	return !known && evidence_log_first(ev, redis_log_stamp,
					    &(struct log_wanted){.mark = 'X', .member = pod},
					    INT64_MIN, INT64_MAX, &line);
}

/* A replica to promote, and a majority of the Sentinels. */
static bool enough_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	size_t sentinels = 0, left = 0;

	for (size_t i = 0; i < ev->nlogs; i++) {
		if (!of_a_sentinel(ev, i))
			continue;
		sentinels++;
		left += prediction_left(ev, fault, ev->logs[i].member, t_ns);
	}
	return (!ev->nmembers || prediction_members_left(ev, fault, t_ns)) &&
	       (!sentinels || 2 * left > sentinels);
}

static void rules_read(const struct evidence *ev, const struct fault_record *fault, struct rules *r)
{
	const struct settings_seen *inforce = ev->inforce;

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
		.others = prediction_takeover(ev, fault, r->down_after - PING, enough_left)};
}

/* The same member is back before the Sentinels miss it, or in the middle of
 * their vote. A master that is told to end may answer pings while it waits for
 * its replicas, so the Sentinels may begin that much later. */
static void dies(struct prediction *p, const struct rules *r, const struct fault_record *fault)
{
	struct redis_restart again = redis_restart(&r->promotion, fault);
	int64_t later = fault->does.notice == NOTICE_FULL ? r->shutdown :
			fault->does.notice == NOTICE_SHORT ? ALLOW_FORCED_GRACE : 0;
	int64_t hi = later + again.start_ns + again.load_ns + ALLOW_RECONNECT;

	prediction_add(p, "same member restarts", 0, hi, RESTARTS,
		       "%s before the Sentinels miss it (%.1f s allowed), asks them who the master is, reads what it has on disk (%.1f s allowed) and goes on, unless its start leaves them the time to promote another: 0 to %.1f s",
		       again.who, in_s(again.start_ns), in_s(again.load_ns), in_s(hi));
	redis_takeover(p, &r->promotion, later);
	redis_note_restart(p, &r->promotion, fault);
	if (fault->does.notice == NOTICE_FULL)
		prediction_note(p, "Told to end, it waits for its replicas, at most shutdown-timeout %.0f s, and hands nothing over.",
				in_s(r->shutdown));
}

static void stands_still(struct prediction *p, const struct rules *r,
			 const struct fault_record *fault)
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
	redis_takeover_or_end(
		p, &r->promotion, fault, REDIS_AOF_AGAIN + REDIS_SNAPSHOT_AGAIN + ALLOW_RECONNECT,
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

static const struct effect_rules of_primary = {
	.process_dies = dies, .silent = stands_still, .cut_off = cut_off, .node_gone = node_gone,
	.storage_refuses = disk_full,
};

static void predict(const struct evidence *ev, const struct fault_record *fault,
		    struct prediction *out)
{
	struct rules r;

	memset(out, 0, sizeof(*out));
	rules_read(ev, fault, &r);
	prediction_by_role(out, &of_primary, replica, "master", &r, fault);
	prediction_note_assumed(out, &r.assumed, "the");
}

/* ---- what happened ---- */

/* The parts of one outage, told by the sampler and the logs, the Sentinels'
 * among them, which tell of suspicions and votes. */

#define TILT_NS (30 * NS_PER_S) /* sentinel.c: SENTINEL_TILT_PERIOD */

#define SENTINEL_SAYS(words) (&(struct log_wanted){.mark = 'X', .begins = (words)})

/* A target that is cut off may call itself a master still: another one that
 * does is who serves. */
static int64_t other_first(const void *arg, const struct sample *s)
{
	const struct redis_story *story = arg;

	return strcmp(s->member, story->before->member) && !fault_hits(story->fault, s->member);
}

static void detected(const struct redis_story *s, struct milestones *m)
{
	struct log_line sdown;

	if (redis_story_logged(s, SENTINEL_SAYS("+odown master "), &m->detected, m->how_detected,
			       "quorum takes the master for down (+odown)") &&
	    redis_story_said(s, SENTINEL_SAYS("+sdown master "), &sdown) && sdown.t_ns <= m->detected)
		why_add(m->how_detected, "; the first Sentinel did %.0f ms before (+sdown)",
			in_ms(m->detected - sdown.t_ns));
}

static void elected(const struct redis_story *s, struct milestones *m)
{
	redis_story_logged(s, SENTINEL_SAYS("+elected-leader "), &m->elected, m->how_elected,
			   "a majority of the Sentinels lets it lead the failover");
}

static void promoted(const struct redis_story *s, struct milestones *m)
{
	const char *who = s->after->member;
	const struct log_wanted told = {.member = who, .begins = "MASTER MODE enabled"};
	const struct sample *first;

	if (s->moved && redis_story_logged(s, &told, &m->promoted, m->how_promoted, "told to be a master"))
		return;
	first = handover_first_lead(s->ev, who, s->moved ? s->injected : s->again->t_ns - 1,
				    s->seen_until);
	if (first)
		milestone_tell(&m->promoted, m->how_promoted, first->t_ns, "first answer of %s as a writable master",
			       who);
}

/* From its +promoted-slave on, the leader names the new master to who asks
 * (sentinelGetCurrentMasterAddress()); +switch-master is the news of it. */
static void routed(const struct redis_story *s, struct milestones *m)
{
	const struct log_wanted *news = SENTINEL_SAYS("+switch-master ");
	struct log_line line;

	if (!redis_story_logged(s, SENTINEL_SAYS("+promoted-slave "), &m->routed, m->how_routed,
				"the replica is promoted, whoever asks is sent there"))
		redis_story_logged(s, news, &m->routed, m->how_routed, "+switch-master");
	else if (redis_story_said(s, news, &line) && line.t_ns > m->routed)
		why_add(m->how_routed, "; first +switch-master %.0f ms later", in_ms(line.t_ns - m->routed));
}

static void mechanism(const struct redis_story *s, const struct prediction *p, struct milestones *m)
{
	const char *before = s->before->member;
	struct log_line line;

	if (s->moved)
		mechanism_tell(m, "replica promoted", "%s is the master instead of %s", s->after->member, before);
	else
		redis_story_kept(s, p, m, "%s is still the master", before);
	if (redis_story_said(s, SENTINEL_SAYS("-failover-abort"), &line))
		why_add(m->why_mechanism, "; %s gave an attempt up: %.*s", line.member, (int)line.len, line.text);
	/* It does nothing for so long: one from before the fault hinders as well. */
	if (evidence_log_first(s->ev, redis_log_stamp, SENTINEL_SAYS("+tilt "), s->injected - TILT_NS, s->first_ack,
			       &line))
		why_add(m->why_mechanism,
			"; %s was in TILT from %.1f s %s the fault on, for %.0f s: its clock or machine had stood still",
			line.member, in_s(llabs(line.t_ns - s->injected)),
			line.t_ns < s->injected ? "before" : "after", in_s(TILT_NS));
}

static void explain(const struct evidence *ev, const struct fault_record *fault,
		    const struct prediction *pred, struct milestones *m)
{
	static const struct redis_teller teller = {"stayed the master", detected, elected, promoted, routed, mechanism};
	struct redis_story s;

	if (redis_story_begin(&s, ev, fault, m) &&
	    handover_primaries(ev, s.injected, m, other_first, &s, &s.before, &s.after))
		redis_story_tell(&s, &teller, pred, m);
}

/* ---- causes of loss ---- */

/* Since when a member had been a writable master by t_ns, as its answers tell;
 * -1: it was none. Answers that failed do not interrupt it. */
static int64_t master_since(const struct evidence *ev, const char *member, int64_t t_ns)
{
	int64_t since = -1;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= t_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->ok || s->beside || strcmp(s->member, member))
			continue;
		if (s->role != ROLE_PRIMARY)
			since = -1;
		else if (since < 0 && s->writable)
			since = s->t_ns;
	}
	return since;
}

/* A master of Redis has no term that tells an old one from its successor. So:
 * who acknowledged the write, by its address; and had another member begun to
 * serve as master after that one did, and before the write was sent? Then it
 * went to a master that had been replaced. */
static enum loss_cause loss_cause(const struct evidence *ev, const struct op *op,
				  const struct fault_record *fault, char *why)
{
	const char *by = evidence_member_at(ev, op->via, op->t_return);
	int64_t mine = master_since(ev, by, op->t_return);

	(void)fault;
	for (size_t i = 0; i < ev->nmembers && mine >= 0; i++) {
		int64_t since = master_since(ev, ev->members[i], op->t_invoke);

		if (since <= mine)
			continue;
		why_say(why, "%s acknowledged it when %s had been the master for %.1f s", by,
			 ev->members[i], in_s(op->t_invoke - since));
		return LOSS_MINORITY;
	}
	return LOSS_UNKNOWN;
}

const struct model_ops model_redis_sentinel = {
	.redundant = redundant,
	.predict = predict,
	.explain = explain,
	.resync = redis_resync,
	.loss_cause = loss_cause,
};
