#include <math.h>

#include "base/json.h"
#include "report/repeat.h"

/* The "repeated" part of result.json. */

static double in_unit(enum figure_kind k, double v)
{
	return k == FIGURE_LOST ? v : round(v / 1e3) / 1e3;
}

static void set(cJSON *o, const char *key, enum figure_kind k, double v)
{
	json_set(o, key, v < 0 || isinf(v) ? cJSON_CreateNull() :
					     cJSON_CreateNumber(in_unit(k, v)));
}

static cJSON *figure(enum figure_kind k, const struct figure *f)
{
	cJSON *out = cJSON_CreateObject(), *list;

	json_set_str(out, "unit", k == FIGURE_LOST ? "count" : "ms");
	json_set_i64(out, "n", (int64_t)f->median.n);
	json_set_i64(out, "censored", (int64_t)f->median.censored);
	set(out, "median", k, f->median.value);
	json_set_bool(out, "median_at_least", f->median.at_least);
	set(out, "lo", k, f->median.lo);
	set(out, "hi", k, f->median.hi);
	json_set_bool(out, "interval", f->median.lo >= 0);
	list = cJSON_AddArrayToObject(out, "values");
	for (size_t i = 0; i < f->n; i++) {
		cJSON *v = cJSON_CreateObject();

		json_set_i64(v, "repetition", f->of[i]);
		set(v, "lo", k, f->v[i].lo);
		set(v, "hi", k, f->v[i].hi);
		json_set_bool(v, "censored", isinf(f->v[i].hi) != 0);
		json_push(list, v);
	}
	return out;
}

static cJSON *fault(const struct repeated_fault *f)
{
	cJSON *out = cJSON_CreateObject();

	json_set_str(out, "id", f->first->rec->id);
	json_set_str(out, "fault", f->first->rec->name);
	json_set_str(out, "how", f->first->rec->how);
	json_set_str(out, "role", f->first->rec->role);
	for (int k = 0; k < FIGURES; k++)
		json_set(out, figure_key((enum figure_kind)k),
			 figure((enum figure_kind)k, &f->figures[k]));
	return out;
}

cJSON *repeats_json(const struct run_report *run)
{
	cJSON *out = cJSON_CreateArray();
	struct arena a = {0};
	struct repeats all;

	repeats_make(&a, run, &all);
	for (size_t i = 0; all.any && i < all.n; i++) {
		const struct repeated *r = &all.v[i];
		cJSON *o = cJSON_CreateObject(), *list;

		json_set_str(o, "name", r->name);
		json_set_i64(o, "begun", (int64_t)r->n);
		json_set_i64(o, "counted", (int64_t)r->counted);
		json_set_str(o, "left_out", r->left_out);
		list = cJSON_AddArrayToObject(o, "faults");
		for (size_t j = 0; j < r->nfaults; j++)
			json_push(list, fault(&r->faults[j]));
		json_push(out, o);
	}
	arena_free(&a);
	return out;
}
