#include "run/job.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static cJSON *event_of(const struct stage *st, const struct run_job *job)
{
	cJSON *ev = event_new(st->scenario, "job");
	char from[80];

	snprintf(from, sizeof(from), "cronjob/%.64s", job->step->cron_job);
	json_set_str(ev, "id", job->step->id);
	json_set_str(ev, "job", job->name);
	json_set_str(ev, "from", from);
	return ev;
}

int run_job_start(struct stage *st, const struct step *step, int number, struct run_job *out,
		  struct err *e)
{
	int64_t begun_ns = clock_mono_ns();
	cJSON *ev;

	*out = (struct run_job){.step = step};
	snprintf(out->name, sizeof(out->name), "%.52s-run-%d", step->cron_job, number);
	if (!st->ops->job_start)
		return err_set(e, ERR_UNSUPPORTED, "engine %s runs no jobs", st->ops->name);
	log_info("job %s: %s from CronJob %s", step->id, out->name, step->cron_job);
	if (st->ops->job_start(st->en, step->cron_job, out->name, e))
		return err_prefix(e, "job %s", step->id);
	ev = event_of(st, out);
	json_set_i64(ev, "t", begun_ns);
	json_set_str(ev, "state", "begun");
	event_emit(&st->events, ev);
	return 0;
}

static void remember(struct run_job *job, const cJSON *seen)
{
	const char *log = json_str(seen, "log", "");
	size_t len = strlen(log), room = sizeof(job->log);

	if (len)
		mem_copy_str(job->log, room, len < room ? log : log + len - room + 1);
	job->has_exit = job->has_exit || json_get(seen, "exit");
	job->exit = json_i64(seen, "exit", job->exit);
}

static void add_remembered(const struct run_job *job, cJSON *seen)
{
	if (!json_get(seen, "log") && *job->log)
		json_set_str(seen, "log", job->log);
	if (!json_get(seen, "exit") && job->has_exit)
		json_set_i64(seen, "exit", job->exit);
}

int run_job_look(struct stage *st, struct run_job *job, bool last, struct err *e)
{
	cJSON *seen = NULL, *ev;
	const char *state;

	if (st->ops->job_look(st->en, job->name, &seen, e))
		return err_prefix(e, "job %s", job->step->id);
	state = json_str(seen, "state", "running");
	job->over = strcmp(state, "running") != 0;
	remember(job, seen);
	if (!job->over && !last) {
		cJSON_Delete(seen);
		return 0;
	}
	log_info("job %s: %s %s", job->step->id, state, json_str(seen, "reason", ""));
	add_remembered(job, seen);
	ev = event_of(st, job);
	json_merge(ev, seen);
	event_emit(&st->events, ev);
	return 0;
}
