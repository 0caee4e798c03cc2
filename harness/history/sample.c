#include "history/sample.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"

enum { SHARD_BITS = 64 };

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

static void set_shards(cJSON *o, uint64_t shards)
{
	cJSON *list;

	if (shard_only(shards)) {
		json_set_i64(o, "shard", shard_only(shards));
	} else if (shards) {
		list = cJSON_CreateArray();
		for (uint32_t n = 1; n <= SHARD_BITS; n++)
			if (shards & shard_bit(n))
				json_push(list, cJSON_CreateNumber(n));
		json_set(o, "shards", list);
	}
}

static uint64_t shards_of(const cJSON *o)
{
	uint64_t shards = shard_bit((uint32_t)json_i64(o, "shard", 0));
	const cJSON *n;

	cJSON_ArrayForEach(n, json_get(o, "shards"))
		shards |= n->valuedouble >= 1 ? shard_bit((uint32_t)json_whole(n->valuedouble)) : 0;
	return shards;
}

void sample_forget(struct sample *s)
{
	s->ok = s->writable = false;
	s->role = ROLE_UNKNOWN;
	s->timeline = s->position = s->lag_bytes = s->lag_ns = s->lag_tx = -1;
	s->extra = NULL;
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
	set_shards(o, s->shards);
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
	s->writable_untold = !json_get(o, "writable");
	s->shards = shards_of(o);
	s->timeline = json_i64(o, "tl", -1);
	s->position = json_i64(o, "pos", -1);
	s->lag_bytes = json_i64(o, "lag_bytes", -1);
	s->lag_tx = json_i64(o, "lag_tx", -1);
	s->lag_ns = ns_of(o, "lag_ms", -1);
	mem_copy_str(s->error, sizeof(s->error), json_str(o, "err", ""));
	/* Borrowed, and never changed through this pointer. */
	s->extra = (cJSON *)(uintptr_t)json_get(o, "x");
}

static const char *run_id(const struct sample *s)
{
	return json_str(s->extra, "run_id", "");
}

bool sample_started_anew(const struct sample *earlier, const struct sample *later)
{
	int64_t a = json_i64(earlier->extra, "started_ms", -1), b = json_i64(later->extra, "started_ms", -1);

	return (*run_id(earlier) && *run_id(later) && strcmp(run_id(earlier), run_id(later))) ||
	       (a >= 0 && b >= 0 && a != b);
}

bool sample_tells_process(const struct sample *s)
{
	return json_get(s->extra, "run_id") || json_get(s->extra, "started_ms");
}

int64_t sample_evicted(const struct sample *s)
{
	return json_i64(s->extra, "evicted_keys", -1);
}

bool sample_leads(const struct sample *s)
{
	return s->ok && s->writable && s->role == ROLE_PRIMARY && !s->outvoted;
}

bool sample_tells(const struct sample *s)
{
	if (!s->ok || s->role == ROLE_REPLICA)
		return s->ok || s->closed;
	return !s->writable_untold && (s->role == ROLE_PRIMARY || !s->writable);
}

int64_t sample_lag(const struct sample *s)
{
	return s->lag_bytes >= 0 ? s->lag_bytes : s->lag_tx;
}

bool sample_uncompared(const struct sample *s)
{
	return s->ok && json_get(s->extra, "source_err");
}

int64_t sample_asked(const struct sample *s)
{
	return s->t_ns - s->took_ns;
}

uint64_t shard_bit(uint32_t shard)
{
	return shard ? UINT64_C(1) << (shard < SHARD_BITS ? shard - 1 : SHARD_BITS - 1) : 0;
}

uint32_t shard_only(uint64_t shards)
{
	uint32_t n = 1;

	if (!shards || shards & (shards - 1))
		return 0;
	while (!(shards & shard_bit(n)))
		n++;
	return n;
}

bool shards_rival(uint64_t a, uint64_t b)
{
	return !a || !b || a & b;
}
