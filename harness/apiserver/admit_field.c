/* One field of an object, and how what is wrong with it is told. */
#include <stdarg.h>
#include <stdio.h>

#include "apiserver/admit_parts.h"
#include "base/json.h"
#include "manifest/names.h"

void admit_path(char path[ADMIT_PATH_BYTES], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, ADMIT_PATH_BYTES, fmt, ap);
	va_end(ap);
}

void admit_say(struct admitting *a, const char *path, const char *fmt, ...)
{
	char what[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	a->n++;
	a->fn(a->arg, path, what);
}

void admit_most(struct admitting *a, const char *path, const cJSON *map, const char *key, int most)
{
	int n = cJSON_GetArraySize(json_get(map, key));
	char at[ADMIT_PATH_BYTES];

	if (n <= most)
		return;
	admit_path(at, "%s%s%s", path, *path ? "." : "", key);
	admit_say(a, at, "Too many: %d: must have at most %d items", n, most);
}

static const char label_rule[] =
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
	"with an alphanumeric character, at most 63 characters in all";
static const char label_1035_rule[] =
	"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
	"end with an alphanumeric character, at most 63 characters in all";
static const char subdomain_rule[] =
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
	"and end with an alphanumeric character, at most 253 characters in all";

static const struct {
	bool (*good)(const char *s);
	const char *rule;
} syntaxes[] = {
	[ADMIT_LABEL] = {name_is_label, label_rule},
	[ADMIT_LABEL_1035] = {name_is_label_1035, label_1035_rule},
	[ADMIT_SUBDOMAIN] = {name_is_subdomain, subdomain_rule},
	[ADMIT_SEGMENT] = {name_is_segment, "a name must not be \".\" or \"..\", nor contain '/' or '%'"},
	[ADMIT_KEY] = {name_is_key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.', and "
				    "must not start with \"..\""},
	[ADMIT_PORT_NAME] = {name_is_port, "must be at most 15 of a-z, 0-9 and '-', with a letter among them"},
	[ADMIT_VARIABLE] = {name_is_variable, "must be printable ASCII without '='"},
	[ADMIT_PATH_BELOW] = {name_is_path_below, "must be a relative path, and must not contain '..'"},
	[ADMIT_LABEL_KEY] = {name_is_label_key, "name part must be at most 63 alphanumeric characters, '-', '_' or '.'"},
	[ADMIT_LABEL_VALUE] = {name_is_label_value, "a valid label must be at most 63 alphanumeric characters, '-', '_' or "
						    "'.', and must start and end with an alphanumeric character"},
	[ADMIT_ADDRESS] = {name_is_any_address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
	[ADMIT_WORD] = {name_is_word, "must be one word: it stands in a line of a file"},
	[ADMIT_DOMAIN] = {name_is_search_domain, subdomain_rule},
};

void admit_text(struct admitting *a, const char *path, const char *text, enum admit_syntax s)
{
	if (!syntaxes[s].good(text))
		admit_say(a, path, "Invalid value: \"%.80s\": %s", text, syntaxes[s].rule);
}

void admit_labels(struct admitting *a, const char *path, const cJSON *map)
{
	const cJSON *v;
	char at[ADMIT_PATH_BYTES];

	if (cJSON_GetArraySize(map) > ADMIT_LABELS_MOST)
		return;
	json_each_member(v, map) {
		admit_path(at, "%s.\"%.200s\"", path, v->string);
		admit_text(a, at, v->string, ADMIT_LABEL_KEY);
		if (cJSON_IsString(v))
			admit_text(a, at, v->valuestring, ADMIT_LABEL_VALUE);
	}
}

void admit_member(struct admitting *a, const char *path, const cJSON *map, const char *key,
		  enum admit_syntax s, bool needed)
{
	const cJSON *v = json_get(map, key);
	char at[ADMIT_PATH_BYTES];

	admit_path(at, "%s%s%s", path, *path ? "." : "", key);
	if (cJSON_IsString(v) && (v->valuestring[0] || needed))
		admit_text(a, at, v->valuestring, s);
	else if (v && !cJSON_IsNull(v) && !cJSON_IsString(v))
		admit_say(a, at, "Invalid value: a string is wanted");
	else if (needed && !cJSON_IsString(v))
		admit_say(a, *path && !v ? path : at, "Required value: %s", key);
}
