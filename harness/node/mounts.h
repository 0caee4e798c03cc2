#ifndef ORDEAL_NODE_MOUNTS_H
#define ORDEAL_NODE_MOUNTS_H

#include "base/err.h"

/* Calls fn for each place where the node has something mounted, as the node
 * calls it. `root` is the node's root folder as this process sees it. */
int mounts_each(const char *root, void (*fn)(void *arg, const char *path), void *arg,
		struct err *e);

#endif
