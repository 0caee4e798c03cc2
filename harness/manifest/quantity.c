#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "manifest/parts.h"

/* Kubernetes' quantities: a number with a decimal exponent or a suffix, SI
 * (n u m k M G T P E) or binary (Ki Mi Gi Ti Pi Ei). Source: the
 * documentation of apimachinery's resource.Quantity. */

static int factor(const char *suffix, long double *out)
{
	static const struct {
		const char *suffix;
		long double factor;
	} all[] = {
		{"", 1}, {"n", 1e-9L}, {"u", 1e-6L}, {"m", 1e-3L},
		{"k", 1e3L}, {"M", 1e6L}, {"G", 1e9L}, {"T", 1e12L}, {"P", 1e15L}, {"E", 1e18L},
		{"Ki", 0x1p10L}, {"Mi", 0x1p20L}, {"Gi", 0x1p30L}, {"Ti", 0x1p40L},
		{"Pi", 0x1p50L}, {"Ei", 0x1p60L},
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (!strcmp(all[i].suffix, suffix)) {
			*out = all[i].factor;
			return 0;
		}
	}
	return -1;
}

/* 0: taken. What is beyond an exponent's own type is none (quantitySuffixer.interpret()). */
static int power(const char *text, long double *out)
{
	char *end;
	long long exponent;

	errno = 0;
	exponent = strtoll(text, &end, 10);
	if (errno || *end || end == text)
		return -1;
	*out = powl(10, (long double)exponent);
	return 0;
}

/* The value, as exactly as may be; a binary one that is beyond an int64 is its greatest, as
 * resource.ParseQuantity() caps it. -1: malformed or negative. */
static long double value(const char *given)
{
	long double v, f = 1;
	char *word, *suffix;
	size_t len, digits;
	bool good, binary;

	/* As an API server does, which takes white space around it away. */
	given += strspn(given, " \t\r\n");
	given += *given == '+';
	len = strlen(given);
	while (len && isspace((unsigned char)given[len - 1]))
		len--;
	digits = strspn(given, "0123456789.");
	if (!digits || digits > len || (digits == 1 && *given == '.'))
		return -1;
	word = mem_fmt("%.*s", (int)digits, given);
	v = strtold(word, &suffix);
	good = !*suffix;
	free(word);
	suffix = mem_fmt("%.*s", (int)(len - digits), given + digits);
	if ((*suffix == 'e' || *suffix == 'E') &&
	    (isdigit((unsigned char)suffix[1]) || suffix[1] == '-' || suffix[1] == '+'))
		good = !power(suffix + 1, &f) && good;
	else
		good = !factor(suffix, &f) && good;
	binary = strchr(suffix, 'i') != NULL;
	free(suffix);
	if (!good)
		return -1;
	if (v <= 0)
		return 0;
	v *= f;
	return binary && v > (long double)INT64_MAX ? (long double)INT64_MAX : v;
}

/* The value times `scale`, rounded up as Kubernetes does, at most an int64's greatest; -1:
 * malformed or negative. */
static int64_t parse(const char *given, long double scale)
{
	long double v = value(given);

	if (v <= 0)
		return (int64_t)v;
	/* The tolerance keeps 0.1 * 1000 from becoming 101. */
	v = ceill(v * scale - 1e-6L);
	return v < 1 ? 1 : v < 0x1p63L ? (int64_t)v : INT64_MAX;
}

/* As JSON has it, which knows no 0x10; on the heap. NULL: no scalar. */
static char *text_of(const struct ynode *n)
{
	char *printed, *text;
	cJSON *o;

	if (!n || n->kind != Y_SCALAR || yaml_is_null(n))
		return NULL;
	if (yaml_type(n) != YAML_IS_INT)
		return mem_strdup(n->text);
	o = yaml_to_json(n);
	printed = cJSON_PrintUnformatted(o);
	text = printed ? mem_strdup(printed) : NULL;
	cJSON_free(printed);
	cJSON_Delete(o);
	return text;
}

static int64_t parse_node(const struct ynode *n, long double scale)
{
	char *text = text_of(n);
	int64_t v = text ? parse(text, scale) : -1;

	free(text);
	return v;
}

/* To the nano, upwards: nothing is finer. */
static long double whole(const struct ynode *n)
{
	char *text = text_of(n);
	long double v = text ? value(text) : -1;

	free(text);
	return v > 0 && v < 1e9L ? ceill(v * 1e9L - 1e-6L) / 1e9L : v;
}

bool quantity_is_more(const struct ynode *a, const struct ynode *b)
{
	long double x = whole(a), y = whole(b);

	/* 0.1 is no more than 100m. */
	return x >= 0 && y >= 0 && x > y && (isinf(x) ? !isinf(y) : x - y > x * 1e-17L);
}

int64_t quantity_bytes_of(const struct ynode *n)
{
	return parse_node(n, 1);
}

int64_t quantity_millicores_of(const struct ynode *n)
{
	return parse_node(n, 1000);
}

int64_t quantity_bytes(const char *text)
{
	return parse(text, 1);
}

int64_t quantity_millicores(const char *text)
{
	return parse(text, 1000);
}

const char *quantity_text(struct arena *a, int64_t bytes)
{
	static const char *const units[] = {"Ti", "Gi", "Mi", "Ki"};
	int i, shift;

	for (i = 0, shift = 40; i < 4; i++, shift -= 10) {
		if (bytes >> shift && !(bytes & ((INT64_C(1) << shift) - 1)))
			return arena_fmt(a, "%lld%s", (long long)(bytes >> shift), units[i]);
	}
	return arena_fmt(a, "%lld", (long long)bytes);
}
