#ifndef ORDEAL_SYSTEM_SYSTEM_H
#define ORDEAL_SYSTEM_SYSTEM_H

#include "system/client.h"
#include "system/model.h"

/* A system under trial: its client and its model, both under one name in
 * system/list.h. */
struct system {
	const struct client_ops *client;
	const struct model_ops *model;
};

/* NULL when there is none of this name (client_ops.name). */
const struct system *system_find(const char *name);
const struct system *system_all(size_t *n);

#endif
