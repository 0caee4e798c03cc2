#include "system/prediction.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

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

static void lower(int64_t *t, int64_t to, char *how, size_t size)
{
	size_t len = strlen(how);

	if (!*t || !to || *t <= to)
		return;
	snprintf(how + len, size - len, " (seen %.0f ms later than its consequence)",
		 (double)(*t - to) / (double)NS_PER_MS);
	*t = to;
}

void milestones_in_order(struct milestones *m)
{
	lower(&m->routed, m->first_ack, m->how_routed, sizeof(m->how_routed));
	lower(&m->promoted, m->routed ? m->routed : m->first_ack, m->how_promoted, sizeof(m->how_promoted));
	lower(&m->elected, m->promoted, m->how_elected, sizeof(m->how_elected));
	lower(&m->detected, m->elected ? m->elected : m->promoted, m->how_detected, sizeof(m->how_detected));
}

bool prediction_has(const struct prediction *p, const char *name)
{
	for (size_t i = 0; p && i < p->n; i++)
		if (!strcmp(p->mech[i].name, name))
			return true;
	return false;
}
