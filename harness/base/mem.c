#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Here alone is what banned.h bans for its NULL. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { ARENA_BLOCK_BYTES = 64 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char data[];
};

static void *must(void *p)
{
	if (!p) {
		fputs("ordeal: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
	return must(realloc(p, size ? size : 1));
}

char *mem_strdup(const char *s)
{
	return must(strdup(s));
}

static char *formatted(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return must(s);
}

char *mem_fmt(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = formatted(fmt, ap);
	va_end(ap);
	return s;
}

void mem_copy_str(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->head;
	void *p;

	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!b || b->size - b->used < size) {
		size_t data = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;

		b = mem_alloc(sizeof(*b) + data);
		b->size = data;
		b->next = a->head;
		a->head = b;
	}
	p = b->data + b->used;
	b->used += size;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(arena_alloc(a, len), s, len);
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	char *heap, *s;
	va_list ap;

	va_start(ap, fmt);
	heap = formatted(fmt, ap);
	va_end(ap);
	s = arena_strdup(a, heap);
	free(heap);
	return s;
}

void arena_free(struct arena *a)
{
	while (a->head) {
		struct arena_block *next = a->head->next;

		free(a->head);
		a->head = next;
	}
}

void *mem_grow(void *p, size_t n, size_t *alloc, size_t size)
{
	if (n == *alloc) {
		*alloc = n ? n * 2 : 16;
		p = mem_realloc(p, *alloc * size);
	}
	memset((char *)p + n * size, 0, size);
	return p;
}
