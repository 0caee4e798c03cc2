#include "measure/loss_registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Which acknowledged writes of registers are lost?
 *
 * Every write carries a value of its own, and a compare-and-set names the
 * value that it replaced. So a final value has an exact past: the value that
 * its own write expected, the one that that one's expected, and so on, back to
 * "never written" or to a plain write, which does not say what it replaced.
 * From there on the register held these values, one after the other, and no
 * others. Hence an acknowledged write that is not among them is lost
 *
 *  - when the past goes back to "never written", for then it is the whole
 *    past, and nobody deletes a register;
 *  - when it was called after the oldest value of the past was certainly
 *    there, for its place would be between that one and the end.
 *
 * What was called before a plain write had certainly taken effect may have been
 * overwritten by it: of that nothing can be told.
 *
 * A value was certainly there by its write's acknowledgement, by the first
 * answer that showed it (a read, or a compare-and-set that found it), and by
 * any of that of a later value of the past. For a write of unknown fate only
 * the answers count: a plain one may take effect at any later time, and what
 * it may have overwritten is not called lost: perhaps it is. A compare-and-set of unknown
 * fate takes effect only while the register holds what it expects: when it is
 * the final value although an acknowledged write had replaced what it expected,
 * then that acknowledged write was undone, which the rule above says.
 *
 * A write that was overwritten in its time and whose register went back to
 * before it counts as well: it is no longer in the past of what is there. */

struct written {
	int64_t key, value;
	const struct op *op;
	bool past; /* in the past of the final value */
};

struct shown { /* an answer that showed a value */
	int64_t key, value, t_ns;
};

struct book {
	struct written *w; /* by key, then value */
	size_t nw, aw;
	struct shown *s;   /* by key, then value, then time */
	size_t ns, as;
};

/* The past of a final value, as far as it is known. */
struct past {
	bool whole;        /* back to "never written" */
	bool strange;      /* a value of it was refused, or nobody wrote it */
	/* A plain write of unknown fate, where the known past begins: when it took effect
	 * nobody knows. */
	const struct op *unknown;
	int64_t since_ns;  /* its oldest value was there by then; INT64_MAX: at no known time */
};

static int by_key_value(int64_t ka, int64_t va, int64_t kb, int64_t vb)
{
	if (ka != kb)
		return ka < kb ? -1 : 1;
	return (va > vb) - (va < vb);
}

static int by_written(const void *a, const void *b)
{
	const struct written *x = a, *y = b;

	return by_key_value(x->key, x->value, y->key, y->value);
}

static int by_shown(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	int c = by_key_value(x->key, x->value, y->key, y->value);

	return c ? c : (x->t_ns > y->t_ns) - (x->t_ns < y->t_ns);
}

static void note_shown(struct book *b, int64_t key, int64_t value, int64_t t_ns)
{
	if (value != OP_NO_VALUE)
		*VEC_PUSH(b->s, b->ns, b->as) = (struct shown){ key, value, t_ns };
}

static void book_make(struct book *b, const struct view *v)
{
	for (size_t i = 0; i < v->nops; i++) {
		const struct op *op = v->ops[i];
		bool ok = op->outcome == OP_OK;

		if (op->f == OP_WRITE || op->f == OP_CAS)
			*VEC_PUSH(b->w, b->nw, b->aw) =
				(struct written){op->key, op->value, op, false};
		if (ok && (op->f == OP_READ || op->f == OP_READ_REPLICA))
			note_shown(b, op->key, op->value, op->t_return);
		if (ok && op->f == OP_CAS)
			note_shown(b, op->key, op->expect, op->t_return);
	}
	if (b->nw)
		qsort(b->w, b->nw, sizeof(*b->w), by_written);
	if (b->ns)
		qsort(b->s, b->ns, sizeof(*b->s), by_shown);
}

/* The first write of this key, and of this value or a higher one. */
static size_t written_from(const struct book *b, int64_t key, int64_t value)
{
	size_t lo = 0, hi = b->nw;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (by_key_value(b->w[mid].key, b->w[mid].value, key, value) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int64_t shown_by(const struct book *b, int64_t key, int64_t value)
{
	size_t lo = 0, hi = b->ns;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (by_key_value(b->s[mid].key, b->s[mid].value, key, value) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->ns && b->s[lo].key == key && b->s[lo].value == value ? b->s[lo].t_ns :
									      INT64_MAX;
}

/* Marks who wrote this value. Returns the one who did; NULL when nobody did,
 * or several, as in histories of other tools. *strange: nobody whose write was
 * not refused; *unsent: nobody at all. *seen: the past came by here before. */
static const struct op *mark(struct book *b, int64_t key, int64_t value, bool *strange,
			     bool *unsent, bool *seen)
{
	const struct op *op = NULL, *refused = NULL;
	size_t n = 0, nrefused = 0;

	*seen = false;
	for (size_t i = written_from(b, key, value); i < b->nw; i++) {
		struct written *w = &b->w[i];

		if (w->key != key || w->value != value)
			break;
		*seen = *seen || w->past;
		w->past = true;
		if (w->op->outcome == OP_FAIL) {
			refused = w->op;
			nrefused++;
		} else {
			op = w->op;
			n++;
		}
	}
	*strange = !n;
	*unsent = !n && !nrefused;
	return n == 1 ? op : !n && nrefused == 1 ? refused : NULL;
}

static void walk_back(struct book *b, int64_t key, int64_t value, struct past *p,
		      struct registers_seen *out)
{
	*p = (struct past){ .since_ns = INT64_MAX };
	while (value != OP_NO_VALUE) {
		bool strange, unsent, seen;
		const struct op *op = mark(b, key, value, &strange, &unsent, &seen);
		int64_t by = shown_by(b, key, value);

		if (seen)
			return;
		if (strange) {
			p->strange = true;
			out->phantom++;
			out->unsent += unsent;
		}
		if (op && op->outcome == OP_OK && op->t_return < by)
			by = op->t_return;
		if (by < p->since_ns)
			p->since_ns = by;
		if (op && op->f == OP_WRITE && op->outcome == OP_INFO)
			p->unknown = op;
		if (!op || op->f == OP_WRITE)
			return;
		value = op->expect;
	}
	p->whole = true;
}

static void say(struct registers_seen *out, int64_t key, int64_t value, int64_t lost, bool strange)
{
	char holds[40] = "nothing";

	if (!lost && !strange)
		return;
	if (value != OP_NO_VALUE)
		snprintf(holds, sizeof(holds), "%lld", (long long)value);
	out->odd++;
	if (!out->sentences)
		out->sentences = cJSON_CreateArray();
	if (lost)
		json_pushf(out->sentences,
			   "register %lld holds %s at the end, and %lld acknowledged write%s of it %s not in the "
			   "past of that", (long long)key, holds, (long long)lost, lost == 1 ? "" : "s",
			   lost == 1 ? "is" : "are");
	if (strange)
		json_pushf(out->sentences, "register %lld holds %s at the end, which no client wrote, or which "
			   "goes back to what no client wrote", (long long)key, holds);
}

/* Those of one register: [from, to) of the book. */
static void judge(struct book *b, size_t from, size_t to, int64_t value, struct registers_seen *out)
{
	int64_t key = b->w[from].key, untold = 0, late = 0;
	size_t before = out->n;
	struct past p;

	walk_back(b, key, value, &p, out);
	for (size_t i = from; i < to; i++) {
		const struct op *op = b->w[i].op;

		if (op->outcome == OP_INFO)
			out->unknown_present += b->w[i].past;
		if (op->outcome == OP_OK && b->w[i].past)
			*VEC_PUSH(out->kept, out->nkept, out->kept_alloc) = op;
		if (op->outcome != OP_OK || b->w[i].past)
			continue;
		/* Without its key a register begins anew from nothing, so the end
		 * of its key explains what came before the past began. */
		if (p.whole || op->t_invoke > p.since_ns)
			*VEC_PUSH(out->lost, out->n, out->alloc) =
				(struct register_loss){ op, p.whole && op->t_invoke <= p.since_ns };
		else if (++untold && p.unknown && op->t_return > p.unknown->t_invoke)
			late++;
	}
	out->untold += untold;
	/* What had returned before that write was called it has overwritten, if nothing
	 * else had; what returned after that, only if it took effect late. */
	out->doubtful += p.strange ? untold : late;
	say(out, key, value, (int64_t)(out->n - before), p.strange);
}

/* Nobody looked, so nobody knows. */
static void unread(const struct book *b, size_t from, size_t to, struct registers_seen *out)
{
	for (size_t i = from; i < to; i++) {
		out->untold += b->w[i].op->outcome == OP_OK;
		out->doubtful += b->w[i].op->outcome == OP_OK;
		out->unread++;
	}
}

/* A register that no client ever wrote holds nothing. */
static void unwritten(const struct book *b, const struct register_seen *r,
		      struct registers_seen *out)
{
	size_t i = written_from(b, r->key, INT64_MIN);

	if (r->value == OP_NO_VALUE || (i < b->nw && b->w[i].key == r->key))
		return;
	out->phantom++;
	out->unsent++;
	say(out, r->key, r->value, 0, true);
}

void registers_find(const struct view *v, const struct final_seen *final,
		    struct registers_seen *out)
{
	struct book b = { 0 };

	memset(out, 0, sizeof(*out));
	book_make(&b, v);
	for (size_t i = 0, to; i < b.nw; i = to) {
		const struct register_seen *r = final_register(final, b.w[i].key);

		for (to = i; to < b.nw && b.w[to].key == b.w[i].key; to++) {
			out->acked += b.w[to].op->outcome == OP_OK;
			out->unknown += b.w[to].op->outcome == OP_INFO;
		}
		if (r)
			judge(&b, i, to, r->value, out);
		else if (final)
			unread(&b, i, to, out);
	}
	for (size_t i = 0; final && i < final->nregisters; i++)
		unwritten(&b, &final->registers[i], out);
	free(b.w);
	free(b.s);
}
