#include "manifest/schedule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"

enum { MINUTE_S = 60, HOUR_S = 3600, YEARS_MAX = 5, FIELDS = 5, NUMBER_MAX = 100000 };

/* What a field may hold; `names` of its numbers from `min` on. */
struct bounds {
	long min, max;
	const char *names;
};

static const struct bounds minutes = {0, 59, ""}, hours = {0, 23, ""}, days = {1, 31, ""},
			   months = {1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"},
			   weekdays = {0, 6, "sun mon tue wed thu fri sat"};

/* ---- reading ---- */

static int read_number(const char *text, long *out, struct err *e)
{
	char *end;

	*out = strtol(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || *out > NUMBER_MAX)
		return err_set(e, ERR_INPUT, "failed to parse int from %.40s", text);
	return 0;
}

static int read_value(const char *text, const struct bounds *b, long *out, struct err *e)
{
	enum { NAME = 3 };
	const char *name = b->names;

	for (long i = b->min; strlen(text) == NAME && *name; i++, name += strcspn(name, " ") + (name[NAME] == ' '))
		if (!strncasecmp(name, text, NAME)) {
			*out = i;
			return 0;
		}
	return read_number(text, out, e);
}

/* "*", "3", "mon-fri", "10-50/10": adds its bits to *bits; *any, when it is a * without
 * a step. */
static int read_range(char *text, const struct bounds *b, uint64_t *bits, bool *any, struct err *e)
{
	char *slash = strchr(text, '/'), *hyphen;
	long from = b->min, to = b->max, step = 1;
	bool star;

	if (slash)
		*slash = '\0';
	star = !strcmp(text, "*") || !strcmp(text, "?");
	hyphen = strchr(text, '-');
	if (hyphen)
		*hyphen = '\0';
	if (!star &&
	    (read_value(text, b, &from, e) || (hyphen && read_value(hyphen + 1, b, &to, e))))
		return -1;
	if (!star && !hyphen && !slash)
		to = from;
	if (slash && read_number(slash + 1, &step, e))
		return -1;
	if (from < b->min)
		return err_set(e, ERR_INPUT, "beginning of range (%ld) below minimum (%ld): %.40s", from, b->min, text);
	if (to > b->max)
		return err_set(e, ERR_INPUT, "end of range (%ld) above maximum (%ld): %.40s", to, b->max, text);
	if (from > to)
		return err_set(e, ERR_INPUT, "beginning of range (%ld) beyond end of range (%ld): %.40s", from, to, text);
	if (!step)
		return err_set(e, ERR_INPUT, "step of range should be a positive number: %.40s", text);
	for (long i = from; i <= to; i += step)
		*bits |= UINT64_C(1) << i;
	*any = *any || (star && step == 1);
	return 0;
}

static int read_field(char *text, const struct bounds *b, uint64_t *bits, bool *any, struct err *e)
{
	char *one;

	*bits = 0;
	*any = false;
	while ((one = strsep(&text, ",")))
		if (*one && read_range(one, b, bits, any, e))
			return -1;
	/* Of commas alone. */
	return *bits ? 0 : err_set(e, ERR_INPUT, "a field is empty");
}

/* "1h30m", "90s" of @every. */
static int read_every(const char *text, struct schedule *out, struct err *e)
{
	const char *p = text;
	double all = 0;

	while (*p) {
		char *end;
		double n, unit;

		if (!isdigit((unsigned char)*p) && *p != '.')
			break;
		n = strtod(p, &end);
		unit = !strncmp(end, "ms", 2) ? 0.001 : *end == 's' ? 1 : *end == 'm' ? MINUTE_S : *end == 'h' ? HOUR_S : 0;
		if (!(unit > 0))
			break;
		all += n * unit;
		p = end + (!strncmp(end, "ms", 2) ? 2 : 1);
	}
	if (*p || p == text || !(all < 1e9))
		return err_set(e, ERR_INPUT, "failed to parse duration @every %.40s", text);
	out->every_s = all < 1 ? 1 : (int64_t)all;
	return 0;
}

static int read_word(const char *text, struct schedule *out, struct err *e)
{
	static const char *const words[][2] = {
		{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
		{"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"}, {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
	};

	if (!strncmp(text, "@every ", 7))
		return read_every(text + 7, out, e);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i][0], text))
			return schedule_parse(words[i][1], out, e);
	return err_set(e, ERR_INPUT, "unrecognized descriptor: %.40s", text);
}

int schedule_parse(const char *text, struct schedule *out, struct err *e)
{
	char *copy, *rest, *word, *words[FIELDS] = {NULL};
	size_t n = 0;
	bool unused;
	int r;

	memset(out, 0, sizeof(*out));
	text += strspn(text, " \t");
	if (!*text)
		return err_set(e, ERR_INPUT, "empty spec string");
	if (!strncmp(text, "TZ=", 3) || !strncmp(text, "CRON_TZ=", 8))
		return err_set(e, ERR_INPUT, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	if (*text == '@')
		return read_word(text, out, e);
	copy = rest = mem_strdup(text);
	while ((word = strsep(&rest, " \t"))) {
		if (*word && n < FIELDS)
			words[n] = word;
		n += *word != '\0';
	}
	r = n == FIELDS ? 0 : err_set(e, ERR_INPUT, "expected exactly 5 fields, found %zu: %.80s", n, text);
	if (!r)
		r = read_field(words[0], &minutes, &out->minute, &unused, e) ||
				    read_field(words[1], &hours, &out->hour, &unused, e) ||
				    read_field(words[2], &days, &out->day, &out->any_day, e) ||
				    read_field(words[3], &months, &out->month, &unused, e) ||
				    read_field(words[4], &weekdays, &out->weekday,
					       &out->any_weekday, e) ?
			    -1 :
			    0;
	free(copy);
	return r;
}

/* ---- when ---- */

static bool has(uint64_t bits, int n)
{
	return bits >> n & 1;
}

/* A day fits by its number and its name; where both are told, by either. */
static bool day_fits(const struct schedule *s, const struct tm *t)
{
	bool day = has(s->day, t->tm_mday), weekday = has(s->weekday, t->tm_wday);

	return s->any_day || s->any_weekday ? day && weekday : day || weekday;
}

int64_t schedule_next(const struct schedule *s, const struct zone *z, int64_t after_s)
{
	int64_t t = after_s - after_s % MINUTE_S + MINUTE_S,
		end = after_s + (int64_t)YEARS_MAX * 366 * 24 * HOUR_S;
	struct tm local;

	if (s->every_s)
		return after_s + s->every_s;
	while (t < end) {
		time_t there = (time_t)(t + zone_offset(z, t));

		gmtime_r(&there, &local);
		if (!has(s->month, local.tm_mon + 1) || !day_fits(s, &local) ||
		    !has(s->hour, local.tm_hour))
			t += HOUR_S - there % HOUR_S;
		else if (!has(s->minute, local.tm_min))
			t += MINUTE_S;
		else
			return t;
	}
	return 0;
}
