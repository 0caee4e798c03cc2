#include "memoryd/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "history/op.h"

_Static_assert(sizeof(struct memory_entry) == MEMORY_ENTRY_BYTES, "entries are stored as they are");

/* FNV-1a, 32 bits. */
static uint32_t sum_of(const struct memory_entry *x)
{
	const unsigned char *p = (const unsigned char *)x + sizeof(x->sum);
	uint32_t h = UINT32_C(2166136261);

	for (size_t i = 0; i < sizeof(*x) - sizeof(x->sum); i++)
		h = (h ^ p[i]) * UINT32_C(16777619); /* NOLINT: set, all of it, member by member */
	return h;
}

static void apply_set(struct memory_register *r, int64_t value)
{
	r->before = r->value;
	r->value = value;
	r->changed_ns = clock_mono_ns();
}

static void apply_message(struct memory_partition *p, uint32_t kind, int64_t value)
{
	if (kind == ENTRY_SEND)
		*VEC_PUSH(p->m, p->n, p->alloc) = (struct memory_message){.value = value};
	else if (value >= 0 && (size_t)value < p->n && kind == ENTRY_TAKE)
		p->m[value].taken = true;
	else if (value >= 0 && (size_t)value < p->n)
		p->m[value].acked = true;
	while (p->low < p->n && p->m[p->low].acked)
		p->low++;
}

static void apply(struct memory_store *s, const struct memory_entry *x)
{
	if (x->kind == ENTRY_SET)
		apply_set(&s->regs[x->key], x->value);
	else if (x->kind >= ENTRY_SEND)
		apply_message(&s->parts[x->key], x->kind, x->value);
}

static void clear_state(struct memory_store *s)
{
	for (size_t i = 0; i < MEMORY_KEYS_MAX; i++) {
		s->regs[i] = (struct memory_register){OP_NO_VALUE, OP_NO_VALUE, 0};
		s->parts[i].n = s->parts[i].low = 0;
	}
}

bool memory_store_kind(uint32_t kind)
{
	return kind >= ENTRY_INSERT && kind <= ENTRY_ACK;
}

static bool sound(const struct memory_entry *x)
{
	return x->sum == sum_of(x) && memory_store_kind(x->kind) &&
	       x->key >= 0 && x->key < MEMORY_KEYS_MAX;
}

static void take(struct memory_store *s, const struct memory_entry *x)
{
	size_t at = s->n;

	*VEC_PUSH(s->added_ns, at, s->added_alloc) = clock_mono_ns();
	*VEC_PUSH(s->log, s->n, s->alloc) = *x;
	apply(s, x);
}

static int load(struct memory_store *s, const char *path, struct err *e)
{
	struct buf b = {0};
	struct memory_entry x;
	size_t n;

	if (file_read(path, &b, e))
		return -1;
	for (n = 0; (n + 1) * sizeof(x) <= b.len; n++) {
		memcpy(&x, b.s + n * sizeof(x), sizeof(x));
		if (!sound(&x))
			break;
		take(s, &x);
	}
	buf_free(&b);
	s->written = n;
	if (ftruncate(s->fd, (off_t)(n * sizeof(x))))
		return err_set(e, ERR_BROKEN, "cannot cut %s: %s", path, strerror(errno));
	return 0;
}

int memory_store_open(struct memory_store *s, const char *dir, bool sync, struct err *e)
{
	char path[PATH_MAX];

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->sync = sync;
	s->regs = mem_alloc(MEMORY_KEYS_MAX * sizeof(*s->regs));
	s->parts = mem_alloc(MEMORY_KEYS_MAX * sizeof(*s->parts));
	clear_state(s);
	if (file_mkdirs(dir, e))
		return -1;
	snprintf(path, sizeof(path), "%s/log", dir);
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return err_set(e, ERR_BROKEN, "cannot open %s: %s", path, strerror(errno));
	return load(s, path, e);
}

void memory_store_close(struct memory_store *s)
{
	if (s->fd > 0)
		close(s->fd);
	free(s->log);
	free(s->added_ns);
	free(s->regs);
	for (size_t i = 0; s->parts && i < MEMORY_KEYS_MAX; i++)
		free(s->parts[i].m);
	free(s->parts);
	memset(s, 0, sizeof(*s));
}

void memory_store_add(struct memory_store *s, uint32_t kind, int64_t key, int64_t value,
		      uint64_t epoch)
{
	struct memory_entry x = {.kind = kind, .key = key, .value = value, .epoch = epoch};

	x.sum = sum_of(&x);
	take(s, &x);
}

int memory_store_flush(struct memory_store *s, struct err *e)
{
	while (s->written < s->n) {
		size_t at = s->written * sizeof(*s->log);
		ssize_t w = pwrite(s->fd, s->log + s->written,
				   (s->n - s->written) * sizeof(*s->log), (off_t)at);

		if (w < 0 && errno == EINTR)
			continue;
		/* Half an entry is written again as a whole. */
		if (w < (ssize_t)sizeof(*s->log))
			return err_set(e, ERR_BROKEN, "cannot write the log: %s",
				       w < 0 ? strerror(errno) : "no room");
		s->written += (size_t)w / sizeof(*s->log);
		s->dirty = true;
	}
	if (s->dirty && s->sync && fdatasync(s->fd))
		return err_set(e, ERR_BROKEN, "cannot sync the log: %s", strerror(errno));
	s->dirty = false;
	return 0;
}

int memory_store_truncate(struct memory_store *s, size_t n, struct err *e)
{
	if (n >= s->n)
		return 0;
	s->n = n;
	if (s->written > n) {
		s->written = n;
		if (ftruncate(s->fd, (off_t)(n * sizeof(*s->log))))
			return err_set(e, ERR_BROKEN, "cannot cut the log: %s", strerror(errno));
		s->dirty = true;
	}
	clear_state(s);
	for (size_t i = 0; i < n; i++)
		apply(s, &s->log[i]);
	return 0;
}

uint64_t memory_store_epoch(const struct memory_store *s, size_t n)
{
	return n && n <= s->n ? s->log[n - 1].epoch : 0;
}

size_t memory_store_until(const struct memory_store *s, uint64_t epoch)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->log[mid].epoch <= epoch)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
