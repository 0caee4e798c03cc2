/* The agents of a run, and calls to them: node agents are processes beside
 * the driver, one a virtual node; the first is the host's agent as well. The
 * load agent is a pod. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/docker.h"

#define START_WITHIN_NS (20 * NS_PER_S)
#define HEAL_WITHIN_NS (60 * NS_PER_S)
#define DEAD_MAN "15"
#define SILENCE_NS (5 * NS_PER_S)

extern char **environ;

static void nap(void)
{
	clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
}

/* The address that it announces in its log: "listening ADDR:PORT". */
static int await_address(struct docker_agent *a, const char *log, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + START_WITHIN_NS;
	struct buf b = {0};
	const char *line;
	int r = 1;

	while (r > 0) {
		buf_reset(&b);
		r = file_read(log, &b, e) ? -1 : 1;
		line = strstr(buf_cstr(&b), "listening ");
		if (r > 0 && line && strchr(line, '\n')) {
			line += strlen("listening ");
			snprintf(a->addr, sizeof(a->addr), "%.*s", (int)strcspn(line, "\n"), line);
			r = 0;
		} else if (r > 0 && (!proc_alive(a->pid) || clock_mono_ns() > end_ns)) {
			r = err_set(e, ERR_BROKEN, "the agent of %s does not start: %.500s", a->name,
				    buf_cstr(&b));
		} else if (r > 0) {
			nap();
		}
	}
	buf_free(&b);
	return r;
}

static int reach(struct docker *d, struct docker_agent *a, struct err *e)
{
	kube_client_free(a->client);
	a->client = NULL;
	kube_conf_free(&a->conf);
	a->conf.server = mem_fmt("http://%s", a->addr);
	return kube_client_new(&a->conf, d->kube.base.conf.interrupted, &a->client, e);
}

static const char **make_env(struct docker *d, struct arena *a)
{
	size_t n = 0, k = 0;
	const char **env;

	while (environ[n])
		n++;
	env = arena_alloc(a, (n + 4) * sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "ORDEAL_TOKEN=", 13) && strncmp(environ[i], "KUBECONFIG=", 11))
			env[k++] = environ[i];
	env[k++] = arena_fmt(a, "ORDEAL_TOKEN=%s", d->kube.base.conf.token);
	env[k++] = arena_fmt(a, "KUBECONFIG=%s", d->kube.kubeconfig);
	env[k++] = arena_fmt(a, "ORDEAL_DOCKER_STATE=%s", d->state);
	return env;
}

static int start_node(struct docker *d, int i, struct err *e)
{
	char self[PATH_MAX], dir[PATH_MAX], log[PATH_MAX + 20], file[PATH_MAX + 20], num[16];
	const char *node = docker_node_names[i];
	const char *argv[] = {self, "node-agent", "--mode", "docker", "--state", dir, "--listen", "127.0.0.1:0",
			      "--dead-man", DEAD_MAN, "--node", node, NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct docker_agent *a = &d->agents[i];
	struct arena arena = {0};
	int r;

	if (n < 0)
		return err_set(e, ERR_BROKEN, "cannot find the running binary: %s", strerror(errno));
	self[n] = '\0';
	snprintf(dir, sizeof(dir), "%.3900s/agents/%s", d->state, node);
	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(file, sizeof(file), "%s/pid", dir);
	snprintf(a->name, sizeof(a->name), "node/%s", node);
	if (file_mkdirs(dir, e))
		return -1;
	r = proc_start_env(argv, make_env(d, &arena), log, &a->pid, e);
	arena_free(&arena);
	snprintf(num, sizeof(num), "%d\n", (int)a->pid);
	return r || file_write_atomic(file, num, strlen(num), e) || await_address(a, log, e) ||
	       reach(d, a, e) ? -1 : 0;
}

int docker_agents_up(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;

	for (int i = 0; i < DOCKER_NODES; i++)
		if (start_node(d, i, e))
			return -1;
	return 0;
}

/* One that does not end is left to heal: never killed. */
static int end_agent(struct docker_agent *a, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + HEAL_WITHIN_NS;
	int status;

	kube_client_free(a->client);
	a->client = NULL;
	kube_conf_free(&a->conf);
	if (a->pid <= 0)
		return 0;
	kill(a->pid, SIGTERM);
	while (waitpid(a->pid, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > end_ns)
			return err_set(e, ERR_BROKEN, "the agent %s (process %d) does not end; what its journal "
				       "holds may not be healed", a->name, (int)a->pid);
		nap();
	}
	a->pid = 0;
	return 0;
}

int docker_agents_down(struct engine *en, struct err *e)
{
	struct docker *d = (struct docker *)en;
	int r = 0;

	for (int i = 0; i < (int)ARRAY_LEN(d->agents); i++)
		if (end_agent(&d->agents[i], e))
			r = -1;
	return r;
}

static struct docker_agent *find(struct docker *d, const char *agent)
{
	if (!strcmp(agent, "host"))
		return &d->agents[0];
	for (size_t i = 0; i < ARRAY_LEN(d->agents); i++)
		if (!strcmp(d->agents[i].name, agent))
			return &d->agents[i];
	return NULL;
}

/* What a run waits by: its history can be read all the same, and faults be
 * undone. */
static bool waits_on(const char *agent, const char *path)
{
	return !strcmp(agent, "load") &&
	       (!strncmp(path, "/v1/status", 10) || !strncmp(path, "/v1/samples", 11));
}

static int refuse_without_docker(struct docker *d, struct err *e)
{
	int64_t since_ns;

	store_lock(&d->store);
	since_ns = d->silent_ns ? clock_mono_ns() - d->silent_ns : 0;
	store_unlock(&d->store);
	if (since_ns < SILENCE_NS)
		return 0;
	return err_set(e, ERR_BROKEN, "Docker at %s has not answered for %lld s: nothing is started again, so this "
		       "trial is void; start Docker, then `ordeal down --engine docker` removes what is left",
		       d->api.socket, (long long)(since_ns / NS_PER_S));
}

int docker_call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status, struct err *e)
{
	struct docker *d = (struct docker *)en;
	struct docker_agent *a = find(d, agent);
	char token[100];
	const char *const headers[] = {token, NULL};
	struct kube_request q = {.method = method, .body = body, .headers = headers,
				 .timeout_ns = timeout_ns, .path = path};

	if (!a || !a->client)
		return err_set(e, ERR_BROKEN, "engine docker has no agent %s%s", agent, a ? " now" : "");
	if (waits_on(agent, path) && refuse_without_docker(d, e))
		return -1;
	snprintf(token, sizeof(token), "X-Ordeal-Token: %s", d->kube.base.conf.token);
	if (!body && !strcmp(method, "POST"))
		q.body = "";
	/* The end of a run needs its agents also when it was interrupted. */
	kube_client_ignore(a->client, true);
	return kube_http(a->client, &q, answer, status, e) ? err_prefix(e, "agent %s", agent) : 0;
}

/* ---- the load agents ---- */

static void load_pod(struct docker *d, const char *name, const char *node)
{
	cJSON *pod = cJSON_CreateObject(), *m, *spec, *c = cJSON_CreateObject(), *env = cJSON_CreateObject(), *s;
	char listen[40];
	const char *const argv[] = {"ordeal", "load-agent", "--listen", listen};

	snprintf(listen, sizeof(listen), "0.0.0.0:%d", KUBE_LOAD_PORT);
	m = cJSON_AddObjectToObject(pod, "metadata");
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", d->kube.base.namespace);
	json_set_str(cJSON_AddObjectToObject(m, "labels"), KUBE_AGENT_LABEL, "load");
	spec = cJSON_AddObjectToObject(pod, "spec");
	json_set_str(spec, "nodeName", node);
	/* Its history lives in its memory: one that died must be seen, not replaced. */
	json_set_str(spec, "restartPolicy", "Never");
	json_set_i64(spec, "terminationGracePeriodSeconds", 1);
	json_set_str(c, "name", "agent");
	json_set_str(c, "image", d->agent_image);
	json_set(c, "command", cJSON_CreateStringArray(argv, 4));
	json_set_str(env, "name", "ORDEAL_TOKEN");
	json_set_str(env, "value", d->kube.base.conf.token);
	json_push(cJSON_AddArrayToObject(c, "env"), env);
	s = cJSON_AddObjectToObject(c, "securityContext");
	json_set_i64(s, "runAsUser", 65534);
	json_set_i64(s, "runAsGroup", 65534);
	json_push(cJSON_AddArrayToObject(spec, "containers"), c);
	store_lock(&d->store);
	docker_pod_begin(d, store_put(&d->store, store_plural("pods"), pod));
	store_unlock(&d->store);
}

static bool healthy(struct docker *d, const char *agent, struct err *e)
{
	struct buf answer = {0};
	int status = 0;
	bool ok = docker_call((struct engine *)d, agent, "GET", "/v1/health", NULL, NS_PER_S, &answer, &status,
			      e) == 0 && status == 200;

	buf_free(&answer);
	return ok;
}

static int load_wait(struct docker *d, struct docker_agent *a, const char *pod, int64_t deadline_ns,
		     struct err *e)
{
	const volatile int *stop = d->kube.base.conf.interrupted;
	struct docker_pod *p;
	char ip[64] = "";

	for (;;) {
		store_lock(&d->store);
		p = docker_pod_find(d, d->kube.base.namespace, pod);
		if (p && p->c[0].running)
			mem_copy_str(ip, sizeof(ip), p->ip);
		else if (p && p->c[0].message[0])
			err_set(e, ERR_BROKEN, "%s", p->c[0].message);
		store_unlock(&d->store);
		if (ip[0] && !a->client) {
			snprintf(a->addr, sizeof(a->addr), "%s:%d", ip, KUBE_LOAD_PORT);
			if (reach(d, a, e))
				return -1;
		}
		if (a->client && healthy(d, a->name, e))
			return 0;
		if (stop && *stop)
			return err_set(e, ERR_INTERRUPTED, "interrupted");
		if (clock_mono_ns() > deadline_ns)
			return err_prefix(e, "the load agent %s does not come up", pod);
		nap();
	}
}

int docker_load_up(struct docker *d, int64_t deadline_ns, struct err *e)
{
	struct docker_agent *a = &d->agents[DOCKER_NODES];

	mem_copy_str(a->name, sizeof(a->name), "load");
	load_pod(d, KUBE_LOAD_POD, docker_node_names[0]);
	return load_wait(d, a, KUBE_LOAD_POD, deadline_ns, e);
}

int docker_load_beside(struct engine *en, const char *group, const char *node, int64_t deadline_ns,
		       struct err *e)
{
	struct docker *d = (struct docker *)en;
	struct docker_agent *a = &d->agents[DOCKER_NODES + 1];
	char pod[64];

	snprintf(a->name, sizeof(a->name), "load/%s", group);
	snprintf(pod, sizeof(pod), KUBE_LOAD_POD "-%s", group);
	load_pod(d, pod, node);
	return load_wait(d, a, pod, deadline_ns, e);
}

void docker_load_forget(struct docker *d)
{
	for (size_t i = DOCKER_NODES; i < ARRAY_LEN(d->agents); i++) {
		kube_client_free(d->agents[i].client);
		d->agents[i].client = NULL;
		kube_conf_free(&d->agents[i].conf);
	}
}
