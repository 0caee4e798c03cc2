#ifndef ORDEAL_HISTORY_READ_H
#define ORDEAL_HISTORY_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "history/block.h"
#include "history/lines.h"
#include "history/op.h"

/* The two files of a run are read strictly: what is damaged is an error that
 * names file and line (ERR_INPUT), for a figure made from it could be any
 * figure. A last line without its newline is left out. */

/* How far a file has been read: for one that still grows. Zeroed: not yet. */
struct file_at {
	struct lines_at lines;
	struct block_sum open; /* the lines since the last block */
	bool blocks;           /* there was one */
	/* events.jsonl: */
	int64_t next;          /* the number of the next block's first event */
	int format;            /* as its "run" event tells; 0: there was none */
	bool closed;           /* by a block that ends it */
};

/* Reads history.jsonl and sorts it. No operation may be there twice, and no
 * inserted or sent value. */
int history_read(const char *path, struct history *h, struct err *e);
/* The same of a file that still grows: what is new in it since *at. */
int history_read_from(const char *path, struct file_at *at, struct history *h, struct err *e);

/* Holds the operations against the events of their run: none returns after all of its
 * load had been written down, which is damage as well. `path` is for the error. */
int history_ends(const char *path, const struct history *h, const cJSON *events, struct err *e);

/* Reads events.jsonl, of one run, into an array; the caller deletes it. Every
 * event has the fields that its kind needs, of the right types. */
cJSON *events_read(const char *path, struct err *e);
cJSON *events_read_from(const char *path, struct file_at *at, struct err *e);

#endif
