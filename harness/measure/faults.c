#include "base/mem.h"
#include "fault/fault.h"
#include "measure/parts.h"

/* The faults of a scenario and the time in which each is the last one. */

void evidence_load(const cJSON *events, int scenario, struct evidence *ev)
{
	evidence_make(events, scenario, fault_effects, ev);
}

void faults_make(const struct view *v, struct measured *m)
{
	size_t alloc = 0, i, k;

	for (i = 0; i < v->ev->nfaults; i++) {
		struct fault_seen *f = VEC_PUSH(m->faults, m->nfaults, alloc);

		f->rec = &v->ev->faults[i];
		f->redundant_ns = f->lag_zero_ns = f->demoted_ns = -1;
		f->resync.bytes = -1;
	}
	for (i = 0; i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];
		int64_t injected = f->rec->injected_ns;

		f->window_end_ns = m->end_ns;
		for (k = 0; k < m->nfaults; k++)
			if (m->faults[k].rec->injected_ns > injected &&
			    m->faults[k].rec->injected_ns < f->window_end_ns) {
				f->window_end_ns = m->faults[k].rec->injected_ns;
				f->next = m->faults[k].rec;
			}
		if (f->window_end_ns < injected)
			f->window_end_ns = injected;
	}
}
