/* Every fault of the list, and the skeleton that new ones are copied from. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "test/lib/fault_help.h"

extern const struct fault_ops fault_skeleton;

static const struct node_ops NOTHING = {.name = "bare"};

static void every_fault_is_whole(void **state)
{
	const struct fault_ops *const *all = fault_all();

	(void)state;
	assert_non_null(all[0]);
	for (size_t i = 0; all[i]; i++) {
		const struct fault_ops *f = all[i];

		assert_non_null(f->name);
		assert_non_null(f->summary);
		assert_non_null(f->effects);
		assert_non_null(f->inject);
		assert_non_null(f->observe);
		assert_non_null(f->heal);
		assert_ptr_equal(fault_find(f->name), f);
		for (size_t k = i + 1; all[k]; k++)
			assert_string_not_equal(f->name, all[k]->name);
	}
	assert_null(fault_find("no-such-fault"));
}

/* A step without parameters gets defaults; a place that can do nothing is
 * told so, with a reason. */
static void every_fault_has_defaults_and_reasons(void **state)
{
	const struct fault_ops *const *all = fault_all();
	struct node bare = {.ops = &NOTHING};

	(void)state;
	for (size_t i = 0; all[i]; i++) {
		cJSON *params = cJSON_CreateObject();
		struct err e = {0};
		char why[200] = "";

		if (all[i]->check)
			assert_int_equal(all[i]->check(NULL, params, &e), 0);
		for (size_t k = 0; all[i]->params && all[i]->params[k]; k++)
			assert_non_null(all[i]->check);
		if (all[i]->supported) {
			assert_false(all[i]->supported(&bare, params, why, sizeof(why)));
			assert_true(strlen(why) > 10);
		}
		cJSON_Delete(params);
	}
}

/* heal of an entry that inject never got to fill must do no harm. */
static void every_fault_heals_an_empty_record(void **state)
{
	const struct fault_ops *const *all = fault_all();
	struct node bare = {.ops = &NOTHING};

	(void)state;
	for (size_t i = 0; all[i]; i++) {
		struct journal_entry j = {.id = "empty", .record = cJSON_CreateObject()};
		cJSON *evidence = cJSON_CreateArray();
		struct err e = {0};

		j.plan = help_plan("empty", all[i]->name, "db-0", "u", NULL);
		assert_int_equal(all[i]->heal(&bare, &j, evidence, &e), 0);
		cJSON_Delete(evidence);
		journal_entry_free(&j);
	}
}

static int check_text(const char *fault, const char *text, cJSON *params, struct err *e)
{
	struct arena a = {0};
	struct ynode **docs;
	size_t n = 0;
	int r;

	assert_int_equal(yaml_read_text(&a, "s.yaml", text, &docs, &n, e), 0);
	assert_int_equal(n, 1);
	r = fault_find(fault)->check(docs[0], params, e);
	arena_free(&a);
	return r;
}

static void wrong_words_are_told_with_their_place(void **state)
{
	static const struct {
		const char *fault, *text, *says;
	} cases[] = {
		{"kill-pod", "fault: kill-pod\nhow: crsh\n", "s.yaml:2:6: how: \"crsh\" is none of "
		 "graceful, force, crash; did you mean \"crash\"?"},
		{"partition-node", "direction: up\n", "s.yaml:1:12: direction: \"up\" is none of both, in, out"},
		{"fill-disk", "to: 120%\n", "s.yaml:1:5: to: "},
		{"fill-disk", "to: 0%\n", "s.yaml:1:5: to: "},
		{"node-down", "how: explode\n", "s.yaml:1:6: how: "},
		{"kill-process", "which: [pid1]\n", "s.yaml:1:8: "},
		{"kill-process", "process: a-name-longer-than-the-kernel-keeps\n", "s.yaml:1:10: process: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *params = cJSON_CreateObject();
		struct err e = {0};

		assert_int_equal(check_text(cases[i].fault, cases[i].text, params, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		if (strncmp(e.msg, cases[i].says, strlen(cases[i].says)))
			fail_msg("%s does not begin with %s", e.msg, cases[i].says);
		cJSON_Delete(params);
	}
}

static void right_words_become_parameters(void **state)
{
	cJSON *params = cJSON_CreateObject();
	struct err e = {0};

	(void)state;
	assert_int_equal(check_text("kill-pod", "how: force\n", params, &e), 0);
	assert_string_equal(json_str(params, "how", ""), "force");
	assert_int_equal(check_text("fill-disk", "to: 95%\n", params, &e), 0);
	assert_string_equal(json_str(params, "to", ""), "95%");
	assert_int_equal(check_text("partition-node", "direction: in\ndns: cut\n", params, &e), 0);
	assert_string_equal(json_str(params, "direction", ""), "in");
	assert_string_equal(json_str(params, "dns", ""), "cut");
	assert_string_equal(json_str(params, "api", ""), "keep");
	cJSON_Delete(params);
}

static void the_skeleton_lives(void **state)
{
	const struct fault_ops *f = &fault_skeleton;
	cJSON *plan = help_plan("s1", "skeleton", "db-0", "u", NULL);
	cJSON *evidence = cJSON_CreateArray();
	struct node node = {.ops = &NOTHING};
	struct journal_list list;
	struct journal_entry j;
	struct err e = {0};
	bool bites = true;
	char why[100];

	(void)state;
	help_temp(node.state_dir);
	assert_true(f->supported(&node, plan, why, sizeof(why)));
	assert_int_equal(journal_begin(node.state_dir, plan, &j, &e), 0);
	assert_int_equal(f->inject(&node, &j, &e), 0);
	assert_true(j.injected_ns > 0);
	assert_int_equal(f->observe(&node, &j, evidence, &bites, &e), 0);
	assert_true(bites);

	/* Another process heals, from what is on the disk. */
	assert_int_equal(journal_read_all(node.state_dir, &list, &e), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(f->heal(&node, &list.v[0], evidence, &e), 0);
	assert_int_equal(f->heal(&node, &list.v[0], evidence, &e), 0);
	assert_int_equal(f->observe(&node, &list.v[0], evidence, &bites, &e), 0);
	assert_false(bites);
	journal_list_free(&list);
	journal_entry_free(&j);
	cJSON_Delete(evidence);
	cJSON_Delete(plan);
	help_remove(node.state_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_whole),
		cmocka_unit_test(every_fault_has_defaults_and_reasons),
		cmocka_unit_test(every_fault_heals_an_empty_record),
		cmocka_unit_test(wrong_words_are_told_with_their_place),
		cmocka_unit_test(right_words_become_parameters),
		cmocka_unit_test(the_skeleton_lives),
	};

	return cmocka_run_group_tests_name("list of faults", tests, NULL, NULL);
}
