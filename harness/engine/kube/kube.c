#include "engine/kube/kube.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#define LOCK_NAP_NS (100 * NS_PER_MS)

int kube_open(const struct engine_conf *conf, bool kind, struct kube **out, struct err *e)
{
	struct kube *k;

	*out = NULL;
	if (engine_check_namespace(conf, e))
		return -1;
	if (conf->namespace && !strcmp(conf->namespace, KUBE_SYSTEM_NS))
		return err_set(e, ERR_INPUT, "the namespace " KUBE_SYSTEM_NS " is for ordeal's agents: give --namespace another name");
	k = mem_alloc(sizeof(*k));
	k->base.conf = *conf;
	kube_name_yourself(&k->base.conf);
	k->kind = kind;
	k->lock_fd = -1;
	pthread_mutex_init(&k->watch_lock, NULL);
	if (file_project_root(k->root, e) || file_cache_dir(k->cache, e)) {
		kube_engine_close((struct engine *)k);
		return -1;
	}
	k->images.arena = &k->arena;
	mem_copy_str(k->images.root, sizeof(k->images.root), k->root);
	mem_copy_str(k->images.cache, sizeof(k->images.cache), k->cache);
	*out = k;
	return 0;
}

void kube_engine_close(struct engine *en)
{
	struct kube *k = (struct kube *)en;

	if (!k)
		return;
	kube_engine_watch_stop(en);
	kube_disconnect(k);
	kube_client_free(k->host);
	kube_conf_free(&k->host_conf);
	free(k->agents);
	cJSON_Delete(k->classes);
	cJSON_Delete(k->drivers);
	pthread_mutex_destroy(&k->watch_lock);
	free(k->images.v);
	arena_free(&k->arena);
	if (k->lock_fd >= 0)
		close(k->lock_fd);
	free(k);
}

int kube_engine_images(struct engine *en, const char *const *refs, size_t n, struct err *e)
{
	const struct kube *k = (struct kube *)en;

	return images_error(&k->images, refs, n, e);
}

int kube_lock_file(struct kube *k, const char *name, const char *place, int64_t deadline_ns,
		   struct err *e)
{
	const volatile int *stop = k->base.conf.interrupted;
	char path[PATH_MAX + 80], holder[64] = "";
	bool said = false;
	ssize_t n;

	snprintf(path, sizeof(path), "%s%s%s", *name == '/' ? "" : k->cache, *name == '/' ? "" : "/", name);
	/* Closed in children: a lock must not outlive the process that took it. */
	k->lock_fd = file_open_own(path, e);
	if (k->lock_fd < 0)
		return err_prefix(e, "the lock");
	while (flock(k->lock_fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set(e, ERR_BROKEN, "cannot lock %s: %s", path, strerror(errno));
		n = pread(k->lock_fd, holder, sizeof(holder) - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		if (clock_mono_ns() >= deadline_ns)
			return err_set(e, ERR_BROKEN,
				       "another ordeal (%s) uses this %s and did not end in time",
				       holder, place);
		if (!said)
			log_info("waiting for another ordeal (%s) that uses this %s", holder, place);
		said = true;
		clock_sleep_until(clock_mono_ns() + LOCK_NAP_NS);
		if (stop && *stop)
			return err_set(e, ERR_INTERRUPTED, "interrupted");
	}
	n = snprintf(holder, sizeof(holder), "process %d\n", (int)getpid());
	if (ftruncate(k->lock_fd, 0) || pwrite(k->lock_fd, holder, (size_t)n, 0) != n)
		log_warn("cannot write to %s: %s", path, strerror(errno));
	return 0;
}

/* ---- the engine `kube` ---- */

static int open_kube(const struct engine_conf *conf, struct engine **out, struct err *e)
{
	const char *home = getenv("HOME"), *env = getenv("KUBECONFIG");
	struct kube *k;

	if (!conf->context || !*conf->context || !conf->namespace || !*conf->namespace)
		return err_set(e, ERR_INPUT,
			       "the engine kube works only where it is told to: give --context and "
			       "--namespace");
	if (!conf->kubeconfig && env && strlen(env) >= sizeof(k->kubeconfig))
		return err_set(e, ERR_INPUT, "KUBECONFIG is too long: name one file with --kubeconfig");
	if (kube_open(conf, false, &k, e))
		return -1;
	if (conf->kubeconfig)
		mem_copy_str(k->kubeconfig, sizeof(k->kubeconfig), conf->kubeconfig);
	else if (env && *env && (k->kubeconfig_list = true))
		mem_copy_str(k->kubeconfig, sizeof(k->kubeconfig), env);
	else
		snprintf(k->kubeconfig, sizeof(k->kubeconfig), "%s/.kube/config", home ? home : "");
	mem_copy_str(k->base.namespace, sizeof(k->base.namespace), conf->namespace);
	*out = (struct engine *)k;
	return 0;
}

static int reach(const struct engine_conf *conf, struct err *e)
{
	struct engine *en;
	int r;

	if (open_kube(conf, &en, e))
		return -1;
	r = kube_connect((struct kube *)en, false, e);
	kube_engine_close(en);
	return r;
}

static int up(struct engine *en, struct err *e)
{
	struct kube *k = (struct kube *)en;
	cJSON *version = NULL;

	if (kube_connect(k, false, e) || kube_get(k->k, "/version", &version, e))
		return -1;
	log_info("cluster of context %s: Kubernetes %s at %s", k->conf.context,
		 json_str(version, "gitVersion", "unknown"), k->conf.server);
	cJSON_Delete(version);
	return kube_refuse_foreign(k, e);
}

static int down(struct engine *en, struct err *e)
{
	(void)en;
	return err_set(e, ERR_UNSUPPORTED,
		       "this cluster is not ordeal's own: `ordeal recover` removes what ordeal left "
		       "there, and the cluster stays");
}

static int status(struct engine *en, struct buf *text, bool *healthy, struct err *e)
{
	struct kube *k = (struct kube *)en;
	struct nodes nodes = {0};
	size_t ready = 0;

	if (kube_engine_nodes(en, &nodes, e))
		return -1;
	for (size_t i = 0; i < nodes.n; i++)
		ready += nodes.v[i].ready;
	buf_fmt(text, "context %s at %s: %zu of %zu nodes Ready\n", k->conf.context, k->conf.server,
		ready, nodes.n);
	*healthy = nodes.n && ready == nodes.n;
	nodes_free(&nodes);
	return 0;
}

static int lock(struct engine *en, int64_t deadline_ns, struct err *e)
{
	return kube_lock_file((struct kube *)en, "kube.lock", "cluster", deadline_ns, e);
}

/* Images made here must have been pushed to where the cluster pulls from. */
static const char *pushed_image(void *arg, const char *image)
{
	struct kube *k = arg;
	const char *prefix = getenv("ORDEAL_IMAGE_PREFIX");

	if (prefix && *prefix && !strncmp(image, "ordeal/", 7))
		return arena_fmt(&k->arena, "%s/%s", prefix, image + 7);
	return images_redirect(&k->arena, k->base.conf.image_prefixes, k->base.conf.nimage_prefixes,
			       image);
}

static int rules(struct engine *en, const char *fixture, struct adapt_rules *r, struct err *e)
{
	struct kube *k = (struct kube *)en;

	(void)fixture;
	memset(r, 0, sizeof(*r));
	r->namespace = k->base.namespace;
	r->image = pushed_image;
	r->arg = k;
	return kube_connect(k, false, e) || kube_class_rules(k, r, e) ? -1 : 0;
}

const struct engine_ops engine_kube = {
	.name = "kube",
	.summary = "any Kubernetes cluster that a kubeconfig names (explicit context and namespace)",
	.caps = ENGINE_CAP_NETWORK | ENGINE_CAP_VOLUMES | ENGINE_CAP_CONTAINERS,
	.reach = reach,
	.open = open_kube,
	.up = up,
	.down = down,
	.status = status,
	.lock = lock,
	.rules = rules,
	KUBE_ENGINE_SHARED,
	.recover = kube_engine_recover,
};
