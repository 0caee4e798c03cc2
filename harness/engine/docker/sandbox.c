/* What a kubelet asks of its container runtime, asked of Docker. Called by a
 * pod's own thread, without the lock but where it is taken here. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "manifest/names.h"
#include "base/procs.h"

#define POLL_NS (10 * NS_PER_MS)
/* After SIGKILL: a frozen process dies only once it is thawed. */
#define KILL_WITHIN_NS (120 * NS_PER_S)

#define ACCOUNT "serviceaccount" /* a folder of the pod's */

enum { NAME_BYTES = 400 }; /* a pod's 253, a container's 63, and ours */

static void name_of(const struct docker_pod *p, const char *container, int n, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "ordeal-%s-%s-%.8s-%d", p->name, container, p->uid, n);
}

static cJSON *labels_of(const struct docker_pod *p, const char *container)
{
	cJSON *l = cJSON_CreateObject();

	json_set_str(l, DOCKER_LABEL, "docker");
	json_set_str(l, DOCKER_RUN_LABEL, p->d->kube.base.conf.run_id);
	json_set_str(l, "ordeal.pod", p->name);
	json_set_str(l, "ordeal.uid", p->uid);
	json_set_str(l, "ordeal.node", p->node);
	json_set_str(l, "ordeal.container", container);
	return l;
}

/* A cgroup of the pod's own, named as a kubelet names it, so that one look
 * or one freeze reaches all of the pod. */
static void set_cgroup(const struct docker_pod *p, cJSON *host)
{
	char parent[120], *c;

	if (!p->d->systemd_cgroups) {
		snprintf(parent, sizeof(parent), "/ordeal/pod%s", p->uid);
	} else {
		snprintf(parent, sizeof(parent), "ordeal-pod%s.slice", p->uid);
		for (c = strchr(parent, 'p'); *c; c++)
			if (*c == '-')
				*c = '_';
	}
	json_set_str(host, "CgroupParent", parent);
}

static void pod_dir(const struct docker_pod *p, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.3800s/pods/%s", p->d->state, p->uid);
}

static int write_file(const struct docker_pod *p, const char *file, const char *text, struct err *e)
{
	char path[PATH_MAX + 40], dir[PATH_MAX];

	pod_dir(p, dir);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (strchr(file, '/'))
		snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/%.*s", (int)strcspn(file, "/"), file);
	if (file_mkdirs(dir, e) || file_write_atomic(path, text, strlen(text), e))
		return -1;
	return chmod(path, 0644) ? err_set(e, ERR_BROKEN, "%s: %s", path, strerror(errno)) : 0;
}

static bool has_api(const struct docker_pod *p)
{
	bool has;

	store_lock(&p->d->store);
	has = p->sa[0] && plan_mounts_token(p->object, store_get(&p->d->store, KIND_SERVICE_ACCOUNT,
								 p->ns, p->sa));
	store_unlock(&p->d->store);
	return has;
}

/* What rest.InClusterConfig() of client-go reads. */
static int write_account(const struct docker_pod *p, struct err *e)
{
	char token[sizeof(p->d->accounts->token)];

	store_lock(&p->d->store);
	mem_copy_str(token, sizeof(token), docker_account_token(p->d, p->ns, p->sa));
	store_unlock(&p->d->store);
	return write_file(p, ACCOUNT "/token", token, e) || write_file(p, ACCOUNT "/namespace", p->ns, e) ||
	       write_file(p, ACCOUNT "/ca.crt", buf_cstr(&p->d->tls.ca), e) ? -1 : 0;
}

/* resolv.conf, hosts and the way to the API, as a kubelet writes them. */
static int write_files(const struct docker_pod *p, struct err *e)
{
	struct buf b = {0};
	int r;

	plan_resolv_conf(p->object, DOCKER_DNS_IP, &b);
	r = write_file(p, "resolv.conf", buf_cstr(&b), e);
	buf_reset(&b);
	plan_hosts(p->object, p->ip, &b);
	if (!r)
		r = write_file(p, "hosts", buf_cstr(&b), e);
	buf_free(&b);
	return r || !has_api(p) ? r : write_account(p, e);
}

/* A new address each time, from the node's own range. */
static unsigned take_address(struct docker_pod *p)
{
	struct docker *d = p->d;
	unsigned n;

	store_lock(&d->store);
	n = d->next_address[p->node_index]++ % 250 + 2;
	snprintf(p->ip, sizeof(p->ip), DOCKER_PREFIX ".%d.%u", 10 + p->node_index, n);
	store_unlock(&d->store);
	return n;
}

int docker_sandbox_make(struct docker_pod *p, struct err *e)
{
	struct docker *d = p->d;
	cJSON *body = cJSON_CreateObject(), *host, *o;
	struct docker_state st;
	struct proc_stat ps;
	char name[NAME_BYTES], id[80] = "", hostname[NAME_LABEL_MAX + 1], *vips = NULL;
	int r;

	name_of(p, "pause", (int)take_address(p), name);
	json_set_str(body, "Image", d->pause_image);
	/* No longer than a host's name may be: a kubelet cuts it there, too. */
	snprintf(hostname, sizeof(hostname), "%s", json_str(json_get(p->object, "spec"), "hostname", p->name));
	for (char *end = hostname + strlen(hostname); end > hostname && strchr("-.", end[-1]);)
		*--end = '\0';
	json_set_str(body, "Hostname", hostname);
	json_set(body, "Labels", labels_of(p, ""));
	host = cJSON_AddObjectToObject(body, "HostConfig");
	json_set_str(host, "NetworkMode", DOCKER_NETWORK);
	json_set_str(host, "IpcMode", "shareable");
	set_cgroup(p, host);
	o = cJSON_AddObjectToObject(cJSON_AddObjectToObject(body, "NetworkingConfig"), "EndpointsConfig");
	o = cJSON_AddObjectToObject(o, DOCKER_NETWORK);
	json_set_str(cJSON_AddObjectToObject(o, "IPAMConfig"), "IPv4Address", p->ip);
	r = write_files(p, e);
	if (!r)
		r = docker_create(&d->api, name, body, id, e);
	cJSON_Delete(body);
	if (!r)
		r = docker_start(&d->api, id, e);
	if (!r)
		r = docker_look(&d->api, id, &st, e);
	if (!r && procs_stat(st.pid, &ps))
		r = err_set(e, ERR_BROKEN, "the pod's first process has ended");
	if (!r && !(vips = docker_net_begin(d, proc_id_of(&ps), e)))
		r = -1;
	if (r) {
		struct err quiet = {0};

		if (id[0])
			docker_remove(&d->api, id, &quiet);
		return -1;
	}
	store_lock(&d->store);
	mem_copy_str(p->pause_id, sizeof(p->pause_id), id);
	p->pause_pid = st.pid;
	p->pause_ticks = ps.start_ticks;
	free(p->vips);
	p->vips = vips;
	p->sandbox = true;
	docker_pod_publish(p);
	store_unlock(&d->store);
	return 0;
}

static void rmdir_cgroups(const struct docker_pod *p)
{
	static const char *const v1[] = {"blkio", "cpu", "cpuacct", "cpu,cpuacct", "cpuset", "devices",
					 "freezer", "hugetlb", "memory", "net_cls", "net_cls,net_prio",
					 "perf_event", "pids", "rdma", "systemd", "unified", "."};
	char path[300];

	for (size_t i = 0; !p->d->systemd_cgroups && i < ARRAY_LEN(v1); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/ordeal/pod%s", v1[i], p->uid);
		rmdir(path);
	}
}

void docker_sandbox_remove(struct docker_pod *p)
{
	struct docker *d = p->d;
	struct err e = {0};
	char id[80];

	for (size_t i = 0; i < p->nc; i++) {
		if (p->c[i].id[0] && docker_remove(&d->api, p->c[i].id, &e))
			log_warn("pod %s: %s", p->name, e.msg);
		if (p->c[i].previous[0] && docker_remove(&d->api, p->c[i].previous, &e))
			log_warn("pod %s: %s", p->name, e.msg);
	}
	store_lock(&d->store);
	if (p->pause_pid > 1)
		procs_signal((struct proc_id){p->pause_pid, p->pause_ticks}, SIGKILL);
	mem_copy_str(id, sizeof(id), p->pause_id);
	p->sandbox = false;
	p->pause_pid = 0;
	p->pause_id[0] = '\0';
	for (size_t i = 0; i < p->nc; i++) {
		p->c[i].id[0] = p->c[i].previous[0] = '\0';
		p->c[i].running = p->c[i].ready = p->c[i].started = false;
		p->c[i].pid = 0;
	}
	free(p->vips);
	p->vips = NULL;
	store_unlock(&d->store);
	if (id[0] && docker_remove(&d->api, id, &e))
		log_warn("pod %s: %s", p->name, e.msg);
	if (docker_subpaths_end(p, &e))
		log_warn("pod %s: %s", p->name, e.msg);
	rmdir_cgroups(p);
}

/* ---- containers ---- */

static const cJSON *volume_named(const struct docker_pod *p, const char *name)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, json_path(p->object, "spec.volumes"))
		if (!strcmp(json_str(v, "name", ""), name))
			return v;
	return NULL;
}

static int add_mounts(struct docker_pod *p, const struct docker_container *c, cJSON *binds,
		      struct err *e)
{
	char path[PATH_MAX], name[100];
	const cJSON *m;
	int n = 0;

	cJSON_ArrayForEach(m, json_get(c->spec, "volumeMounts")) {
		const cJSON *v = volume_named(p, json_str(m, "name", ""));
		const char *below = json_str(m, "subPath", "");
		bool ro = false;

		if (!v)
			return err_set(e, ERR_BROKEN, "volumeMount \"%s\" names no volume of the pod",
				       json_str(m, "name", ""));
		if (docker_volume_path(p, v, path, &ro, e))
			return -1;
		snprintf(name, sizeof(name), "%.63s-%d", c->name, n++);
		if (*below && docker_subpath(p, below, name, path, e))
			return -1;
		plan_bind(binds, path, json_str(m, "mountPath", ""), ro || json_bool(m, "readOnly", false));
	}
	return 0;
}

/* The pod's own files, unless a volume is mounted in their place. */
static void add_files(const struct docker_pod *p, const struct docker_container *c, cJSON *binds)
{
	static const char *const files[][2] = {{"resolv.conf", "/etc/resolv.conf"}, {"hosts", "/etc/hosts"},
					       {ACCOUNT, "/var/run/secrets/kubernetes.io/serviceaccount"}};
	bool api = has_api(p);
	char dir[PATH_MAX], path[PATH_MAX + 40];
	const cJSON *m;

	pod_dir(p, dir);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		bool taken = i == 2 && !api;

		cJSON_ArrayForEach(m, json_get(c->spec, "volumeMounts"))
			taken = taken || !strcmp(json_str(m, "mountPath", ""), files[i][1]);
		snprintf(path, sizeof(path), "%s/%s", dir, files[i][0]);
		if (!taken)
			plan_bind(binds, path, files[i][1], i == 2);
	}
}

static cJSON *make_body(struct docker_pod *p, struct docker_container *c, char reason[40],
			struct err *e)
{
	cJSON *env, *body, *host, *binds;
	char mode[100];

	store_lock(&p->d->store);
	env = plan_env(&p->d->store, p->object, c->spec, p->ip, DOCKER_HOST_IP, e);
	store_unlock(&p->d->store);
	snprintf(reason, 40, "CreateContainerConfigError");
	if (!env || docker_user_check(p, c, e)) {
		cJSON_Delete(env);
		return NULL;
	}
	body = plan_container(p->object, c->spec, env);
	cJSON_Delete(env);
	host = cJSON_GetObjectItem(body, "HostConfig");
	snprintf(mode, sizeof(mode), "container:%s", p->pause_id);
	json_set_str(host, "NetworkMode", mode);
	json_set_str(host, "IpcMode", mode);
	set_cgroup(p, host);
	json_set(body, "Labels", labels_of(p, c->name));
	binds = cJSON_AddArrayToObject(host, "Binds");
	snprintf(reason, 40, "ContainerCreating");
	if (add_mounts(p, c, binds, e)) {
		cJSON_Delete(body);
		return NULL;
	}
	add_files(p, c, binds);
	if (p->agent_token)
		json_pushf(cJSON_GetObjectItem(body, "Env"), "ORDEAL_TOKEN=%s", p->agent_token);
	return body;
}

static int create(struct docker_pod *p, struct docker_container *c, char reason[40], char id[80],
		  struct err *e)
{
	cJSON *body = make_body(p, c, reason, e);
	char name[NAME_BYTES];
	int r;

	if (!body)
		return -1;
	snprintf(reason, 40, "CreateContainerError");
	name_of(p, c->name, c->restarts + c->ever, name);
	r = docker_create(&p->d->api, name, body, id, e);
	cJSON_Delete(body);
	if (r && strstr(e->msg, "No such image")) {
		const char *ref = json_str(c->spec, "image", "");

		/* Why it could not be built says more. */
		snprintf(reason, 40, "ErrImagePull");
		images_why(&p->d->kube.images, ref, e);
	}
	return r;
}

static void began(struct docker_pod *p, struct docker_container *c, const struct docker_state *st)
{
	struct proc_stat ps;

	mem_copy_str(c->stop_signal, sizeof(c->stop_signal), st->stop_signal);
	c->pid = st->pid;
	c->start_ticks = st->pid && !procs_stat(st->pid, &ps) ? ps.start_ticks : 0;
	c->restarts += c->ever;
	c->ever = c->running = true;
	c->unhealthy = c->done = c->hook_over = c->hook_failed = false;
	c->hooking = plan_has_hook(c->spec);
	c->started_ns = clock_mono_ns();
	store_now(c->started_at);
	c->waiting[0] = c->message[0] = '\0';
	c->started = !json_get(c->spec, "startupProbe");
	c->ready = c->started && !json_get(c->spec, "readinessProbe");
	docker_event(p->d, "Pod", p->ns, p->name, false, "Started", "Started container %s", c->name);
	docker_pod_publish(p);
}

int docker_container_start(struct docker_pod *p, struct docker_container *c, char reason[40],
			   struct err *e)
{
	struct docker *d = p->d;
	struct docker_state st;
	struct err quiet = {0};
	char id[80] = "", old[80];

	if (create(p, c, reason, id, e))
		return -1;
	snprintf(reason, 40, "RunContainerError");
	if (docker_start(&d->api, id, e) || docker_look(&d->api, id, &st, e)) {
		docker_remove(&d->api, id, &quiet);
		return -1;
	}
	store_lock(&d->store);
	mem_copy_str(old, sizeof(old), c->previous);
	mem_copy_str(c->previous, sizeof(c->previous), c->id);
	mem_copy_str(c->id, sizeof(c->id), id);
	began(p, c, &st);
	store_unlock(&d->store);
	if (old[0])
		docker_remove(&d->api, old, &quiet);
	return 0;
}

bool docker_container_alive(const struct docker_container *c)
{
	return c->pid > 0 && procs_same(c->pid, c->start_ticks);
}

void docker_container_ended(struct docker_pod *p, struct docker_container *c)
{
	int64_t end_ns = clock_mono_ns() + 5 * NS_PER_S;
	struct docker_state st;
	struct err e = {0};
	int r;

	/* Docker learns of it a moment later. */
	do {
		r = docker_look(&p->d->api, c->id, &st, &e);
	} while (!r && st.running && clock_mono_ns() < end_ns &&
		 (clock_sleep_until(clock_mono_ns() + POLL_NS), 1));
	store_lock(&p->d->store);
	c->running = c->ready = c->started = false;
	c->pid = 0;
	c->exit_code = r ? 137 : st.exit_code;
	snprintf(c->ended, sizeof(c->ended), "%s", st.oom ? "OOMKilled" : c->exit_code ? "Error" : "Completed");
	mem_copy_str(c->finished_at, sizeof(c->finished_at), st.finished);
	docker_pod_publish(p);
	store_unlock(&p->d->store);
}

int docker_hook(struct docker_pod *p, struct docker_container *c, enum docker_hook hook,
		int64_t timeout_ns, struct err *e)
{
	static const struct {
		const char *path, *failed;
	} hooks[] = {
		[DOCKER_POST_START] = {"lifecycle.postStart.exec.command", "FailedPostStartHook"},
		[DOCKER_PRE_STOP] = {"lifecycle.preStop.exec.command", "FailedPreStopHook"},
	};
	const cJSON *argv = json_path(c->spec, hooks[hook].path);
	struct buf said = {0};
	int code = 0, r;

	if (!argv)
		return 0;
	r = docker_exec(&p->d->api, c->id, argv, timeout_ns, &said, &code, e);
	if (!r && code)
		r = err_set(e, ERR_BROKEN, "command exited with %d: %.300s", code, buf_cstr(&said));
	if (r) {
		store_lock(&p->d->store);
		docker_event(p->d, "Pod", p->ns, p->name, true, hooks[hook].failed, "%s: %s", c->name, e->msg);
		store_unlock(&p->d->store);
	}
	buf_free(&said);
	return r;
}

static bool any_alive(const struct docker_pod *p, const struct docker_container *only)
{
	for (size_t i = 0; i < p->nc; i++)
		if ((!only || only == &p->c[i]) && docker_container_alive(&p->c[i]))
			return true;
	return false;
}

static void signal_all(struct docker_pod *p, struct docker_container *only, bool hard)
{
	struct err e = {0};

	for (size_t i = 0; i < p->nc; i++) {
		struct docker_container *c = &p->c[i];

		if ((only && only != c) || !docker_container_alive(c))
			continue;
		/* By ourselves: a Docker that has died must not keep it alive. */
		if (hard)
			procs_signal((struct proc_id){c->pid, c->start_ticks}, SIGKILL);
		else if (docker_signal(&p->d->api, c->id, c->stop_signal[0] ? c->stop_signal : "SIGTERM", &e))
			log_warn("pod %s: %s", p->name, e.msg);
	}
}

bool docker_containers_await(const struct docker_pod *p, const struct docker_container *only,
			     int64_t end_ns)
{
	while (any_alive(p, only) && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + POLL_NS);
	return !any_alive(p, only);
}

void docker_containers_end(struct docker_pod *p, struct docker_container *only, int grace_s)
{
	int64_t end_ns = clock_mono_ns() + grace_s * NS_PER_S;
	struct err e = {0};

	for (size_t i = 0; i < p->nc; i++)
		if (grace_s > 0 && (!only || only == &p->c[i]) && docker_container_alive(&p->c[i]))
			docker_hook(p, &p->c[i], DOCKER_PRE_STOP, grace_s * NS_PER_S, &e);
	if (grace_s > 0)
		signal_all(p, only, false);
	if (!docker_containers_await(p, only, end_ns)) {
		signal_all(p, only, true);
		if (!docker_containers_await(p, only, clock_mono_ns() + KILL_WITHIN_NS))
			log_warn("pod %s: its processes do not die", p->name);
	}
}
