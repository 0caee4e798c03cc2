#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "manifest/api/api.h"
#include "manifest/names.h"

/* The syntax of names (k8s.io/apimachinery, util/validation), and small looks
 * at an object that all rules share. */

void api_refuse(struct admission *w, const struct ynode *at, const char *path, const char *fmt, ...)
{
	struct err one = {0};
	char text[1500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!at)
		at = w->object;
	if (path)
		yaml_error(at, &one, "the %s \"%s\" is invalid: %s: %s", w->kind, w->name, path, text);
	else
		yaml_error(at, &one, "%s", text);
	one.kind = ERR_REFUSED; /* it is the object that is at fault, not what reads it */
	err_add(w->e, &one);
}

static bool lower_or_digit(char c)
{
	return islower((unsigned char)c) || isdigit((unsigned char)c);
}

static bool is_label(const char *s, size_t len)
{
	if (!len || !lower_or_digit(s[0]) || !lower_or_digit(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!lower_or_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

const char *api_dns_label(const char *s)
{
	if (strlen(s) > 63)
		return "must be no more than 63 characters";
	return is_label(s, strlen(s)) ? NULL :
	       "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
	       "with an alphanumeric character";
}

const char *api_dns_label_1035(const char *s)
{
	if (strlen(s) > 63)
		return "must be no more than 63 characters";
	return is_label(s, strlen(s)) && islower((unsigned char)*s) ? NULL :
	       "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
	       "character, and end with an alphanumeric character";
}

const char *api_dns_subdomain(const char *s)
{
	const char *p = s;
	size_t len;

	if (strlen(s) > 253)
		return "must be no more than 253 characters";
	for (;;) {
		len = strcspn(p, ".");
		if (!is_label(p, len))
			return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
			       "and must start and end with an alphanumeric character";
		if (!p[len])
			return NULL;
		p += len + 1;
	}
}

const char *api_port_name(const char *s)
{
	size_t len = strlen(s);
	bool letter = false;

	if (len > 15)
		return "must be no more than 15 characters";
	for (const char *p = s; *p; p++)
		letter = letter || islower((unsigned char)*p);
	if (!is_label(s, len))
		return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), which cannot stand at the ends";
	if (!letter)
		return "must contain at least one letter (a-z)";
	return strstr(s, "--") ? "must not contain consecutive hyphens" : NULL;
}

static bool qualified(const char *s, size_t max)
{
	size_t len = strlen(s);

	if (!len || len > max || !isalnum((unsigned char)s[0]) ||
	    !isalnum((unsigned char)s[len - 1]))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.", *s))
			return false;
	return true;
}

const char *api_label_key(const char *s)
{
	const char *slash = strchr(s, '/');
	char prefix[254];

	if (slash) {
		if (slash == s || slash - s > 253)
			return "prefix part must be non-empty, and no more than 253 characters";
		memcpy(prefix, s, (size_t)(slash - s));
		prefix[slash - s] = '\0';
		if (api_dns_subdomain(prefix))
			return "prefix part must be a lowercase RFC 1123 subdomain";
		s = slash + 1;
	}
	return qualified(s, 63) ? NULL :
	       "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
	       "character, no more than 63 in all";
}

const char *api_label_value(const char *s)
{
	return !*s || qualified(s, 63) ? NULL :
	       "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
	       "end with an alphanumeric character, no more than 63 in all";
}

const char *api_address(const char *s)
{
	return name_is_any_address(s) ? NULL : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

const char *api_one_word(const char *s)
{
	return !*s || name_is_word(s) ? NULL : "must be one word: it stands in a line of a file";
}

const char *api_data_key(const char *s)
{
	size_t len = strlen(s);

	if (len > 253)
		return "must be no more than 253 characters";
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i]))
			len = 0;
	return len && strcmp(s, ".") && strncmp(s, "..", 2) ? NULL :
	       "a valid config key must consist of alphanumeric characters, '-', '_' or '.', and be no \".\" or \"..\"";
}

size_t api_items(const struct ynode *list)
{
	return list && list->kind == Y_LIST ? list->n : 0;
}

const struct ynode *api_at_or(const struct ynode *map, const char *key)
{
	const struct ynode *n = yaml_get(map, key);

	return n ? n : map;
}

const char *api_text(const struct ynode *map, const char *key)
{
	const struct ynode *n = yaml_get(map, key);

	return n && n->kind == Y_SCALAR && !yaml_is_null(n) ? n->text : "";
}

int64_t api_number(const struct ynode *map, const char *key)
{
	const struct ynode *n = yaml_get(map, key);
	int64_t v = -1;
	cJSON *o;

	if (!n || n->kind != Y_SCALAR || yaml_type(n) != YAML_IS_INT)
		return -1;
	o = yaml_to_json(n);
	v = cJSON_IsNumber(o) ? json_whole(o->valuedouble) :
	    cJSON_IsRaw(o)    ? strtoll(o->valuestring, NULL, 10) :
				-1;
	cJSON_Delete(o);
	return v;
}

void api_one_of(struct admission *w, const struct ynode *map, const char *path, const char *key,
		const char *const *words)
{
	const struct ynode *n = yaml_get(map, key);
	const char *all = "";

	if (!n || !*api_text(map, key) || yaml_type(n) != YAML_IS_TEXT)
		return;
	for (size_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], n->text))
			return;
		all = arena_fmt(w->a, "%s%s\"%s\"", all, i ? ", " : "", words[i]);
	}
	api_refuse(w, n, arena_fmt(w->a, "%s%s", path, key), "Unsupported value: \"%.60s\": supported values: %s", n->text, all);
}

void api_at_least(struct admission *w, const struct ynode *map, const char *path, const char *key,
		  int64_t least)
{
	const struct ynode *n = yaml_get(map, key);

	if (n && n->kind == Y_SCALAR && yaml_type(n) == YAML_IS_INT && api_number(map, key) < least)
		api_refuse(w, n, arena_fmt(w->a, "%s%s", path, key), "Invalid value: %s: must be greater than or equal to %lld",
			   n->text, (long long)least);
}

void api_check_labels(struct admission *w, const struct ynode *map, const char *path)
{
	for (size_t i = 0; map && map->kind == Y_MAP && i < map->n; i++) {
		const char *wrong = api_label_key(map->keys[i]->text);

		if (wrong)
			api_refuse(w, map->keys[i], path, "Invalid value: \"%.80s\": %s", map->keys[i]->text, wrong);
		wrong = map->items[i]->kind == Y_SCALAR ? api_label_value(map->items[i]->text) :
							  NULL;
		if (wrong)
			api_refuse(w, map->items[i], path, "Invalid value: \"%.80s\": %s", map->items[i]->text, wrong);
	}
}
