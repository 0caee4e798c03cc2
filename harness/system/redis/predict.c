#include "system/redis/predict.h"

#include <stdio.h>

#include "system/allowances.h"

void redis_takeover(struct prediction *p, const struct redis_takeover *t, int64_t later_ns)
{
	int64_t starts = t->others.starts ? ALLOW_NODE_BOOT + REDIS_ALLOW_LOAD : 0;

	if (t->others.never) {
		prediction_note(p, "Too few were left for a replica to be %s as long as the faults lasted.", t->word);
		return;
	}
	t->add(p, t->rules, t->lo_ns > t->others.from_ns ? t->lo_ns : t->others.from_ns,
	       t->hi_ns + later_ns + t->others.by_ns + starts);
	if (t->others.hindered)
		prediction_note(p, "Too few were left for a replica to be %s until %.1f s after the fault%s.", t->word,
				in_s(t->others.by_ns), starts ? "; those that come back have to start" : "");
}

void redis_takeover_or_end(struct prediction *p, const struct redis_takeover *t,
			   const struct fault_record *fault, int64_t after_ns, const char *why)
{
	int64_t lo, hi;
	bool known = fault_length(fault, &lo, &hi);

	if (!known || hi >= t->least_ns)
		redis_takeover(p, t, 0);
	if (known && (lo <= t->hi_ns || t->others.hindered))
		prediction_fault_ends(p, fault, after_ns, t->source, why);
}

void redis_goes_on(struct prediction *p, const struct redis_takeover *t,
		   const struct fault_record *fault)
{
	char why[120];

	snprintf(why, sizeof(why), "it ended before a replica was %s, and the master goes on", t->word);
	redis_takeover_or_end(p, t, fault, ALLOW_RECONNECT, why);
}

void redis_node_gone(struct prediction *p, const struct redis_takeover *t,
		     const struct fault_record *fault, int64_t ready_ns)
{
	char why[120];

	snprintf(why, sizeof(why), "the node came back before a replica was %s, and the same member starts again",
		 t->word);
	redis_takeover_or_end(p, t, fault, ALLOW_NODE_BOOT + REDIS_ALLOW_LOAD + ready_ns, why);
}

struct redis_restart redis_restart(const struct redis_takeover *t, const struct fault_record *fault)
{
	bool empty = fault_does(fault, EFFECT_STORAGE_EMPTY);
	struct redis_restart r = {.load_ns = t->no_log || empty ? 0 : REDIS_ALLOW_LOAD};

	if (fault_does(fault, EFFECT_POD_RECREATED)) {
		r.who = "the StatefulSet creates the pod again under its name";
		r.start_ns = ALLOW_RECREATE;
	} else {
		r.who = "the kubelet restarts the container, at once the first time and after 10 s the second within ten minutes";
		r.start_ns = ALLOW_BACKOFF + ALLOW_CONTAINER_START;
	}
	return r;
}

void redis_note_restart(struct prediction *p, const struct redis_takeover *t,
			const struct fault_record *fault)
{
	if (fault_does(fault, EFFECT_STORAGE_EMPTY))
		prediction_note(p, "It comes back without its data: if it goes on as a master, its replicas copy that, and "
				"everything is lost.");
	else if (t->no_log)
		prediction_note(p, "appendonly is off: a member that restarts and leads on has its last snapshot, or nothing, and its replicas copy that.");
}
