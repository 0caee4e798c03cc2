#include "test/lib/synth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

void synth_defaults(struct synth *s, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->rate = 200;
	s->clients = 64;
	s->deadline_ns = NS_PER_S;
	s->start_ns = 1000 * NS_PER_S;
	s->length_ns = 40 * NS_PER_S;
	s->latency_ns = 2 * NS_PER_MS;
	s->spread_ns = 4 * NS_PER_MS;
	s->connect_ns = 8 * NS_PER_MS;
	s->read_pct = 15;
	s->cas_pct = 15;
}

struct sclient {
	int64_t busy_since, free_at;
	bool connected;
};

static const struct synth_down *down_at(const struct synth *s, int64_t t)
{
	int i;

	for (i = 0; i < s->ndown; i++)
		if (t >= s->down[i].from && t < s->down[i].to)
			return &s->down[i];
	return NULL;
}

static const struct synth_down *down_between(const struct synth *s, int64_t from, int64_t to)
{
	int i;

	for (i = 0; i < s->ndown; i++)
		if (s->down[i].from >= from && s->down[i].from < to)
			return &s->down[i];
	return NULL;
}

static void fails(struct op *op, enum op_outcome o, int64_t t, const char *why)
{
	op->outcome = o;
	op->t_return = t;
	op->error = why;
}

/* What becomes of a call that begins at op->t_invoke and would take
 * `connect` and `work`; it takes effect in the middle of its work. */
static void serve(struct synth *s, struct op *op, int64_t connect, int64_t work)
{
	int64_t effect = op->t_invoke + connect + work / 2, due = op->t_invoke + s->deadline_ns;
	const struct synth_down *d = down_at(s, op->t_invoke);
	bool open = !d;

	op->sent = true;
	if (!d)
		d = down_between(s, op->t_invoke, effect);
	op->t_return = op->t_invoke + connect + work;
	op->connect_ns = connect;
	op->outcome = OP_OK;
	s->effect[op->value] = effect;
	if (!d) {
		d = down_between(s, effect, op->t_return);
		if (d && d->mode == SYNTH_FREEZE)
			op->t_return += d->to - d->from;
		if (op->t_return > due)
			fails(op, OP_INFO, due, "timeout: deadline");
		return;
	}
	switch (d->mode) {
	case SYNTH_REFUSE:
		if (open)
			fails(op, OP_INFO, d->from + 200000, "server: connection lost");
		else
			fails(op, OP_FAIL, op->t_invoke + 500000, "connect: refused");
		break;
	case SYNTH_VANISH:
		if (!open) {
			fails(op, OP_FAIL, op->t_invoke + 500000, "connect: refused");
			break;
		}
		/* fall through */
	case SYNTH_HANG:
		fails(op, OP_INFO, due, "timeout: deadline");
		if (connect)
			op->connect_ns = s->deadline_ns;
		break;
	case SYNTH_FREEZE:
		s->effect[op->value] = d->to + connect + work / 2;
		if (d->to + connect + work < due)
			op->t_return = d->to + connect + work;
		else
			fails(op, OP_INFO, due, "timeout: deadline");
		break;
	}
}

/* The client that is free at t, or will be first; round robin. */
static struct sclient *next_client(struct sclient *c, int n, int turn, int64_t t)
{
	struct sclient *best = NULL;
	int i;

	for (i = 0; i < n; i++) {
		struct sclient *x = &c[(turn + i) % n];

		if (x->free_at <= t)
			return x;
		if (!best || x->free_at < best->free_at)
			best = x;
	}
	return best;
}

/* As load/load.h has it: when more than half hang, the free ones are held
 * back so that they last until the next must come back. */
static int64_t paced(const struct synth *s, const struct sclient *c, int64_t last, int64_t t)
{
	int64_t oldest = INT64_MAX, left;
	int i, nfree = 0;

	for (i = 0; i < s->clients; i++) {
		if (c[i].free_at <= t)
			nfree++;
		else if (c[i].busy_since < oldest)
			oldest = c[i].busy_since;
	}
	if (2 * nfree >= s->clients || oldest == INT64_MAX)
		return t;
	left = oldest + s->deadline_ns - t;
	return left > 0 ? last + left / (nfree ? nfree : 1) : t;
}

static void choose(const struct synth *s, struct rng *r, struct op *op, int64_t i)
{
	int die = (int)rng_below(r, 100);

	op->f = die < s->read_pct ? OP_READ : die < s->read_pct + s->cas_pct ? OP_CAS : OP_INSERT;
	op->key = op->f == OP_INSERT ? OP_NO_VALUE : (int64_t)rng_below(r, 8);
	op->value = i;
	op->expect = OP_NO_VALUE;
}

static void invoke(struct synth *s, struct rng *r, struct sclient *k, struct op *op)
{
	int64_t work = s->latency_ns + (int64_t)rng_below(r, (uint64_t)s->spread_ns);

	if (!rng_below(r, 50))
		work *= 3;
	serve(s, op, k->connected ? 0 : s->connect_ns + (int64_t)rng_below(r, 2000000), work);
	k->connected = op->outcome == OP_OK;
	k->busy_since = op->t_invoke;
	k->free_at = op->t_return;
}

static void give_up(struct op *op, int64_t t)
{
	op->t_invoke = t;
	fails(op, OP_FAIL, t, "client: not sent");
}

void synth_history(struct synth *s, struct history *h)
{
	struct sclient *c = mem_alloc((size_t)s->clients * sizeof(*c));
	int64_t n = (int64_t)(s->rate * (double)s->length_ns / 1e9), i, now = 0, last = 0, hold;
	struct rng r = { s->seed };
	int turn = 0;

	for (i = 0; i < n && i < SYNTH_MOST; i++) {
		struct op op = { 0 };
		struct sclient *k;

		choose(s, &r, &op, i);
		op.t_intended = s->start_ns + (int64_t)((double)i * 1e9 / s->rate);
		if (now < op.t_intended)
			now = op.t_intended;
		k = next_client(c, s->clients, turn, now);
		if (now < k->free_at)
			now = k->free_at;
		while (s->paced && now - op.t_intended <= s->deadline_ns &&
		       (hold = paced(s, c, last, now)) > now)
			now = hold < op.t_intended + s->deadline_ns ?
				      hold :
				      op.t_intended + s->deadline_ns + 1;
		if (now - op.t_intended > s->deadline_ns) {
			give_up(&op, now);
		} else {
			turn = (int)(k - c) + 1;
			last = now;
			op.process = (uint32_t)(k - c);
			op.t_invoke = now + (int64_t)rng_below(&r, 300000);
			invoke(s, &r, k, &op);
		}
		history_add(h, &op);
	}
	history_sort(h);
	free(c);
}

cJSON *synth_fault(const char *id, const char *fault, const char *state, int64_t t)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", t);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "fault");
	json_set_str(e, "id", id);
	json_set_str(e, "fault", fault);
	json_set_str(e, "state", state);
	if (!strcmp(state, "effective"))
		json_pushf(cJSON_AddArrayToObject(e, "evidence"), "%s was seen", fault);
	return e;
}

void synth_add_fault(cJSON *events, const char *id, const char *fault, int64_t t)
{
	json_push(events, synth_fault(id, fault, "injecting", t));
	json_push(events, synth_fault(id, fault, "effective", t));
}

cJSON *synth_sample(const char *member, int64_t t, bool ok, const char *role, bool writable,
		    int timeline)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", t);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "sample");
	json_set_str(e, "m", member);
	json_set_bool(e, "ok", ok);
	json_set_str(e, "role", role);
	json_set_bool(e, "writable", writable);
	json_set_i64(e, "tl", timeline);
	json_set_i64(e, "took_ms", 2);
	return e;
}

void synth_samples(const struct synth *s, cJSON *events)
{
	const int64_t took = 2 * NS_PER_MS;
	int64_t t;

	/* Each answer tells how it was half way between question and answer. */
	for (t = s->start_ns; t < s->start_ns + s->length_ns; t += 100 * NS_PER_MS) {
		bool before = !s->ndown || t - took / 2 < s->down[0].from;
		bool after = s->ndown && t + took / 2 >= s->down[0].to;

		json_push(events, synth_sample("m0", t, before, before ? "primary" : "unknown", before, 1));
		json_push(events, synth_sample("m1", t + took, true, after ? "primary" : "replica", after,
					       after ? 2 : 1));
		json_push(events, synth_sample("m2", t + 2 * took, true, "replica", false, 1));
	}
}

static cJSON *object(cJSON *events, const char *type, const char *name, int64_t t)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", t);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "object");
	json_set_str(e, "type", type);
	json_set_str(e, "name", name);
	json_push(events, e);
	return e;
}

void synth_service(cJSON *events, const char *service, int64_t t, const char *pod)
{
	json_set_str(object(events, "pod", pod, t), "ip", "10.0.0.1");
	json_push(cJSON_AddArrayToObject(object(events, "endpoints", service, t), "addrs"),
		  cJSON_CreateString("10.0.0.1"));
}
