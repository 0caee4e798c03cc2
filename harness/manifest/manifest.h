#ifndef ORDEAL_MANIFEST_MANIFEST_H
#define ORDEAL_MANIFEST_MANIFEST_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "manifest/settings.h"
#include "yaml/yaml.h"

/* Kubernetes manifests of one fixture, and what an engine must change in
 * them. All changes are made on the parsed tree by the rules in adapt.c,
 * and each one is recorded. */

struct adaptation {
	const char *file;
	int line;
	const char *object; /* "StatefulSet/postgres" */
	const char *path;   /* "spec.template.spec.containers[0].image" */
	const char *from, *to; /* NULL: was absent / is removed */
	const char *why;
};

struct adaptations {
	struct adaptation *v; /* in the arena */
	size_t n, alloc;
};

struct manifest {
	struct ynode **objects; /* in file order, files by name */
	size_t n;
	struct adaptations ignored; /* what an API server fills in by itself */
};

/* What an engine wants changed. Zero values mean: leave as written. */
struct adapt_rules {
	const char *namespace;     /* rename the fixture's namespace to this */
	int64_t max_cpu_request_m; /* requests are lowered to this many millicores */
	int64_t max_memory_request_bytes;
	int64_t max_claim_bytes;   /* claims are lowered to this size */
	const char *claim_why;     /* NULL: they are files here */
	/* Image names: returns the reference to use instead, or NULL to keep. */
	const char *(*image)(void *arg, const char *image);
	void *arg;
	/* StorageClasses named in the manifests are served by our provisioner
	 * under these names; the fixture's own StorageClass objects get it. */
	const char *provisioner;
	/* Where classes are a cluster's own: returns the class to claim instead, or
	 * NULL to keep. `name` NULL: none is named; `provisioner`: of the manifests'
	 * own class of that name, NULL: they have none. Own classes that nobody
	 * claims for it go; claims that are moved are lowered to max_moved_bytes. */
	const char *(*storage_class)(void *arg, const char *name, const char *provisioner);
	const char *class_why;
	int64_t max_moved_bytes;
};

/* Reads every *.yaml, *.yml and *.json of a folder: Lists as their items, null
 * as absent. All that is wrong with them is told at once. */
int manifest_read_dir(struct arena *a, const char *dir, struct manifest *m, struct err *e);

/* Puts the settings' values where settings.yaml says. A value equal to the
 * one already there changes nothing; a missing place is an error that names
 * the setting. */
int manifest_apply_settings(struct arena *a, struct manifest *m, const struct settings *s,
			    struct adaptations *log, struct err *e);

/* Changes the manifests by a folder beside the variants:
 *
 *   overlay.yaml:
 *     about: one line for people
 *     remove: [Service/x]            # whole objects
 *     edit:                          # of the others
 *       - object: StatefulSet/x
 *         path: spec.template.spec.serviceAccountName
 *         remove: true               # or a list: the names of a list's items
 *       - object: StatefulSet/x
 *         path: spec.template.spec.containers[0]
 *         add: {lifecycle: ...}      # keys that are not there; to a list: a list of items
 *       - object: ConfigMap/x
 *         path: data."x.conf"
 *         replace: text              # stands there exactly once
 *         with: other text
 *     access: {write_host: a, read_host: null}    # over access.yaml; null removes
 *
 * Objects of its other *.yaml are added. What is named and is not there is an
 * error: an overlay that no longer fits must not go unnoticed. *access is the
 * map under that key, NULL: none. */
int manifest_overlay(struct arena *a, struct manifest *m, const char *dir, const char *why,
		     struct adaptations *log, const struct ynode **access, struct err *e);

int manifest_adapt(struct arena *a, struct manifest *m, const struct adapt_rules *rules,
		   struct adaptations *log, struct err *e);

/* What an API server would refuse, in its words and all at once: a kind that is
 * not served in that version, values of another type than their field's, names,
 * selectors, mounts without volumes ... (manifest/api/api.h); with `strict` fields
 * that there are not, as kubectl's own validation does. ERR_REFUSED. Kinds that
 * are not Kubernetes' own are not looked into. */
int manifest_admit(struct arena *a, const struct manifest *m, bool strict, struct err *e);

/* Of a group that Kubernetes does not bring. */
bool manifest_is_custom(const struct ynode *object);
/* Before a kind in a sentence: a Pod, an Ingress. */
const char *manifest_article(const char *kind);
/* What lies outside of a run's namespace no engine makes. ERR_INPUT. */
int manifest_check_inside(const struct ynode *object, struct err *e);
/* No cluster of ours has kinds of others. ERR_INPUT. */
int manifest_check_own(const struct ynode *object, struct err *e);

/* Whether an API server has the object's kind in its version; of a group that is not
 * Kubernetes' own nobody knows, and it counts as had. */
bool manifest_is_served(const struct ynode *object);

/* Whether Kubernetes has the field "spec.template.spec.containers[].image" of a
 * kind; what is below a map of texts, or seldom used, counts as had. */
bool manifest_has_field(const char *kind, const char *path);

/* Every image that the pods of the manifest name, each once, in the arena. */
int manifest_images(struct arena *a, const struct manifest *m, const char ***images, size_t *n,
		    struct err *e);

/* The i-th claim that an object is or makes (a StatefulSet's templates, then those of its pods'
 * volumes), NULL: there is none. *path leads to it, with a dot at its end where it has one. */
struct ynode *manifest_claim(struct arena *a, const struct ynode *object, size_t i,
			     const char **path);

/* The class of a claim: an annotation of old goes before the field (Kubernetes'
 * GetPersistentVolumeClaimClass()). *path is where it is, or would be. */
struct ynode *manifest_claim_class(const struct ynode *claim, const char **path);

/* "Kind/name" of one object, in the arena. */
const char *manifest_object_name(struct arena *a, const struct ynode *object);

/* The same of a value in a file, which YAML may read as a number (0x10, 1e9). */
int64_t quantity_bytes_of(const struct ynode *n);
int64_t quantity_millicores_of(const struct ynode *n);
/* Quantity.Cmp(): also of what is more than an int64, or less than one. false: either is none. */
bool quantity_is_more(const struct ynode *a, const struct ynode *b);

/* "100Gi", "500M", "1024": bytes. "500m", "2": millicores. -1: malformed. */
int64_t quantity_bytes(const char *text);
int64_t quantity_millicores(const char *text);

#endif
