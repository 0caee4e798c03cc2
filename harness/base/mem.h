#ifndef ORDEAL_BASE_MEM_H
#define ORDEAL_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* Memory that is zeroed and never NULL: out of memory prints and aborts,
 * since a harness that cannot allocate cannot report anything true. Free
 * with free(). */
void *mem_alloc(size_t size) __attribute__((returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((returns_nonnull));
char *mem_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Copies at most size-1 bytes and always terminates. */
void mem_copy_str(char *to, size_t size, const char *from);

/* Memory that is given back all at once. A zeroed struct is an empty arena;
 * one thread at a time may use it. What it hands out is zeroed and lives
 * until arena_free(). */
struct arena_block;
struct arena {
	struct arena_block *head;
};
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_fmt(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));
void arena_free(struct arena *a);

/* Makes room for one more element in a heap array: VEC_PUSH(p, n, alloc)
 * returns a pointer to the new, zeroed element. */
void *mem_grow(void *p, size_t n, size_t *alloc, size_t size) __attribute__((returns_nonnull));
#define VEC_PUSH(p, n, alloc) \
	((p) = mem_grow((p), (n), &(alloc), sizeof(*(p))), &(p)[(n)++])

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
