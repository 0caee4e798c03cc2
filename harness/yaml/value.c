#include "yaml/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

/* What a value means: numbers, durations, words; and errors that lead to
 * the place in the user's file. */

int yaml_error(const struct ynode *at, struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
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

int yaml_check_keys(const struct ynode *map, const char *const *allowed, const char *what,
		    struct err *e)
{
	struct buf known = {.cap = 400};
	const char *near, *const *w;
	char s[80];
	size_t i;
	int rc = 0;

	if (map->kind != Y_MAP)
		return yaml_error(map, e, "%s must be a map (key: value), not %s", what,
				  seen(map, s));
	for (i = 0; i < map->n; i++) {
		for (w = allowed; *w && strcmp(*w, map->keys[i]->text); w++)
			;
		if (*w)
			continue;
		near = yaml_nearest(map->keys[i]->text, allowed);
		if (near)
			return yaml_error(map->keys[i], e,
					  "unknown key \"%.60s\" in %s; did you mean \"%s\"?",
					  map->keys[i]->text, what, near);
		for (w = allowed; *w; w++)
			buf_fmt(&known, "%s%s", w == allowed ? "" : ", ", *w);
		rc = yaml_error(map->keys[i], e, "unknown key \"%.60s\" in %s; known are: %s",
				map->keys[i]->text, what, buf_cstr(&known));
		buf_free(&known);
		return rc;
	}
	return 0;
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

/* [-+] digits [. digits] [e [-+] digits]: no hexadecimal, no infinity. */
static bool is_number(const char *p, bool *whole)
{
	bool digits = false;

	*whole = true;
	p += *p == '-' || *p == '+';
	for (; isdigit((unsigned char)*p); p++)
		digits = true;
	if (*p == '.') {
		*whole = false;
		for (p++; isdigit((unsigned char)*p); p++)
			digits = true;
	}
	if (digits && (*p == 'e' || *p == 'E')) {
		*whole = false;
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
	bool whole;
	char s[80];
	double v;

	if (n->kind != Y_SCALAR || !n->plain || !is_number(n->text, &whole))
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

/* Integers as Kubernetes' YAML reader takes them: decimal, 0x, 0o, and the
 * octal with a leading zero that file modes are written in. */
static bool to_integer(const char *text, long long *out)
{
	const char *p = text;
	bool negative = *p == '-';
	int base = 10;
	char *end;

	p += *p == '-' || *p == '+';
	if (p[0] == '0' && p[1] == 'x')
		base = 16, p += 2;
	else if (p[0] == '0' && p[1] == 'o')
		base = 8, p += 2;
	else if (p[0] == '0' && p[1] && strspn(p, "01234567") == strlen(p))
		base = 8;
	if (!isxdigit((unsigned char)*p))
		return false;
	errno = 0;
	*out = strtoll(p, &end, base);
	if (negative)
		*out = -*out;
	return !*end && errno != ERANGE;
}

static cJSON *scalar_to_json(const struct ynode *n)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const truths[] = {"true", "True", "TRUE"};
	static const char *const lies[] = {"false", "False", "FALSE"};
	const char *t = n->text;
	long long whole_value;
	char raw[32];
	bool whole;
	double v;
	size_t i;

	if (!n->plain)
		return cJSON_CreateString(t);
	for (i = 0; i < sizeof(nulls) / sizeof(*nulls); i++) {
		if (!strcmp(t, nulls[i]))
			return cJSON_CreateNull();
	}
	for (i = 0; i < sizeof(truths) / sizeof(*truths); i++) {
		if (!strcmp(t, truths[i]))
			return cJSON_CreateTrue();
		if (!strcmp(t, lies[i]))
			return cJSON_CreateFalse();
	}
	if (to_integer(t, &whole_value)) {
		if (llabs(whole_value) <= INT64_C(1000000000000000))
			return cJSON_CreateNumber((double)whole_value);
		/* cJSON prints 15 digits when they are near enough. */
		snprintf(raw, sizeof(raw), "%lld", whole_value);
		return cJSON_CreateRaw(raw);
	}
	if (is_number(t, &whole) && isfinite(v = strtod(t, NULL)))
		return cJSON_CreateNumber(v);
	return cJSON_CreateString(t);
}

cJSON *yaml_to_json(const struct ynode *n)
{
	cJSON *o;
	size_t i;

	if (n->kind == Y_SCALAR)
		return scalar_to_json(n);
	o = n->kind == Y_MAP ? cJSON_CreateObject() : cJSON_CreateArray();
	for (i = 0; i < n->n; i++) {
		if (n->kind == Y_MAP)
			cJSON_AddItemToObject(o, n->keys[i]->text, yaml_to_json(n->items[i]));
		else
			cJSON_AddItemToArray(o, yaml_to_json(n->items[i]));
	}
	return o;
}
