#include <math.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/result.h"
#include "report/text.h"

/* How believable the figures are: noise, and what became of the load. */

static void set_num(cJSON *o, const char *key, double v)
{
	if (isnan(v) || v < 0)
		json_set(o, key, cJSON_CreateNull());
	else
		json_set_num(o, key, round(v * 1000) / 1000);
}

static void set_text(cJSON *o, const char *key, const char *s)
{
	struct arena a = {0};

	json_set_str(o, key, text_clean(&a, s));
	arena_free(&a);
}

cJSON *result_noise(const struct noise *n)
{
	cJSON *out = cJSON_CreateObject();

	set_num(out, "lateness_p99_ms", n->lateness_p99_ms);
	set_num(out, "lateness_max_ms", n->lateness_max_ms);
	set_num(out, "cpu_some_pct", n->cpu_some_pct);
	set_num(out, "steal_pct", n->steal_pct);
	set_num(out, "stood_ms", in_ms(n->stood_ns));
	json_set_bool(out, "too_noisy", n->too_noisy);
	json_set_bool(out, "pressed", n->pressed);
	set_text(out, "why", n->why);
	return out;
}

cJSON *result_fault_noise(const struct fault_seen *f)
{
	cJSON *out = cJSON_CreateObject();

	json_set(out, "outage", result_noise(&f->noise[NOISE_OUTAGE]));
	json_set(out, "recovery", result_noise(&f->noise[NOISE_RECOVERY]));
	json_set(out, "demotion", result_noise(&f->noise[NOISE_DEMOTION]));
	return out;
}

cJSON *result_load(const struct load_sent *l)
{
	cJSON *out = cJSON_CreateObject(), *calm = cJSON_CreateObject();

	set_num(out, "asked_per_s", l->rate > 0 ? l->rate : -1);
	json_set_i64(out, "due", l->due);
	json_set_i64(out, "sent", l->sent);
	json_set_i64(out, "not_sent", l->due - l->sent);
	json_set_i64(calm, "due", l->calm_due);
	json_set_i64(calm, "sent", l->calm_sent);
	json_set(out, "before_fault", calm);
	json_set_bool(out, "as_asked", !l->not_as_asked);
	set_text(out, "why", l->why);
	return out;
}
