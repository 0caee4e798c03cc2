/* Engine docker: the fixtures as plain containers, without Kubernetes. */
#include "engine/docker/docker.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/docker/plan.h"
#include "engine/register.h"
#include "engine/script.h"

/* As on kind: requests only reserve, limits stay; a claim is a real file. */
enum { MAX_CPU_REQUEST_M = 100 };
#define MAX_MEMORY_REQUEST_BYTES (INT64_C(256) << 20)
#define MAX_CLAIM_BYTES (INT64_C(1) << 30)
#define NAMESPACE "production"
#define LOCK_DIR "/run/lock"
enum { CONNECTIONS_OF_A_POD = 64 }; /* to our API */
#define LOAD_WITHIN_NS (60 * NS_PER_S)

static int docker_open(const struct engine_conf *conf, struct engine **out, struct err *e)
{
	struct docker *d;
	struct kube *k;
	char whole[PATH_MAX];

	if (engine_check_namespace(conf, e))
		return -1;
	k = &(d = mem_alloc(sizeof(*d)))->kube;
	k->base.ops = &engine_docker;
	k->base.conf = *conf;
	kube_name_yourself(&k->base.conf);
	k->lock_fd = -1;
	d->lease_fd = -1;
	pthread_mutex_init(&k->watch_lock, NULL);
	store_init(&d->store);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	mem_copy_str(k->base.namespace, sizeof(k->base.namespace),
		     conf->namespace ? conf->namespace : NAMESPACE);
	if (file_project_root(k->root, e) || file_cache_dir(k->cache, e) ||
	    docker_api_init(&d->api, e)) {
		kube_engine_close((struct engine *)d);
		return -1;
	}
	/* It is registered for whoever recovers from elsewhere. */
	if (k->cache[0] != '/' && realpath(k->cache, whole))
		mem_copy_str(k->cache, sizeof(k->cache), whole);
	k->images.arena = &k->arena;
	k->images.local = true;
	mem_copy_str(k->images.root, sizeof(k->images.root), k->root);
	mem_copy_str(k->images.cache, sizeof(k->images.cache), k->cache);
	snprintf(d->dir, sizeof(d->dir), "%.3900s/docker", k->cache);
	snprintf(d->state, sizeof(d->state), "%.3900s/state", d->dir);
	snprintf(k->kubeconfig, sizeof(k->kubeconfig), "%.3900s/" DOCKER_KUBECONFIG, d->state);
	/* Nodes and volumes keep paths below it in 256 bytes. */
	if (strlen(d->state) > 200) {
		kube_engine_close((struct engine *)d);
		return err_set(e, ERR_INPUT, "the cache folder %s has too long a name; set ORDEAL_CACHE", k->cache);
	}
	*out = (struct engine *)d;
	return 0;
}

/* ---- the place ---- */

/* The pause program is built by kind/, its folder being the context. */
static int build_images(struct docker *d, struct err *e)
{
	char script[PATH_MAX + 40], context[PATH_MAX];
	const char *const argv[] = {script, NULL};
	const char *ref = NULL;
	struct buf b = {0};
	int r;

	snprintf(script, sizeof(script), "%s/kind/build/pause.sh", d->kube.root);
	r = proc_must(argv, NULL, 300 * NS_PER_S, &b, e);
	snprintf(context, sizeof(context), "%.*s/bin", (int)strcspn(buf_cstr(&b), "\n"), buf_cstr(&b));
	buf_free(&b);
	if (r || images_build(&d->kube.images, "pause", context, &ref, e))
		return -1;
	mem_copy_str(d->pause_image, sizeof(d->pause_image), ref);
	if (images_build(&d->kube.images, "dns", NULL, &ref, e))
		return -1;
	mem_copy_str(d->dns_image, sizeof(d->dns_image), ref);
	return 0;
}

/* The build context of the agents' image: this very binary, alone. */
static int build_agent(struct docker *d, struct err *e)
{
	char dir[PATH_MAX + 40], path[PATH_MAX + 60];
	const char *ref = NULL, *given = getenv("ORDEAL_AGENT_IMAGE");
	struct buf self = {0};
	int r;

	/* For a build that the image cannot run: with a sanitizer, say. */
	if (given && *given) {
		mem_copy_str(d->agent_image, sizeof(d->agent_image), given);
		return 0;
	}
	snprintf(dir, sizeof(dir), "%s/agent-image", d->kube.cache);
	snprintf(path, sizeof(path), "%s/ordeal", dir);
	r = file_mkdirs(dir, e) || file_read("/proc/self/exe", &self, e) ||
	    file_write_atomic(path, self.s, self.len, e) ? -1 : 0;
	buf_free(&self);
	if (!r && chmod(path, 0755))
		r = err_set(e, ERR_BROKEN, "%s: %s", path, strerror(errno));
	if (r || images_build(&d->kube.images, "agent", dir, &ref, e))
		return -1;
	mem_copy_str(d->agent_image, sizeof(d->agent_image), ref);
	return 0;
}

static int read_info(struct docker *d, struct err *e)
{
	cJSON *o = NULL;

	if (docker_do(&d->api, "GET", "/info", NULL, 0, &o, "ask Docker what it is", e))
		return -1;
	d->systemd_cgroups = !strcmp(json_str(o, "CgroupDriver", ""), "systemd");
	cJSON_Delete(o);
	return 0;
}

static void say_found(const cJSON *found)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, found)
		log_info("left by an earlier run: %s", s->valuestring);
}

static int docker_up(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;
	cJSON *found;
	int r;

	if (engine_script(d->kube.root, "docker-up.sh", d->kube.base.conf.interrupted, e) || read_info(d, e))
		return -1;
	found = cJSON_CreateArray();
	r = docker_clean(d, found, e);
	say_found(found);
	cJSON_Delete(found);
	return r ? -1 : build_images(d, e);
}

/* Without a Docker, and with no folder of a run, there is nothing to clean. */
static bool never_was(const struct docker *d)
{
	struct register_list all;
	struct err e = {0};
	bool any = register_read(DOCKER_REGISTER, "docker", &all, &e) || all.n;

	free(all.v);
	return !any && !file_exists(d->state) && docker_do(&d->api, "GET", "/version", NULL, 0, NULL, "ask Docker", &e);
}

static int docker_down(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;
	cJSON *found;
	const cJSON *s;
	int r;

	if (never_was(d))
		return 0;
	found = cJSON_CreateArray();
	r = docker_clean(d, found, e);
	cJSON_ArrayForEach(s, found)
		log_info("removed %s", s->valuestring);
	cJSON_Delete(found);
	return r;
}

static int docker_recover(struct engine *en, cJSON *found, struct err *e)
{
	struct docker *d = (struct docker *)en;

	if (never_was(d)) {
		log_info("no Docker answers, and there is nothing of the engine docker: nothing to recover");
		return 0;
	}
	return docker_clean(d, found, e);
}

static int docker_status(struct engine *en, struct buf *text, bool *healthy, struct err *e)
{
	struct docker *d = (struct docker *)en;
	cJSON *o = NULL;

	*healthy = false;
	if (docker_do(&d->api, "GET", "/version", NULL, 0, &o, "ask Docker", e)) {
		buf_fmt(text, "%s\n", e->msg);
		memset(e, 0, sizeof(*e));
		return 0;
	}
	buf_fmt(text, "Docker %s at %s; %s\n", json_str(o, "Version", "?"), d->api.socket,
		file_exists(d->state) ? "a run is on or has left something" : "nothing runs");
	*healthy = true;
	cJSON_Delete(o);
	return 0;
}

/* Before all that changes something. */
static int docker_lock(struct engine *en, int64_t deadline_ns, struct err *e)
{
	const struct docker *d = (struct docker *)en;

	if (geteuid())
		return err_set(e, ERR_UNSUPPORTED,
			       "the engine docker mounts volumes and enters the containers' networks: run it as root");
	/* What is found there is believed, and removed. */
	if (file_exists(d->dir) && file_private_dir(d->dir, e))
		return -1;
	/* One a machine, whatever the cache folder: network, addresses and cgroups
	 * have one name each. */
	return kube_lock_file((struct kube *)en, access(LOCK_DIR, W_OK) ? "docker-run.lock" : LOCK_DIR "/ordeal-docker",
			      "Docker", deadline_ns, e);
}

/* ---- what runs with a run ---- */

static int write_kubeconfig(struct docker *d, struct err *e)
{
	struct buf b = {0};
	int r;

	buf_fmt(&b, "apiVersion: v1\nkind: Config\ncurrent-context: docker\n"
		"clusters: [{name: docker, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		"users: [{name: driver, user: {token: \"%s\"}}]\n"
		"contexts: [{name: docker, context: {cluster: docker, user: driver}}]\n",
		serve_port(d->here), d->admin_token);
	r = file_write_private(d->kube.kubeconfig, buf_cstr(&b), b.len, e);
	buf_free(&b);
	return r;
}

static int agents_up(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;

	docker_serve_conf(d, &d->here_conf, 0);
	docker_serve_conf(d, &d->there_conf, CONNECTIONS_OF_A_POD);
	if (certificate_make(DOCKER_API_IP, &d->tls, e))
		return -1;
	d->there_conf.cert = d->tls.cert.s;
	d->there_conf.key = d->tls.key.s;
	/* Tokens, Secrets and members' data are below: nobody else on this machine gets in. */
	if (build_agent(d, e) || register_add(DOCKER_REGISTER, d->dir, e) ||
	    file_private_dir(d->dir, e) || file_private_dir(d->state, e) || docker_net_up(d, e) ||
	    docker_dns_up(d, e) || serve_start(&d->here_conf, "127.0.0.1", 0, &d->here, e) ||
	    serve_start(&d->there_conf, DOCKER_API_IP, DOCKER_API_PORT, &d->there, e) ||
	    write_kubeconfig(d, e) || docker_controller_start(d, e))
		return -1;
	return docker_agents_up(en, e);
}

static int remove_all(struct engine *en, int64_t deadline_ns, struct err *e);

static void stop_serving(struct docker *d)
{
	store_close(&d->store);
	kube_disconnect(&d->kube);
	serve_stop(d->here);
	serve_stop(d->there);
	d->here = d->there = NULL;
}

static int agents_down(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;
	struct err more = {0};
	int r = docker_agents_down(en, e);

	if (d->controlling && remove_all(en, clock_mono_ns() + 60 * NS_PER_S, r ? &more : e))
		r = -1;
	docker_controller_stop(d);
	stop_serving(d);
	if (docker_clean(d, NULL, r ? &more : e))
		r = -1;
	return r;
}

static void docker_close(struct engine *en)
{
	struct docker *d = (struct docker *)en;
	struct err e = {0};

	if (!d)
		return;
	kube_engine_watch_stop(en);
	if (d->kube.base.conf.keep && d->controlling) {
		log_info("what runs stays as it is, but nobody probes or restarts it: `ordeal down --engine docker` "
			 "ends it");
		return;
	}
	if ((d->controlling || d->here) && agents_down(en, &e))
		log_warn("%s", e.msg);
	store_free(&d->store);
	docker_sets_free(d);
	free(d->pods);
	docker_accounts_free(d);
	free(d->dns_text);
	certificate_free(&d->tls);
	kube_engine_close(en);
}

/* ---- the system ---- */

static const char *image(void *arg, const char *asked)
{
	return images_on_kind(&((struct kube *)arg)->images, asked);
}

static int rules(struct engine *en, const char *fixture, struct adapt_rules *r, struct err *e)
{
	struct docker *d = (struct docker *)en;

	(void)fixture, (void)e;
	memset(r, 0, sizeof(*r));
	r->namespace = d->kube.base.namespace;
	r->max_cpu_request_m = MAX_CPU_REQUEST_M;
	r->max_memory_request_bytes = MAX_MEMORY_REQUEST_BYTES;
	r->max_claim_bytes = MAX_CLAIM_BYTES;
	r->image = image;
	r->arg = d;
	r->provisioner = KUBE_PROVISIONER;
	return 0;
}

static int watch_start(struct engine *en, engine_watch_fn *fn, void *arg, struct err *e)
{
	struct docker *d = (struct docker *)en;

	d->watch_fn = fn;
	d->watch_arg = arg;
	return kube_engine_watch_start(en, fn, arg, e);
}

static void watch_stop(struct engine *en)
{
	((struct docker *)en)->watch_fn = NULL;
	kube_engine_watch_stop(en);
}

static void tell_adaptations(struct docker *d, const struct adaptations *log)
{
	for (size_t i = 0; d->watch_fn && i < log->n; i++) {
		const struct adaptation *c = &log->v[i];
		cJSON *o = cJSON_CreateObject();

		json_set_str(o, "file", c->file);
		json_set_i64(o, "line", c->line);
		json_set_str(o, "object", c->object);
		json_set_str(o, "path", c->path);
		json_set_str(o, "from", c->from);
		json_set_str(o, "to", c->to);
		json_set_str(o, "why", c->why);
		d->watch_fn(d->watch_arg, "adapt", o);
	}
}

static int apply(struct engine *en, const struct manifest *m, struct err *e)
{
	struct docker *d = (struct docker *)en;
	struct adaptations log = {0};

	const char **refs = NULL;
	size_t n = 0;

	/* Everything that is refused is refused before anything starts. */
	if (docker_admit(&d->kube.arena, m, &log, e) || docker_room(d, m, e) ||
	    manifest_images(&d->kube.arena, m, &refs, &n, e) ||
	    images_error(&d->kube.images, refs, n, e))
		return -1;
	tell_adaptations(d, &log);
	docker_put(d, m);
	return docker_load_up(d, clock_mono_ns() + LOAD_WITHIN_NS, e);
}

static void drop_objects(struct docker *d, enum kind_id kind)
{
	for (size_t i = d->store.n; i-- > 0;) {
		const cJSON *m;
		char ns[64], name[256];

		if (i >= d->store.n || d->store.v[i].kind->id != kind)
			continue;
		m = json_get(d->store.v[i].object, "metadata");
		mem_copy_str(ns, sizeof(ns), json_str(m, "namespace", ""));
		mem_copy_str(name, sizeof(name), json_str(m, "name", ""));
		store_delete(&d->store, kind, ns, name);
	}
}

static int remove_all(struct engine *en, int64_t deadline_ns, struct err *e)
{
	static const enum kind_id owners[] = {KIND_CRON_JOB, KIND_STATEFUL_SET, KIND_DEPLOYMENT,
					      KIND_JOB};
	static const enum kind_id rest[] = {KIND_SERVICE,
					    KIND_ENDPOINTS,
					    KIND_CONFIG_MAP,
					    KIND_SECRET,
					    KIND_EVENT,
					    KIND_PERSISTENT_VOLUME_CLAIM,
					    KIND_PERSISTENT_VOLUME,
					    KIND_SERVICE_ACCOUNT,
					    KIND_ROLE,
					    KIND_ROLE_BINDING,
					    KIND_POD_DISRUPTION_BUDGET,
					    KIND_POD,
					    KIND_STORAGE_CLASS,
					    KIND_NAMESPACE};
	struct docker *d = (struct docker *)en;
	int r = 0;

	docker_load_forget(d);
	store_lock(&d->store);
	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		drop_objects(d, owners[i]);
	for (size_t i = 0; i < d->npods; i++) {
		docker_pod_delete(d, d->pods[i]->ns, d->pods[i]->name, 0);
		d->pods[i]->grace_s = 0;
	}
	while (d->npods && clock_mono_ns() < deadline_ns)
		store_wait(&d->store, clock_mono_ns() + 50 * NS_PER_MS);
	if (d->npods)
		r = err_set(e, ERR_BROKEN, "pod %s does not end", d->pods[0]->name);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		drop_objects(d, rest[i]);
	store_unlock(&d->store);
	return r || docker_volumes_down(d->dir, NULL, e) ? -1 : 0;
}

const struct engine_ops engine_docker = {
	.name = "docker",
	.summary = "the same manifests as plain containers on this machine's Docker; no Kubernetes, needs root",
	.caps = ENGINE_CAP_NODES | ENGINE_CAP_NETWORK | ENGINE_CAP_VOLUMES | ENGINE_CAP_CONTAINERS,
	.workers = docker_node_names + 1,
	.claim_max_bytes = MAX_CLAIM_BYTES,
	.check = docker_check,
	.open = docker_open,
	.close = docker_close,
	.up = docker_up,
	.down = docker_down,
	.status = docker_status,
	.lock = docker_lock,
	.rules = rules,
	.images = kube_engine_images,
	.agents_up = agents_up,
	.agents_down = agents_down,
	.load_beside = docker_load_beside,
	.call = docker_call,
	.apply = apply,
	.wait_ready = kube_engine_wait_ready,
	.remove = remove_all,
	.pods = kube_engine_pods,
	.nodes = kube_engine_nodes,
	.logs = kube_engine_logs,
	.job_start = kube_engine_job_start,
	.job_look = kube_engine_job_look,
	.watch_start = watch_start,
	.watch_stop = watch_stop,
	.recover = docker_recover,
};
