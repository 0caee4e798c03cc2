#ifndef ORDEAL_BASE_BENEATH_H
#define ORDEAL_BASE_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Paths that others have a say in, followed without ever leaving a folder:
 * openat2(2) with RESOLVE_BENEATH, so links are followed as long as they stay
 * inside, as a kubelet does with a subPath, and one that leads out is an error,
 * not a way. On a kernel without it (before 5.6) no link is followed at all. */

/* An O_PATH descriptor of what is there; folders that are missing on the way
 * are made with `mode` (0: none are). -1 with errno, as text in `e`. */
int beneath_open(int root, const char *path, mode_t mode, struct err *e);

/* Opens `dir` itself, whose path is our own. */
int beneath_root(const char *dir, struct err *e);

/* Writes a file below `root`, whole or not at all, and makes its folders; no
 * link is written through. `group` -1: as it comes. */
int beneath_write(int root, const char *path, const void *data, size_t len, mode_t mode,
		  gid_t group, struct err *e);

/* Mounts what `fd` is, a folder or a file, at `target`, which is made for it:
 * from then on it does not matter what anybody puts in the path's place. */
int beneath_mount(int fd, const char *target, struct err *e);
/* Undoes it; what is not there is fine. */
int beneath_unmount(const char *target, struct err *e);

#endif
