#ifndef ORDEAL_NODE_LOOP_H
#define ORDEAL_NODE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Bounded file systems: ext4 in a file of a set size, mounted by way of a
 * loop device. All paths are the node's; `root` is the node's root folder as
 * this process sees it ("" when it is its own). */

/* Makes an image of exactly `size_bytes`, with its room on the disk reserved,
 * and an ext4 file system with no blocks kept back. ERR_UNSUPPORTED when the
 * disk has not that much room and `spare_bytes` besides. A half-made image is
 * removed. */
int loop_make_image(const char *root, const char *image, int64_t size_bytes, int64_t spare_bytes,
		    struct err *e);

/* Mounts the image at `dir` (made when missing) in the node's own mount
 * namespace; nothing happens when something is mounted there already. The
 * loop device goes when the mount goes, whoever ends it. */
int loop_mount(const char *root, const char *image, const char *dir, struct err *e);

/* Unmounts `dir` if anything is mounted there. */
int loop_unmount(const char *root, const char *dir, struct err *e);

bool loop_is_mounted(const char *root, const char *dir);

#endif
