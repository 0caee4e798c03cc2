#include "system/prediction.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define PROOF_NS (500 * NS_PER_MS)

void prediction_add(struct prediction *p, const char *name, int64_t lo, int64_t hi,
		    const char *source, const char *fmt, ...)
{
	struct mechanism *m;
	va_list ap;

	if (p->n == sizeof(p->mech) / sizeof(p->mech[0]))
		return;
	m = &p->mech[p->n++];
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->source, sizeof(m->source), "%s", source);
	va_start(ap, fmt);
	vsnprintf(m->rule, sizeof(m->rule), fmt, ap);
	va_end(ap);
	m->lo_ns = lo > 0 ? lo : 0;
	m->hi_ns = hi;
	if (!p->known || m->lo_ns < p->lo_ns)
		p->lo_ns = m->lo_ns;
	if (!p->known || m->hi_ns > p->hi_ns)
		p->hi_ns = m->hi_ns;
	p->known = true;
}

void prediction_note(struct prediction *p, const char *fmt, ...)
{
	size_t len = strlen(p->note);
	va_list ap;

	if (len && len + 1 < sizeof(p->note)) {
		p->note[len++] = ' ';
		p->note[len] = '\0';
	}
	va_start(ap, fmt);
	vsnprintf(p->note + len, sizeof(p->note) - len, fmt, ap);
	va_end(ap);
}

void milestone_tell(int64_t *at, char *how, int64_t t_ns, const char *fmt, ...)
{
	va_list ap;

	*at = t_ns;
	va_start(ap, fmt);
	vsnprintf(how, WHY_BYTES, fmt, ap);
	va_end(ap);
}

void mechanism_tell(struct milestones *m, const char *name, const char *fmt, ...)
{
	va_list ap;

	snprintf(m->mechanism, sizeof(m->mechanism), "%s", name);
	va_start(ap, fmt);
	vsnprintf(m->why_mechanism, sizeof(m->why_mechanism), fmt, ap);
	va_end(ap);
}

void milestone_before(int64_t *t, int64_t to, char *how)
{
	if (!*t || !to || *t <= to)
		return;
	why_add(how, " (seen %.0f ms later than its consequence)", in_ms(*t - to));
	*t = to;
}

void milestones_in_order(struct milestones *m)
{
	milestone_before(&m->routed, m->first_ack, m->how_routed);
	milestone_before(&m->promoted, m->routed ? m->routed : m->first_ack, m->how_promoted);
	milestone_before(&m->elected, m->promoted, m->how_elected);
	milestone_before(&m->detected, m->elected ? m->elected : m->promoted, m->how_detected);
}

void recovery_begin(struct recovery_info *out)
{
	*out = (struct recovery_info){.bytes = -1};
}

void recovery_tell(struct recovery_info *out, const char *kind, const char *fmt, ...)
{
	va_list ap;

	snprintf(out->resync, sizeof(out->resync), "%s", kind);
	va_start(ap, fmt);
	vsnprintf(out->how, sizeof(out->how), fmt, ap);
	va_end(ap);
}

bool recovery_asked(const struct evidence *ev, int64_t from_ns, int64_t to_ns,
		    struct recovery_info *out)
{
	for (size_t i = 0; i < ev->nmembers; i++) {
		int64_t since = 0, hole = evidence_hole(ev, ev->members[i], from_ns, to_ns, &since);

		if (!hole)
			continue;
		recovery_tell(out, "", "nobody asked %s for %.1f s, from %.1f s after the fault on", ev->members[i],
			      in_s(hole), in_s(since - from_ns));
		return false;
	}
	return ev->nmembers > 0;
}

const struct mechanism *prediction_mechanism(const struct prediction *p, const char *name)
{
	for (size_t i = 0; p && i < p->n; i++)
		if (!strcmp(p->mech[i].name, name))
			return &p->mech[i];
	return NULL;
}

bool prediction_has(const struct prediction *p, const char *name)
{
	return prediction_mechanism(p, name);
}

void prediction_by_effect(struct prediction *p, const struct effect_rules *of_primary,
			  const struct rules *r, const struct fault_record *fault)
{
	rule_fn *goes = of_primary->pod_recreated, *dies = of_primary->process_dies;
	const struct {
		enum effect what;
		rule_fn *rule;
	} in_order[] = {
		{EFFECT_STORAGE_EMPTY, of_primary->storage_empty},
		{EFFECT_POD_RECREATED, goes ? goes : dies},
		{EFFECT_PROCESS_DIES, dies ? dies : goes},
		{EFFECT_SILENT, of_primary->silent},
		{EFFECT_CUT_OFF, of_primary->cut_off},
		{EFFECT_NODE_GONE, of_primary->node_gone},
		{EFFECT_STORAGE_REFUSES, of_primary->storage_refuses},
	};

	for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++)
		if (in_order[i].rule && fault_does(fault, in_order[i].what)) {
			in_order[i].rule(p, r, fault);
			return;
		}
	prediction_note(p, "No rule is known for the fault \"%s\".", fault->name);
}

void prediction_by_role(struct prediction *p, const struct effect_rules *of_primary,
			rule_fn *of_replica, const char *word, const struct rules *r,
			const struct fault_record *fault)
{
	const char *role = fault_role(fault);

	if (!strcmp(role, "primary"))
		prediction_by_effect(p, of_primary, r, fault);
	else if (!strcmp(role, "replica"))
		of_replica(p, r, fault);
	else
		prediction_note(p, "It is not known whether the target was the %s.", word);
}

bool prediction_left(const struct evidence *ev, const struct fault_record *fault, const char *pod,
		     int64_t t_ns)
{
	bool healed = fault->healed_ns && fault->healed_ns < t_ns;

	return !evidence_out(ev, pod, t_ns) && (healed || !fault_reaches(ev, fault, pod));
}

size_t prediction_members_left(const struct evidence *ev, const struct fault_record *fault,
			       int64_t t_ns)
{
	size_t left = 0;

	for (size_t i = 0; i < ev->nmembers; i++)
		left += prediction_left(ev, fault, ev->members[i], t_ns);
	return left;
}

struct takeover prediction_takeover(const struct evidence *ev, const struct fault_record *fault,
				    int64_t least_ns, enough_fn *enough)
{
	int64_t due_ns = fault->injected_ns + least_ns, back_ns = INT64_MAX;
	struct takeover t = {0};

	t.hindered = fault->injected_ns && !enough(ev, fault, due_ns);
	for (size_t i = 0; t.hindered && i < ev->nfaults; i++) {
		const struct fault_record *f = &ev->faults[i];

		if (f->healed_ns < due_ns || f->healed_ns >= back_ns ||
		    !enough(ev, fault, f->healed_ns + 1))
			continue;
		back_ns = f->healed_ns;
		t.starts = fault_does(f, EFFECT_NODE_GONE);
	}
	t.never = t.hindered && back_ns == INT64_MAX;
	if (t.hindered && !t.never)
		t.by_ns = back_ns - fault->injected_ns;
	t.from_ns = t.by_ns > PROOF_NS ? t.by_ns - PROOF_NS : 0;
	return t;
}

const char *prediction_setting(const struct settings_seen *inforce, const char *name)
{
	const struct setting_seen *s = setting_find(inforce, name);

	return s ? s->value : NULL;
}

void prediction_assume(struct assumed *a, const char *name)
{
	size_t len = strlen(a->names);

	snprintf(a->names + len, sizeof(a->names) - len, "%s%s", len ? ", " : "", name);
}

void prediction_note_assumed(struct prediction *p, const struct assumed *a, const char *whose)
{
	p->assumed = *a->names;
	if (*a->names)
		prediction_note(p, "Not reported, taken at %s default: %s.", whose, a->names);
}

int64_t prediction_number(const struct settings_seen *inforce, const char *name, int64_t dflt,
			  struct assumed *a)
{
	const char *v = prediction_setting(inforce, name);

	if (v && *v)
		return strtoll(v, NULL, 10);
	prediction_assume(a, name);
	return dflt;
}

bool prediction_off(const struct settings_seen *inforce, const char *name)
{
	const char *v = prediction_setting(inforce, name);

	return v && (!strcmp(v, "off") || !strcmp(v, "no"));
}

void prediction_fault_ends(struct prediction *p, const struct fault_record *fault, int64_t after,
			   const char *source, const char *why)
{
	int64_t lo, hi, from;

	if (!fault_length(fault, &lo, &hi))
		return;
	/* Clients find out about it between injection and proof. */
	from = lo > PROOF_NS ? lo - PROOF_NS : 0;
	prediction_add(p, "fault ends", from, hi + after, source,
		       "%s; it lasted %.1f s, and %.1f s are allowed for the way back: %.1f to %.1f s", why,
		       in_s(hi), in_s(after), in_s(from), in_s(hi + after));
}
