#include "apiserver/rbac.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define GROUP "rbac.authorization.k8s.io"

struct ask {
	const char *verb, *group, *kind, *sub;
	const char *name; /* NULL: whatever it is called */
};

static bool has(const cJSON *list, const char *word)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list)
		if (cJSON_IsString(it) && !strcmp(it->valuestring, word))
			return true;
	return false;
}

static bool among(const cJSON *list, const char *word)
{
	return has(list, "*") || has(list, word);
}

/* "pods", "pods/log", any subresource of that name, or all. */
static bool resource_fits(const cJSON *list, const struct ask *q)
{
	char both[400], any[200];

	snprintf(both, sizeof(both), "%s%s%s", q->kind, *q->sub ? "/" : "", q->sub);
	snprintf(any, sizeof(any), "*/%s", q->sub);
	return among(list, both) || (*q->sub && has(list, any));
}

/* No "*" for names: one that is called so is meant. */
static bool rule_allows(const cJSON *rule, const struct ask *q)
{
	const cJSON *names = json_get(rule, "resourceNames");

	return among(json_get(rule, "verbs"), q->verb) && among(json_get(rule, "apiGroups"), q->group) &&
	       resource_fits(json_get(rule, "resources"), q) &&
	       (!cJSON_GetArraySize(names) || (q->name && has(names, q->name)));
}

static bool is_subject(const cJSON *s, const char *binding_ns, const struct account *a)
{
	const char *kind = json_str(s, "kind", ""), *name = json_str(s, "name", ""), *ns = json_str(s, "namespace", "");
	char user[400], group[200];

	if (!strcmp(kind, "ServiceAccount"))
		return !strcmp(name, a->name) && !strcmp(*ns ? ns : binding_ns, a->ns);
	snprintf(user, sizeof(user), "system:serviceaccount:%s:%s", a->ns, a->name);
	if (!strcmp(kind, "User"))
		return !strcmp(name, user);
	snprintf(group, sizeof(group), "system:serviceaccounts:%s", a->ns);
	return !strcmp(kind, "Group") && (!strcmp(name, group) || !strcmp(name, "system:serviceaccounts") ||
					  !strcmp(name, "system:authenticated"));
}

static bool gives(const cJSON *binding, const char *ns, const struct account *a)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, json_get(binding, "subjects"))
		if (is_subject(s, ns, a))
			return true;
	return false;
}

static const cJSON *role_of(const struct store *s, const cJSON *binding, const char *ns)
{
	const cJSON *ref = json_get(binding, "roleRef");

	return strcmp(json_str(ref, "kind", "Role"), "Role") ? NULL :
	       store_get(s, KIND_ROLE, ns, json_str(ref, "name", ""));
}

static bool may(const struct store *s, const struct account *a, const char *ns, const struct ask *q)
{
	store_assert_locked(s);
	for (size_t i = 0; *ns && i < s->n; i++) {
		const cJSON *b = s->v[i].object, *rule;

		if (s->v[i].kind->id != KIND_ROLE_BINDING ||
		    strcmp(json_str(json_get(b, "metadata"), "namespace", ""), ns) || !gives(b, ns, a))
			continue;
		cJSON_ArrayForEach(rule, json_get(role_of(s, b, ns), "rules"))
			if (rule_allows(rule, q))
				return true;
	}
	return false;
}

/* system:discovery and system:public-info-viewer, which all accounts have. */
static bool public_url(const struct api_request *r)
{
	static const char *const urls[] = {"/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz"};
	static const char *const below[] = {"/api/", "/apis/", "/openapi/"};

	if (strcmp(r->verb, "get"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		if (!strcmp(urls[i], r->url))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(below); i++)
		if (!strncmp(below[i], r->url, strlen(below[i])))
			return true;
	return !strcmp(r->url, "/version/");
}

bool rbac_allows(const struct store *s, const struct account *a, const struct api_request *r)
{
	const struct ask q = {r->verb, r->group, r->kind, r->sub, r->asked};

	return r->resource ? may(s, a, r->ns, &q) : public_url(r);
}

static const char *text_of(const cJSON *v)
{
	return cJSON_IsString(v) ? v->valuestring : "";
}

/* The account has one right of a rule, or all of them that "*" stands for. */
static bool has_right(const struct store *s, const struct account *a, const char *ns,
		      const cJSON *verb, const cJSON *group, const cJSON *resource,
		      const cJSON *name)
{
	struct ask q = {text_of(verb), text_of(group), text_of(resource), "", name ? text_of(name) : NULL};
	char kind[200];

	if (strchr(q.kind, '/')) {
		snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(q.kind, "/"), q.kind);
		q.sub = strchr(q.kind, '/') + 1;
		q.kind = kind;
	}
	return may(s, a, ns, &q);
}

static bool covers(const struct store *s, const struct account *a, const char *ns,
		   const cJSON *rule)
{
	const cJSON *names = json_get(rule, "resourceNames"), *v, *g, *r, *n;

	cJSON_ArrayForEach(v, json_get(rule, "verbs"))
		cJSON_ArrayForEach(g, json_get(rule, "apiGroups"))
			cJSON_ArrayForEach(r, json_get(rule, "resources")) {
				if (!cJSON_GetArraySize(names) &&
				    !has_right(s, a, ns, v, g, r, NULL))
					return false;
				cJSON_ArrayForEach(n, names)
					if (!has_right(s, a, ns, v, g, r, n))
						return false;
			}
	return true;
}

bool rbac_may_give(const struct store *s, const struct account *a, const char *ns,
		   const struct kind *kind, const char *asked, const cJSON *object)
{
	bool binding = kind->id == KIND_ROLE_BINDING;
	const char *name = binding ? json_str(json_get(object, "roleRef"), "name", "") : asked;
	const struct ask leave = {binding ? "bind" : "escalate", GROUP, "roles", "", name};
	const cJSON *rule, *role = binding ? role_of(s, object, ns) : object;

	if ((kind->id != KIND_ROLE && !binding) || may(s, a, ns, &leave))
		return true;
	if (!role)
		return false;
	cJSON_ArrayForEach(rule, json_get(role, "rules"))
		if (!covers(s, a, ns, rule))
			return false;
	return true;
}
