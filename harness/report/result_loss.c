#include <math.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/result.h"
#include "report/text.h"

/* What was lost, and what two primaries at once rest on. */

enum { LOST_LISTED_MAX = 50 };

static void set_count(cJSON *o, const char *key, int64_t n, bool known)
{
	if (!known || n < 0)
		json_set(o, key, cJSON_CreateNull());
	else
		json_set_i64(o, key, n);
}

/* In ms with three decimals; negative: null. */
static void set_ms(cJSON *o, const char *key, int64_t ns)
{
	if (ns < 0)
		json_set(o, key, cJSON_CreateNull());
	else
		json_set_num(o, key, round((double)ns / 1e3) / 1e3);
}

static void set_text(cJSON *o, const char *key, const char *s)
{
	struct arena a = {0};

	json_set_str(o, key, text_clean(&a, s));
	arena_free(&a);
}

cJSON *result_loss(const struct loss *l)
{
	cJSON *out = cJSON_CreateObject(), *list;

	json_set_bool(out, "known", l->known);
	set_text(out, "why_unknown", l->why_unknown);
	set_count(out, "acked", l->acked, l->known || l->acked > 0);
	set_count(out, "lost", l->lost, l->known);
	set_count(out, "lost_at_most", l->lost + l->maybe_lost, l->known);
	set_count(out, "lost_inserts", l->lost_inserts, l->known);
	set_count(out, "lost_messages", l->lost_messages, l->known);
	set_count(out, "lost_register_writes", l->lost_register_writes, l->known);
	set_count(out, "untold", l->untold, l->known);
	set_count(out, "truncated", l->truncated, l->known);
	set_count(out, "came_back", l->back, l->known);
	set_count(out, "came_back_after_reset", l->back_reset, l->known);
	set_count(out, "phantom", l->phantom, l->known);
	set_count(out, "duplicate", l->duplicate, l->known && !l->once_untold);
	set_count(out, "unknown", l->unknown, l->known || l->unknown > 0);
	set_count(out, "unknown_present", l->unknown_present, l->known);
	set_ms(out, "span_ms", l->known ? l->span_ns : -1);
	set_count(out, "bytes", l->bytes, l->known);
	set_count(out, "evicted", l->evicted, l->known);
	set_count(out, "evictions", l->evictions, l->known);
	list = cJSON_AddObjectToObject(out, "by_cause");
	set_count(list, "not_replicated", l->by_cause[LOSS_NOT_REPLICATED], l->known);
	set_count(list, "minority_side", l->by_cause[LOSS_MINORITY], l->known);
	set_count(list, "lost_on_restart", l->by_cause[LOSS_RESTART], l->known);
	set_count(list, "unknown", l->by_cause[LOSS_UNKNOWN], l->known);
	list = cJSON_AddArrayToObject(out, "first_lost");
	for (size_t i = 0; l->known && i < l->n && i < LOST_LISTED_MAX; i++) {
		cJSON *w = cJSON_CreateObject();

		json_set_str(w, "f", op_f_name(l->writes[i].f));
		if (l->writes[i].key == OP_NO_VALUE)
			json_set(w, "key", cJSON_CreateNull());
		else
			json_set_i64(w, "key", l->writes[i].key);
		json_set_i64(w, "value", l->writes[i].value);
		json_set_i64(w, "process", l->writes[i].process);
		set_text(w, "fault", l->writes[i].fault);
		set_text(w, "cause", loss_cause_name(l->writes[i].cause));
		set_text(w, "via", l->writes[i].via);
		if (l->writes[i].tx[0])
			set_text(w, "tx", l->writes[i].tx);
		set_text(w, "why", l->writes[i].how);
		json_set_i64(w, "group", l->writes[i].group);
		json_set_i64(w, "shard", l->writes[i].shard);
		json_push(list, w);
	}
	return out;
}

cJSON *result_point(const struct measured *m, const struct fault_seen *f)
{
	const struct recovery_point *p = &f->point;
	bool known = m->loss.known && f->rec->injected_ns;
	cJSON *out = cJSON_CreateObject();

	set_ms(out, "lo_ms", known ? p->lo_ns : -1);
	set_ms(out, "hi_ms", known && !m->loss.maybe_lost && !m->loss.more_missing && !p->after ? p->hi_ns : -1);
	set_count(out, "lost", p->lost, known);
	set_count(out, "beyond", p->beyond, known);
	return out;
}

cJSON *result_dual(const struct measured *m)
{
	const struct dual_history *d = &m->dual_history;
	cJSON *out = cJSON_CreateObject(), *list;

	json_set_i64(out, "answers", m->dual_primary_samples);
	json_set_i64(out, "acknowledged_writes", m->dual_primary_acks);
	set_ms(out, "history_ms", d->ns);
	json_set_i64(out, "turns", d->turns);
	set_ms(out, "turns_within_ms", d->within_ns);
	list = cJSON_AddArrayToObject(out, "members");
	if (d->ns > 0) {
		json_push(list, cJSON_CreateString(d->a));
		json_push(list, cJSON_CreateString(d->b));
	}
	return out;
}
