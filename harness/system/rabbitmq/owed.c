#include "system/rabbitmq/owed.h"

#include <stdlib.h>

#include "base/mem.h"

void owed_add(struct owed *o, uint64_t seq, int64_t value, bool returned)
{
	*VEC_PUSH(o->v, o->n, o->alloc) =
		(struct owed_one){.seq = seq, .value = value, .returned = returned};
}

void owed_return(struct owed *o, int64_t value)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].value == value)
			o->v[i].returned = true;
}

void owed_settle(struct owed *o, uint64_t seq, bool multiple, bool confirmed, int64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n; i++) {
		struct owed_one *p = &o->v[i];
		bool its = !p->heard_ns && (p->seq == seq || (multiple && p->seq < seq));

		if (its && (!confirmed || p->returned))
			continue;
		if (its)
			p->heard_ns = now_ns;
		o->v[kept++] = *p;
	}
	o->n = kept;
}

void owed_end(struct owed *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].heard_ns)
			o->v[kept++] = o->v[i];
	o->n = kept;
}

void owed_tell(struct owed *o, struct op *op)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n; i++) {
		struct owed_one *p = &o->v[i];

		if (p->heard_ns && op->nlate < OP_LATE_MAX)
			op->room->late[op->nlate++] = (struct op_late){p->value, p->heard_ns};
		else
			o->v[kept++] = *p;
	}
	o->n = kept;
}

void owed_free(struct owed *o)
{
	free(o->v);
	*o = (struct owed){0};
}
