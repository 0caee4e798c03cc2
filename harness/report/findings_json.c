#include "base/json.h"
#include "report/findings.h"
#include "report/text.h"

/* What was found, as result.json tells it. */

static void set_count(cJSON *o, const char *key, int64_t n)
{
	json_set(o, key, n < 0 ? cJSON_CreateNull() : cJSON_CreateNumber((double)n));
}

static void set_ms(cJSON *o, const char *key, int64_t ns)
{
	json_set(o, key,
		 ns < 0 ? cJSON_CreateNull() : cJSON_CreateNumber((double)(ns / 1000) / 1e3));
}

cJSON *findings_json(const struct findings *f)
{
	cJSON *list = cJSON_CreateArray();
	struct arena a = {0};

	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->v[i];
		cJSON *o = cJSON_CreateObject();

		json_set_str(o, "kind", finding_key(x->kind));
		json_set_str(o, "scenario", text_clean(&a, x->scenario->ev->script->name));
		json_set_i64(o, "index", x->scenario->index);
		json_set_str(o, "text", text_clean(&a, x->text));
		set_count(o, "count", x->count);
		set_count(o, "of", x->of);
		set_ms(o, "lo_ms", x->lo_ns);
		set_ms(o, "hi_ms", x->hi_ns);
		json_push(list, o);
	}
	arena_free(&a);
	return list;
}

cJSON *findings_expected_json(const struct findings *f)
{
	cJSON *o = cJSON_CreateObject();

	json_set_i64(o, "all", (int64_t)f->expected);
	json_set_i64(o, "held", (int64_t)f->held);
	json_set_i64(o, "failed", (int64_t)f->failed);
	json_set_i64(o, "unknown", (int64_t)f->unknown);
	json_set_i64(o, "broken", (int64_t)f->broken);
	json_set_i64(o, "skipped", (int64_t)f->skipped);
	return o;
}
