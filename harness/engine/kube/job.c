/* Jobs that a scenario starts from the template of a CronJob. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/kube/kube.h"

enum { LOG_LINES = 40 };

static void job_path(const struct kube *k, const char *plural, const char *name, char path[400])
{
	snprintf(path, 400, "/apis/batch/v1/namespaces/%s/%s/%s", k->base.namespace, plural, name);
}

/* As kubectl makes it. It belongs to the CronJob and goes with it; but it is not
 * said to be controlled by it, so that no history limit takes away what the run still
 * looks at. */
static cJSON *job_from(const cJSON *cron, const char *name)
{
	const cJSON *template = json_path(cron, "spec.jobTemplate");
	const cJSON *labels = json_path(template, "metadata.labels"), *notes = json_path(template, "metadata.annotations");
	cJSON *o = cJSON_CreateObject(), *m = cJSON_AddObjectToObject(o, "metadata"), *owner = cJSON_CreateObject();

	json_set_str(o, "apiVersion", "batch/v1");
	json_set_str(o, "kind", "Job");
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", kube_meta(cron, "namespace"));
	if (labels)
		json_set(m, "labels", cJSON_Duplicate(labels, 1));
	json_set(m, "annotations", notes ? cJSON_Duplicate(notes, 1) : cJSON_CreateObject());
	json_set_str(cJSON_GetObjectItem(m, "annotations"), "cronjob.kubernetes.io/instantiate", "manual");
	json_set_str(owner, "apiVersion", "batch/v1");
	json_set_str(owner, "kind", "CronJob");
	json_set_str(owner, "name", kube_meta(cron, "name"));
	json_set_str(owner, "uid", kube_meta(cron, "uid"));
	json_push(cJSON_AddArrayToObject(m, "ownerReferences"), owner);
	json_set(o, "spec", cJSON_Duplicate(json_get(template, "spec"), 1));
	return o;
}

int kube_engine_job_start(struct engine *en, const char *cron_job, const char *name, struct err *e)
{
	struct kube *k = (struct kube *)en;
	cJSON *cron = NULL, *job;
	char path[400];
	int r;

	job_path(k, "cronjobs", cron_job, path);
	if (kube_connect(k, false, e) || kube_get(k->k, path, &cron, e))
		return -1;
	if (!cron)
		return err_set(e, ERR_BROKEN, "there is no CronJob %s in %s", cron_job, k->base.namespace);
	job = job_from(cron, name);
	job_path(k, "jobs", "", path);
	path[strlen(path) - 1] = '\0';
	r = kube_send(k->k, "POST", path, KUBE_JSON, job, NULL, NULL, e);
	cJSON_Delete(job);
	cJSON_Delete(cron);
	return r;
}

/* In the order in which they run: where one before them has failed, the others never do. */
static const char *const containers[] = {"status.initContainerStatuses", "status.containerStatuses"};

/* The container that ended last: in place, or for good. */
static const cJSON *ended(const cJSON *pod)
{
	const cJSON *c, *last = NULL;

	for (size_t i = 0; i < ARRAY_LEN(containers); i++) {
		cJSON_ArrayForEach(c, json_path(pod, containers[i])) {
			const cJSON *t = json_path(c, "state.terminated");

			if (!t)
				t = json_path(c, "lastState.terminated");
			if (t && (!last || strcmp(json_str(t, "finishedAt", ""), json_str(last, "finishedAt", "")) >= 0))
				last = t;
		}
	}
	return last;
}

static void add_log(struct kube *k, const cJSON *pod, const cJSON *container, bool previous,
		    struct buf *log)
{
	struct err unread = {0};
	struct buf b = {0};

	if (kube_engine_logs((struct engine *)k, kube_meta(pod, "name"), json_str(container, "name", ""), previous,
			     LOG_LINES, &b, &unread) == 0)
		buf_add(log, buf_cstr(&b), b.len);
	buf_free(&b);
}

/* Of each container that has run. One that is tried again in place has not said yet why the
 * try before it failed. */
static void add_logs(struct kube *k, const cJSON *pod, struct buf *log)
{
	const cJSON *c;

	for (size_t i = 0; i < ARRAY_LEN(containers); i++) {
		cJSON_ArrayForEach(c, json_path(pod, containers[i])) {
			bool runs = json_path(c, "state.running"), ran = json_path(c, "lastState.terminated");

			if (runs && ran)
				add_log(k, pod, c, true, log);
			if (runs || ran || json_path(c, "state.terminated"))
				add_log(k, pod, c, false, log);
		}
	}
}

static int64_t restarts(const cJSON *pod)
{
	const cJSON *c;
	int64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(containers); i++)
		cJSON_ArrayForEach(c, json_path(pod, containers[i]))
			n += json_i64(c, "restartCount", 0);
	return n;
}

static void add_pod(struct kube *k, const cJSON *pod, cJSON *out, struct buf *log,
		    const cJSON **last)
{
	cJSON *o = cJSON_CreateObject();
	const cJSON *t = ended(pod), *status = json_get(pod, "status");

	json_set_str(o, "name", kube_meta(pod, "name"));
	json_set_str(o, "phase", json_str(status, "phase", ""));
	json_set_i64(o, "restarts", restarts(pod));
	/* Of one that was evicted, as by what it has written: no container says so. */
	if (json_get(status, "message"))
		buf_fmt(log, "%s: %s\n", json_str(status, "reason", ""), json_str(status, "message", ""));
	if (t) {
		json_set_i64(o, "exit", json_i64(t, "exitCode", -1));
		json_set_str(o, "reason", json_str(t, "reason", ""));
	}
	json_push(out, o);
	if (t && (!*last || strcmp(json_str(t, "finishedAt", ""), json_str(*last, "finishedAt", "")) >= 0))
		*last = t;
	add_logs(k, pod, log);
}

static int by_creation(const void *a, const void *b)
{
	const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
	int order = strcmp(kube_meta(x, "creationTimestamp"), kube_meta(y, "creationTimestamp"));

	return order ? order : strcmp(kube_meta(x, "name"), kube_meta(y, "name"));
}

/* The one that was tried last comes last: a server lists them by their names, which end at
 * random. */
static const cJSON **in_order(const cJSON *list, size_t *n)
{
	const cJSON **v = mem_alloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*v)), *pod;

	*n = 0;
	cJSON_ArrayForEach(pod, list)
		v[(*n)++] = pod;
	if (*n)
		qsort(v, *n, sizeof(*v), by_creation);
	return v;
}

static int add_pods(struct kube *k, const cJSON *job, cJSON *out, struct err *e)
{
	const cJSON **v, *last = NULL;
	cJSON *list = NULL, *pods;
	struct buf log = {0};
	size_t n;
	char path[400];

	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods?labelSelector=job-name%%3D%s", k->base.namespace,
		 kube_meta(job, "name"));
	if (kube_get(k->k, path, &list, e))
		return -1;
	pods = cJSON_AddArrayToObject(out, "pods");
	v = in_order(json_get(list, "items"), &n);
	for (size_t i = 0; i < n; i++)
		add_pod(k, v[i], pods, &log, &last);
	free(v);
	if (last)
		json_set_i64(out, "exit", json_i64(last, "exitCode", -1));
	if (log.len)
		json_set_str(out, "log", buf_cstr(&log));
	buf_free(&log);
	cJSON_Delete(list);
	return 0;
}

int kube_engine_job_look(struct engine *en, const char *name, cJSON **out, struct err *e)
{
	struct kube *k = (struct kube *)en;
	const cJSON *cond = NULL;
	cJSON *job = NULL;
	char path[400];
	bool over;
	int r = 0;

	*out = NULL;
	job_path(k, "jobs", name, path);
	if (kube_connect(k, false, e) || kube_get(k->k, path, &job, e))
		return -1;
	if (!job)
		return err_set(e, ERR_BROKEN, "the Job %s is gone", name);
	*out = cJSON_CreateObject();
	over = kube_condition(job, "Complete", &cond);
	json_set_str(*out, "state", over ? "succeeded" : "running");
	if (!over && kube_condition(job, "Failed", &cond)) {
		over = true;
		json_set_str(*out, "state", "failed");
	}
	json_set_str(*out, "reason", over ? json_str(cond, "reason", "") : "");
	json_set_str(*out, "message", over ? json_str(cond, "message", "") : "");
	r = add_pods(k, job, *out, e);
	cJSON_Delete(job);
	if (r) {
		cJSON_Delete(*out);
		*out = NULL;
	}
	return r;
}
