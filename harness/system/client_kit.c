#include "system/client_kit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

#define RESERVE_MAX_NS (25 * NS_PER_MS)

void call_make(const struct client_ops *sys, struct client *c, struct op *op, struct op_room *room,
	       int64_t deadline_ns)
{
	int64_t reserve = deadline_ns / 40;

	op->t_invoke = clock_mono_ns();
	op->outcome = OP_FAIL;
	op->sent = false;
	op->find_ns = op->dns_ns = op->connect_ns = 0;
	op_room_begin(op, room);
	if (call_reads(op))
		op->value = OP_NO_VALUE;
	op->partition = OP_BIT(op->f) & OP_MESSAGES ? op->key : OP_NO_VALUE;
	op->offset = op->tag = OP_NO_VALUE;
	op->redelivered = false;
	op->acked = OP_ACK_NONE;
	sys->invoke(c, op,
		    op->t_invoke + deadline_ns -
			    (reserve < RESERVE_MAX_NS ? reserve : RESERVE_MAX_NS));
	op->t_return = clock_mono_ns();
}

bool call_may_send(struct op *op, int64_t until_ns)
{
	if (clock_mono_ns() < until_ns)
		return true;
	mem_copy_str(op->room->error, sizeof(op->room->error), "timeout: connecting took all the time");
	return false;
}

bool call_reads(const struct op *op)
{
	return !(OP_BIT(op->f) & OP_WRITES);
}

void call_mismatch(struct op *op, const char *fmt, ...)
{
	static const char class[] = "mismatch: ";
	va_list ap;

	op->outcome = OP_FAIL;
	mem_copy_str(op->room->error, sizeof(op->room->error), class);
	va_start(ap, fmt);
	vsnprintf(op->room->error + sizeof(class) - 1, sizeof(op->room->error) - sizeof(class) + 1,
		  fmt, ap);
	va_end(ap);
}

char *payload_make(uint32_t seed, size_t bytes)
{
	struct rng rng = {seed};
	char *text = mem_alloc(bytes + 1);

	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)('!' + rng_below(&rng, 94));
	return text;
}

void final_read_begin(struct final_read *out, int keys)
{
	memset(out, 0, sizeof(*out));
	out->nregisters = (size_t)keys;
	out->registers = mem_alloc(((size_t)keys + 1) * sizeof(*out->registers));
	for (int i = 0; i < keys; i++)
		out->registers[i] = OP_NO_VALUE;
}

void final_read_value(struct final_read *out, int64_t value)
{
	*VEC_PUSH(out->values, out->n, out->alloc) = value;
}

void final_read_register(struct final_read *out, int64_t key, int64_t value)
{
	if (key >= 0 && (size_t)key < out->nregisters)
		out->registers[key] = value;
}

void final_read_answered(struct final_read *out, const struct access *acc, const char *address,
			 const char *host, enum role role, uint32_t shard)
{
	struct final_answer *a = VEC_PUSH(out->answers, out->nanswers, out->answers_alloc);

	*a = (struct final_answer){.role = role, .shard = shard};
	mem_copy_str(a->address, sizeof(a->address), address);
	for (size_t i = 0; host && i < acc->n; i++)
		if (!strcmp(acc->members[i].host, host) || !strcmp(acc->members[i].name, host))
			mem_copy_str(a->member, sizeof(a->member), acc->members[i].name);
}

void sample_begin(struct sample *s, const struct member *m)
{
	memset(s, 0, sizeof(*s));
	mem_copy_str(s->member, sizeof(s->member), m->name);
	sample_forget(s);
}

bool error_is_refusal(const char *error)
{
	return strstr(error, strerror(ECONNREFUSED)) != NULL;
}

static const char *on_or_off(const char *value)
{
	static const char *const on[] = {"on", "yes", "true"};

	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		if (!strcmp(value, on[i]))
			return "on";
	return "off";
}

void setting_add(cJSON *out, const char *name, const char *value, const char *unit,
		 const char *source)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "name", name);
	json_set_str(o, "value", strcmp(unit, "bool") ? value : on_or_off(value));
	json_set_str(o, "unit", unit);
	json_set_str(o, "source", source);
	json_push(out, o);
}
