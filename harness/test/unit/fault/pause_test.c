/* pause by cgroups, with each freezer that this machine has (as root only). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/procs.h"
#include "node/cgroup.h"
#include "node/kube.h"
#include "test/lib/fault_help.h"

#define POD "0f0f0f0f-1111-2222-3333-444444444444"
#define OTHER "0f0f0f0f-1111-2222-3333-555555555555"

struct place {
	const char *root, *control; /* a hierarchy, and what freezes in it */
	char top[200], pod[300];
	pid_t member;
	struct node_kube kube;
	struct node node;
	struct journal_entry j;
};

static struct place places[2] = {
	{.root = "/sys/fs/cgroup/freezer", .control = "freezer.state"},
	{.root = "/sys/fs/cgroup/unified", .control = "cgroup.freeze"},
};

static bool make(struct place *p)
{
	char mark[400];

	snprintf(mark, sizeof(mark), "%s/cgroup.controllers", p->root);
	if (p == &places[1] && !file_exists(mark))
		p->root = "/sys/fs/cgroup";
	snprintf(p->top, sizeof(p->top), "%s/ordeal-test-%d", p->root, (int)getpid());
	snprintf(p->pod, sizeof(p->pod), "%s/kubepods-besteffort-pod0f0f0f0f_1111_2222_3333_444444444444.slice",
		 p->top);
	if (mkdir(p->top, 0755) || mkdir(p->pod, 0755)) {
		rmdir(p->top);
		return false;
	}
	snprintf(mark, sizeof(mark), "%s/%s", p->pod, p->control);
	if (!file_exists(mark)) {
		rmdir(p->pod);
		rmdir(p->top);
		return false;
	}
	p->member = help_sleeper();
	assert_true(help_sh("echo %d >%s/cgroup.procs", (int)p->member, p->pod));
	p->kube = (struct node_kube){.root = ""};
	p->node = (struct node){.ops = node_kube_ops(), .impl = &p->kube};
	help_temp(p->node.state_dir);
	return true;
}

static void unmake(struct place *p)
{
	if (p->member > 0)
		help_end(p->member);
	assert_int_equal(rmdir(p->pod), 0);
	assert_int_equal(rmdir(p->top), 0);
	help_remove(p->node.state_dir);
}

static void each(void (*fn)(struct place *p))
{
	int done = 0;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!make(&places[i]))
			continue;
		fn(&places[i]);
		unmake(&places[i]);
		done++;
	}
	if (!done) {
		print_message("# skipped: no writable freezer\n");
		skip();
	}
}

static struct pod_cgroup find(const char *uid)
{
	struct pod_cgroup g;
	struct err e = {0};

	assert_int_equal(cgroup_find("", uid, &g, &e), 0);
	return g;
}

static void freezes_and_thaws(struct place *p)
{
	struct pod_cgroup g = find(POD);
	int stopped = 0, all = 0;
	struct err e = {0};

	assert_string_equal(g.path, p->pod);
	assert_int_equal(g.v1, p == &places[0]);
	assert_int_equal(cgroup_freeze(&g, true, &e), 0);
	assert_true(cgroup_frozen(&g));
	assert_int_equal(kube_frozen(&p->node, POD, &stopped, &all, &e), 0);
	assert_int_equal(all, 1);
	assert_int_equal(stopped, 1);
	assert_int_equal(cgroup_freeze(&g, false, &e), 0);
	assert_false(cgroup_frozen(&g));
	assert_int_equal(kube_frozen(&p->node, POD, &stopped, &all, &e), 0);
	assert_int_equal(all, 1);
	assert_int_equal(stopped, 0);
	assert_int_equal(cgroup_freeze(&g, false, &e), 0);
	g = find(OTHER);
	assert_string_equal(g.path, "");
}

static void collect(void *arg, const struct pod_cgroup *g)
{
	if (strstr(g->path, "/ordeal-test-"))
		json_push(arg, cJSON_CreateString(g->path));
}

static int marked(void)
{
	cJSON *all = cJSON_CreateArray();
	struct err e = {0};
	int n;

	assert_int_equal(cgroup_each_marked("", collect, all, &e), 0);
	n = cJSON_GetArraySize(all);
	cJSON_Delete(all);
	return n;
}

/* What somebody else froze is none of ours. */
static void only_what_we_froze_is_found(struct place *p)
{
	struct pod_cgroup g = find(POD);
	struct err e = {0};

	assert_true(help_sh("echo %s >%s/%s", g.v1 ? "FROZEN" : "1", p->pod, p->control));
	assert_int_equal(marked(), 0);
	assert_true(help_sh("echo %s >%s/%s", g.v1 ? "THAWED" : "0", p->pod, p->control));
	assert_int_equal(cgroup_freeze(&g, true, &e), 0);
	assert_int_equal(marked(), 1);
	assert_int_equal(cgroup_freeze(&g, false, &e), 0);
	assert_int_equal(marked(), 0);
}

static bool bites(struct place *p, const struct fault_ops *f)
{
	cJSON *evidence = cJSON_CreateArray();
	struct err e = {0};
	bool yes = false;

	if (f->observe(&p->node, &p->j, evidence, &yes, &e))
		fail_msg("%s", e.msg);
	cJSON_Delete(evidence);
	return yes;
}

/* Its last process is killed meanwhile: v2 lets a frozen one die, and the
 * empty cgroup stays frozen. */
static void thaws_where_nothing_runs_any_more(struct place *p)
{
	const struct fault_ops *f = fault_find("pause");
	cJSON *plan = help_plan("p", "pause", "db-0", POD, NULL), *evidence = cJSON_CreateArray();
	struct pod_cgroup g = find(POD);
	struct err e = {0};

	assert_int_equal(journal_begin(p->node.state_dir, plan, &p->j, &e), 0);
	if (f->inject(&p->node, &p->j, &e))
		fail_msg("%s", e.msg);
	assert_true(bites(p, f));
	if (g.v1)
		kill(p->member, SIGKILL); /* it dies once it is thawed */
	else
		help_end(p->member);
	if (f->heal(&p->node, &p->j, evidence, &e))
		fail_msg("%s", e.msg);
	assert_false(cgroup_frozen(&g));
	if (g.v1)
		help_end(p->member);
	p->member = 0;
	assert_int_equal(marked(), 0);
	assert_int_equal(journal_remove(&p->j, &e), 0);
	journal_entry_free(&p->j);
	cJSON_Delete(evidence);
	cJSON_Delete(plan);
}

static void test_freezes_and_thaws(void **state)
{
	(void)state;
	each(freezes_and_thaws);
}

static void test_only_what_we_froze_is_found(void **state)
{
	(void)state;
	each(only_what_we_froze_is_found);
}

static void test_thaws_where_nothing_runs_any_more(void **state)
{
	(void)state;
	each(thaws_where_nothing_runs_any_more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freezes_and_thaws),
		cmocka_unit_test(test_only_what_we_froze_is_found),
		cmocka_unit_test(test_thaws_where_nothing_runs_any_more),
	};

	return cmocka_run_group_tests_name("pause, freezers", tests, NULL, NULL);
}
