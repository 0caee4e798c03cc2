/* What the toy store's rules allow, and how to read from its members' own
 * words what it did. Samples carry the member's own status (memoryd/role.c) as
 * their extra. */
#include "system/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/prediction.h"
#include "system/redundancy.h"

enum {
	NOISE_MS = 250, /* a busy machine: looks that come late, the clients' own rhythm */
	START_MS = 700, /* a process starts, reads its log, is found */
	AFTER_MS = 50,  /* an instant worked out from an age may be this late */
	AGENT_MS = 250, /* an agent notes a thaw at most so long after it */
	SAME_MS = 30,   /* two ages of one thing, told a little apart */
};

static const char LEASE[] = "lease expires", GIVEN_UP[] = "lease given up",
		  RESTART[] = "restart within the lease", THAW[] = "thaw within the lease",
		  NO_NEED[] = "no replica is missed", SOURCE[] = "harness/memoryd/role.c";

static bool follows(const struct sample *s, const struct sample *primary, char *why)
{
	const cJSON *f;
	bool streamed = false;

	cJSON_ArrayForEach(f, json_get(primary->extra, "followers"))
		streamed = streamed || (cJSON_IsString(f) && !strcmp(f->valuestring, s->member));
	if (s->role != ROLE_REPLICA)
		return why_not(why, "%s is no replica", s->member);
	if (s->timeline != primary->timeline)
		return why_not(why, "%s follows epoch %" PRId64 ", the primary serves %" PRId64, s->member,
			       s->timeline, primary->timeline);
	if (!json_bool(s->extra, "following", false))
		return why_not(why, "%s has not caught up", s->member);
	return streamed || why_not(why, "%s does not stream to %s", primary->member, s->member);
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	return redundancy_primary(s, n, "primary", follows, why) != NULL;
}

/* -1: not told. */
static int64_t setting_ms(const struct settings_seen *inforce, const char *name)
{
	struct assumed a = {0};

	return prediction_number(inforce, name, -1, &a);
}

static bool setting_on(const struct settings_seen *inforce, const char *name)
{
	const char *v = prediction_setting(inforce, name);

	return v && !strcmp(v, "on");
}

/* Somebody to take the lease and, where a write waits for one, a replica of his. */
static bool enough_left(const struct evidence *ev, const struct fault_record *fault, int64_t t_ns)
{
	return !ev->nmembers ||
	       prediction_members_left(ev, fault, t_ns) >= (setting_on(ev->inforce, "sync") ? 2 : 1);
}

/* Later, when too few were left at first. */
static void add_lease_later(struct prediction *p, const struct takeover *t, int64_t ttl,
			    int64_t loop)
{
	int64_t lo = (ttl - loop - NOISE_MS) * NS_PER_MS;

	if (t->never)
		prediction_note(p, "too few members were left to take the lease, or for a write to wait for");
	else
		prediction_add(
			p, LEASE, t->from_ns > lo ? t->from_ns : lo,
			t->by_ns + (ttl + 2 * loop + START_MS + NOISE_MS) * NS_PER_MS, SOURCE,
			"too few members were left to take the lease, or for a write to wait for, until %.1f s after "
			"the fault; then ttl + 2 loop at most, and %d ms for who comes back",
			in_s(t->by_ns), START_MS + NOISE_MS);
}

static void add_lease(struct prediction *p, int64_t ttl, int64_t loop)
{
	prediction_add(
		p, LEASE, (ttl - loop - NOISE_MS) * NS_PER_MS,
		(ttl + 2 * loop + NOISE_MS) * NS_PER_MS, SOURCE,
		"the lease was renewed at most loop (%" PRId64
		" ms) before the fault and lasts ttl (%" PRId64
		" ms); a replica looks at it every loop, and once more where another one is "
		"ahead of it: ttl - loop to ttl + 2 loop, and %d ms at either end for looks that come "
		"late on a busy machine",
		loop, ttl, NOISE_MS);
}

static void add_restart(struct prediction *p, int64_t restart)
{
	prediction_add(p, RESTART, restart * NS_PER_MS, (restart + START_MS) * NS_PER_MS, SOURCE,
		       "a dead member is started again after restart (%" PRId64 " ms); if the lease is still "
		       "its own then, it goes on, %d ms later at most", restart, START_MS);
}

static void add_given_up(struct prediction *p, int64_t loop)
{
	prediction_add(p, GIVEN_UP, 0, (2 * loop + NOISE_MS) * NS_PER_MS, SOURCE,
		       "on SIGTERM the primary ends its lease; a replica looks every loop (%" PRId64
		       " ms), and once more where another one is ahead of it", loop);
}

/* From the freeze's being seen until somewhat before the thaw's being noted
 * it surely stood still; from the order to freeze until then, at most. */
static void add_thaw(struct prediction *p, int64_t least_ms, int64_t most_ms)
{
	prediction_add(p, THAW, (least_ms - AGENT_MS) * NS_PER_MS, (most_ms + NOISE_MS) * NS_PER_MS,
		       SOURCE,
		       "the primary was thawed after %" PRId64 " to %" PRId64
		       " ms, as the agent notes it (%d ms late at most); before its lease "
		       "ends, it goes on",
		       least_ms, most_ms, AGENT_MS);
}

/* The first of several ends the outage: one that begins only after another
 * has surely happened plays no part, and the window spans the rest. */
static void race(struct prediction *p)
{
	int64_t surely_ns = INT64_MAX;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->mech[i].hi_ns < surely_ns)
			surely_ns = p->mech[i].hi_ns;
	p->lo_ns = INT64_MAX;
	p->hi_ns = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->mech[i].lo_ns > surely_ns)
			continue;
		if (p->mech[i].lo_ns < p->lo_ns)
			p->lo_ns = p->mech[i].lo_ns;
		if (p->mech[i].hi_ns > p->hi_ns)
			p->hi_ns = p->mech[i].hi_ns;
		p->mech[n++] = p->mech[i];
	}
	p->n = n;
	p->known = n > 0;
}

static size_t targets_as(const struct fault_record *fault, enum role role)
{
	size_t n = 0;

	for (size_t i = 0; i < fault->ntargets; i++)
		n += fault->targets[i].role == role;
	return n;
}

/* A primary that is told to end gives its lease up. */
static bool told(const struct fault_record *fault)
{
	return effects_die(&fault->does) && fault->does.notice != NOTICE_NONE;
}

static void predict_primary(const struct evidence *ev, const struct fault_record *fault,
			    struct prediction *out)
{
	const struct settings_seen *inforce = ev->inforce;
	int64_t ttl = setting_ms(inforce, "ttl"), loop = setting_ms(inforce, "loop");
	int64_t restart = setting_ms(inforce, "restart");
	bool dies = effects_die(&fault->does);
	struct takeover take;

	if (ttl < 0 || loop < 0 || (!dies && !fault_does(fault, EFFECT_SILENT))) {
		prediction_note(out, ttl < 0 ? "the settings in force are not known" :
					       "no rule is written for this fault");
		return;
	}
	take = prediction_takeover(ev, fault, told(fault) ? 0 : (ttl - loop) * NS_PER_MS,
				   enough_left);
	if (take.hindered)
		add_lease_later(out, &take, ttl, loop);
	else if (told(fault))
		add_given_up(out, loop);
	else
		add_lease(out, ttl, loop);
	if (dies && restart >= 0)
		add_restart(out, restart);
	else if (!dies && fault->effective_ns && fault->healed_ns > fault->effective_ns)
		add_thaw(out, (fault->healed_ns - fault->effective_ns) / NS_PER_MS,
			 (fault->healed_ns - fault->injected_ns) / NS_PER_MS);
	race(out);
}

static void predict(const struct evidence *ev, const struct fault_record *fault,
		    struct prediction *out)
{
	size_t primaries = targets_as(fault, ROLE_PRIMARY),
	       replicas = targets_as(fault, ROLE_REPLICA);
	bool sync = setting_on(ev->inforce, "sync");

	memset(out, 0, sizeof(*out));
	if (primaries == 1 && !replicas)
		predict_primary(ev, fault, out);
	else if (!primaries && replicas && (replicas == 1 || !sync))
		prediction_add(out, NO_NEED, 0, NOISE_MS * NS_PER_MS, SOURCE, "%s",
			       sync ? "a write waits for one replica, and another one is left" :
				      "a write waits for no replica");
	else
		prediction_note(out, "several members were hit at once; no rule is written for that");
}

/* One outage, as the samples tell it. */
struct tale {
	int64_t effective, until;
	const char *old;        /* the primary that the fault hit */
	const char *winner;     /* who served after it; "" unknown */
	int64_t noticed, took, asked, started;
	const char *noticed_by;
	bool stayed;            /* the old one said that it was primary all the time */
};

/* The instant at which something happened that a member says is so old; 0
 * when it says nothing, or when it lies outside of the outage. */
static int64_t instant(const struct tale *t, const struct sample *s, const char *key)
{
	int64_t ago = json_i64(s->extra, key, -1), at = s->t_ns - ago;

	/* A member says how old something was when it sent, not when its
	 * answer came. */
	if (ago < 0 || at < t->effective || at > t->until + AFTER_MS * NS_PER_MS)
		return 0;
	return at < t->until ? at : t->until;
}

static void hear(struct tale *t, const struct sample *s)
{
	int64_t noticed = instant(t, s, "expired_ago_ns"), took = instant(t, s, "primary_ago_ns");

	if (noticed && strcmp(s->member, t->old) && (!t->noticed || noticed < t->noticed)) {
		t->noticed = noticed;
		t->noticed_by = s->member;
	}
	if (took && (!t->took || took < t->took)) {
		t->took = took;
		t->winner = s->member;
	}
	if (!strcmp(s->member, t->old) && s->t_ns >= t->until &&
	    json_i64(s->extra, "primary_ago_ns", 0) > s->t_ns - t->effective)
		t->stayed = true;
	if (*t->winner && !strcmp(s->member, t->winner)) {
		int64_t asked = instant(t, s, "client_ago_ns"), started = instant(t, s, "started_ago_ns");

		if (asked && (!t->asked || asked < t->asked))
			t->asked = asked;
		if (started)
			t->started = started;
	}
}

static void name_mechanism(const struct tale *t, const struct fault_record *fault,
			   struct milestones *m)
{
	if (*t->winner && strcmp(t->winner, t->old))
		mechanism_tell(m, told(fault) ? GIVEN_UP : LEASE, "%s took the lease of %s", t->winner, t->old);
	else if (*t->winner && t->started)
		mechanism_tell(m, RESTART, "%s was started again and went on as primary", t->winner);
	else if (!*t->winner && t->stayed && fault_does(fault, EFFECT_SILENT))
		mechanism_tell(m, THAW, "nobody took the lease; %s went on", t->old);
}

static void tell(const struct tale *t, struct milestones *m)
{
	if (t->noticed && (!t->took || t->noticed <= t->took))
		milestone_tell(&m->detected, m->how_detected, t->noticed, "%s says that it found the lease over",
			       t->noticed_by);
	if (t->took) {
		milestone_tell(&m->elected, m->how_elected, t->took, "%s says when it took the lease", t->winner);
		milestone_tell(&m->promoted, m->how_promoted, t->took, "%s serves as soon as it has the lease",
			       t->winner);
	}
	if (t->asked && t->asked >= t->took)
		milestone_tell(&m->routed, m->how_routed, t->asked, "%s says when a client first asked it", t->winner);
}

static void explain(const struct evidence *ev, const struct fault_record *fault,
		    const struct prediction *pred, struct milestones *m)
{
	struct tale t = {.effective = m->effective, .until = m->first_ack, .old = "", .winner = "",
			 .noticed_by = ""};

	for (size_t i = 0; i < fault->ntargets; i++)
		if (fault->targets[i].role == ROLE_PRIMARY)
			t.old = fault->targets[i].member;
	if (m->first_ack && !*t.old && prediction_has(pred, NO_NEED))
		snprintf(m->mechanism, sizeof(m->mechanism), "%s", NO_NEED);
	if (!m->effective || !m->first_ack || !*t.old)
		return;
	/* Twice: who won is known only after all have been heard. */
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < ev->nsamples; i++)
			if (!ev->samples[i].beside)
				hear(&t, &ev->samples[i]);
	/* The winner notices and takes in one step; two ages may be told a
	 * little apart. */
	if (t.took && t.noticed > t.took && !strcmp(t.noticed_by, t.winner))
		t.noticed = t.took;
	tell(&t, m);
	name_mechanism(&t, fault, m);
}

static int rank(const char *kind)
{
	return !strcmp(kind, "full") ? 3 : !strcmp(kind, "partial") ? 2 : *kind ? 1 : 0;
}

/* A resync that was counted. */
struct counted {
	const char *member;
	int64_t done_ns;
};

static bool is_known(const struct counted *v, size_t n, const char *member, int64_t done_ns)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].member, member) &&
		    llabs(v[i].done_ns - done_ns) < SAME_MS * NS_PER_MS)
			return true;
	return false;
}

static void resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		   struct recovery_info *out)
{
	struct counted v[16];
	size_t n = 0;

	recovery_begin(out);
	for (size_t i = 0; i < ev->nsamples && n < ARRAY_LEN(v); i++) {
		const struct sample *s = &ev->samples[i];
		const cJSON *r = json_get(s->extra, "resync");
		int64_t at = s->t_ns - json_i64(r, "ago_ns", 0);
		const char *kind = json_str(r, "kind", "");

		if (!r || at < from_ns || at > to_ns || is_known(v, n, s->member, at))
			continue;
		v[n++] = (struct counted){s->member, at};
		out->bytes = (out->bytes < 0 ? 0 : out->bytes) + json_i64(r, "bytes", 0);
		if (back && rank(kind) > rank(out->resync))
			snprintf(out->resync, sizeof(out->resync), "%s", kind);
	}
	if (n)
		why_say(out->how, "as the members say themselves, %zu of them caught up", n);
}

const struct model_ops model_memory = {
	.redundant = redundant,
	.predict = predict,
	.explain = explain,
	.resync = resync,
};
