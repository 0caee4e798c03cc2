#include "test/lib/evidence_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "history/event.h"

cJSON *test_json(const char *text)
{
	struct err e = {0};
	cJSON *o = json_parse(text, "test", &e);

	if (!o)
		fail_msg("%s in %s", e.msg, text);
	return o;
}

void evidence_of(const char *events_json, struct evidence *ev, cJSON **hold)
{
	cJSON *event;

	*hold = test_json(events_json);
	cJSON_ArrayForEach(event, *hold)
		if (!json_get(event, "s") && !event_is(event, "run"))
			json_set_i64(event, "s", 0);
	evidence_make(*hold, 0, fault_effects, ev);
}

const struct fault_record *fault_of(const struct evidence *ev, const char *id)
{
	for (size_t i = 0; i < ev->nfaults; i++)
		if (!strcmp(ev->faults[i].id, id))
			return &ev->faults[i];
	fail_msg("no fault \"%s\" among the events", id);
	return NULL;
}

static void push_state(cJSON *events, const cJSON *fault, const char *state, int64_t t_ns)
{
	cJSON *e = cJSON_Duplicate(fault, true);

	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", t_ns);
	json_set_str(e, "k", "fault");
	json_set_str(e, "state", state);
	json_push(events, e);
}

void evidence_tell_fault(cJSON *events, cJSON *fault)
{
	static const struct {
		const char *state, *instant;
	} states[] = {
		{"injecting", "injected_ns"}, {"effective", "effective_ns"}, {"healed", "healed_ns"},
	};

	push_state(events, fault, "planned", 0);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (json_get(fault, states[i].instant))
			push_state(events, fault, states[i].state,
				   json_i64(fault, states[i].instant, 0));
	cJSON_Delete(fault);
}

void evidence_tell_inforce(cJSON *events, cJSON *settings)
{
	cJSON *e;

	if (!settings)
		return;
	e = cJSON_CreateObject();
	json_set_i64(e, "s", 0);
	json_set_i64(e, "t", 0);
	json_set_str(e, "k", "inforce");
	json_set(e, "settings", settings);
	json_push(events, e);
}

cJSON *evidence_renamed(cJSON *events, const char *from, const char *to)
{
	char *text = json_text(events), *rest = text, *at;
	struct buf b = {0};
	struct err e = {0};
	cJSON *o;

	while ((at = strstr(rest, from))) {
		buf_add(&b, rest, (size_t)(at - rest));
		buf_str(&b, to);
		rest = at + strlen(from);
	}
	buf_str(&b, rest);
	o = json_parse(buf_cstr(&b), "events", &e);
	if (!o)
		fail_msg("%s", e.msg);
	buf_free(&b);
	free(text);
	cJSON_Delete(events);
	return o;
}
