/* Scenarios that are refused, with their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "scenario/scenario.h"
#include "test/unit/scenario/room.h"

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
	 "3:9: a step is a map with one of steady, fault, heal, await, run; for example: steady: 10s"},
	{HEAD "steps: [{stedy: 1s}]\n" EXPECT,
	 "3:10: unknown key \"stedy\" in a step; did you mean \"steady\"?"},
	{HEAD "steps: [{within: 1s}]\n" EXPECT, "3:9: a step needs one of steady, fault, heal, await, run"},
	{HEAD "steps: [{}]\n" EXPECT, "3:9: a step needs one of steady, fault, heal, await, run"},
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
	/* jobs */
	{HEAD "steps: [{run: backup}]\n" EXPECT, "3:15: a run step starts a Job from a CronJob of the manifests: write run: "
	 "cronjob/NAME, not \"backup\""},
	{HEAD "steps: [{run: cronjob/}]\n" EXPECT, "3:15: a run step starts a Job from a CronJob of the manifests: write run: "
	 "cronjob/NAME, not \"cronjob/\""},
	{HEAD "steps: [{run: cronjob/b, target: primary}]\n" EXPECT, "3:26: unknown key \"target\" in a run step; known are: run, as, "
	 "within"},
	{HEAD "steps: [{run: cronjob/a.b}]\n" EXPECT, "3:15: the id of a run has lower case letters, digits and hyphens, at most 40, "
	 "not \"a.b\"; give it one with as: ..."},
	{HEAD "steps: [{run: cronjob/b}, {run: cronjob/b}]\n" EXPECT, "3:33: two runs have the id \"b\" (the first in line 3); give this "
	 "one another with as: ..."},
	{HEAD "steps: [{run: cronjob/b, within: 0s}]\n" EXPECT, "3:34: within must be longer than nothing"},
	{HEAD "steps: [{await: job/b, within: 1s}, {run: cronjob/b}]\n" EXPECT, "3:17: no run step with the id \"b\" stands before this "
	 "one"},
	{HEAD "steps: [{run: cronjob/backup}, {await: job/bakup, within: 1s}]\n" EXPECT, "3:40: no run step with the id \"bakup\" stands "
	 "before this one; did you mean \"job/backup\"?"},
	{HEAD STEADY "expect: [{job: true}]\n", "4:16: say which run's job; write: job: {run: ID, succeeded: true}"},
	{HEAD STEADY "expect: [{job: {run: b}}]\n", "4:22: no run step has the id \"b\""},
	{HEAD "steps: [{run: cronjob/b}]\nexpect: [{job: {run: b, succeeded: false}}]\n", "4:16: a job may fail for want of an image: "
	 "give words of what it is to fail for, in its log or its condition; write: job: {run: b, succeeded: false, reason: \"...\"}"},
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
	 "dual_primary, deadline, demoted, errors_clear, check, staleness, evicted, recovery_point, job, routes_to_primary, errant"},
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
	/* Nothing could miss these. */
	{HEAD STEADY "expect: [{lost: {at_least: 0}}]\n",
	 "4:28: lost is never less than that, so nothing could miss this limit: ask for more, or remove it"},
	{HEAD STEADY "expect: [{dual_primary: {at_least: 0s, at_most: 1s}}]\n",
	 "4:36: dual_primary is never less than that, so nothing could miss this limit: ask for more, or remove it"},
	{HEAD STEADY "expect: [{availability: {at_least: 0%}}]\n",
	 "4:36: availability is never less than that, so nothing could miss this limit: ask for more, or remove it"},
	{HEAD STEADY "expect: [{availability: {at_most: 100%}}]\n",
	 "4:35: availability is never more than that, so nothing could miss this limit: ask for less, or remove it"},
	{HEAD STEADY "load: {deadline: 500ms}\nexpect: [{latency: {at_most: 1s}}]\n",
	 "5:30: clients wait no longer than twice the load's deadline of 0.5 s, so nothing could miss this limit: ask for less"},
	{HEAD STEADY "load: {deadline: 500ms}\nexpect: [{deadline: {at_most: 1s}}]\n",
	 "5:31: clients wait no longer than twice the load's deadline of 0.5 s, so nothing could miss this limit: ask for less"},
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
	{HEAD STEADY "expect: [{check: {checker: linearizable, accepted: why}}]\n",
	 "4:52: name the one setting that allows it, with its value; write: setting: {synchronous_mode: off}"},
	{HEAD STEADY "expect: [{check: {accepted: why, setting: {ttl: 3}}}]\n",
	 "4:18: say which checker; write: check: linearizable"},
	{HEAD STEADY "expect: [{check: {checker: linearizable, at_most: 3}}]\n",
	 "4:42: unknown key \"at_most\" in check; known are: checker, accepted, setting"},
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

/* One step, one expectation or one map keeps nothing to itself, and nothing is told that
 * only follows from the rest. */
static void test_all_of_one(void **state)
{
	static const char text[] =
		"name: x\nsystem: memory\n"
		"load: {mix: {insrt: 1, read: many, cas: -1}}\n"
		"steps:\n"
		"  - {steady: 10, foo: 1}\n"
		"  - {fault: kill-pod, target: prmary, for: 3, as: X_, hw: crash}\n"
		"  - {fault: puase, target: Any, for: 0s, as: p}\n"
		"  - {await: redundnt, within: 5, foo: 1}\n"
		"  - {run: job/x, within: 5, foo: 1}\n"
		"  - {heal: q, foo: 1}\n"
		"  - {heal: p}\n"
		"expect:\n"
		"  - {outage: {within: foreseen, at_most: 5, fault: z, foo: 1}, name: ''}\n"
		"  - {lost: {at_most: -1, of: foo, setting: {a: b}}, foo: 1}\n"
		"  - {check: foo, bar: 1}\n"
		"  - job: {run: y, succeeded: perhaps, reason: '', foo: 1}\n"
		"  - stands: {want: maybe, object: '', foo: 1}\n";
	static const char *const told[] = {
		":3:14: unknown key \"insrt\"", ":3:30: a whole number", ":3:41: a weight is between",
		":5:14: the duration 10", ":5:18: unknown key \"foo\"",
		":6:31: unknown target \"prmary\"", ":6:44: the duration 3 has", ":6:51: a fault's id", ":6:55: unknown key \"hw\"",
		":7:13: unknown fault \"puase\"", ":7:28: a target is", ":7:38: for must be longer",
		":8:13: unknown thing", ":8:31: the duration 5", ":8:34: unknown key \"foo\"",
		":9:11: a run step starts", ":9:26: the duration 5", ":9:29: unknown key \"foo\"",
		":10:15: unknown key \"foo\"",
		":13:23: within takes only", ":13:42: the duration 5", ":13:55: unknown key \"foo\"", ":13:70: one line of",
		":14:22: lost cannot be negative", ":14:30: lost is not of", ":14:44: a setting allows", ":14:53: unknown key \"foo\"",
		":15:13: unknown checker", ":15:18: unknown key \"bar\"",
		":16:30: true or", ":16:47: one line of", ":16:51: unknown key \"foo\"",
		":17:20: true or", ":17:35: one line of", ":17:39: unknown key \"foo\"",
	};
	struct fixture *f = *state;
	struct err e = {0};
	struct scenario s;
	size_t n = 1;

	assert_int_equal(read_text(f, text, &s, &e), -1);
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		if (!strstr(e.msg, told[i]))
			fail_msg("no \"%s\" in: %s", told[i], e.msg);
	for (const char *p = e.msg; (p = strchr(p, '\n')); p++)
		n++;
	if (n != ARRAY_LEN(told))
		fail_msg("%zu mistakes, not %zu: %s", n, ARRAY_LEN(told), e.msg);
	/* Ids of steps with a mistake are known all the same. */
	e = (struct err){0};
	assert_int_equal(read_text(f, HEAD "steps:\n- steady: 10\n- {fault: pause, target: any, as: p, for: 1}\n- {heal: p}\n"
				      "- {heal: q}\nexpect:\n- {outage: {at_most: 5s, fault: z}}\n", &s, &e), -1);
	assert_non_null(strstr(e.msg, ":7:10: no fault with the id \"q\""));
	assert_non_null(strstr(e.msg, ": no fault has the id \"z\"; there are: p"));
	assert_null(strstr(e.msg, "steady phase"));
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
		cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_of_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
