#ifndef ORDEAL_APISERVER_LIST_H
#define ORDEAL_APISERVER_LIST_H

#include <stdbool.h>

#include "apiserver/store.h"
#include "base/buf.h"

/* Lists, as they are asked for and as they are told: without the store's lock, for both
 * may take their time. */

struct list_of {
	const struct kind *kind;
	const char *labels, *fields; /* selectors; NULL: all */
};

/* A selector of an account's is looked at for each object, and for each change in each
 * watch. NULL: it is no longer than anybody needs. */
const char *list_too_long(const struct list_of *l);

bool list_has(const struct list_of *l, const cJSON *object);
/* As GET gives it. */
void list_text(const struct list_of *l, const struct store_view *view, struct buf *out);

#endif
