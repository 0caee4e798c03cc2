#include "test/lib/evidence_kept.h"

#include <stdlib.h>

#include "fault/fault.h"

static struct evidence **kept;
static size_t nkept, akept;

static void free_all(void)
{
	for (size_t i = 0; i < nkept; i++) {
		evidence_free(kept[i]);
		free(kept[i]);
	}
	free(kept);
}

struct evidence *evidence_kept(const cJSON *events, int scenario)
{
	struct evidence *ev = mem_alloc(sizeof(*ev));

	if (!nkept)
		atexit(free_all);
	evidence_make(events, scenario, fault_effects, ev);
	*VEC_PUSH(kept, nkept, akept) = ev;
	return ev;
}
