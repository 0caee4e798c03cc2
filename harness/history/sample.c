#include "history/sample.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"

static const char *const role_names[] = {"unknown", "primary", "replica"};

const char *role_name(enum role r)
{
	return (size_t)r < ARRAY_LEN(role_names) ? role_names[r] : role_names[0];
}

enum role role_from_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
		if (!strcmp(role_names[i], name))
			return (enum role)i;
	}
	return ROLE_UNKNOWN;
}

/* What is unknown is left out; times are rounded to microseconds. */
static void set_known(cJSON *o, const char *key, int64_t value)
{
	if (value >= 0)
		json_set_i64(o, key, value);
}

static void set_ms(cJSON *o, const char *key, int64_t ns)
{
	if (ns >= 0)
		json_set_num(o, key, (double)((ns + 500) / 1000) / 1000);
}

cJSON *sample_to_json(const struct sample *s)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "m", s->member);
	json_set_bool(o, "ok", s->ok);
	if (s->closed)
		json_set_bool(o, "closed", true);
	json_set_str(o, "role", role_name(s->role));
	json_set_bool(o, "writable", s->writable);
	if (s->shard)
		json_set_i64(o, "shard", s->shard);
	set_known(o, "tl", s->timeline);
	set_known(o, "pos", s->position);
	set_known(o, "lag_bytes", s->lag_bytes);
	set_known(o, "lag_tx", s->lag_tx);
	set_ms(o, "lag_ms", s->lag_ns);
	set_ms(o, "took_ms", s->took_ns);
	if (s->error[0])
		json_set_str(o, "err", s->error);
	if (s->extra)
		json_set(o, "x", cJSON_Duplicate(s->extra, 1));
	return o;
}

static int64_t ns_of(const cJSON *o, const char *key, int64_t dflt)
{
	double ms = json_num(o, key, -1);

	return ms < 0 ? dflt : json_whole(ms * 1e6 + 0.5);
}

void sample_from_json(const cJSON *o, struct sample *s)
{
	memset(s, 0, sizeof(*s));
	mem_copy_str(s->member, sizeof(s->member), json_str(o, "m", ""));
	s->t_ns = json_i64(o, "t", 0);
	s->te_ns = json_i64(o, "te", 0);
	s->took_ns = ns_of(o, "took_ms", 0);
	s->ok = json_bool(o, "ok", false);
	s->closed = json_bool(o, "closed", false);
	s->beside = event_is(o, "witness");
	s->role = role_from_name(json_str(o, "role", ""));
	s->writable = json_bool(o, "writable", false);
	s->shard = (uint32_t)json_i64(o, "shard", 0);
	s->timeline = json_i64(o, "tl", -1);
	s->position = json_i64(o, "pos", -1);
	s->lag_bytes = json_i64(o, "lag_bytes", -1);
	s->lag_tx = json_i64(o, "lag_tx", -1);
	s->lag_ns = ns_of(o, "lag_ms", -1);
	mem_copy_str(s->error, sizeof(s->error), json_str(o, "err", ""));
	/* Borrowed, and never changed through this pointer. */
	s->extra = (cJSON *)(uintptr_t)json_get(o, "x");
}

bool sample_leads(const struct sample *s)
{
	return s->ok && s->writable && s->role == ROLE_PRIMARY;
}

int64_t sample_lag(const struct sample *s)
{
	return s->lag_bytes >= 0 ? s->lag_bytes : s->lag_tx;
}

int64_t sample_asked(const struct sample *s)
{
	return s->t_ns - s->took_ns;
}

bool shards_rival(uint32_t a, uint32_t b)
{
	return !a || !b || a == b;
}
