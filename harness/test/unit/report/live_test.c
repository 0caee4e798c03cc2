#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "report/live.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"

/* A run's TAP while it goes on: the files grow, a scenario at a time. */

struct growing {
	struct buf events, history;
	char dir[160];
};

/* Bytes of the lines up to the last one of this scenario. */
static size_t up_to(const struct buf *b, int scenario, const char *none)
{
	size_t at = 0, end = 0;

	while (at < b->len) {
		const char *nl = memchr(b->s + at, '\n', b->len - at);
		cJSON *o = cJSON_ParseWithLength(b->s + at, (size_t)(nl - b->s) - at);

		at = (size_t)(nl - b->s) + 1;
		if (json_i64(o, "s", none ? -1 : 0) <= scenario && strcmp(json_str(o, "k", ""), "end"))
			end = at;
		cJSON_Delete(o);
	}
	return end;
}

static void put(const struct growing *g, const char *name, const struct buf *b, size_t len)
{
	char path[PATH_MAX];
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/%s", g->dir, name);
	if (file_write_atomic(path, buf_cstr((struct buf *)b), len, &e))
		fail_msg("%s", e.msg);
}

static void grow(struct growing *g, int scenario)
{
	put(g, "events.jsonl", &g->events, up_to(&g->events, scenario, "events"));
	put(g, "history.jsonl", &g->history, up_to(&g->history, scenario, NULL));
}

static void open_growing(struct growing *g, const struct report_room *r)
{
	struct err e = {0};

	memset(g, 0, sizeof(*g));
	report_room_read(r, "events.jsonl", &g->events);
	report_room_read(r, "history.jsonl", &g->history);
	snprintf(g->dir, sizeof(g->dir), "%s/run-live", r->reports);
	assert_int_equal(file_mkdirs(g->dir, &e), 0);
}

static void lines_come_as_scenarios_end(void **state)
{
	enum verdict v = VERDICT_PASS;
	struct report_live *l;
	struct report_room r;
	struct growing g;
	struct buf stored = {0};
	struct err e = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	unsetenv("TAP_VERSION");
	report_room_open(&r, RUN_KILL | RUN_DOCUMENTED | RUN_NO_EFFECT);
	open_growing(&g, &r);
	grow(&g, -1);
	l = report_live_begin(g.dir, f);
	assert_string_equal(text, "TAP version 14\n");
	grow(&g, 0);
	assert_int_equal(report_live_scenario(l, 0, NULL, &e), 0);
	assert_non_null(strstr(text, "\nok 7 - postgres-kill-primary"));
	assert_null(strstr(text, "postgres-documented"));
	assert_null(strstr(text, "\n1.."));
	grow(&g, 1);
	assert_int_equal(report_live_scenario(l, 1, NULL, &e), 0);
	assert_non_null(strstr(text, "\nnot ok 9 - postgres-documented"));
	grow(&g, 2);
	assert_int_equal(report_live_scenario(l, 2, NULL, &e), 0);
	put(&g, "events.jsonl", &g.events, g.events.len);
	assert_int_equal(report_live_end(l, NULL, &v, &e), 0);
	fclose(f);
	assert_string_equal(text, r.tap);
	report_room_read(&r, "report.tap", &stored);
	assert_string_equal(text, buf_cstr(&stored));
	assert_int_equal(v, r.verdict);
	buf_free(&stored);
	buf_free(&g.events);
	buf_free(&g.history);
	free(text);
	report_room_close(&r);
}

/* A driver that dies leaves the lines it had, and no plan. */
static void without_the_end_there_is_no_plan(void **state)
{
	struct report_live *l;
	struct report_room r;
	struct growing g;
	struct err e = {0};
	enum verdict v;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	report_room_open(&r, RUN_DOCUMENTED);
	open_growing(&g, &r);
	grow(&g, 0);
	l = report_live_begin(g.dir, f);
	assert_int_equal(report_live_scenario(l, 0, NULL, &e), 0);
	put(&g, "events.jsonl", &(struct buf){.s = "no JSON\n", .len = 8}, 8);
	assert_int_equal(report_live_end(l, NULL, &v, &e), -1);
	fclose(f);
	assert_int_equal(v, VERDICT_BROKEN);
	assert_non_null(strstr(text, "ok 1 - "));
	assert_null(strstr(text, "\n1.."));
	buf_free(&g.events);
	buf_free(&g.history);
	free(text);
	report_room_close(&r);
}

/* What could not be written down spoils what was. */
static void files_that_end_early_are_broken(void **state)
{
	static const char broken[] = "cannot write events.jsonl: No space left on device";
	struct report_live *l;
	struct report_room r;
	struct growing g;
	struct err e = {0};
	enum verdict v = VERDICT_PASS;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	report_room_open(&r, RUN_KILL);
	open_growing(&g, &r);
	grow(&g, 0);
	l = report_live_begin(g.dir, f);
	assert_int_equal(report_live_scenario(l, 0, broken, &e), 0);
	assert_non_null(strstr(text, "# Nothing can be concluded: the run's files: cannot write events.jsonl"));
	assert_null(strstr(text, "\nok "));
	assert_int_equal(report_live_end(l, broken, &v, &e), 0);
	fclose(f);
	assert_int_equal(v, VERDICT_BROKEN);
	assert_non_null(strstr(text, "the harness itself: cannot write events.jsonl"));
	buf_free(&g.events);
	buf_free(&g.history);
	free(text);
	report_room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_as_scenarios_end),
		cmocka_unit_test(without_the_end_there_is_no_plan),
		cmocka_unit_test(files_that_end_early_are_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
