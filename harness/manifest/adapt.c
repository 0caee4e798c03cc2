#include <string.h>

#include "base/buf.h"
#include "manifest/parts.h"

/* Everything that an engine changes in a fixture's manifests: this file and
 * nothing else, and each change is recorded with where, from, to and why.
 * The table at the end lists the rules; doc/ADAPT.md explains them. */

struct adapting {
	struct arena *a;
	const struct adapt_rules *rules;
	struct adaptations *log;
	struct ynode *object; /* the one under way */
	char old_ns[64];      /* its namespace as written */
	struct manifest *m;
	bool *gone;           /* by object: is left out */
	const char *usual;    /* the manifests' own default class, or NULL */
};

/* Replaces a scalar's text and records it. */
static void change(struct adapting *ad, struct ynode *n, const char *path, const char *to,
		   const char *why)
{
	if (!strcmp(n->text, to))
		return;
	adaptation_add(ad->a, ad->log, ad->object, n->line, path, n->text, to, why);
	n->text = arena_strdup(ad->a, to);
}

/* ---- namespace ---- */

static bool cluster_scoped(const char *kind)
{
	static const char *const kinds[] = {
		"Namespace", "StorageClass", "PersistentVolume", "ClusterRole",
		"ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!strcmp(kinds[i], kind))
			return true;
	}
	return false;
}

/* metadata.namespace of every object that has one by its kind. */
static int adapt_namespace(struct adapting *ad, struct err *e)
{
	static const char why[] = "each run has a namespace of its own";
	struct ynode *meta = yaml_get(ad->object, "metadata"), *n;

	(void)e;
	if (!strcmp(manifest_kind(ad->object), "Namespace")) {
		change(ad, yaml_get(meta, "name"), "metadata.name", ad->rules->namespace, why);
		return 0;
	}
	if (cluster_scoped(manifest_kind(ad->object)))
		return 0;
	n = yaml_get(meta, "namespace");
	if (n) {
		change(ad, n, "metadata.namespace", ad->rules->namespace, why);
		return 0;
	}
	adaptation_add(ad->a, ad->log, ad->object, meta->line, "metadata.namespace", NULL,
		       ad->rules->namespace, why);
	yaml_set(ad->a, meta, "namespace", yaml_new_scalar(ad->a, ad->rules->namespace, true));
	return 0;
}

/* Subjects of a (Cluster)RoleBinding name the namespace of an account. */
static int adapt_subjects(struct adapting *ad, struct err *e)
{
	struct ynode *list = yaml_get(ad->object, "subjects"), *n;
	size_t i;

	(void)e;
	for (i = 0; list && list->kind == Y_LIST && i < list->n; i++) {
		n = yaml_get(list->items[i], "namespace");
		if (n && n->kind == Y_SCALAR)
			change(ad, n, arena_fmt(ad->a, "subjects[%zu].namespace", i),
			       ad->rules->namespace, "the account is in the run's namespace");
	}
	return 0;
}

/* Environment variables that are known to hold the namespace. */
static bool names_namespace(const char *name)
{
	static const char *const names[] = {"PATRONI_KUBERNETES_NAMESPACE", "POD_NAMESPACE",
					    "NAMESPACE", "MY_POD_NAMESPACE"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

/* Replaces every `old` that stands between the two given contexts. */
static const char *replace_all(struct arena *a, const char *text, const char *before,
			       const char *old, const char *after, const char *to)
{
	const char *needle = arena_fmt(a, "%s%s%s", before, old, after), *p, *at = text;
	const char *out;
	struct buf b = {0};

	while ((p = strstr(at, needle))) {
		buf_add(&b, at, (size_t)(p - at));
		buf_fmt(&b, "%s%s%s", before, to, after);
		at = p + strlen(needle);
	}
	if (at == text)
		return text;
	buf_str(&b, at);
	out = arena_strdup(a, buf_cstr(&b));
	buf_free(&b);
	return out;
}

/* One text anywhere in an object: a name of the cluster's DNS
 * ("x.production.svc"), a line "namespace: production" in an embedded file.
 * The record shows the first line that differs, not the whole text. */
static void adapt_text(struct adapting *ad, struct ynode *n, const char *path)
{
	const char *to = ad->rules->namespace, *text = n->text, *from_line, *to_line;
	size_t same = 0, start;
	int line = n->line;

	text = replace_all(ad->a, text, ".", ad->old_ns, ".svc", to);
	text = replace_all(ad->a, text, " namespace: ", ad->old_ns, "\n", to);
	text = replace_all(ad->a, text, "\nnamespace: ", ad->old_ns, "\n", to);
	if (text == n->text)
		return;
	while (text[same] == n->text[same])
		same++;
	for (start = same; start && text[start - 1] != '\n'; start--)
		;
	from_line = arena_fmt(ad->a, "%.*s", (int)strcspn(n->text + start, "\n"), n->text + start);
	to_line = arena_fmt(ad->a, "%.*s", (int)strcspn(text + start, "\n"), text + start);
	for (same = 0; same < start; same++)
		line += n->text[same] == '\n';
	line += strchr(n->text, '\n') != NULL; /* a block begins below its key */
	adaptation_add(ad->a, ad->log, ad->object, line, path, from_line, to_line,
		       "it names the namespace");
	n->text = text;
}

static void walk_texts(struct adapting *ad, struct ynode *n, const char *path)
{
	const char *below, *key;
	struct ynode *name;
	size_t i;

	if (n->kind == Y_SCALAR) {
		adapt_text(ad, n, path);
		return;
	}
	name = yaml_get(n, "name");
	for (i = 0; i < n->n; i++) {
		key = n->kind == Y_MAP ? n->keys[i]->text : NULL;
		if (!key)
			below = arena_fmt(ad->a, "%s[%zu]", path, i);
		else if (strpbrk(key, ".[\""))
			below = arena_fmt(ad->a, "%s%s\"%s\"", path, *path ? "." : "", key);
		else
			below = arena_fmt(ad->a, "%s%s%s", path, *path ? "." : "", key);
		/* NAME: value of a ConfigMap, or {name: NAME, value: value}. */
		if (key && n->items[i]->kind == Y_SCALAR &&
		    !strcmp(n->items[i]->text, ad->old_ns) &&
		    (names_namespace(key) ||
		     (!strcmp(key, "value") && name && name->kind == Y_SCALAR &&
		      names_namespace(name->text))))
			change(ad, n->items[i], below, ad->rules->namespace,
			       "it names the namespace");
		else
			walk_texts(ad, n->items[i], below);
	}
}

static int adapt_texts(struct adapting *ad, struct err *e)
{
	(void)e;
	if (*ad->old_ns && strcmp(ad->old_ns, ad->rules->namespace))
		walk_texts(ad, ad->object, "");
	return 0;
}

/* ---- containers ---- */

typedef int part_fn(struct adapting *ad, struct ynode *part, const char *path, struct err *e);

static int each_container(struct adapting *ad, part_fn *fn, struct err *e)
{
	static const char *const lists[] = {"initContainers", "containers"};
	const char *base = NULL;
	struct ynode *spec = manifest_pod_spec(ad->object, &base), *list;
	size_t i, k;

	for (k = 0; spec && k < ARRAY_LEN(lists); k++) {
		list = yaml_get(spec, lists[k]);
		for (i = 0; list && list->kind == Y_LIST && i < list->n; i++) {
			if (fn(ad, list->items[i], arena_fmt(ad->a, "%s.%s[%zu]", base, lists[k], i),
			       e))
				return -1;
		}
	}
	return 0;
}

static int container_image(struct adapting *ad, struct ynode *c, const char *path, struct err *e)
{
	struct ynode *image = yaml_get(c, "image");
	const char *to;

	if (!image || image->kind != Y_SCALAR || !*image->text)
		return yaml_error(image ? image : c, e, "the container has no image");
	to = ad->rules->image(ad->rules->arg, image->text);
	if (to)
		change(ad, image, arena_fmt(ad->a, "%s.image", path), to,
		       "the image that stands for it here");
	return 0;
}

/* One resource's request, lowered to `cap` (in the unit of `parse`). Where
 * there is a limit but no request, Kubernetes takes the limit as the request,
 * so a request is added. Limits stay as written. */
static int cap_request(struct adapting *ad, struct ynode *resources, const char *name,
		       int64_t cap, const char *cap_text, int64_t (*parse)(const struct ynode *),
		       const char *path, struct err *e)
{
	static const char why[] = "requests of the whole fixture must fit on this machine";
	struct ynode *requests = yaml_get(resources, "requests");
	struct ynode *n = yaml_get(requests, name), *limit = yaml_get(yaml_get(resources, "limits"),
								      name);
	const struct ynode *rules_by = n ? n : limit;
	int64_t v;

	if (!rules_by)
		return 0;
	v = parse(rules_by);
	if (v < 0)
		return yaml_error(rules_by, e, "malformed quantity \"%.40s\" of %s",
				  rules_by->kind == Y_SCALAR ? rules_by->text : "", name);
	if (v <= cap)
		return 0;
	path = arena_fmt(ad->a, "%s.resources.requests.%s", path, name);
	if (n) {
		change(ad, n, path, cap_text, why);
		return 0;
	}
	if (requests && requests->kind != Y_MAP)
		return yaml_error(requests, e, "requests have to be a map: a name and a quantity in each line");
	if (!requests) {
		requests = yaml_new_map(ad->a);
		yaml_set(ad->a, resources, "requests", requests);
	}
	adaptation_add(ad->a, ad->log, ad->object, limit->line, path, NULL, cap_text,
		       "without a request the limit would count as one");
	yaml_set(ad->a, requests, name, yaml_new_scalar(ad->a, cap_text, false));
	return 0;
}

static int container_requests(struct adapting *ad, struct ynode *c, const char *path,
			      struct err *e)
{
	const struct adapt_rules *r = ad->rules;
	struct ynode *resources = yaml_get(c, "resources");

	if (!resources || resources->kind != Y_MAP)
		return 0;
	if (r->max_cpu_request_m > 0 &&
	    cap_request(ad, resources, "cpu", r->max_cpu_request_m,
			arena_fmt(ad->a, "%lldm", (long long)r->max_cpu_request_m),
			quantity_millicores_of, path, e))
		return -1;
	if (r->max_memory_request_bytes > 0 &&
	    cap_request(ad, resources, "memory", r->max_memory_request_bytes,
			quantity_text(ad->a, r->max_memory_request_bytes), quantity_bytes_of, path,
			e))
		return -1;
	return 0;
}

static int adapt_images(struct adapting *ad, struct err *e)
{
	return each_container(ad, container_image, e);
}

static int adapt_requests(struct adapting *ad, struct err *e)
{
	return each_container(ad, container_requests, e);
}

/* ---- storage ---- */

static int cap_claim(struct adapting *ad, struct ynode *claim, int64_t cap, const char *path,
		     struct err *e)
{
	struct ynode *n = yaml_path(claim, "spec.resources.requests.storage");
	int64_t bytes;

	if (!n)
		return 0;
	bytes = quantity_bytes_of(n);
	if (bytes < 0)
		return yaml_error(n, e, "malformed size of a claim");
	if (cap > 0 && bytes > cap)
		change(ad, n, arena_fmt(ad->a, "%sspec.resources.requests.storage", path),
		       quantity_text(ad->a, cap),
		       ad->rules->claim_why ? ad->rules->claim_why : "claims are files of this size on this machine");
	return 0;
}

static int each_claim(struct adapting *ad, part_fn *fn, struct err *e)
{
	struct ynode *claim;
	const char *path;

	for (size_t i = 0; (claim = manifest_claim(ad->a, ad->object, i, &path)); i++)
		if (fn(ad, claim, path, e))
			return -1;
	return 0;
}

static int claim_size(struct adapting *ad, struct ynode *claim, const char *path, struct err *e)
{
	return cap_claim(ad, claim, ad->rules->max_claim_bytes, path, e);
}

static int adapt_claims(struct adapting *ad, struct err *e)
{
	return each_claim(ad, claim_size, e);
}

static void put_class(struct adapting *ad, struct ynode *spec, const char *where, const char *name,
		      const char *why)
{
	adaptation_add(ad->a, ad->log, ad->object, spec->line, where, NULL, name, why);
	yaml_set(ad->a, spec, "storageClassName", yaml_new_scalar(ad->a, name, true));
}

static int claim_class(struct adapting *ad, struct ynode *claim, const char *path, struct err *e)
{
	const char *where, *to;
	struct ynode *spec = yaml_get(claim, "spec"), *n = manifest_claim_class(claim, &where);
	const char *name = n && n->kind == Y_SCALAR ? n->text : NULL;
	const char *meant = name ? name : ad->usual;

	/* "" asks for volumes that somebody made by hand. */
	if (!spec || spec->kind != Y_MAP || (name ? !*name : n != NULL))
		return 0;
	to = ad->rules->storage_class(ad->rules->arg, meant, manifest_provisioner(ad->m, meant));
	where = arena_fmt(ad->a, "%s%s", path, where);
	if (!to && !name && meant) {
		put_class(ad, spec, where, meant, "the manifests' own default class, which is nobody else's here");
		return 0;
	}
	if (!to)
		return 0;
	if (name)
		change(ad, n, where, to, ad->rules->class_why);
	else
		put_class(ad, spec, where, to, ad->rules->class_why);
	return cap_claim(ad, claim, ad->rules->max_moved_bytes, path, e);
}

/* Classes are not namespaced: one that nobody claims any more is left out. */
static int adapt_class(struct adapting *ad, struct err *e)
{
	const char *name = manifest_text(ad->object, "metadata.name");

	if (strcmp(manifest_kind(ad->object), "StorageClass"))
		return each_claim(ad, claim_class, e);
	for (size_t i = 0; i < ad->m->n; i++)
		if (ad->m->objects[i] == ad->object &&
		    ad->rules->storage_class(ad->rules->arg, name, manifest_text(ad->object, "provisioner"))) {
			ad->gone[i] = true;
			adaptation_add(ad->a, ad->log, ad->object, ad->object->line, "(the object)", "there", NULL,
				       ad->rules->class_why);
		}
	return 0;
}

/* Everybody's claims in the cluster would be of it, until the end of the run. */
static int adapt_default(struct adapting *ad, struct err *e)
{
	const char *path;
	struct ynode *n;

	(void)e;
	while ((n = manifest_default_note(ad->object, &path)))
		change(ad, n, path, "false", "the claims of others in this cluster would get it, too");
	return 0;
}

/* Ours to make is ours to remove. */
static int adapt_reclaim(struct adapting *ad, struct err *e)
{
	struct ynode *n = yaml_get(ad->object, "reclaimPolicy");

	(void)e;
	if (!strcmp(manifest_kind(ad->object), "StorageClass") && n && n->kind == Y_SCALAR)
		change(ad, n, "reclaimPolicy", "Delete", "a run leaves no volumes behind");
	return 0;
}

static int adapt_storage_class(struct adapting *ad, struct err *e)
{
	struct ynode *n, *parameters = yaml_get(ad->object, "parameters");
	size_t i;

	if (strcmp(manifest_kind(ad->object), "StorageClass"))
		return 0;
	n = yaml_get(ad->object, "provisioner");
	if (!n || n->kind != Y_SCALAR)
		return yaml_error(n ? n : ad->object, e, "the StorageClass has no provisioner");
	change(ad, n, "provisioner", ad->rules->provisioner, "the provisioner that is there");
	for (i = 0; parameters && parameters->kind == Y_MAP && i < parameters->n; i++)
		adaptation_add(ad->a, ad->log, ad->object, parameters->keys[i]->line,
			       arena_fmt(ad->a, "parameters.%s", parameters->keys[i]->text),
			       parameters->items[i]->kind == Y_SCALAR ? parameters->items[i]->text :
									"(a map or list)",
			       NULL, "the provisioner that is there knows no such parameter");
	yaml_remove(ad->object, "parameters");
	return 0;
}

/* ---- the rules ---- */

enum rule_needs {
	NEEDS_NAMESPACE, NEEDS_IMAGE, NEEDS_REQUESTS, NEEDS_CLAIM, NEEDS_PROVISIONER, NEEDS_CLASS,
	NEEDS_ANY_CLASS,
};

/* In the order in which they are applied to each object. */
static const struct rule {
	enum rule_needs needs; /* what the engine must want */
	int (*apply)(struct adapting *ad, struct err *e);
} rules_table[] = {
	{NEEDS_NAMESPACE, adapt_namespace},
	{NEEDS_NAMESPACE, adapt_subjects},
	{NEEDS_NAMESPACE, adapt_texts},
	{NEEDS_IMAGE, adapt_images},
	{NEEDS_REQUESTS, adapt_requests},
	{NEEDS_CLAIM, adapt_claims},
	{NEEDS_PROVISIONER, adapt_storage_class},
	{NEEDS_CLASS, adapt_class},
	{NEEDS_CLASS, adapt_default},
	{NEEDS_ANY_CLASS, adapt_reclaim},
};

static bool wanted(const struct adapt_rules *r, enum rule_needs needs)
{
	switch (needs) {
	case NEEDS_NAMESPACE:
		return r->namespace;
	case NEEDS_IMAGE:
		return r->image;
	case NEEDS_REQUESTS:
		return r->max_cpu_request_m > 0 || r->max_memory_request_bytes > 0;
	case NEEDS_CLAIM:
		return r->max_claim_bytes > 0;
	case NEEDS_PROVISIONER:
		return r->provisioner;
	case NEEDS_CLASS:
		return r->storage_class;
	case NEEDS_ANY_CLASS:
		return r->provisioner || r->storage_class;
	}
	return false;
}

int manifest_adapt(struct arena *a, struct manifest *m, const struct adapt_rules *rules,
		   struct adaptations *log, struct err *e)
{
	struct adapting ad = {.a = a, .rules = rules, .log = log, .m = m};
	size_t i, k, kept = 0;

	ad.usual = manifest_default_class(m);
	ad.gone = arena_alloc(a, (m->n + 1) * sizeof(*ad.gone));
	for (i = 0; i < m->n; i++) {
		ad.object = m->objects[i];
		mem_copy_str(ad.old_ns, sizeof(ad.old_ns),
			     manifest_text(ad.object, "metadata.namespace"));
		for (k = 0; k < ARRAY_LEN(rules_table); k++) {
			if (!ad.gone[i] && wanted(rules, rules_table[k].needs) &&
			    rules_table[k].apply(&ad, e))
				return -1;
		}
	}
	for (i = 0; i < m->n; i++)
		if (!ad.gone[i])
			m->objects[kept++] = m->objects[i];
	m->n = kept;
	return 0;
}
