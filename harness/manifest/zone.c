#include "manifest/zone.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"

/* The files of zic(8): RFC 8536, "The Time Zone Information Format (TZif)". */

#define FOLDER "/usr/share/zoneinfo/"
enum { HEADER = 44, TYPE = 6, DAY_S = 86400, HOUR_S = 3600 };

/* "M3.5.0/2": the last Sunday of March, at 2 o'clock. */
struct rule {
	long month, week, day, at_s;
};

struct zone {
	int64_t *at; /* ascending; from each on ... */
	long *ahead; /* ... this holds */
	size_t n;
	long first; /* before all of them */
	/* After the last: the footer's own rule. */
	bool ruled, summers;
	long winter, summer;
	struct rule from, to; /* when summer's time begins and ends */
};

/* ---- reading ---- */

static uint64_t big_endian(const char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | (unsigned char)*p++;
	return v;
}

static long ahead_of(const char *types, size_t i)
{
	return (int32_t)(uint32_t)big_endian(types + i * TYPE, 4);
}

/* How long a block's data are that has this header; `word` is the size of a time. */
static size_t block(const char *h, size_t word)
{
	size_t isut = big_endian(h + 20, 4), isstd = big_endian(h + 24, 4),
	       leap = big_endian(h + 28, 4);
	size_t times = big_endian(h + 32, 4), types = big_endian(h + 36, 4),
	       chars = big_endian(h + 40, 4);

	return times * (word + 1) + types * TYPE + chars + leap * (word + 4) + isstd + isut;
}

/* "<-03>3" or "CET-1": a name, and how far behind UTC that is. */
static bool read_name(const char **p, long *ahead)
{
	long sign = 1, s;
	char *end;

	if (**p == '<')
		*p += strcspn(*p, ">") + 1;
	else
		while (isalpha((unsigned char)**p))
			(*p)++;
	if (!strchr("+-0123456789", **p) || !**p)
		return false;
	if (**p == '-' || **p == '+')
		sign = *(*p)++ == '-' ? -1 : 1;
	s = strtol(*p, &end, 10) * HOUR_S;
	if (*end == ':')
		s += strtol(end + 1, &end, 10) * 60;
	*p = end;
	*ahead = -sign * s;
	return true;
}

static bool read_rule(const char **p, struct rule *r)
{
	char *end;

	if (strncmp(*p, ",M", 2))
		return false;
	r->month = strtol(*p + 2, &end, 10);
	r->week = *end == '.' ? strtol(end + 1, &end, 10) : 0;
	r->day = *end == '.' ? strtol(end + 1, &end, 10) : -1;
	r->at_s = INT64_C(2) * HOUR_S;
	if (*end == '/')
		r->at_s = strtol(end + 1, &end, 10) * HOUR_S;
	if (*end == ':')
		r->at_s += strtol(end + 1, &end, 10) * 60;
	*p = end;
	return r->month >= 1 && r->month <= 12 && r->week >= 1 && r->week <= 5 && r->day >= 0 &&
	       r->day <= 6;
}

static bool read_footer(struct zone *z, const char *p)
{
	if (!*p)
		return true;
	z->ruled = true;
	if (!read_name(&p, &z->winter))
		return false;
	if (!*p)
		return true;
	z->summers = true;
	if (!read_name(&p, &z->summer))
		z->summer = z->winter + HOUR_S;
	return read_rule(&p, &z->from) && read_rule(&p, &z->to) && !*p;
}

/* The second block, whose times have eight bytes, and what stands behind it. */
static bool read_zone(struct zone *z, const struct buf *b)
{
	const char *h = b->s, *data, *types;
	size_t ntypes, used;
	char *footer;
	bool ok;

	if (b->len < HEADER || memcmp(h, "TZif", 4) || h[4] < '2')
		return false;
	used = HEADER + block(h, 4);
	if (used + HEADER > b->len)
		return false;
	h += used;
	data = h + HEADER;
	z->n = big_endian(h + 32, 4);
	ntypes = big_endian(h + 36, 4);
	used += HEADER + block(h, 8);
	if (used + 2 > b->len || !ntypes)
		return false;
	types = data + z->n * 9;
	z->at = mem_alloc((z->n + 1) * sizeof(*z->at));
	z->ahead = mem_alloc((z->n + 1) * sizeof(*z->ahead));
	for (size_t i = 0; i < z->n; i++) {
		size_t type = (unsigned char)data[z->n * 8 + i];

		if (type >= ntypes)
			return false;
		z->at[i] = (int64_t)big_endian(data + i * 8, 8);
		z->ahead[i] = ahead_of(types, type);
	}
	z->first = ahead_of(types, 0);
	footer = mem_strdup(b->s + used + 1);
	footer[strcspn(footer, "\n")] = '\0';
	ok = read_footer(z, footer);
	free(footer);
	return ok;
}

int zone_load(const char *name, struct zone **out, struct err *e)
{
	struct err unread = {0};
	struct buf b = {0};
	char path[200];

	*out = NULL;
	if (!*name || !strcmp(name, "UTC") || !strcmp(name, "Etc/UTC"))
		return 0;
	if (strlen(name) > 100 || *name == '/' || strstr(name, "..") || !isupper((unsigned char)*name))
		return err_set(e, ERR_INPUT, "unknown time zone %.100s", name);
	snprintf(path, sizeof(path), FOLDER "%s", name);
	*out = mem_alloc(sizeof(**out));
	if (file_read(path, &b, &unread) || !*buf_cstr(&b) || !read_zone(*out, &b)) {
		zone_free(*out);
		*out = NULL;
		err_set(e, ERR_INPUT, "unknown time zone %s", name);
	}
	buf_free(&b);
	return *out ? 0 : -1;
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->at);
	free(z->ahead);
	free(z);
}

/* ---- asking ---- */

/* When the rule's day of that year begins, in days since 1970, plus its time. */
static int64_t in_year(const struct rule *r, int year)
{
	struct tm first = {.tm_year = year, .tm_mon = (int)r->month - 1, .tm_mday = 1};
	int64_t day = timegm(&first) / DAY_S,
		weekday = (day + 4) % 7; /* 1970 began on a Thursday */
	int64_t at = day + (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
	struct tm next = {.tm_year = year, .tm_mon = (int)r->month, .tm_mday = 1};

	while (at >= timegm(&next) / DAY_S)
		at -= 7;
	return at * DAY_S + r->at_s;
}

static long by_rule(const struct zone *z, int64_t t_s)
{
	time_t there = (time_t)(t_s + z->winter);
	int64_t from, to;
	struct tm tm;

	if (!z->summers)
		return z->winter;
	gmtime_r(&there, &tm);
	from = in_year(&z->from, tm.tm_year) - z->winter;
	to = in_year(&z->to, tm.tm_year) - z->summer;
	/* South of the equator the year begins in summer. */
	return (from < to ? t_s >= from && t_s < to : t_s >= from || t_s < to) ? z->summer :
										 z->winter;
}

int64_t zone_offset(const struct zone *z, int64_t t_s)
{
	size_t lo = 0, hi = z ? z->n : 0;

	if (!z)
		return 0;
	if (z->ruled && (!z->n || t_s >= z->at[z->n - 1]))
		return by_rule(z, t_s);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (z->at[mid] <= t_s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? z->ahead[lo - 1] : z->first;
}
