#include "manifest/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "manifest/parts.h"

/* Reading manifests, and finding one's way in them. */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_manifest(const char *name)
{
	static const char *const ends[] = {".yaml", ".yml", ".json"};
	size_t len = strlen(name), end;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		end = strlen(ends[i]);
		if (*name != '.' && len > end && !strcmp(name + len - end, ends[i]))
			return strcmp(name, "access.yaml") && strcmp(name, "overlay.yaml");
	}
	return false;
}

/* As kubectl reads a folder: its *.yaml, *.yml and *.json, sorted, besides those that hold no
 * objects: access.yaml is about clients, overlay.yaml about other manifests. */
static int list_files(struct arena *a, const char *dir, char ***files, size_t *n, struct err *e)
{
	char **heap = NULL;
	size_t alloc = 0;
	struct dirent *d;
	DIR *dp = opendir(dir);

	*n = 0;
	if (!dp)
		return err_set(e, ERR_INPUT, "cannot read the manifests' folder %s: %s", dir,
			       strerror(errno));
	while ((d = readdir(dp))) {
		if (!is_manifest(d->d_name))
			continue;
		*VEC_PUSH(heap, *n, alloc) = arena_fmt(a, "%s/%s", dir, d->d_name);
	}
	closedir(dp);
	if (*n)
		qsort(heap, *n, sizeof(*heap), by_name);
	*files = arena_alloc(a, (*n + 1) * sizeof(*heap));
	if (*n)
		memcpy(*files, heap, *n * sizeof(*heap));
	free(heap);
	return 0;
}

static int need_text(const struct ynode *map, const struct ynode *at, const char *key,
		     const char *whole, struct err *e)
{
	const struct ynode *n = yaml_get(map, key);
	const char *text;

	if (!n)
		return yaml_error(map ? map : at, e, "the object has no %s", whole);
	if (yaml_to_string(n, &text, e))
		return -1;
	if (!*text)
		return yaml_error(n, e, "%s is empty", whole);
	return 0;
}

/* Flux has objects of that kind, in a group of its own. */
static bool is_kustomization(const struct ynode *o)
{
	const char *api = manifest_text(o, "apiVersion"), *slash = strrchr(o->file, '/');
	const char *name = slash ? slash + 1 : o->file;

	return !strncmp(api, "kustomize.config.k8s.io/", 24) ||
	       (!*api && (!strcmp(name, "kustomization.yaml") || !strcmp(name, "kustomization.yml")));
}

/* The group of its version: "" of v1. */
static bool same_group(const struct ynode *o, const struct ynode *other)
{
	const char *a = manifest_text(o, "apiVersion"), *b = manifest_text(other, "apiVersion");
	size_t na = strchr(a, '/') ? strcspn(a, "/") : 0, nb = strchr(b, '/') ? strcspn(b, "/") : 0;

	return na == nb && !memcmp(a, b, na);
}

/* Wherever they were written to be: all objects come into the run's own namespace. */
static int twice(const struct ynode *o, const struct ynode *other, struct err *e)
{
	bool apart = strcmp(manifest_text(other, "metadata.namespace"), manifest_text(o, "metadata.namespace")) != 0;

	return yaml_error(o, e, "%s/%s is there twice (first at %s:%d)%s", manifest_kind(o), manifest_text(o, "metadata.name"),
			  other->file, other->line, apart ? ", in two namespaces: a run has one" : "");
}

static int check_object(const struct ynode *o, const struct manifest *m, struct err *e)
{
	struct ynode *meta = yaml_get(o, "metadata"), *ns = yaml_get(meta, "namespace");
	const struct ynode *other;
	const char *text;
	size_t i;

	if (o->kind != Y_MAP)
		return yaml_error(o, e, "an object (apiVersion, kind, metadata) is needed here");
	if (is_kustomization(o))
		return yaml_error(o, e, "this is kustomize's own file, and no object: render it first (kubectl kustomize FOLDER > all.yaml)");
	if (need_text(o, o, "apiVersion", "apiVersion", e) || need_text(o, o, "kind", "kind", e) ||
	    need_text(meta, o, "name", "metadata.name", e))
		return -1;
	if (ns && yaml_to_string(ns, &text, e))
		return -1;
	for (i = 0; i < m->n; i++) {
		other = m->objects[i];
		if (!strcmp(manifest_kind(other), manifest_kind(o)) &&
		    !strcmp(manifest_text(other, "metadata.name"), manifest_text(o, "metadata.name")) &&
		    same_group(o, other))
			return twice(o, other, e);
	}
	return 0;
}

static int add_object(struct arena *a, struct manifest *m, size_t *alloc, struct ynode *o,
		      struct err *e)
{
	struct ynode **bigger;

	if (yaml_text_keys(a, o, e) || check_object(o, m, e))
		return -1;
	if (m->n >= *alloc) {
		*alloc = *alloc ? *alloc * 2 : 16;
		bigger = arena_alloc(a, *alloc * sizeof(*bigger));
		if (m->n)
			memcpy(bigger, m->objects, m->n * sizeof(*bigger));
		m->objects = bigger;
	}
	manifest_plain(a, o, &m->ignored);
	m->objects[m->n++] = o;
	return 0;
}

/* `kubectl get -o yaml` prints a List, or a list of one kind (ServiceList): it
 * is its items. */
static struct ynode *list_items(struct arena *a, const struct ynode *o)
{
	struct ynode *items = yaml_get(o, "items");
	const char *kind = manifest_kind(o);
	size_t len = strlen(kind);

	if (len < 4 || strcmp(kind + len - 4, "List") || !items)
		return NULL;
	if (yaml_is_null(items))
		return yaml_new_list(a);
	for (size_t i = 0; len > 4 && items->kind == Y_LIST && i < items->n; i++) {
		struct ynode *one = items->items[i];

		if (one->kind == Y_MAP && !yaml_get(one, "kind") && yaml_get(o, "apiVersion")) {
			yaml_set(a, one, "kind", yaml_new_scalar(a, arena_fmt(a, "%.*s", (int)len - 4, kind), false));
			yaml_set(a, one, "apiVersion", yaml_get(o, "apiVersion"));
		}
	}
	return items->kind == Y_LIST ? items : NULL;
}

/* None of Kubernetes' own kinds ends so but for its lists. */
static int bad_list(const struct ynode *o, struct err *e)
{
	const struct ynode *items = yaml_get(o, "items");
	const char *kind = manifest_kind(o);
	size_t len = strlen(kind);

	if (len < 4 || strcmp(kind + len - 4, "List") || manifest_is_custom(o))
		return 0;
	return items ? yaml_error(items, e, "the `items` of a %s must be a list", kind) :
		       yaml_error(o, e, "a %s has its objects in `items`, and this one has no such key", kind);
}

int manifest_add(struct arena *a, struct manifest *m, size_t *alloc, struct ynode **docs, size_t n,
		 struct err *e)
{
	const struct ynode *items;
	struct err all = {0}, one = {0};
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		if (yaml_is_null(docs[i]))
			continue; /* only comments between two --- */
		items = list_items(a, docs[i]);
		if (items ? manifest_add(a, m, alloc, items->items, items->n, &one) :
			    bad_list(docs[i], &one) || add_object(a, m, alloc, docs[i], &one))
			r = err_add(&all, &one);
	}
	if (r)
		*e = all;
	return r;
}

/* Why a file is no YAML: a chart's templates are none before they are rendered. */
static void tell_template(const char *file, struct err *e)
{
	struct buf text = {0};
	struct err none = {0}, why = *e;

	if (!file_read(file, &text, &none) && strstr(buf_cstr(&text), "{{"))
		err_set(e, why.kind, "%s; if its {{ }} are a Helm chart's, render it first (helm template NAME CHART > all.yaml)",
			why.msg);
	buf_free(&text);
}

int manifest_read_more(struct arena *a, const char *dir, struct manifest *m, struct err *e)
{
	size_t nfiles, ndocs, i, alloc = m->n;
	struct err all = {0}, one = {0};
	struct ynode **docs;
	char **files;
	int r = 0;

	if (list_files(a, dir, &files, &nfiles, e))
		return -1;
	for (i = 0; i < nfiles; i++) {
		if (yaml_read_file(a, files[i], &docs, &ndocs, &one)) {
			tell_template(files[i], &one);
			r = err_add(&all, &one);
		} else if (manifest_add(a, m, &alloc, docs, ndocs, &one)) {
			r = err_add(&all, &one);
		}
	}
	if (r)
		*e = all;
	return r;
}

int manifest_read_dir(struct arena *a, const char *dir, struct manifest *m, struct err *e)
{
	*m = (struct manifest){0};
	if (manifest_read_more(a, dir, m, e))
		return -1;
	if (!m->n)
		return err_set(e, ERR_INPUT, "no objects in the manifests (*.yaml, *.yml, *.json) of %s", dir);
	return 0;
}

int manifest_images(struct arena *a, const struct manifest *m, const char ***images, size_t *n,
		    struct err *e)
{
	static const char *const lists[] = {"initContainers", "containers"};
	const struct ynode *spec, *list, *image;
	const char **heap = NULL, *name;
	size_t alloc = 0, i, k, c, seen;

	*n = 0;
	for (i = 0; i < m->n; i++) {
		spec = manifest_pod_spec(m->objects[i], NULL);
		for (k = 0; spec && k < ARRAY_LEN(lists); k++) {
			list = yaml_get(spec, lists[k]);
			for (c = 0; list && list->kind == Y_LIST && c < list->n; c++) {
				image = yaml_get(list->items[c], "image");
				if (!image || yaml_to_string(image, &name, e)) {
					free(heap);
					return image ? -1 : yaml_error(list->items[c], e,
								       "the container has no image");
				}
				for (seen = 0; seen < *n && strcmp(heap[seen], name); seen++)
					;
				if (seen == *n)
					*VEC_PUSH(heap, *n, alloc) = name;
			}
		}
	}
	*images = arena_alloc(a, (*n + 1) * sizeof(*heap));
	if (*n)
		memcpy(*images, heap, *n * sizeof(*heap));
	free(heap);
	return 0;
}
