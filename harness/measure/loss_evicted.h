#ifndef ORDEAL_MEASURE_LOSS_EVICTED_H
#define ORDEAL_MEASURE_LOSS_EVICTED_H

#include "measure/parts.h"

/* Between the files of loss only: what the system says it threw out. */
struct evictions {
	int64_t keys;      /* of all shards */
	int64_t *by_shard; /* heap; [0]: of those whose shard is unknown, or that are none */
	size_t n, alloc;
};

void evictions_make(const struct evidence *ev, struct evictions *out);
void evictions_free(struct evictions *e);

/* Takes those of out->writes whose cause is LOSS_EVICTED, which is what an
 * eviction may explain, out of the list for as many keys as there were evictions;
 * to the others it gives LOSS_UNKNOWN. Fills evicted, evictions, more_missing
 * and maybe_lost. The order of the list changes. */
void evictions_excuse(struct evictions *e, struct loss *out);

#endif
