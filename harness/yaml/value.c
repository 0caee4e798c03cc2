#include "yaml/parts.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/tame.h"

/* What a value means: numbers, durations, words; and errors that lead to
 * the place in the user's file. */

int yaml_error(const struct ynode *at, struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tame(text, "");
	return err_set(e, ERR_INPUT, "%s:%d:%d: %s", at->file ? at->file : "(made)", at->line,
		       at->column, text);
}

/* What stands there, for "... is needed, not X". */
static const char *seen(const struct ynode *n, char out[80])
{
	if (n->kind == Y_MAP)
		return "a map";
	if (n->kind == Y_LIST)
		return "a list";
	if (!*n->text)
		return n->plain ? "nothing" : "an empty text";
	snprintf(out, 80, n->plain ? "%.60s" : "the text \"%.60s\"", n->text);
	return out;
}

/* Optimal string alignment distance, case ignored: insert, delete, replace
 * and swapping two neighbours cost 1 each. Words of up to 63 letters. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), i, j, best, rows[3][64];
	size_t *before = rows[0], *prev = rows[1], *cur = rows[2], *t;

	for (j = 0; j <= lb; j++)
		prev[j] = j;
	for (i = 1; i <= la; i++) {
		cur[0] = i;
		for (j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);

			best = prev[j - 1] + (ca != cb);
			if (prev[j] + 1 < best)
				best = prev[j] + 1;
			if (cur[j - 1] + 1 < best)
				best = cur[j - 1] + 1;
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			cur[j] = best;
		}
		t = before;
		before = prev;
		prev = cur;
		cur = t;
	}
	return prev[lb];
}

const char *yaml_nearest(const char *word, const char *const *allowed)
{
	size_t len = strlen(word), best = 2 + len / 4, d;
	const char *found = NULL;

	if (!len || len > 63)
		return NULL;
	for (; *allowed; allowed++) {
		if (strlen(*allowed) > 63)
			continue;
		d = distance(word, *allowed);
		if (d < best && d < len) {
			best = d;
			found = *allowed;
		}
	}
	return found;
}

static int unknown_key(const struct ynode *key, const char *const *allowed, const char *what,
		       struct err *e)
{
	const char *near = yaml_nearest(key->text, allowed), *const *w;
	struct buf known = {.cap = 400};
	int rc;

	if (near)
		return yaml_error(key, e, "unknown key \"%.60s\" in %s; did you mean \"%s\"?", key->text, what,
				  near);
	for (w = allowed; *w; w++)
		buf_fmt(&known, "%s%s", w == allowed ? "" : ", ", *w);
	rc = yaml_error(key, e, "unknown key \"%.60s\" in %s; known are: %s", key->text, what,
			buf_cstr(&known));
	buf_free(&known);
	return rc;
}

int yaml_check_keys(const struct ynode *map, const char *const *allowed, const char *what,
		    struct err *e)
{
	struct err all = {0}, one = {0};
	const char *const *w;
	char s[80];
	size_t i;

	if (map->kind != Y_MAP)
		return yaml_error(map, e, "%s must be a map (key: value), not %s", what,
				  seen(map, s));
	for (i = 0; i < map->n; i++) {
		for (w = allowed; *w && strcmp(*w, map->keys[i]->text); w++)
			;
		if (*w)
			continue;
		unknown_key(map->keys[i], allowed, what, &one);
		err_add(&all, &one);
	}
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}

int yaml_to_string(const struct ynode *n, const char **out, struct err *e)
{
	char s[80];

	if (n->kind != Y_SCALAR || (n->plain && (!*n->text || !strcmp(n->text, "~") ||
						 !strcmp(n->text, "null"))))
		return yaml_error(n, e, "a text is needed here, not %s", seen(n, s));
	*out = n->text;
	return 0;
}

int yaml_to_i64(const struct ynode *n, int64_t *out, struct err *e)
{
	const char *p;
	char s[80], *end;
	long long v;

	if (n->kind != Y_SCALAR || !n->plain)
		goto bad;
	p = n->text;
	p += *p == '-' || *p == '+';
	if (!isdigit((unsigned char)*p))
		goto bad;
	errno = 0;
	v = strtoll(n->text, &end, 10);
	if (*end)
		goto bad;
	if (errno == ERANGE)
		return yaml_error(n, e, "the number %.40s is too large", n->text);
	*out = v;
	return 0;
bad:
	return yaml_error(n, e, "a whole number is needed here, not %s", seen(n, s));
}

bool yaml_is_number(const char *p)
{
	bool digits = false;

	p += *p == '-' || *p == '+';
	for (; isdigit((unsigned char)*p); p++)
		digits = true;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++)
			digits = true;
	}
	if (digits && (*p == 'e' || *p == 'E')) {
		p++;
		p += *p == '-' || *p == '+';
		if (!isdigit((unsigned char)*p))
			return false;
		while (isdigit((unsigned char)*p))
			p++;
	}
	return digits && !*p;
}

int yaml_to_num(const struct ynode *n, double *out, struct err *e)
{
	char s[80];
	double v;

	if (n->kind != Y_SCALAR || !n->plain || !yaml_is_number(n->text))
		return yaml_error(n, e, "a number is needed here, not %s", seen(n, s));
	v = strtod(n->text, NULL);
	if (!isfinite(v))
		return yaml_error(n, e, "the number %.40s is too large", n->text);
	*out = v;
	return 0;
}

int yaml_to_bool(const struct ynode *n, bool *out, struct err *e)
{
	char s[80];

	if (n->kind == Y_SCALAR && n->plain && !strcmp(n->text, "true"))
		*out = true;
	else if (n->kind == Y_SCALAR && n->plain && !strcmp(n->text, "false"))
		*out = false;
	else
		return yaml_error(n, e, "true or false is needed here, not %s", seen(n, s));
	return 0;
}

/* One "number unit" at *p; moves *p behind it. 0: not one; -1: no unit. */
static int duration_part(const char **p, double *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
	size_t len = strspn(*p, "0123456789."), unit_len, i;
	char number[32], *end;
	double v;

	if (!len || len >= sizeof(number))
		return 0;
	memcpy(number, *p, len);
	number[len] = '\0';
	v = strtod(number, &end);
	if (*end || !isdigit((unsigned char)**p))
		return 0;
	*p += len;
	if (!**p)
		return -1;
	unit_len = strspn(*p, "abcdefghijklmnopqrstuvwxyz");
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strlen(units[i].unit) == unit_len && !memcmp(*p, units[i].unit, unit_len)) {
			*ns += v * units[i].ns;
			*p += unit_len;
			return 1;
		}
	}
	return 0;
}

int yaml_to_duration_ns(const struct ynode *n, int64_t *out, struct err *e)
{
	const char *p;
	double ns = 0;
	char s[80];
	int rc = 0;

	if (n->kind != Y_SCALAR || !*n->text)
		goto bad;
	p = n->text;
	if (*p == '-')
		return yaml_error(n, e, "a duration cannot be negative: %.40s", n->text);
	while (*p && (rc = duration_part(&p, &ns)) > 0)
		;
	if (rc < 0)
		return yaml_error(n, e, "the duration %.40s has no unit; did you mean %.40ss or "
				  "%.40sms?", n->text, n->text, n->text);
	if (!rc)
		goto bad;
	if (ns > 1000 * 3600 * 1e9)
		return yaml_error(n, e, "the duration %.40s is too long: at most 1000h", n->text);
	*out = llround(ns);
	return 0;
bad:
	return yaml_error(n, e, "a duration is needed here, like 250ms, 1.5s, 2m or 1h, not %s",
			  seen(n, s));
}
