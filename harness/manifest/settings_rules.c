#include "manifest/settings_rules.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Combinations of settings that are refused: `if:` (all these values
 * together) and `rule:` (a comparison that must hold); with both, it must where
 * all these values are. Of what would have no effect beside the others only where it was
 * `asked:` for.
 *
 *   rule    := sum compare sum
 *   compare := <= | >= | < | > | == | !=
 *   sum     := product { (+|-) product }
 *   product := factor { * factor }
 *   factor  := number | name | - factor | ( sum )
 */

enum { RULE_DEPTH_MAX = 32 };

struct expr {
	const struct settings *s;
	const char *p;
	int depth;
	char why[160]; /* not "": what is wrong with the text */
	struct buf *used; /* "ttl = 30, ..." of the names met; may be NULL */
};

static double sum(struct expr *x);

/* Is `item` ("ttl = 30", or "ttl = " for any value) in a list of the kind
 * that expr.used collects? */
static bool listed(const char *list, const char *item)
{
	const char *p = list;

	while ((p = strstr(p, item))) {
		const char *after = p + strlen(item);

		if ((p == list || p[-1] == ' ') && (after[-1] == ' ' || !*after || *after == ','))
			return true;
		p++;
	}
	return false;
}

static void skip(struct expr *x)
{
	while (*x->p == ' ')
		x->p++;
}

static double wrong(struct expr *x, const char *what)
{
	if (!*x->why)
		snprintf(x->why, sizeof(x->why), "%s at \"%.40s\"", what, x->p);
	return 0;
}

/* Each once; `used` may be NULL. */
static void add_used(struct buf *used, const char *name, const char *value)
{
	char text[96];

	snprintf(text, sizeof(text), "%.40s = %.40s", name, value);
	if (used && !listed(buf_cstr(used), text))
		buf_fmt(used, "%s%s", used->len ? ", " : "", text);
}

static double name_value(struct expr *x)
{
	const struct setting *st;
	char name[64], text[32];
	size_t len = 0;

	while (isalnum((unsigned char)x->p[len]) || x->p[len] == '_')
		len++;
	if (len >= sizeof(name))
		return wrong(x, "too long a name");
	memcpy(name, x->p, len);
	name[len] = '\0';
	if (!strcmp(name, SETTINGS_DEADLINE)) {
		x->p += len;
		snprintf(text, sizeof(text), "%" PRId64, x->s->deadline_ms);
		add_used(x->used, name, text);
		return (double)x->s->deadline_ms;
	}
	st = settings_find(x->s, name);
	if (!st)
		return wrong(x, "no setting has this name");
	if (!strcmp(st->unit, "word"))
		return wrong(x, "a word cannot be calculated with");
	x->p += len;
	add_used(x->used, name, st->value);
	if (!strcmp(st->unit, "bool"))
		return strcmp(st->value, "on") ? 0 : 1;
	return strtod(st->value, NULL);
}

static double factor(struct expr *x)
{
	char *end;
	double v;

	skip(x);
	if (x->depth >= RULE_DEPTH_MAX)
		return wrong(x, "nested too deeply");
	if (isdigit((unsigned char)*x->p)) {
		v = strtod(x->p, &end);
		x->p = end;
		return v;
	}
	if (isalpha((unsigned char)*x->p) || *x->p == '_')
		return name_value(x);
	if (*x->p != '-' && *x->p != '(')
		return wrong(x, "a number or a name is missing");
	x->depth++;
	if (*x->p++ == '-') {
		v = -factor(x);
	} else {
		v = sum(x);
		skip(x);
		if (*x->p != ')')
			wrong(x, "a ) is missing");
		else
			x->p++;
	}
	x->depth--;
	return v;
}

static double product(struct expr *x)
{
	double v = factor(x);

	for (skip(x); *x->p == '*' && !*x->why; skip(x)) {
		x->p++;
		v *= factor(x);
	}
	return v;
}

static double sum(struct expr *x)
{
	double v = product(x);

	for (skip(x); (*x->p == '+' || *x->p == '-') && !*x->why; skip(x))
		v = *x->p++ == '+' ? v + product(x) : v - product(x);
	return v;
}

/* Does the rule hold? When its text is wrong, x->why says how. */
static bool holds(struct expr *x)
{
	static const char *const ops[] = {"<=", ">=", "==", "!=", "<", ">"};
	double left = sum(x), right;
	size_t i;

	for (i = 0; i < 6 && strncmp(x->p, ops[i], strlen(ops[i])); i++)
		;
	if (i == 6) {
		wrong(x, "one of <= >= < > == != is missing");
		return false;
	}
	x->p += strlen(ops[i]);
	right = sum(x);
	if (*x->p)
		wrong(x, "too much");
	switch (i) {
	case 0:
		return left <= right;
	case 1:
		return left >= right;
	case 2:
		return !(left < right) && !(left > right);
	case 3:
		return left < right || left > right;
	case 4:
		return left < right;
	default:
		return left > right;
	}
}

static int load_if(struct arena *a, struct settings *s, const struct ynode *map, struct err *e)
{
	const struct setting *st;
	const char *value;
	size_t i;

	if (map->kind != Y_MAP || !map->n)
		return yaml_error(map, e, "if: must be a map of settings to values");
	for (i = 0; i < map->n; i++) {
		st = settings_find(s, map->keys[i]->text);
		if (!st)
			return yaml_error(map->keys[i], e, "no setting has the name %.60s",
					  map->keys[i]->text);
		value = settings_normal(a, st, map->items[i], e);
		if (!value)
			return -1;
		map->items[i]->text = value; /* compared in its one form */
	}
	return 0;
}

int settings_rules_load(struct arena *a, struct settings *s, struct err *e)
{
	static const char *const keys[] = {"if", "rule", "asked", "because", NULL};
	const struct ynode *list = yaml_get(s->root, "impossible"), *entry, *cond, *rule, *asked;
	struct expr x;
	size_t i;

	if (!list)
		return 0;
	if (list->kind != Y_LIST)
		return yaml_error(list, e, "impossible: must be a list");
	for (i = 0; i < list->n; i++) {
		entry = list->items[i];
		if (yaml_check_keys(entry, keys, "an impossible combination", e))
			return -1;
		cond = yaml_get(entry, "if");
		rule = yaml_get(entry, "rule");
		if (!cond && !rule)
			return yaml_error(entry, e, "give if: or rule:, or both");
		asked = yaml_get(entry, "asked");
		x = (struct expr){.s = s};
		if (asked && (yaml_to_string(asked, &x.p, e) || !settings_find(s, x.p)))
			return yaml_error(asked, e, "asked: must be the name of a setting");
		if (!yaml_get(entry, "because") ||
		    yaml_to_string(yaml_get(entry, "because"), &x.p, e))
			return yaml_error(entry, e, "because: must say why");
		if (cond && load_if(a, s, cond, e))
			return -1;
		if (rule && yaml_to_string(rule, &x.p, e))
			return -1;
		if (rule && (holds(&x), *x.why))
			return yaml_error(rule, e, "wrong rule: %s", x.why);
	}
	return 0;
}

/* What an entry is about stands there by nobody's will. */
static bool unasked(const struct settings *s, const struct ynode *entry, struct buf *used)
{
	const struct ynode *asked = yaml_get(entry, "asked");
	const struct setting *st = asked ? settings_find(s, asked->text) : NULL;

	if (st && st->changed_by)
		add_used(used, st->name, st->value);
	return st && !st->changed_by;
}

/* All of the `if`; what they are goes into `used`. */
static bool all_equal(const struct settings *s, const struct ynode *map, struct buf *used)
{
	const struct setting *st;
	size_t i;

	for (i = 0; i < map->n; i++) {
		st = settings_find(s, map->keys[i]->text);
		if (strcmp(st->value, map->items[i]->text))
			return false;
		add_used(used, st->name, st->value);
	}
	return true;
}

/* Where the user wrote the first changed setting among those in `used`. */
static const struct ynode *blame(const struct settings *s, const char *used)
{
	char start[80];
	size_t i;

	for (i = 0; i < s->n; i++) {
		snprintf(start, sizeof(start), "%.60s = ", s->v[i].name);
		if (s->v[i].at && listed(used, start))
			return s->v[i].at;
	}
	return NULL;
}

static int refuse(const struct settings *s, const struct ynode *entry, const char *used,
		  struct err *e)
{
	const struct ynode *at = blame(s, used), *rule = yaml_get(entry, "rule");
	const char *because = yaml_get(entry, "because")->text;
	const char *fmt = rule ? "these settings cannot be together: %s; %s must hold: %s" :
				 "these settings cannot be together: %s%s: %s";

	if (at)
		return yaml_error(at, e, fmt, used, rule ? rule->text : "", because);
	return err_set(e, ERR_INPUT, fmt, used, rule ? rule->text : "", because);
}

int settings_check(const struct settings *s, struct err *e)
{
	const struct ynode *list = yaml_get(s->root, "impossible"), *entry, *cond, *rule;
	struct buf used = {.cap = 300};
	struct expr x;
	bool bad;
	size_t i;
	int rc = 0;

	for (i = 0; list && i < list->n && !rc; i++) {
		entry = list->items[i];
		cond = yaml_get(entry, "if");
		rule = yaml_get(entry, "rule");
		buf_reset(&used);
		if (unasked(s, entry, &used))
			continue;
		bad = !cond || all_equal(s, cond, &used);
		if (bad && rule) {
			x = (struct expr){.s = s, .p = rule->text, .used = &used};
			bad = !holds(&x);
		}
		if (bad)
			rc = refuse(s, entry, buf_cstr(&used), e);
	}
	buf_free(&used);
	return rc;
}
