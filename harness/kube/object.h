#ifndef ORDEAL_KUBE_OBJECT_H
#define ORDEAL_KUBE_OBJECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/err.h"
#include "kube/client.h"

/* Objects by kind and name instead of by path. */

struct kube_kind {
	char base[128];   /* "/api/v1" or "/apis/apps/v1" */
	char plural[64];
	bool namespaced;
};

/* Where a kind lives: a table of the common ones, the API server's own
 * discovery for the rest. An unknown kind is an error that says so. */
int kube_kind_find(struct kube_client *k, const char *api_version, const char *kind,
		   struct kube_kind *out, struct err *e);

/* The path of one object ("name" NULL: of the collection). `ns` is ignored
 * for kinds without a namespace. `out` holds 512 bytes. */
void kube_kind_path(const struct kube_kind *kk, const char *ns, const char *name, char out[512]);

/* Server-side apply (PATCH with application/apply-patch+yaml; the body is
 * JSON, which is YAML) as field manager "ordeal", force. The namespace is
 * the object's own, or `ns`. */
int kube_apply(struct kube_client *k, const char *ns, const cJSON *object, struct err *e);

/* "Kind/name" of an object; `out` holds 256 bytes. */
void kube_object_name(const cJSON *object, char out[256]);

#endif
