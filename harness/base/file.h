#ifndef ORDEAL_BASE_FILE_H
#define ORDEAL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole file (at most 1 GiB) into b; a pipe that nobody writes to is an error. */
int file_read(const char *path, struct buf *b, struct err *e);

/* Writes to a temporary name beside `path`, fsyncs, renames over it and
 * fsyncs the folder: after a crash either the old or the new content is
 * there. */
int file_write_atomic(const char *path, const void *data, size_t len, struct err *e);

/* The same with what `tell` writes. */
int file_write_told(const char *path, void (*tell)(FILE *f, void *arg), void *arg, struct err *e);

/* The same as file_write_atomic() for what only its owner may read: it is never open to others. */
int file_write_private(const char *path, const void *data, size_t len, struct err *e);

/* A folder that only its owner may enter, made or closed to others; an error
 * when it is a link or somebody else's. */
int file_private_dir(const char *path, struct err *e);

/* Opens a lock or state file that may lie where others can put something in its
 * place (/run/lock): no link, a plain file, ours, with one name, closed to
 * others; made when it is missing. A descriptor to read and write, or -1. */
int file_open_own(const char *path, struct err *e);

/* mkdir -p. */
int file_mkdirs(const char *path, struct err *e);

/* rm -rf on one file or folder; a missing one is fine. Follows no links and
 * crosses no mount point. */
int file_remove_tree(const char *path, struct err *e);

bool file_exists(const char *path);
/* True when it is known that there is none: that it cannot be seen is not enough. */
bool file_absent(const char *path);

/* The project's root (where fixtures/ and kind/ are): $ORDEAL_HOME, or
 * found upwards from the running binary. `out` is PATH_MAX bytes. */
int file_project_root(char *out, struct err *e);

/* The cache folder: $ORDEAL_CACHE, else $XDG_CACHE_HOME/ordeal, else
 * ~/.cache/ordeal. Created when missing. `out` is PATH_MAX bytes. */
int file_cache_dir(char *out, struct err *e);

#endif
