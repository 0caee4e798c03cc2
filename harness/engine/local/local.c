/* Engine local: processes on this machine instead of pods. It needs neither
 * root nor a cluster, and exists for systems that are plain processes, such as
 * `memory`, on which the whole harness is tested: driver, agents, faults, measures and reports are
 * the same as on a cluster. */
#include "engine/local/local.h"

#include <curl/curl.h>
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
#include "base/random.h"

#define NAP_NS (20 * NS_PER_MS)

static int make_dirs(struct local *l, struct err *e)
{
	static const char *const subs[] = {"pods", "volumes", "logs"};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.4000s/procs", l->dir);
	if (file_mkdirs(path, e))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
		snprintf(path, sizeof(path), "%.4000s/%s", l->state, subs[i]);
		if (file_mkdirs(path, e))
			return -1;
	}
	return 0;
}

static int local_open(const struct engine_conf *conf, struct engine **out, struct err *e)
{
	struct local *l = mem_alloc(sizeof(*l));
	char cache[PATH_MAX], whole[PATH_MAX];
	ssize_t n;

	l->base.ops = &engine_local;
	l->base.conf = *conf;
	snprintf(l->base.namespace, sizeof(l->base.namespace), "local");
	l->lock_fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	n = readlink("/proc/self/exe", l->self, sizeof(l->self) - 1);
	if (n < 0 || file_cache_dir(cache, e)) {
		if (n < 0)
			err_set(e, ERR_BROKEN, "cannot find the running binary: %s", strerror(errno));
		free(l);
		return -1;
	}
	/* The same whatever folder `recover` is called in. */
	snprintf(l->dir, sizeof(l->dir), "%.4000s/local", realpath(cache, whole) ? whole : cache);
	snprintf(l->state, sizeof(l->state), "%.4000s/state", l->dir);
	/* The node agent keeps the path in as many bytes. */
	if (strlen(l->state) > 250) {
		free(l);
		return err_set(e, ERR_INPUT, "the cache folder %s has too long a name for engine local; "
			       "set ORDEAL_CACHE", cache);
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	*out = (struct engine *)l;
	return 0;
}

static void drop_pods(struct local *l)
{
	pthread_mutex_lock(&l->lock);
	l->npods = 0;
	l->pods = NULL;
	pthread_mutex_unlock(&l->lock);
	arena_free(&l->arena);
}

static void local_close(struct engine *en)
{
	struct local *l = (struct local *)en;
	struct err e = {0};

	if (!l)
		return;
	local_unsupervise(l, !l->base.conf.keep);
	if (!l->base.conf.keep && local_agents_down(en, &e))
		log_warn("%s", e.msg);
	else if (!l->base.conf.keep)
		local_unregister(l);
	drop_pods(l);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int local_up(struct engine *en, struct err *e)
{
	struct local *l = (struct local *)en;
	cJSON *found = cJSON_CreateArray();
	const cJSON *s;
	int r = local_clean(l, found, e);

	cJSON_ArrayForEach(s, found)
		log_info("%s", s->valuestring);
	cJSON_Delete(found);
	if (r)
		return -1;
	local_register(l);
	return make_dirs(l, e);
}

static int local_down(struct engine *en, struct err *e)
{
	struct local *l = (struct local *)en;
	cJSON *found = cJSON_CreateArray();
	const cJSON *s;
	int r;

	local_unsupervise(l, true);
	r = local_clean_all(l, found, e);
	cJSON_ArrayForEach(s, found)
		log_info("%s", s->valuestring);
	cJSON_Delete(found);
	return r;
}

static int local_recover(struct engine *en, cJSON *found, struct err *e)
{
	return local_clean_all((struct local *)en, found, e);
}

static int local_status(struct engine *en, struct buf *text, bool *healthy, struct err *e)
{
	int n = local_count((struct local *)en);

	(void)e;
	*healthy = true;
	if (n)
		buf_fmt(text, "engine local: %d processes run\n", n);
	else
		buf_str(text, "engine local: this machine; nothing runs\n");
	return 0;
}

static bool interrupted(const struct local *l)
{
	return l->base.conf.interrupted && *l->base.conf.interrupted;
}

static int local_lock(struct engine *en, int64_t deadline_ns, struct err *e)
{
	struct local *l = (struct local *)en;
	char path[PATH_MAX], holder[64];
	bool said = false;
	ssize_t n;

	if (file_private_dir(l->dir, e))
		return -1;
	snprintf(path, sizeof(path), "%.4000s/lock", l->dir);
	/* Closed in children: a lock must not outlive the process that took it. */
	l->lock_fd = file_open_own(path, e);
	if (l->lock_fd < 0)
		return err_prefix(e, "the lock");
	while (flock(l->lock_fd, LOCK_EX | LOCK_NB)) {
		n = pread(l->lock_fd, holder, sizeof(holder) - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		if (clock_mono_ns() >= deadline_ns)
			return err_set(e, ERR_BROKEN, "another ordeal (%s) uses engine local and did not "
				       "end in time", holder);
		if (interrupted(l))
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		if (!said)
			log_info("waiting for another ordeal (%s) that uses engine local", holder);
		said = true;
		clock_sleep_until(clock_mono_ns() + NAP_NS);
	}
	snprintf(holder, sizeof(holder), "process %d\n", (int)getpid());
	if (ftruncate(l->lock_fd, 0) || pwrite(l->lock_fd, holder, strlen(holder), 0) < 0)
		log_warn("cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int local_rules(struct engine *en, const char *fixture, struct adapt_rules *rules,
		       struct err *e)
{
	(void)en, (void)fixture, (void)e;
	memset(rules, 0, sizeof(*rules));
	return 0;
}

static int local_images(struct engine *en, const char *const *refs, size_t n, struct err *e)
{
	(void)en, (void)refs, (void)n, (void)e;
	return 0;
}

/* Names for addresses: the members' and the clients' resolver. */
static int write_hosts(struct local *l, struct err *e)
{
	char path[PATH_MAX];
	struct buf b = {0};
	int r;

	for (size_t i = 0; i < l->npods; i++)
		buf_fmt(&b, "%s %s\n", l->pods[i].ip, l->pods[i].name);
	snprintf(path, sizeof(path), "%.4000s/hosts", l->state);
	r = file_write_atomic(path, buf_cstr(&b), b.len, e);
	buf_free(&b);
	return r;
}

/* Two users' runs get different addresses, most likely; where they do not,
 * the second one's members cannot bind, and say so. */
static void choose_subnet(struct local *l)
{
	unsigned char r[2];

	random_bytes(r, sizeof(r));
	snprintf(l->subnet, sizeof(l->subnet), "127.%d.%d.", 64 + r[0] % 160, r[1]);
}

static int local_apply(struct engine *en, const struct manifest *m, struct err *e)
{
	struct local *l = (struct local *)en;

	if (l->supervised)
		return err_set(e, ERR_BROKEN, "engine local runs something already");
	choose_subnet(l);
	if (make_dirs(l, e) || local_read_manifest(l, m, e) || write_hosts(l, e) ||
	    local_supervise(l, e)) {
		drop_pods(l);
		return -1;
	}
	return 0;
}

static int local_wait_ready(struct engine *en, const struct manifest *m, int64_t deadline_ns,
			    struct err *e)
{
	struct local *l = (struct local *)en;

	(void)m;
	while (!local_all_ready(l, e)) {
		if (interrupted(l))
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		if (clock_mono_ns() > deadline_ns)
			return -1;
		clock_sleep_until(clock_mono_ns() + NAP_NS);
	}
	memset(e, 0, sizeof(*e));
	return 0;
}

static int local_remove(struct engine *en, int64_t deadline_ns, struct err *e)
{
	static const char *const subs[] = {"pods", "volumes", "hosts"};
	struct local *l = (struct local *)en;
	char path[PATH_MAX];
	int r = 0;

	(void)deadline_ns; /* SIGKILL needs no patience */
	local_unsupervise(l, true);
	local_beside_down(l);
	for (size_t i = 0; i < l->npods; i++) {
		local_log_path(l, l->pods[i].name, false, path, sizeof(path));
		unlink(path);
		local_log_path(l, l->pods[i].name, true, path, sizeof(path));
		unlink(path);
	}
	for (size_t i = 0; i < ARRAY_LEN(subs); i++) {
		snprintf(path, sizeof(path), "%.4000s/%s", l->state, subs[i]);
		if (file_remove_tree(path, e))
			r = -1;
	}
	drop_pods(l);
	return r;
}

static int local_pods(struct engine *en, struct pods *out, struct err *e)
{
	struct local *l = (struct local *)en;

	(void)e;
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->npods; i++) {
		const struct local_pod *p = &l->pods[i];
		struct pod *o = VEC_PUSH(out->v, out->n, out->alloc);

		mem_copy_str(o->name, sizeof(o->name), p->name);
		mem_copy_str(o->uid, sizeof(o->uid), p->uid);
		mem_copy_str(o->node, sizeof(o->node), LOCAL_NODE);
		mem_copy_str(o->ip, sizeof(o->ip), p->ip);
		mem_copy_str(o->phase, sizeof(o->phase), p->pid ? "Running" : "Pending");
		o->ready = p->ready;
		o->restarts = p->restarts;
		o->beside = mem_strdup("");
	}
	pthread_mutex_unlock(&l->lock);
	return 0;
}

static int local_nodes(struct engine *en, struct nodes *out, struct err *e)
{
	struct node_info *n = VEC_PUSH(out->v, out->n, out->alloc);

	(void)en, (void)e;
	snprintf(n->name, sizeof(n->name), LOCAL_NODE);
	snprintf(n->cidr, sizeof(n->cidr), "127.0.0.0/8");
	n->worker = n->ready = true;
	return 0;
}

static int local_logs(struct engine *en, const char *pod, const char *container, bool previous,
		      int lines, struct buf *out, struct err *e)
{
	struct local *l = (struct local *)en;
	struct buf b = {0};
	char path[PATH_MAX];
	size_t at;

	(void)container;
	if (strchr(pod, '/'))
		return err_set(e, ERR_INPUT, "no pod is called %s", pod);
	local_log_path(l, pod, previous, path, sizeof(path));
	if (file_read(path, &b, e)) {
		buf_free(&b);
		return -1;
	}
	at = b.len;
	while (at > 0 && lines >= 0) {
		if (b.s[at - 1] == '\n' && at != b.len && --lines == 0)
			break;
		at--;
	}
	buf_add(out, b.s ? b.s + at : "", b.len - at);
	buf_free(&b);
	return 0;
}

static int local_watch_start(struct engine *en, engine_watch_fn *fn, void *arg, struct err *e)
{
	struct local *l = (struct local *)en;

	(void)e;
	pthread_mutex_lock(&l->lock);
	l->watch = fn;
	l->watch_arg = arg;
	pthread_mutex_unlock(&l->lock);
	local_tell_all(l);
	return 0;
}

static void local_watch_stop(struct engine *en)
{
	struct local *l = (struct local *)en;

	pthread_mutex_lock(&l->lock);
	l->watch = NULL;
	pthread_mutex_unlock(&l->lock);
}

static const char *const workers[] = {LOCAL_NODE, NULL};

const struct engine_ops engine_local = {
	.name = "local",
	.summary = "processes on this machine, such as the system memory; needs no cluster and no root",
	.caps = 0,
	.workers = workers,
	.open = local_open,
	.close = local_close,
	.up = local_up,
	.down = local_down,
	.status = local_status,
	.lock = local_lock,
	.rules = local_rules,
	.images = local_images,
	.agents_up = local_agents_up,
	.agents_down = local_agents_down,
	.load_beside = local_load_beside,
	.call = local_call,
	.apply = local_apply,
	.wait_ready = local_wait_ready,
	.remove = local_remove,
	.pods = local_pods,
	.nodes = local_nodes,
	.logs = local_logs,
	.watch_start = local_watch_start,
	.watch_stop = local_watch_stop,
	.recover = local_recover,
};
