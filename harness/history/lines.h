#ifndef ORDEAL_HISTORY_LINES_H
#define ORDEAL_HISTORY_LINES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Files of one JSON object a line, written by a process that may have died at
 * any byte, and kept where anything may have happened to them since. */

/* A file that still grows is read in several goes. Zeroed: from its beginning. */
struct lines_at {
	size_t byte; /* behind the last full line that was read */
	int line;    /* its number */
	bool torn;   /* bytes without a newline follow it: left out */
};

/* `o` is the callee's to delete; `text` is the line with its newline. */
typedef int line_fn(void *arg, cJSON *o, const char *text, size_t len, int line, struct err *e);

/* Calls fn for each full line from *at on. An error is ERR_INPUT and names file
 * and line: what is not one JSON value, a NUL, a line of more than `most`
 * bytes. Empty lines are skipped, white space at a line's end (CRLF) and a byte
 * order mark at the file's beginning are nothing. Only regular files, of 1 GiB
 * at most. */
int lines_each(const char *path, size_t most, struct lines_at *at, line_fn *fn, void *arg,
	       struct err *e);

#endif
