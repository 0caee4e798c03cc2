#ifndef ORDEAL_BASE_APPEND_H
#define ORDEAL_BASE_APPEND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A file that grows by whole pieces. A piece that cannot be written whole (the
 * disk is full) is cut off again, and from then on nothing is written: what
 * such a file holds is true, and ends early. A zeroed struct is closed. One
 * thread at a time. */
struct append {
	bool open;
	int fd;
	int error;     /* errno of the piece that could not be written; 0: all were */
	int64_t bytes; /* written */
	char path[PATH_MAX];
};

/* Makes the file anew. */
int append_open(struct append *a, const char *path, struct err *e);

/* ERR_BROKEN, also for every piece after one that failed. */
int append_write(struct append *a, const void *data, size_t len, struct err *e);

/* After a failure: one piece, shorter than the one that failed, that may find
 * room yet. Whether it did. */
bool append_last_words(struct append *a, const void *data, size_t len);

/* -1 with the error of the piece that could not be written. */
int append_check(const struct append *a, struct err *e);

/* Some file systems find no room only now. What is closed already is fine. */
int append_close(struct append *a, struct err *e);

#endif
