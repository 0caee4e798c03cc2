#include "test/lib/shipped_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "history/event.h"
#include "history/evidence.h"
#include "test/lib/synth.h"

#define MS NS_PER_MS
#define T0 (1000 * NS_PER_S)

enum { KEYS = 8, SHORT_AWAIT_S = 2, SLOW_RATE = 20, TWICE = 100 };

struct making {
	const struct plan *p;
	const struct expectation *x;
	struct shipped_run *out;
	int64_t end_ns, first_ns; /* of the load; the first fault's effect */
	int64_t from_ns;          /* from when on what is violated is wrong */
	int64_t regs[KEYS], first_regs[KEYS];
	struct range {
		int64_t lo, hi;
	} *present;
	size_t npresent, alloc;
	/* Messages that are there, in the order in which they came, of one queue; from
	 * `taken` on nobody has received them. */
	int64_t *messages;
	size_t nmessages, messages_alloc, taken;
	int64_t withheld; /* acknowledged writes that are not to be there */
	int64_t refused;  /* an insert that was; -1: none */
};

static bool violates(const struct making *m, enum expect_metric metric)
{
	return m->x && m->x->metric == metric;
}

static bool takes_time(const struct making *m)
{
	return m->x && metric_of(m->x->metric)->unit == METRIC_NS;
}

static void add(struct making *m, const char *kind, int64_t t, cJSON *fields)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", t);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", kind);
	if (fields)
		json_merge(e, fields);
	json_push(m->out->events, e);
}

static void phase(struct making *m, const char *name, int64_t t)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "phase", name);
	add(m, "phase", t, o);
}

/* ---- steps and faults ---- */

static void fault_event(struct making *m, const cJSON *step, const char *state, int64_t t)
{
	const char *target = json_str(step, "target", "");
	bool replica = !strcmp(target, "replica");
	cJSON *e = synth_fault(json_str(step, "id", ""), json_str(step, "fault", ""), state, t);
	cJSON *targets = cJSON_AddArrayToObject(e, "targets"), *one = cJSON_CreateObject();

	json_set(e, "params", cJSON_Duplicate(json_get(step, "params"), 1));
	json_set_str(e, "how", json_str(json_get(step, "params"), "how", ""));
	json_set_str(one, "member", replica ? "c" : "a");
	json_set_str(one, "node", "node1");
	json_set_str(one, "role", replica ? "replica" : "primary");
	json_push(targets, one);
	json_push(m->out->events, e);
}

static const cJSON *step_of(const cJSON *steps, const char *id)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, steps)
		if (!strcmp(json_str(s, "step", ""), "fault") && !strcmp(json_str(s, "id", ""), id))
			return s;
	return NULL;
}

/* Is this the fault that the violated expectation is about? */
static bool about(const struct making *m, const char *id)
{
	return !m->x || !m->x->fault || !strcmp(m->x->fault, id);
}

static int64_t inject(struct making *m, const cJSON *step, int64_t t)
{
	int64_t lasts = json_i64(step, "for_ns", 0);

	fault_event(m, step, "planned", t);
	fault_event(m, step, "injecting", t);
	fault_event(m, step, "effective", t);
	if (lasts)
		fault_event(m, step, "healed", t + lasts);
	if (!m->first_ns)
		m->first_ns = t;
	if (!m->from_ns && about(m, json_str(step, "id", "")))
		m->from_ns = t;
	return t + lasts;
}

static void job_event(struct making *m, const cJSON *step, const char *state, const char *log,
		      int64_t t)
{
	cJSON *o = cJSON_CreateObject();
	char from[80];

	json_set_str(o, "id", json_str(step, "id", ""));
	json_set_str(o, "job", json_str(step, "id", ""));
	snprintf(from, sizeof(from), "cronjob/%.64s", json_str(step, "run", ""));
	json_set_str(o, "from", from);
	json_set_str(o, "state", state);
	json_set_str(o, "log", log);
	add(m, "job", t, o);
}

/* It ends as is expected of it, or as is not. */
static void job(struct making *m, const cJSON *step, int64_t t)
{
	const char *id = json_str(step, "id", "");
	bool well = true;
	const char *log = "";

	for (size_t i = 0; i < m->p->sc.nexpects; i++) {
		const struct expectation *x = &m->p->sc.expects[i];

		if (x->metric != EXPECT_JOB || strcmp(x->run, id))
			continue;
		well = m->x == x ? !x->want : x->want;
		log = well || !x->reason ? "" : x->reason;
	}
	job_event(m, step, "begun", "", t);
	job_event(m, step, well ? "succeeded" : "failed", log, t + NS_PER_S);
}

static void walk(struct making *m, const cJSON *steps)
{
	int64_t t = T0, held = 0;
	const cJSON *s;

	cJSON_ArrayForEach(s, steps) {
		const char *kind = json_str(s, "step", "");
		int64_t until;

		if (!strcmp(kind, "fault")) {
			const struct fault_ops *f = fault_find(json_str(s, "fault", ""));

			until = inject(m, s, t);
			held = until > held ? until : held;
			/* The step itself takes its time. */
			t += f && f->takes && takes_time(m) ? f->takes(NULL) : 0;
		} else if (!strcmp(kind, "run")) {
			job(m, s, t);
		} else if (!strcmp(kind, "heal")) {
			fault_event(m, step_of(steps, json_str(s, "id", "")), "healed", t);
		}
		t += json_i64(s, "duration_ns", 0);
		if (json_get(s, "within_ns"))
			t += takes_time(m) ? json_i64(s, "within_ns", 0) : SHORT_AWAIT_S * NS_PER_S;
	}
	m->end_ns = (t > held ? t : held) + NS_PER_S;
}

/* ---- load ---- */

static enum op_f kind_at(const struct load_spec *l, int64_t i)
{
	int all = 0, die;

	for (int f = 0; f < OP_KINDS; f++)
		all += l->mix[f];
	die = (int)(i * 37 % all);
	for (int f = 0; f < OP_KINDS; f++) {
		if (die < l->mix[f])
			return (enum op_f)f;
		die -= l->mix[f];
	}
	return OP_INSERT;
}

static void applied(struct making *m, struct op *op)
{
	struct range *last = m->npresent ? &m->present[m->npresent - 1] : NULL;

	if (op->f == OP_WRITE || op->f == OP_CAS) {
		m->regs[op->key] = op->value;
		if (!m->first_regs[op->key])
			m->first_regs[op->key] = op->value;
	}
	if (op->f != OP_INSERT && op->f != OP_SEND)
		return;
	if (m->withheld > 0 && op->outcome == OP_OK) {
		m->withheld--;
		return;
	}
	if (op->f == OP_SEND) {
		*VEC_PUSH(m->messages, m->nmessages, m->messages_alloc) = op->value;
		return;
	}
	if (last && last->hi + 1 == op->value)
		last->hi = op->value;
	else
		*VEC_PUSH(m->present, m->npresent, m->alloc) = (struct range){op->value, op->value};
}

/* What is wrong with a call that began at a time when something is. */
static void go_wrong(struct making *m, struct op *op)
{
	int64_t deadline = m->p->sc.load.deadline_ns;
	bool write = OP_BIT(op->f) & OP_WRITES;
	bool fewer = m->x && violates(m, EXPECT_AVAILABILITY) == m->x->has_at_least;

	if (write && fewer && (violates(m, EXPECT_OUTAGE) || violates(m, EXPECT_DOWNTIME) ||
			       violates(m, EXPECT_AVAILABILITY))) {
		op->outcome = OP_FAIL;
		op->error = "connect: refused";
	} else if (write && violates(m, EXPECT_ERRORS_CLEAR)) {
		op->outcome = OP_INFO;
		op->t_return = op->t_invoke + deadline;
		op->error = "timeout: no answer";
	} else if (op->f == OP_READ_REPLICA && violates(m, EXPECT_STALENESS)) {
		op->value = m->first_regs[op->key];
	} else if (op->f == OP_READ && violates(m, EXPECT_CHECK)) {
		op->value = m->first_regs[op->key];
	}
}

static bool has_shards(const struct making *m)
{
	return !strcmp(m->p->sc.system, "redis-cluster");
}

static void call(struct making *m, int64_t i, double rate)
{
	struct op op = {.value = i + 1,
			.key = OP_NO_VALUE,
			.expect = OP_NO_VALUE,
			.partition = OP_NO_VALUE,
			.offset = OP_NO_VALUE,
			.tag = OP_NO_VALUE,
			.sent = true,
			.outcome = OP_OK,
			.f = kind_at(&m->p->sc.load, i),
			.shard = has_shards(m),
			.process = (uint32_t)(i % m->p->sc.load.clients)};

	if (OP_BIT(op.f) & OP_REGISTERS) {
		op.key = i / 7 % KEYS;
		if (op.f == OP_CAS)
			op.expect = m->regs[op.key];
		else if (op.f != OP_WRITE)
			op.value = m->regs[op.key];
	}
	if (OP_BIT(op.f) & OP_MESSAGES)
		op.key = op.partition = 0;
	if (op.f == OP_RECEIVE) {
		op.value = m->taken < m->nmessages ? m->messages[m->taken++] : OP_NO_VALUE;
		op.acked = op.value == OP_NO_VALUE ? OP_ACK_NONE : OP_ACK_DONE;
	}
	op.t_intended = op.t_invoke = T0 + (int64_t)((double)i * 1e9 / rate);
	op.t_return = op.t_invoke + 2 * MS;
	if (i == 100 && violates(m, EXPECT_PHANTOM))
		op.outcome = OP_FAIL;
	if (m->from_ns && op.t_invoke >= m->from_ns)
		go_wrong(m, &op);
	history_add(&m->out->h, &op);
	if (op.outcome == OP_OK || i == 100)
		applied(m, &op);
}

static void load(struct making *m)
{
	double rate = takes_time(m) ? SLOW_RATE : m->p->sc.load.rate;
	int64_t n = (int64_t)((double)(m->end_ns - T0) / 1e9 * rate);

	for (int k = 0; k < KEYS; k++)
		m->regs[k] = OP_NO_VALUE;
	for (int64_t i = 0; i < n; i++)
		call(m, i, rate);
	history_sort(&m->out->h);
}

/* ---- samples, settings, the end ---- */

/* Held against the primary, it has nothing alone, or too much. */
static void errant(const struct making *m, cJSON *sample)
{
	json_set_i64(sample, "lag_tx", 0);
	json_set_str(cJSON_AddObjectToObject(sample, "x"), "errant",
		     m->x->has_at_least ? "" : "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9000000");
}

static void samples(struct making *m)
{
	static const char *const names[] = {"a", "b", "c"};

	for (int64_t t = T0; t < m->end_ns; t += 200 * MS) {
		bool wrong = m->from_ns && t >= m->from_ns;

		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			bool two = wrong && i == 1 &&
				((violates(m, EXPECT_DUAL_PRIMARY) && !m->x->has_at_least) ||
				 violates(m, EXPECT_DEMOTED));
			bool leads = !i || two,
			     away = wrong && i == 2 && violates(m, EXPECT_RECOVERY);
			cJSON *s = synth_sample(names[i], t + (int64_t)i * MS, !away, leads ? "primary" : "replica",
						leads, 1);

			if (has_shards(m))
				json_set_i64(s, "shard", 1);
			if (!leads && violates(m, EXPECT_ERRANT))
				errant(m, s);
			json_push(m->out->events, s);
		}
	}
}

/* The names that the running systems use for what scenarios set. */
static const char *own_name(struct arena *a, const struct setting *s)
{
	static const struct {
		const char *ours, *theirs;
	} names[] = {{"down_after", "down-after-milliseconds"}, {"node_timeout", "cluster-node-timeout"},
		     {"require_full_coverage", "cluster-require-full-coverage"},
		     {"replica_validity_factor", "cluster-replica-validity-factor"}};
	char *out;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i].ours, s->name))
			return names[i].theirs;
	out = arena_strdup(a, s->name);
	for (char *c = out; *c; c++)
		*c = *c == '_' ? '-' : *c;
	return out;
}

static bool told(const cJSON *settings, const char *name)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, settings)
		if (setting_same(json_str(s, "name", ""), name))
			return true;
	return false;
}

/* An expectation that accepts what a setting allows is violated by a loss
 * under another. */
static void inforce(struct making *m)
{
	/* Told by the servers, whether or not a fixture sets them. */
	static const struct {
		const char *name;
		int64_t value;
	} own[] = {{"semi_sync_replicas", 1}, {"repl-ping-replica-period", 10}, {"min-replicas-to-write", 0},
		   {"min-replicas-max-lag", 10}, {"failover-timeout", 60000}, {"quorum", 2},
		   {"num-other-sentinels", 2}, {"shutdown-timeout", 10}, {"detector_poll", 5000},
		   {"net_ticktime", 60000}, {"heartbeat", 10}};
	bool redis = !strncmp(m->p->sc.system, "redis", 5);
	cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "settings");
	struct arena a = {0};

	for (size_t i = 0; i < m->p->settings.n; i++) {
		const struct setting *s = &m->p->settings.v[i];
		bool other = m->x && m->x->setting && !strcmp(m->x->setting, s->name);
		cJSON *one = cJSON_CreateObject();

		json_set_str(one, "name", redis ? own_name(&a, s) : s->name);
		json_set_str(one, "value", !other ? s->value : strcmp(s->value, "off") ? "off" : "on");
		json_set_str(one, "unit", s->unit);
		json_push(list, one);
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		cJSON *one;

		if (told(list, own[i].name))
			continue;
		one = cJSON_CreateObject();

		json_set_str(one, "name", own[i].name);
		json_set_i64(one, "value", own[i].value);
		json_push(list, one);
	}
	arena_free(&a);
	add(m, "inforce", T0 - NS_PER_S, o);
}

/* What nobody has received; with one that nobody ever sent, if that is to be found. */
static cJSON *messages_left(const struct making *m)
{
	cJSON *list = cJSON_CreateArray(), *run = cJSON_CreateObject();
	cJSON *values = cJSON_AddArrayToObject(run, "val");

	json_set_i64(run, "part", 0);
	for (size_t i = m->taken; i < m->nmessages; i++)
		json_push(values, cJSON_CreateNumber((double)m->messages[i]));
	if (violates(m, EXPECT_DUPLICATE) && m->taken < m->nmessages)
		for (int i = 0; i < TWICE; i++)
			json_push(values, cJSON_CreateNumber((double)m->messages[m->taken]));
	if (violates(m, EXPECT_CHECK))
		json_push(values, cJSON_CreateNumber(1e9));
	if (cJSON_GetArraySize(values))
		json_push(list, run);
	else
		cJSON_Delete(run);
	return list;
}

static void final_read(struct making *m)
{
	cJSON *o = cJSON_CreateObject(), *present = cJSON_AddArrayToObject(o, "present");
	cJSON *twice = cJSON_AddArrayToObject(o, "duplicates"), *regs = cJSON_AddObjectToObject(o, "registers");
	char key[16];

	for (size_t i = 0; i < m->npresent; i++) {
		const double r[2] = {(double)m->present[i].lo, (double)m->present[i].hi};

		json_push(present, cJSON_CreateDoubleArray(r, 2));
	}
	if (violates(m, EXPECT_DUPLICATE) && m->npresent) {
		const double d[2] = {(double)m->present[0].lo, 2};

		json_push(twice, cJSON_CreateDoubleArray(d, 2));
	}
	if (m->p->sc.load.mix[OP_SEND] > 0)
		json_set(o, "messages", messages_left(m));
	for (int k = 0; k < KEYS; k++) {
		snprintf(key, sizeof(key), "%d", k);
		json_set(regs, key, m->regs[k] == OP_NO_VALUE ? cJSON_CreateNull() :
						cJSON_CreateNumber((double)m->regs[k]));
	}
	add(m, "final", m->end_ns + NS_PER_S, o);
}

/* How many acknowledged writes have to be gone for `lost` to be violated. */
static int64_t to_lose(const struct expectation *x)
{
	if (x && x->metric == EXPECT_RECOVERY_POINT)
		return 1; /* the first of all, and others are there */
	if (!x || x->metric != EXPECT_LOST || (x->has_at_least && !x->accepted))
		return 0;
	return x->has_at_most ? (int64_t)x->at_most + 1 : 3;
}

void shipped_run_make(const struct plan *p, const struct expectation *x, struct shipped_run *out)
{
	struct making m = {.p = p, .x = x, .out = out, .withheld = to_lose(x)};
	cJSON *event = plan_to_json(p), *o = cJSON_CreateObject();
	bool stands = violates(&m, EXPECT_STANDS) ? !x->want : true;

	/* What runs for many minutes is thinned out. */
	if (takes_time(&m))
		json_set_num(cJSON_GetObjectItem(event, "load"), "rate", SLOW_RATE);
	memset(out, 0, sizeof(*out));
	out->events = cJSON_CreateArray();
	walk(&m, json_get(event, "steps"));
	add(&m, "scenario", T0 - 3 * NS_PER_S, event);
	json_set_bool(o, "ok", stands);
	json_set_str(o, "reason", stands ? "" : "nothing came up");
	add(&m, "stands", T0 - 2 * NS_PER_S, o);
	inforce(&m);
	if (stands) {
		phase(&m, "load", T0);
		load(&m);
		samples(&m);
		for (size_t i = 0; i < p->sc.nexpects; i++)
			if (p->sc.expects[i].metric == EXPECT_ROUTES)
				synth_service(out->events, p->sc.expects[i].object, T0,
					      p->sc.expects[i].want != (x == &p->sc.expects[i]) ? "a" : "b");
		phase(&m, "settle", m.end_ns);
		final_read(&m);
	}
	phase(&m, "done", m.end_ns + 2 * NS_PER_S);
	free(m.present);
	free(m.messages);
}

void shipped_run_free(struct shipped_run *r)
{
	cJSON_Delete(r->events);
	history_free(&r->h);
	memset(r, 0, sizeof(*r));
}
