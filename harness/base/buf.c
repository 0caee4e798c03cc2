#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t room(struct buf *b, size_t want)
{
	size_t cap = b->cap ? b->cap : BUF_CAP;
	size_t need, alloc;

	if (want > cap - b->len) {
		b->over = true;
		want = cap - b->len;
	}
	need = b->len + want + 1;
	if (need > b->alloc) {
		alloc = b->alloc ? b->alloc * 2 : 64;
		if (alloc < need)
			alloc = need;
		b->s = mem_realloc(b->s, alloc);
		b->alloc = alloc;
	}
	return want;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	len = room(b, len);
	if (len)
		memcpy(b->s + b->len, data, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vfmt(struct buf *b, const char *fmt, va_list ap)
{
	char small[512], *big;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n > 0 && (size_t)n < sizeof(small)) {
		buf_add(b, small, (size_t)n);
	} else if (n > 0) {
		big = mem_alloc((size_t)n + 1);
		vsnprintf(big, (size_t)n + 1, fmt, again);
		buf_add(b, big, (size_t)n);
		free(big);
	}
	va_end(again);
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(b, fmt, ap);
	va_end(ap);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->s)
		b->s[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->s);
	*b = (struct buf){.cap = b->cap};
}

const char *buf_cstr(const struct buf *b)
{
	return b->s ? b->s : "";
}
