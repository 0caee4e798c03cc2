/* Claims of classes that a cluster does not have. */
#include <string.h>

#include "base/json.h"
#include "engine/kube/kube.h"

/* What a claim may take that had to be moved, unless the user says more. */
#define MOVED_CLAIM_BYTES (INT64_C(1) << 30)
#define STATIC_PROVISIONER "kubernetes.io/no-provisioner"
#define OUR_CLASS "standard" /* of fixtures/agents/storage-classes.yaml */

static const cJSON *class_of(const struct kube *k, const char *name)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, json_get(k->classes, "items"))
		if (!strcmp(kube_meta(o, "name"), name))
			return o;
	return NULL;
}

/* One that the agents serve, until the end of the run. */
static bool is_ours(const cJSON *class)
{
	return *kube_label(class, KUBE_RUN_LABEL) &&
	       !strcmp(json_str(class, "provisioner", ""), KUBE_PROVISIONER);
}

static bool is_default(const cJSON *class)
{
	const cJSON *notes = json_path(class, "metadata.annotations");

	return !strcmp(json_str(notes, "storageclass.kubernetes.io/is-default-class", ""), "true") ||
	       !strcmp(json_str(notes, "storageclass.beta.kubernetes.io/is-default-class", ""), "true");
}

/* Of several, the newest counts (Kubernetes, "Storage Classes"); RFC 3339 in
 * UTC sorts as text. */
static const char *default_class(const struct kube *k)
{
	const cJSON *o, *best = NULL;

	cJSON_ArrayForEach(o, json_get(k->classes, "items"))
		if (is_default(o) && !*kube_label(o, KUBE_RUN_LABEL) &&
		    (!best || strcmp(kube_meta(o, "creationTimestamp"), kube_meta(best, "creationTimestamp")) > 0))
			best = o;
	return best ? kube_meta(best, "name") : NULL;
}

/* One that the agents serve: the names of some may be the cluster's own classes'. */
static const char *our_class(const struct kube *k)
{
	const cJSON *o = class_of(k, OUR_CLASS);

	if (o && is_ours(o))
		return OUR_CLASS;
	cJSON_ArrayForEach(o, json_get(k->classes, "items"))
		if (is_ours(o))
			return kube_meta(o, "name");
	return NULL;
}

/* Somebody in the cluster answers for this provisioner: it has announced its
 * driver, or a class of the cluster's own names it. */
static bool has_provisioner(const struct kube *k, const char *name)
{
	const cJSON *o;

	if (!strcmp(name, KUBE_PROVISIONER) || !strcmp(name, STATIC_PROVISIONER))
		return true;
	cJSON_ArrayForEach(o, json_get(k->drivers, "items"))
		if (!strcmp(kube_meta(o, "name"), name))
			return true;
	cJSON_ArrayForEach(o, json_get(k->classes, "items"))
		if (!*kube_label(o, KUBE_RUN_LABEL) && !strcmp(json_str(o, "provisioner", ""), name))
			return true;
	return false;
}

/* struct adapt_rules' storage_class. */
static const char *instead(void *arg, const char *name, const char *provisioner)
{
	const struct kube *k = arg;
	const cJSON *there = name ? class_of(k, name) : NULL;
	const char *usual = default_class(k);

	if (k->base.conf.storage_class)
		return name && !strcmp(name, k->base.conf.storage_class) && !provisioner ? NULL :
			k->base.conf.storage_class;
	/* The cluster's own class of that name counts, whatever the manifests say. */
	if (there && !*kube_label(there, KUBE_RUN_LABEL))
		return NULL;
	if (provisioner ? has_provisioner(k, provisioner) : there ? is_ours(there) : !name && usual)
		return NULL;
	if (usual)
		return usual;
	if (there && is_ours(there))
		return name;
	return our_class(k);
}

int kube_class_rules(struct kube *k, struct adapt_rules *r, struct err *e)
{
	const char *usual;
	struct err unseen = {0};

	cJSON_Delete(k->classes);
	cJSON_Delete(k->drivers);
	k->classes = k->drivers = NULL;
	if (kube_get(k->k, "/apis/storage.k8s.io/v1/storageclasses", &k->classes, e))
		return -1;
	/* Who may not see the drivers sees them by their classes. */
	if (kube_get(k->k, "/apis/storage.k8s.io/v1/csidrivers", &k->drivers, &unseen) &&
	    unseen.kind == ERR_INTERRUPTED) {
		*e = unseen;
		return -1;
	}
	if (k->base.conf.storage_class && !class_of(k, k->base.conf.storage_class))
		return err_set(e, ERR_INPUT, "--storage-class: this cluster has no StorageClass \"%.200s\"",
			       k->base.conf.storage_class);
	usual = default_class(k);
	r->storage_class = instead;
	r->class_why = k->base.conf.storage_class ? "the class that --storage-class names" :
		       usual ? "this cluster has no such class or provisioner: its default class" :
			       "this cluster has no such class or provisioner, and no default: the agents serve it";
	r->max_claim_bytes = k->base.conf.claim_max_bytes;
	r->max_moved_bytes = r->max_claim_bytes ? r->max_claim_bytes : MOVED_CLAIM_BYTES;
	r->claim_why = r->max_claim_bytes ? "--claim-max" : "of another class than it was written for";
	return 0;
}

/* ---- volumes that a run would cost their owners ---- */

static bool claims_class(struct kube *k, const struct manifest *m, const char *class)
{
	const char *usual = default_class(k), *path, *name;
	const struct ynode *claim, *n;

	for (size_t i = 0; i < m->n; i++) {
		const struct ynode *o = m->objects[i];

		for (size_t c = 0; (claim = manifest_claim(&k->arena, o, c, &path)); c++) {
			n = manifest_claim_class(claim, &path);
			name = n && n->kind == Y_SCALAR ? n->text : usual ? usual : "";
			if (!strcmp(name, class))
				return true;
		}
	}
	return false;
}

int kube_refuse_doomed(struct kube *k, const struct manifest *m, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *pv;
	int r = 0;

	if (kube_get(k->k, "/api/v1/persistentvolumes", &list, e))
		return -1;
	cJSON_ArrayForEach(pv, json_get(list, "items")) {
		const cJSON *spec = json_get(pv, "spec"), *ref = json_get(spec, "claimRef");
		const char *policy = json_str(spec, "persistentVolumeReclaimPolicy", "Retain");
		bool free = ref ? !strcmp(json_str(ref, "namespace", ""), k->base.namespace) :
				  claims_class(k, m, json_str(spec, "storageClassName", ""));

		/* What a provisioner makes for a claim goes with it, as it should. */
		if (!free || *json_str(json_path(pv, "metadata.annotations"), "pv.kubernetes.io/provisioned-by", "") ||
		    kube_volume_is_ours(pv) || !strcmp(policy, "Retain"))
			continue;
		r = err_set(e, ERR_INPUT, "volume %s was there before and waits for claims of this run, with which "
			    "its policy %s would take it: give it the policy Retain, or the claims another class "
			    "(--storage-class)", kube_meta(pv, "name"), policy);
		break;
	}
	cJSON_Delete(list);
	return r;
}
