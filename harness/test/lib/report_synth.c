#include "test/lib/report_synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/op.h"

enum { RATE = 200, CLIENTS = 64, KEYS = 8, MEMBERS = 3 };

static double uniform(struct pretend *s)
{
	return (double)(rng_next(&s->rng) >> 11) / 9007199254740992.0;
}

int64_t pretend_sec(double v)
{
	return (int64_t)llround(v * 1e9);
}

cJSON *pretend_event(const struct pretend *s, int64_t t_ns, const char *kind)
{
	cJSON *o = cJSON_CreateObject();

	json_set_i64(o, "t", t_ns);
	if (s->scenario >= 0)
		json_set_i64(o, "s", s->scenario);
	json_set_str(o, "k", kind);
	return o;
}

void pretend_emit(struct pretend *s, cJSON *event)
{
	char *text = json_text(event);

	fprintf(s->events, "%s\n", text);
	free(text);
	cJSON_Delete(event);
}

cJSON *pretend_json(const char *text)
{
	struct err e = {0};
	cJSON *o = json_parse(text, "report_synth.c", &e);

	if (!o) {
		fprintf(stderr, "%s: %s\n", e.msg, text);
		abort();
	}
	return o;
}

void pretend_emit_text(struct pretend *s, int64_t t_ns, const char *kind, const char *fields)
{
	cJSON *o = pretend_event(s, t_ns, kind), *f = pretend_json(fields);

	while (f->child) {
		cJSON *item = cJSON_DetachItemViaPointer(f, f->child);
		char *key = mem_strdup(item->string);

		json_set(o, key, item);
		free(key);
	}
	cJSON_Delete(f);
	pretend_emit(s, o);
}

static void phase(struct pretend *s, const char *name)
{
	cJSON *o = pretend_event(s, s->now_ns, "phase");

	json_set_str(o, "phase", name);
	pretend_emit(s, o);
}

/* ---- objects of the cluster ---- */

static void pod(struct pretend *s, int64_t t_ns, int m, int life, bool gone)
{
	char text[400];

	if (gone)
		snprintf(text, sizeof(text), "{\"type\":\"pod\",\"name\":\"postgres-%d\",\"gone\":true}",
			 m);
	else
		snprintf(text, sizeof(text), "{\"type\":\"pod\",\"name\":\"postgres-%d\",\"uid\":"
			 "\"uid-%d-%d\",\"node\":\"ordeal-worker%d\",\"ip\":\"10.244.%d.7\",\"phase\":"
			 "\"Running\",\"ready\":true,\"restarts\":0}", m, m, life, m + 1, m + 1);
	pretend_emit_text(s, t_ns, "object", text);
}

/* Patroni's lease, which is the Service of the primary as well. */
static void lease(struct pretend *s, int64_t t_ns, int leader)
{
	char text[400];

	snprintf(text, sizeof(text), "{\"type\":\"endpoints\",\"name\":\"postgres-master\",\"addrs\":["
		 "\"10.244.%d.7\"],\"not_ready\":[],\"annotations\":{\"leader\":\"postgres-%d\","
		 "\"renewTime\":\"%lld\",\"ttl\":\"30\",\"transitions\":\"4\"}}", leader + 1, leader,
		 (long long)(t_ns / NS_PER_S));
	pretend_emit_text(s, t_ns, "object", text);
}

void pretend_come_up(struct pretend *s)
{
	static const char *const adapted[] = {
		"\"line\":31,\"path\":\"spec.template.spec.containers[0].image\",\"from\":"
		"\"patroni:3.0.2\",\"to\":\"ordeal/postgres-patroni:15\",\"why\":\"the image is built "
		"here\"",
		"\"line\":88,\"path\":\"spec.volumeClaimTemplates[0].spec.resources.requests.storage\","
		"\"from\":\"100Gi\",\"to\":\"512Mi\",\"why\":\"claims are bounded on this engine\"",
		"\"line\":64,\"path\":\"spec.template.spec.containers[0].resources.requests.memory\","
		"\"from\":\"4Gi\",\"to\":\"256Mi\",\"why\":\"requests add up to more than this machine "
		"has\"",
	};
	char text[600];

	for (size_t i = 0; i < ARRAY_LEN(adapted); i++) {
		snprintf(text, sizeof(text), "{\"file\":\"fixtures/postgres/corrected/statefulset.yaml"
			 "\",\"object\":\"StatefulSet/postgres\",%s}", adapted[i]);
		pretend_emit_text(s, s->now_ns, "adapt", text);
	}
	phase(s, "apply");
	for (int m = 0; m < MEMBERS; m++)
		pod(s, s->now_ns += pretend_sec(2.1), m, 0, false);
	pretend_emit_text(s, s->now_ns, "stands", "{\"ok\":true,\"point\":\"\",\"reason\":\"\"}");
	pretend_emit_text(s, s->now_ns, "inforce",
		"{\"settings\":[{\"name\":\"ttl\",\"value\":\"30\",\"unit\":\"s\"},"
		"{\"name\":\"loop_wait\",\"value\":\"10\",\"unit\":\"s\"},"
		"{\"name\":\"retry_timeout\",\"value\":\"10\",\"unit\":\"s\"},"
		"{\"name\":\"synchronous_mode\",\"value\":\"off\",\"unit\":\"word\"},"
		"{\"name\":\"primary_start_timeout\",\"value\":\"300\",\"unit\":\"s\"},"
		"{\"name\":\"max_connections\",\"value\":\"200\",\"unit\":\"count\"}]}");
	s->now_ns += pretend_sec(1);
}

/* ---- the load ---- */

static const struct pretend_fault *down_at(const struct pretend_fault *v, size_t n, double t_s,
					   double *back_s)
{
	const struct pretend_fault *down = NULL;

	*back_s = -1;
	for (size_t i = 0; i < n; i++) {
		if (t_s >= v[i].at_s && t_s < v[i].at_s + v[i].down_s)
			down = &v[i];
		else if (t_s >= v[i].at_s)
			*back_s = t_s - v[i].at_s - v[i].down_s;
	}
	return down;
}

static double latency_s(struct pretend *s, double back_s)
{
	double z = sqrt(-2 * log(1 - uniform(s))) * cos(6.283185307 * uniform(s));
	double ms = 3.1 * exp(0.32 * z);

	if (uniform(s) < 0.004)
		ms *= 5;
	if (back_s >= 0 && back_s < 3)
		ms *= 1 + 14 * exp(-back_s * 2.2);
	return ms / 1e3;
}

static void fail_op(struct pretend *s, struct op *op, const struct pretend_fault *f, double since_s)
{
	bool hangs = since_s < 3 || !strcmp(f->fault, "pause") || !strcmp(f->fault, "partition-node");

	if (since_s < 0.004) {
		op->outcome = OP_INFO;
		op->sent = true;
		op->t_return = op->t_invoke + pretend_sec(0.002 + 0.001 * uniform(s));
		op->error = "connection: server closed it";
	} else if (hangs) {
		op->outcome = uniform(s) < 0.4 ? OP_INFO : OP_FAIL;
		op->sent = op->outcome == OP_INFO;
		op->t_return = op->t_invoke + pretend_sec(1 + 0.004 * uniform(s));
		op->error = "timeout: no answer in 1 s";
	} else {
		op->outcome = OP_FAIL;
		op->t_return = op->t_invoke + pretend_sec(0.0006 + 0.0008 * uniform(s));
		op->error = "connect: connection refused";
	}
	if (op->f == OP_READ)
		op->value = OP_NO_VALUE;
}

static void acknowledge(struct pretend *s, struct op *op)
{
	if (op->f == OP_READ)
		op->value = s->regs[op->key];
	else if (op->f == OP_CAS)
		s->regs[op->key] = op->value;
	else
		s->present[op->value] = 1;
	op->sent = true;
	snprintf(op->room->via, sizeof(op->room->via), "10.244.%d.7", s->primary + 1);
}

static void choose_op(struct pretend *s, struct op *op)
{
	double u = uniform(s);

	op->key = op->value = op->expect = OP_NO_VALUE;
	op->f = u < 0.7 ? OP_INSERT : u < 0.85 ? OP_READ : OP_CAS;
	if (op->f != OP_READ)
		op->value = s->next_value++;
	if (op->f != OP_INSERT)
		op->key = (int64_t)rng_below(&s->rng, KEYS);
	if (op->f == OP_CAS)
		op->expect = s->regs[op->key];
}

/* The last inserts acknowledged before the fault never arrive. */
static void lose(struct pretend *s, int lost)
{
	for (int64_t v = s->next_value - 1; v >= 0 && lost; v--) {
		lost -= s->present[v] != 0;
		s->present[v] = 0;
	}
}

static void load(struct pretend *s, const struct pretend_fault *v, size_t n, double length_s)
{
	size_t ops = (size_t)(length_s * RATE);
	double step = 1.0 / RATE, back_s;
	char line[1024];

	s->present = mem_alloc(ops + 1);
	s->next_value = 0;
	for (int k = 0; k < KEYS; k++)
		s->regs[k] = OP_NO_VALUE;
	for (size_t i = 0; i < ops; i++) {
		/* As the one before had it: a step less than this may be another number. */
		double t_s = (double)i * step, was_s = i ? (double)(i - 1) * step : -1;
		const struct pretend_fault *down = down_at(v, n, t_s, &back_s);
		struct op op = {.scenario = (uint32_t)s->scenario,
				.process = (uint32_t)(i % CLIENTS)};
		struct op_room room;

		op_room_begin(&op, &room);
		for (size_t k = 0; k < n; k++) {
			double up_s = v[k].at_s + v[k].down_s;

			if (t_s >= v[k].at_s && was_s < v[k].at_s)
				lose(s, v[k].lost);
			if (v[k].fails_over && t_s >= up_s && was_s < up_s)
				s->primary = (s->primary + 1) % MEMBERS;
		}
		choose_op(s, &op);
		op.t_intended = s->begin_ns + pretend_sec(t_s);
		op.t_invoke = op.t_intended + pretend_sec(0.00005 + 0.0001 * uniform(s));
		if (down) {
			fail_op(s, &op, down, t_s - down->at_s);
		} else {
			op.t_return = op.t_invoke + pretend_sec(latency_s(s, back_s));
			acknowledge(s, &op);
		}
		fwrite(line, 1, op_to_line(&op, line, sizeof(line)), s->history);
	}
}

/* ---- what the members say ---- */

struct scene {
	const struct pretend_fault *f; /* the fault that is on; NULL */
	int primary, victim;
	bool taken_over; /* the primary is not the victim any more */
	double t_s;
};

static void sample(struct pretend *s, const struct scene *c, int m)
{
	const struct pretend_fault *f = c->f;
	bool dual = f && f->dual_s > 0 && m == c->victim &&
		    c->t_s < f->at_s + f->down_s + f->dual_s;
	bool away = f && m == c->victim && !dual;
	bool leads = dual || (m == c->primary && !away);
	cJSON *o = pretend_event(s, s->begin_ns + pretend_sec(c->t_s + 0.01 * m), "sample"), *x;
	double lag = 4000 * uniform(s);
	char name[24];

	if (f && f->dual_s > 0 && !leads)
		lag += 5e5 * (c->t_s - f->at_s);
	snprintf(name, sizeof(name), "postgres-%d", m);
	json_set_str(o, "m", name);
	json_set_bool(o, "ok", !away);
	json_set_str(o, "role", away ? "unknown" : leads ? "primary" : "replica");
	json_set_bool(o, "writable", leads);
	json_set_i64(o, "tl", away ? -1 : dual ? s->timeline - c->taken_over : s->timeline);
	json_set_i64(o, "pos", away ? -1 : (int64_t)(50331648 + c->t_s * 60000));
	json_set_i64(o, "lag_bytes", away ? -1 : leads ? 0 : (int64_t)lag);
	json_set_i64(o, "lag_ms", away ? -1 : 0);
	json_set_i64(o, "took_ms", away ? 1000 : 1);
	if (away) {
		json_set_str(o, "err", "timeout: no answer");
	} else {
		x = cJSON_AddObjectToObject(o, "x");
		json_set_bool(x, "cluster_unlocked", f && f->fails_over && !c->taken_over &&
			      c->t_s > f->at_s + f->down_s - 1.1);
		if (!leads)
			json_set_str(x, "receiver", "streaming");
	}
	pretend_emit(s, o);
}

static void samples(struct pretend *s, const struct pretend_fault *v, size_t n, double length_s)
{
	struct scene c = {.victim = -1};
	size_t k = 0;
	int64_t renewed = -10;

	for (c.t_s = -0.5; c.t_s < length_s + 2; c.t_s += 0.1) {
		c.f = k < n && c.t_s >= v[k].at_s ? &v[k] : NULL;
		if (c.f && c.victim < 0) {
			c.victim = c.primary;
			c.taken_over = false;
		}
		if (c.f && c.f->fails_over && !c.taken_over &&
		    c.t_s >= c.f->at_s + c.f->down_s - 0.4) {
			c.primary = (c.victim + 1) % MEMBERS;
			c.taken_over = true;
			s->timeline++;
			lease(s, s->begin_ns + pretend_sec(c.t_s - 0.2), c.primary);
		}
		if (c.f && c.t_s >= c.f->at_s + c.f->recover_s) {
			pod(s, s->begin_ns + pretend_sec(c.t_s - 0.5), c.victim, (int)k + 1, false);
			c.victim = -1;
			c.f = NULL;
			k++;
		}
		if (!c.f && c.t_s - (double)renewed >= 10) {
			renewed = (int64_t)c.t_s;
			lease(s, s->begin_ns + pretend_sec(c.t_s), c.primary);
		}
		for (int m = 0; m < MEMBERS; m++)
			sample(s, &c, m);
	}
}

/* ---- faults and the end ---- */

static void fault(struct pretend *s, const struct pretend_fault *f, int victim, double t_s,
		  const char *state, const char *const words[2])
{
	cJSON *o = pretend_event(s, s->begin_ns + pretend_sec(t_s), "fault"), *params, *list;
	char text[300];

	json_set_str(o, "id", f->id);
	json_set_str(o, "fault", f->fault);
	if (f->how[0])
		json_set_str(o, "how", f->how);
	json_set_str(o, "state", state);
	json_set_str(o, "rule", "primary");
	snprintf(text, sizeof(text), "[{\"member\":\"postgres-%d\",\"uid\":\"uid-%d-0\",\"node\":"
		 "\"ordeal-worker%d\",\"role\":\"primary\"}]", victim, victim, victim + 1);
	json_set(o, "targets", pretend_json(text));
	params = cJSON_AddObjectToObject(o, "params");
	if (f->how[0])
		json_set_str(params, strcmp(f->fault, "kill-process") ? "how" : "which", f->how);
	if (f->dual_s > 0) {
		json_set_str(params, "api", "cut");
		json_set_str(params, "direction", s->direction ? s->direction : "both");
	}
	list = words ? cJSON_AddArrayToObject(o, "evidence") : NULL;
	for (int i = 0; words && i < 2 && words[i]; i++)
		json_push(list, cJSON_CreateString(words[i]));
	pretend_emit(s, o);
}

static void inject(struct pretend *s, const struct pretend_fault *f, int victim, bool bites)
{
	fault(s, f, victim, f->at_s - 0.31, "planned", NULL);
	fault(s, f, victim, f->at_s - 0.012, "injecting", NULL);
	fault(s, f, victim, f->at_s, bites ? "effective" : "no-effect", f->proof);
	if (!strcmp(f->fault, "kill-pod"))
		pod(s, s->begin_ns + pretend_sec(f->at_s + 0.05), victim, 0, true);
	if (f->undo[0])
		fault(s, f, victim, f->at_s + f->held_s, "healed", f->undo);
}

static void final_read(struct pretend *s)
{
	cJSON *o = pretend_event(s, s->now_ns, "final"), *list, *regs;

	list = cJSON_AddArrayToObject(o, "present");
	for (int64_t v = 0; v < s->next_value; v++) {
		int64_t lo = v;
		cJSON *range;

		if (!s->present[v])
			continue;
		while (v + 1 < s->next_value && s->present[v + 1])
			v++;
		range = cJSON_CreateArray();
		json_push(range, cJSON_CreateNumber((double)lo));
		json_push(range, cJSON_CreateNumber((double)v));
		json_push(list, range);
	}
	cJSON_AddArrayToObject(o, "duplicates");
	regs = cJSON_AddObjectToObject(o, "registers");
	for (int k = 0; k < KEYS; k++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", k);
		if (s->regs[k] >= 0)
			json_set_i64(regs, key, s->regs[k]);
	}
	json_set_i64(o, "took_ms", 41);
	pretend_emit(s, o);
}

void pretend_act(struct pretend *s, const struct pretend_fault *v, size_t n, double length_s,
		 bool bites, bool finished)
{
	int primary = 0;

	phase(s, "load");
	s->begin_ns = s->now_ns;
	s->primary = 0;
	s->timeline = 4;
	load(s, v, bites ? n : 0, length_s);
	samples(s, v, bites ? n : 0, length_s);
	for (size_t i = 0; i < n; i++) {
		inject(s, &v[i], primary, bites);
		if (v[i].fails_over)
			primary = (primary + 1) % MEMBERS;
	}
	s->now_ns = s->begin_ns + pretend_sec(length_s + 3);
	pretend_emit_text(s, s->now_ns, "noise",
			  "{\"source\":\"load\",\"lateness_p50_ms\":0.1,\"lateness_p99_ms\":0.9,"
			  "\"lateness_max_ms\":11.2,\"cpu_some_pct\":38.5,\"steal_pct\":0.2}");
	if (finished) {
		phase(s, "settle");
		final_read(s);
		phase(s, "done");
	}
	free(s->present);
	s->present = NULL;
	s->now_ns += pretend_sec(8);
}
