#include "base/json.h"
#include "scenario/scenario.h"

/* A scenario as the fields of its "scenario" event: see scenario.h. */

static cJSON *step_json(const struct step *st)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "step", step_word(st->kind));
	json_set_i64(o, "line", st->at->line);
	switch (st->kind) {
	case STEP_STEADY:
		json_set_i64(o, "duration_ns", st->duration_ns);
		break;
	case STEP_FAULT:
		json_set_str(o, "fault", st->fault);
		json_set_str(o, "id", st->id);
		json_set_str(o, "target", st->target);
		if (st->duration_ns)
			json_set_i64(o, "for_ns", st->duration_ns);
		json_set(o, "params", yaml_words_to_json(st->params));
		break;
	case STEP_HEAL:
		json_set_str(o, "id", st->id);
		break;
	case STEP_AWAIT:
		json_set_str(o, "await", await_word(st->await));
		if (st->await == AWAIT_JOB)
			json_set_str(o, "id", st->id);
		json_set_i64(o, "within_ns", st->duration_ns);
		break;
	case STEP_RUN:
		json_set_str(o, "run", st->cron_job);
		json_set_str(o, "id", st->id);
		if (st->duration_ns)
			json_set_i64(o, "within_ns", st->duration_ns);
		break;
	}
	return o;
}

static cJSON *expect_json(const struct expectation *x)
{
	const struct metric *m = metric_of(x->metric);
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "name", x->name);
	json_set_str(o, "metric", m->name);
	json_set_i64(o, "line", x->at->line);
	if (x->has_at_most)
		json_set_num(o, "at_most", x->at_most);
	if (x->has_at_least)
		json_set_num(o, "at_least", x->at_least);
	if (x->within_predicted)
		json_set_bool(o, "within_predicted", true);
	if (m->unit == METRIC_BOOL)
		json_set_bool(o, "want", x->want);
	if (x->fault)
		json_set_str(o, "fault", x->fault);
	if (x->of)
		json_set_str(o, "of", x->of);
	if (x->checker)
		json_set_str(o, "checker", x->checker);
	if (x->object)
		json_set_str(o, "object", x->object);
	if (x->reason)
		json_set_str(o, "reason", x->reason);
	if (x->run)
		json_set_str(o, "run", x->run);
	if (x->accepted) {
		cJSON *setting = cJSON_AddObjectToObject(o, "setting");

		json_set_str(o, "accepted", x->accepted);
		json_set_str(setting, "name", x->setting);
		json_set_str(setting, "value", x->setting_value);
	}
	return o;
}

cJSON *scenario_to_json(const struct scenario *s)
{
	cJSON *o = cJSON_CreateObject(), *steps = cJSON_CreateArray();
	cJSON *expects = cJSON_CreateArray();
	size_t i;

	json_set_str(o, "name", s->name);
	json_set_str(o, "title", s->title);
	if (s->about)
		json_set_str(o, "about", s->about);
	if (s->compare)
		json_set_str(o, "compare", s->compare);
	json_set_str(o, "file", s->file);
	json_set_str(o, "system", s->system);
	json_set_str(o, "variant", s->variant);
	json_set(o, "load", load_spec_to_json(&s->load));
	for (i = 0; i < s->nsteps; i++)
		json_push(steps, step_json(&s->steps[i]));
	json_set(o, "steps", steps);
	for (i = 0; i < s->nexpects; i++)
		json_push(expects, expect_json(&s->expects[i]));
	json_set(o, "expect", expects);
	return o;
}
