#include "history/texts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 64 };

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static size_t place_of(const char *text, size_t size)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32) & (size - 1);
}

/* Where it stands, or belongs. */
static const char **slot(const struct texts *t, const char *text)
{
	size_t i = place_of(text, t->size);

	while (t->v[i] && strcmp(t->v[i], text))
		i = (i + 1) & (t->size - 1);
	return &t->v[i];
}

static void grow(struct texts *t)
{
	struct texts old = *t;

	t->size = old.size ? 2 * old.size : FIRST_SIZE;
	t->v = mem_alloc(t->size * sizeof(*t->v));
	for (size_t i = 0; i < old.size; i++)
		if (old.v[i])
			*slot(t, old.v[i]) = old.v[i];
	free(old.v);
}

const char *texts_keep(struct texts *t, const char *text)
{
	const char **at;

	if (!text || !*text)
		return "";
	if (2 * t->n >= t->size)
		grow(t);
	at = slot(t, text);
	if (!*at) {
		*at = arena_strdup(&t->arena, text);
		t->n++;
	}
	return *at;
}

const char *texts_keep_one(struct texts *t, const char *text)
{
	return text && *text ? arena_strdup(&t->arena, text) : "";
}

const void *texts_keep_bytes(struct texts *t, const void *bytes, size_t n)
{
	return n ? memcpy(arena_alloc(&t->arena, n), bytes, n) : NULL;
}

void texts_free(struct texts *t)
{
	free(t->v);
	arena_free(&t->arena);
	memset(t, 0, sizeof(*t));
}
