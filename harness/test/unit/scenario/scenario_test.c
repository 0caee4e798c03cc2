#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "scenario/scenario.h"

/* Scenario files: what a good one becomes, and for every mistake the exact
 * message, as a user would see it. */

static const char *const systems[] = {"postgres", "memory", NULL};
static const char *const faults[] = {"kill-pod", "partition-node", "pause", NULL};
static const char *const checkers[] = {"linearizable", "lost-writes", NULL};

static const char *const *fault_params(const char *fault)
{
	static const char *const how[] = {"how", NULL}, *const none[] = {NULL};

	return strcmp(fault, "pause") ? how : none;
}

static const struct scenario_names names = {systems, faults, checkers, fault_params};

struct fixture {
	struct arena arena;
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-scenario-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/s.yaml", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int rc = file_remove_tree(f->dir, &e);

	arena_free(&f->arena);
	free(f);
	return rc;
}

static int read_text(struct fixture *f, const char *text, struct scenario *s, struct err *e)
{
	FILE *out = fopen(f->path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	return scenario_read(&f->arena, f->path, &names, s, e);
}

static const char good[] =
	"name: postgres-kill-primary\n"
	"title: The primary is killed without warning\n"
	"system: postgres\n"
	"variant: documented\n"
	"settings: {synchronous_mode: on, ttl: 20}\n"
	"load: {rate: 150.5, clients: 32, deadline: 500ms, keys: 4, mix: {insert: 7, cas: 3}}\n"
	"steps:\n"
	"  - steady: 15s\n"
	"  - fault: kill-pod\n"
	"    how: crash\n"
	"    target: primary\n"
	"    as: kill\n"
	"  - await: writes\n"
	"    within: 90s\n"
	"  - fault: pause\n"
	"    target: postgres-1\n"
	"    for: 5s\n"
	"  - await: redundant\n"
	"    within: 1m30s\n"
	"  - heal: kill\n"
	"  - steady: 2s\n"
	"expect:\n"
	"  - stands: true\n"
	"  - outage: {within: predicted, fault: kill}\n"
	"  - outage: {at_most: 45s}\n"
	"  - outage: {at_least: 200ms, at_most: 45s, fault: pause}\n"
	"  - lost: {at_most: 0}\n"
	"  - lost: {at_most: 12, fault: kill}\n"
	"  - phantom: {at_most: 0}\n"
	"  - duplicate: {at_least: 1}\n"
	"  - recovery: {at_most: 120s, fault: kill}\n"
	"  - recovery: {at_most: 3m}\n"
	"  - dual_primary: {at_most: 0s}\n"
	"  - deadline: {at_most: 1050ms}\n"
	"  - demoted: {at_most: 30s, fault: pause}\n"
	"  - errors_clear: true\n"
	"  - check: linearizable\n"
	"  - dual_primary: {at_most: 2s}\n"
	"    name: my own words\n";

static void test_good(void **state)
{
	static const char *const titles[] = {
		"comes up as written and takes a write",
		"outage of kill within the predicted window",
		"worst outage at most 45 s",
		"outage of pause at least 200 ms and at most 45 s",
		"no acknowledged write lost",
		"at most 12 acknowledged writes lost by kill",
		"no refused write present",
		"at least 1 writes present twice",
		"redundant again within 120 s of kill",
		"redundant again within 180 s of every fault",
		"never two writable primaries",
		"longest client operation at most 1.05 s",
		"old primary demoted within 30 s of healing pause",
		"clients get clear errors, not silence",
		"checker linearizable finds no violation",
		"my own words",
	};
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;
	size_t i;

	if (read_text(f, good, &s, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(s.name, "postgres-kill-primary");
	assert_string_equal(s.variant, "documented");
	assert_string_equal(s.file, f->path);
	assert_int_equal(s.settings->n, 2);
	assert_int_equal(s.load.clients, 32);
	assert_int_equal(s.load.deadline_ns, 500 * NS_PER_MS);
	assert_int_equal(s.load.mix[OP_INSERT], 7);
	assert_int_equal(s.load.mix[OP_READ], 0);
	assert_int_equal(s.nsteps, 7);
	assert_int_equal(s.steps[1].kind, STEP_FAULT);
	assert_string_equal(s.steps[1].id, "kill");
	assert_string_equal(s.steps[3].id, "pause");
	assert_int_equal(s.steps[3].duration_ns, 5 * NS_PER_S);
	assert_int_equal(s.steps[4].await, AWAIT_REDUNDANT);
	assert_int_equal(s.steps[4].duration_ns, 90 * NS_PER_S);
	assert_int_equal(s.steps[5].kind, STEP_HEAL);
	assert_int_equal(s.nexpects, ARRAY_LEN(titles));
	for (i = 0; i < s.nexpects; i++)
		assert_string_equal(s.expects[i].name, titles[i]);
	assert_true(s.expects[1].within_predicted);
	assert_true(s.expects[3].has_at_least && s.expects[3].has_at_most);
	assert_int_equal((int64_t)s.expects[3].at_least, 200 * NS_PER_MS);
}

static void test_json(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;
	cJSON *o;

	if (read_text(f, good, &s, &e))
		fail_msg("%s", e.msg);
	o = scenario_to_json(&s);
	assert_string_equal(json_str(o, "system", ""), "postgres");
	assert_int_equal(json_i64(json_get(o, "load"), "deadline_ns", 0), 500 * NS_PER_MS);
	assert_int_equal(json_i64(json_path(o, "load.mix"), "cas", 0), 3);
	assert_string_equal(json_str(json_path(o, "steps.1"), "step", ""), "fault");
	assert_string_equal(json_str(json_path(o, "steps.1.params"), "how", ""), "crash");
	assert_int_equal(json_i64(json_path(o, "steps.3"), "for_ns", 0), 5 * NS_PER_S);
	assert_int_equal(json_i64(json_path(o, "steps.2"), "within_ns", 0), 90 * NS_PER_S);
	assert_string_equal(json_str(json_path(o, "steps.4"), "await", ""), "redundant");
	assert_true(json_bool(json_path(o, "expect.0"), "want", false));
	assert_null(json_get(json_path(o, "expect.0"), "at_most"));
	assert_true(json_bool(json_path(o, "expect.1"), "within_predicted", false));
	assert_string_equal(json_str(json_path(o, "expect.1"), "fault", ""), "kill");
	assert_int_equal(json_i64(json_path(o, "expect.4"), "at_most", -1), 0);
	assert_string_equal(json_str(json_path(o, "expect.14"), "checker", ""), "linearizable");
	cJSON_Delete(o);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;

	if (read_text(f, "name: m\nsystem: memory\nsteps: [{steady: 1s}]\n"
			 "expect: [{lost: {at_most: 0}}]\n", &s, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(s.title, "m");
	assert_string_equal(s.variant, "corrected");
	assert_null(s.settings);
	assert_int_equal(s.load.clients, 64);
	assert_int_equal((int)s.load.rate, 200);
	assert_int_equal(s.load.deadline_ns, NS_PER_S);
	assert_int_equal(s.load.keys, 8);
	assert_int_equal(s.load.mix[OP_INSERT], 70);
}

/* Head of most wrong files: two lines, so steps begin in line 3. */
#define HEAD "name: x\nsystem: memory\n"
#define EXPECT "expect: [{lost: {at_most: 0}}]\n"
#define STEADY "steps: [{steady: 10s}]\n"
#define KILL "steps:\n- steady: 10s\n- {fault: kill-pod, target: primary}\n"

static const struct wrong {
	const char *text, *message;
} wrong[] = {
	/* the file */
	{"", "1:1: the file is empty: a scenario needs at least name, system, steps and expect"},
	{"# nothing\n", "1:1: the file is empty: a scenario needs at least name, system, steps and "
			"expect"},
	{"---\n", "1:1: the file is empty: a scenario needs at least name, system, steps and expect"},
	{"- a\n", "1:1: a scenario is a map (name: ..., system: ..., steps: ...)"},
	{"hello\n", "1:1: a scenario is a map (name: ..., system: ..., steps: ...)"},
	{HEAD STEADY EXPECT "---\na: 1\n", "6:1: a second document begins here: one scenario a file"},
	/* the head */
	{HEAD STEADY EXPECT "titel: x\n",
	 "5:1: unknown key \"titel\" in the scenario; did you mean \"title\"?"},
	{"system: memory\n", "1:1: the scenario has no name; add: name: system-what-happens"},
	{"name: X y\nsystem: memory\n" STEADY EXPECT,
	 "1:7: a name has lower case letters, digits and hyphens, at most 40, not \"X y\""},
	{"name: ../../etc\nsystem: memory\n" STEADY EXPECT,
	 "1:7: a name has lower case letters, digits and hyphens, at most 40, not \"../../etc\""},
	{"name: [a]\nsystem: memory\n", "1:7: a text is needed here, not a list"},
	{"name: x\n" STEADY EXPECT, "1:1: the scenario has no system; add: system: postgres"},
	{"name: x\nsystem: postgras\n" STEADY EXPECT,
	 "2:9: unknown system \"postgras\"; did you mean \"postgres\"?"},
	{"name: x\nsystem: oracle\n" STEADY EXPECT,
	 "2:9: unknown system \"oracle\"; known are: postgres, memory"},
	{HEAD "variant: corected\n" STEADY EXPECT,
	 "3:10: unknown variant \"corected\"; did you mean \"corrected\"?"},
	{HEAD "settings: [ttl]\n" STEADY EXPECT,
	 "3:11: settings must be a map of a setting's name to its value"},
	{HEAD "settings: {ttl: }\n" STEADY EXPECT, "3:17: a text is needed here, not nothing"},
	{HEAD "settings: {ttl: [1]}\n" STEADY EXPECT, "3:17: a text is needed here, not a list"},
	{HEAD STEADY, "1:1: the scenario expects nothing; add: expect: [{lost: {at_most: 0}}]"},
	{HEAD EXPECT, "1:1: the scenario has no steps; add: steps: [{steady: 10s}]"},
	/* the load */
	{HEAD "load: {rat: 1}\n" STEADY EXPECT,
	 "3:8: unknown key \"rat\" in load; did you mean \"rate\"?"},
	{HEAD "load: fast\n" STEADY EXPECT, "3:7: load must be a map (key: value), not fast"},
	{HEAD "load: {rate: 0}\n" STEADY EXPECT,
	 "3:14: rate is between 0.1 and 100000 operations a second, not 0"},
	{HEAD "load: {rate: -5}\n" STEADY EXPECT,
	 "3:14: rate is between 0.1 and 100000 operations a second, not -5"},
	{HEAD "load: {rate: fast}\n" STEADY EXPECT, "3:14: a number is needed here, not fast"},
	{HEAD "load: {clients: 0}\n" STEADY EXPECT, "3:17: clients is between 1 and 4096, not 0"},
	{HEAD "load: {clients: 1.5}\n" STEADY EXPECT, "3:17: a whole number is needed here, not 1.5"},
	{HEAD "load: {deadline: 1}\n" STEADY EXPECT,
	 "3:18: the duration 1 has no unit; did you mean 1s or 1ms?"},
	{HEAD "load: {deadline: 0s}\n" STEADY EXPECT, "3:18: deadline is between 10ms and 60s, not 0s"},
	{"name: a\nsystem: postgres\nready_within: 0s\n" STEADY EXPECT, "3:15: ready_within is between 1s and 1h, not 0s"},
	{HEAD "load: {deadline: -1s}\n" STEADY EXPECT, "3:18: a duration cannot be negative: -1s"},
	{HEAD "load: {mix: {}}\n" STEADY EXPECT,
	 "3:13: the mix has no operations: give one of insert, read, write, cas, read_replica, send, receive a weight above 0"},
	{HEAD "load: {mix: {insert: -1}}\n" STEADY EXPECT,
	 "3:22: a weight is between 0 and 1000000, not -1"},
	{HEAD "load: {mix: {inserts: 1}}\n" STEADY EXPECT,
	 "3:14: unknown key \"inserts\" in mix; did you mean \"insert\"?"},
	{HEAD "load: {mix: {insert: 1, receive: 1}}\n" STEADY EXPECT,
	 "3:34: there is nothing to receive but what is sent: give send a weight above 0, too"},
	{HEAD "load: {keys: 0, mix: {send: 1}}\n" STEADY EXPECT,
	 "3:7: send and receive need a partition: keys must be at least 1"},
	{HEAD "load: {keys: 0}\n" STEADY EXPECT,
	 "3:7: reads, writes and cas need registers: keys must be at least 1, or their weights 0"},
	/* steps */
	{HEAD "steps: {steady: 1s}\n" EXPECT, "3:8: steps must be a list: a line with - for each step"},
	{HEAD "steps: []\n" EXPECT, "3:8: there are no steps; add: - steady: 10s"},
	{HEAD "steps: [steady]\n" EXPECT,
	 "3:9: a step is a map with one of steady, fault, heal, await; for example: steady: 10s"},
	{HEAD "steps: [{stedy: 1s}]\n" EXPECT,
	 "3:10: unknown key \"stedy\" in a step; did you mean \"steady\"?"},
	{HEAD "steps: [{within: 1s}]\n" EXPECT, "3:9: a step needs one of steady, fault, heal, await"},
	{HEAD "steps: [{}]\n" EXPECT, "3:9: a step needs one of steady, fault, heal, await"},
	{HEAD "steps: [{steady: 1s, await: writes}]\n" EXPECT,
	 "3:9: a step is one thing, this one is both steady and await: put a - before each"},
	{HEAD "steps: [{steady: 0s}]\n" EXPECT, "3:18: steady must be longer than nothing"},
	{HEAD "steps: [{steady: }]\n" EXPECT,
	 "3:18: a duration is needed here, like 250ms, 1.5s, 2m or 1h, not nothing"},
	{HEAD "steps: [{steady: 1s, within: 2s}]\n" EXPECT,
	 "3:22: unknown key \"within\" in a steady step; known are: steady"},
	{HEAD "steps: [{fault: kil-pod, target: any}]\n" EXPECT,
	 "3:17: unknown fault \"kil-pod\"; did you mean \"kill-pod\"?"},
	{HEAD "steps: [{fault: earthquake, target: any}]\n" EXPECT,
	 "3:17: unknown fault \"earthquake\"; known are: kill-pod, partition-node, pause"},
	{HEAD "steps: [{fault: kill-pod}]\n" EXPECT,
	 "3:9: the fault kill-pod has no target; add: target: primary"},
	{HEAD "steps: [{fault: kill-pod, target: primry}]\n" EXPECT,
	 "3:35: unknown target \"primry\"; did you mean \"primary\"?"},
	{HEAD "steps: [{fault: kill-pod, target: Postgres_0}]\n" EXPECT,
	 "3:35: a target is primary, replica, any, all, a member's name, or node/NAME, not "
	 "\"Postgres_0\""},
	{HEAD "steps: [{fault: kill-pod, target: node/}]\n" EXPECT,
	 "3:35: a target is primary, replica, any, all, a member's name, or node/NAME, not "
	 "\"node/\""},
	{HEAD "steps: [{fault: kill-pod, target: any, howw: x}]\n" EXPECT,
	 "3:40: unknown key \"howw\" in the fault kill-pod; did you mean \"how\"?"},
	{HEAD "steps: [{fault: pause, target: any, how: x}]\n" EXPECT,
	 "3:37: unknown key \"how\" in the fault pause; known are: fault, target, as, for"},
	{HEAD "steps: [{fault: pause, target: any, for: 0s}]\n" EXPECT,
	 "3:42: for must be longer than nothing"},
	{HEAD "steps: [{fault: pause, target: any, as: 'a b'}]\n" EXPECT,
	 "3:41: a fault's id has lower case letters, digits and hyphens, at most 40, not \"a b\""},
	{HEAD "steps:\n- {fault: pause, target: any}\n- {fault: pause, target: any}\n" EXPECT,
	 "5:3: two faults have the id \"pause\" (the first in line 4); give this one another with "
	 "as: ..."},
	{HEAD "steps: [{heal: kill}]\n" EXPECT,
	 "3:16: no fault with the id \"kill\" was injected before this step"},
	{HEAD "steps:\n- {fault: pause, target: any, as: freeze}\n- heal: freese\n" EXPECT,
	 "5:9: no fault with the id \"freese\" was injected before this step; did you mean "
	 "\"freeze\"?"},
	{HEAD "steps:\n- heal: pause\n- {fault: pause, target: any}\n" EXPECT,
	 "4:9: no fault with the id \"pause\" was injected before this step"},
	{HEAD "steps:\n- {fault: pause, target: any}\n- heal: pause\n- heal: pause\n" EXPECT,
	 "6:9: \"pause\" is already healed in line 5; remove this step"},
	{HEAD "steps:\n- {fault: pause, target: any, for: 5s}\n- heal: pause\n" EXPECT,
	 "5:9: \"pause\" heals by itself (for: ... in line 4); remove the for or this step"},
	{HEAD "steps: [{await: writes}]\n" EXPECT, "3:9: an await needs a limit; add: within: 90s"},
	{HEAD "steps: [{await: write, within: 1s}]\n" EXPECT,
	 "3:17: unknown thing to await \"write\"; did you mean \"writes\"?"},
	{HEAD "steps: [{await: writes, within: 0s}]\n" EXPECT, "3:33: within must be longer than "
							      "nothing"},
	{HEAD "steps: [{await: writes, withn: 1s}]\n" EXPECT,
	 "3:25: unknown key \"withn\" in an await step; did you mean \"within\"?"},
	{HEAD "steps: [{steady: 99999h}]\n" EXPECT, "3:18: the duration 99999h is too long: at most "
						    "1000h"},
	/* expectations */
	{HEAD STEADY "expect: {}\n", "4:9: expect must be a list: a line with - for each expectation"},
	{HEAD STEADY "expect: []\n", "4:9: the scenario expects nothing; add: - lost: {at_most: 0}"},
	{HEAD STEADY "expect: [lost]\n",
	 "4:10: an expectation must be a map (key: value), not lost"},
	{HEAD STEADY "expect: [{lots: {at_most: 0}}]\n",
	 "4:11: unknown key \"lots\" in an expectation; did you mean \"lost\"?"},
	{HEAD STEADY "expect: [{name: x}]\n",
	 "4:10: an expectation needs one of stands, outage, downtime, availability, latency, lost, phantom, duplicate, recovery, "
	 "dual_primary, deadline, demoted, errors_clear, check, staleness, evicted"},
	{HEAD STEADY "expect: [{lost: {at_most: 0}, phantom: {at_most: 0}}]\n",
	 "4:10: an expectation is one thing, this one is both lost and phantom: put a - before "
	 "each"},
	{HEAD STEADY "expect: [{stands: yes}]\n", "4:19: true or false is needed here, not yes"},
	{HEAD STEADY "expect: [{check: linearisable}]\n",
	 "4:18: unknown checker \"linearisable\"; did you mean \"linearizable\"?"},
	{HEAD STEADY "expect: [{lost: 0}]\n",
	 "4:17: lost needs its limit in a map; write: lost: {at_most: 0}"},
	{HEAD STEADY "expect: [{deadline: 1s}]\n",
	 "4:21: deadline needs its limit in a map; write: deadline: {at_most: 45s}"},
	{HEAD STEADY "expect: [{lost: {}}]\n", "4:17: lost has no limit; write: lost: {at_most: 0}"},
	{HEAD STEADY "expect: [{lost: {atmost: 0}}]\n",
	 "4:18: unknown key \"atmost\" in lost; did you mean \"at_most\"?"},
	{HEAD STEADY "expect: [{lost: {at_most: 5s}}]\n",
	 "4:27: lost is a count: give a whole number, not the duration 5s"},
	{HEAD STEADY "expect: [{availability: {at_least: 99}}]\n",
	 "4:36: availability is a share: write it in per cent, such as 99.5%"},
	{HEAD STEADY "expect: [{availability: {at_least: 101%}}]\n", "4:36: a share is from 0% to 100%"},
	{HEAD STEADY "expect: [{availability: {at_least: 99%, of: send}}]\n",
	 "4:45: the load's mix has no send; it has insert, read, cas"},
	{HEAD STEADY "expect: [{lost: {at_most: 0, of: reads}}]\n",
	 "4:34: lost is not of some operations only; remove this key"},
	{HEAD STEADY "expect: [{lost: {at_most: -1}}]\n", "4:27: lost cannot be negative"},
	{HEAD STEADY "expect: [{lost: {at_most: few}}]\n",
	 "4:27: a whole number is needed here, not few"},
	{HEAD STEADY "expect: [{deadline: {at_most: 5}}]\n",
	 "4:31: the duration 5 has no unit; did you mean 5s or 5ms?"},
	{HEAD STEADY "expect: [{deadline: {at_least: 5s}}]\n",
	 "4:32: deadline has no lower limit; write at_most"},
	{HEAD STEADY "expect: [{stands: {want: false}}]\n",
	 "4:19: name the object that does not come up and words of the reason; write: stands: {want: false, object: "
	 "StatefulSet/NAME, reason: \"...\"}"},
	{HEAD STEADY "expect: [{stands: {object: x, reason: y}}]\n", "4:19: say what is wanted: want: false"},
	{HEAD STEADY "expect: [{stands: {want: true, object: x}}]\n",
	 "4:40: what is to come up needs no reason; remove this key"},
	{HEAD STEADY "expect: [{lost: {accepted: why}}]\n",
	 "4:28: name the one setting that allows it, with its value; write: setting: {synchronous_mode: off}"},
	{HEAD STEADY "expect: [{lost: {accepted: why, setting: ttl}}]\n",
	 "4:42: name the one setting that allows it, with its value; write: setting: {synchronous_mode: off}"},
	{HEAD STEADY "expect: [{lost: {at_most: 3, setting: {ttl: 3}}}]\n",
	 "4:39: a setting allows what is accepted: say why, accepted: \"...\""},
	{HEAD STEADY "expect: [{phantom: {at_most: 3, accepted: x}}]\n",
	 "4:43: phantom cannot be accepted: give it a limit"},
	{HEAD STEADY "expect: [{lost: {within: predicted}}]\n",
	 "4:26: only outage can be within: predicted; write at_most: ... here"},
	{HEAD STEADY "expect: [{lost: {at_most: 1, at_least: 2}}]\n",
	 "4:17: at_least is above at_most: nothing can fulfil that"},
	{HEAD STEADY "expect: [{lost: {at_most: 0, fault: kill}}]\n",
	 "4:37: no fault has the id \"kill\"; there are: none"},
	{HEAD STEADY "expect: [{phantom: {at_most: 0, fault: kill}}]\n",
	 "4:40: phantom is about the whole scenario, not one fault; remove this key"},
	{HEAD STEADY "expect:\n- lost: {at_most: 0}\n- lost: {at_most: 0}\n",
	 "6:3: this expectation (no acknowledged write lost) is already in line 5; remove one, or "
	 "name them: name: ..."},
	{HEAD STEADY "expect: [{outage: {at_most: 1s}}]\n",
	 "4:10: outage needs a fault, and the steps have none"},
	{HEAD KILL "expect: [{outage: {within: 45s}}]\n",
	 "6:28: within takes only the word predicted; did you mean at_most: 45s?"},
	{HEAD KILL "expect: [{outage: {within: predictd}}]\n",
	 "6:28: within takes only the word predicted, not \"predictd\""},
	{HEAD KILL "expect: [{outage: {within: predicted, at_most: 1s}}]\n",
	 "6:19: within: predicted and a limit are two expectations: write two, so that each has a "
	 "verdict"},
	{HEAD KILL "expect: [{outage: {at_most: 1s, fault: kill-pot}}]\n",
	 "6:40: no fault has the id \"kill-pot\"; did you mean \"kill-pod\"?"},
	{HEAD KILL "expect: [{outage: {at_most: 1s, fault: xyzzy}}]\n",
	 "6:40: no fault has the id \"xyzzy\"; there are: kill-pod"},
	{HEAD "steps:\n- {fault: kill-pod, target: any}\n" "expect: [{outage: {at_most: 1s}}]\n",
	 "4:3: no steady phase of at least 3 s before the first fault, so nothing to measure outage "
	 "against; put before it: - steady: 10s"},
	{HEAD "steps:\n- steady: 2900ms\n- {fault: kill-pod, target: any}\n"
	      "expect: [{recovery: {at_most: 1s}}]\n",
	 "5:3: no steady phase of at least 3 s before the first fault, so nothing to measure "
	 "recovery against; put before it: - steady: 10s"},
	{HEAD "load: {mix: {read: 1}}\n" KILL "expect: [{outage: {at_most: 1s}}]\n",
	 "7:10: outage is measured on writes, and the load's mix has none"},
	{HEAD "load: {mix: {cas: 1}}\n" STEADY "expect: [{duplicate: {at_most: 0}}]\n",
	 "5:10: duplicate is counted on inserts and sends, and the load's mix has neither"},
	{HEAD STEADY "expect: [{lost: {at_most: 0}, name: \"a\\u009b1m\"}]\n",
	 "4:37: one line of 1 to 150 characters is needed here, without control characters"},
	{HEAD STEADY "expect: [{lost: {at_most: 0}, name: ''}]\n", "4:37: one line of 1 to 150 characters is needed here, without control characters"},
	{HEAD STEADY "expect: [{lost: {at_most: 0}, name: \"a\\nok 2\"}]\n",
	 "4:37: one line of 1 to 150 characters is needed here, without control characters"},
	{HEAD "load: {minority: 1}\n" STEADY EXPECT,
	 "3:18: minority is the share of the clients that stand beside the primary, above 0 and below 1 "
	 "(0.25: a quarter), not 1"},
	{HEAD "load: {clients: 4, minority: 0.1}\n" STEADY EXPECT,
	 "3:30: of 4 clients a minority of 0.1 is none: give more clients"},
	{HEAD "load: {mix: {insert: 1, read_replica: 1}}\n" STEADY EXPECT,
	 "3:39: how far a replica is behind shows on registers that change: give write or cas a weight "
	 "above 0, too"},
	{HEAD STEADY "expect: [{staleness: {at_most: 1s}}]\n",
	 "4:10: staleness is measured on replicas' answers: give read_replica a weight in the load's mix"},
	{HEAD "title: |\n  a\n  b\n" STEADY EXPECT,
	 "3:8: one line of 1 to 150 characters is needed here, without control characters"},
};

static void test_both_sides(void **state)
{
	struct fixture *f = *state;
	struct scenario s;
	struct err e = {0};
	cJSON *o;

	if (read_text(f, HEAD "load: {clients: 10, minority: 0.25, mix: {insert: 5, cas: 2, read_replica: 3}}\n"
		      STEADY "expect:\n  - staleness: {at_most: 2s}\n  - evicted: {at_most: 0}\n", &s, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(s.load.minority, 3);
	assert_int_equal(s.load.mix[OP_READ_REPLICA], 3);
	assert_string_equal(s.expects[0].name, "replicas' answers behind by at most 2 s");
	assert_string_equal(s.expects[1].name, "no acknowledged write evicted");
	o = scenario_to_json(&s);
	assert_int_equal(json_i64(json_get(o, "load"), "minority", 0), 3);
	assert_int_equal(json_i64(json_path(o, "load.mix"), "read_replica", 0), 3);
	cJSON_Delete(o);
}

/* Every metric is read from a file, has words of its own, is told in the event
 * by its name, and stands in the manual. */
static void test_metrics(void **state)
{
	static const char *const values[] = {
		[METRIC_BOOL] = "true", [METRIC_NS] = "{at_most: 7s}", [METRIC_COUNT] = "{at_most: 7}",
		[METRIC_CHECKER] = "linearizable", [METRIC_SHARE] = "{at_least: 99.5%}",
	};
	struct fixture *f = *state;
	struct buf text = {0}, manual = {0}, row = {0};
	struct err e = {0};
	struct scenario s;
	cJSON *o;

	buf_str(&text, HEAD "load: {mix: {insert: 1, write: 1, read_replica: 1}}\n" KILL "expect:\n");
	for (int i = 0; i < METRICS; i++) {
		const struct metric *m = metric_of((enum expect_metric)i);

		buf_fmt(&text, "  - %s: %s\n", m->name, values[m->unit]);
	}
	if (read_text(f, buf_cstr(&text), &s, &e))
		fail_msg("%s", e.msg);
	buf_fmt(&row, "%s/harness/doc/SCENARIOS.md", getenv("ORDEAL_HOME") ? getenv("ORDEAL_HOME") : ".");
	if (file_read(buf_cstr(&row), &manual, &e))
		fail_msg("%s", e.msg);
	o = scenario_to_json(&s);
	assert_int_equal(s.nexpects, METRICS);
	for (int i = 0; i < METRICS; i++) {
		const cJSON *x = cJSON_GetArrayItem(json_get(o, "expect"), i);
		const struct metric *m = metric_of((enum expect_metric)i);
		enum expect_metric found = EXPECT_STANDS;

		assert_true(metric_find(m->name, &found));
		assert_int_equal(found, i);
		assert_int_equal(s.expects[i].metric, i);
		/* That no two are the same, the reader has seen to. */
		assert_true(strlen(s.expects[i].name) > strlen("at most 7"));
		assert_string_equal(json_str(x, "metric", ""), m->name);
		assert_int_equal(json_get(x, "want") != NULL, m->unit == METRIC_BOOL);
		buf_reset(&row);
		buf_fmt(&row, "\n| `%s` | ", m->name);
		if (!strstr(buf_cstr(&manual), buf_cstr(&row)))
			fail_msg("not in the manual: %s", m->name);
	}
	assert_false(metric_find("luck", &(enum expect_metric){0}));
	for (int i = 0; i <= AWAIT_READY; i++) {
		buf_reset(&row);
		buf_fmt(&row, "%s`", await_word((enum await_kind)i)); /* `await: writes` */
		if (!strstr(buf_cstr(&manual), buf_cstr(&row)))
			fail_msg("not in the manual: %s", await_word((enum await_kind)i));
	}
	cJSON_Delete(o);
	buf_free(&text);
	buf_free(&manual);
	buf_free(&row);
}

/* What a load agent is told is what the file says; what it is not told is as
 * in a file that does not say it. */
static void test_load_json(void **state)
{
	static const char *const texts[] = {
		HEAD STEADY EXPECT,
		HEAD "load: {rate: 0.5, clients: 10, deadline: 20ms, keys: 0, payload: 77, mix: {insert: 3}}\n"
		STEADY EXPECT,
		HEAD "load: {minority: 0.25, mix: {insert: 1, read: 2, write: 3, cas: 4, read_replica: 5}}\n"
		STEADY EXPECT,
	};
	struct fixture *f = *state;
	struct load_spec none;
	struct err e = {0};
	cJSON *o;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct load_spec back;
		struct scenario s;

		if (read_text(f, texts[i], &s, &e))
			fail_msg("%s", e.msg);
		o = load_spec_to_json(&s.load);
		assert_int_equal(load_spec_from_json(o, &back, &e), 0);
		cJSON_Delete(o);
		assert_true(back.rate == s.load.rate);
		assert_int_equal(back.clients, s.load.clients);
		assert_int_equal(back.deadline_ns, s.load.deadline_ns);
		assert_int_equal(back.keys, s.load.keys);
		assert_int_equal(back.payload_bytes, s.load.payload_bytes);
		assert_int_equal(back.minority, s.load.minority);
		assert_memory_equal(back.mix, s.load.mix, sizeof(back.mix));
		assert_int_equal(load_spec_ops(&back), load_spec_ops(&s.load));
	}
	o = cJSON_CreateObject();
	assert_int_equal(load_spec_from_json(o, &none, &e), 0);
	assert_int_equal(none.clients, 64);
	assert_int_equal(none.mix[OP_INSERT], 70);
	assert_int_equal(load_spec_ops(&none), OP_BIT(OP_INSERT) | OP_BIT(OP_READ) | OP_BIT(OP_CAS));
	json_set_i64(o, "keys", 100001);
	assert_int_equal(load_spec_from_json(o, &none, &e), -1);
	assert_string_equal(e.msg, "load.keys must be 0 to 100000");
	json_set_i64(o, "payload_bytes", INT64_C(1) << 32);
	assert_int_equal(load_spec_from_json(o, &none, &e), -1);
	assert_string_equal(e.msg, "load.payload_bytes must be 0 to 1000000");
	cJSON_Delete(o);
}

static void test_wrong(void **state)
{
	struct fixture *f = *state;
	char expected[1024];
	struct scenario s;
	size_t i;

	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {0};

		if (!read_text(f, wrong[i].text, &s, &e))
			fail_msg("taken, but wrong:\n%s", wrong[i].text);
		assert_int_equal(e.kind, ERR_INPUT);
		snprintf(expected, sizeof(expected), "\n%s:%s\n", f->path, wrong[i].message);
		/* Beside what else is wrong with such short files. */
		if (!strstr(arena_fmt(&f->arena, "\n%s\n", e.msg), expected))
			fail_msg("\"%s\" has no line \"%s\"", e.msg, expected);
	}
}

/* All that is wrong with a file at once, and nothing that only follows from it. */
static void test_all_at_once(void **state)
{
	struct fixture *f = *state;
	struct scenario s;
	struct err e = {0};
	size_t n = 1;

	assert_int_equal(read_text(f, "name: Big Name\nsystem: sytsem\nready_within: soon\n"
				   "load: {rate: 0, deadline: 1s, cleints: 3, clients: 0}\nsteps:\n  - steady: 0s\n"
				   "  - fault: puase\n    as: p\n    target: primary\n"
				   "expect:\n  - outage: {within: 3s}\n", &s, &e), -1);
	for (const char *p = e.msg; (p = strchr(p, '\n')); p++)
		n++;
	if (n != 9)
		fail_msg("%zu mistakes: %s", n, e.msg);
	assert_non_null(strstr(e.msg, ":1:7: a name has"));
	assert_non_null(strstr(e.msg, ":2:9: unknown system \"sytsem\""));
	assert_non_null(strstr(e.msg, ":3:15: a duration is needed"));
	assert_non_null(strstr(e.msg, ":4:14: rate is between"));
	assert_non_null(strstr(e.msg, "unknown key \"cleints\" in load; did you mean"));
	assert_non_null(strstr(e.msg, "clients is between 1 and"));
	assert_non_null(strstr(e.msg, ":6:13: steady must be longer"));
	assert_non_null(strstr(e.msg, ":7:12: unknown fault \"puase\"; did you mean \"pause\"?"));
	assert_non_null(strstr(e.msg, ":11:22: within takes only"));
}

/* What others call a thing. */
static void test_synonyms(void **state)
{
	struct fixture *f = *state;
	struct scenario s;
	struct err e = {0};

	if (read_text(f, "name: x\nsystem: postgres\nload: {payload: 4Ki}\nsteps:\n  - wait: 10s\n"
		      "  - {fault: pause, target: primary, duration: 3s}\nexpect: [{lost: {at_most: 0}}]\n", &s, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(s.load.payload_bytes, 4096);
	assert_int_equal(s.steps[0].kind, STEP_STEADY);
	assert_int_equal(s.steps[0].duration_ns, 10 * NS_PER_S);
	assert_int_equal(s.steps[1].duration_ns, 3 * NS_PER_S);
	assert_int_equal(read_text(f, "name: x\nsystem: postgres\nload: {payload: 4KB}\nsteps:\n  - {wait: 1s, steady: 1s}\n"
				   "  - {fault: pause, target: primary, duration: 3s, for: 3s}\nexpect: [{lost: {at_most: 0}}]\n",
				   &s, &e), -1);
	assert_non_null(strstr(e.msg, ":3:17: payload is a size from 0 to 1000000 bytes, such as 4096 or 4Ki, not 4KB"));
	assert_non_null(strstr(e.msg, ":5:6: \"wait\" means \"steady\", which is there, too: remove one"));
	assert_non_null(strstr(e.msg, ":6:37: \"duration\" means \"for\", which is there, too"));
}

static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;

	assert_int_equal(scenario_read(&f->arena, f->path, &names, &s, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.msg, f->path));
	assert_int_equal(scenario_read(&f->arena, f->dir, &names, &s, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

/* Any prefix of a good file is read or refused, never a crash. */
static void test_cut_short(void **state)
{
	struct fixture *f = *state;
	char text[sizeof(good)];
	struct scenario s;
	size_t i;

	for (i = 0; i < sizeof(good); i += 3) {
		struct err e = {0};

		memcpy(text, good, i);
		text[i] = '\0';
		if (read_text(f, text, &s, &e))
			assert_int_equal(e.kind, ERR_INPUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_synonyms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_sides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
