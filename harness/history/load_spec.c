#include "history/load_spec.h"

#include <limits.h>

#include "base/clock.h"
#include "base/json.h"

#define RATE_MOST 1e9 /* whatever could be meant */

const struct load_spec load_spec_defaults = {
	.rate = 200, .clients = 64, .deadline_ns = NS_PER_S, .keys = 8,
	.mix = {[OP_INSERT] = 70, [OP_READ] = 15, [OP_CAS] = 15},
};

uint32_t load_spec_ops(const struct load_spec *l)
{
	uint32_t set = 0;

	for (int f = 0; f < OP_KINDS; f++)
		set |= l->mix[f] ? OP_BIT(f) : 0;
	return set;
}

cJSON *load_spec_to_json(const struct load_spec *l)
{
	cJSON *o = cJSON_CreateObject(), *mix;

	json_set_num(o, "rate", l->rate);
	json_set_i64(o, "clients", l->clients);
	json_set_i64(o, "deadline_ns", l->deadline_ns);
	json_set_i64(o, "payload_bytes", l->payload_bytes);
	json_set_i64(o, "keys", l->keys);
	mix = cJSON_AddObjectToObject(o, "mix");
	/* The first four are always there. */
	for (int f = 0; f < OP_KINDS; f++)
		if (l->mix[f] || f <= OP_CAS)
			json_set_i64(mix, op_f_name((enum op_f)f), l->mix[f]);
	if (l->minority)
		json_set_i64(o, "minority", l->minority);
	return o;
}

static int int_from_json(const cJSON *o, const char *key, int max, int *out, struct err *e)
{
	int64_t v = json_i64(o, key, *out);

	if (v < 0 || v > max)
		return err_set(e, ERR_INPUT, "load.%s must be 0 to %d", key, max);
	*out = (int)v;
	return 0;
}

int load_spec_from_json(const cJSON *o, struct load_spec *l, struct err *e)
{
	const cJSON *mix = json_get(o, "mix");

	*l = load_spec_defaults;
	l->rate = json_num(o, "rate", l->rate);
	l->clients = (int)json_i64(o, "clients", l->clients);
	l->deadline_ns = json_i64(o, "deadline_ns", l->deadline_ns);
	l->minority = (int)json_i64(o, "minority", l->minority);
	for (int f = 0; mix && f < OP_KINDS; f++)
		l->mix[f] = (int)json_i64(mix, op_f_name((enum op_f)f), 0);
	return int_from_json(o, "payload_bytes", LOAD_PAYLOAD_MAX, &l->payload_bytes, e) ||
	       int_from_json(o, "keys", LOAD_KEYS_MAX, &l->keys, e) ? -1 : 0;
}

static int told_int(const cJSON *o, const char *key)
{
	int64_t v = json_i64(o, key, 0);

	return v < 0 || v > INT_MAX ? 0 : (int)v;
}

void load_spec_told(const cJSON *o, struct load_spec *l)
{
	const cJSON *mix = json_get(o, "mix");

	*l = (struct load_spec){.rate = json_num(o, "rate", 0), .clients = told_int(o, "clients"),
				.deadline_ns = json_i64(o, "deadline_ns", 0), .keys = told_int(o, "keys"),
				.payload_bytes = told_int(o, "payload_bytes"),
				.minority = told_int(o, "minority")};
	if (!(l->rate > 0 && l->rate < RATE_MOST))
		l->rate = 0;
	if (l->deadline_ns < 0)
		l->deadline_ns = 0;
	for (int f = 0; f < OP_KINDS; f++)
		l->mix[f] = told_int(mix, op_f_name((enum op_f)f));
}
