/* What the toy store's rules allow, and how to read from its members' own
 * words what it did. */
#include "system/memory/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"
#include "system/prediction.h"

enum {
	WHY_BYTES = 200,
	NOISE_MS = 250, /* a busy machine: looks that come late, the clients' own rhythm */
	START_MS = 700, /* a process starts, reads its log, is found */
	AFTER_MS = 50,  /* an instant worked out from an age may be this late */
	AGENT_MS = 250, /* an agent notes a thaw at most so long after it */
};

static const char LEASE[] = "lease expires", GIVEN_UP[] = "lease given up",
		  RESTART[] = "restart within the lease", THAW[] = "thaw within the lease",
		  NO_NEED[] = "no replica is missed";

static bool follows(const struct sample *primary, const struct sample *s, char *why)
{
	const cJSON *f;
	bool streamed = false;

	cJSON_ArrayForEach(f, json_get(primary->extra, "followers"))
		streamed = streamed || (cJSON_IsString(f) && !strcmp(f->valuestring, s->member));
	if (s->role != ROLE_REPLICA)
		snprintf(why, WHY_BYTES, "%s is no replica", s->member);
	else if (s->timeline != primary->timeline)
		snprintf(why, WHY_BYTES, "%s follows epoch %" PRId64 ", the primary serves %" PRId64,
			 s->member, s->timeline, primary->timeline);
	else if (!json_bool(s->extra, "following", false))
		snprintf(why, WHY_BYTES, "%s has not caught up", s->member);
	else if (!streamed)
		snprintf(why, WHY_BYTES, "%s does not stream to %s", primary->member, s->member);
	else
		return true;
	return false;
}

bool memory_redundant(const struct sample *s, size_t n, char *why)
{
	const struct sample *primary = NULL;

	snprintf(why, WHY_BYTES, "%s", n ? "no member is a writable primary" : "no member is known");
	for (size_t i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
		if (s[i].role != ROLE_PRIMARY || !s[i].writable)
			continue;
		if (primary) {
			snprintf(why, WHY_BYTES, "%s and %s are both writable", primary->member,
				 s[i].member);
			return false;
		}
		primary = &s[i];
	}
	for (size_t i = 0; primary && i < n; i++)
		if (&s[i] != primary && !follows(primary, &s[i], why))
			return false;
	if (primary)
		*why = '\0';
	return primary != NULL;
}

static int64_t setting_ms(const cJSON *inforce, const char *name)
{
	return strtoll(json_str(prediction_setting(inforce, name), "value", "-1"), NULL, 10);
}

static bool setting_on(const cJSON *inforce, const char *name)
{
	return !strcmp(json_str(prediction_setting(inforce, name), "value", ""), "on");
}

static struct mechanism *add(struct prediction *p, const char *name, int64_t lo_ms, int64_t hi_ms)
{
	struct mechanism *m = &p->mech[p->n++];

	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->source, sizeof(m->source), "harness/memoryd/role.c");
	m->lo_ns = lo_ms * NS_PER_MS;
	m->hi_ns = hi_ms * NS_PER_MS;
	return m;
}

static void add_lease(struct prediction *p, int64_t ttl, int64_t loop)
{
	struct mechanism *m = add(p, LEASE, ttl - loop > NOISE_MS ? ttl - loop - NOISE_MS : 0,
				  ttl + 2 * loop + NOISE_MS);

	snprintf(m->rule, sizeof(m->rule),
		 "the lease was renewed at most loop (%" PRId64 " ms) before the fault and lasts ttl (%"
		 PRId64 " ms); a replica looks at it every loop, and once more where another one is "
		 "ahead of it: ttl - loop to ttl + 2 loop, and %d ms at either end for looks that come "
		 "late on a busy machine", loop, ttl, NOISE_MS);
}

static void add_restart(struct prediction *p, int64_t restart)
{
	struct mechanism *m = add(p, RESTART, restart, restart + START_MS);

	snprintf(m->rule, sizeof(m->rule),
		 "a dead member is started again after restart (%" PRId64 " ms); if the lease is still "
		 "its own then, it goes on, %d ms later at most", restart, START_MS);
}

static void add_given_up(struct prediction *p, int64_t loop)
{
	struct mechanism *m = add(p, GIVEN_UP, 0, 2 * loop + NOISE_MS);

	snprintf(m->rule, sizeof(m->rule),
		 "on SIGTERM the primary ends its lease; a replica looks every loop (%" PRId64
		 " ms), and once more where another one is ahead of it", loop);
}

/* From the freeze's being seen until somewhat before the thaw's being noted
 * it surely stood still; from the order to freeze until then, at most. */
static void add_thaw(struct prediction *p, int64_t least_ms, int64_t most_ms)
{
	struct mechanism *m = add(p, THAW, least_ms > AGENT_MS ? least_ms - AGENT_MS : 0,
				  most_ms + NOISE_MS);

	snprintf(m->rule, sizeof(m->rule), "the primary was thawed after %" PRId64
		 " to %" PRId64 " ms, as the agent notes it (%d ms late at most); before its lease "
		 "ends, it goes on", least_ms, most_ms, AGENT_MS);
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

static int targets_as(const cJSON *fault, const char *role)
{
	const cJSON *t;
	int n = 0;

	cJSON_ArrayForEach(t, json_get(fault, "targets"))
		n += !strcmp(json_str(t, "role", ""), role);
	return n;
}

static const char *how_of(const cJSON *fault)
{
	return json_str(fault, "how", json_str(json_get(fault, "params"), "how", ""));
}

static void predict_primary(const cJSON *fault, const cJSON *inforce, struct prediction *out)
{
	int64_t ttl = setting_ms(inforce, "ttl"), loop = setting_ms(inforce, "loop");
	int64_t restart = setting_ms(inforce, "restart"), effective, healed, injected;
	const char *name = json_str(fault, "fault", "");
	bool kill = !strncmp(name, "kill-", 5);

	if (ttl < 0 || loop < 0 || (!kill && strcmp(name, "pause"))) {
		snprintf(out->note, sizeof(out->note), ttl < 0 ?
			 "the settings in force are not known" : "no rule is written for this fault");
		return;
	}
	if (!strcmp(how_of(fault), "graceful") || !strcmp(how_of(fault), "force"))
		add_given_up(out, loop);
	else
		add_lease(out, ttl, loop);
	effective = json_i64(fault, "effective_ns", 0);
	healed = json_i64(fault, "healed_ns", 0);
	injected = json_i64(fault, "injected_ns", effective);
	if (kill && restart >= 0)
		add_restart(out, restart);
	else if (!kill && effective && healed > effective)
		add_thaw(out, (healed - effective) / NS_PER_MS, (healed - injected) / NS_PER_MS);
	race(out);
}

void memory_predict(const cJSON *fault, const cJSON *inforce, struct prediction *out)
{
	int primaries = targets_as(fault, "primary"), replicas = targets_as(fault, "replica");

	memset(out, 0, sizeof(*out));
	if (primaries == 1 && !replicas) {
		predict_primary(fault, inforce, out);
	} else if (!primaries && replicas && (replicas == 1 || !setting_on(inforce, "sync"))) {
		struct mechanism *m = add(out, NO_NEED, 0, NOISE_MS);

		snprintf(m->rule, sizeof(m->rule), "%s", setting_on(inforce, "sync") ?
			 "a write waits for one replica, and another one is left" :
			 "a write waits for no replica");
		race(out);
	} else {
		snprintf(out->note, sizeof(out->note),
			 "several members were hit at once; no rule is written for that");
	}
}

/* One outage, as the samples tell it. */
struct tale {
	int64_t effective, until;
	char old[64];           /* the primary that the fault hit */
	char winner[64];        /* who served after it */
	int64_t noticed, took, asked, started;
	char noticed_by[64];
	bool stayed;            /* the old one said that it was primary all the time */
};

/* The instant at which something happened that a member says is so old; 0
 * when it says nothing, or when it lies outside of the outage. */
static int64_t instant(const struct tale *t, const cJSON *sample, const char *key)
{
	int64_t ago = json_i64(json_get(sample, "x"), key, -1);
	int64_t at = json_i64(sample, "t", 0) - ago;

	/* A member says how old something was when it sent, not when its
	 * answer came. */
	if (ago < 0 || at < t->effective || at > t->until + AFTER_MS * NS_PER_MS)
		return 0;
	return at < t->until ? at : t->until;
}

static void hear(struct tale *t, const cJSON *s)
{
	const char *m = json_str(s, "m", "");
	int64_t noticed = instant(t, s, "expired_ago_ns"), took = instant(t, s, "primary_ago_ns");

	if (noticed && strcmp(m, t->old) && (!t->noticed || noticed < t->noticed)) {
		t->noticed = noticed;
		snprintf(t->noticed_by, sizeof(t->noticed_by), "%s", m);
	}
	if (took && (!t->took || took < t->took)) {
		t->took = took;
		snprintf(t->winner, sizeof(t->winner), "%s", m);
	}
	if (!strcmp(m, t->old) && json_i64(s, "t", 0) >= t->until &&
	    json_i64(json_get(s, "x"), "primary_ago_ns", 0) > json_i64(s, "t", 0) - t->effective)
		t->stayed = true;
	if (*t->winner && !strcmp(m, t->winner)) {
		int64_t asked = instant(t, s, "client_ago_ns");

		if (asked && (!t->asked || asked < t->asked))
			t->asked = asked;
		if (instant(t, s, "started_ago_ns"))
			t->started = instant(t, s, "started_ago_ns");
	}
}

static void name_mechanism(const struct tale *t, const cJSON *fault, struct milestones *m)
{
	const char *how = how_of(fault), *what = "";
	bool other = *t->winner && strcmp(t->winner, t->old);

	if (other) {
		bool gave_up = !strcmp(how, "graceful") || !strcmp(how, "force");

		what = gave_up ? GIVEN_UP : LEASE;
		snprintf(m->why_mechanism, sizeof(m->why_mechanism), "%s took the lease of %s", t->winner,
			 t->old);
	} else if (*t->winner && t->started) {
		what = RESTART;
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "%s was started again and went on as primary", t->winner);
	} else if (!*t->winner && t->stayed && !strcmp(json_str(fault, "fault", ""), "pause")) {
		what = THAW;
		snprintf(m->why_mechanism, sizeof(m->why_mechanism),
			 "nobody took the lease; %s went on", t->old);
	}
	snprintf(m->mechanism, sizeof(m->mechanism), "%s", what);
}

void memory_explain(const cJSON *events, const cJSON *fault,
		    const struct prediction *pred, struct milestones *m)
{
	struct tale t = {.effective = m->effective, .until = m->first_ack};
	const cJSON *e;

	(void)pred;
	cJSON_ArrayForEach(e, json_get(fault, "targets"))
		if (!strcmp(json_str(e, "role", ""), "primary"))
			snprintf(t.old, sizeof(t.old), "%s", json_str(e, "member", ""));
	if (!m->effective || !m->first_ack || !*t.old)
		return;
	/* Twice: who won is known only after all have been heard. */
	for (int round = 0; round < 2; round++)
		cJSON_ArrayForEach(e, events)
			if (event_is(e, "sample"))
				hear(&t, e);
	/* The winner notices and takes in one step; two ages may be told a
	 * little apart. */
	if (t.took && t.noticed > t.took && !strcmp(t.noticed_by, t.winner))
		t.noticed = t.took;
	if (t.noticed && (!t.took || t.noticed <= t.took)) {
		m->detected = t.noticed;
		snprintf(m->how_detected, sizeof(m->how_detected), "%s says that it found the lease over",
			 t.noticed_by);
	}
	if (t.took) {
		m->elected = m->promoted = t.took;
		snprintf(m->how_elected, sizeof(m->how_elected), "%s says when it took the lease", t.winner);
		snprintf(m->how_promoted, sizeof(m->how_promoted), "%s serves as soon as it has the lease",
			 t.winner);
	}
	if (t.asked && t.asked >= t.took) {
		m->routed = t.asked;
		snprintf(m->how_routed, sizeof(m->how_routed), "%s says when a client first asked it",
			 t.winner);
	}
	name_mechanism(&t, fault, m);
}

static int rank(const char *kind)
{
	return !strcmp(kind, "full") ? 3 : !strcmp(kind, "partial") ? 2 : *kind ? 1 : 0;
}

void memory_resync(const cJSON *events, int64_t from_ns, int64_t to_ns, struct recovery_info *out)
{
	char seen[16][64] = {{0}};
	int64_t done[16] = {0};
	size_t n = 0;
	const cJSON *e;

	memset(out, 0, sizeof(*out));
	out->bytes = -1;
	cJSON_ArrayForEach(e, events) {
		const cJSON *r = json_path(e, "x.resync");
		int64_t at = json_i64(e, "t", 0) - json_i64(r, "ago_ns", 0);
		const char *m = json_str(e, "m", ""), *kind = json_str(r, "kind", "");
		bool known = false;

		if (!r || at < from_ns || at > to_ns)
			continue;
		for (size_t i = 0; i < n; i++)
			known = known || (!strcmp(seen[i], m) && llabs(done[i] - at) < 30 * NS_PER_MS);
		if (known || n == 16)
			continue;
		snprintf(seen[n], sizeof(seen[n]), "%s", m);
		done[n++] = at;
		out->bytes = (out->bytes < 0 ? 0 : out->bytes) + json_i64(r, "bytes", 0);
		if (rank(kind) > rank(out->resync))
			snprintf(out->resync, sizeof(out->resync), "%s", kind);
	}
	if (n)
		snprintf(out->how, sizeof(out->how),
			 "as the members say themselves, %zu of them caught up", n);
}
