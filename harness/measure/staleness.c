#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/parts.h"

/* How far behind were replicas that answered reads of registers? Every value
 * is written once, so an answer names a write v. Nobody sees when a write
 * takes effect, but it is bounded:
 *
 *  - v had taken effect by `done`: its own acknowledgement, or the return of
 *    the first operation of anybody that saw v, whichever came first.
 *  - v was the newest at some moment from `current` on: the latest call of a
 *    read, or of a compare-and-set that expected v, which the primary answered
 *    with v; at the least its own call.
 *
 * A write w of the same register came after v for certain when it was called
 * after `done`, and was there before the read when it was acknowledged before
 * the read's call. The read was behind by at least as many versions as there
 * are such writes, and by at least the time from the first of their
 * acknowledgements to its call. These bounds hold whatever else ran.
 *
 * On the other side, w may have come after v unless it was acknowledged
 * before `current`; then it took effect after its own call and after
 * `current`. So the read was behind by at most the time from the earliest such
 * moment to its return. This takes the primary's answers for the newest there
 * were; with two primaries at once there is no one order to be behind of.
 *
 * A write that was acknowledged and lost later counts like any other: who
 * reads a replica misses it from the start. */

struct version {
	int64_t value, call, ret; /* ret: INT64_MAX when its fate is not known */
	int64_t done, current;
};

struct versions { /* of one register */
	struct version *v; /* by call */
	size_t n, alloc;
	size_t *by_value;
	const struct version **doubtful; /* of unknown fate */
	size_t ndoubtful, adoubtful;
	struct version none; /* before any write */
	int64_t slowest;     /* of acknowledged ones, call to return */
};

struct lengths {
	int64_t *v;
	size_t n, alloc;
};

static bool sets_register(const struct op *op)
{
	return (op->f == OP_WRITE || op->f == OP_CAS) &&
	       (op->outcome == OP_OK || (op->outcome == OP_INFO && op->sent));
}

static int by_value(const void *a, const void *b, void *arg)
{
	const struct versions *vs = arg;
	int64_t x = vs->v[*(const size_t *)a].value, y = vs->v[*(const size_t *)b].value;

	return (x > y) - (x < y);
}

static struct version *find(struct versions *vs, int64_t value)
{
	size_t lo = 0, hi = vs->n;

	if (value == OP_NO_VALUE)
		return &vs->none;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (vs->v[vs->by_value[mid]].value < value)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == vs->n || vs->v[vs->by_value[lo]].value != value)
		return NULL;
	return &vs->v[vs->by_value[lo]];
}

static void saw(struct versions *vs, int64_t value, const struct op *op, bool newest)
{
	struct version *v = find(vs, value);

	if (!v)
		return;
	if (op->t_return < v->done)
		v->done = op->t_return;
	if (newest && op->t_invoke > v->current)
		v->current = op->t_invoke;
}

static void collect(const struct view *v, int64_t key, struct versions *vs)
{
	size_t i;

	vs->n = vs->ndoubtful = 0;
	vs->slowest = 0;
	vs->none = (struct version){ OP_NO_VALUE, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN };
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool ok = op->outcome == OP_OK;

		if (op->key != key || !sets_register(op))
			continue;
		*VEC_PUSH(vs->v, vs->n, vs->alloc) = (struct version){
			op->value, op->t_invoke, ok ? op->t_return : INT64_MAX,
			ok ? op->t_return : INT64_MAX, op->t_invoke };
		if (ok && op->t_return - op->t_invoke > vs->slowest)
			vs->slowest = op->t_return - op->t_invoke;
	}
	vs->by_value = mem_alloc((vs->n + 1) * sizeof(*vs->by_value));
	for (i = 0; i < vs->n; i++) {
		vs->by_value[i] = i;
		if (vs->v[i].ret == INT64_MAX)
			*VEC_PUSH(vs->doubtful, vs->ndoubtful, vs->adoubtful) = &vs->v[i];
	}
	if (vs->n)
		qsort_r(vs->by_value, vs->n, sizeof(*vs->by_value), by_value, vs);
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (op->key != key || op->outcome != OP_OK)
			continue;
		if (op->f == OP_READ || op->f == OP_READ_REPLICA)
			saw(vs, op->value, op, op->f == OP_READ);
		else if (op->f == OP_CAS)
			saw(vs, op->expect, op, true);
	}
}

/* The first write called later than t. */
static size_t called_after(const struct versions *vs, int64_t t)
{
	size_t lo = 0, hi = vs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (vs->v[mid].call <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct behind {
	int64_t versions, lo_ns, hi_ns;
};

static void may_follow(const struct version *v, const struct version *w, int64_t *from)
{
	int64_t t = w->call > v->current ? w->call : v->current;

	if (w != v && w->ret >= v->current && t < *from)
		*from = t;
}

static struct behind judge(const struct versions *vs, const struct version *v,
			   const struct op *read)
{
	int64_t first = INT64_MAX, from = INT64_MAX, near;
	struct behind b = { 0, 0, 0 };
	size_t i;

	for (i = called_after(vs, v->done); i < vs->n && vs->v[i].call < read->t_invoke; i++) {
		if (vs->v[i].ret >= read->t_invoke)
			continue;
		b.versions++;
		if (vs->v[i].ret < first)
			first = vs->v[i].ret;
	}
	if (b.versions)
		b.lo_ns = read->t_invoke - first;
	near = v->current > INT64_MIN + vs->slowest + 1 ? v->current - vs->slowest - 1 : INT64_MIN;
	for (i = called_after(vs, near);
	     i < vs->n && vs->v[i].call < read->t_return && from == INT64_MAX; i++)
		may_follow(v, &vs->v[i], &from);
	/* In the order of their calls the first that may follow is the earliest. */
	for (i = 0; i < vs->ndoubtful && vs->doubtful[i]->call < read->t_return; i++)
		may_follow(v, vs->doubtful[i], &from);
	b.hi_ns = from < read->t_return ? read->t_return - from : 0;
	if (b.hi_ns < b.lo_ns)
		b.hi_ns = b.lo_ns;
	return b;
}

static void summarise(struct lengths *time, struct lengths *count, struct staleness *out)
{
	out->reads = time->n;
	out->versions_p50 = out->versions_p99 = out->versions_max = -1;
	out->p50_ns = out->p99_ns = out->max_ns = -1;
	if (!time->n)
		return;
	qsort(time->v, time->n, sizeof(*time->v), by_i64);
	qsort(count->v, count->n, sizeof(*count->v), by_i64);
	out->p50_ns = stat_percentile(time->v, time->n, 0.5);
	out->p99_ns = stat_percentile(time->v, time->n, 0.99);
	out->max_ns = time->v[time->n - 1];
	out->versions_p50 = stat_percentile(count->v, count->n, 0.5);
	out->versions_p99 = stat_percentile(count->v, count->n, 0.99);
	out->versions_max = count->v[count->n - 1];
}

/* After which faults it was asked. */
static void count_after(const struct op *read, struct measured *m)
{
	for (size_t i = 0; i < m->nfaults; i++)
		m->faults[i].replica_reads += m->faults[i].rec->effective_ns &&
					      read->t_invoke >= m->faults[i].rec->effective_ns;
}

static void one_register(const struct view *v, int64_t key, struct versions *vs,
			 struct lengths *time, struct lengths *count, struct measured *m)
{
	struct staleness *out = &m->staleness;
	size_t i;

	collect(v, key, vs);
	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		const struct version *x;
		struct behind b;

		if (op->f != OP_READ_REPLICA || op->outcome != OP_OK || op->key != key)
			continue;
		x = find(vs, op->value);
		if (!x) {
			out->unjudged++;
			continue;
		}
		b = judge(vs, x, op);
		count_after(op, m);
		*VEC_PUSH(time->v, time->n, time->alloc) = b.lo_ns;
		*VEC_PUSH(count->v, count->n, count->alloc) = b.versions;
		out->behind += b.versions > 0;
		if (b.hi_ns > out->max_hi_ns)
			out->max_hi_ns = b.hi_ns;
	}
	free(vs->by_value);
	vs->by_value = NULL;
}

void staleness_make(const struct view *v, struct measured *m)
{
	struct lengths time = { 0 }, count = { 0 }, keys = { 0 };
	struct versions vs = { 0 };
	size_t i;

	memset(&m->staleness, 0, sizeof(m->staleness));
	for (i = 0; i < v->nops; i++)
		if (v->ops[i]->f == OP_READ_REPLICA && v->ops[i]->outcome == OP_OK)
			*VEC_PUSH(keys.v, keys.n, keys.alloc) = v->ops[i]->key;
	if (keys.n)
		qsort(keys.v, keys.n, sizeof(*keys.v), by_i64);
	for (i = 0; i < keys.n; i++)
		if (!i || keys.v[i] != keys.v[i - 1])
			one_register(v, keys.v[i], &vs, &time, &count, m);
	summarise(&time, &count, &m->staleness);
	free(vs.v);
	free(vs.doubtful);
	free(time.v);
	free(count.v);
	free(keys.v);
}
