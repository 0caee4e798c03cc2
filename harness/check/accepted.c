#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "check/judge.h"

/* What an expectation accepts beyond its limit: a loss that a setting allows is
 * no failure of the system, but only while that setting is in force. */

/* Systems write min-replicas-to-write what scenarios call min_replicas_to_write. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

static bool same_value(const char *a, const char *b)
{
	char *enda, *endb;
	double x = strtod(a, &enda), y = strtod(b, &endb);

	if (*a && *b && !*enda && !*endb)
		return !(x < y) && !(x > y);
	return !strcmp(a, b);
}

/* As the running system told it; NULL: it did not. */
static const char *in_force(const struct evidence *ev, const char *name)
{
	for (size_t i = 0; ev->inforce && i < ev->inforce->n; i++)
		if (same_name(ev->inforce->v[i].name, name))
			return ev->inforce->v[i].value;
	return NULL;
}

void judge_accepted(const struct judging *j, struct judged *r)
{
	const char *why = json_str(j->expect, "accepted", NULL);
	const cJSON *setting = json_get(j->expect, "setting");
	const char *name = json_str(setting, "name", ""), *value = json_str(setting, "value", "");
	const char *is = in_force(j->ev, name);

	if (!why || r->verdict != VERDICT_PASS || isnan(r->measured))
		return;
	if (!(r->measured > 0)) {
		judged_also(r, "; nothing had to be accepted");
		return;
	}
	if (!is) {
		r->verdict = VERDICT_UNKNOWN;
		judged_also(r, "; accepted where %.60s is %.60s, but what it was in force nobody told", name, value);
	} else if (!same_value(is, value)) {
		r->verdict = VERDICT_FAIL;
		judged_also(r, "; accepted where %.60s is %.60s, but in force it was %.60s", name, value, is);
	} else {
		judged_also(r, "; accepted, %.60s being %.60s in force: %.200s", name, is, why);
	}
}
