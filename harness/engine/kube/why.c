#include "engine/kube/why.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/kube/kube.h"

/* A kubelet may read a Secret that has just come a little late. */
#define CONFIG_CERTAIN_NS (10 * NS_PER_S)
#define PULL_CERTAIN_NS (20 * NS_PER_S)
#define NO_POD_CERTAIN_NS (10 * NS_PER_S)
#define UNSCHEDULABLE_CERTAIN_NS (30 * NS_PER_S)
/* The kubelet waits 10, 20, 40 s ... between restarts: three mean that half a
 * minute of waiting for others has not helped. */
enum { CRASHES_CERTAIN = 3 };

static bool is(const cJSON *o, const char *key, const char *value)
{
	return !strcmp(json_str(o, key, ""), value);
}

bool why_ready(const cJSON *w, int *have, int *want)
{
	const cJSON *spec = json_get(w, "spec"), *status = json_get(w, "status");
	bool seen = json_i64(status, "observedGeneration", 0) >=
		    json_i64(json_get(w, "metadata"), "generation", 0);

	*have = *want = 0;
	if (is(w, "kind", "StatefulSet") || is(w, "kind", "Deployment")) {
		*want = (int)json_i64(spec, "replicas", 1);
		*have = (int)json_i64(status, "readyReplicas", 0);
	} else if (is(w, "kind", "DaemonSet")) {
		*want = (int)json_i64(status, "desiredNumberScheduled", 0);
		*have = (int)json_i64(status, "numberReady", 0);
	} else if (is(w, "kind", "Job")) {
		*want = (int)json_i64(spec, "completions", 1);
		*have = (int)json_i64(status, "succeeded", 0);
		seen = true;
	} else if (is(w, "kind", "Pod")) {
		*want = 1;
		*have = kube_pod_ready(w) || is(status, "phase", "Succeeded");
		seen = true;
	} else {
		return true;
	}
	return seen && *have >= *want;
}

static bool selected(const cJSON *w, const cJSON *pod)
{
	const cJSON *want = json_path(w, "spec.selector.matchLabels"), *l;

	if (is(w, "kind", "Pod"))
		return !strcmp(kube_meta(w, "name"), kube_meta(pod, "name"));
	if (!want || !want->child) /* a Job's is made by the API server, or by nobody */
		return *kube_meta(w, "uid") &&
		       !strcmp(json_str(json_path(pod, "metadata.ownerReferences.0"), "uid", ""),
			       kube_meta(w, "uid"));
	cJSON_ArrayForEach(l, want) {
		if (!cJSON_IsString(l) || strcmp(kube_label(pod, l->string), l->valuestring))
			return false;
	}
	return true;
}

static bool done(const cJSON *w, const cJSON *pod)
{
	if (is(w, "kind", "Job") || is(w, "kind", "Pod"))
		return is(json_get(pod, "status"), "phase", "Succeeded");
	return kube_pod_ready(pod);
}

/* The first by name, as StatefulSets start them in that order. */
static const cJSON *first_unready(const cJSON *w, const cJSON *pods, int *seen)
{
	const cJSON *pod, *first = NULL;

	*seen = 0;
	cJSON_ArrayForEach(pod, json_get(pods, "items")) {
		if (!selected(w, pod))
			continue;
		(*seen)++;
		if (!done(w, pod) && (!first || strcmp(kube_meta(pod, "name"), kube_meta(first, "name")) < 0))
			first = pod;
	}
	return first;
}

static const char *when(const cJSON *event)
{
	const char *t = json_str(event, "lastTimestamp", NULL);

	if (!t)
		t = json_str(event, "eventTime", NULL);
	return t ? t : kube_meta(event, "creationTimestamp");
}

/* The newest event about an object that fits; NULL: there is none. */
static const cJSON *newest(const cJSON *events, const char *kind, const char *name,
			   bool (*fits)(const cJSON *events, const cJSON *ev))
{
	const cJSON *ev, *best = NULL;

	cJSON_ArrayForEach(ev, json_get(events, "items")) {
		const cJSON *about = json_get(ev, "involvedObject");

		if (is(about, "kind", kind) && is(about, "name", name) && fits(events, ev) &&
		    (!best || strcmp(when(ev), when(best)) >= 0))
			best = ev;
	}
	return best;
}

static bool is_start(const cJSON *events, const cJSON *ev)
{
	(void)events;
	return is(ev, "reason", "Started");
}

static bool is_hook(const cJSON *events, const cJSON *ev)
{
	(void)events;
	return is(ev, "reason", "FailedPostStartHook");
}

/* What stands before a container's start is over once one has started: a
 * volume that was not there yet, a place that was not found yet. */
static bool passed(const cJSON *events, const cJSON *ev)
{
	static const char *const early[] = {"FailedScheduling", "FailedMount", "FailedAttachVolume",
					    "FailedCreatePodSandBox", "NetworkNotReady"};
	const cJSON *start = newest(events, json_str(json_get(ev, "involvedObject"), "kind", ""),
				    json_str(json_get(ev, "involvedObject"), "name", ""), is_start);

	for (size_t i = 0; start && i < ARRAY_LEN(early); i++)
		if (is(ev, "reason", early[i]) && strcmp(when(start), when(ev)) >= 0)
			return true;
	return false;
}

/* Back-offs say nothing by themselves. */
static bool is_warning(const cJSON *events, const cJSON *ev)
{
	return is(ev, "type", "Warning") && !is(ev, "reason", "BackOff") && !passed(events, ev);
}

static const cJSON *warning(const cJSON *events, const char *kind, const char *name)
{
	return newest(events, kind, name, is_warning);
}

static bool has_hook(const cJSON *pod, const char *container)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, json_path(pod, "spec.containers"))
		if (is(c, "name", container))
			return json_path(c, "lifecycle.postStart") != NULL;
	return false;
}

static void say(struct why *y, const char *pod, const char *what, const char *reason,
		const char *message)
{
	size_t at = strlen(y->text);

	snprintf(y->text + at, sizeof(y->text) - at, "%s%s%s%s%s%s%s", at ? "; " : "", pod,
		 *pod ? ": " : "", what, reason, *message ? ": " : "", message);
	snprintf(y->key, sizeof(y->key), "%s/%s/%s", pod, what, reason);
}

static void ended_text(const cJSON *ended, int64_t restarts, char *out, size_t size)
{
	const char *message = json_str(ended, "message", "");

	snprintf(out, size, "exit code %lld%s%s%s, %lld restart%s%s%.300s",
		 (long long)json_i64(ended, "exitCode", -1), *json_str(ended, "reason", "") ? " (" : "",
		 json_str(ended, "reason", ""), *json_str(ended, "reason", "") ? ")" : "",
		 (long long)restarts, restarts == 1 ? "" : "s", *message ? ": " : "", message);
}

static int64_t certainty(const char *reason)
{
	static const struct {
		const char *reason;
		int64_t after_ns;
	} known[] = {
		{"CreateContainerConfigError", CONFIG_CERTAIN_NS},
		{"CreateContainerError", PULL_CERTAIN_NS},
		{"RunContainerError", PULL_CERTAIN_NS},
		{"InvalidImageName", 0},
		{"ErrImageNeverPull", 0},
		{"ErrImagePull", PULL_CERTAIN_NS},
		{"ImagePullBackOff", PULL_CERTAIN_NS},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].reason, reason))
			return known[i].after_ns;
	return -1;
}

/* It has ended: its exit, and the hook after its start if that is why. */
static void crash_why(const cJSON *pod, const cJSON *ended, const char *what, const char *reason,
		      int64_t restarts, const cJSON *events, struct why *y)
{
	const cJSON *hook = newest(events, "Pod", kube_meta(pod, "name"), is_hook);
	char text[500];

	ended_text(ended, restarts, text, sizeof(text));
	say(y, kube_meta(pod, "name"), what, reason, text);
	if (hook)
		say(y, "", "", json_str(hook, "reason", ""), json_str(hook, "message", ""));
	/* Its state alternates; the cause does not. */
	snprintf(y->key, sizeof(y->key), "%s/%s/crash", kube_meta(pod, "name"), what);
}

/* Not started yet, by what the kubelet tells; while a hook after the start runs
 * it goes on telling so. */
static bool creating_why(const cJSON *pod, const char *container, const char *what,
			 const cJSON *events, struct why *y)
{
	const char *name = kube_meta(pod, "name");
	const cJSON *ev = warning(events, "Pod", name);

	if (!ev && has_hook(pod, container) && newest(events, "Pod", name, is_start)) {
		say(y, name, what, "it was started, and its postStart hook has not ended", "");
		return true;
	}
	/* A mount that fails is told by an event only. */
	if (ev)
		say(y, name, what, json_str(ev, "reason", ""), json_str(ev, "message", ""));
	return ev != NULL;
}

/* True when this container is what holds its pod back. */
static bool container_why(const cJSON *pod, const cJSON *c, bool init, const cJSON *events,
			  struct why *y)
{
	const char *name = json_str(c, "name", ""), *pod_name = kube_meta(pod, "name");
	const cJSON *wait = json_path(c, "state.waiting"), *ended = json_path(c, "state.terminated");
	int64_t restarts = json_i64(c, "restartCount", 0);
	bool runs = json_path(c, "state.running");
	const char *reason = json_str(wait, "reason", runs ? "runs, and ended before" : "");
	char what[200];

	if (!ended)
		ended = json_path(c, "lastState.terminated");
	if (runs ? init || !ended || json_bool(c, "ready", false) : !wait && !json_i64(ended, "exitCode", 0))
		return false;
	if (!strcmp(reason, "PodInitializing"))
		return false;
	snprintf(what, sizeof(what), "%scontainer %s: ", init ? "init " : "", name);
	mem_copy_str(y->pod, sizeof(y->pod), pod_name);
	mem_copy_str(y->container, sizeof(y->container), name);
	if (ended && (runs || json_i64(ended, "exitCode", 0) || !strcmp(reason, "CrashLoopBackOff"))) {
		y->previous = json_path(c, "lastState.terminated") && !json_path(c, "state.terminated");
		crash_why(pod, ended, what, *reason ? reason : "ended", restarts, events, y);
		y->certain_after_ns = restarts >= CRASHES_CERTAIN && !runs ? 0 : -1;
		return true;
	}
	y->container[0] = '\0';
	if (!strcmp(reason, "ContainerCreating"))
		return creating_why(pod, name, what, events, y);
	say(y, pod_name, what, reason, json_str(wait, "message", ""));
	y->certain_after_ns = certainty(reason);
	return true;
}

static bool containers_why(const cJSON *pod, const cJSON *events, struct why *y)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, json_path(pod, "status.initContainerStatuses")) {
		if (container_why(pod, c, true, events, y))
			return true;
	}
	cJSON_ArrayForEach(c, json_path(pod, "status.containerStatuses")) {
		if (container_why(pod, c, false, events, y))
			return true;
	}
	return false;
}

/* A claim of this pod that nobody has bound yet. */
static bool claim_why(const cJSON *pod, const cJSON *claims, const cJSON *events, struct why *y)
{
	const cJSON *v, *claim, *ev;
	char what[200];

	cJSON_ArrayForEach(v, json_path(pod, "spec.volumes")) {
		const char *name = json_str(json_get(v, "persistentVolumeClaim"), "claimName", "");

		if (!*name)
			continue;
		cJSON_ArrayForEach(claim, json_get(claims, "items")) {
			if (strcmp(kube_meta(claim, "name"), name) ||
			    is(json_get(claim, "status"), "phase", "Bound"))
				continue;
			ev = warning(events, "PersistentVolumeClaim", name);
			snprintf(what, sizeof(what), "claim %s (class %s) is ", name,
				 json_str(json_get(claim, "spec"), "storageClassName", "none"));
			say(y, kube_meta(pod, "name"), what,
			    json_str(json_get(claim, "status"), "phase", "not bound"),
			    ev ? json_str(ev, "message", "") : "no volume serves it");
			y->certain_after_ns = UNSCHEDULABLE_CERTAIN_NS;
			return true;
		}
	}
	return false;
}

/* One that runs and is not ready: its log may say what its probe cannot. */
static void unready_container(const cJSON *pod, struct why *y)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, json_path(pod, "status.containerStatuses")) {
		if (!json_path(c, "state.running") || json_bool(c, "ready", false))
			continue;
		mem_copy_str(y->pod, sizeof(y->pod), kube_meta(pod, "name"));
		mem_copy_str(y->container, sizeof(y->container), json_str(c, "name", ""));
		y->running = true;
		return;
	}
}

static void pod_why(const cJSON *pod, const cJSON *claims, const cJSON *events, struct why *y)
{
	const char *name = kube_meta(pod, "name");
	const cJSON *cond, *ev = warning(events, "Pod", name);

	if (containers_why(pod, events, y))
		return;
	if (json_get(json_get(pod, "metadata"), "deletionTimestamp")) {
		say(y, name, "is being deleted", "", "");
		return;
	}
	if (!*json_str(json_get(pod, "spec"), "nodeName", "")) {
		if (claim_why(pod, claims, events, y))
			return;
		kube_condition(pod, "PodScheduled", &cond);
		say(y, name, "not scheduled: ", json_str(cond, "reason", "no reason given yet"),
		    json_str(cond, "message", ""));
		if (cond)
			y->certain_after_ns = UNSCHEDULABLE_CERTAIN_NS;
		return;
	}
	unready_container(pod, y);
	kube_condition(pod, "Ready", &cond);
	say(y, name, "not ready: ", ev ? json_str(ev, "reason", "") : json_str(cond, "reason", "not started"),
	    ev ? json_str(ev, "message", "") : json_str(cond, "message", ""));
}

/* A Job that runs on and on: what it says is all there is to know. */
static bool still_runs(const cJSON *pod, struct why *y)
{
	const cJSON *c = json_path(pod, "spec.containers.0");

	if (!json_path(pod, "status.containerStatuses.0.state.running"))
		return false;
	say(y, kube_meta(pod, "name"), "still runs", "", "");
	snprintf(y->pod, sizeof(y->pod), "%s", kube_meta(pod, "name"));
	snprintf(y->container, sizeof(y->container), "%s", json_str(c, "name", ""));
	y->running = true;
	return true;
}

void why_not_ready(const cJSON *w, const cJSON *pods, const cJSON *claims, const cJSON *events,
		   struct why *y)
{
	const char *kind = json_str(w, "kind", ""), *name = kube_meta(w, "name");
	const cJSON *pod, *ev, *cond;
	int have, want, seen;

	memset(y, 0, sizeof(*y));
	y->certain_after_ns = -1;
	why_ready(w, &have, &want);
	snprintf(y->text, sizeof(y->text), "%s/%s has %d of %d %s", kind, name, have, want,
		 !strcmp(kind, "Job") ? "completions" : "pods ready");
	pod = first_unready(w, pods, &seen);
	if (pod) {
		if (strcmp(kind, "Job") || !still_runs(pod, y))
			pod_why(pod, claims, events, y);
	} else if ((ev = warning(events, kind, name))) {
		/* FailedCreate: no pod was ever made, and why. */
		say(y, "", "no pod was made: ", json_str(ev, "reason", ""), json_str(ev, "message", ""));
		y->certain_after_ns = NO_POD_CERTAIN_NS;
	} else {
		say(y, "", seen ? "all its pods are ready, but the number is not reached yet"
				: "no pod was made, and no event says why",
		    "", "");
	}
	if (!strcmp(kind, "Job") && kube_condition(w, "Failed", &cond)) {
		say(y, "", "the Job has failed: ", json_str(cond, "reason", ""),
		    json_str(cond, "message", ""));
		y->certain_after_ns = 0;
	}
}
