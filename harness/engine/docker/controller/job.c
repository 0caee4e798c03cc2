#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/plan.h"
#include "engine/docker/controller/controller.h"

/* Jobs: pods that are to end well, so many of them (Kubernetes documentation,
 * "Jobs"). */

enum {
	BACKOFF_LIMIT = 6,
	BACKOFF_S = 10, BACKOFF_MAX_S = 360, /* "Pod backoff failure policy" */
};

void time_text(int64_t s, char out[32])
{
	clock_rfc3339(s * NS_PER_S, out);
	memcpy(out + strlen("2006-01-02T15:04:05"), "Z", 2);
}

int64_t time_s(const cJSON *o, const char *key)
{
	int64_t ns;

	return clock_parse_rfc3339(json_str(o, key, ""), &ns) ? 0 : ns / NS_PER_S;
}

static bool has_phase(const cJSON *pod, const char *phase)
{
	return !strcmp(json_str(json_get(pod, "status"), "phase", ""), phase);
}

/* When it ended, by its containers; where one never ran, since it has not been ready
 * (backoff_utils.go, getFinishedTime). */
static int64_t ended_s(const cJSON *pod)
{
	const cJSON *c, *ready;
	int64_t last = 0;

	cJSON_ArrayForEach(c, json_path(pod, "status.containerStatuses")) {
		int64_t t = time_s(json_path(c, "state.terminated"), "finishedAt");

		if (!t) {
			kube_condition(pod, "Ready", &ready);
			return time_s(ready, "lastTransitionTime");
		}
		last = t > last ? t : last;
	}
	return last;
}

struct tally {
	int64_t active, ready, good, bad, restarts;
	int64_t in_a_row, failed_s; /* failures since the last success; the newest's end */
};

static void count(const cJSON *const *pods, size_t n, struct tally *t)
{
	int64_t succeeded_s = 0;

	*t = (struct tally){0};
	for (size_t i = 0; i < n; i++)
		if (has_phase(pods[i], "Succeeded") && ended_s(pods[i]) > succeeded_s)
			succeeded_s = ended_s(pods[i]);
	for (size_t i = 0; i < n; i++) {
		bool failed = has_phase(pods[i], "Failed"), succeeded = has_phase(pods[i], "Succeeded");

		t->good += succeeded;
		t->bad += failed;
		if (failed && ended_s(pods[i]) >= succeeded_s) {
			t->in_a_row++;
			t->failed_s =
				ended_s(pods[i]) > t->failed_s ? ended_s(pods[i]) : t->failed_s;
		}
		if (failed || succeeded || workload_ending(pods[i]))
			continue;
		t->active++;
		t->ready += kube_pod_ready(pods[i]);
		t->restarts += kube_pod_restarts(pods[i]);
	}
}

const char *job_over(const cJSON *job)
{
	return kube_condition(job, "Complete", NULL) ? "Complete" : kube_condition(job, "Failed", NULL) ? "Failed" : NULL;
}

static void add_condition(cJSON *status, const char *type, const char *reason, const char *message,
			  int64_t now_s)
{
	cJSON *c = cJSON_CreateObject();
	char now[32];

	time_text(now_s, now);
	json_set_str(c, "type", type);
	json_set_str(c, "status", "True");
	json_set_str(c, "lastProbeTime", now);
	json_set_str(c, "lastTransitionTime", now);
	json_set_str(c, "reason", reason);
	json_set_str(c, "message", message);
	json_push(cJSON_AddArrayToObject(status, "conditions"), c);
}

/* Containers that are restarted in place count as failures, too. */
static bool too_often(const cJSON *spec, const struct tally *t)
{
	int64_t limit = json_i64(spec, "backoffLimit", BACKOFF_LIMIT);

	if (!strcmp(json_str(json_path(spec, "template.spec"), "restartPolicy", ""), "OnFailure") && t->restarts &&
	    t->restarts >= limit)
		return true;
	return t->bad > limit;
}

static void fail(struct job_step *out, const char *reason, const char *message, int64_t now_s)
{
	out->stop = out->warning = true;
	out->reason = reason;
	out->message = message;
	add_condition(out->status, "Failed", reason, message, now_s);
}

/* After a failure the next pod waits: 10 s, 20 s, 40 s, ... */
static int64_t not_before_s(const struct tally *t)
{
	int64_t wait = BACKOFF_S;

	for (int64_t i = 1; i < t->in_a_row && wait < BACKOFF_MAX_S; i++)
		wait *= 2;
	return t->in_a_row ? t->failed_s + (wait < BACKOFF_MAX_S ? wait : BACKOFF_MAX_S) : 0;
}

static void launch(const cJSON *spec, const struct tally *t, int64_t now_s, struct job_step *out)
{
	int64_t left = json_i64(spec, "completions", 1) - t->good - t->active, at_once = plan_at_once(spec, "parallelism", DOCKER_NODES);
	int64_t more = at_once - t->active < left ? at_once - t->active : left;

	if (more > 0 && now_s >= not_before_s(t))
		out->launch = more;
}

void job_next(const cJSON *job, const cJSON *const *pods, size_t n, int64_t now_s,
	      struct job_step *out)
{
	const cJSON *spec = json_get(job, "spec");
	int64_t begun_s = time_s(json_get(job, "status"), "startTime"), deadline = json_i64(spec, "activeDeadlineSeconds", 0);
	struct tally t;
	char now[32];

	*out = (struct job_step){0};
	if (job_over(job))
		return;
	count(pods, n, &t);
	begun_s = begun_s ? begun_s : now_s;
	out->status = cJSON_CreateObject();
	time_text(begun_s, now);
	json_set_str(out->status, "startTime", now);
	if (t.good >= json_i64(spec, "completions", 1)) {
		out->stop = true;
		out->reason = "Completed";
		out->message = "Job completed";
		time_text(now_s, now);
		json_set_str(out->status, "completionTime", now);
		add_condition(out->status, "Complete", "CompletionsReached", "Reached expected number of succeeded pods", now_s);
	} else if (deadline && now_s - begun_s >= deadline) {
		fail(out, "DeadlineExceeded", "Job was active longer than specified deadline", now_s);
	} else if (too_often(spec, &t)) {
		fail(out, "BackoffLimitExceeded", "Job has reached the specified backoff limit", now_s);
	} else {
		launch(spec, &t, now_s, out);
	}
	json_set_i64(out->status, "active", out->stop ? 0 : t.active + out->launch);
	json_set_i64(out->status, "ready", out->stop ? 0 : t.ready);
	json_set_i64(out->status, "succeeded", t.good);
	json_set_i64(out->status, "failed", t.bad + (out->warning ? t.active : 0));
}

/* ---- doing it ---- */

/* What the API server writes into a Job's template (pkg/registry/batch/job: generateSelector()). */
static void label(const cJSON *job, cJSON *pod)
{
	cJSON *labels = cJSON_GetObjectItem(cJSON_GetObjectItem(pod, "metadata"), "labels");

	json_set_str(labels, "batch.kubernetes.io/job-name", kube_meta(job, "name"));
	json_set_str(labels, "batch.kubernetes.io/controller-uid", kube_meta(job, "uid"));
	json_set_str(labels, "job-name", kube_meta(job, "name"));
	json_set_str(labels, "controller-uid", kube_meta(job, "uid"));
}

static bool launch_one(struct docker *d, const cJSON *w)
{
	char name[WORKLOAD_NAME_BYTES];
	cJSON *pod;

	workload_name(w, name);
	pod = workload_pod(w, json_path(w, "spec.template"), name);
	label(w, pod);
	if (!workload_launch(d, w, pod, NULL))
		return false;
	docker_event(d, "Job", kube_meta(w, "namespace"), kube_meta(w, "name"), false, "SuccessfulCreate", "Created pod: %s",
		     name);
	return true;
}

static void stop(struct docker *d, const cJSON *w)
{
	for (size_t i = 0; i < d->npods; i++) {
		const struct docker_pod *p = d->pods[i];
		const cJSON *pod = store_get(&d->store, KIND_POD, p->ns, p->name);

		if (pod && workload_owns(w, pod) && !workload_ending(pod) && !has_phase(pod, "Succeeded") &&
		    !has_phase(pod, "Failed")) {
			docker_pod_delete(d, p->ns, p->name, -1);
			docker_event(d, "Job", p->ns, kube_meta(w, "name"), false, "SuccessfulDelete", "Deleted pod: %s",
				     p->name);
		}
	}
}

void job(struct docker *d, const cJSON *w)
{
	const cJSON **pods = mem_alloc((d->store.n + 1) * sizeof(*pods));
	struct job_step step;
	size_t n = 0;

	for (size_t i = 0; i < d->store.n; i++)
		if (d->store.v[i].kind->id == KIND_POD && workload_owns(w, d->store.v[i].object))
			pods[n++] = d->store.v[i].object;
	job_next(w, pods, n, clock_real_ns() / NS_PER_S, &step);
	free(pods);
	if (!step.status)
		return;
	while (step.launch > 0 && launch_one(d, w))
		step.launch--;
	/* What could not be made is not active. */
	json_set_i64(step.status, "active", json_i64(step.status, "active", 0) - step.launch);
	workload_status(d, KIND_JOB, w, step.status);
	if (step.reason)
		docker_event(d, "Job", kube_meta(w, "namespace"), kube_meta(w, "name"), step.warning, step.reason, "%s",
			     step.message);
	if (step.stop)
		stop(d, w);
}
