/* Where the volumes of a Kubernetes node are: by their PersistentVolume's name,
 * for folders change with the pod. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "node/kube.h"
#include "node/mounts.h"

static const char *first_claim(const cJSON *pod)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, json_path(pod, "spec.volumes")) {
		const char *claim = json_str(json_get(v, "persistentVolumeClaim"), "claimName", NULL);

		if (claim)
			return claim;
	}
	return NULL;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct search {
	const struct node_kube *k;
	const char *pv, *uid; /* uid NULL: for any pod */
	char *path;
	size_t size;
};

/* A kubelet mounts at pods/UID/volumes/PLUGIN/NAME, for CSI drivers one level
 * deeper, at NAME/mount. */
static void match(void *arg, const char *mount)
{
	struct search *s = arg;
	const char *at = strstr(mount, "/pods/"), *name;
	size_t n = strlen(s->pv);
	char path[600];

	if (s->path[0] || !at || !strstr(at, "/volumes/"))
		return;
	if (s->uid && strncmp(at + 6, s->uid, strlen(s->uid)))
		return;
	name = strstr(at, "/volumes/") + strlen("/volumes/");
	name = strchr(name, '/');
	if (!name || strncmp(name + 1, s->pv, n) || (name[1 + n] && strcmp(name + 1 + n, "/mount")))
		return;
	snprintf(path, sizeof(path), "%s%s", s->k->root, mount);
	if (is_folder(path))
		mem_copy_str(s->path, s->size, path);
}

static int find_mount(const struct node_kube *k, const char *pv, const char *uid, char *path,
		      size_t size, struct err *e)
{
	struct search s = {k, pv, uid, path, size};

	path[0] = '\0';
	return pv[0] ? mounts_each(k->root, match, &s, e) : 0;
}

/* A node's own folder, for volumes that have one. */
static const char *own_folder(const cJSON *pv)
{
	return json_str(json_path(pv, "spec.local"), "path", NULL);
}

static void name_of(const cJSON *pv, char *out, size_t size)
{
	const cJSON *meta = json_get(pv, "metadata");

	snprintf(out, size, "%s@%s", json_str(meta, "name", ""), json_str(meta, "uid", ""));
}

static int get_volume(struct node_kube *k, const char *name, cJSON **pv, struct err *e)
{
	char url[400];

	snprintf(url, sizeof(url), "/api/v1/persistentvolumes/%s", name);
	return kube_node_get(k, url, pv, e);
}

static int volume_of_pod(struct node_kube *k, const char *ns, const cJSON *pod, cJSON **pv,
			 struct err *e)
{
	const char *claim = first_claim(pod), *name = json_str(json_get(pod, "metadata"), "name", "");
	const char *pv_name;
	cJSON *pvc = NULL;
	char url[700];
	int r;

	if (!claim)
		return err_set(e, ERR_UNSUPPORTED, "pod %s has no claim, so no volume to fill", name);
	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/persistentvolumeclaims/%s", ns, claim);
	if (kube_node_get(k, url, &pvc, e))
		return -1;
	pv_name = json_str(json_get(pvc, "spec"), "volumeName", "");
	r = pv_name[0] ? get_volume(k, pv_name, pv, e) : 0;
	if (!r && !*pv)
		r = err_set(e, ERR_BROKEN, "claim %s of pod %s has no volume", claim, name);
	cJSON_Delete(pvc);
	return r;
}

int kube_volume(struct node *n, const char *ns, const char *name, struct node_volume *out,
		struct err *e)
{
	struct node_kube *k = n->impl;
	cJSON *pod = NULL, *pv = NULL;
	const char *uid;
	char url[500];
	int r;

	snprintf(url, sizeof(url), "/api/v1/namespaces/%s/pods/%s", ns, name);
	r = kube_node_get(k, url, &pod, e);
	if (!r && !pod)
		r = err_set(e, ERR_BROKEN, "there is no pod %s in %s", name, ns);
	if (!r)
		r = volume_of_pod(k, ns, pod, &pv, e);
	if (!r) {
		uid = json_str(json_get(pod, "metadata"), "uid", "");
		name_of(pv, out->name, sizeof(out->name));
		if (own_folder(pv))
			snprintf(out->path, sizeof(out->path), "%s%s", k->root, own_folder(pv));
		else
			r = find_mount(k, json_str(json_get(pv, "metadata"), "name", ""), uid, out->path,
				       sizeof(out->path), e);
		if (!r && !out->path[0])
			r = err_set(e, ERR_BROKEN, "volume %s of pod %s is not mounted on this node",
				    json_str(json_get(pv, "metadata"), "name", ""), uid);
	}
	cJSON_Delete(pod);
	cJSON_Delete(pv);
	return r;
}

int kube_volume_now(struct node *n, struct node_volume *v, bool *gone, struct err *e)
{
	struct node_kube *k = n->impl;
	char name[320], now[320];
	cJSON *pv = NULL;

	v->path[0] = '\0';
	*gone = false;
	mem_copy_str(name, sizeof(name), v->name);
	name[strcspn(name, "@")] = '\0';
	if (find_mount(k, name, NULL, v->path, sizeof(v->path), e))
		return -1;
	if (v->path[0])
		return 0;
	if (get_volume(k, name, &pv, e))
		return -1;
	name_of(pv, now, sizeof(now));
	*gone = !pv || strcmp(now, v->name) != 0;
	if (!*gone && own_folder(pv)) {
		snprintf(v->path, sizeof(v->path), "%s%s", k->root, own_folder(pv));
		if (!is_folder(v->path))
			v->path[0] = '\0';
	}
	cJSON_Delete(pv);
	return 0;
}
