#include "system/mysql/gtid.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* ---- order ---- */

static int by_source(const struct gtid_run *a, const struct gtid_run *b)
{
	int order = memcmp(a->uuid, b->uuid, sizeof(a->uuid));

	return order ? order : strcmp(a->tag, b->tag);
}

static int by_place(const void *x, const void *y)
{
	const struct gtid_run *a = x, *b = y;
	int order = by_source(a, b);

	return order ? order : (a->lo > b->lo) - (a->lo < b->lo);
}

static void put(struct gtid_set *s, const struct gtid_run *r)
{
	*VEC_PUSH(s->v, s->n, s->alloc) = *r;
}

/* Sorted, and what touches is one. */
static void settle(struct gtid_set *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_place);
	for (size_t i = 0; i < s->n; i++) {
		struct gtid_run *last = n ? &s->v[n - 1] : NULL;

		if (last && !by_source(last, &s->v[i]) && s->v[i].lo - 1 <= last->hi)
			last->hi = s->v[i].hi > last->hi ? s->v[i].hi : last->hi;
		else
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

/* ---- text ---- */

static const char *skip(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 36 characters, or 32 without the dashes; NULL: none. */
static const char *read_uuid(const char *p, unsigned char out[16])
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool dashes = memchr(p, '-', strnlen(p, 9));
	size_t digits = 0;

	memset(out, 0, 16);
	for (size_t i = 0; shape[i]; i++) {
		int d = hex(*p);

		if (shape[i] == '-' && !dashes)
			continue;
		if (shape[i] == '-' ? *p != '-' : d < 0)
			return NULL;
		if (shape[i] == 'x') {
			out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | d);
			digits++;
		}
		p++;
	}
	return p;
}

/* From 1 up; below the largest, which the server keeps for itself. */
static const char *read_number(const char *p, int64_t *out)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		if (n > (INT64_MAX - (*p - '0')) / 10)
			return NULL;
		n = n * 10 + (*p - '0');
	}
	*out = n;
	return n >= 1 && n < INT64_MAX ? p : NULL;
}

static const char *read_tag(const char *p, char out[GTID_TAG_BYTES])
{
	size_t n = 0;

	for (; isalnum((unsigned char)*p) || *p == '_'; p++) {
		if (n + 1 >= GTID_TAG_BYTES)
			return NULL;
		out[n++] = (char)tolower((unsigned char)*p);
	}
	out[n] = '\0';
	return p;
}

/* "a" or "a-b"; one that ends before it begins is empty, as the server has it. */
static const char *read_run(const char *p, struct gtid_run *r, struct gtid_set *out)
{
	p = read_number(p, &r->lo);
	r->hi = r->lo;
	if (p && *skip(p) == '-')
		p = read_number(skip(skip(p) + 1), &r->hi);
	if (p && r->hi >= r->lo)
		put(out, r);
	return p;
}

/* "uuid:1-3:5:tag:1"; what stands behind a tag is of that tag. */
static const char *read_source(const char *p, struct gtid_set *out)
{
	struct gtid_run r = {0};

	p = read_uuid(p, r.uuid);
	for (p = p ? skip(p) : p; p && *p == ':'; p = p ? skip(p) : p) {
		p = skip(p + 1);
		if (isalpha((unsigned char)*p) || *p == '_')
			p = read_tag(p, r.tag);
		else
			p = read_run(p, &r, out);
	}
	return p;
}

bool gtid_parse(const char *text, struct gtid_set *out)
{
	const char *p = skip(text);

	memset(out, 0, sizeof(*out));
	while (p && *p) {
		if (*p != ',')
			p = read_source(p, out);
		if (p && *p && *p != ',')
			p = NULL;
		p = p && *p ? skip(p + 1) : p;
	}
	if (!p) {
		gtid_free(out);
		return false;
	}
	settle(out);
	return true;
}

static void put_uuid(struct buf *b, const unsigned char uuid[16])
{
	for (int i = 0; i < 16; i++)
		buf_fmt(b, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

static void print(const struct gtid_set *s, struct buf *b)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct gtid_run *r = &s->v[i], *last = i ? r - 1 : NULL;

		if (!last || memcmp(last->uuid, r->uuid, sizeof(r->uuid))) {
			buf_str(b, last ? "," : "");
			put_uuid(b, r->uuid);
			last = NULL;
		}
		if (*r->tag && (!last || strcmp(last->tag, r->tag)))
			buf_fmt(b, ":%s", r->tag);
		buf_fmt(b, ":%lld", (long long)r->lo);
		if (r->hi > r->lo)
			buf_fmt(b, "-%lld", (long long)r->hi);
	}
}

char *gtid_text(const struct gtid_set *s)
{
	struct buf b = {0};
	char *text;

	print(s, &b);
	text = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return text;
}

void gtid_brief(const struct gtid_set *s, char *out, size_t size)
{
	char *text = gtid_text(s);
	size_t n = strlen(text);

	if (n >= size) {
		n = size - 4;
		while (n && text[n - 1] != ':' && text[n - 1] != ',')
			n--;
		snprintf(text + n, 4, "...");
	}
	mem_copy_str(out, size, text);
	free(text);
}

/* ---- sets ---- */

void gtid_add(struct gtid_set *to, const struct gtid_set *what)
{
	for (size_t i = 0; i < what->n; i++)
		put(to, &what->v[i]);
	settle(to);
}

/* What `b` has from its place *k on leaves of one run. */
static void carve(struct gtid_run r, const struct gtid_set *b, size_t *k, struct gtid_set *out)
{
	size_t i;

	/* Those that end before this one begins are before all that follow it, too. */
	while (*k < b->n &&
	       (by_source(&b->v[*k], &r) < 0 || (!by_source(&b->v[*k], &r) && b->v[*k].hi < r.lo)))
		(*k)++;
	for (i = *k; i < b->n && !by_source(&b->v[i], &r) && b->v[i].lo <= r.hi; i++) {
		struct gtid_run before = r;

		before.hi = b->v[i].lo - 1;
		if (before.hi >= before.lo)
			put(out, &before);
		if (b->v[i].hi >= r.hi)
			return;
		r.lo = b->v[i].hi + 1 > r.lo ? b->v[i].hi + 1 : r.lo;
	}
	put(out, &r);
}

void gtid_subtract(const struct gtid_set *a, const struct gtid_set *b, struct gtid_set *out)
{
	size_t k = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < a->n; i++)
		carve(a->v[i], b, &k, out);
}

bool gtid_within(const struct gtid_set *a, const struct gtid_set *b)
{
	struct gtid_set rest;
	bool within;

	gtid_subtract(a, b, &rest);
	within = !rest.n;
	gtid_free(&rest);
	return within;
}

bool gtid_keep(struct gtid_set *s, const char *uuid, bool of_it)
{
	unsigned char bytes[16];
	size_t n = 0;

	if (!read_uuid(uuid, bytes))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(s->v[i].uuid, bytes, sizeof(bytes)) == of_it)
			s->v[n++] = s->v[i];
	s->n = n;
	return true;
}

int64_t gtid_count(const struct gtid_set *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		int64_t more = s->v[i].hi - s->v[i].lo + 1;

		if (n > INT64_MAX - more)
			return INT64_MAX;
		n += more;
	}
	return n;
}

void gtid_free(struct gtid_set *s)
{
	free(s->v);
	memset(s, 0, sizeof(*s));
}
