#include <string.h>

#include "manifest/api/api.h"
#include "manifest/schedule.h"

/* What an API server refuses in Jobs and CronJobs (pkg/apis/batch/validation). */

static void check_restart(struct admission *w, const struct ynode *template, const char *path)
{
	static const char *const ends[] = {"OnFailure", "Never", NULL};
	const struct ynode *spec = yaml_get(template, "spec");

	if (spec && !*api_text(spec, "restartPolicy"))
		api_refuse(w, spec, arena_fmt(w->a, "%stemplate.spec.restartPolicy", path),
			   "Required value: valid values: \"OnFailure\", \"Never\"");
	else
		api_one_of(w, spec, arena_fmt(w->a, "%stemplate.spec.", path), "restartPolicy", ends);
}

void api_check_job(struct admission *w, const struct ynode *spec, const char *path)
{
	static const char *const numbers[] = {"completions", "parallelism", "backoffLimit", "ttlSecondsAfterFinished",
					      "activeDeadlineSeconds"};
	const struct ynode *template = yaml_get(spec, "template");

	if (!spec) {
		api_refuse(w, NULL, arena_fmt(w->a, "%.*s", (int)strlen(path) - 1, path), "Required value");
		return;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		api_at_least(w, spec, path, numbers[i], 0);
	if (yaml_get(spec, "selector") && strcmp(api_text(spec, "manualSelector"), "true"))
		api_refuse(w, yaml_get(spec, "selector"), arena_fmt(w->a, "%sselector", path),
			   "Invalid value: `selector` not auto-generated");
	check_restart(w, template, path);
	if (!template)
		api_refuse(w, spec, arena_fmt(w->a, "%stemplate.spec.containers", path), "Required value");
	else
		api_check_pod(w, template, arena_fmt(w->a, "%stemplate.", path), NULL);
}

/* Its name becomes a label of its pods. */
void api_check_job_object(struct admission *w)
{
	enum { LABEL_MAX = 63 };

	if (strlen(w->name) > LABEL_MAX)
		api_refuse(w, yaml_get(yaml_get(w->object, "metadata"), "name"), "spec.template.labels",
			   "Invalid value: \"%.260s\": must be no more than %d bytes", w->name, LABEL_MAX);
	api_check_job(w, yaml_get(w->object, "spec"), "spec.");
}

static void check_schedule(struct admission *w, const struct ynode *spec)
{
	const struct ynode *schedule = yaml_get(spec, "schedule"), *zone = yaml_get(spec, "timeZone");
	const char *text = api_text(spec, "schedule");
	struct schedule s;
	struct zone *z;
	struct err e = {0};

	if (!*text)
		api_refuse(w, schedule ? schedule : spec, "spec.schedule", "Required value");
	else if (schedule_parse(text, &s, &e))
		api_refuse(w, schedule, "spec.schedule", "Invalid value: \"%.80s\": %s", text, e.msg);
	if (!zone)
		return;
	if (!*api_text(spec, "timeZone"))
		api_refuse(w, zone, "spec.timeZone", "Invalid value: \"\": timeZone must be nil or non-empty string");
	else if (zone_load(zone->text, &z, &e))
		api_refuse(w, zone, "spec.timeZone", "Invalid value: \"%.80s\": %s", zone->text, e.msg);
	else
		zone_free(z);
}

void api_check_cron_job(struct admission *w)
{
	static const char *const numbers[] = {"startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"};
	static const char *const policies[] = {"Allow", "Forbid", "Replace", NULL};
	/* Its Jobs' names have eleven characters more, and are the value of a label. */
	enum { NAME_MAX_BYTES = 52 };
	const struct ynode *spec = yaml_get(w->object, "spec");

	if (strlen(w->name) > NAME_MAX_BYTES)
		api_refuse(w, yaml_get(yaml_get(w->object, "metadata"), "name"), "metadata.name",
			   "Invalid value: \"%.80s\": must be no more than %d characters", w->name, NAME_MAX_BYTES);
	if (!spec) {
		api_refuse(w, NULL, "spec", "Required value");
		return;
	}
	check_schedule(w, spec);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		api_at_least(w, spec, "spec.", numbers[i], 0);
	api_one_of(w, spec, "spec.", "concurrencyPolicy", policies);
	api_check_job(w, yaml_get(yaml_get(spec, "jobTemplate"), "spec"), "spec.jobTemplate.spec.");
}
