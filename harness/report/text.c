#include "report/text.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/tame.h"

struct text text_count(int64_t n)
{
	struct text t = {"unknown"};
	char digits[32];
	size_t len, o = 0;

	if (n < 0)
		return t;
	snprintf(digits, sizeof(digits), "%lld", (long long)n);
	len = strlen(digits);
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			t.s[o++] = ',';
		t.s[o++] = digits[i];
	}
	t.s[o] = '\0';
	return t;
}

struct text text_plural(int64_t n, const char *one, const char *many)
{
	struct text t;

	snprintf(t.s, sizeof(t.s), "%.40s %.50s", text_count(n).s, n == 1 ? one : many);
	return t;
}

/* Up to `decimals` of them, without trailing zeros. */
static void short_number(double v, int decimals, char out[32])
{
	char *end;

	snprintf(out, 32, "%.*f", decimals, v);
	if (!strchr(out, '.'))
		return;
	end = out + strlen(out);
	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
}

struct text text_duration(int64_t ns)
{
	struct text t = {"unknown"};
	double ms = in_ms(ns);

	if (ns < 0)
		return t;
	if (!ns)
		snprintf(t.s, sizeof(t.s), "0 s");
	else if (ms < 9.95)
		snprintf(t.s, sizeof(t.s), "%.1f ms", ms);
	else if (ms < 999.5)
		snprintf(t.s, sizeof(t.s), "%.0f ms", ms);
	else if (ms < 9.995e3)
		snprintf(t.s, sizeof(t.s), "%.2f s", ms / 1e3);
	else if (ms < 99.95e3)
		snprintf(t.s, sizeof(t.s), "%.1f s", ms / 1e3);
	else if (ms < 600e3)
		snprintf(t.s, sizeof(t.s), "%.0f s", ms / 1e3);
	else
		snprintf(t.s, sizeof(t.s), "%.1f min", ms / 60e3);
	return t;
}

struct text text_interval(int64_t lo_ns, int64_t hi_ns)
{
	struct text t = {"unknown"};
	const char *unit = "s";
	double mid, half, scale = 1e9, step, shown;
	int decimals;

	if (lo_ns < 0 || hi_ns < lo_ns)
		return t;
	if (hi_ns < NS_PER_S) {
		unit = "ms";
		scale = 1e6;
	}
	mid = ((double)lo_ns + (double)hi_ns) / 2 / scale;
	half = ((double)hi_ns - (double)lo_ns) / 2 / scale;
	decimals = half < 0.0095 ? 3 : half < 0.095 ? 2 : half < 5 ? 1 : 0;
	if (scale < 1e9)
		decimals = half < 0.95 ? 1 : 0;
	step = pow(10, decimals);
	shown = round(mid * step) / step;
	/* The small term keeps a half that is exact from being rounded up for
	 * the sake of a binary fraction. */
	half = ceil((half + fabs(mid - shown)) * step - 1e-6) / step;
	if (half > 0)
		snprintf(t.s, sizeof(t.s), "%.*f %s ± %.*f %s", decimals, shown, unit, decimals,
			 half, unit);
	else
		snprintf(t.s, sizeof(t.s), "%.*f %s", decimals, shown, unit);
	return t;
}

struct text text_range(int64_t lo_ns, int64_t hi_ns)
{
	struct text t = {"unknown"};
	const char *unit = "s";
	double scale = 1e9;
	char lo[32], hi[32];
	int decimals;

	if (lo_ns < 0 || hi_ns < lo_ns)
		return t;
	if (hi_ns < NS_PER_S) {
		unit = "ms";
		scale = 1e6;
	}
	decimals = scale < 1e9 || hi_ns >= 100 * NS_PER_S ? 0 : 1;
	short_number((double)lo_ns / scale, decimals, lo);
	short_number((double)hi_ns / scale, decimals, hi);
	if (strcmp(lo, hi))
		snprintf(t.s, sizeof(t.s), "%s–%s %s", lo, hi, unit);
	else
		snprintf(t.s, sizeof(t.s), "%s %s", lo, unit);
	return t;
}

struct text text_bytes(int64_t n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	struct text t = {"unknown"};
	double v = (double)n;
	size_t u = 0;
	char num[32];

	if (n < 0)
		return t;
	while (v >= 1024 && u + 1 < ARRAY_LEN(units)) {
		v /= 1024;
		u++;
	}
	short_number(v, u && v < 100 ? 1 : 0, num);
	snprintf(t.s, sizeof(t.s), "%s %s", num, units[u]);
	return t;
}

struct text text_figure(double value, const char *unit)
{
	struct text t = {"not measured"};

	if (isnan(value))
		return t;
	if (!strcmp(unit, "ms"))
		return text_duration(json_whole(round(value * (double)NS_PER_MS)));
	if (!strcmp(unit, "ns"))
		return text_duration(json_whole(round(value)));
	if (!strcmp(unit, "bool"))
		snprintf(t.s, sizeof(t.s), "%s", value != 0 ? "yes" : "no");
	else if (!strcmp(unit, "count"))
		return text_count(json_whole(round(value)));
	else
		snprintf(t.s, sizeof(t.s), "%g %s", value, unit);
	return t;
}

struct text text_date(const char *rfc3339)
{
	static const char *const months[] = {"January", "February", "March", "April", "May", "June",
					     "July", "August", "September", "October", "November",
					     "December"};
	int64_t real_ns;
	struct text t = {""};
	char utc[32];
	int year, month, day, hour, minute;

	if (clock_parse_rfc3339(rfc3339, &real_ns))
		return t;
	clock_rfc3339(real_ns, utc);
	if (sscanf(utc, "%d-%d-%dT%d:%d", &year, &month, &day, &hour, &minute) == 5 &&
	    month >= 1 && month <= 12)
		snprintf(t.s, sizeof(t.s), "%d %s %d, %02d:%02d UTC", day, months[month - 1], year,
			 hour, minute);
	return t;
}

/* Bytes of a terminal's control sequence at s (ECMA-48, section 5.4). */
static size_t csi_len(const char *s)
{
	size_t n = 2;

	if (s[0] != '\033' || s[1] != '[')
		return 0;
	while (s[n] >= 0x20 && s[n] <= 0x3f)
		n++;
	return s[n] >= 0x40 && s[n] <= 0x7e ? n + 1 : 0;
}

static const char *markup(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	}
	return NULL;
}

static const char *cleaned(struct arena *a, const char *s, bool escape)
{
	struct buf b = {0};
	const char *out;

	while (s && *s) {
		size_t n = csi_len(s);

		if (n) {
			s += n;
			continue;
		}
		n = tame_at(s, "\n\t");
		if (n) {
			if (*s != '\r')
				buf_str(&b, "\xef\xbf\xbd");
			s += n;
		} else if (escape && markup(*s)) {
			buf_str(&b, markup(*s++));
		} else {
			n = tame_char(s);
			buf_add(&b, s, n);
			s += n;
		}
	}
	out = arena_strdup(a, buf_cstr(&b));
	buf_free(&b);
	return out;
}

const char *text_xml(struct arena *a, const char *s)
{
	return cleaned(a, s, true);
}

/* Does the text at `s` begin with what belongs to the figure before it? */
static bool belongs_to_figure(const char *s)
{
	static const char *const units[] = {"ms", "s", "min", "h"};

	if (!strncmp(s, "±", strlen("±")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t len = strlen(units[i]);

		if (!strncmp(s, units[i], len) && !isalnum((unsigned char)s[len]))
			return true;
	}
	return false;
}

const char *text_xml_figures(struct arena *a, const char *s)
{
	const char *safe = text_xml(a, s), *out;
	struct buf b = {0};
	char before = 0;

	for (; *safe; before = *safe++) {
		bool after_sign = b.len >= 2 && !memcmp(b.s + b.len - 2, "±", 2);
		bool after_digit = before >= '0' && before <= '9';

		if (*safe == ' ' && (after_sign || (after_digit && belongs_to_figure(safe + 1))))
			buf_str(&b, "\xc2\xa0");
		else
			buf_add(&b, safe, 1);
	}
	out = arena_strdup(a, buf_cstr(&b));
	buf_free(&b);
	return out;
}

const char *text_clean(struct arena *a, const char *s)
{
	return cleaned(a, s, false);
}

const char *text_verdict_mark(enum verdict v)
{
	switch (v) {
	case VERDICT_PASS:
		return "✓";
	case VERDICT_FAIL:
		return "✕";
	case VERDICT_UNKNOWN:
		return "?";
	case VERDICT_BROKEN:
		return "!";
	case VERDICT_SKIP:
		return "–";
	}
	return "?";
}
