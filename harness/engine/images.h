#ifndef ORDEAL_ENGINE_IMAGES_H
#define ORDEAL_ENGINE_IMAGES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* Which image a pod really gets for the one that its manifest names.
 * fixtures/images/stock.yaml says what stands in for a stock image where no
 * registry has it. */

struct image_used {
	const char *asked;  /* as the manifest writes it */
	const char *used;   /* NULL: cannot be had */
	struct err why;     /* when it cannot */
	bool withdrawn;     /* nowhere: a pod that wants it waits, as it would anywhere */
};

/* What stock.yaml says of one image. */
struct stock_image {
	const char *image; /* "redis:7.2" */
	const char *build; /* folder in fixtures/images; NULL: cannot be had */
	const char *is;    /* what stands in, or why nothing can */
	bool withdrawn;    /* its registry has it no more */
};

struct images {
	struct arena *arena;
	char root[PATH_MAX], cache[PATH_MAX];
	struct image_used *v;
	size_t n, alloc;
	struct stock_image *stock;
	size_t nstock;
	bool read;
	bool local; /* this machine's Docker will do: no registry */
};

/* The reference to use on kind's nodes, or, if `local`, with Docker here; builds or pulls it by
 * kind/image.sh when needed (progress on standard error), once an image and process. NULL when it
 * cannot be had: images_error() says why. */
const char *images_on_kind(struct images *im, const char *asked);

/* Where a cluster pulls from: the longest FROM of these "FROM=TO" that the whole
 * reference begins with, at a "/", becomes its TO. "redis:7.2" is
 * docker.io/library/redis:7.2, "bitnami/redis" docker.io/bitnami/redis. NULL:
 * none fits, or TO stands there already. */
const char *images_redirect(struct arena *a, const char *const *prefixes, size_t n,
			    const char *image);
/* What is wrong with one; NULL: nothing. */
const char *images_bad_prefix(const char *prefix);

/* The first of these references that cannot be had here, as an error; 0: none. One
 * that was withdrawn is no error of this place. */
int images_error(const struct images *im, const char *const *refs, size_t n, struct err *e);

/* Why this one cannot be had, withdrawn or not; leaves `e` alone when nothing is known. */
void images_why(const struct images *im, const char *ref, struct err *e);

/* Builds fixtures/images/NAME with `context` (NULL: its own folder) and puts
 * it where the nodes find it; the reference lives in the arena. */
int images_build(struct images *im, const char *name, const char *context, const char **ref,
		 struct err *e);

#endif
