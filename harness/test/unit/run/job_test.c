/* A step that runs a Job, and those that wait for its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "run/walk.h"

/* Whose Job is over when it has been looked at so many times. */
struct engine {
	struct engine_base base;
	int looks, looked;
};

static int nodes(struct engine *en, struct nodes *out, struct err *e)
{
	(void)en, (void)out, (void)e;
	return 0;
}

static int call(struct engine *en, const char *agent, const char *method, const char *path,
		const char *body, int64_t timeout_ns, struct buf *answer, int *status,
		struct err *e)
{
	(void)en, (void)agent, (void)method, (void)path, (void)body, (void)timeout_ns, (void)e;
	*status = 200;
	buf_str(answer, "{}");
	return 0;
}

static int job_start(struct engine *en, const char *cron_job, const char *name, struct err *e)
{
	(void)en, (void)e;
	assert_string_equal(cron_job, "nightly");
	assert_string_equal(name, "nightly-run-1");
	return 0;
}

static int job_look(struct engine *en, const char *name, cJSON **out, struct err *e)
{
	(void)e;
	assert_string_equal(name, "nightly-run-1");
	*out = cJSON_CreateObject();
	json_set_str(*out, "state", ++en->looked < en->looks ? "running" : "failed");
	/* Its pod is tried again in place, and gone once the Job has failed. */
	if (en->looked < en->looks) {
		json_set_str(*out, "log", "aws: command not found\n");
		json_set_i64(*out, "exit", 127);
	}
	json_set_str(*out, "reason", "BackoffLimitExceeded");
	return 0;
}

static const struct engine_ops ALL = {.name = "all", .nodes = nodes, .call = call, .job_start = job_start,
				      .job_look = job_look},
			       NONE = {.name = "none", .nodes = nodes, .call = call};

/* What the steps wrote into events.jsonl, on the heap; NULL with an error. */
static char *walk(const struct engine_ops *ops, int looks, struct step *steps, size_t n,
		  struct err *e)
{
	static const volatile int interrupted;
	struct engine en = {.base = {.ops = ops}, .looks = looks};
	struct stage st = {.en = &en, .ops = ops, .interrupted = &interrupted};
	struct plan plan = {.sc = {.steps = steps, .nsteps = n}};
	struct walk *w = mem_alloc(sizeof(*w));
	char path[] = "/tmp/job_testXXXXXX", *text = NULL;
	struct err later = {0};
	struct buf b = {0};
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(event_log_open(&st.events, path, &later), 0);
	w->st = &st;
	w->p = &plan;
	r = walk_steps(w, e);
	assert_int_equal(event_log_close(&st.events, &later), 0);
	assert_int_equal(file_read(path, &b, &later), 0);
	if (!r)
		text = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	unlink(path);
	free(w);
	return text;
}

static struct step run(int64_t within_ns)
{
	return (struct step){.kind = STEP_RUN, .cron_job = "nightly", .id = "backup", .duration_ns = within_ns};
}

static void waited_for_at_once(void **state)
{
	struct step one = run(20 * NS_PER_S);
	struct err e = {0};
	char *text = walk(&ALL, 2, &one, 1, &e);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\"k\":\"job\",\"id\":\"backup\",\"job\":\"nightly-run-1\",\"from\":\"cronjob/nightly\""));
	assert_non_null(strstr(text, "\"state\":\"begun\""));
	assert_non_null(strstr(text, "\"state\":\"failed\",\"reason\":\"BackoffLimitExceeded\""));
	assert_null(strstr(text, "\"state\":\"running\""));
	assert_non_null(strstr(text, "\"log\":\"aws: command not found\\n\",\"exit\":127"));
	free(text);
}

static void waited_for_later(void **state)
{
	struct step steps[] = {run(0), {.kind = STEP_AWAIT, .await = AWAIT_JOB, .id = "backup", .duration_ns = 20 * NS_PER_S}};
	struct err e = {0};
	char *text = walk(&ALL, 2, steps, 2, &e);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\"state\":\"failed\""));
	assert_null(strstr(text, "was not over within"));
	free(text);
}

/* It is told all the same, as what it is. */
static void in_vain(void **state)
{
	struct step one = run(600 * NS_PER_MS);
	struct err e = {0};
	char *text = walk(&ALL, 1000, &one, 1, &e);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "the job backup was not over within 0.6 s"));
	assert_non_null(strstr(text, "\"state\":\"running\""));
	free(text);
	/* Nobody waited at all. */
	one.duration_ns = 0;
	text = walk(&ALL, 1000, &one, 1, &e);
	assert_non_null(strstr(text, "\"state\":\"running\""));
	free(text);
}

static void where_there_are_none(void **state)
{
	struct step one = run(0);
	struct err e = {0};

	(void)state;
	assert_null(walk(&NONE, 1, &one, 1, &e));
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "engine none runs no jobs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waited_for_at_once),
		cmocka_unit_test(waited_for_later),
		cmocka_unit_test(in_vain),
		cmocka_unit_test(where_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
