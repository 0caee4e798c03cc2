#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "yaml/parts.h"

/* What plain scalars are, read as kubectl reads them. */

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(*words, text))
			return true;
	return false;
}

static bool is_bool(const char *text, bool words_only, bool *value)
{
	static const char *const truths[] = {"true", "True", "TRUE", NULL};
	static const char *const lies[] = {"false", "False", "FALSE", NULL};
	static const char *const yes[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", NULL};
	static const char *const no[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", NULL};

	*value = one_of(text, truths) || (!words_only && one_of(text, yes));
	return *value || one_of(text, lies) || (!words_only && one_of(text, no));
}

/* Go's strconv.ParseInt(text, 0, 64) without the underscores: decimal, 0x, 0o,
 * 0b, and the octal with a leading zero that file modes are written in. `raw`
 * gets the digits, whatever their number; false: no integer. */
static bool is_integer(const char *text, char raw[64])
{
	char digits[64] = "";
	const char *p = digits;
	size_t n = 0;
	int base = 10;
	bool negative;
	unsigned long long v;
	char *end;

	for (; *text; text++) {
		if (*text == '_' && n)
			continue;
		if (n >= sizeof(digits) - 1)
			return false;
		digits[n++] = *text;
	}
	digits[n] = '\0';
	negative = *p == '-';
	p += *p == '-' || *p == '+';
	if (p[0] == '0' && strchr("xXoObB", p[1] ? p[1] : ' ')) {
		base = p[1] == 'x' || p[1] == 'X' ? 16 : p[1] == 'o' || p[1] == 'O' ? 8 : 2;
		p += 2;
	} else if (p[0] == '0' && p[1]) {
		base = 8;
		p++;
	}
	if (!*p || strspn(p, base == 16 ? "0123456789abcdefABCDEF" : base == 10 ? "0123456789" :
			     base == 8 ? "01234567" : "01") != strlen(p))
		return false;
	errno = 0;
	v = strtoull(p, &end, base);
	if (errno != ERANGE && (!negative || v <= (uint64_t)INT64_MAX + 1))
		snprintf(raw, 64, "%s%llu", negative && v ? "-" : "", v);
	else if (base == 10)
		snprintf(raw, 64, "%s%s", negative ? "-" : "", p);
	else
		return false;
	return true;
}

static bool is_infinite(const char *text)
{
	static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};

	return one_of(text, words) ||
	       ((*text == '+' || *text == '-') && one_of(text + 1, words) && strspn(text + 1, ".infINF") == 4);
}

static bool is_nothing(const char *text)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};

	return one_of(text, nulls);
}

static enum yaml_type type_of(const struct ynode *n, bool words_only, bool *truth, char raw[64])
{
	if (!n->plain)
		return YAML_IS_TEXT;
	if (is_nothing(n->text))
		return YAML_IS_NULL;
	if (is_bool(n->text, words_only, truth))
		return YAML_IS_BOOL;
	if (is_integer(n->text, raw))
		return YAML_IS_INT;
	if (is_infinite(n->text) || (yaml_is_number(n->text) && isfinite(strtod(n->text, NULL))))
		return YAML_IS_FLOAT;
	return YAML_IS_TEXT;
}

enum yaml_type yaml_type(const struct ynode *n)
{
	char raw[64];
	bool truth;

	return type_of(n, false, &truth, raw);
}

bool yaml_is_null(const struct ynode *n)
{
	return n->kind == Y_SCALAR && n->plain && is_nothing(n->text);
}

static cJSON *integer(const char *raw)
{
	long long v;

	errno = 0;
	v = strtoll(raw, NULL, 10);
	if (errno == ERANGE)
		return cJSON_CreateNumber(strtod(raw, NULL));
	/* cJSON prints 15 digits when they are near enough. */
	return llabs(v) <= INT64_C(1000000000000000) ? cJSON_CreateNumber((double)v) :
						       cJSON_CreateRaw(raw);
}

static cJSON *scalar_to_json(const struct ynode *n, bool words_only)
{
	bool truth = false;
	char raw[64];
	double v;

	switch (type_of(n, words_only, &truth, raw)) {
	case YAML_IS_NULL:
		return cJSON_CreateNull();
	case YAML_IS_BOOL:
		return cJSON_CreateBool(truth);
	case YAML_IS_INT:
		return integer(raw);
	case YAML_IS_FLOAT:
		v = strtod(n->text, NULL);
		if (!is_infinite(n->text))
			return cJSON_CreateNumber(v);
		break;
	case YAML_IS_TEXT:
		break;
	}
	return cJSON_CreateString(n->text);
}

/* Go's strconv.FormatFloat(v, 'g', -1, 32): as few digits as tell it from its neighbours. */
static void float_key(const char *text, char out[64])
{
	static const char *const words[][2] = {{"+.inf", ".inf"}, {"-.inf", "-.inf"}, {".inf", ".inf"}, {".nan", ".nan"}};
	float v = strtof(text, NULL);
	int digits = 1, exponent;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(text, words[i][0])) {
			mem_copy_str(out, 64, words[i][1]);
			return;
		}
	if (isinf(v)) {
		mem_copy_str(out, 64, v < 0 ? "-.inf" : ".inf");
		return;
	}
	do
		snprintf(out, 64, "%.*e", digits - 1, (double)v);
	while (digits++ < 9 && strtof(out, NULL) != v);
	exponent = (int)strtol(strchr(out, 'e') + 1, NULL, 10);
	if (exponent < -4 || exponent >= 6)
		return;
	snprintf(out, 64, "%.*f", digits - 2 > exponent ? digits - 2 - exponent : 0, (double)v);
}

/* JSON's keys are texts: `on: x` is the key "true", 010: the key "8", 1.10: the key "1.1". */
static const char *key_text(const struct ynode *key, bool words_only, char raw[64])
{
	bool truth = false;

	switch (type_of(key, words_only, &truth, raw)) {
	case YAML_IS_BOOL:
		return truth ? "true" : "false";
	case YAML_IS_FLOAT:
		float_key(key->text, raw);
		return raw;
	case YAML_IS_INT:
		return raw;
	default:
		return key->text;
	}
}

int yaml_text_keys(struct arena *a, struct ynode *n, struct err *e)
{
	char raw[64];

	for (size_t i = 0; i < n->n; i++) {
		struct ynode *key = n->kind == Y_MAP ? n->keys[i] : NULL;

		if (key && yaml_type(key) != YAML_IS_TEXT) {
			const char *text = arena_strdup(a, key_text(key, false, raw));

			for (size_t k = 0; k < n->n; k++)
				if (k != i && !strcmp(n->keys[k]->text, text))
					return yaml_error(key, e, "the key %s is \"%s\" to Kubernetes, which is there, too "
							  "(line %d): remove one", key->text, text, n->keys[k]->line);
			key->text = text;
			key->plain = false;
		}
		if (yaml_text_keys(a, n->items[i], e))
			return -1;
	}
	return 0;
}

static cJSON *to_json(const struct ynode *n, bool words_only)
{
	char raw[64];
	cJSON *o;

	if (n->kind == Y_SCALAR)
		return scalar_to_json(n, words_only);
	o = n->kind == Y_MAP ? cJSON_CreateObject() : cJSON_CreateArray();
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == Y_MAP)
			cJSON_AddItemToObject(
				o, words_only ? n->keys[i]->text : key_text(n->keys[i], false, raw),
				to_json(n->items[i], words_only));
		else
			cJSON_AddItemToArray(o, to_json(n->items[i], words_only));
	}
	return o;
}

cJSON *yaml_to_json(const struct ynode *n)
{
	return to_json(n, false);
}

cJSON *yaml_words_to_json(const struct ynode *n)
{
	return to_json(n, true);
}
