#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/kube/kube.h"
#include "engine/script.h"

/* A laptop holds three members of everything only if none asks for what the
 * document asks (500m and 1-2 GiB each); requests only reserve, limits stay.
 * A claim is a real file on the host's disk when it fills: 1 GiB is enough
 * for a trial's data and soon full on purpose. */
enum { MAX_CPU_REQUEST_M = 100 };
#define MAX_MEMORY_REQUEST_BYTES (INT64_C(256) << 20)
#define MAX_CLAIM_BYTES (INT64_C(1) << 30)
#define NAMESPACE "production" /* the document's own */
#define STATUS_WITHIN_NS (60 * NS_PER_S)

static int open_kind(const struct engine_conf *conf, struct engine **out, struct err *e)
{
	struct kube *k;

	if (kube_open(conf, true, &k, e))
		return -1;
	snprintf(k->kubeconfig, sizeof(k->kubeconfig), "%.4000s/kind/kubeconfig", k->cache);
	/* Its kubeconfig has one context. */
	k->base.conf.context = NULL;
	mem_copy_str(k->base.namespace, sizeof(k->base.namespace),
		     conf->namespace ? conf->namespace : NAMESPACE);
	*out = (struct engine *)k;
	return 0;
}

static int script(struct kube *k, const char *name, struct err *e)
{
	return engine_script(k->root, name, k->base.conf.interrupted, e);
}

static int up(struct engine *en, struct err *e)
{
	struct kube *k = (struct kube *)en;

	if (script(k, "up.sh", e))
		return -1;
	/* Another cluster may answer now. */
	kube_disconnect(k);
	return kube_connect(k, false, e);
}

static int down(struct engine *en, struct err *e)
{
	struct kube *k = (struct kube *)en;

	kube_engine_watch_stop(en);
	kube_disconnect(k);
	return script(k, "down.sh", e);
}

static int status(struct engine *en, struct buf *text, bool *healthy, struct err *e)
{
	struct kube *k = (struct kube *)en;
	char path[PATH_MAX + 40];
	const char *const argv[] = {path, NULL};
	struct proc_result res;

	snprintf(path, sizeof(path), "%s/kind/status.sh", k->root);
	if (proc_run(argv, NULL, STATUS_WITHIN_NS, &res, e))
		return -1;
	buf_add(text, buf_cstr(&res.out), res.out.len);
	buf_add(text, buf_cstr(&res.err), res.err.len);
	*healthy = res.exit_code == 0;
	proc_result_free(&res);
	return 0;
}

static int lock(struct engine *en, int64_t deadline_ns, struct err *e)
{
	return kube_lock_file((struct kube *)en, "kind-run.lock", "cluster", deadline_ns, e);
}

static const char *image(void *arg, const char *asked)
{
	return images_on_kind(&((struct kube *)arg)->images, asked);
}

static int rules(struct engine *en, const char *fixture, struct adapt_rules *r, struct err *e)
{
	struct kube *k = (struct kube *)en;

	(void)fixture, (void)e;
	memset(r, 0, sizeof(*r));
	r->namespace = k->base.namespace;
	r->max_cpu_request_m = MAX_CPU_REQUEST_M;
	r->max_memory_request_bytes = MAX_MEMORY_REQUEST_BYTES;
	r->max_claim_bytes = MAX_CLAIM_BYTES;
	r->image = image;
	r->arg = k;
	r->provisioner = KUBE_PROVISIONER;
	return 0;
}

/* Nodes that Docker holds but that do not run; the API server would call
 * them Ready for another 40 s. */
static void tell_stopped(cJSON *found)
{
	static const char *const argv[] = {"docker", "ps", "-a", "--filter",
					   "label=io.x-k8s.kind.cluster=ordeal", "--format",
					   "{{.State}} {{.Names}}", NULL};
	struct proc_result res;
	struct err e = {0};
	char *rest, *line;

	if (proc_run(argv, NULL, STATUS_WITHIN_NS, &res, &e)) {
		json_pushf(found, "Docker did not answer: %s", e.msg);
		return;
	}
	if (res.exit_code)
		json_pushf(found, "Docker did not answer: %.300s", buf_cstr(&res.err));
	rest = res.out.s;
	while (rest && (line = strsep(&rest, "\n"))) {
		char *name = strchr(line, ' ');

		if (!name || !strncmp(line, "running ", 8))
			continue;
		*name++ = '\0';
		json_pushf(found, "node %s was %s", name, line);
	}
	proc_result_free(&res);
}

/* Starts stopped nodes first: without them nothing on them can be healed. */
static int recover(struct engine *en, cJSON *found, struct err *e)
{
	struct kube *k = (struct kube *)en;
	struct buf text = {0};
	bool healthy = false;
	int r;

	if (!file_exists(k->kubeconfig)) {
		log_info("there is no kind cluster: nothing to recover");
		return 0;
	}
	r = status(en, &text, &healthy, e);
	buf_free(&text);
	if (!r && !healthy) {
		tell_stopped(found);
		if (!cJSON_GetArraySize(found))
			json_push(found, cJSON_CreateString("the cluster was not healthy"));
		r = up(en, e);
	}
	return r ? -1 : kube_engine_recover(en, found, e);
}

/* As kind/lib/cluster.sh makes it. */
static const char *const workers[] = {"ordeal-worker", "ordeal-worker2", "ordeal-worker3", NULL};

const struct engine_ops engine_kind = {
	.name = "kind",
	.summary = "a kind cluster on this machine, made when it is not there",
	.caps = ENGINE_CAP_NODES | ENGINE_CAP_NETWORK | ENGINE_CAP_VOLUMES | ENGINE_CAP_CONTAINERS,
	.workers = workers,
	.claim_max_bytes = MAX_CLAIM_BYTES,
	.open = open_kind,
	.up = up,
	.down = down,
	.status = status,
	.lock = lock,
	.rules = rules,
	KUBE_ENGINE_SHARED,
	.recover = recover,
};
