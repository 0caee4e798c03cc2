#ifndef ORDEAL_NODE_VOLUME_STORE_H
#define ORDEAL_NODE_VOLUME_STORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The volumes that one node holds, below DIR (on the node):
 *   <name>.json  what it is for; written before anything else is made
 *   <name>.img   the file system
 *   <name>/      where it is mounted; <name>/data is the volume */

/* What a store leaves free on its disk. */
#define VOLUME_SPARE_BYTES (INT64_C(1) << 30)

enum { VOLUME_NAME_MAX = 200 }; /* with an ending, a file's name */

struct volume_store {
	const char *root; /* the node's root as this process sees it */
	char dir[300];
};

/* Makes and mounts a volume. `about` (claim, namespace, uid) is kept with it.
 * ERR_UNSUPPORTED when the disk has no room for it, ERR_INPUT for a name that
 * is too long. */
int volume_make(const struct volume_store *s, const char *name, int64_t size_bytes,
		const cJSON *about, struct err *e);

/* Mounts it if it is not; a volume that was never finished is an error. */
int volume_mount(const struct volume_store *s, const char *name, struct err *e);

/* True when its file system is known to be no more. */
bool volume_gone(const struct volume_store *s, const char *name);

/* Unmounts and removes it; what is missing is fine. */
int volume_remove(const struct volume_store *s, const char *name, struct err *e);

/* All volumes: [{name, mounted, ...about}]; the caller deletes it. -1: not all could be seen. */
int volume_list(const struct volume_store *s, cJSON **out, struct err *e);

/* The folder that pods get, as the node sees it. `out` holds 512 bytes. */
void volume_data_path(const struct volume_store *s, const char *name, char out[512]);

#endif
