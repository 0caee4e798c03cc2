#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "manifest/api/api.h"

/* What an API server refuses in ConfigMaps and Secrets (pkg/apis/core/validation). */

enum { DATA_MAX = 1024 * 1024 };

static bool has_key(const struct admission *w, const char *key)
{
	return yaml_get(yaml_get(w->object, "data"), key) || yaml_get(yaml_get(w->object, "stringData"), key);
}

/* What pulls images is a map of JSON (Go's json.Unmarshal), which is told without it. */
static void check_registries(struct admission *w, const char *key)
{
	const struct ynode *encoded = yaml_get(yaml_get(w->object, "data"), key), *plain = yaml_get(yaml_get(w->object, "stringData"), key);
	const struct ynode *at = plain ? plain : encoded;
	struct buf text = {0};
	cJSON *map = NULL;

	if (!at || at->kind != Y_SCALAR)
		return;
	if (plain)
		buf_str(&text, plain->text);
	else if (base64_decode(encoded->text, &text)) {
		buf_free(&text); /* it has been told */
		return;
	}
	map = cJSON_ParseWithOpts(buf_cstr(&text), NULL, 1);
	if (!cJSON_IsObject(map) && !cJSON_IsNull(map))
		api_refuse(w, at, arena_fmt(w->a, "data[%s]", key), "Invalid value: \"<secret contents redacted>\": it is no map of JSON");
	cJSON_Delete(map);
	buf_free(&text);
}

/* Keys that a type wants, all of them or any. */
static void check_type(struct admission *w)
{
	static const struct {
		const char *type, *keys[2];
		bool any, json;
	} types[] = {
		{"kubernetes.io/tls", {"tls.crt", "tls.key"}, false, false},
		{"kubernetes.io/basic-auth", {"username", "password"}, true, false},
		{"kubernetes.io/ssh-auth", {"ssh-privatekey", NULL}, false, false},
		{"kubernetes.io/dockercfg", {".dockercfg", NULL}, false, true},
		{"kubernetes.io/dockerconfigjson", {".dockerconfigjson", NULL}, false, true},
	};
	const char *type = api_text(w->object, "type");

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].type, type))
			continue;
		for (size_t k = 0; k < 2 && types[i].keys[k]; k++)
			if (!has_key(w, types[i].keys[k]) &&
			    !(types[i].any && has_key(w, types[i].keys[!k])))
				api_refuse(w, yaml_get(w->object, "type"), arena_fmt(w->a, "data[%s]", types[i].keys[k]), "Required value");
		if (types[i].json)
			check_registries(w, types[i].keys[0]);
	}
	if (!strcmp(type, "kubernetes.io/service-account-token") &&
	    !*api_text(yaml_get(yaml_get(w->object, "metadata"), "annotations"), "kubernetes.io/service-account.name"))
		api_refuse(w, yaml_get(w->object, "type"), "metadata.annotations[kubernetes.io/service-account.name]", "Required value");
}

void api_check_data(struct admission *w)
{
	static const char *const maps[] = {"data", "binaryData", "stringData"};
	size_t bytes = 0;

	for (size_t k = 0; k < ARRAY_LEN(maps); k++) {
		const struct ynode *map = yaml_get(w->object, maps[k]);

		for (size_t i = 0; map && map->kind == Y_MAP && i < map->n; i++) {
			const char *key = map->keys[i]->text, *wrong = api_data_key(key);
			const char *at = arena_fmt(w->a, "%s[%s]", maps[k], key);

			if (wrong)
				api_refuse(w, map->keys[i], at, "Invalid value: \"%.80s\": %s", key, wrong);
			if (k == 1 && yaml_get(yaml_get(w->object, "data"), key))
				api_refuse(w, map->keys[i], at, "Invalid value: \"%.80s\": duplicate of key present in data", key);
			bytes += map->items[i]->kind == Y_SCALAR ? strlen(map->items[i]->text) : 0;
		}
	}
	if (!strcmp(w->kind, "Secret"))
		check_type(w);
	if (bytes > DATA_MAX)
		api_refuse(w, NULL, "data", "Too long: may not be more than %d bytes", DATA_MAX);
}
