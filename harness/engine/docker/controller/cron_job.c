#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"

/* CronJobs: a Job whenever the schedule says (Kubernetes documentation, "CronJob";
 * pkg/controller/cronjob: syncCronJob()). */

enum { SUCCEEDED_KEPT = 3, FAILED_KEPT = 1, JOBS_MAX = 200 };

/* Its Jobs, the oldest first. */
struct jobs {
	const cJSON *v[JOBS_MAX];
	size_t n;
};

static bool controlled(const cJSON *cron, const cJSON *job)
{
	return workload_owns(cron, job) && json_bool(json_path(job, "metadata.ownerReferences.0"), "controller", false);
}

static void find_jobs(const struct docker *d, const cJSON *cron, struct jobs *out)
{
	out->n = 0;
	for (size_t i = 0; i < d->store.n && out->n < JOBS_MAX; i++)
		if (d->store.v[i].kind->id == KIND_JOB && controlled(cron, d->store.v[i].object))
			out->v[out->n++] = d->store.v[i].object;
}

int64_t cron_job_due(const cJSON *cron, const struct schedule *s, const struct zone *z,
		     int64_t now_s)
{
	int64_t from = time_s(json_get(cron, "status"), "lastScheduleTime"), t, next;
	int64_t deadline = json_i64(json_get(cron, "spec"), "startingDeadlineSeconds", -1);

	if (!from)
		from = time_s(json_get(cron, "metadata"), "creationTimestamp");
	if (deadline >= 0 && now_s - deadline > from)
		from = now_s - deadline;
	t = schedule_next(s, z, from);
	if (!t || t > now_s)
		return 0;
	while ((next = schedule_next(s, z, t)) && next <= now_s)
		t = next;
	return t;
}

static void remove_job(struct docker *d, const cJSON *cron, const cJSON *job)
{
	char name[256];

	mem_copy_str(name, sizeof(name), kube_meta(job, "name"));
	docker_event(d, "CronJob", kube_meta(cron, "namespace"), kube_meta(cron, "name"), false, "SuccessfulDelete",
		     "Deleted job %s", name);
	/* Its pods go as those of whoever is gone. */
	store_delete(&d->store, KIND_JOB, kube_meta(cron, "namespace"), name);
}

/* All but the newest so many that ended like this. */
static void forget(struct docker *d, const cJSON *cron, const char *how, int64_t kept)
{
	struct jobs jobs;
	int64_t over = 0;

	find_jobs(d, cron, &jobs);
	for (size_t i = 0; i < jobs.n; i++)
		over += job_over(jobs.v[i]) && !strcmp(job_over(jobs.v[i]), how);
	for (size_t i = 0; i < jobs.n && over > kept; i++)
		if (job_over(jobs.v[i]) && !strcmp(job_over(jobs.v[i]), how)) {
			remove_job(d, cron, jobs.v[i]);
			over--;
		}
}

static cJSON *job_of(const cJSON *cron, int64_t due_s)
{
	const cJSON *template = json_path(cron, "spec.jobTemplate");
	const cJSON *labels = json_path(template, "metadata.labels"), *notes = json_path(template, "metadata.annotations");
	cJSON *o = cJSON_CreateObject(), *m = cJSON_AddObjectToObject(o, "metadata"), *owner = cJSON_CreateObject();
	char due[32], name[300];

	snprintf(name, sizeof(name), "%.250s-%lld", kube_meta(cron, "name"), (long long)(due_s / 60));
	time_text(due_s, due);
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", kube_meta(cron, "namespace"));
	if (labels)
		json_set(m, "labels", cJSON_Duplicate(labels, 1));
	json_set(m, "annotations", notes ? cJSON_Duplicate(notes, 1) : cJSON_CreateObject());
	json_set_str(cJSON_GetObjectItem(m, "annotations"), "batch.kubernetes.io/cronjob-scheduled-timestamp", due);
	json_set_str(owner, "apiVersion", "batch/v1");
	json_set_str(owner, "kind", "CronJob");
	json_set_str(owner, "name", kube_meta(cron, "name"));
	json_set_str(owner, "uid", kube_meta(cron, "uid"));
	json_set_bool(owner, "controller", true);
	json_push(cJSON_AddArrayToObject(m, "ownerReferences"), owner);
	json_set(o, "spec", cJSON_Duplicate(json_get(template, "spec"), 1));
	return o;
}

/* Whether the Jobs that still run let another one start. */
static bool may_start(struct docker *d, const cJSON *cron, const struct jobs *jobs, size_t active)
{
	const char *policy = json_str(json_get(cron, "spec"), "concurrencyPolicy", "Allow");

	if (!active || !strcmp(policy, "Allow"))
		return true;
	if (!strcmp(policy, "Forbid")) {
		docker_event(d, "CronJob", kube_meta(cron, "namespace"), kube_meta(cron, "name"), false, "JobAlreadyActive",
			     "Not starting job because prior execution is running and concurrency policy is Forbid");
		return false;
	}
	for (size_t i = 0; i < jobs->n; i++)
		if (!job_over(jobs->v[i]))
			remove_job(d, cron, jobs->v[i]);
	return true;
}

static void start(struct docker *d, const cJSON *cron, cJSON *status, int64_t due_s)
{
	cJSON *job = job_of(cron, due_s);
	const char *name = kube_meta(job, "name");
	char due[32];

	docker_event(d, "CronJob", kube_meta(cron, "namespace"), kube_meta(cron, "name"), false, "SuccessfulCreate",
		     "Created job %s", name);
	store_put(&d->store, KIND_JOB, job);
	time_text(due_s, due);
	json_set_str(status, "lastScheduleTime", due);
}

/* What it says of its Jobs: who runs, and when the last one ended well. */
static size_t look(struct docker *d, const cJSON *cron, const struct jobs *jobs, cJSON *status)
{
	cJSON *active = cJSON_CreateArray();
	const cJSON *was, *before = json_path(cron, "status.active");
	int64_t succeeded_s = time_s(status, "lastSuccessfulTime");
	char text[32];

	for (size_t i = 0; i < jobs->n; i++) {
		const cJSON *job = jobs->v[i];
		int64_t t = time_s(json_get(job, "status"), "completionTime");
		cJSON *ref;

		succeeded_s = t > succeeded_s ? t : succeeded_s;
		cJSON_ArrayForEach(was, before)
			if (job_over(job) && !strcmp(json_str(was, "uid", ""), kube_meta(job, "uid")))
				docker_event(d, "CronJob", kube_meta(cron, "namespace"), kube_meta(cron, "name"), false,
					     "SawCompletedJob", "Saw completed job: %s, condition: %s", kube_meta(job, "name"),
					     job_over(job));
		if (job_over(job))
			continue;
		ref = cJSON_CreateObject();
		json_set_str(ref, "apiVersion", "batch/v1");
		json_set_str(ref, "kind", "Job");
		json_set_str(ref, "name", kube_meta(job, "name"));
		json_set_str(ref, "namespace", kube_meta(job, "namespace"));
		json_set_str(ref, "uid", kube_meta(job, "uid"));
		json_push(active, ref);
	}
	if (succeeded_s) {
		time_text(succeeded_s, text);
		json_set_str(status, "lastSuccessfulTime", text);
	}
	json_set(status, "active", active);
	return (size_t)cJSON_GetArraySize(active);
}

/* What cannot be read was refused before it came here, unless it came by the API. */
static bool read_schedule(struct docker *d, const cJSON *cron, struct schedule *s, struct zone **z)
{
	const cJSON *spec = json_get(cron, "spec");
	struct err e = {0};

	if (!schedule_parse(json_str(spec, "schedule", ""), s, &e) && !zone_load(json_str(spec, "timeZone", ""), z, &e))
		return true;
	docker_event(d, "CronJob", kube_meta(cron, "namespace"), kube_meta(cron, "name"), true, "UnparseableSchedule",
		     "unparseable schedule: %s", e.msg);
	return false;
}

void cron_job(struct docker *d, const cJSON *cron)
{
	const cJSON *spec = json_get(cron, "spec"), *was = json_get(cron, "status");
	cJSON *status = was ? cJSON_Duplicate(was, 1) : cJSON_CreateObject();
	int64_t due_s, now_s = clock_real_ns() / NS_PER_S;
	struct zone *z = NULL;
	struct schedule s;
	struct jobs jobs;
	size_t active;

	find_jobs(d, cron, &jobs);
	active = look(d, cron, &jobs, status);
	if (!json_bool(spec, "suspend", false) && read_schedule(d, cron, &s, &z)) {
		due_s = cron_job_due(cron, &s, z, now_s);
		if (due_s && may_start(d, cron, &jobs, active))
			start(d, cron, status, due_s);
	}
	zone_free(z);
	workload_status(d, KIND_CRON_JOB, cron, status);
	forget(d, cron, "Complete", json_i64(spec, "successfulJobsHistoryLimit", SUCCEEDED_KEPT));
	forget(d, cron, "Failed", json_i64(spec, "failedJobsHistoryLimit", FAILED_KEPT));
}
