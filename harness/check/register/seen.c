#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/register/parts.h"

/* A hash table of configurations. */

struct used {
	struct used *next;
	uint64_t bits[];
};

struct reg_config { /* in the arena, followed by its bytes */
	uint64_t hash;
	struct used *used; /* none holds another */
	size_t len;
	unsigned char bytes[];
};

static uint64_t hash_of(const unsigned char *p, size_t n)
{
	uint64_t h = UINT64_C(1469598103934665603), w;
	size_t i;

	for (i = 0; i < n; i += 8) {
		memcpy(&w, p + i, 8);
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h;
}

static void grow(struct reg_seen *m)
{
	size_t size = m->size ? m->size * 2 : 1024, i;
	struct reg_config **slots = mem_alloc(size * sizeof(*slots));

	for (i = 0; i < m->size; i++) {
		size_t at;

		if (!m->slots[i])
			continue;
		at = m->slots[i]->hash & (size - 1);
		while (slots[at])
			at = (at + 1) & (size - 1);
		slots[at] = m->slots[i];
	}
	free(m->slots);
	m->bytes += (size - m->size) * sizeof(*slots);
	m->slots = slots;
	m->size = size;
}

static struct reg_config *find(struct reg_seen *m, const void *key, size_t len)
{
	uint64_t h = hash_of(key, len);
	struct reg_config *c;
	size_t at;

	if (m->n * 2 >= m->size)
		grow(m);
	for (at = h & (m->size - 1); (c = m->slots[at]); at = (at + 1) & (m->size - 1))
		if (c->hash == h && c->len == len && !memcmp(c->bytes, key, len))
			return c;
	c = arena_alloc(&m->arena, sizeof(*c) + len);
	c->hash = h;
	c->len = len;
	memcpy(c->bytes, key, len);
	m->slots[at] = c;
	m->n++;
	m->bytes += sizeof(*c) + len + 16;
	return c;
}

static bool within(const uint64_t *a, const uint64_t *b, size_t words)
{
	size_t i;

	for (i = 0; i < words; i++)
		if (a[i] & ~b[i])
			return false;
	return true;
}

bool reg_seen_add(struct reg_seen *m, const void *key, size_t len, const uint64_t *bits,
		  int64_t *looked)
{
	size_t bytes = sizeof(struct used) + m->words * 8;
	struct reg_config *c = find(m, key, len);
	struct used **at = &c->used, *u;

	while ((u = *at)) {
		*looked += 8 + (int64_t)m->words;
		if (within(u->bits, bits, m->words))
			return false;
		if (within(bits, u->bits, m->words))
			*at = u->next;
		else
			at = &u->next;
	}
	u = arena_alloc(&m->arena, bytes);
	memcpy(u->bits, bits, m->words * 8);
	u->next = c->used;
	c->used = u;
	m->bytes += bytes;
	return true;
}

void reg_seen_free(struct reg_seen *m)
{
	free(m->slots);
	arena_free(&m->arena);
}
