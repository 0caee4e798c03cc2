#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/lib/report_synth.h"

/* The scenarios of the pretended run. */

#define START_NS (5000 * NS_PER_S)

static void scenario(struct pretend *s, const char *name, const char *title, const char *variant,
		     const char *steps, const char *expect)
{
	cJSON *o = pretend_event(s, s->now_ns, "scenario");
	char file[128];

	snprintf(file, sizeof(file), "scenarios/%s.yaml", name);
	json_set_str(o, "name", name);
	json_set_str(o, "title", title);
	json_set_str(o, "file", file);
	json_set_str(o, "system", "postgres");
	json_set_str(o, "variant", variant);
	json_set(o, "settings", pretend_json(
		"[{\"name\":\"ttl\",\"value\":\"30\",\"unit\":\"s\",\"default\":\"30\",\"source\":"
		"\"document\"},{\"name\":\"loop_wait\",\"value\":\"10\",\"unit\":\"s\",\"default\":"
		"\"10\",\"source\":\"document\"},{\"name\":\"synchronous_mode\",\"value\":\"off\","
		"\"unit\":\"word\",\"default\":\"off\",\"source\":\"system default\"}]"));
	if (s->guarded)
		json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(o, "settings"), 2), "value", "on");
	if (s->speed > 0)
		json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(o, "settings"), 0), "value", "20");
	if (s->repetitions) {
		json_set_i64(o, "repetition", s->repetition);
		json_set_i64(o, "repetitions", s->repetitions);
		json_set_str(o, "seed", "4711");
		json_set_i64(o, "phase_ns", (int64_t)s->repetition * 1234567890);
	}
	json_set(o, "load", pretend_json(
		"{\"rate\":200,\"clients\":64,\"deadline_ns\":1000000000,\"keys\":8,\"mix\":"
		"{\"insert\":70,\"read\":15,\"write\":0,\"cas\":15}}"));
	json_set(o, "steps", pretend_json(steps));
	json_set(o, "expect", pretend_json(expect));
	pretend_emit(s, o);
}

#define STANDS "{\"name\":\"the system stands\",\"metric\":\"stands\",\"want\":true}"
#define NONE_LOST "{\"name\":\"no acknowledged write lost\",\"metric\":\"lost\",\"at_most\":0}"
#define STEADY_15 "{\"step\":\"steady\",\"duration_ns\":15000000000}"

static void kill_primary(struct pretend *s)
{
	static const struct pretend_fault plan[] = {{
		"kill", "kill-pod", "crash", 15, 31.2, 48.3, 0, true, 0, 0,
		{"14 processes of postgres-0 were sent SIGKILL in one sweep; none was left 3 ms later",
		 "pod postgres-0 was deleted with grace 0; its UID is another now"}, {NULL}}};

	scenario(s, "postgres-kill-primary", "The primary is killed without warning", "corrected",
		 "[" STEADY_15 ",{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\","
		 "\"target\":\"primary\",\"params\":{\"fault\":\"kill-pod\",\"how\":\"crash\","
		 "\"target\":\"primary\",\"as\":\"kill\"}},{\"step\":\"await\",\"await\":\"writes\","
		 "\"within_ns\":90000000000},{\"step\":\"await\",\"await\":\"redundant\",\"within_ns\":"
		 "120000000000},{\"step\":\"steady\",\"duration_ns\":10000000000}]",
		 "[" STANDS ",{\"name\":\"outage of kill within the predicted window\",\"metric\":"
		 "\"outage\",\"within_predicted\":true,\"fault\":\"kill\"},{\"name\":\"outage of kill at "
		 "most 45 s\",\"metric\":\"outage\",\"at_most\":45000000000,\"fault\":\"kill\"},"
		 NONE_LOST ",{\"name\":\"redundant again within 120 s\",\"metric\":\"recovery\","
		 "\"at_most\":120000000000},{\"name\":\"never two writable primaries\",\"metric\":"
		 "\"dual_primary\",\"at_most\":0},{\"name\":\"linearizable\",\"metric\":\"check\","
		 "\"checker\":\"linearizable\"}]");
	pretend_come_up(s);
	pretend_act(s, plan, 1, 75, true, true);
}

static void kinds(struct pretend *s)
{
	static const struct pretend_fault plan[] = {
		{"graceful", "kill-pod", "graceful", 15, 1.31, 14, 0, true, 0, 0,
		 {"pod postgres-0 was deleted with its own grace of 60 s; its UID is another now"},
		 {NULL}},
		{"force", "kill-pod", "force", 45, 3.05, 16, 0, true, 0, 2,
		 {"pod postgres-1 was deleted with grace 0; its UID is another now"}, {NULL}},
		{"crash", "kill-pod", "crash", 80, 33.4, 50, 0, true, 0, 7,
		 {"14 processes of postgres-2 were sent SIGKILL in one sweep"}, {NULL}},
		{"server", "kill-process", "server", 150, 5.9, 8, 0, false, 0, 0,
		 {"process 4711 (postgres) was sent SIGKILL and was gone 2 ms later"}, {NULL}},
		{"pid1", "kill-process", "pid1", 180, 2.6, 6, 0, false, 0, 0,
		 {"process 1 of container postgres was sent SIGKILL; restarts went from 0 to 1"},
		 {NULL}},
		{"node", "node-down", "power-cut", 210, 37.8, 78, 60, true, 0, 0,
		 {"node ordeal-worker1 was stopped; it answers no more"},
		 {"node ordeal-worker1 was started again and is Ready"}},
	};

	scenario(s, "postgres-kinds-of-kill", "Six ways to kill a primary", "corrected",
		 "[" STEADY_15 "]",
		 "[" STANDS ",{\"name\":\"outage of crash at most 45 s\",\"metric\":\"outage\","
		 "\"at_most\":45000000000,\"fault\":\"crash\"}," NONE_LOST "]");
	pretend_come_up(s);
	pretend_act(s, plan, 6, 300, true, true);
}

static void documented(struct pretend *s)
{
	scenario(s, "postgres-documented", "The document's manifests, as they are written",
		 "documented", "[" STEADY_15 "]", "[" STANDS "," NONE_LOST "]");
	pretend_emit_text(s, s->now_ns, "phase", "{\"phase\":\"apply\"}");
	pretend_emit_text(s, s->now_ns += pretend_sec(1.4), "notice",
		"{\"object\":\"StatefulSet/postgres\",\"reason\":\"FailedCreate\",\"type\":\"Warning\","
		"\"count\":14,\"message\":\"create Pod postgres-0 in StatefulSet postgres failed: error "
		"looking up service account postgres: serviceaccount \\\"postgres\\\" not found\"}");
	/* Nothing in a log may end a block, a tag or a line of any report. */
	pretend_emit_text(s, s->now_ns += pretend_sec(2), "log",
		"{\"member\":\"postgres-0\",\"container\":\"\",\"previous\":true,\"text\":"
		"\"\\u001b[31mERROR\\u001b[0m <script>alert('x')</script> & \\\"quoted\\\"\\n  ...\\n"
		"ok 99 - a log that looks like TAP # SKIP\\nBail out! not me\\n]]></system-out>"
		"\\u0007\\n\"}");
	pretend_emit_text(s, s->now_ns += pretend_sec(300), "stands",
		"{\"ok\":false,\"member\":\"postgres-0\",\"point\":\"workloads ready\",\"reason\":"
		"\"no pod was created: serviceaccount \\\"postgres\\\" not found <the manifests name it "
		"and none makes it>\\n  ...\\nBail out!\"}");
	pretend_emit_text(s, s->now_ns, "phase", "{\"phase\":\"done\"}");
	s->now_ns += pretend_sec(5);
}

static void split(struct pretend *s)
{
	static const struct pretend_fault plan[] = {{
		"cut", "partition-node", "", 15, 28.6, 52, 45, true, 6.3, 64,
		{"the drop counter of table inet ordeal_cut moved from 0 to 2218 packets",
		 "a probe from ordeal-worker2 to 10.244.1.7 failed"},
		{"table inet ordeal_cut was removed", "a probe to 10.244.1.7 was answered in 1 ms"}}};

	scenario(s, "postgres-partition-primary", "The primary is cut off", "corrected",
		 "[" STEADY_15 ",{\"step\":\"fault\",\"fault\":\"partition-node\",\"id\":\"cut\","
		 "\"target\":\"primary\",\"for_ns\":45000000000,\"params\":{\"api\":\"cut\"}}]",
		 "[" STANDS "," NONE_LOST ",{\"name\":\"never two writable primaries\",\"metric\":"
		 "\"dual_primary\",\"at_most\":0},{\"name\":\"old primary demoted within 30 s\","
		 "\"metric\":\"demoted\",\"at_most\":30000000000}]");
	pretend_come_up(s);
	pretend_act(s, plan, 1, 80, true, true);
}

/* The same again, by somebody who asks for nothing that could show it. */
static void loss_expected(struct pretend *s)
{
	static const struct pretend_fault plan[] = {{
		"cut", "partition-node", "", 15, 28.6, 52, 45, true, 6.3, 64,
		{"the drop counter of table inet ordeal_cut moved from 0 to 2218 packets"},
		{"table inet ordeal_cut was removed"}}};

	scenario(s, "postgres-partition-unasked", "The primary is cut off", "corrected",
		 "[" STEADY_15 ",{\"step\":\"fault\",\"fault\":\"partition-node\",\"id\":\"cut\","
		 "\"target\":\"primary\",\"for_ns\":45000000000,\"params\":{\"api\":\"cut\"}}]",
		 "[" STANDS ",{\"name\":\"outage at most 45 s\",\"metric\":\"outage\",\"at_most\":45000000000}]");
	pretend_come_up(s);
	pretend_act(s, plan, 1, 80, true, true);
}

static void one_way(struct pretend *s)
{
	static const struct pretend_fault plan[] = {{
		"cut", "partition-node", "", 15, 28.6, 52, 45, true, 6.3, 64,
		{"the drop counter of table inet ordeal_cut moved from 0 to 1107 packets"},
		{"table inet ordeal_cut was removed"}}};

	scenario(s, "postgres-partition-one-way", "The primary hears nobody", "corrected",
		 "[" STEADY_15 ",{\"step\":\"fault\",\"fault\":\"partition-node\",\"id\":\"cut\","
		 "\"target\":\"primary\",\"for_ns\":45000000000,\"params\":{\"api\":\"cut\","
		 "\"direction\":\"in\"}}]",
		 "[" STANDS "," NONE_LOST "]");
	pretend_come_up(s);
	s->direction = "in";
	pretend_act(s, plan, 1, 80, true, true);
	s->direction = NULL;
}

static void skipped(struct pretend *s)
{
	scenario(s, "postgres-node-down-here", "The primary's node loses power", "corrected",
		 "[" STEADY_15 "]",
		 "[{\"name\":\"outage at most 60 s\",\"metric\":\"outage\",\"at_most\":60000000000}]");
	pretend_emit_text(s, s->now_ns, "unsupported", "{\"what\":\"there are no nodes here to stop\"}");
	pretend_emit_text(s, s->now_ns, "phase", "{\"phase\":\"done\"}");
	s->now_ns += pretend_sec(1);
}

/* The same again, with what Patroni's synchronous mode would do to it. */
static void guarded(struct pretend *s)
{
	static const struct pretend_fault plan[] = {{
		"cut", "partition-node", "", 15, 33.1, 55, 45, true, 0, 0,
		{"the drop counter of table inet ordeal_cut moved from 0 to 2218 packets"},
		{"table inet ordeal_cut was removed"}}};

	s->guarded = true;
	scenario(s, "postgres-partition-primary-sync", "The primary is cut off, and commits wait for a "
		 "replica", "corrected",
		 "[" STEADY_15 ",{\"step\":\"fault\",\"fault\":\"partition-node\",\"id\":\"cut\","
		 "\"target\":\"primary\",\"for_ns\":45000000000,\"params\":{\"api\":\"cut\"}}]",
		 "[" STANDS "," NONE_LOST "]");
	s->guarded = false;
	pretend_come_up(s);
	pretend_act(s, plan, 1, 80, true, true);
}

static void repeated(struct pretend *s)
{
	static const double down_s[] = {31.2, 24.5, 39.9, 200, 27.3, 35.0, 0};
	static const int lost[] = {0, 3, 0, 12, 0, 1, 0};

	s->repetitions = ARRAY_LEN(down_s);
	for (size_t i = 0; i < ARRAY_LEN(down_s); i++) {
		double down = s->speed > 0 ? fmin(down_s[i], 60) / s->speed : down_s[i];
		struct pretend_fault plan = {
			"kill", "kill-pod", "crash", 10, down, down + 14, 0, true, 0, lost[i],
			{"14 processes of postgres-0 were sent SIGKILL in one sweep"}, {NULL}};

		s->scenario += i > 0;
		s->repetition = (int)i + 1;
		scenario(s, "postgres-kill-often", "The primary is killed, again and again", "corrected",
			 "[" STEADY_15 ",{\"step\":\"fault\",\"fault\":\"kill-pod\",\"id\":\"kill\","
			 "\"target\":\"primary\",\"params\":{\"how\":\"crash\"}}]",
			 "[" STANDS "," NONE_LOST "]");
		pretend_come_up(s);
		/* The last one has no effect. */
		pretend_act(s, &plan, 1, 70, i + 1 < ARRAY_LEN(down_s), true);
	}
	s->repetitions = s->repetition = 0;
}

static void repeated_fast(struct pretend *s)
{
	s->speed = 4;
	repeated(s);
	s->speed = 0;
}

static void no_effect(struct pretend *s)
{
	static const struct pretend_fault plan[] = {{
		"fill", "fill-disk", "", 10, 0, 0, 20, false, 0, 0,
		{"the file system still had 118 MiB free after 15 s"},
		{"the fill file was removed"}}};

	scenario(s, "postgres-fill-disk", "The primary's disk is full", "corrected",
		 "[{\"step\":\"steady\",\"duration_ns\":10000000000}]",
		 "[{\"name\":\"outage at most 45 s\",\"metric\":\"outage\",\"at_most\":45000000000},"
		 NONE_LOST "]");
	pretend_come_up(s);
	pretend_act(s, plan, 1, 40, false, true);
}

static void interrupted(struct pretend *s)
{
	scenario(s, "postgres-node-down", "The primary's node loses power", "corrected",
		 "[" STEADY_15 "]",
		 "[{\"name\":\"outage at most 60 s\",\"metric\":\"outage\",\"at_most\":60000000000}]");
	pretend_come_up(s);
	pretend_act(s, NULL, 0, 6, true, false);
	pretend_emit_text(s, s->now_ns, "interrupt", "{\"signal\":\"SIGINT\"}");
}

static FILE *open_in(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f) {
		perror(path);
		abort();
	}
	return f;
}

static void run_event(struct pretend *s, const char *dir, int planned)
{
	const char *name = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir;
	cJSON *run = pretend_event(s, s->now_ns, "run");

	json_set_str(run, "run_id", name);
	json_set_str(run, "seed", "8245317716012334412");
	json_set_str(run, "engine", "kind");
	json_set_str(run, "version", "0.1.0");
	json_set_str(run, "started", "2026-11-24T06:11:02.512Z");
	json_set_str(run, "command", "ordeal run --engine kind --seed 8245317716012334412 "
				     "scenarios/postgres-kill-primary.yaml");
	json_set_i64(run, "planned", planned);
	json_set(run, "host", pretend_json("{\"cores\":2,\"memory_bytes\":25769803776}"));
	pretend_emit(s, run);
}

void report_synth(const char *dir, unsigned what)
{
	static const struct {
		unsigned what;
		void (*act)(struct pretend *);
		int scenarios;
	} acts[] = {{RUN_KILL, kill_primary, 1},
		    {RUN_KINDS, kinds, 1},
		    {RUN_DOCUMENTED, documented, 1},
		    {RUN_SPLIT, split, 1},
		    {RUN_LOSS_EXPECTED, loss_expected, 1},
		    {RUN_ONE_WAY, one_way, 1},
		    {RUN_SKIPPED, skipped, 1},
		    {RUN_NO_EFFECT, no_effect, 1},
		    {RUN_GUARDED, guarded, 1},
		    {RUN_REPEAT, repeated, 7},
		    {RUN_REPEAT_FAST, repeated_fast, 7},
		    {RUN_INTERRUPTED, interrupted, 1}};
	struct pretend s = {.scenario = -1, .now_ns = START_NS, .rng = {42}};
	struct err e = {0};
	int planned = what & RUN_INTERRUPTED ? 1 : 0;

	if (file_mkdirs(dir, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	s.events = open_in(dir, "events.jsonl");
	s.history = open_in(dir, "history.jsonl");
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		planned += what & acts[i].what ? acts[i].scenarios : 0;
	run_event(&s, dir, planned);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (what & acts[i].what) {
			s.scenario++;
			acts[i].act(&s);
		}
	}
	s.scenario = -1;
	pretend_emit(&s, pretend_event(&s, s.now_ns, "end"));
	fclose(s.events);
	fclose(s.history);
}
