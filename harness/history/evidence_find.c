/* Questions to the evidence: who was what, and when. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/evidence.h"

size_t evidence_answers_from(const struct evidence *ev, int64_t t_ns)
{
	size_t lo = 0, hi = ev->nsamples;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ev->samples[mid].t_ns < t_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct sample *evidence_leader(const struct evidence *ev, uint32_t shard, int64_t t_ns)
{
	const struct sample *l = NULL;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= t_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->beside && sample_leads(s) && shards_rival(s->shards, shard_bit(shard)))
			l = s;
	}
	return l;
}

const struct sample *evidence_next_leader(const struct evidence *ev, uint32_t shard, int64_t t_ns,
					  const char *not)
{
	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		if (s->t_ns > t_ns && !s->beside && sample_leads(s) &&
		    shards_rival(s->shards, shard_bit(shard)) && (!not || strcmp(s->member, not)))
			return s;
	}
	return NULL;
}

const struct sample *evidence_answer(const struct evidence *ev, const char *member, int64_t t_ns)
{
	const struct sample *l = NULL;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= t_ns; i++)
		if (ev->samples[i].ok && !strcmp(ev->samples[i].member, member))
			l = &ev->samples[i];
	return l;
}

const struct sample *evidence_new_process(const struct evidence *ev, const char *member,
					  int64_t from_ns, int64_t to_ns)
{
	const struct sample *last = NULL;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i];

		if (!s->ok || strcmp(s->member, member))
			continue;
		if (last && s->t_ns > from_ns && sample_started_anew(last, s))
			return s;
		last = s;
	}
	return NULL;
}

const struct pod_seen *evidence_pod_restarted(const struct evidence *ev, const char *member,
					      int64_t from_ns, int64_t to_ns, bool *recreated)
{
	const struct pod_seen *last = NULL;

	for (size_t i = 0; i < ev->npods && ev->pods[i].t_ns <= to_ns; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (!*p->uid || strcmp(p->name, member))
			continue;
		*recreated = last && strcmp(last->uid, p->uid);
		if (last && p->t_ns > from_ns && (*recreated || p->restarts > last->restarts))
			return p;
		last = p;
	}
	return NULL;
}

const char *evidence_member_at(const struct evidence *ev, const char *address, int64_t t_ns)
{
	const char *name = "", *colon = strchr(address, ':');
	/* A port follows one colon; IPv6 has more. */
	size_t len = colon && colon == strrchr(address, ':') ? (size_t)(colon - address) :
							       strlen(address);

	for (size_t i = 0; len && i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (p->t_ns > t_ns && *name)
			break;
		if ((strlen(p->ip) == len && !strncmp(p->ip, address, len)) ||
		    !strcmp(p->name, address))
			name = p->name;
	}
	return name;
}

const char *evidence_address(const struct evidence *ev, const char *member, int64_t t_ns)
{
	const char *ip = "";

	for (size_t i = 0; i < ev->npods && ev->pods[i].t_ns <= t_ns; i++)
		if (*ev->pods[i].ip && !strcmp(ev->pods[i].name, member))
			ip = ev->pods[i].ip;
	return ip;
}

const char *evidence_node(const struct evidence *ev, const char *member)
{
	const char *node = "";

	for (size_t i = 0; i < ev->npods; i++)
		if (*ev->pods[i].node && !strcmp(ev->pods[i].name, member))
			node = ev->pods[i].node;
	return node;
}

const struct group_seen *evidence_group(const struct evidence *ev, uint32_t number)
{
	for (size_t i = 0; number && i < ev->ngroups; i++)
		if (ev->groups[i].number == number)
			return &ev->groups[i];
	return NULL;
}

const struct job_seen *evidence_job(const struct evidence *ev, const char *id)
{
	for (size_t i = 0; i < ev->njobs; i++)
		if (!strcmp(ev->jobs[i].id, id))
			return &ev->jobs[i];
	return NULL;
}

int64_t evidence_phase(const struct evidence *ev, const char *phase)
{
	for (size_t i = 0; i < ev->nphases; i++)
		if (!strcmp(ev->phases[i].phase, phase))
			return ev->phases[i].t_ns;
	return 0;
}

bool endpoints_hold(const struct endpoints_seen *e, const char *ip)
{
	size_t len = strlen(ip);

	for (size_t i = 0; i < e->naddrs; i++)
		if (!strncmp(e->addrs[i], ip, len) &&
		    (!e->addrs[i][len] || e->addrs[i][len] == ' '))
			return true;
	return false;
}

bool evidence_gained(const struct evidence *ev, size_t i, const char *ip)
{
	const struct endpoints_seen *all = ev->endpoints, *e = &all[i];

	if (!*ip || !endpoints_hold(e, ip))
		return false;
	while (i--)
		if (!strcmp(all[i].name, e->name))
			return !endpoints_hold(&all[i], ip);
	return false;
}

const char *endpoints_annotation(const struct endpoints_seen *e, const char *name)
{
	return json_str(e->annotations, name, "");
}

const char *fault_role(const struct fault_record *f)
{
	const char *role = "";

	for (size_t i = 0; i < f->ntargets; i++) {
		const char *x = f->targets[i].role_told;

		if (!strcmp(x, "primary"))
			return "primary";
		if (*x && strcmp(x, "unknown"))
			role = x;
	}
	return role;
}

bool fault_hits(const struct fault_record *f, const char *member)
{
	for (size_t i = 0; i < f->ntargets; i++)
		if (!strcmp(f->targets[i].member, member))
			return true;
	return false;
}

bool fault_hits_node(const struct fault_record *f, const char *node)
{
	for (size_t i = 0; *node && i < f->ntargets; i++)
		if (!strcmp(f->targets[i].node, node))
			return true;
	return false;
}

bool fault_reaches(const struct evidence *ev, const struct fault_record *f, const char *pod)
{
	return fault_hits(f, pod) ||
	       (f->does.whole_node && fault_hits_node(f, evidence_node(ev, pod)));
}

bool evidence_out(const struct evidence *ev, const char *pod, int64_t t_ns)
{
	for (size_t i = 0; i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];

		if (f->does.lasts &&
		    fault_does(f, EFFECT_SILENT | EFFECT_CUT_OFF | EFFECT_NODE_GONE) &&
		    f->injected_ns && f->injected_ns <= t_ns &&
		    (!f->healed_ns || t_ns <= f->healed_ns) && fault_reaches(ev, f, pod))
			return true;
	}
	return false;
}

int64_t fault_came(const struct evidence *ev, const struct fault_record *f, const char *member)
{
	const struct fault_target *t = NULL;

	for (size_t i = 0; i < f->ntargets; i++)
		if (!strcmp(f->targets[i].member, member))
			t = &f->targets[i];
	if (!t || !f->does.one_by_one)
		return t ? f->injected_ns : 0;
	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (p->t_ns >= f->injected_ns && !strcmp(p->name, member) &&
		    (p->deleted || p->gone || (*p->uid && strcmp(p->uid, t->uid))))
			return p->t_ns;
	}
	return 0;
}

/* When the pod that took the place of this one was ready first; 0: never. */
static int64_t replaced(const struct evidence *ev, const struct fault_target *t, int64_t from_ns)
{
	for (size_t i = 0; i < ev->npods; i++) {
		const struct pod_seen *p = &ev->pods[i];

		if (p->t_ns >= from_ns && !strcmp(p->name, t->member) && *p->uid &&
		    strcmp(p->uid, t->uid) && p->ready && !p->deleted && !p->gone)
			return p->t_ns;
	}
	return 0;
}

bool fault_hit(const struct evidence *ev, const struct fault_record *f, int64_t t_ns,
	       struct fault_record *out, struct fault_target *t)
{
	const struct sample *was;
	int64_t last = 0;

	for (size_t i = 0; f->does.one_by_one && i < f->ntargets; i++) {
		int64_t came = fault_came(ev, f, f->targets[i].member);

		if (!came || came > t_ns || came < last)
			continue;
		last = came;
		*t = f->targets[i];
	}
	if (!last)
		return false;
	was = evidence_answer(ev, t->member, last);
	if (was && was->role != ROLE_UNKNOWN) {
		t->role = was->role;
		t->role_told = role_name(was->role);
	}
	*out = *f;
	out->targets = t;
	out->ntargets = 1;
	out->target = t->member;
	out->role = t->role_told;
	out->node = t->node;
	out->injected_ns = out->effective_ns = out->everywhere_ns = last;
	out->healing_ns = out->healed_ns = replaced(ev, t, last);
	return true;
}

bool fault_does(const struct fault_record *f, uint32_t effects)
{
	return f->does.what & effects;
}

bool fault_on(const struct fault_record *f, int64_t t_ns)
{
	return f->effective_ns && t_ns >= f->effective_ns &&
	       (!f->healed_ns || t_ns <= f->healed_ns);
}

int64_t fault_healing(const struct fault_record *f)
{
	bool told = f->healing_ns && f->healing_ns < f->healed_ns;

	return told ? f->healing_ns : f->healed_ns;
}

bool fault_length(const struct fault_record *f, int64_t *lo, int64_t *hi)
{
	if (!f->healed_ns || !f->injected_ns || f->healed_ns < f->injected_ns)
		return false;
	*lo = f->healed_ns - (f->effective_ns > f->injected_ns ? f->effective_ns : f->injected_ns);
	*hi = f->healed_ns - f->injected_ns;
	return true;
}

/* ---- who is a member ---- */

/* Ten questions a second go out, each of which may wait 500 ms: three in a row may hang. */
enum { ASKED_MS = 1500 };

int64_t evidence_hole(const struct evidence *ev, const char *member, int64_t from_ns, int64_t to_ns,
		      int64_t *since)
{
	int64_t last = from_ns;

	for (size_t i = 0; i <= ev->nsamples; i++) {
		const struct sample *s = i < ev->nsamples ? &ev->samples[i] : NULL;
		int64_t t = s && s->t_ns < to_ns ? s->t_ns : to_ns;

		if ((s && (s->beside || strcmp(s->member, member) != 0)) || t < last)
			continue;
		*since = last;
		if (t - last > ASKED_MS * NS_PER_MS)
			return t - last;
		last = t;
	}
	return 0;
}

bool evidence_asked(const struct evidence *ev, const char *name)
{
	for (size_t i = 0; i < ev->nmembers; i++)
		if (!strcmp(ev->members[i], name))
			return true;
	return false;
}

/* The length of a StatefulSet's name in that of its pod, with the hyphen; 0: it
 * ends in no ordinal. */
static size_t set_of(const char *pod)
{
	const char *hyphen = strrchr(pod, '-');

	if (!hyphen || !hyphen[1] || hyphen[1 + strspn(hyphen + 1, "0123456789")])
		return 0;
	return (size_t)(hyphen - pod) + 1;
}

const char *evidence_brother(const struct evidence *ev, const char *pod)
{
	size_t set = set_of(pod);

	for (size_t k = 0; set && k < ev->nmembers; k++)
		if (set_of(ev->members[k]) == set && !strncmp(ev->members[k], pod, set))
			return ev->members[k];
	return NULL;
}

const char *evidence_unasked(const struct evidence *ev, const char **beside)
{
	*beside = NULL;
	for (size_t i = 0; i < ev->nfaults; i++) {
		for (size_t k = 0; k < ev->faults[i].ntargets; k++) {
			const struct fault_target *t = &ev->faults[i].targets[k];

			/* Sentinels and other helpers have no role to ask for. */
			if (*t->member && t->role != ROLE_UNKNOWN && !evidence_asked(ev, t->member))
				return t->member;
		}
	}
	for (size_t i = 0; i < ev->nlisted; i++)
		if (!evidence_asked(ev, ev->listed[i]))
			return ev->listed[i];
	for (size_t i = 0; i < ev->npods; i++) {
		*beside = evidence_brother(ev, ev->pods[i].name);
		if (*beside && !evidence_asked(ev, ev->pods[i].name))
			return ev->pods[i].name;
	}
	return NULL;
}
