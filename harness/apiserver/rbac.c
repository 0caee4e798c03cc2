#include "apiserver/rbac.h"

#include <string.h>

#include "base/json.h"

static bool among(const cJSON *list, const char *word)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list)
		if (cJSON_IsString(it) &&
		    (!strcmp(it->valuestring, word) || !strcmp(it->valuestring, "*")))
			return true;
	return false;
}

static bool role_allows(const cJSON *role, const char *verb, const char *group, const char *plural,
			const char *name)
{
	const cJSON *rule;

	cJSON_ArrayForEach(rule, json_get(role, "rules")) {
		const cJSON *names = json_get(rule, "resourceNames");

		if (among(json_get(rule, "verbs"), verb) && among(json_get(rule, "apiGroups"), group) &&
		    among(json_get(rule, "resources"), plural) &&
		    (!cJSON_GetArraySize(names) || among(names, name)))
			return true;
	}
	return false;
}

static bool names_account(const cJSON *binding, const char *ns, const char *account)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, json_get(binding, "subjects"))
		if (!strcmp(json_str(s, "kind", ""), "ServiceAccount") &&
		    !strcmp(json_str(s, "name", ""), account) &&
		    !strcmp(json_str(s, "namespace", ns), ns))
			return true;
	return false;
}

bool rbac_allows(const struct store *s, const char *ns, const char *account, const char *verb,
		 const char *group, const char *plural, const char *name)
{
	store_assert_locked(s);
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *b = s->v[i].object;
		const cJSON *role;

		if (s->v[i].kind->id != KIND_ROLE_BINDING ||
		    strcmp(json_str(json_get(b, "metadata"), "namespace", ""), ns) ||
		    !names_account(b, ns, account))
			continue;
		role = store_get(s, KIND_ROLE, ns, json_str(json_get(b, "roleRef"), "name", ""));
		if (role_allows(role, verb, group, plural, name))
			return true;
	}
	return false;
}
