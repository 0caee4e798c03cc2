#ifndef ORDEAL_BASE_BUF_H
#define ORDEAL_BASE_BUF_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

/* A growing byte string, always NUL-terminated once anything was added.
 * A zeroed struct is empty. It never grows past `cap` bytes (0: BUF_CAP):
 * adding more sets `over` and drops the rest, so that a runaway peer cannot
 * take the memory of the harness. Out of memory ends the program. */

#define BUF_CAP ((size_t)1 << 30)

struct buf {
	char *s;
	size_t len, alloc, cap;
	bool over;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vfmt(struct buf *b, const char *fmt, va_list ap);
void buf_reset(struct buf *b);
void buf_free(struct buf *b);

/* The string, "" when empty; owned by the buffer. */
const char *buf_cstr(const struct buf *b);

#endif
