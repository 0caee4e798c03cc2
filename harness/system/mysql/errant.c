#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/mysql/gtid.h"
#include "system/mysql/log.h"
#include "system/mysql/model.h"
#include "system/why.h"

/* Errant transactions: what a member executed and the primary that it is to follow never did. They
 * are named where sets are compared: by the sampler, which asks a replica and then its source, and
 * by the agent beside a server that comes back, before it follows (or is cloned, which throws
 * them away). */

const char *my_errant_brief(const char *gtids, char *out, size_t size)
{
	struct gtid_set s;

	if (gtid_parse(gtids, &s))
		gtid_brief(&s, out, size);
	else
		mem_copy_str(out, size, gtids);
	gtid_free(&s);
	return out;
}

/* What the one that led says right after a member that did not; NULL: nothing. */
static const struct sample *leader_after(const struct evidence *ev, const struct sample *s)
{
	for (size_t i = evidence_answers_from(ev, s->t_ns); i < ev->nsamples; i++) {
		const struct sample *p = &ev->samples[i];

		if (p->t_ns - s->t_ns > SAMPLE_FRESH_NS)
			return NULL;
		if (!p->beside && sample_leads(p) && sample_asked(p) >= s->t_ns &&
		    strcmp(p->member, s->member))
			return p;
	}
	return NULL;
}

bool mysql_held(const struct evidence *ev, const struct sample *s)
{
	bool told = s->ok && s->role == ROLE_REPLICA && s->lag_tx >= 0;
	const struct sample *p = told ? leader_after(ev, s) : NULL;
	const cJSON *source = json_get(s->extra, "source");

	return p && (!source || !strcmp(json_str(source, "uuid", ""), json_str(p->extra, "uuid", "?")));
}

struct named {
	struct gtid_set all;
	int64_t last_ns;
	char who[MEMBER_NAME_BYTES];
};

static void add(struct named *n, const char *gtids, const char *who, int64_t t_ns)
{
	struct gtid_set s;

	if (!gtid_parse(gtids, &s) || !s.n)
		return;
	gtid_add(&n->all, &s);
	gtid_free(&s);
	if (t_ns >= n->last_ns)
		mem_copy_str(n->who, sizeof(n->who), who);
	n->last_ns = t_ns > n->last_ns ? t_ns : n->last_ns;
}

static bool by_agent(void *arg, const struct log_line *line)
{
	cJSON *o;

	if (line->mark != 'J' || !memmem(line->text, line->len, "\"errant\"", 8))
		return false;
	o = cJSON_ParseWithLength(line->text, line->len);
	if (!strcmp(json_str(o, "event", ""), "errant"))
		add(arg, json_str(o, "gtids", ""), json_str(o, "who", line->member), line->t_ns);
	cJSON_Delete(o);
	return false;
}

/* ---- what nobody named ---- */

static bool executed(const struct sample *s, struct gtid_set *out)
{
	const char *text = json_str(s->extra, "executed", "");

	memset(out, 0, sizeof(*out));
	return s->ok && *text && gtid_parse(text, out);
}

/* Takes from *rest what a member that does not lead has beside a leader that has it not. What that
 * leader made itself it may be about to commit. */
static void take_held(const struct sample *s, const struct sample *leader, struct gtid_set *rest)
{
	struct gtid_set mine, its, alone, left;

	if (!executed(s, &mine))
		return;
	if (executed(leader, &its)) {
		gtid_keep(&mine, json_str(leader->extra, "uuid", ""), false);
		gtid_subtract(&mine, &its, &alone);
		gtid_subtract(rest, &alone, &left);
		gtid_free(rest);
		*rest = left;
		gtid_free(&alone);
		gtid_free(&its);
	}
	gtid_free(&mine);
}

/* Of lost writes: that somebody held, and nobody named. */
static int64_t unnamed(const struct evidence *ev, const char *const *lost, size_t nlost,
		       const struct named *n)
{
	struct gtid_set all, rest;
	struct buf text = {0};
	int64_t count;

	for (size_t i = 0; i < nlost; i++)
		buf_fmt(&text, "%s,", lost[i]);
	gtid_parse(buf_cstr(&text), &all);
	buf_free(&text);
	gtid_subtract(&all, &n->all, &rest);
	gtid_free(&all);
	count = gtid_count(&rest);
	for (size_t i = 0; rest.n && i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i],
				    *p = sample_leads(s) ? NULL : leader_after(ev, s);

		if (p)
			take_held(s, p, &rest);
	}
	count -= gtid_count(&rest);
	gtid_free(&rest);
	return count;
}

/* ---- of whom nobody can tell ---- */

static bool was_compared(const struct evidence *ev, const char *member, int64_t from_ns)
{
	for (size_t i = evidence_answers_from(ev, from_ns); i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if ((!member || !strcmp(s->member, member)) && mysql_held(ev, s))
			return true;
	}
	return false;
}

static bool same(const struct sample *a, const struct sample *b, const char *key)
{
	return !strcmp(json_str(a->extra, key, ""), json_str(b->extra, key, ""));
}

/* Whether what a server had was thrown away for a clone of another's data, and nobody said that it
 * had been compared. On an empty volume it is another server. */
static bool overwritten(const struct evidence *ev, const char *member)
{
	const struct sample *had = NULL;
	struct my_told t;
	bool named;

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->ok || strcmp(s->member, member) || !json_get(s->extra, "uuid"))
			continue;
		if (had && same(had, s, "uuid") && !same(had, s, "cloned")) {
			named = my_log_told(ev, NULL, "errant", "who", member, INT64_MIN,
					    INT64_MAX, &t);
			my_told_free(&t);
			return !named;
		}
		if (json_get(s->extra, "executed"))
			had = *json_str(s->extra, "executed", "") ? s : NULL;
	}
	return false;
}

static void untold(const struct evidence *ev, char *why)
{
	const struct sample *leads = evidence_leader(ev, 0, INT64_MAX);
	int64_t from = ev->begin_ns;

	for (size_t i = 0; i < ev->nfaults; i++)
		from = ev->faults[i].everywhere_ns > from ? ev->faults[i].everywhere_ns : from;
	for (size_t i = 0; i < ev->nmembers && !*why; i++) {
		const char *member = ev->members[i];

		if (overwritten(ev, member))
			why_say(why, "%s was cloned anew, and nobody told what it had had", member);
		else if (!was_compared(ev, member, from) &&
			 (!leads || strcmp(leads->member, member)))
			why_say(why, "nobody held %s against the primary after the last fault", member);
	}
}

void mysql_errant(const struct evidence *ev, const char *const *lost, size_t nlost,
		  struct errant_told *out)
{
	struct named n = {.last_ns = INT64_MIN};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (*json_str(s->extra, "errant", "") && mysql_held(ev, s))
			add(&n, json_str(s->extra, "errant", ""), s->member, s->t_ns);
	}
	evidence_log_each(ev, my_log_stamp, INT64_MIN, INT64_MAX, by_agent, &n);
	out->n = gtid_count(&n.all);
	out->known = out->n || was_compared(ev, NULL, ev->begin_ns);
	out->unnamed = unnamed(ev, lost, nlost, &n);
	if (n.all.n)
		gtid_brief(&n.all, out->names, sizeof(out->names));
	mem_copy_str(out->who, sizeof(out->who), n.who);
	untold(ev, out->why);
	gtid_free(&n.all);
}
