/* A pod that had been told to end is not told so again. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"

static bool ending;
static pid_t sleeper;

static int pids(struct node *n, const char *uid, bool sandbox, struct pid_list *out, struct err *e)
{
	struct proc_stat s;

	(void)n, (void)uid, (void)sandbox, (void)e;
	if (procs_stat(sleeper, &s) == 0)
		pid_list_add(out, proc_id_of(&s));
	return 0;
}

static int pod_uid(struct node *n, const char *ns, const char *pod, char uid[64], bool *deleting,
		   struct err *e)
{
	(void)n, (void)ns, (void)pod, (void)e;
	snprintf(uid, 64, "u");
	*deleting = ending;
	return 0;
}

static int pod_delete(struct node *n, const char *ns, const char *pod, const char *uid, int grace_s,
		      struct err *e)
{
	(void)n, (void)ns, (void)pod, (void)uid, (void)grace_s, (void)e;
	ending = true;
	return 0;
}

static bool bites(const char *params, bool before, cJSON *evidence)
{
	static const struct node_ops ops = {.name = "fake", .pids = pids, .pod_uid = pod_uid, .pod_delete = pod_delete};
	const struct fault_ops *f = fault_find("kill-pod");
	cJSON *plan = help_plan("k", "kill-pod", "db-0", "u", params);
	struct node node = {.ops = &ops};
	struct journal_entry j = {0};
	struct err e = {0};
	char dir[64];
	bool yes = false;

	ending = before;
	help_temp(dir);
	snprintf(node.state_dir, sizeof(node.state_dir), "%s", dir);
	assert_int_equal(journal_begin(dir, plan, &j, &e), 0);
	if (f->inject(&node, &j, &e) || f->observe(&node, &j, evidence, &yes, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(journal_remove(&j, &e), 0);
	journal_entry_free(&j);
	cJSON_Delete(plan);
	help_remove(dir);
	return yes;
}

static void told_once(void **state)
{
	cJSON *evidence = cJSON_CreateArray();

	(void)state;
	sleeper = help_sleeper();
	assert_true(bites("{\"how\":\"graceful\"}", false, evidence));
	assert_false(bites("{\"how\":\"graceful\"}", true, evidence));
	assert_non_null(
		strstr(cJSON_GetArrayItem(evidence, cJSON_GetArraySize(evidence) - 1)->valuestring,
		       "told to end before this fault"));
	/* By force it has less time than it had. */
	assert_true(bites("{\"how\":\"force\"}", true, evidence));
	help_end(sleeper);
	cJSON_Delete(evidence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(told_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
