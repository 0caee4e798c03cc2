#ifndef ORDEAL_MEASURE_PARTS_H
#define ORDEAL_MEASURE_PARTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/op.h"
#include "measure/measure.h"
#include "system/system.h"

/* What the files of measure/ share; not for other layers, except that
 * check/ reads a history through the same eyes (view). */

/* One scenario's share of a run. Operations by t_invoke; they and the evidence
 * are the caller's. */
struct view {
	const struct op **ops;
	size_t nops;
	uint32_t shard; /* that all of them belong to; 0: not narrowed to one */
	bool reads;     /* it is about what reads of any kind met, not writes */
	const struct evidence *ev;
	const struct standstill *stood; /* of the generator, in the order of time; borrowed */
	size_t nstood;
};

/* Which operations the view is about: served and not served. */
static inline bool view_served(const struct view *v, const struct op *op)
{
	return op->outcome == OP_OK && op_is_write(op) == !v->reads;
}

static inline bool view_refused(const struct view *v, const struct op *op)
{
	return op_refused(op) && op_is_write(op) == !v->reads;
}

void view_make(struct view *v, const struct history *h, const struct evidence *ev);
void view_free(struct view *v);

int by_i64(const void *a, const void *b);

/* Instants in their order; heap. */
struct instants {
	int64_t *v;
	size_t n, alloc;
};
/* When the view's operations were served, and by when those that were not would
 * have been: at their return, or after `slow`. */
void view_instants(const struct view *v, int64_t slow, struct instants *served,
		   struct instants *refused);
/* How many are not later than `at`. */
size_t instants_to(const struct instants *t, int64_t at);
/* How many lie within (from, to). */
size_t instants_between(const struct instants *t, int64_t from, int64_t to);

/* Before the first fault. Of the view's own operations: writes, or reads. */
struct baseline {
	int64_t until_ns;     /* the first injection, or the end of the load */
	int64_t p50_ns, p99_ns; /* answered operations, from the intended send; -1 */
	int64_t p999_ns;        /* its own that were served, from the call itself; -1 */
	int64_t gap_p99_ns;     /* between two that were served; -1 */
	int64_t gap_limit_ns;   /* a longer one is no gap that a healthy service has */
	int failed_run;         /* most that failed between two that were served */
	int64_t lateness_p99_ns, lateness_max_ns; /* of the generator; -1 */
};
void baseline_make(const struct view *v, int64_t until_ns, struct baseline *b);

/* The first instant from `from_ns` on at which p99 is back (0: not seen). */
int64_t baseline_back(const struct view *v, const struct baseline *b, int64_t from_ns);

/* The first injection after an instant, or the end of the load. */
int64_t next_injection(const struct measured *m, int64_t after);

void buckets_make(const struct view *v, struct measured *m);

/* The outage of the fault's window as the operations of `v` saw it. */
void outage_make(const struct view *v, const struct baseline *b, int64_t end_ns,
		 const struct fault_seen *f, struct outage *out);

/* The longest one before the first fault; where there is none, of the whole load. */
void outage_before_make(const struct view *v, const struct baseline *b, int64_t end_ns,
			struct outage *out);

/* Fills f->outage, outage_of and parts. `v` has all operations, `main` (and
 * its baseline) those of group 0. */
void outage_parts_make(const struct view *v, const struct view *main, const struct baseline *b,
		       int64_t end_ns, struct fault_seen *f);

/* The same view with those operations that belong to `which` alone; the events
 * are shared. */
typedef bool view_part(const struct op *op, int64_t which);
bool in_group(const struct op *op, int64_t which);
/* Whether a cut held the clients of a group apart from the others at t_ns: asked
 * for, and no outage of the service's. Never so for group 0. */
bool group_apart(const struct evidence *ev, uint32_t group, int64_t t_ns);
void view_narrow(const struct view *v, view_part *belongs, int64_t which, struct view *out);
void view_narrow_free(struct view *v);
/* The shards that the view has operations of, ascending, each once; heap. At most
 * VIEW_SHARDS_MOST, for each is looked at by itself; Redis Cluster, which has the
 * most, is made for up to 1000 nodes. */
enum { VIEW_SHARDS_MOST = 1024 };
size_t view_shards(const struct view *v, int64_t **out);

/* Fills f->served; `v` has all operations. */
void served_make(const struct view *v, struct fault_seen *f);

void loss_make(const struct view *v, const struct model_ops *model, const struct fault_seen *faults,
	       size_t nfaults, struct loss *out);

/* Fills `point` of m's faults; after loss_make. */
void recovery_points_make(const struct view *v, const struct model_ops *model, struct measured *m);

/* Fills m->staleness, and replica_reads of the faults that m has. */
void staleness_make(const struct view *v, struct measured *m);

/* Newest samples and what they prove. */
void recovery_make(const struct view *v, const struct model_ops *model, struct measured *m);
void dual_primary_make(const struct view *v, struct measured *m);

/* When the generator stood still; `main` has the operations of group 0. */
void standstills_make(const struct view *main, struct measured *m);

/* Of the whole load, before the first fault, and in each fault's own time: the
 * figures of m are there already. */
void noise_make(const struct view *main, const struct baseline *b, struct measured *m);

void load_sent_make(const struct view *v, const struct baseline *b, struct measured *m);

#endif
