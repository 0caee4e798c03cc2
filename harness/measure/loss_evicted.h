#ifndef ORDEAL_MEASURE_LOSS_EVICTED_H
#define ORDEAL_MEASURE_LOSS_EVICTED_H

#include "measure/parts.h"

/* Between the files of loss only: what the system says it threw out. */
struct evictions {
	int64_t keys;      /* of all shards */
	struct eviction {
		uint32_t shard; /* 0: unknown, or there are none */
		int64_t t_ns;   /* they had been thrown out by then */
		int64_t left;   /* keys */
		size_t next;    /* of these the first that may have some left */
	} *v;              /* heap; by shard, then by time */
	size_t n, alloc;
};

/* What was counted for certain from from_ns on, when the load began, until the final
 * read. */
void evictions_make(const struct evidence *ev, int64_t from_ns, struct evictions *out);
void evictions_free(struct evictions *e);

/* Takes those of out->writes whose cause is LOSS_EVICTED, which is what an
 * eviction may explain, out of the list for as many keys as there were evictions
 * after them; to the others it gives LOSS_UNKNOWN. Fills evicted, evictions, more_missing
 * and maybe_lost. The order of the list changes. */
void evictions_excuse(struct evictions *e, struct loss *out);

#endif
