#include "node/volumes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/kube.h"
#include "node/volume_store.h"
#include "node/volumes_api.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/read.h"
#include "kube/watch.h"
#include "manifest/manifest.h"

#define SETTLE_NS (20 * NS_PER_MS)      /* several changes at once are one look */
#define LOOK_AGAIN_NS (10 * NS_PER_S)   /* should a change have been missed */
#define RETRY_NS NS_PER_S
#define EVENT_EVERY_NS (30 * NS_PER_S)
#define MIN_BYTES (INT64_C(4) << 20)    /* below, ext4 has no room for itself */

/* A claim that could not be served, so that its event is not told each second. */
struct refusal {
	char uid[64];
	int64_t told_ns;
};

struct volumes {
	struct node *n;
	struct volume_store store;
	struct volumes_api api;
	struct kube_watch *claims, *pvs;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* kicked, stop */
	pthread_cond_t wake;
	bool kicked, stop;
	pthread_mutex_t work; /* one look at a time */
	struct refusal *refused;
	size_t nrefused, refused_alloc;
};

static void kick(struct volumes *v)
{
	pthread_mutex_lock(&v->lock);
	v->kicked = true;
	pthread_cond_broadcast(&v->wake);
	pthread_mutex_unlock(&v->lock);
}

static void on_change(void *arg, const char *type, const cJSON *object)
{
	struct volumes *v = arg;
	const cJSON *a = json_path(object, "metadata.annotations");

	/* Of what is gone, only the name is told. */
	if (!strcmp(type, "DELETED") ||
	    !strcmp(json_str(a, CLAIM_PROVISIONER, ""), KUBE_PROVISIONER) ||
	    !strcmp(json_str(a, PV_PROVISIONED_BY, ""), KUBE_PROVISIONER))
		kick(v);
}

/* True at most every EVENT_EVERY_NS for one claim. */
static bool may_tell(struct volumes *v, const char *uid)
{
	int64_t now = clock_mono_ns();
	struct refusal *r;

	for (size_t i = 0; i < v->nrefused; i++) {
		r = &v->refused[i];
		if (strcmp(r->uid, uid))
			continue;
		if (now - r->told_ns < EVENT_EVERY_NS)
			return false;
		r->told_ns = now;
		return true;
	}
	r = VEC_PUSH(v->refused, v->nrefused, v->refused_alloc);
	mem_copy_str(r->uid, sizeof(r->uid), uid);
	r->told_ns = now;
	return true;
}

static int make(struct volumes *v, const struct claim *c, struct err *e)
{
	int64_t size = quantity_bytes(c->size);
	char path[512];
	cJSON *about;
	int r;

	if (c->block)
		return err_set(e, ERR_UNSUPPORTED, "volumeMode Block is not served, only Filesystem");
	if (size < MIN_BYTES)
		return err_set(e, ERR_UNSUPPORTED, "a volume of %s is too small: at least 4Mi", c->size);
	about = cJSON_CreateObject();
	json_set_str(about, "claim", c->name);
	json_set_str(about, "namespace", c->ns);
	json_set_str(about, "uid", c->uid);
	json_set_str(about, "size", c->size);
	r = volume_make(&v->store, c->pv, size, about, e);
	cJSON_Delete(about);
	if (r)
		return -1;
	volume_data_path(&v->store, c->pv, path);
	return volumes_api_create_pv(&v->api, c, path, e);
}

static int serve(struct volumes *v, const struct claim *c)
{
	int64_t start_ns = clock_mono_ns();
	struct err e = {0};

	if (make(v, c, &e)) {
		if (may_tell(v, c->uid)) {
			log_warn("claim %s/%s of %s: %s", c->ns, c->name, c->size, e.msg);
			volumes_api_tell(&v->api, c, e.msg);
		}
		return -1;
	}
	log_info("claim %s/%s: volume %s of %s made in %lld ms", c->ns, c->name, c->pv, c->size,
		 (long long)((clock_mono_ns() - start_ns) / NS_PER_MS));
	return 0;
}

static const cJSON *named(const cJSON *list, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list)
		if (!strcmp(json_str(json_get(it, "metadata"), "name", ""), name))
			return it;
	return NULL;
}

static bool listed(const cJSON *volumes, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, volumes)
		if (!strcmp(json_str(it, "name", ""), name))
			return true;
	return false;
}

static bool released(const cJSON *pv)
{
	const char *phase = json_str(json_get(pv, "status"), "phase", "");

	return !strcmp(phase, "Released") || !strcmp(phase, "Failed");
}

static int reclaim(struct volumes *v, const char *name, struct err *e)
{
	if (volume_remove(&v->store, name, e) || volumes_api_delete_pv(&v->api, name, e)) {
		log_warn("volume %s cannot be reclaimed yet: %s", name, e->msg);
		return -1;
	}
	log_info("volume %s reclaimed", name);
	return 0;
}

/* What is here: mounted while it is wanted, removed when it is not. */
static int tend_held(struct volumes *v, const cJSON *held, const cJSON *pvs,
		     const struct claims *claims, struct err *e)
{
	const cJSON *it, *pv;
	int r = 0;

	cJSON_ArrayForEach(it, held) {
		const char *name = json_str(it, "name", "");

		pv = named(pvs, name);
		if (pv && !volumes_api_here(&v->api, pv))
			continue; /* of our file's name, and not ours */
		if ((!pv && !claims_want(claims, name)) || (pv && released(pv)))
			r = reclaim(v, name, e) ? -1 : r;
		else if (pv && !json_bool(it, "mounted", false) && volume_mount(&v->store, name, e))
			r = -1;
	}
	/* Objects of this node whose files are gone. */
	cJSON_ArrayForEach(pv, pvs) {
		const char *name = json_str(json_get(pv, "metadata"), "name", "");

		if (volumes_api_here(&v->api, pv) && released(pv) && !listed(held, name))
			r = reclaim(v, name, e) ? -1 : r;
	}
	return r;
}

/* One look at what is wanted and what is here. */
static int reconcile(struct volumes *v, struct err *e)
{
	struct claims claims = {0};
	cJSON *pvs = NULL, *held = NULL;
	int r = -1;

	pthread_mutex_lock(&v->work);
	/* Claims before volumes: a claim that is served in between has its volume in
	 * the second list, while the other way round it would look abandoned. */
	if (volumes_api_claims(&v->api, &claims, e) || volumes_api_pvs(&v->api, &pvs, e))
		goto out;
	if (volume_list(&v->store, &held, e))
		goto out;
	r = tend_held(v, held, json_get(pvs, "items"), &claims, e);
	for (size_t i = 0; i < claims.n; i++)
		if (!named(json_get(pvs, "items"), claims.v[i].pv) && serve(v, &claims.v[i]))
			r = -1;
out:
	pthread_mutex_unlock(&v->work);
	claims_free(&claims);
	cJSON_Delete(pvs);
	cJSON_Delete(held);
	return r;
}

/* Sleeps until kicked, stopped or the time is over; false: stopped. */
static bool wait_for_change(struct volumes *v, int64_t at_most_ns)
{
	int64_t end_ns = clock_mono_ns() + at_most_ns;
	bool go_on, kicked;

	pthread_mutex_lock(&v->lock);
	while (!v->kicked && !v->stop && cond_wait(&v->wake, &v->lock, end_ns))
		;
	go_on = !v->stop;
	kicked = v->kicked;
	pthread_mutex_unlock(&v->lock);
	if (go_on && kicked)
		clock_sleep_until(clock_mono_ns() + SETTLE_NS);
	pthread_mutex_lock(&v->lock);
	v->kicked = false;
	pthread_mutex_unlock(&v->lock);
	return go_on;
}

static void *work(void *arg)
{
	struct volumes *v = arg;
	int64_t complained_ns = 0, wait_ns = 0;
	struct err e;

	while (wait_for_change(v, wait_ns)) {
		memset(&e, 0, sizeof(e));
		wait_ns = LOOK_AGAIN_NS;
		if (reconcile(v, &e) == 0)
			continue;
		wait_ns = RETRY_NS;
		if (e.msg[0] && clock_mono_ns() - complained_ns > EVENT_EVERY_NS) {
			log_warn("volumes: %s", e.msg);
			complained_ns = clock_mono_ns();
		}
	}
	return NULL;
}

static void mount_all(struct volumes *v)
{
	struct err unseen = {0};
	cJSON *held;
	const cJSON *it;

	if (volume_list(&v->store, &held, &unseen))
		log_warn("%s", unseen.msg);
	cJSON_ArrayForEach(it, held) {
		struct err e = {0};

		if (volume_mount(&v->store, json_str(it, "name", ""), &e))
			log_warn("volume %s: %s", json_str(it, "name", ""), e.msg);
	}
	cJSON_Delete(held);
}

int volumes_start(struct node *n, const struct kube_conf *conf, struct volumes **out,
		  struct err *e)
{
	struct volumes *v = mem_alloc(sizeof(*v));
	char dir[600];
	int r;

	*out = v;
	v->n = n;
	v->store.root = KUBE_NODE_ROOT;
	snprintf(v->store.dir, sizeof(v->store.dir), "%s/volumes", n->state_dir);
	pthread_mutex_init(&v->lock, NULL);
	pthread_mutex_init(&v->work, NULL);
	cond_init(&v->wake);
	snprintf(dir, sizeof(dir), "%s%s", v->store.root, v->store.dir);
	if (file_mkdirs(dir, e) || volumes_api_open(&v->api, conf, n->name, e))
		return -1;
	/* Before the API server is asked: after a restart pods wait for this. */
	mount_all(v);
	if (kube_watch_start(conf, "/api/v1/persistentvolumeclaims", NULL, on_change, v, &v->claims, e) ||
	    kube_watch_start(conf, "/api/v1/persistentvolumes", NULL, on_change, v, &v->pvs, e))
		return -1;
	r = pthread_create(&v->thread, NULL, work, v);
	if (r)
		return err_set(e, ERR_BROKEN, "cannot start a thread: %s", strerror(r));
	v->running = true;
	return 0;
}

void volumes_stop(struct volumes *v)
{
	if (!v)
		return;
	kube_watch_stop(v->claims);
	kube_watch_stop(v->pvs);
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_broadcast(&v->wake);
	pthread_mutex_unlock(&v->lock);
	if (v->running)
		pthread_join(v->thread, NULL);
	kube_watch_free(v->claims);
	kube_watch_free(v->pvs);
	volumes_api_close(&v->api);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	pthread_mutex_destroy(&v->work);
	free(v->refused);
	free(v);
}

int volumes_residue(struct volumes *v, bool remove, cJSON *found, struct err *e)
{
	struct claims claims = {0};
	cJSON *pvs = NULL, *held = NULL;
	const cJSON *it;
	int r = -1;

	pthread_mutex_lock(&v->work);
	if (volumes_api_claims(&v->api, &claims, e) || volumes_api_pvs(&v->api, &pvs, e))
		goto out;
	r = volume_list(&v->store, &held, e);
	cJSON_ArrayForEach(it, held) {
		const char *name = json_str(it, "name", "");

		if (named(json_get(pvs, "items"), name) || claims_want(&claims, name))
			continue;
		json_pushf(found, "volume %s of claim %s/%s, which is gone", name,
			   json_str(it, "namespace", "?"), json_str(it, "claim", "?"));
		if (remove && volume_remove(&v->store, name, e))
			r = -1;
	}
out:
	pthread_mutex_unlock(&v->work);
	claims_free(&claims);
	cJSON_Delete(pvs);
	cJSON_Delete(held);
	return r;
}
