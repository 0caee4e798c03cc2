#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest.h"

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

/* The value times `scale`, rounded up as Kubernetes does; -1 malformed,
 * negative or beyond 2^62. */
static int64_t parse(const char *given, long double scale)
{
	char word[80], number[40], *end;
	const char *text = word, *suffix;
	long double v, f = 1;
	long exponent;
	size_t len;

	/* As an API server does, which takes white space around it away. */
	given += strspn(given, " \t\r\n");
	len = strlen(given);
	while (len && isspace((unsigned char)given[len - 1]))
		len--;
	if (len >= sizeof(word))
		return -1;
	memcpy(word, given, len);
	word[len] = '\0';
	len = strspn(text += *text == '+', "0123456789.");
	suffix = text + len;
	if (!len || len >= sizeof(number) || (len == 1 && *text == '.'))
		return -1;
	memcpy(number, text, len);
	number[len] = '\0';
	v = strtold(number, &end);
	if (*end)
		return -1;
	if ((*suffix == 'e' || *suffix == 'E') &&
	    (isdigit((unsigned char)suffix[1]) || suffix[1] == '-' || suffix[1] == '+')) {
		exponent = strtol(suffix + 1, &end, 10);
		if (*end || end == suffix + 1 || exponent < -30 || exponent > 30)
			return -1;
		f = powl(10, (long double)exponent);
	} else if (factor(suffix, &f)) {
		return -1;
	}
	/* The tolerance keeps 0.1 * 1000 from becoming 101. */
	v = v * f * scale;
	v = ceill(v - 1e-6L);
	if (v > 0x1p62L)
		return -1;
	return v < 0 ? 0 : (int64_t)v;
}

static int64_t parse_node(const struct ynode *n, long double scale)
{
	int64_t v = -1;
	char *text;
	cJSON *o;

	if (!n || n->kind != Y_SCALAR || yaml_is_null(n))
		return -1;
	if (yaml_type(n) != YAML_IS_INT)
		return parse(n->text, scale);
	o = yaml_to_json(n);
	text = cJSON_PrintUnformatted(o);
	if (text)
		v = parse(text, scale);
	cJSON_free(text);
	cJSON_Delete(o);
	return v;
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
