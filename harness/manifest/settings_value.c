/* The value of a setting: what it may be, and its one form. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "manifest/manifest.h"
#include "manifest/settings_rules.h"

bool settings_numeric(const char *unit)
{
	return !strcmp(unit, "s") || !strcmp(unit, "ms") || !strcmp(unit, "bytes") ||
	       !strcmp(unit, "count");
}

bool setting_is_number(const struct setting *s)
{
	return settings_numeric(s->unit);
}

const struct setting *settings_find(const struct settings *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	}
	return NULL;
}

/* "20" in the setting's unit; also "20s", "1m", "1Mi" where the unit allows
 * it. */
static int to_number(const struct setting *st, const char *value, int64_t *out, char why[200])
{
	struct ynode probe = {.kind = Y_SCALAR, .text = value, .plain = true};
	int64_t unit_ns = !strcmp(st->unit, "s") ? NS_PER_S : NS_PER_MS, ns;
	struct err e = {0};

	if (!yaml_to_i64(&probe, out, &e))
		return 0;
	if (!strcmp(st->unit, "bytes")) {
		*out = quantity_bytes(value);
		if (*out >= 0)
			return 0;
	} else if (strcmp(st->unit, "count") && !yaml_to_duration_ns(&probe, &ns, &e)) {
		*out = ns / unit_ns;
		if (*out * unit_ns == ns)
			return 0;
		snprintf(why, 200, "must be a whole number of %s, not %.60s", st->unit, value);
		return -1;
	}
	snprintf(why, 200, "must be a whole number%s%s%s, not \"%.60s\"",
		 strcmp(st->unit, "count") ? " (" : "", strcmp(st->unit, "count") ? st->unit : "",
		 strcmp(st->unit, "count") ? ")" : "", value);
	return -1;
}

static bool is_on(const char *v)
{
	return !strcmp(v, "on") || !strcmp(v, "true") || !strcmp(v, "yes");
}

static bool is_off(const char *v)
{
	return !strcmp(v, "off") || !strcmp(v, "false") || !strcmp(v, "no");
}

static int check_range(const struct setting *st, int64_t v, char why[200])
{
	static const char *const ends[] = {"min", "max"};
	const struct ynode *n;
	struct err e = {0};
	int64_t limit;
	int i;

	for (i = 0; i < 2; i++) {
		n = yaml_get(st->node, ends[i]);
		if (!n || yaml_to_i64(n, &limit, &e))
			continue;
		if (i ? v > limit : v < limit) {
			bool bare = !strcmp(st->unit, "count");

			snprintf(why, 200, "must be at %s %lld%s%s, not %lld", i ? "most" : "least",
				 (long long)limit, bare ? "" : " ", bare ? "" : st->unit, (long long)v);
			return -1;
		}
	}
	return 0;
}

static int check_choice(const struct setting *st, const char *value, char why[200])
{
	const struct ynode *list = yaml_get(st->node, "choices");
	struct buf words = {.cap = 120};
	size_t i;

	for (i = 0; list && i < list->n && strcmp(list->items[i]->text, value); i++)
		;
	if (!list || i < list->n)
		return 0;
	for (i = 0; i < list->n; i++)
		buf_fmt(&words, "%s%s", i ? ", " : "", list->items[i]->text);
	snprintf(why, 200, "must be one of %s, not \"%.60s\"", buf_cstr(&words), value);
	buf_free(&words);
	return -1;
}

const char *settings_value(struct arena *a, const struct setting *st, const char *value,
			  char why[200])
{
	const char *p;
	int64_t v;

	if (settings_numeric(st->unit)) {
		if (to_number(st, value, &v, why) || check_range(st, v, why))
			return NULL;
		return arena_fmt(a, "%lld", (long long)v);
	}
	if (!strcmp(st->unit, "bool")) {
		if (is_on(value))
			return "on";
		if (is_off(value))
			return "off";
		snprintf(why, 200, "must be on or off, not \"%.60s\"", value);
		return NULL;
	}
	for (p = value; *p; p++) {
		if (iscntrl((unsigned char)*p)) {
			snprintf(why, 200, "may not hold control characters or line ends");
			return NULL;
		}
	}
	if (!*value) {
		snprintf(why, 200, "may not be empty");
		return NULL;
	}
	return check_choice(st, value, why) ? NULL : arena_strdup(a, value);
}

const char *settings_normal(struct arena *a, const struct setting *st, const struct ynode *value,
			    struct err *e)
{
	const char *text, *out;
	char why[200];

	if (yaml_to_string(value, &text, e))
		return NULL;
	out = settings_value(a, st, text, why);
	if (!out)
		yaml_error(value, e, "%s %s", st->name, why);
	return out;
}
