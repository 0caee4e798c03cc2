#include "system/redis/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

uint16_t redis_crc16(const char *s, size_t len)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)(unsigned char)s[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
	}
	return (uint16_t)crc;
}

int redis_slot(const char *key, size_t len)
{
	const char *open = memchr(key, '{', len), *close = NULL;

	if (open)
		close = memchr(open, '}', len - (size_t)(open - key));
	if (close && close > open + 1)
		return redis_crc16(open + 1, (size_t)(close - open) - 1) % REDIS_SLOTS;
	return redis_crc16(key, len) % REDIS_SLOTS;
}

bool redis_redirect(const char *error, struct redis_redirect *out)
{
	const char *s = error, *colon;
	char *end;
	long port;

	memset(out, 0, sizeof(*out));
	out->ask = !strncmp(s, "ASK ", 4);
	if (!out->ask && strncmp(s, "MOVED ", 6))
		return false;
	s += out->ask ? 4 : 6;
	out->slot = (int)strtol(s, &end, 10);
	if (end == s || *end != ' ' || out->slot < 0 || out->slot >= REDIS_SLOTS)
		return false;
	s = end + 1;
	colon = strrchr(s, ':'); /* IPv6 addresses have colons of their own */
	if (!colon || (size_t)(colon - s) >= sizeof(out->host))
		return false;
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || port < 1 || port > 65535)
		return false;
	out->port = (int)port;
	snprintf(out->host, sizeof(out->host), "%.*s", (int)(colon - s), s);
	return true;
}

/* The next "a" or "a-b"; NULL at the end. */
static const char *next_range(const char *s, int *lo, int *hi)
{
	char *end;

	s += strspn(s, " ");
	if (!*s)
		return NULL;
	*lo = (int)strtol(s, &end, 10);
	if (end == s || *lo < 0)
		return NULL;
	*hi = *end == '-' ? (int)strtol(end + 1, &end, 10) : *lo;
	return *hi >= *lo && *hi < REDIS_SLOTS ? end : NULL;
}

int redis_slots_count(const char *text)
{
	int lo, hi, n = 0;

	while ((text = next_range(text, &lo, &hi)))
		n += hi - lo + 1;
	return n;
}

int redis_slots_common(const char *a, const char *b)
{
	int lo, hi, lo2, hi2;

	while ((a = next_range(a, &lo, &hi)))
		for (const char *s = b; (s = next_range(s, &lo2, &hi2));)
			if (lo <= hi2 && lo2 <= hi)
				return lo > lo2 ? lo : lo2;
	return -1;
}

bool redis_slots_mark(const char *text, bool *map)
{
	bool fresh = true;
	int lo, hi;

	while ((text = next_range(text, &lo, &hi)))
		for (int i = lo; i <= hi; i++) {
			fresh = fresh && !map[i];
			map[i] = true;
		}
	return fresh;
}

int redis_slots_first(const char *text)
{
	int lo, hi, first = -1;

	while ((text = next_range(text, &lo, &hi)))
		if (first < 0 || lo < first)
			first = lo;
	return first;
}

int redis_shard(const struct redis_node *v, size_t n, int slot)
{
	int lo, hi, mine = -1, before = 0;

	for (size_t i = 0; i < n && mine < 0; i++)
		for (const char *s = v[i].slots; (s = next_range(s, &lo, &hi));)
			if (lo <= slot && slot <= hi)
				mine = lo;
	for (size_t i = 0; i < n && mine >= 0; i++)
		for (const char *s = v[i].slots; (s = next_range(s, &lo, &hi));)
			before += lo < mine;
	return mine >= 0 ? before + 1 : 0;
}

/* Cuts the next word off; "" at the line's end. */
static const char *word(const char **s, char *out, size_t size)
{
	size_t len;

	*s += strspn(*s, " ");
	len = strcspn(*s, " \n");
	snprintf(out, size, "%.*s", (int)len, *s);
	*s += len;
	return out;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	for (const char *s = flags; *s; s += strcspn(s, ","), s += *s == ',')
		if (!strncmp(s, flag, len) && (!s[len] || s[len] == ','))
			return true;
	return false;
}

static bool node_line(struct arena *a, const char *s, struct redis_node *n)
{
	struct buf slots = {0};
	char w[128];

	memset(n, 0, sizeof(*n));
	word(&s, n->id, sizeof(n->id));
	word(&s, w, sizeof(w));
	snprintf(n->address, sizeof(n->address), "%.*s", (int)strcspn(w, "@,"), w);
	word(&s, w, sizeof(w));
	n->myself = has_flag(w, "myself");
	n->is_master = has_flag(w, "master");
	n->pfail = has_flag(w, "fail?");
	n->fail = has_flag(w, "fail");
	word(&s, n->master, sizeof(n->master));
	if (!strcmp(n->master, "-"))
		n->master[0] = '\0';
	word(&s, w, sizeof(w)); /* ping-sent */
	word(&s, w, sizeof(w)); /* pong-recv */
	n->epoch = strtoll(word(&s, w, sizeof(w)), NULL, 10);
	n->linked = !strcmp(word(&s, w, sizeof(w)), "connected");
	while (*word(&s, w, sizeof(w)))
		if (*w != '[')
			buf_fmt(&slots, "%s%s", slots.len ? " " : "", w);
	n->slots = arena_strdup(a, buf_cstr(&slots));
	buf_free(&slots);
	return strlen(n->id) == REDIS_ID;
}

size_t redis_nodes(struct arena *a, const char *text, struct redis_node **out)
{
	size_t n = 0, alloc = 0;

	*out = NULL;
	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		struct redis_node one;

		if (node_line(a, s, &one))
			*VEC_PUSH(*out, n, alloc) = one;
	}
	return n;
}
