#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/parts.h"

/* What of all that was due after a fault was served: a service can be bad in
 * more ways than by standing still. Each operation whose turn came in the
 * fault's window [injected, the next one's injection) was due, whether a client
 * was free for it or not: a slow service keeps them all busy. Served is what was
 * answered as a healthy one answers, within the load's deadline; what is of
 * unknown fate was not, for its client. Latency is of those that were served,
 * from the moment at which they were due. */

enum { CLIENT_MIN = 5 }; /* operations due without which a client is no worst one */

struct tally {
	struct served_row row;
	struct instants latency;
};

static void count(struct tally *t, const struct op *op)
{
	t->row.due++;
	if (op_answered(op)) {
		t->row.served++;
		*VEC_PUSH(t->latency.v, t->latency.n, t->latency.alloc) =
			op->t_return - op->t_intended;
	} else if (op_error_class(op) == OP_ERR_CLIENT) {
		t->row.unsent++;
	}
}

static void finish(struct tally *t, struct fault_seen *f)
{
	if (t->latency.n)
		qsort(t->latency.v, t->latency.n, sizeof(*t->latency.v), by_i64);
	t->row.p50_ns = stat_percentile(t->latency.v, t->latency.n, 0.5);
	t->row.p99_ns = stat_percentile(t->latency.v, t->latency.n, 0.99);
	if (t->row.due)
		*VEC_PUSH(f->served, f->nserved, f->served_alloc) = t->row;
	free(t->latency.v);
}

static bool due(const struct fault_seen *f, const struct op *op)
{
	return op->t_intended >= f->rec->injected_ns && op->t_intended < f->window_end_ns;
}

/* What clients meet that a cut holds apart from the others is no service of the
 * system's to these. */
static bool counts(const struct view *v, const struct fault_seen *f, const struct op *op)
{
	return due(f, op) && !group_apart(v->ev, op->group, op->t_intended);
}

static void add(const struct view *v, view_part *belongs, int64_t which, const char *what,
		const char *name, struct fault_seen *f)
{
	struct tally t = { 0 };

	mem_copy_str(t.row.what, sizeof(t.row.what), what);
	mem_copy_str(t.row.name, sizeof(t.row.name), name);
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		if (!due(f, op) || !belongs(op, which))
			continue;
		/* A group's own row tells all that its clients met. */
		t.row.apart = t.row.apart || !counts(v, f, op);
		if (belongs == in_group || counts(v, f, op))
			count(&t, op);
	}
	finish(&t, f);
}

static bool any(const struct op *op, int64_t which)
{
	(void)op, (void)which;
	return true;
}

static bool writes(const struct op *op, int64_t which)
{
	return op_is_write(op) == which;
}

static bool kind(const struct op *op, int64_t which)
{
	return (int64_t)op->f == which;
}

static bool client(const struct op *op, int64_t which)
{
	return (int64_t)op->process == which;
}

struct share {
	int64_t due, served;
};

/* The client of whose operations the smallest share was served. */
static int64_t worst_client(const struct view *v, const struct fault_seen *f)
{
	uint32_t most = 0, p;
	int64_t worst = -1;
	struct share *s;

	for (size_t i = 0; i < v->nops; i++)
		if (v->ops[i]->process > most)
			most = v->ops[i]->process;
	if (most > 1u << 20)
		return -1; /* not one of our histories */
	s = mem_alloc(((size_t)most + 1) * sizeof(*s));
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];

		/* What was never sent was handed to whoever came first. */
		if (!counts(v, f, op) || op_error_class(op) == OP_ERR_CLIENT)
			continue;
		s[op->process].due++;
		s[op->process].served += op_answered(op);
	}
	for (p = 0; p <= most; p++)
		if (s[p].due >= CLIENT_MIN &&
		    (worst < 0 || s[p].served * s[worst].due < s[worst].served * s[p].due))
			worst = p;
	free(s);
	return worst;
}

/* ---- of shards ---- */

/* Of which shard an operation is, its client says once it is called. What never was, is of
 * that of others with its key. */

struct key {
	bool message;
	int64_t key;
	uint32_t shard; /* 0: they were of several */
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->message != y->message)
		return x->message - y->message;
	return (x->key > y->key) - (x->key < y->key);
}

static struct key key_of(const struct op *op)
{
	return (struct key){OP_MESSAGES & OP_BIT(op->f), op->key, op->shard};
}

/* Each key once, from the heap. */
static struct key *keys_make(const struct view *v, size_t *n)
{
	struct key *k = mem_alloc((v->nops + 1) * sizeof(*k));
	size_t all = 0;

	*n = 0;
	for (size_t i = 0; i < v->nops; i++)
		if (v->ops[i]->shard && v->ops[i]->key != OP_NO_VALUE)
			k[all++] = key_of(v->ops[i]);
	if (all)
		qsort(k, all, sizeof(*k), by_key);
	for (size_t i = 0; i < all; i++) {
		if (!*n || by_key(&k[*n - 1], &k[i]))
			k[(*n)++] = k[i];
		else if (k[*n - 1].shard != k[i].shard)
			k[*n - 1].shard = 0;
	}
	return k;
}

static uint32_t shard_of(const struct key *keys, size_t n, const struct op *op)
{
	const struct key is = key_of(op), *k;

	if (op->shard || !n || op->key == OP_NO_VALUE)
		return op->shard;
	k = bsearch(&is, keys, n, sizeof(is), by_key);
	return k ? k->shard : 0;
}

static void one_shard(const struct view *v, const struct key *keys, size_t nkeys, int64_t number,
		      struct fault_seen *f)
{
	struct tally t = { 0 };

	mem_copy_str(t.row.what, sizeof(t.row.what), "shard");
	snprintf(t.row.name, sizeof(t.row.name), "%lld", (long long)number);
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		uint32_t is = counts(v, f, op) ? shard_of(keys, nkeys, op) : 0;

		if ((int64_t)is == number)
			count(&t, op);
		else if (!is && !op->sent && counts(v, f, op))
			t.row.untold++;
	}
	finish(&t, f);
}

static void shards(const struct view *v, struct fault_seen *f)
{
	int64_t *numbers;
	size_t nkeys, n = view_shards(v, &numbers);
	struct key *keys = keys_make(v, &nkeys);

	for (size_t i = 0; i < n; i++)
		one_shard(v, keys, nkeys, numbers[i], f);
	free(keys);
	free(numbers);
}

void served_make(const struct view *v, struct fault_seen *f)
{
	int64_t worst;
	char name[24];

	if (!f->rec->injected_ns)
		return;
	add(v, any, 0, "all", "", f);
	add(v, writes, true, "writes", "", f);
	add(v, writes, false, "reads", "", f);
	for (int k = 0; k < OP_KINDS; k++)
		add(v, kind, k, "kind", op_f_name((enum op_f)k), f);
	shards(v, f);
	for (size_t i = 0; i < v->ev->ngroups; i++)
		add(v, in_group, v->ev->groups[i].number, "group", v->ev->groups[i].name, f);
	worst = worst_client(v, f);
	snprintf(name, sizeof(name), "%lld", (long long)worst);
	if (worst >= 0)
		add(v, client, worst, "client", name, f);
}

const struct served_row *fault_served(const struct fault_seen *f, const char *what,
				      const char *name)
{
	const struct served_row *worst = NULL;

	for (size_t i = 0; i < f->nserved; i++) {
		const struct served_row *r = &f->served[i];

		if (strcmp(r->what, what) || (name && strcmp(r->name, name)))
			continue;
		if (!worst || r->served * (worst->due + worst->untold) <
				      worst->served * (r->due + r->untold))
			worst = r;
	}
	return worst;
}
