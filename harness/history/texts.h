#ifndef ORDEAL_HISTORY_TEXTS_H
#define ORDEAL_HISTORY_TEXTS_H

#include "base/mem.h"

/* Texts that many operations share, each kept once: addresses of servers and
 * errors are few, whatever a history is long. Zeroed: none. */
struct texts {
	const char **v; /* open addressing; NULL: free */
	size_t n, size; /* a power of two */
	struct arena arena;
};

/* The same text, for as long as *t is. NULL is "". */
const char *texts_keep(struct texts *t, const char *text);
/* For one that is nobody else's. */
const char *texts_keep_one(struct texts *t, const char *text);
/* What is no text, and nobody else's; NULL where there is none of it. */
const void *texts_keep_bytes(struct texts *t, const void *bytes, size_t n);
void texts_free(struct texts *t);

#endif
