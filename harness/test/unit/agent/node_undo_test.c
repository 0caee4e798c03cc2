/* The node agent as a process, in local mode: what it undoes when nobody asks
 * any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"
#include "test/unit/agent/node_room.h"

static void a_fault_has_an_end_of_its_own(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("p", "pause", "db-0", UID, NULL);

	start_agent(f, "60");
	json_set_i64(plan, "ttl_ms", 2000); /* more than it takes to inject it, on a busy machine */
	expect(f, "POST", "/v1/faults", plan, 200);
	assert_true(help_wait(runs, f));
	assert_true(help_wait(journal_empty, f));
	cJSON_Delete(plan);
}

/* However long it is held: the end counts from the driver's last word. */
static void a_fault_is_held_by_renewal(void **state)
{
	struct fixture *f = *state;
	cJSON *plan = help_plan("p", "pause", "db-0", UID, NULL);
	int64_t end_ns;

	start_agent(f, "60");
	json_set_i64(plan, "ttl_ms", 3000);
	expect(f, "POST", "/v1/faults", plan, 200);
	assert_true(help_wait(stopped, f));
	end_ns = clock_mono_ns() + 5 * NS_PER_S;
	while (clock_mono_ns() < end_ns) {
		expect(f, "POST", "/v1/lease", NULL, 200);
		assert_int_equal(member_state(f), 'T');
		clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	}
	assert_true(help_wait(runs, f));
	assert_true(help_wait(journal_empty, f));
	cJSON_Delete(plan);
}

/* Asked to undo it later, it says that it had done so by itself. */
static void an_early_end_is_told(void **state)
{
	struct fixture *f = *state;
	cJSON *a;

	start_agent(f, "3");
	inject(f, "p", "pause", NULL);
	assert_true(help_wait(runs, f));
	a = ask(f, "DELETE", "/v1/faults/p", NULL, 200);
	assert_non_null(strstr(json_str(a, "lapse", ""), "nobody has been heard of"));
	cJSON_Delete(a);
}

static void ending_heals(void **state)
{
	struct fixture *f = *state;

	start_agent(f, "60");
	inject(f, "p", "pause", NULL);
	assert_true(help_wait(stopped, f));
	proc_stop(f->agent, 20 * NS_PER_S);
	f->agent = 0;
	assert_true(runs(f));
	assert_true(journal_empty(f));
}

/* An agent that dies with a fault on. */
static void die_in_a_pause(struct fixture *f)
{
	start_agent(f, "60");
	inject(f, "p", "pause", NULL);
	help_end(f->agent);
	f->agent = 0;
}

static void the_next_one_heals_after_a_kill(void **state)
{
	struct fixture *f = *state;

	die_in_a_pause(f);
	assert_true(help_wait(stopped, f));
	assert_false(journal_empty(f));
	start_agent(f, "60");
	assert_true(help_wait(runs, f));
	assert_true(journal_empty(f));
	assert_clean(f);
}

/* A journal that cannot be read hides what to undo: it is looked for. */
static void a_torn_journal_is_no_excuse(void **state)
{
	struct fixture *f = *state;
	char path[200];
	FILE *t;

	die_in_a_pause(f);
	snprintf(path, sizeof(path), "%s/journal/p.json", f->dir);
	t = fopen(path, "w");
	assert_non_null(t);
	fputs("{\"id\":\"p\",\"fau", t);
	fclose(t);
	start_agent(f, "60");
	assert_true(help_wait(runs, f));
	assert_clean(f);
}

static void put_aside(const struct fixture *f, bool back)
{
	char journal[200], aside[200];

	snprintf(journal, sizeof(journal), "%s/journal", f->dir);
	snprintf(aside, sizeof(aside), "%s/aside", f->dir);
	if (back)
		assert_int_equal(unlink(journal) || rename(aside, journal), 0);
	else
		assert_true(rename(journal, aside) == 0 && help_sh("touch %s", journal));
}

/* One that cannot be opened now may be later: until then nothing is called undone. */
static void a_journal_that_opens_late(void **state)
{
	struct fixture *f = *state;
	cJSON *a, *plan;

	die_in_a_pause(f);
	put_aside(f, false);
	start_agent(f, "60");
	a = ask(f, "GET", "/v1/residue", NULL, 200);
	assert_false(json_bool(a, "clean", true));
	cJSON_Delete(a);
	assert_int_equal(member_state(f), 'T');
	plan = help_plan("q", "pause", "db-0", UID, NULL);
	a = ask(f, "POST", "/v1/faults", plan, 500);
	assert_non_null(strstr(json_str(a, "error", ""), "what an earlier agent left is not undone yet"));
	cJSON_Delete(a);
	cJSON_Delete(plan);
	put_aside(f, true);
	assert_true(help_wait(runs, f));
	assert_true(help_wait(journal_empty, f));
	assert_clean(f);
}

/* Nor is what undoes all that is known. */
static void undone_are_those_of_the_journal_too(void **state)
{
	struct fixture *f = *state;

	die_in_a_pause(f);
	put_aside(f, false);
	start_agent(f, "60");
	expect(f, "DELETE", "/v1/faults", NULL, 500);
	put_aside(f, true);
	expect(f, "DELETE", "/v1/faults", NULL, 200);
	assert_true(runs(f));
	assert_clean(f);
}

static bool gone(void *arg)
{
	return !proc_alive(*(pid_t *)arg);
}

/* An agent whose driver has died heals, and does not stay for ever. */
static void does_not_outlive_its_driver_for_long(void **state)
{
	struct fixture *f = *state;
	struct buf b = {0};
	struct err e = {0};
	char path[200];
	pid_t agent;

	snprintf(path, sizeof(path), "%s/agent.pid", f->dir);
	setenv("ORDEAL_TOKEN", TOKEN, 1);
	assert_true(help_sh("%s node-agent --mode local --state %s --listen 127.0.0.1:0 --dead-man 1 "
			    ">%s 2>&1 </dev/null & echo $! >%s; "
			    "until grep -q listening %s; do sleep 0.05; done",
			    program(), f->dir, f->log, path, f->log));
	assert_int_equal(file_read(path, &b, &e), 0);
	agent = (int)strtol(buf_cstr(&b), NULL, 10);
	assert_true(agent > 1);
	assert_true(help_wait(gone, &agent));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(dead_man),
		WITH(a_fault_has_an_end_of_its_own),
		WITH(a_fault_is_held_by_renewal),
		WITH(an_early_end_is_told),
		WITH(ending_heals),
		WITH(the_next_one_heals_after_a_kill),
		WITH(a_torn_journal_is_no_excuse),
		WITH(a_journal_that_opens_late),
		WITH(undone_are_those_of_the_journal_too),
		WITH(does_not_outlive_its_driver_for_long),
	};

	return cmocka_run_group_tests_name("node agent", tests, NULL, NULL);
}
