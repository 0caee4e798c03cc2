#include "apiserver/immutable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit_parts.h"
#include "apiserver/same.h"
#include "base/json.h"
#include "base/mem.h"

#define FIXED "field is immutable"
#define STS "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', " \
	"'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
#define CLAIM "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
#define SOURCE "spec.persistentvolumesource is immutable after creation"
#define POD "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`," \
	"`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)," \
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
#define NO_ROLLOUT "the engine docker rolls no update out: write what is wanted into the manifests, or run this on kind"

enum how {
	INVALID,   /* the value is told */
	FORBIDDEN, /* it is not */
	ONCE,      /* INVALID, once it has been set */
};

/* A field, by its path. With `but` a map, of which these keys may change. */
static const struct rule {
	enum kind_id kind;
	const char *path;
	enum how how;
	const char *why;
	const char *dflt;    /* what an absent one is */
	const char *but[8];
	const char *told_at; /* NULL: at the path */
} rules[] = {
	{KIND_STATEFUL_SET, "spec", FORBIDDEN, STS, NULL,
	 {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
	  "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}, NULL},
	{KIND_DEPLOYMENT, "spec.selector", INVALID, FIXED, NULL, {NULL}, NULL},
	{KIND_DEPLOYMENT, "spec.template", FORBIDDEN, NO_ROLLOUT, NULL, {NULL}, NULL},
	{KIND_JOB, "spec.selector", INVALID, FIXED, NULL, {NULL}, NULL},
	{KIND_JOB, "spec.template", INVALID, FIXED, NULL, {NULL}, NULL},
	{KIND_JOB, "spec.completions", INVALID, FIXED, NULL, {NULL}, NULL},
	{KIND_JOB, "spec.completionMode", INVALID, FIXED, "NonIndexed", {NULL}, NULL},
	{KIND_JOB, "spec.podFailurePolicy", INVALID, FIXED, NULL, {NULL}, NULL},
	{KIND_JOB, "spec.backoffLimitPerIndex", INVALID, FIXED, NULL, {NULL}, NULL},
	{KIND_POD, "spec", FORBIDDEN, POD, NULL,
	 {"activeDeadlineSeconds", "tolerations", "containers", "initContainers"}, NULL},
	{KIND_SERVICE, "spec.clusterIP", ONCE, "may not change once set", NULL, {NULL}, "spec.clusterIPs[0]"},
	{KIND_PERSISTENT_VOLUME_CLAIM, "spec", FORBIDDEN, CLAIM, NULL,
	 {"resources", "volumeName", "volumeAttributesClassName"}, NULL},
	{KIND_PERSISTENT_VOLUME_CLAIM, "spec.volumeName", ONCE, CLAIM, NULL, {NULL}, "spec"},
	{KIND_PERSISTENT_VOLUME_CLAIM, "spec.resources.requests.storage", FORBIDDEN,
	 "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
	 NULL, {NULL}, NULL},
	{KIND_PERSISTENT_VOLUME, "spec", FORBIDDEN, SOURCE, NULL,
	 {"capacity", "accessModes", "claimRef", "persistentVolumeReclaimPolicy", "mountOptions",
	  "volumeAttributesClassName"}, "spec.persistentvolumesource"},
	{KIND_SECRET, "type", INVALID, FIXED, "Opaque", {NULL}, NULL},
	{KIND_ROLE_BINDING, "roleRef", INVALID, "cannot change roleRef", NULL, {NULL}, NULL},
	{KIND_STORAGE_CLASS, "provisioner", FORBIDDEN, "updates to provisioner are forbidden.", NULL, {NULL}, NULL},
	{KIND_STORAGE_CLASS, "parameters", FORBIDDEN, "updates to parameters are forbidden.", NULL, {NULL}, NULL},
	{KIND_STORAGE_CLASS, "reclaimPolicy", FORBIDDEN, "updates to reclaimPolicy are forbidden.", "Delete", {NULL}, NULL},
	{KIND_STORAGE_CLASS, "volumeBindingMode", INVALID, FIXED, "Immediate", {NULL}, NULL},
};

static bool is_empty(const cJSON *v)
{
	return !v || cJSON_IsNull(v) || ((cJSON_IsObject(v) || cJSON_IsArray(v)) && !v->child) ||
	       (cJSON_IsString(v) && !v->valuestring[0]);
}

static bool is_text(const cJSON *v, const char *text)
{
	return text && cJSON_IsString(v) && !strcmp(v->valuestring, text);
}

static bool same(const cJSON *a, const cJSON *b, const char *dflt)
{
	if (is_empty(a))
		return is_empty(b) || is_text(b, dflt);
	if (is_empty(b))
		return is_text(a, dflt);
	return same_json(a, b);
}

/* What an absent key of a map is; NULL: nothing that is known here. */
static const char *default_of(const char *key)
{
	static const char *const words[][2] = {
		{"podManagementPolicy", "OrderedReady"}, {"volumeMode", "Filesystem"}, {"restartPolicy", "Always"},
		{"dnsPolicy", "ClusterFirst"}, {"schedulerName", "default-scheduler"},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i][0], key))
			return words[i][1];
	return NULL;
}

static bool among(const char *const list[8], const char *key)
{
	for (int i = 0; i < 8 && list[i]; i++)
		if (!strcmp(list[i], key))
			return true;
	return false;
}

/* Keys of `a` that are another in `b`, but those that may. */
static bool differs(const cJSON *a, const cJSON *b, const char *const but[8])
{
	const cJSON *v;

	if (!cJSON_IsObject(a))
		return !same(a, b, NULL);
	cJSON_ArrayForEach(v, a)
		if (!among(but, v->string) &&
		    !same(v, json_get(b, v->string), default_of(v->string)))
			return true;
	return false;
}

static void apply(struct admitting *a, const struct rule *r, const cJSON *was, const cJSON *now)
{
	const cJSON *old = json_path(was, r->path), *new = json_path(now, r->path);
	const char *at = r->told_at ? r->told_at : r->path;
	char *text;

	if (r->but[0] ? !differs(old, new, r->but) && !differs(new, old, r->but) :
			same(old, new, r->dflt))
		return;
	if (r->how == ONCE && is_empty(old))
		return;
	if (r->how == FORBIDDEN) {
		admit_say(a, at, "Forbidden: %s", r->why);
		return;
	}
	text = new ? json_text(new) : mem_strdup("null");
	admit_say(a, at, "Invalid value: %.200s: %s", text, r->why);
	free(text);
}

/* ConfigMaps and Secrets that say so of themselves, for good. */
static void check_marked(struct admitting *a, const cJSON *was, const cJSON *now)
{
	static const char *const maps[] = {"data", "stringData", "binaryData"};
	static const char why[] = "Forbidden: field is immutable when `immutable` is set";

	if (!json_bool(was, "immutable", false))
		return;
	if (!json_bool(now, "immutable", false))
		admit_say(a, "immutable", "%s", why);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (!same(json_get(was, maps[i]), json_get(now, maps[i]), NULL))
			admit_say(a, maps[i], "%s", why);
}

/* Here a scale only grows. */
static void check_replicas(struct admitting *a, const cJSON *was, const cJSON *now)
{
	if (json_i64(json_get(now, "spec"), "replicas", 1) < json_i64(json_get(was, "spec"), "replicas", 1))
		admit_say(a, "spec.replicas", "Forbidden: the engine docker ends no replicas: run this on kind");
}

/* All but the image is the pod's for good; and whoever changes that waits for a
 * restart which does not come here. */
static void check_containers(struct admitting *a, const char *list, const cJSON *was,
			     const cJSON *now)
{
	static const char *const image[8] = {"image"};
	const cJSON *old = json_get(was, list), *new = json_get(now, list), *o,
		    *n = new ? new->child : NULL;
	char at[ADMIT_PATH_BYTES];
	int i = 0;

	if (cJSON_GetArraySize(old) != cJSON_GetArraySize(new)) {
		admit_say(a, "spec", "Forbidden: %s", POD);
		return;
	}
	cJSON_ArrayForEach(o, old) {
		if (!n || differs(o, n, image) || differs(n, o, image)) {
			admit_say(a, "spec", "Forbidden: %s", POD);
			return;
		}
		admit_path(at, "spec.%s[%d].image", list, i++);
		if (!same(json_get(o, "image"), json_get(n, "image"), NULL))
			admit_say(a, at, "Forbidden: %s", NO_ROLLOUT);
		n = n->next;
	}
}

static void check_tolerations(struct admitting *a, const cJSON *was, const cJSON *now)
{
	const cJSON *old, *new = json_path(now, "spec.tolerations");

	cJSON_ArrayForEach(old, json_path(was, "spec.tolerations")) {
		const cJSON *v = new ? new->child : NULL;

		while (v && !same_json(old, v))
			v = v->next;
		if (!v) {
			admit_say(a, "spec.tolerations", "Forbidden: existing toleration can not be modified except its "
							 "tolerationSeconds");
			return;
		}
	}
}

/* Who ends is not held up by more. */
static void check_finalizers(struct admitting *a, const cJSON *was, const cJSON *now)
{
	const cJSON *old = json_path(was, "metadata.finalizers"), *v, *o;

	if (!json_path(was, "metadata.deletionTimestamp"))
		return;
	cJSON_ArrayForEach(v, json_path(now, "metadata.finalizers")) {
		bool had = false;

		cJSON_ArrayForEach(o, old)
			had = had || same_json(o, v);
		if (!had && cJSON_IsString(v))
			admit_say(a, "metadata.finalizers", "Forbidden: no new finalizers can be added if the object is being deleted, "
				  "found new finalizers []string{\"%.80s\"}", v->valuestring);
	}
}

int immutable_check(const struct kind *kind, const cJSON *was, const cJSON *now, admit_fn *fn,
		    void *arg)
{
	struct admitting a = {.fn = fn, .arg = arg};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].kind == kind->id)
			apply(&a, &rules[i], was, now);
	check_finalizers(&a, was, now);
	if (kind->id == KIND_CONFIG_MAP || kind->id == KIND_SECRET)
		check_marked(&a, was, now);
	if (kind->id == KIND_STATEFUL_SET || kind->id == KIND_DEPLOYMENT)
		check_replicas(&a, was, now);
	if (kind->id == KIND_POD) {
		check_containers(&a, "initContainers", json_get(was, "spec"), json_get(now, "spec"));
		check_containers(&a, "containers", json_get(was, "spec"), json_get(now, "spec"));
		check_tolerations(&a, was, now);
	}
	return a.n;
}
