#include "apiserver/ending.h"

#include <string.h>

#include "base/json.h"
#include "kube/read.h"

static bool in_ns(const struct store_item *it, const char *ns)
{
	return it->kind->namespaced && !strcmp(kube_meta(it->object, "namespace"), ns);
}

static int place_of(const cJSON *owners, const char *uid)
{
	const cJSON *o;
	int i = 0;

	cJSON_ArrayForEach(o, owners) {
		if (!strcmp(json_str(o, "uid", ""), uid))
			return i;
		i++;
	}
	return -1;
}

static int word_at(const cJSON *list, const char *word)
{
	const cJSON *v;
	int i = 0;

	cJSON_ArrayForEach(v, list) {
		if (cJSON_IsString(v) && !strcmp(v->valuestring, word))
			return i;
		i++;
	}
	return -1;
}

bool ending_owns(const struct store *s, const char *ns, const char *uid)
{
	for (size_t i = 0; i < s->n; i++)
		if (in_ns(&s->v[i], ns) && place_of(json_path(s->v[i].object, "metadata.ownerReferences"), uid) >= 0)
			return true;
	return false;
}

static void let_go(struct store *s, const char *ns, const char *uid)
{
	for (size_t i = 0; i < s->n; i++) {
		int at = in_ns(&s->v[i], ns) ? place_of(json_path(s->v[i].object, "metadata.ownerReferences"), uid) : -1;
		cJSON *o, *meta;

		if (at < 0)
			continue;
		o = cJSON_Duplicate(s->v[i].object, 1);
		meta = cJSON_GetObjectItemCaseSensitive(o, "metadata");
		cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(meta, "ownerReferences"), at);
		if (!cJSON_GetArraySize(json_get(meta, "ownerReferences")))
			cJSON_DeleteItemFromObjectCaseSensitive(meta, "ownerReferences");
		store_put(s, s->v[i].kind->id, o);
	}
}

static void set_foreground(cJSON *meta, bool on)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(meta, "finalizers");
	int at = word_at(list, ENDING_FOREGROUND);

	if (on && at < 0) {
		if (!cJSON_IsArray(list)) {
			json_set(meta, "finalizers", cJSON_CreateArray());
			list = cJSON_GetObjectItemCaseSensitive(meta, "finalizers");
		}
		json_push(list, cJSON_CreateString(ENDING_FOREGROUND));
	} else if (!on && at >= 0) {
		cJSON_DeleteItemFromArray(list, at);
	}
}

void ending_begin(struct store *s, enum kind_id id, const char *ns, const char *name,
		  enum ending_policy policy)
{
	cJSON *o = store_copy(s, id, ns, name);
	cJSON *meta = cJSON_GetObjectItemCaseSensitive(o, "metadata");
	char now[32];

	if (!o)
		return;
	ns = ns ? ns : "";
	if (policy == ENDING_ORPHAN)
		let_go(s, ns, json_str(meta, "uid", ""));
	set_foreground(meta, policy == ENDING_FOREGROUND_FIRST && ending_owns(s, ns, json_str(meta, "uid", "")));
	if (!cJSON_GetArraySize(json_get(meta, "finalizers"))) {
		cJSON_Delete(o);
		store_delete(s, id, ns, name);
		return;
	}
	store_now(now);
	if (!json_get(meta, "deletionTimestamp"))
		json_set_str(meta, "deletionTimestamp", now);
	store_put(s, id, o);
}

void ending_go_on(struct store *s, enum kind_id id, const char *ns, const char *name)
{
	const cJSON *meta = json_get(store_get(s, id, ns, name), "metadata");

	if (!json_get(meta, "deletionTimestamp"))
		return;
	if (!cJSON_GetArraySize(json_get(meta, "finalizers")))
		store_delete(s, id, ns, name);
	else if (word_at(json_get(meta, "finalizers"), ENDING_FOREGROUND) >= 0 &&
		 !ending_owns(s, ns ? ns : "", json_str(meta, "uid", "")))
		ending_begin(s, id, ns, name, ENDING_BACKGROUND);
}

bool ending_is_garbage(const struct store *s, const cJSON *object, bool *wait)
{
	const cJSON *owners = json_path(object, "metadata.ownerReferences"), *owner;

	*wait = false;
	cJSON_ArrayForEach(owner, owners) {
		const struct kind *kind = kind_by_name(json_str(owner, "kind", ""));
		const cJSON *meta = kind ? json_get(store_get(s, kind->id, kube_meta(object, "namespace"), json_str(owner, "name", "")),
						    "metadata") : NULL;

		/* What is not kept here may be somewhere. */
		if (!kind)
			return false;
		if (!meta || strcmp(json_str(meta, "uid", ""), json_str(owner, "uid", "")))
			continue;
		if (!json_get(meta, "deletionTimestamp") || word_at(json_get(meta, "finalizers"), ENDING_FOREGROUND) < 0)
			return false;
		*wait = true;
	}
	return cJSON_GetArraySize(owners) > 0;
}
