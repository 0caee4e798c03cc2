#include "kube/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kube/kinds.h"

static int discover(struct kube_client *k, const char *api, const char *kind,
		    struct kube_kind *out, struct err *e)
{
	cJSON *list = NULL;
	const cJSON *r;

	if (kube_get(k, out->base, &list, e))
		return -1;
	cJSON_ArrayForEach(r, json_get(list, "resources")) {
		const char *name = json_str(r, "name", "");

		if (strcmp(json_str(r, "kind", ""), kind) || strchr(name, '/'))
			continue;
		mem_copy_str(out->plural, sizeof(out->plural), name);
		out->namespaced = json_bool(r, "namespaced", false);
		cJSON_Delete(list);
		return 0;
	}
	cJSON_Delete(list);
	return err_set(e, ERR_REFUSED,
		       "this cluster knows no %s of %s; the custom resource that defines it is not "
		       "installed",
		       kind, api);
}

int kube_kind_find(struct kube_client *k, const char *api, const char *kind,
		   struct kube_kind *out, struct err *e)
{
	const struct kind *known = kind_by_name(kind);

	memset(out, 0, sizeof(*out));
	if (strspn(api, "abcdefghijklmnopqrstuvwxyz0123456789.-/") != strlen(api) || !*api)
		return err_set(e, ERR_INPUT, "\"%s\" is no apiVersion", api);
	snprintf(out->base, sizeof(out->base), "%s/%s", strchr(api, '/') ? "/apis" : "/api", api);
	if (!known || strcmp(known->api, api))
		return discover(k, api, kind, out, e);
	mem_copy_str(out->plural, sizeof(out->plural), known->plural);
	out->namespaced = known->namespaced;
	return 0;
}

void kube_kind_path(const struct kube_kind *kk, const char *ns, const char *name, char out[512])
{
	snprintf(out, 512, "%s%s%s/%s%s%s", kk->base, kk->namespaced ? "/namespaces/" : "",
		 kk->namespaced ? ns : "", kk->plural, name ? "/" : "", name ? name : "");
}

void kube_object_name(const cJSON *object, char out[256])
{
	snprintf(out, 256, "%s/%s", json_str(object, "kind", "?"),
		 json_str(json_get(object, "metadata"), "name", "?"));
}

int kube_apply(struct kube_client *k, const char *ns, const cJSON *object, struct err *e)
{
	const cJSON *meta = json_get(object, "metadata");
	const char *name = json_str(meta, "name", "");
	struct kube_request q = {.method = "PATCH", .type = KUBE_APPLY_PATCH};
	struct kube_kind kk;
	struct buf b = {0};
	char path[512], what[256], url[600];
	char *text;
	int status = 0, r;

	kube_object_name(object, what);
	if (!*name)
		return err_set(e, ERR_INPUT, "%s has no metadata.name", what);
	if (kube_kind_find(k, json_str(object, "apiVersion", ""), json_str(object, "kind", ""), &kk, e))
		return err_prefix(e, "%s", what);
	kube_kind_path(&kk, json_str(meta, "namespace", ns), name, path);
	snprintf(url, sizeof(url), "%s?fieldManager=ordeal&force=true", path);
	text = json_text(object);
	q.path = url;
	q.body = text;
	r = kube_http(k, &q, &b, &status, e);
	if (!r && status >= 300) {
		r = kube_status_error(status, buf_cstr(&b), "apply", what, e);
		/* Bad Request, Unprocessable Entity: the object itself is at fault; of a
		 * field that there is not a server says 500. */
		if (status == 400 || status == 422 || strstr(e->msg, "field not declared in schema"))
			e->kind = ERR_REFUSED;
	}
	free(text);
	buf_free(&b);
	return r;
}
