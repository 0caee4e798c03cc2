/* The history is of the format that its run tells, and no operation returns after all
 * of its load had been written down. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/block.h"
#include "history/event.h"
#include "history/read.h"

/* How exact that is told, where clocks tell nothing of how far apart they are. */
#define SLACK_NS NS_PER_S

struct end {
	int64_t scenario, group; /* group -1: of all */
	int64_t t_ns;
};

struct ends {
	struct end *v;
	size_t n, alloc;
};

static bool is_end(const cJSON *e, int64_t *group)
{
	static const char *const phases[] = {"final", "final-failed", "done"};

	*group = -1;
	if (event_is(e, "history")) {
		*group = json_i64(e, "g", 0);
		return true;
	}
	for (size_t i = 0; event_is(e, "phase") && i < ARRAY_LEN(phases); i++)
		if (!strcmp(json_str(e, "phase", ""), phases[i]))
			return true;
	return event_is(e, "final");
}

static void find(const cJSON *events, struct ends *out)
{
	const cJSON *e;
	int64_t group;

	cJSON_ArrayForEach(e, events)
		if (is_end(e, &group))
			*VEC_PUSH(out->v, out->n, out->alloc) = (struct end){
				json_i64(e, "s", -1), group, json_i64(e, "t", 0) + json_i64(e, "te", 0) + SLACK_NS};
}

static int64_t end_of(const struct ends *ends, const struct op *op)
{
	int64_t t = INT64_MAX;

	for (size_t i = 0; i < ends->n; i++) {
		const struct end *x = &ends->v[i];

		if (x->scenario == op->scenario && (x->group < 0 || x->group == op->group) &&
		    x->t_ns < t)
			t = x->t_ns;
	}
	return t;
}

static int64_t format_of(const cJSON *events)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, events)
		if (event_is(e, "run"))
			return json_i64(e, "format", 1);
	return 1;
}

int history_ends(const char *path, const struct history *h, const cJSON *events, struct err *e)
{
	const struct op *last = NULL; /* for which it was looked up */
	struct ends ends = {0};
	int64_t end = INT64_MAX;
	int r = 0;

	if (h->nstreams && format_of(events) < BLOCKS_FORMAT)
		return err_set(e, ERR_INPUT, "%s has blocks, and events.jsonl no \"run\" event with \"format\" %d: it is "
			       "another run's, or was changed", path, BLOCKS_FORMAT);
	find(events, &ends);
	for (size_t i = 0; i < h->n && !r; i++) {
		const struct op *op = &h->ops[i];

		if (!last || last->scenario != op->scenario || last->group != op->group)
			end = end_of(&ends, op);
		last = op;
		/* One that was called later, too, has another clock (whole.c). */
		if (op->t_return > end && op->t_invoke <= end)
			r = err_set(e, ERR_INPUT, "%s:%d: an operation returned (\"tr\") %.1f s after all operations of its "
				    "load had been written down", path, op->line, in_s(op->t_return - end + SLACK_NS));
	}
	free(ends.v);
	return r;
}
