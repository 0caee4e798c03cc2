#include "load/present.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define AGAIN_NS (200 * NS_PER_MS)

int present_read(const struct client_ops *sys, const struct access *acc, int keys,
		 int64_t timeout_ns, struct final_read *out, struct err *e)
{
	int64_t from_ns = clock_mono_ns(), end_ns = from_ns + timeout_ns;

	memset(out, 0, sizeof(*out));
	for (int tries = 1;; tries++) {
		int64_t now_ns = clock_mono_ns(), limit_ns = timeout_ns / 10;

		if (limit_ns < now_ns - from_ns)
			limit_ns = now_ns - from_ns;
		if (limit_ns > end_ns - now_ns)
			limit_ns = end_ns - now_ns;
		if (!sys->final_read(acc, keys, out, limit_ns, e))
			return tries;
		final_read_free(out);
		if (clock_mono_ns() + AGAIN_NS >= end_ns)
			return -1;
		clock_sleep_until(clock_mono_ns() + AGAIN_NS);
	}
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void push_pair(cJSON *array, int64_t a, int64_t b)
{
	cJSON *pair = cJSON_CreateArray();

	json_push(pair, cJSON_CreateNumber((double)a));
	json_push(pair, cJSON_CreateNumber((double)b));
	json_push(array, pair);
}

/* Runs of messages that follow one another: in a log by their offsets, in a
 * queue by their place. */
static cJSON *messages_json(const struct final_read *f)
{
	cJSON *runs = cJSON_CreateArray(), *run, *values = NULL;
	const struct final_message *was = NULL;

	for (size_t i = 0; i < f->nmessages; i++) {
		const struct final_message *m = &f->messages[i];
		bool log = m->offset != OP_NO_VALUE;

		if (!was || m->partition != was->partition || m->redelivered != was->redelivered ||
		    m->offset != (log ? was->offset + 1 : OP_NO_VALUE)) {
			run = cJSON_CreateObject();
			json_set_i64(run, "part", m->partition);
			if (log)
				json_set_i64(run, "off", m->offset);
			if (m->redelivered)
				json_set_bool(run, "redel", true);
			values = cJSON_AddArrayToObject(run, "val");
			json_push(runs, run);
		}
		json_push(values, cJSON_CreateNumber((double)m->value));
		was = m;
	}
	return runs;
}

static cJSON *answers_json(const struct final_read *f)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < f->nanswers; i++) {
		const struct final_answer *a = &f->answers[i];
		cJSON *o = cJSON_CreateObject();

		json_set_str(o, "addr", a->address);
		if (a->member[0])
			json_set_str(o, "member", a->member);
		json_set_str(o, "role", role_name(a->role));
		if (a->shard)
			json_set_i64(o, "shard", a->shard);
		json_push(list, o);
	}
	return list;
}

cJSON *present_json(struct final_read *f)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *present = cJSON_AddArrayToObject(o, "present");
	cJSON *duplicates = cJSON_AddArrayToObject(o, "duplicates");
	cJSON *registers = cJSON_AddObjectToObject(o, "registers");
	size_t i = 0, same;
	char key[24];

	if (f->n)
		qsort(f->values, f->n, sizeof(*f->values), by_value);
	while (i < f->n) {
		int64_t lo = f->values[i], hi = lo;

		for (; i < f->n && f->values[i] <= hi + 1; i += same) {
			hi = f->values[i];
			for (same = 1; i + same < f->n && f->values[i + same] == hi; same++)
				;
			if (same > 1)
				push_pair(duplicates, hi, (int64_t)same);
		}
		push_pair(present, lo, hi);
	}
	for (i = 0; i < f->nregisters; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		json_set(registers, key, f->registers[i] == OP_NO_VALUE ? cJSON_CreateNull() :
			 cJSON_CreateNumber((double)f->registers[i]));
	}
	if (f->drained)
		json_set(o, "messages", messages_json(f));
	if (f->nanswers)
		json_set(o, "by", answers_json(f));
	return o;
}
