/* What is done for a Job, and when a CronJob starts one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"
#include "yaml/yaml.h"

#define NOW 1000000 /* 1970-01-12T13:46:40Z */

/* YAML, because flow maps read better here than JSON's quotes. */
static cJSON *object(const char *text)
{
	struct arena a = {0};
	struct ynode **docs;
	struct err e = {0};
	cJSON *o;
	size_t n;

	if (yaml_read_text(&a, "test", text, &docs, &n, &e) || n != 1)
		fail_msg("%s", e.msg);
	o = yaml_to_json(docs[0]);
	arena_free(&a);
	return o;
}

enum { PODS_MAX = 8 };

/* A pod in this phase, which ended (or not) so many seconds before NOW, after so
 * many restarts. */
static cJSON *pod(const char *phase, int64_t ago_s, int restarts)
{
	cJSON *o = object("{status: {containerStatuses: [{state: {terminated: {}}}]}}");
	cJSON *status = cJSON_GetObjectItem(o, "status"), *c = cJSON_GetArrayItem(cJSON_GetObjectItem(status, "containerStatuses"), 0);
	char text[32];

	time_text(NOW - ago_s, text);
	json_set_str(status, "phase", phase);
	json_set_i64(c, "restartCount", restarts);
	json_set_str(cJSON_GetObjectItem(cJSON_GetObjectItem(c, "state"), "terminated"), "finishedAt", text);
	return o;
}

struct look {
	cJSON *job, *pods[PODS_MAX];
	size_t n;
	struct job_step step;
};

static void look_at(struct look *l, const char *job)
{
	const cJSON *pods[PODS_MAX];

	for (size_t i = 0; i < l->n; i++)
		pods[i] = l->pods[i];
	l->job = object(job);
	job_next(l->job, pods, l->n, NOW, &l->step);
}

static void forget(struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		cJSON_Delete(l->pods[i]);
	cJSON_Delete(l->job);
	cJSON_Delete(l->step.status);
	*l = (struct look){0};
}

static int64_t tells(const struct look *l, const char *key)
{
	return json_i64(l->step.status, key, -1);
}

static const char *condition(const struct look *l, const char *key)
{
	return json_str(json_path(l->step.status, "conditions.0"), key, "");
}

#define NEVER "template: {spec: {restartPolicy: Never}}"

static void one_pod_that_ends_well(void **state)
{
	struct look l = {0};

	(void)state;
	look_at(&l, "{spec: {" NEVER "}}");
	assert_int_equal(l.step.launch, 1);
	assert_int_equal(tells(&l, "active"), 1);
	assert_string_equal(json_str(l.step.status, "startTime", ""), "1970-01-12T13:46:40Z");
	forget(&l);
	l.pods[l.n++] = pod("Running", 0, 0);
	look_at(&l, "{spec: {" NEVER "}, status: {startTime: '1970-01-12T13:46:00Z'}}");
	assert_int_equal(l.step.launch, 0);
	assert_int_equal(tells(&l, "active"), 1);
	assert_null(l.step.reason);
	assert_string_equal(json_str(l.step.status, "startTime", ""), "1970-01-12T13:46:00Z");
	forget(&l);
	l.pods[l.n++] = pod("Succeeded", 1, 0);
	look_at(&l, "{spec: {" NEVER "}}");
	assert_int_equal(l.step.launch, 0);
	assert_string_equal(l.step.reason, "Completed");
	assert_false(l.step.warning);
	assert_string_equal(condition(&l, "type"), "Complete");
	assert_string_equal(condition(&l, "status"), "True");
	assert_int_equal(tells(&l, "succeeded"), 1);
	assert_true(*json_str(l.step.status, "completionTime", ""));
	forget(&l);
	/* What is over stays so. */
	look_at(&l, "{spec: {" NEVER "}, status: {conditions: [{type: Complete, status: 'True'}]}}");
	assert_null(l.step.status);
	assert_int_equal(l.step.launch, 0);
	forget(&l);
}

static void a_failure_waits(void **state)
{
	static const int64_t waits_s[] = {10, 20, 40, 80, 160, 320, 360};
	struct look l = {0};

	(void)state;
	for (size_t n = 1; n <= sizeof(waits_s) / sizeof(waits_s[0]); n++) {
		for (int64_t over = 0; over < 2; over++) {
			for (size_t k = 0; k < n; k++)
				l.pods[l.n++] = pod("Failed", waits_s[n - 1] - 1 + over, 0);
			look_at(&l, "{spec: {backoffLimit: 9, " NEVER "}}");
			assert_int_equal(l.step.launch, over);
			assert_int_equal(tells(&l, "failed"), n);
			assert_null(l.step.reason);
			forget(&l);
		}
	}
	/* One that ended well since is where it begins anew. */
	l.pods[l.n++] = pod("Failed", 50, 0);
	l.pods[l.n++] = pod("Failed", 40, 0);
	l.pods[l.n++] = pod("Succeeded", 30, 0);
	look_at(&l, "{spec: {completions: 2, " NEVER "}}");
	assert_int_equal(l.step.launch, 1);
	forget(&l);
}

/* One whose init container failed, or that was evicted before the others ran, counts from
 * when it was last known to be not ready. */
static void a_failure_before_its_containers_ran(void **state)
{
	struct look l = {0};

	(void)state;
	for (int over = 0; over < 2; over++) {
		char at[32], *text;

		time_text(NOW - 9 - over, at);
		text = mem_fmt("{status: {phase: Failed, containerStatuses: [{state: {waiting: {}}}], "
			       "conditions: [{type: Ready, status: 'False', lastTransitionTime: '%s'}]}}", at);
		l.pods[l.n++] = object(text);
		look_at(&l, "{spec: {backoffLimit: 9, " NEVER "}}");
		assert_int_equal(l.step.launch, over);
		forget(&l);
		free(text);
	}
}

static void too_many_failures(void **state)
{
	struct look l = {0};

	(void)state;
	l.pods[l.n++] = pod("Failed", 5, 0);
	look_at(&l, "{spec: {backoffLimit: 0, " NEVER "}}");
	assert_int_equal(l.step.launch, 0);
	assert_true(l.step.stop && l.step.warning);
	assert_string_equal(l.step.reason, "BackoffLimitExceeded");
	assert_string_equal(condition(&l, "type"), "Failed");
	assert_string_equal(condition(&l, "reason"), "BackoffLimitExceeded");
	assert_string_equal(condition(&l, "message"), "Job has reached the specified backoff limit");
	assert_int_equal(tells(&l, "failed"), 1);
	assert_int_equal(tells(&l, "active"), 0);
	forget(&l);
	/* In place. */
	l.pods[l.n++] = pod("Running", 0, 2);
	look_at(&l, "{spec: {backoffLimit: 2, template: {spec: {restartPolicy: OnFailure}}}}");
	assert_string_equal(l.step.reason, "BackoffLimitExceeded");
	assert_int_equal(tells(&l, "failed"), 1);
	forget(&l);
	l.pods[l.n++] = pod("Running", 0, 1);
	look_at(&l, "{spec: {backoffLimit: 2, template: {spec: {restartPolicy: OnFailure}}}}");
	assert_null(l.step.reason);
	forget(&l);
}

static void too_late(void **state)
{
	struct look l = {0};

	(void)state;
	l.pods[l.n++] = pod("Running", 0, 0);
	look_at(&l, "{spec: {activeDeadlineSeconds: 40, " NEVER "}, status: {startTime: '1970-01-12T13:46:01Z'}}");
	assert_null(l.step.reason);
	forget(&l);
	l.pods[l.n++] = pod("Running", 0, 0);
	look_at(&l, "{spec: {activeDeadlineSeconds: 40, " NEVER "}, status: {startTime: '1970-01-12T13:46:00Z'}}");
	assert_true(l.step.stop);
	assert_string_equal(l.step.reason, "DeadlineExceeded");
	assert_string_equal(condition(&l, "message"), "Job was active longer than specified deadline");
	assert_int_equal(tells(&l, "failed"), 1);
	forget(&l);
}

static void several_at_once(void **state)
{
	struct look l = {0};

	(void)state;
	look_at(&l, "{spec: {completions: 5, parallelism: 2, " NEVER "}}");
	assert_int_equal(l.step.launch, 2);
	forget(&l);
	for (int i = 0; i < 4; i++)
		l.pods[l.n++] = pod("Succeeded", 5, 0);
	look_at(&l, "{spec: {completions: 5, parallelism: 2, " NEVER "}}");
	assert_int_equal(l.step.launch, 1);
	assert_null(l.step.reason);
	forget(&l);
}

/* ---- CronJobs ---- */

static int64_t at(const char *rfc3339)
{
	int64_t ns;

	assert_int_equal(clock_parse_rfc3339(rfc3339, &ns), 0);
	return ns / NS_PER_S;
}

static int64_t due(const char *cron, const char *now)
{
	cJSON *o = object(cron);
	struct schedule s;
	struct err e = {0};
	int64_t t;

	if (schedule_parse(json_str(json_get(o, "spec"), "schedule", ""), &s, &e))
		fail_msg("%s", e.msg);
	t = cron_job_due(o, &s, NULL, at(now));
	cJSON_Delete(o);
	return t;
}

#define MADE "metadata: {creationTimestamp: '2026-11-29T19:50:30Z'}"

static void once_each_time(void **state)
{
	(void)state;
	assert_int_equal(due("{" MADE ", spec: {schedule: '0 * * * *'}}", "2026-11-29T19:59:59Z"), 0);
	assert_int_equal(due("{" MADE ", spec: {schedule: '0 * * * *'}}", "2026-11-29T20:00:00Z"), at("2026-11-29T20:00:00Z"));
	/* It was started. */
	assert_int_equal(due("{" MADE ", spec: {schedule: '0 * * * *'}, status: {lastScheduleTime: '2026-11-29T20:00:00Z'}}",
			     "2026-11-29T20:30:00Z"), 0);
	/* Of several that were missed the last. */
	assert_int_equal(due("{" MADE ", spec: {schedule: '0 * * * *'}}", "2026-11-29T23:30:00Z"), at("2026-11-29T23:00:00Z"));
}

static void not_after_its_deadline(void **state)
{
	(void)state;
	assert_int_equal(due("{" MADE ", spec: {schedule: '0 * * * *', startingDeadlineSeconds: 60}}", "2026-11-29T20:00:50Z"),
			 at("2026-11-29T20:00:00Z"));
	assert_int_equal(due("{" MADE ", spec: {schedule: '0 * * * *', startingDeadlineSeconds: 60}}", "2026-11-29T20:01:30Z"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_pod_that_ends_well), cmocka_unit_test(a_failure_waits),
		cmocka_unit_test(a_failure_before_its_containers_ran),
		cmocka_unit_test(too_many_failures),	  cmocka_unit_test(too_late),
		cmocka_unit_test(several_at_once),	  cmocka_unit_test(once_each_time),
		cmocka_unit_test(not_after_its_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
