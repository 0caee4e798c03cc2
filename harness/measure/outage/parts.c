#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/outage/gap.h"

/* Whose outage? Writes of different kinds, to different shards and of clients
 * on different sides of a cut need not fail together, and one gap over all of
 * them would hide what one of them suffered: with a full disk inserts fail
 * while a compare-and-set in place goes on, and a cluster of three shards of
 * which one is dead takes two writes of three.
 *
 * The outage of a fault is what the clients that stand with the others (group
 * 0) saw. It is taken over all their writes, which tells its ends best, unless
 * one shard or one kind of write was down for certainly longer (its lower
 * bound above the upper bound of all), or a share of the clients (see
 * clients.c): then that is the outage, because a user of that shard, with
 * writes of that kind, or among those clients, was down for so long. Of several
 * such the one that was down longest. A few failures in a row prove nothing of
 * a part, for with a dead address among the living every second try fails; so
 * at least PROOF writes of it must have failed, outside of the gap that all
 * had, and none been acknowledged.
 *
 * A part counts when writes of it had been acknowledged before the fault. An
 * operation that failed before its client knew its shard counts for none.
 * Clients of other groups that were cut off together with their server when
 * their outage began have one of their own, which is not the fault's; neither is
 * that of a kind of reads. Where nothing holds a group apart, it is a part like
 * the others. */

enum { PROOF = 10 };

static bool of_shard(const struct op *op, int64_t which)
{
	return op->group == 0 && (int64_t)op->shard == which;
}

static bool of_kind(const struct op *op, int64_t which)
{
	return op->group == 0 && (int64_t)op->f == which;
}

static bool served_before(const struct view *v, int64_t t)
{
	size_t i;

	for (i = 0; i < v->nops && v->ops[i]->t_invoke < t; i++)
		if (view_served(v, v->ops[i]) && v->ops[i]->t_return < t)
			return true;
	return false;
}

/* Operations that failed within the part's gap and outside of that of all. */
static int proof(const struct view *v, const struct outage *part, const struct outage *all)
{
	int n = 0;
	size_t i;

	for (i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool inside =
			all->any && op->t_return >= all->down_lo && op->t_invoke <= all->up_hi;

		n += view_refused(v, op) && op->t_invoke >= part->down_lo &&
		     op->t_return <= part->up_hi && !inside;
	}
	return n;
}

/* `v`: the part's own operations. */
static void add_part(const struct view *v, const char *what, const char *name, int64_t until_ns,
		     int64_t end_ns, struct fault_seen *f)
{
	struct partial_outage *p;
	struct baseline b;

	if (!served_before(v, f->rec->injected_ns))
		return;
	p = VEC_PUSH(f->parts, f->nparts, f->parts_alloc);
	mem_copy_str(p->what, sizeof(p->what), what);
	mem_copy_str(p->name, sizeof(p->name), name);
	p->reads = v->reads;
	baseline_make(v, until_ns, &b);
	outage_make(v, &b, end_ns, f, &p->outage);
	p->proven = p->outage.any && proof(v, &p->outage, &f->outage) >= PROOF;
}

static void add(const struct view *all, view_part *belongs, int64_t which, const char *what,
		const char *name, int64_t until_ns, int64_t end_ns, struct fault_seen *f)
{
	struct view v;

	view_narrow(all, belongs, which, &v);
	v.shard = belongs == of_shard ? (uint32_t)which : 0;
	v.reads = belongs == of_kind && !(OP_BIT(which) & OP_WRITES);
	add_part(&v, what, name, until_ns, end_ns, f);
	view_narrow_free(&v);
}

static bool longer(const struct outage *a, const struct outage *all)
{
	if (!a->any)
		return false;
	if (a->ended != all->ended)
		return all->ended;
	return a->lo_ns > all->hi_ns;
}

static bool held_apart(const struct evidence *ev, const struct fault_seen *f,
		       const struct partial_outage *p)
{
	int64_t from =
		p->outage.down_hi > f->rec->injected_ns ? p->outage.down_hi : f->rec->injected_ns;

	for (size_t i = 0; !strcmp(p->what, "group") && i < ev->ngroups; i++)
		if (!strcmp(ev->groups[i].name, p->name) &&
		    group_apart(ev, ev->groups[i].number, from))
			return true;
	return false;
}

static void choose(const struct evidence *ev, struct fault_seen *f)
{
	const struct partial_outage *worst = NULL;
	size_t i;

	for (i = 0; i < f->nparts; i++) {
		const struct partial_outage *p = &f->parts[i];

		if (held_apart(ev, f, p) || p->reads || !p->proven ||
		    !longer(&p->outage, &f->outage))
			continue;
		if (!worst || (worst->outage.ended && !p->outage.ended) ||
		    (worst->outage.ended == p->outage.ended &&
		     p->outage.hi_ns > worst->outage.hi_ns))
			worst = p;
	}
	if (!worst)
		return;
	f->outage = worst->outage;
	snprintf(f->outage_of, sizeof(f->outage_of), "%s %s", worst->what, worst->name);
}

static void shards(const struct view *v, int64_t until_ns, int64_t end_ns, struct fault_seen *f)
{
	int64_t *numbers;
	size_t n = view_shards(v, &numbers);
	char name[24];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%lld", (long long)numbers[i]);
		add(v, of_shard, numbers[i], "shard", name, until_ns, end_ns, f);
	}
	free(numbers);
}

static void kinds(const struct view *v, int64_t until_ns, int64_t end_ns, struct fault_seen *f)
{
	size_t before = f->nparts;
	int kind;

	for (kind = 0; kind < OP_KINDS; kind++)
		if (OP_BIT(kind) & OP_WRITES)
			add(v, of_kind, kind, "kind", op_f_name((enum op_f)kind), until_ns, end_ns, f);
	/* The only kind is all there is. */
	if (f->nparts == before + 1)
		f->nparts = before;
	for (kind = 0; kind < OP_KINDS; kind++)
		if (!(OP_BIT(kind) & OP_WRITES))
			add(v, of_kind, kind, "kind", op_f_name((enum op_f)kind), until_ns, end_ns, f);
}

static void clients(const struct view *main, int64_t until_ns, int64_t end_ns, struct fault_seen *f)
{
	char name[32];
	struct view v;

	outage_clients(main, f, until_ns, end_ns, &v, name, sizeof(name));
	add_part(&v, "clients", name, until_ns, end_ns, f);
	view_narrow_free(&v);
}

/* What the reads of a group met is a part only where they were down for certain
 * and nothing held them apart. */
static void group_reads(const struct view *all, const struct group_seen *g, int64_t until_ns,
			int64_t end_ns, struct fault_seen *f)
{
	size_t before = f->nparts;
	struct partial_outage *p;
	char name[sizeof(p->name)];
	struct view v;

	view_narrow(all, in_group, g->number, &v);
	v.reads = true;
	snprintf(name, sizeof(name), "%.20s, reads", g->name);
	add_part(&v, "group", name, until_ns, end_ns, f);
	view_narrow_free(&v);
	if (f->nparts == before)
		return;
	p = &f->parts[before];
	if (!p->proven || group_apart(all->ev, g->number, p->outage.down_hi))
		f->nparts = before;
}

static void groups(const struct view *v, int64_t until_ns, int64_t end_ns, struct fault_seen *f)
{
	for (size_t i = 0; i < v->ev->ngroups; i++) {
		const struct group_seen *g = &v->ev->groups[i];

		add(v, in_group, g->number, "group", g->name, until_ns, end_ns, f);
		group_reads(v, g, until_ns, end_ns, f);
	}
}

void outage_parts_make(const struct view *v, const struct view *main, const struct baseline *b,
		       int64_t end_ns, struct fault_seen *f)
{
	outage_make(main, b, end_ns, f, &f->outage);
	if (!f->rec->injected_ns)
		return;
	shards(v, b->until_ns, end_ns, f);
	kinds(v, b->until_ns, end_ns, f);
	groups(v, b->until_ns, end_ns, f);
	clients(main, b->until_ns, end_ns, f);
	outage_client(v, b->until_ns, end_ns, f);
	choose(v->ev, f);
}

const struct partial_outage *fault_part(const struct fault_seen *f, const char *what,
					const char *name)
{
	size_t i;

	for (i = 0; i < f->nparts; i++)
		if (!strcmp(f->parts[i].what, what) && !strcmp(f->parts[i].name, name))
			return &f->parts[i];
	return NULL;
}

int64_t outage_own_lo(const struct outage *o)
{
	int64_t alone;

	if (!o->any || o->running)
		return 0;
	alone = o->met ? o->met->injected_ns - o->down_hi : o->lo_ns;
	return alone < 0 ? 0 : alone < o->lo_ns ? alone : o->lo_ns;
}
