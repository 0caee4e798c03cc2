#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "measure/parts.h"

/* The faults of a scenario, from their events. */

static struct fault_seen *find(struct measured *m, size_t *alloc, const char *id)
{
	struct fault_seen *f;
	size_t i;

	for (i = 0; i < m->nfaults; i++)
		if (!strcmp(m->faults[i].id, id))
			return &m->faults[i];
	f = VEC_PUSH(m->faults, m->nfaults, *alloc);
	mem_copy_str(f->id, sizeof(f->id), id);
	f->evidence = cJSON_CreateArray();
	f->undo = cJSON_CreateArray();
	f->redundant_ns = f->lag_zero_ns = f->demoted_ns = -1;
	f->resync.bytes = -1;
	return f;
}

static void append_new(cJSON *to, const cJSON *sentences)
{
	const cJSON *s, *have;

	cJSON_ArrayForEach(s, sentences) {
		bool known = false;

		if (!cJSON_IsString(s))
			continue;
		cJSON_ArrayForEach(have, to)
			known = known || !strcmp(have->valuestring, s->valuestring);
		if (!known)
			json_push(to, cJSON_CreateString(s->valuestring));
	}
}

static void targets(struct fault_seen *f, const cJSON *list)
{
	const cJSON *t;
	size_t len = 0;

	cJSON_ArrayForEach(t, list) {
		const char *name = json_str(t, "member", json_str(t, "node", ""));

		if (!*name || len + strlen(name) + 3 > sizeof(f->target))
			continue;
		if (len) {
			memcpy(f->target + len, ", ", 3);
			len += 2;
		} else {
			mem_copy_str(f->role, sizeof(f->role), json_str(t, "role", ""));
			mem_copy_str(f->node, sizeof(f->node), json_str(t, "node", ""));
		}
		memcpy(f->target + len, name, strlen(name) + 1);
		len += strlen(name);
	}
}

/* An agent's own instant, where the event carries one, is nearer to the deed
 * than the moment at which the driver wrote it down. */
static void note_state(struct fault_seen *f, const cJSON *e, const char *state)
{
	int64_t t = event_t(e);

	if (!strcmp(state, "planned")) {
		f->planned_ns = t;
	} else if (!strcmp(state, "injecting")) {
		if (!f->injected_ns)
			f->injected_ns = json_i64(e, "injected_ns", t);
	} else if (!strcmp(state, "effective")) {
		if (!f->effective_ns)
			f->effective_ns = json_i64(e, "effective_ns", t);
		append_new(f->evidence, json_get(e, "evidence"));
	} else if (!strcmp(state, "no-effect")) {
		f->no_effect = true; /* on one of its nodes is enough */
		append_new(f->evidence, json_get(e, "evidence"));
	} else if (!strcmp(state, "healed")) {
		f->healed_ns = json_i64(e, "healed_ns", t);
		f->undone = true;
		append_new(f->undo, json_get(e, "evidence"));
	} else if (!strcmp(state, "heal-failed")) {
		f->undone = false;
		append_new(f->undo, json_get(e, "evidence"));
	}
}

void faults_make(const struct view *v, struct measured *m)
{
	size_t alloc = 0, i, k;

	for (i = 0; i < v->nevents; i++) {
		const cJSON *e = v->events[i];
		const char *how;
		struct fault_seen *f;

		if (!event_is(e, "fault"))
			continue;
		f = find(m, &alloc, json_str(e, "id", json_str(e, "fault", "?")));
		mem_copy_str(f->fault, sizeof(f->fault), json_str(e, "fault", f->fault));
		how = json_str(e, "how", json_str(json_get(e, "params"), "how", NULL));
		if (how)
			mem_copy_str(f->how, sizeof(f->how), how);
		if (cJSON_GetArraySize(json_get(e, "targets")) > 0 && !*f->target)
			targets(f, json_get(e, "targets"));
		f->silences = json_bool(e, "silences", false);
		f->last = e;
		note_state(f, e, json_str(e, "state", ""));
	}
	for (i = 0; i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];

		if (!f->injected_ns)
			f->injected_ns = f->effective_ns;
		f->bites = f->effective_ns && !f->no_effect;
	}
	for (i = 0; i < m->nfaults; i++) {
		struct fault_seen *f = &m->faults[i];

		f->window_end_ns = m->end_ns;
		for (k = 0; k < m->nfaults; k++)
			if (m->faults[k].injected_ns > f->injected_ns &&
			    m->faults[k].injected_ns < f->window_end_ns)
				f->window_end_ns = m->faults[k].injected_ns;
		if (f->window_end_ns < f->injected_ns)
			f->window_end_ns = f->injected_ns;
	}
}

/* A kill is over once it is done, whenever its record was closed. */
bool fault_lasts(const struct fault_seen *f)
{
	const struct fault_ops *ops = fault_find(f->fault);

	return !ops || ops->lasting;
}

/* Later events of a fault may leave out what an earlier one said. */
static void inherit(cJSON *to, const struct fault_seen *f, const cJSON *events)
{
	static const char *const keys[] = { "targets", "params", "how", "peers" };
	const cJSON *e;
	size_t i;

	cJSON_ArrayForEach(e, events) {
		if (!event_is(e, "fault") || strcmp(json_str(e, "id", json_str(e, "fault", "?")), f->id) ||
		    json_i64(e, "s", -1) != json_i64(to, "s", -1))
			continue;
		for (i = 0; i < ARRAY_LEN(keys); i++)
			if (!json_get(to, keys[i]) && json_get(e, keys[i]))
				json_set(to, keys[i], cJSON_Duplicate(json_get(e, keys[i]), true));
	}
}

cJSON *fault_with_times(const struct fault_seen *f, const cJSON *run_events)
{
	cJSON *o = f->last ? cJSON_Duplicate(f->last, true) : cJSON_CreateObject();

	inherit(o, f, run_events);
	cJSON_DeleteItemFromObjectCaseSensitive(o, "injected_ns");
	cJSON_DeleteItemFromObjectCaseSensitive(o, "effective_ns");
	cJSON_DeleteItemFromObjectCaseSensitive(o, "healed_ns");
	json_set_i64(o, "injected_ns", f->injected_ns);
	json_set_i64(o, "effective_ns", f->effective_ns);
	json_set_i64(o, "healed_ns", f->healed_ns);
	json_set_i64(o, "window_end_ns", f->window_end_ns);
	return o;
}
