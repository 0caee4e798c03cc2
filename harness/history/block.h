#ifndef ORDEAL_HISTORY_BLOCK_H
#define ORDEAL_HISTORY_BLOCK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Both files of a run are written in blocks: some lines, and one line that
 * counts and sums them up (doc/HISTORY.md), so that whatever is lost, doubled
 * or changed later is noticed when they are read. Who made the lines makes the
 * sum: the load agent of its operations, the driver of its events. */

/* Files of a run that has blocks say so by this in its "run" event. */
enum { BLOCKS_FORMAT = 2 };

/* Of lines with their newlines, the sum as zlib's crc32(). */
struct block_sum {
	int64_t lines, bytes;
	uint32_t crc;
};

void block_add(struct block_sum *s, const char *text,
	       size_t len); /* one line, or several whole ones */
/* `more` follows on `s`. */
void block_join(struct block_sum *s, const struct block_sum *more);

struct block {
	bool events;      /* of events.jsonl; else of history.jsonl: */
	uint32_t scenario, group; /* whose operations these are */
	int64_t from;     /* the number of its first line, from 0, among those of this writer */
	int64_t lines;
	uint32_t crc;
	bool end;         /* the writer has nothing more to say */
};

enum { BLOCK_LINE_MAX = 200 };
/* One line with its newline; returns its length. */
size_t block_to_line(const struct block *b, char out[BLOCK_LINE_MAX]);
bool block_is(const cJSON *o);
int block_from_json(const cJSON *o, struct block *b, struct err *e);

/* Whether these are the lines that the block speaks of, the first of which
 * should be number `from`. */
int block_verify(const struct block *b, const struct block_sum *lines, int64_t from, struct err *e);

#endif
