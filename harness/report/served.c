#include <math.h>

#include "base/json.h"
#include "report/result.h"
#include "report/text.h"

/* What was served after a fault, as result.json tells it. */

/* A length in ns as ms with three decimals; negative: null. */
static void set_ms(cJSON *o, const char *key, int64_t ns)
{
	json_set(o, key,
		 ns < 0 ? cJSON_CreateNull() : cJSON_CreateNumber(round((double)ns / 1e3) / 1e3));
}

cJSON *result_downtime(const struct outage *o, bool told)
{
	cJSON *out = cJSON_CreateObject();

	json_set_i64(out, "times", o->down.times);
	set_ms(out, "lo_ms", o->down.lo_ns);
	set_ms(out, "hi_ms", o->down.ended && (told || o->down.times) ? o->down.hi_ns : -1);
	return out;
}

cJSON *result_served(const struct fault_seen *f)
{
	cJSON *list = cJSON_CreateArray();
	struct arena a = {0};

	for (size_t i = 0; i < f->nserved; i++) {
		const struct served_row *r = &f->served[i];
		cJSON *out = cJSON_CreateObject();

		json_set_str(out, "what", r->what);
		json_set_str(out, "name", text_clean(&a, r->name));
		json_set_i64(out, "due", r->due);
		json_set_i64(out, "served", r->served);
		json_set_num(out, "share_pct", round(1e5 * (double)r->served / (double)r->due) / 1e3);
		json_set_i64(out, "unsent", r->unsent);
		json_set_i64(out, "untold", r->untold);
		set_ms(out, "p50_ms", r->p50_ns);
		set_ms(out, "p99_ms", r->p99_ns);
		json_push(list, out);
	}
	arena_free(&a);
	return list;
}
