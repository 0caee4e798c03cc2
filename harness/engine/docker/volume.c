/* Volumes: files of ConfigMaps and Secrets, scratch folders, and claims as
 * bounded file systems. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "apiserver/data.h"
#include "base/beneath.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "node/volume_store.h"
#include "manifest/manifest.h"
#include "manifest/names.h"

static void store_in(const char *folder, struct volume_store *s)
{
	s->root = "";
	snprintf(s->dir, sizeof(s->dir), "%.250s/volumes", folder);
}

static void store_of(const struct docker *d, struct volume_store *s)
{
	store_in(d->dir, s);
}

static int group_of(const struct docker_pod *p)
{
	return (int)json_i64(json_path(p->object, "spec.securityContext"), "fsGroup", -1);
}

/* As a kubelet gives a volume to fsGroup: group, write, set-group-ID on
 * folders; nothing when the top belongs to it already (OnRootMismatch). */
struct giving {
	int group, root;
	size_t root_len; /* of its path */
};
static _Thread_local struct giving giving;

/* Whatever a pod that has the volume already puts in a name's place
 * meanwhile, what is changed is inside. */
static int give_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *below = path + giving.root_len + strspn(path + giving.root_len, "/");
	char self[64];
	struct err e = {0};
	int fd, r;

	(void)at;
	if (type == FTW_SL)
		return 0;
	fd = beneath_open(giving.root, *below ? below : ".", 0, &e);
	if (fd < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	r = fchownat(fd, "", (uid_t)-1, (gid_t)giving.group, AT_EMPTY_PATH) ||
	    chmod(self, (st->st_mode & 07777) | 0060 | (S_ISDIR(st->st_mode) ? 02010 : 0));
	close(fd);
	return r ? -1 : 0;
}

static int give(const struct docker_pod *p, const char *path, struct err *e)
{
	struct stat st;
	int r;

	giving.group = group_of(p);
	if (giving.group < 0 || lstat(path, &st) || (int)st.st_gid == giving.group)
		return 0;
	giving.root = beneath_root(path, e);
	if (giving.root < 0)
		return -1;
	giving.root_len = strlen(path);
	r = nftw(path, give_one, 16, FTW_PHYS | FTW_MOUNT);
	close(giving.root);
	return r ? err_set(e, ERR_BROKEN, "cannot give %s to group %d: %s", path, giving.group, strerror(errno)) : 0;
}

static int write_key(const struct docker_pod *p, int dir, const char *name, const struct buf *value,
		     mode_t mode, struct err *e)
{
	int group = group_of(p);

	return beneath_write(dir, name, buf_cstr(value), value->len,
			     group >= 0 ? mode | 0040 : mode, group >= 0 ? (gid_t)group : (gid_t)-1,
			     e);
}

struct writing {
	const struct docker_pod *p;
	int dir;
	mode_t mode;
	struct err *e;
};

static int write_one(void *arg, const char *key, const struct buf *value)
{
	const struct writing *w = arg;

	return write_key(w->p, w->dir, key, value, w->mode, w->e);
}

static int write_items(const struct docker_pod *p, const cJSON *object, const cJSON *items,
		       mode_t mode, int dir, struct err *e)
{
	struct writing w = {p, dir, mode, e};
	struct buf value = {0};
	const cJSON *it;
	int r = items ? 0 : data_each(object, DATA_FILES, write_one, &w);

	cJSON_ArrayForEach(it, items) {
		const char *key = json_str(it, "key", "");

		if (r)
			break;
		buf_reset(&value);
		if (data_value(object, DATA_FILES, key, &value))
			r = write_key(p, dir, json_str(it, "path", key), &value, (mode_t)json_i64(it, "mode", mode), e);
		else
			r = err_set(e, ERR_BROKEN, "references non-existent config key: %s", key);
	}
	buf_free(&value);
	return r;
}

/* Written once a sandbox: a trial changes no ConfigMap under a running pod. */
static int config_volume(const struct docker_pod *p, const char *name, const cJSON *from,
			 bool secret, const char *dir, struct err *e)
{
	const char *which = json_str(from, secret ? "secretName" : "name", "");
	mode_t mode = (mode_t)json_i64(from, "defaultMode", 0644);
	cJSON *object;
	int r, at;

	store_lock(&p->d->store);
	object = store_copy(&p->d->store, secret ? KIND_SECRET : KIND_CONFIG_MAP, p->ns, which);
	store_unlock(&p->d->store);
	if (!object && json_bool(from, "optional", false))
		return 0;
	if (!object)
		return err_set(e, ERR_BROKEN, "MountVolume.SetUp failed for volume \"%s\" : %s \"%s\" not found",
			       name, secret ? "secret" : "configmap", which);
	at = beneath_root(dir, e);
	r = at < 0 ? -1 : write_items(p, object, json_get(from, "items"), mode, at, e);
	if (at >= 0)
		close(at);
	cJSON_Delete(object);
	return r ? err_prefix(e, "MountVolume.SetUp failed for volume \"%s\"", name) : 0;
}

/* As a cluster's provisioners call it: a claim's own name may be longer than a
 * file's. On the heap; with the lock. */
static char *volume_name(const struct docker *d, const char *ns, const char *claim)
{
	const cJSON *c = store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, claim);

	return mem_fmt("pvc-%s", json_str(json_get(c, "metadata"), "uid", ""));
}

void docker_scratch_path(const struct docker_pod *p, const char *volume, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.3500s/pods/%s/volumes/%.63s", p->d->state, p->uid, volume);
}

int docker_volume_path(struct docker_pod *p, const cJSON *volume, char path[PATH_MAX],
		       bool *read_only, struct err *e)
{
	const cJSON *claim = json_get(volume, "persistentVolumeClaim");
	const cJSON *map = json_get(volume, "configMap"), *secret = json_get(volume, "secret");
	const char *name = json_str(volume, "name", "");
	struct volume_store s;
	char at[512], *id;

	*read_only = map || secret || json_bool(claim, "readOnly", false);
	if (claim) {
		const char *which = json_str(claim, "claimName", "");

		if (docker_claim_bind(p->d, p->ns, which, p->node, e))
			return -1;
		store_of(p->d, &s);
		store_lock(&p->d->store);
		id = volume_name(p->d, p->ns, which);
		store_unlock(&p->d->store);
		volume_data_path(&s, id, at);
		free(id);
		mem_copy_str(path, PATH_MAX, at);
		return give(p, path, e);
	}
	/* It was admitted; a path is made of nothing less. */
	if (!name_is_label(name))
		return err_set(e, ERR_BROKEN, "volume \"%.100s\": no name of a folder", name);
	docker_scratch_path(p, name, path);
	if (!file_exists(path)) {
		if (file_mkdirs(path, e))
			return -1;
		if (chmod(path, map || secret ? 0755 : 0777))
			return err_set(e, ERR_BROKEN, "%s: %s", path, strerror(errno));
		if (!map && !secret && give(p, path, e))
			return -1;
	}
	if (map || secret)
		return config_volume(p, name, map ? map : secret, secret != NULL, path, e);
	return 0;
}

/* ---- claims ---- */

static void set_phase(cJSON *claim, const char *phase)
{
	cJSON *status = cJSON_CreateObject();

	json_set_str(status, "phase", phase);
	json_set(claim, "status", status);
}

void docker_claim_new(struct docker *d, cJSON *claim)
{
	static const char *const finalizer[] = {"kubernetes.io/pvc-protection"};

	json_set(cJSON_GetObjectItem(claim, "metadata"), "finalizers", cJSON_CreateStringArray(finalizer, 1));
	set_phase(claim, "Pending");
	store_put(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, claim);
}

int docker_volume_remove(const struct docker *d, const char *volume, struct err *e)
{
	struct volume_store s;

	store_of(d, &s);
	return volume_remove(&s, volume, e);
}

/* With the lock: whether the volume that a claim names is its own. Anybody may write a
 * name there. */
static bool bound(const struct docker *d, const cJSON *claim)
{
	const char *name = json_str(json_get(claim, "spec"), "volumeName", "");
	const cJSON *pv = store_get(&d->store, KIND_PERSISTENT_VOLUME, NULL, name);

	return pv && !strcmp(json_str(json_path(pv, "spec.claimRef"), "uid", ""), json_str(json_get(claim, "metadata"), "uid", "?"));
}

const char *docker_claim_node(const struct docker *d, const char *ns, const char *claim)
{
	const cJSON *c = store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, claim), *pv;

	pv = bound(d, c) ? store_get(&d->store, KIND_PERSISTENT_VOLUME, NULL, json_str(json_get(c, "spec"), "volumeName", "")) : NULL;
	return json_str(json_path(pv, "metadata.annotations"), "ordeal.dev/node", "");
}

/* With the lock: claim and volume know of each other. */
static void bind(struct docker *d, cJSON *claim, const char *id, const char *node, const char *path)
{
	cJSON *pv = cJSON_CreateObject(), *o;
	const cJSON *spec = json_get(claim, "spec"), *meta = json_get(claim, "metadata");

	o = cJSON_AddObjectToObject(pv, "metadata");
	json_set_str(o, "name", id);
	o = cJSON_AddObjectToObject(o, "annotations");
	json_set_str(o, "ordeal.dev/node", node);
	json_set_str(o, "pv.kubernetes.io/provisioned-by", KUBE_PROVISIONER);
	o = cJSON_AddObjectToObject(pv, "spec");
	json_set(o, "capacity", cJSON_Duplicate(json_path(spec, "resources.requests"), 1));
	json_set_str(o, "storageClassName", json_str(spec, "storageClassName", ""));
	json_set_str(cJSON_AddObjectToObject(o, "local"), "path", path);
	o = cJSON_AddObjectToObject(o, "claimRef");
	json_set_str(o, "namespace", json_str(meta, "namespace", ""));
	json_set_str(o, "name", json_str(meta, "name", ""));
	json_set_str(o, "uid", json_str(meta, "uid", ""));
	store_put(&d->store, KIND_PERSISTENT_VOLUME, pv);
	json_set_str(cJSON_GetObjectItem(claim, "spec"), "volumeName", id);
	set_phase(claim, "Bound");
	store_put(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, claim);
}

int docker_claim_bind(struct docker *d, const char *ns, const char *claim, const char *node,
		      struct err *e)
{
	cJSON *c, *about;
	struct volume_store s;
	char *id, path[512], text[40];
	const char *asked;
	int64_t size;
	bool done;
	int r = 0;

	store_lock(&d->store);
	c = store_copy(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, ns, claim);
	id = volume_name(d, ns, claim);
	done = c && bound(d, c);
	store_unlock(&d->store);
	asked = json_str(json_get(c, "spec"), "volumeName", "");
	if (!c)
		r = err_set(e, ERR_BROKEN, "persistentvolumeclaim \"%s\" not found", claim);
	else if (!done && *asked)
		r = err_set(e, ERR_BROKEN, "persistentvolumeclaim \"%s\" asks for the volume \"%.260s\", and there is none of "
			    "that name for it", claim, asked);
	if (r || done) {
		cJSON_Delete(c);
		free(id);
		return r;
	}
	store_of(d, &s);
	volume_data_path(&s, id, path);
	asked = plan_quantity(json_path(c, "spec.resources.requests"), "storage", text);
	size = quantity_bytes(asked ? asked : "1Gi");
	about = cJSON_CreateObject();
	json_set_str(about, "claim", claim);
	json_set_str(about, "namespace", ns);
	json_set_str(about, "run", d->kube.base.conf.run_id);
	r = file_mkdirs(s.dir, e) || volume_make(&s, id, size, about, e);
	cJSON_Delete(about);
	store_lock(&d->store);
	if (r) {
		docker_event(d, "PersistentVolumeClaim", ns, claim, true, "ProvisioningFailed", "%s", e->msg);
		cJSON_Delete(c);
	} else {
		bind(d, c, id, node, path);
	}
	store_unlock(&d->store);
	free(id);
	return r ? err_prefix(e, "claim %s", claim) : 0;
}

int docker_room(const struct docker *d, const struct manifest *m, struct err *e)
{
	int64_t want = plan_claim_bytes(m), have;
	const double gib = 1 << 30;
	struct statvfs v;

	if (statvfs(d->kube.cache, &v))
		return err_set(e, ERR_BROKEN, "cannot see how full the disk of %s is: %s", d->kube.cache, strerror(errno));
	have = (int64_t)(v.f_bavail * v.f_frsize);
	if (want <= have - VOLUME_SPARE_BYTES)
		return 0;
	return err_set(
		e, ERR_BROKEN,
		"the claims want %.1f GiB and %.1f GiB must stay free, but the disk of the cache "
		"folder %s has %.1f GiB free: make room, or set ORDEAL_CACHE to a larger disk",
		(double)want / gib, (double)VOLUME_SPARE_BYTES / gib, d->kube.cache,
		(double)have / gib);
}

int docker_volumes_down(const char *folder, cJSON *found, struct err *e)
{
	struct volume_store s;
	const cJSON *v;
	cJSON *all;
	int r;

	store_in(folder, &s);
	r = volume_list(&s, &all, e);
	cJSON_ArrayForEach(v, all) {
		if (found)
			json_pushf(found, "volume %s of claim %s", json_str(v, "name", ""), json_str(v, "claim", "?"));
		if (volume_remove(&s, json_str(v, "name", ""), e))
			r = -1;
	}
	cJSON_Delete(all);
	return r;
}
