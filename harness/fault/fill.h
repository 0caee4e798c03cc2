#ifndef ORDEAL_FAULT_FILL_H
#define ORDEAL_FAULT_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Taking the room of a file system with one file. */

#define FILL_PREFIX ".ordeal-fill-"

/* True when `dir` lies on another file system than `node_dir`, a folder of
 * the node's own: only then does filling it leave the node alone. */
bool fill_bounded(const char *dir, const char *node_dir);

/* The file system (st_dev) that holds the folder of `path`; 0: there is none. */
int64_t fill_device(const char *path);

/* Grows the file at `path` (made when missing) until `percent` of its file
 * system is used; 100: until not one more block can be had. It never
 * shrinks. An error, and nothing is touched, when the folder is not on
 * `device` (any more): a volume that was unmounted leaves a folder of the
 * node's. */
int fill_to(const char *path, int64_t device, int percent, struct err *e);

/* Removes it from that device, also where the pod has renamed it or has it open, and what a
 * look at it may have left beside it; *size is what it took, -1 when it was not there. */
int fill_remove(const char *path, int64_t device, int64_t *size, struct err *e);

/* Whether what has that name in the folder is a file of ours, by its mark; -1 with errno. */
int fill_ours(int dir, const char *name, bool *ours);

/* What has that name in the folder goes, and gives its room back; -1 with errno. */
int fill_end(int dir, const char *name);

struct fill_state {
	int64_t size_bytes, free_bytes, fill_bytes;
	double used_percent;
	bool no_room; /* only when probed: a write of two blocks got ENOSPC */
};

/* Looks at the file system that holds `path`; with `probe` it also tries to
 * write a small file beside it, which is removed again. */
int fill_look(const char *path, bool probe, struct fill_state *out, struct err *e);

#endif
