#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifest/settings.h"

/* settings.yaml, changing settings, and the combinations that are refused. */

struct fixture {
	struct arena arena;
	char dir[64], path[96];
	struct settings s;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-settings-XXXXXX");
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

static int load(struct fixture *f, const char *text, struct err *e)
{
	FILE *out = fopen(f->path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	return settings_load(&f->arena, f->path, &f->s, e);
}

#define ONE(name, unit, dflt, more) \
	"- {name: " name ", unit: " unit ", default: " dflt ", source: document, about: x, " more \
	"where: [{object: ConfigMap/c, path: data.a}]}\n"

static const char good[] =
	"settings:\n"
	ONE("ttl", "s", "30", "min: 20, max: 3600, ")
	ONE("loop_wait", "s", "10", "min: 1, ")
	ONE("retry_timeout", "s", "10", "")
	ONE("max_lag", "bytes", "1Mi", "min: 0, ")
	ONE("sync", "bool", "off", "")
	ONE("strict", "bool", "off", "")
	ONE("poll", "ms", "500", "")
	ONE("level", "word", "replica", "choices: [replica, logical], ")
	ONE("free", "word", "abc", "")
	"impossible:\n"
	"- if: {strict: on, sync: off}\n"
	"  because: strict needs sync\n"
	"- rule: loop_wait + 2 * retry_timeout <= ttl\n"
	"  because: the lease would end first\n"
	"- rule: -(1 - 2) * (ttl + 0) > strict * 25\n"
	"  because: made up\n"
	"- if: {level: logical, ttl: 31s}\n"
	"  because: made up too\n"
	"- if: {sync: off}\n"
	"  asked: free\n"
	"  because: it is for sync alone\n"
	"- if: {level: replica, sync: on}\n"
	"  asked: level\n"
	"  because: it is for logical alone\n"
	"- rule: poll <= load_deadline_ms\n"
	"  because: nobody waits for that\n"
	"- if: {sync: on}\n"
	"  rule: poll >= 100\n"
	"  because: it would be asked all the time\n";

static void load_good(struct fixture *f)
{
	struct err e = {0};

	if (load(f, good, &e))
		fail_msg("%s", e.msg);
	f->s.deadline_ms = 1000;
}

static void test_good(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	load_good(f);
	assert_int_equal(f->s.n, 9);
	assert_string_equal(settings_find(&f->s, "max_lag")->value, "1048576");
	assert_string_equal(settings_find(&f->s, "sync")->value, "off");
	assert_null(settings_find(&f->s, "nothing"));
	assert_int_equal(settings_check(&f->s, &e), 0);
}

static void test_set(void **state)
{
	static const struct {
		const char *name, *value, *kept, *message;
	} t[] = {
		{"ttl", "40", "40", NULL},
		{"ttl", "40s", "40", NULL},
		{"ttl", "1m", "60", NULL},
		{"ttl", "1500ms", NULL, "--set ttl=1500ms: the setting ttl must be a whole number of s, "
					"not 1500ms"},
		{"ttl", "19", NULL, "--set ttl=19: the setting ttl must be at least 20 s, not 19"},
		{"ttl", "3601", NULL, "--set ttl=3601: the setting ttl must be at most 3600 s, not 3601"},
		{"ttl", "soon", NULL, "--set ttl=soon: the setting ttl must be a whole number (s), not "
				      "\"soon\""},
		{"ttl", "", NULL, "--set ttl=: the setting ttl must be a whole number (s), not \"\""},
		{"ttl", "99999999999999999999", NULL, NULL},
		{"tll", "1", NULL, "--set tll=1: unknown setting \"tll\"; did you mean \"ttl\"?"},
		{"abcdefgh", "1", NULL, "--set abcdefgh=1: unknown setting \"abcdefgh\"; known are: ttl, "
					"loop_wait, retry_timeout, max_lag, sync, strict, poll, level, free"},
		{"poll", "2s", "2000", NULL},
		{"max_lag", "64Ki", "65536", NULL},
		{"max_lag", "-1", NULL, "--set max_lag=-1: the setting max_lag must be at least 0 bytes, "
					"not -1"},
		{"sync", "true", "on", NULL},
		{"sync", "no", "off", NULL},
		{"sync", "maybe", NULL, "--set sync=maybe: the setting sync must be on or off, not "
					"\"maybe\""},
		{"level", "logical", "logical", NULL},
		{"level", "logicl", NULL, "--set level=logicl: the setting level must be one of replica, "
					  "logical, not \"logicl\""},
		{"free", "a b: c", "a b: c", NULL},
		{"free", "a\nb", NULL, "--set free=a\nb: the setting free may not hold control characters "
				       "or line ends"},
		{"free", "", NULL, "--set free=: the setting free may not be empty"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};
		int rc;

		load_good(f);
		rc = settings_set(&f->arena, &f->s, t[i].name, t[i].value, "--set", NULL, &e);
		if (!t[i].kept) {
			assert_int_equal(rc, -1);
			assert_int_equal(e.kind, ERR_INPUT);
			if (t[i].message)
				assert_string_equal(e.msg, t[i].message);
			continue;
		}
		if (rc)
			fail_msg("%s", e.msg);
		assert_string_equal(settings_find(&f->s, t[i].name)->value, t[i].kept);
		assert_string_equal(settings_find(&f->s, t[i].name)->changed_by, "--set");
	}
}

static void test_set_from_file(void **state)
{
	struct ynode at = {.kind = Y_SCALAR, .file = "s.yaml", .line = 5, .column = 12};
	struct fixture *f = *state;
	struct err e = {0};

	load_good(f);
	assert_int_equal(settings_set(&f->arena, &f->s, "tll", "1", "scenario", &at, &e), -1);
	assert_string_equal(e.msg, "s.yaml:5:12: unknown setting \"tll\"; did you mean \"ttl\"?");
	assert_int_equal(settings_set(&f->arena, &f->s, "ttl", "20", "scenario", &at, &e), 0);
	assert_int_equal(settings_check(&f->s, &e), -1);
	assert_string_equal(e.msg, "s.yaml:5:12: these settings cannot be together: loop_wait = 10, "
				   "retry_timeout = 10, ttl = 20; loop_wait + 2 * retry_timeout <= ttl "
				   "must hold: the lease would end first");
}

static void test_impossible(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	load_good(f);
	settings_set(&f->arena, &f->s, "strict", "on", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), -1);
	assert_string_equal(e.msg, "these settings cannot be together: strict = on, sync = off: strict "
				   "needs sync");
	assert_int_equal(e.kind, ERR_INPUT);
	settings_set(&f->arena, &f->s, "sync", "true", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), 0);
	settings_set(&f->arena, &f->s, "ttl", "31", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), 0);
	settings_set(&f->arena, &f->s, "level", "logical", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), -1);
}

/* What has no effect beside the others is refused where somebody asked for it, and is no
 * matter as a default. */
static void test_asked(void **state)
{
	static const struct {
		const char *name, *value, *message;
	} t[] = {
		{"free", "x", "these settings cannot be together: free = x, sync = off: it is for sync alone"},
		{"free", "abc", "these settings cannot be together: free = abc, sync = off: it is for sync alone"},
		{"sync", "on", NULL},
		{"free", "x", NULL},
		{"level", "replica", "these settings cannot be together: level = replica, sync = on: it is for logical alone"},
		{"level", "logical", NULL},
		{"poll", "1s", NULL},
		{"poll", "1001", "these settings cannot be together: poll = 1001, load_deadline_ms = 1000; "
				 "poll <= load_deadline_ms must hold: nobody waits for that"},
	};
	struct fixture *f = *state;

	load_good(f);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};

		if (settings_set(&f->arena, &f->s, t[i].name, t[i].value, "--set", NULL, &e))
			fail_msg("%s", e.msg);
		assert_int_equal(settings_check(&f->s, &e), t[i].message ? -1 : 0);
		assert_string_equal(e.msg, t[i].message ? t[i].message : "");
	}
}

/* A rule that is one for some values of others only. */
static void test_rule_of_some(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	load_good(f);
	settings_set(&f->arena, &f->s, "poll", "50", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), 0);
	settings_set(&f->arena, &f->s, "sync", "on", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), -1);
	assert_string_equal(e.msg, "these settings cannot be together: sync = on, poll = 50; poll >= 100 must hold: it would be "
				   "asked all the time");
	settings_set(&f->arena, &f->s, "poll", "100", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), 0);
}

static void test_wrong_files(void **state)
{
#define RULE(text) \
	"settings:\n" ONE("a", "s", "1", "") ONE("w", "word", "x", "") \
	"impossible:\n- rule: \"" text "\"\n  because: x\n"
	static const struct {
		const char *text, *message;
	} t[] = {
		{"", "1:1: one document with settings: is needed, not 0"},
		{"a: 1\n", "1:1: unknown key \"a\" in the settings file; known are: settings, "
			   "impossible"},
		{"settings: x\n", "1:11: settings: must be a list"},
		{"impossible: []\n", "1:1: settings: must be a list"},
		{"settings:\n" ONE("a", "s", "1", "") ONE("a", "s", "1", ""),
		 "3:3: the setting a is there twice"},
		{"settings:\n- {name: a}\n", "2:3: a setting needs the key \"unit\""},
		{"settings:\n" ONE("a", "hours", "1", ""),
		 "2:19: unknown unit \"hours\"; known are: s, ms, bytes, count, bool, word"},
		{"settings:\n" ONE("a", "s", "soon", ""),
		 "2:31: a must be a whole number (s), not \"soon\""},
		{"settings:\n" ONE("a", "s", "5", "min: 6, "), "2:31: a must be at least 6 s, not 5"},
		{"settings:\n" ONE("a", "count", "5", "max: 3, "), "2:35: a must be at most 3, not 5"},
		{"settings:\n" ONE("a", "word", "x", "min: 6, "),
		 "2:70: min is for numbers, and the unit is word"},
		{"settings:\n" ONE("a", "word", "x", "choices: y, "),
		 "2:74: choices must be a list of words"},
		{"settings:\n" ONE("a", "word", "x", "choices: [y, z], "),
		 "2:34: a must be one of y, z, not \"x\""},
		{"settings:\n- {name: a, unit: s, default: 1, source: d, about: x}\n",
		 "2:3: a setting needs where: a list of places in the manifests"},
		{"settings:\n- {name: a, unit: s, default: 1, source: d, about: x, where: [{object: "
		 "x}]}\n",
		 "2:63: a setting needs the key \"path\""},
		{"settings:\n- {name: a, unit: s, default: 1, source: d, about: x, where: [{objekt: "
		 "x}]}\n",
		 "2:64: unknown key \"objekt\" in a place; did you mean \"object\"?"},
		{"settings:\n- {name: a, unit: s, default: 1, source: d, about: x, access: a, where: []}\n",
		 "2:63: a setting is the clients' own (access), or has places (where) or overlays"},
		{"settings:\n- {name: a, unit: s, default: 1, source: d, about: x, access: []}\n", NULL},
		{"settings: []\nimpossible: [{because: x}]\n", "2:14: give if: or rule:, or both"},
		{"settings: []\nimpossible: [{rule: 1 < 2}]\n", "2:14: because: must say why"},
		{"settings: []\nimpossible: [{if: {a: 1}, because: x}]\n",
		 "2:20: no setting has the name a"},
		{"settings: []\nimpossible: [{if: 5, because: x}]\n",
		 "2:19: if: must be a map of settings to values"},
		{"settings: []\nimpossible: [{rule: 1 < 2, asked: a, because: x}]\n",
		 "2:35: asked: must be the name of a setting"},
		{RULE("a <= b"), "5:9: wrong rule: no setting has this name at \"b\""},
		{RULE("a"), "5:9: wrong rule: one of <= >= < > == != is missing at \"\""},
		{RULE("a <="), "5:9: wrong rule: a number or a name is missing at \"\""},
		{RULE("(a < 2"), "5:9: wrong rule: a ) is missing at \"< 2\""},
		{RULE("a < 2 3"), "5:9: wrong rule: too much at \"3\""},
		{RULE("a < 2 < 3"), "5:9: wrong rule: too much at \"< 3\""},
		{RULE("a / 2 < 3"), "5:9: wrong rule: one of <= >= < > == != is missing at \"/ 2 < "
				    "3\""},
		{RULE("w < 3"), "5:9: wrong rule: a word cannot be calculated with at \"w < 3\""},
		{RULE("w == 3 + "), NULL},
		{RULE("((((((((((((((((((((((((((((((((((((((((1)"), NULL},
		{RULE("----------------------------------------1 < 2"), NULL},
	};
	struct fixture *f = *state;
	char expected[1024];
	size_t i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};

		if (!load(f, t[i].text, &e))
			fail_msg("taken, but wrong:\n%s", t[i].text);
		assert_int_equal(e.kind, ERR_INPUT);
		snprintf(expected, sizeof(expected), "%s:%s", f->path, t[i].message);
		if (t[i].message)
			assert_string_equal(e.msg, expected);
	}
}

/* Every system's own settings.yaml is sound, and its defaults are possible. */
static void test_shipped(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	char root[4096], pattern[4200];
	glob_t g = {0};
	size_t i;

	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(pattern, sizeof(pattern), "%s/fixtures/*/settings.yaml", root);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (i = 0; i < g.gl_pathc; i++) {
		if (settings_load(&f->arena, g.gl_pathv[i], &f->s, &e) ||
		    settings_check(&f->s, &e))
			fail_msg("%s", e.msg);
		assert_true(f->s.n > 0);
	}
	globfree(&g);
	/* A group holds nothing back, whatever it is told. */
	snprintf(pattern, sizeof(pattern), "%s/fixtures/mysql/settings.yaml", root);
	assert_int_equal(settings_load(&f->arena, pattern, &f->s, &e), 0);
	settings_set(&f->arena, &f->s, "replica_delay", "10s", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), 0);
	settings_set(&f->arena, &f->s, "failover", "group-replication", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), -1);
	assert_non_null(strstr(e.msg, "failover = group-replication, replica_delay = 10; "));
	settings_set(&f->arena, &f->s, "replica_delay", "0", "--set", NULL, &e);
	assert_int_equal(settings_check(&f->s, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_from_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_impossible, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rule_of_some, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shipped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
