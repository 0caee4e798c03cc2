/* A pod from its beginning to its end: one thread each, in the place of a
 * kubelet's pod worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "base/procs.h"

#define TURN_NS (20 * NS_PER_MS)
#define AGAIN_NS (2 * NS_PER_S)
/* A hook has no limit; Docker's answer wants one. */
#define HOOK_NS (NS_PER_S * 30 * 24 * 3600)
/* A kubelet's back-off: none for the first restart, then 10 s, doubled up to
 * 300 s, forgotten after 10 minutes of life (Pod lifecycle, "Container
 * restart policy"). */
enum {
	BACKOFF_S = 10,
	BACKOFF_MAX_S = 300,
	BACKOFF_FORGET_S = 600,
	DEFAULT_GRACE_S = 30,
	FORCE_GRACE_S = 2
};

enum life { LIFE_ON, LIFE_DELETED, LIFE_NODE_DOWN, LIFE_SANDBOX_LOST, LIFE_FINISHED };

static void nap(struct docker_pod *p, int64_t ns)
{
	int64_t end = clock_mono_ns() + ns;

	store_lock(&p->d->store);
	while (!p->deleting && clock_mono_ns() < end)
		store_wait(&p->d->store, end);
	store_unlock(&p->d->store);
}

/* What the pod has to react to now. */
static enum life look(struct docker_pod *p)
{
	enum life life = LIFE_ON;

	store_lock(&p->d->store);
	if (p->deleting)
		life = LIFE_DELETED;
	else if (p->d->node_down[p->node_index])
		life = LIFE_NODE_DOWN;
	else if (p->sandbox && !procs_same(p->pause_pid, p->pause_ticks))
		life = LIFE_SANDBOX_LOST;
	store_unlock(&p->d->store);
	return life;
}

static void waiting(struct docker_pod *p, struct docker_container *c, const char *reason,
		    const char *message)
{
	store_lock(&p->d->store);
	mem_copy_str(c->waiting, sizeof(c->waiting), reason);
	mem_copy_str(c->message, sizeof(c->message), message);
	if (!strcmp(reason, "CrashLoopBackOff"))
		docker_event(p->d, "Pod", p->ns, p->name, true, "BackOff",
			     "Back-off restarting failed container %s in pod %s", c->name, p->name);
	else
		docker_event(p->d, "Pod", p->ns, p->name, true,
			     !strcmp(reason, "ContainerCreating") ? "FailedMount" : "Failed",
			     !strcmp(reason, "ContainerCreating") ? "%s" : "Error: %s", message);
	docker_pod_publish(p);
	store_unlock(&p->d->store);
}

static void *run_hook(void *arg)
{
	struct docker_container *c = arg;
	struct docker_pod *p = c->pod;
	struct err e = {0};
	int r = docker_hook(p, c, DOCKER_POST_START, HOOK_NS, &e);

	store_lock(&p->d->store);
	c->hook_failed = r != 0;
	c->hook_over = true;
	store_wake(&p->d->store);
	store_unlock(&p->d->store);
	return NULL;
}

static void hook_is_over(struct docker_pod *p, struct docker_container *c)
{
	pthread_join(c->hook, NULL);
	store_lock(&p->d->store);
	c->hooking = false;
	c->hooked = true;
	docker_pod_publish(p);
	store_unlock(&p->d->store);
}

/* Their containers have been killed, so they end. */
static void end_hooks(struct docker_pod *p)
{
	for (size_t i = 0; i < p->nc; i++)
		if (p->c[i].hooking)
			hook_is_over(p, &p->c[i]);
}

static void try_start(struct docker_pod *p, struct docker_container *c)
{
	char reason[40] = "";
	struct err e = {0};

	if (docker_container_start(p, c, reason, &e)) {
		waiting(p, c, reason, e.msg);
		c->start_at_ns = clock_mono_ns() + AGAIN_NS;
		return;
	}
	/* The pod may be deleted meanwhile, so that the hook has a thread of its own. */
	if (c->hooking && pthread_create(&c->hook, NULL, run_hook, c)) {
		log_warn("pod %s: no thread for the hook of %s", p->name, c->name);
		store_lock(&p->d->store);
		c->hooking = false;
		store_unlock(&p->d->store);
		docker_containers_end(p, c, DEFAULT_GRACE_S);
	}
}

static void attend_hook(struct docker_pod *p, struct docker_container *c)
{
	bool over, failed;

	store_lock(&p->d->store);
	over = c->hook_over;
	failed = c->hook_failed;
	store_unlock(&p->d->store);
	if (!over)
		return;
	hook_is_over(p, c);
	/* It is killed, and its restart policy decides. */
	if (failed && docker_container_alive(c))
		docker_containers_end(p, c, DEFAULT_GRACE_S);
}

static bool restarts(const struct docker_pod *p, const struct docker_container *c)
{
	const char *policy = json_str(json_get(p->object, "spec"), "restartPolicy", "Always");

	if (*p->evicted || (c->init && !c->exit_code))
		return false;
	if (!strcmp(policy, "Always"))
		return true;
	return !strcmp(policy, "OnFailure") && c->exit_code;
}

static void after_end(struct docker_pod *p, struct docker_container *c)
{
	int64_t lived_ns = clock_mono_ns() - c->started_ns;
	int wait_s;

	docker_container_ended(p, c);
	if (!restarts(p, c)) {
		store_lock(&p->d->store);
		c->done = true;
		docker_pod_publish(p);
		store_unlock(&p->d->store);
		return;
	}
	if (lived_ns > BACKOFF_FORGET_S * NS_PER_S)
		c->backoff_s = 0;
	wait_s = c->backoff_s;
	c->backoff_s = !wait_s			  ? BACKOFF_S :
		       wait_s * 2 > BACKOFF_MAX_S ? BACKOFF_MAX_S :
						    wait_s * 2;
	c->start_at_ns = clock_mono_ns() + wait_s * NS_PER_S;
	if (wait_s) {
		char text[100];

		snprintf(text, sizeof(text), "back-off %ds restarting failed container", wait_s);
		waiting(p, c, "CrashLoopBackOff", text);
	}
}

/* One look at one container. */
static void attend(struct docker_pod *p, struct docker_container *c)
{
	bool unhealthy, started;

	if (c->hooking) {
		attend_hook(p, c);
		return;
	}
	store_lock(&p->d->store);
	unhealthy = c->running && c->unhealthy;
	started = c->started;
	c->unhealthy = false;
	store_unlock(&p->d->store);
	if (c->running && !docker_container_alive(c)) {
		after_end(p, c);
	} else if (unhealthy) {
		store_lock(&p->d->store);
		docker_event(p->d, "Pod", p->ns, p->name, false, "Killing",
			     "Container %s failed liveness probe, will be restarted", c->name);
		store_unlock(&p->d->store);
		docker_containers_end(p, c, plan_probe_grace(p->object, c->spec, started));
	} else if (!c->running && !c->done && !*p->evicted && clock_mono_ns() >= c->start_at_ns) {
		try_start(p, c);
	}
}

/* The first init container that is not through yet; NULL: all are. */
static struct docker_container *next_init(struct docker_pod *p)
{
	for (size_t i = 0; i < p->nc; i++)
		if (p->c[i].init && !(p->c[i].done && !p->c[i].exit_code))
			return &p->c[i];
	return NULL;
}

static void set_phase(struct docker_pod *p)
{
	bool all_done = true, failed = false, ran = false;
	const char *phase;

	store_lock(&p->d->store);
	for (size_t i = 0; i < p->nc; i++) {
		if (p->c[i].init) {
			failed = failed || (p->c[i].done && p->c[i].exit_code);
			continue;
		}
		all_done = all_done && p->c[i].done;
		failed = failed || (p->c[i].done && p->c[i].exit_code);
		ran = ran || (p->c[i].ever && (!p->c[i].hooking || p->c[i].restarts));
	}
	phase = *p->evicted ? "Failed" :
		!next_init(p) && all_done ? (failed ? "Failed" : "Succeeded") :
		next_init(p) && failed ? "Failed" : ran ? "Running" : "Pending";
	p->initialized = !next_init(p);
	mem_copy_str(p->phase, sizeof(p->phase), phase);
	docker_pod_publish(p);
	store_unlock(&p->d->store);
}

static bool finished(const struct docker_pod *p)
{
	return !strcmp(p->phase, "Succeeded") || !strcmp(p->phase, "Failed");
}

/* Runs the containers of a sandbox until something else is to be done. */
static enum life serve_pod(struct docker_pod *p)
{
	enum life life;

	for (;;) {
		struct docker_container *init = next_init(p);

		life = look(p);
		if (life != LIFE_ON)
			return life;
		if (docker_pod_overfull(p))
			docker_containers_end(p, NULL, 1);
		/* A kubelet waits for a hook before it sees to the next container. */
		for (size_t i = 0; i < p->nc && look(p) == LIFE_ON; i++) {
			if (init ? &p->c[i] == init : !p->c[i].init)
				attend(p, &p->c[i]);
			if (p->c[i].hooking)
				break;
		}
		set_phase(p);
		if (finished(p))
			return LIFE_FINISHED;
		clock_sleep_until(clock_mono_ns() + TURN_NS);
	}
}

/* The sandbox or the whole node has gone: what is left of the containers is
 * killed, and they start again in a new one. Who stops a node may give them time to end. */
static void lose_sandbox(struct docker_pod *p, enum life life)
{
	if (life == LIFE_NODE_DOWN)
		docker_containers_await(p, NULL, clock_mono_ns() + 2 * DOCKER_NODE_GRACE_NS);
	if (life == LIFE_SANDBOX_LOST) {
		/* A deletion may follow at once: no new sandbox for that. */
		nap(p, 100 * NS_PER_MS);
		store_lock(&p->d->store);
		docker_event(p->d, "Pod", p->ns, p->name, false, "SandboxChanged",
			     "Pod sandbox changed, it will be killed and re-created.");
		store_unlock(&p->d->store);
	}
	docker_containers_end(p, NULL, 0);
	end_hooks(p);
	for (size_t i = 0; i < p->nc; i++) {
		struct docker_container *c = &p->c[i];

		c->hooked = false;
		if (c->running)
			docker_container_ended(p, c);
		/* Init containers run again in a new sandbox. */
		c->done = false;
		c->start_at_ns = 0;
	}
	docker_sandbox_remove(p);
	store_lock(&p->d->store);
	p->initialized = p->addressed = false;
	if (life == LIFE_SANDBOX_LOST) {
		p->ip[0] = '\0';
		docker_pod_publish(p);
	}
	store_unlock(&p->d->store);
}

static void await_node(struct docker_pod *p)
{
	struct store *s = &p->d->store;

	store_lock(s);
	while (p->d->node_down[p->node_index] && !p->deleting) {
		if (!p->down_ns)
			p->down_ns = clock_mono_ns();
		docker_pod_publish(p);
		store_wait(s, clock_mono_ns() + 100 * NS_PER_MS);
	}
	p->down_ns = 0;
	store_unlock(s);
}

static void sandbox_loop(struct docker_pod *p)
{
	struct err e = {0};
	enum life life;

	while ((life = look(p)) != LIFE_DELETED) {
		if (life == LIFE_NODE_DOWN) {
			await_node(p);
			continue;
		}
		if (docker_sandbox_make(p, &e)) {
			store_lock(&p->d->store);
			docker_event(p->d, "Pod", p->ns, p->name, true, "FailedCreatePodSandBox", "%s", e.msg);
			store_unlock(&p->d->store);
			nap(p, AGAIN_NS);
			continue;
		}
		life = serve_pod(p);
		if (life == LIFE_DELETED || life == LIFE_FINISHED)
			break;
		lose_sandbox(p, life);
	}
	/* A finished pod keeps its containers, for their logs. */
	nap(p, life == LIFE_FINISHED ? INT64_C(1) << 60 : 0);
}

static void *run(void *arg)
{
	struct docker_pod *p = arg;
	struct store *s = &p->d->store;

	sandbox_loop(p);
	docker_containers_end(p, NULL, p->grace_s);
	end_hooks(p);
	docker_sandbox_remove(p);
	store_lock(s);
	if (!p->dropped) {
		p->dropped = true;
		store_delete(s, KIND_POD, p->ns, p->name);
	}
	p->over = true;
	store_wake(s);
	store_unlock(s);
	docker_probes_join(p);
	return NULL;
}

static void add_containers(struct docker_pod *p, const char *list, bool init)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, json_get(json_get(p->object, "spec"), list)) {
		struct docker_container *o = &p->c[p->nc++];

		o->pod = p;
		o->spec = c;
		o->init = init;
		o->exit_code = -1;
		o->name = json_str(c, "name", "");
	}
}

void docker_pod_begin(struct docker *d, const cJSON *object, const char *agent_token)
{
	struct docker_pod *p = mem_alloc(sizeof(*p));
	const cJSON *meta, *spec;
	int at;

	store_assert_locked(&d->store);
	p->d = d;
	p->object = cJSON_Duplicate(object, 1);
	meta = json_get(p->object, "metadata");
	spec = json_get(p->object, "spec");
	p->name = json_str(meta, "name", "");
	p->ns = json_str(meta, "namespace", "");
	p->uid = json_str(meta, "uid", "");
	p->node = json_str(spec, "nodeName", "");
	p->sa = json_str(spec, "serviceAccountName", "");
	p->agent_token = agent_token;
	snprintf(p->phase, sizeof(p->phase), "Pending");
	at = docker_node_index(p->node);
	p->node_index = at > 0 ? at : 0;
	p->c = mem_alloc(((size_t)cJSON_GetArraySize(json_get(spec, "containers")) +
			  (size_t)cJSON_GetArraySize(json_get(spec, "initContainers")) + 1) * sizeof(*p->c));
	add_containers(p, "initContainers", true);
	add_containers(p, "containers", false);
	*VEC_PUSH(d->pods, d->npods, d->apods) = p;
	docker_pod_publish(p);
	if (pthread_create(&p->thread, NULL, run, p)) {
		log_warn("pod %s: no thread for it", p->name);
		p->over = p->dropped = true;
		return;
	}
	docker_probes_start(p);
}

struct docker_pod *docker_pod_find(struct docker *d, const char *ns, const char *name)
{
	store_assert_locked(&d->store);
	for (size_t i = 0; i < d->npods; i++)
		if (!strcmp(d->pods[i]->name, name) && !strcmp(d->pods[i]->ns, ns))
			return d->pods[i];
	return NULL;
}

/* With grace 0 the object goes at once, and a kubelet still gives about two
 * seconds. */
void docker_pod_delete(void *arg, const char *ns, const char *name, int grace_s)
{
	struct docker *d = arg;
	struct docker_pod *p = docker_pod_find(d, ns, name);
	cJSON *pod = store_copy(&d->store, KIND_POD, ns, name), *meta;
	int64_t has = json_i64(json_get(pod, "metadata"), "deletionGracePeriodSeconds", -1);
	int64_t own = json_i64(json_get(pod, "spec"), "terminationGracePeriodSeconds", DEFAULT_GRACE_S);
	char now[32];

	if (grace_s < 0)
		grace_s = own < 0 ? 1 : own > INT_MAX ? INT_MAX : (int)own;
	/* The time that it has is only ever made shorter (BeforeDelete()). */
	if (p && has >= 0 && has <= grace_s) {
		cJSON_Delete(pod);
		return;
	}
	if (p && !p->dropped) {
		p->grace_s = grace_s ? grace_s : FORCE_GRACE_S;
		p->deleting = true;
		p->dropped = grace_s == 0;
	}
	if (!p || p->dropped) {
		store_delete(&d->store, KIND_POD, ns, name);
		cJSON_Delete(pod);
	} else {
		meta = cJSON_GetObjectItem(pod, "metadata");
		store_now(now);
		json_set_str(meta, "deletionTimestamp", now);
		json_set_i64(meta, "deletionGracePeriodSeconds", grace_s);
		store_put(&d->store, KIND_POD, pod);
	}
	store_wake(&d->store);
}

void docker_pod_free(struct docker_pod *p)
{
	cJSON_Delete(p->object);
	free(p->c);
	free(p->vips);
	free(p);
}

int docker_pod_log(void *arg, const char *ns, const char *pod, const char *container, bool previous,
		   int lines, bool timestamps, struct buf *out, struct err *e)
{
	struct docker *d = arg;
	struct docker_pod *p;
	char id[80] = "";

	store_lock(&d->store);
	p = docker_pod_find(d, ns, pod);
	for (size_t i = 0; p && i < p->nc; i++)
		if (!strcmp(p->c[i].name, container) || (!*container && !p->c[i].init && !id[0]))
			mem_copy_str(id, sizeof(id), previous ? p->c[i].previous : p->c[i].id);
	store_unlock(&d->store);
	if (!id[0])
		return err_set(e, ERR_BROKEN, "%scontainer \"%s\" in pod \"%s\" not found",
			       previous ? "previous terminated " : "", container, pod);
	return docker_logs(&d->api, id, lines, timestamps, out, e);
}
