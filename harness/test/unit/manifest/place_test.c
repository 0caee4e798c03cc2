/* Where the values of settings go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "manifest/manifest.h"
#include "manifest/parts.h"
#include "test/unit/manifest/room.h"

static void load_settings(struct fixture *f, const char *places)
{
	char path[128], text[2048];
	struct err e = {0};

	snprintf(text, sizeof(text), "settings:\n%s", places);
	put(f, "settings.txt", text);
	snprintf(path, sizeof(path), "%s/settings.txt", f->dir);
	if (settings_load(&f->arena, path, &f->s, &e))
		fail_msg("%s", e.msg);
}

#define SETTING(name, unit, dflt, place) \
	"- {name: " name ", unit: " unit ", default: " dflt ", source: d, about: x, where: [" place \
	"]}\n"

#define INSIDE(path, more) \
	"{object: ConfigMap/postgres-config, path: data.\"patroni.yaml\", inside: " path more "}"

static int apply(struct fixture *f, const char *name, const char *value, struct err *e)
{
	struct err mine = {0};

	if (name && settings_set(&f->arena, &f->s, name, value, "--set", NULL, &mine))
		fail_msg("%s", mine.msg);
	return manifest_apply_settings(&f->arena, &f->m, &f->s, &f->log, e);
}

/* What one setting does to the text: exactly one place differs. */
static void test_inside(void **state)
{
	static const struct {
		const char *setting, *name, *value;
		const char *old, *new; /* in the text, each once */
	} t[] = {
		{SETTING("t", "s", "30", INSIDE("bootstrap.dcs.ttl", "")), "t", "20", "ttl: 30  # seconds",
		 "ttl: 20  # seconds"},
		{SETTING("q", "word", "1", INSIDE("bootstrap.dcs.quoted", "")), "q", "22",
		 "quoted: \"1\"", "quoted: '22'"},
		{SETTING("q", "word", "it's", INSIDE("bootstrap.dcs.single", "")), "q", "a 'b: c",
		 "single: 'it''s'", "single: 'a ''b: c'"},
		{SETTING("a", "count", "1", INSIDE("bootstrap.dcs.postgresql.parameters.a", "")), "a", "5",
		 "{a: 1}", "{a: 5}"},
		{SETTING("b", "count", "1",
			 INSIDE("bootstrap.dcs.postgresql.parameters.b", ", create: true")), "b", "5",
		 "{a: 1}", "{b: 5, a: 1}"},
		{SETTING("m", "s", "1", INSIDE("bootstrap.dcs.master_start_timeout", ", create: true")),
		 "m", "5", "    ttl: 30", "    master_start_timeout: 5\n    ttl: 30"},
		{SETTING("s", "bool", "off", INSIDE("bootstrap.dcs.synchronous_mode", "")), "s", "on",
		 "synchronous_mode: off", "synchronous_mode: true"},
		{SETTING("c", "word", "'on'",
			 INSIDE("bootstrap.dcs.postgresql.parameters.c", ", create: true")), "c", "off",
		 "{a: 1}", "{c: 'off', a: 1}"},
		{SETTING("l", "word", "x", INSIDE("'bootstrap.list[0]'", "")), "l", "host x",
		 "- host all all", "- 'host x'"},
	};
	struct fixture *f = *state;
	const char *before, *at;
	struct err e = {0};
	size_t i;

	put(f, "a.yaml", config);
	for (i = 0; i < ARRAY_LEN(t); i++) {
		read_dir(f);
		f->log.n = 0;
		before = text_at(f, 0, "data.\"patroni.yaml\"");
		load_settings(f, t[i].setting);
		if (apply(f, t[i].name, t[i].value, &e))
			fail_msg("%s", e.msg);
		at = strstr(before, t[i].old);
		assert_non_null(at);
		assert_string_equal(text_at(f, 0, "data.\"patroni.yaml\""),
				    arena_fmt(&f->arena, "%.*s%s%s", (int)(at - before), before,
					      t[i].new, at + strlen(t[i].old)));
		assert_int_equal(f->log.n, 1);
		assert_non_null(strstr(f->log.v[0].why, "--set"));
	}
}

/* Texts of lines, as redis.conf and what a script writes to a file. */
static void test_lines(void **state)
{
	static const char *const conf =
		"kind: ConfigMap\napiVersion: v1\nmetadata: {name: c, namespace: n}\ndata:\n  r.conf: |\n"
		"    # maxmemory 1\n    maxmemory 2gb\n    appendonly yes\n    maxmemory-policy lru\n";
	static const struct {
		const char *setting, *name, *value, *text;
		size_t changes;
	} t[] = {
#define LINE(words, more) "{object: ConfigMap/c, path: data.\"r.conf\", line: " words more "}"
		{SETTING("m", "bytes", "2Gi", LINE("maxmemory", "")), NULL, NULL,
		 "# maxmemory 1\nmaxmemory 2gb\nappendonly yes\nmaxmemory-policy lru\n", 0},
		{SETTING("m", "bytes", "2Gi", LINE("maxmemory", "")), "m", "8Mi",
		 "# maxmemory 1\nmaxmemory 8388608\nappendonly yes\nmaxmemory-policy lru\n", 1},
		{SETTING("a", "bool", "on", LINE("appendonly", "")), "a", "off",
		 "# maxmemory 1\nmaxmemory 2gb\nappendonly no\nmaxmemory-policy lru\n", 1},
		{SETTING("u", "bool", "off", LINE("unclean =", ", create: true")), "u", "on",
		 "unclean = true\n# maxmemory 1\nmaxmemory 2gb\nappendonly yes\nmaxmemory-policy lru\n", 1},
		{SETTING("p", "word", "lru", LINE("maxmemory-policy", "")), "p", "none",
		 "# maxmemory 1\nmaxmemory 2gb\nappendonly yes\nmaxmemory-policy none\n", 1},
		{SETTING("b", "count", "0", LINE("backlog", ", create: true")), NULL, NULL,
		 "# maxmemory 1\nmaxmemory 2gb\nappendonly yes\nmaxmemory-policy lru\n", 0},
		{SETTING("b", "count", "0", LINE("backlog", ", create: true")), "b", "1",
		 "backlog 1\n# maxmemory 1\nmaxmemory 2gb\nappendonly yes\nmaxmemory-policy lru\n", 1},
		{SETTING("b", "count", "0", LINE("appendonly at", ", create: true")), "b", "1",
		 "# maxmemory 1\nmaxmemory 2gb\nappendonly yes\nappendonly at 1\nmaxmemory-policy lru\n",
		 1},
	};
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "a.yaml", conf);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		read_dir(f);
		f->log.n = 0;
		load_settings(f, t[i].setting);
		if (apply(f, t[i].name, t[i].value, &e))
			fail_msg("%s", e.msg);
		assert_string_equal(text_at(f, 0, "data.\"r.conf\""), t[i].text);
		assert_int_equal(f->log.n, t[i].changes);
	}
	load_settings(f, SETTING("x", "count", "0", LINE("absent", "")));
	assert_int_equal(apply(f, "x", "1", &e), -1);
	assert_non_null(strstr(e.msg, "absent") ? e.msg : strstr(e.msg, "setting x"));
	read_dir(f);
	load_settings(f, SETTING("m", "bytes", "2Gi", LINE("maxmemory", "")));
	assert_int_equal(apply(f, "m", "1Mi", &e), 0);
	assert_logged(f, "ConfigMap/c", "data.\"r.conf\": maxmemory", 7, "2gb", "1048576");
}

static void test_inside_line(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "a.yaml", config);
	read_dir(f);
	load_settings(f, SETTING("n", "s", "1", INSIDE("bootstrap.dcs.new", ", create: true"))
			 SETTING("t", "s", "30", INSIDE("bootstrap.dcs.ttl", "")));
	settings_set(&f->arena, &f->s, "n", "2", "--set", NULL, &e);
	assert_int_equal(apply(f, "t", "25", &e), 0);
	assert_logged(f, "ConfigMap/postgres-config", "data.\"patroni.yaml\": bootstrap.dcs.new", 13,
		      NULL, "2");
	assert_logged(f, "ConfigMap/postgres-config", "data.\"patroni.yaml\": bootstrap.dcs.ttl", 13,
		      "30", "25");
}

static void test_unchanged(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "a.yaml", config);
	read_dir(f);
	load_settings(f, SETTING("t", "s", "30", INSIDE("bootstrap.dcs.ttl", ""))
			 SETTING("s", "bool", "off", INSIDE("bootstrap.dcs.synchronous_mode", ""))
			 SETTING("n", "s", "1", INSIDE("bootstrap.dcs.nothing", ", create: true"))
			 SETTING("o", "s", "1", INSIDE("bootstrap.dcs.nothing", ", optional: true"))
			 SETTING("p", "s", "1", "{object: Pod/x, path: a, optional: true}"));
	if (apply(f, NULL, NULL, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(f->log.n, 0);
	/* No place in this variant, but the user wants it changed. */
	assert_int_equal(apply(f, "p", "2", &e), -1);
	assert_string_equal(e.msg,
			    "--set p: the setting has no place in this variant's manifests");
}

static void test_plain(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	cJSON *o;

	put(f, "a.yaml", config);
	put(f, "b.yaml", set);
	read_dir(f);
	load_settings(f, SETTING("r", "count", "3", "{object: StatefulSet/postgres, path: "
						    "spec.replicas}")
			 SETTING("l", "count", "5", "{object: ConfigMap/postgres-config, path: "
						    "data.PATRONI_LOG_LEVEL}")
			 SETTING("n", "count", "5", "{object: ConfigMap/postgres-config, path: "
						    "data.NEW, create: true}"));
	settings_set(&f->arena, &f->s, "l", "6", "--set", NULL, &e);
	settings_set(&f->arena, &f->s, "n", "7", "--set", NULL, &e);
	if (apply(f, "r", "5", &e))
		fail_msg("%s", e.msg);
	assert_logged(f, "StatefulSet/postgres", "spec.replicas", 6, "3", "5");
	o = yaml_to_json(f->m.objects[1]);
	assert_int_equal(json_i64(json_get(o, "spec"), "replicas", 0), 5);
	cJSON_Delete(o);
	o = yaml_to_json(f->m.objects[0]);
	assert_string_equal(json_str(json_get(o, "data"), "PATRONI_LOG_LEVEL", ""), "6");
	assert_string_equal(json_str(json_get(o, "data"), "NEW", ""), "7");
	cJSON_Delete(o);
}

static void test_no_place(void **state)
{
	static const struct {
		const char *setting, *message;
	} t[] = {
		{SETTING("a", "s", "1", "{object: Pod/x, path: a}"),
		 "2:63: the setting a has its place in Pod/x, which the manifests do not have"},
		{SETTING("a", "s", "1", "{object: ConfigMap/postgres-config, path: data.x}"), NULL},
		{SETTING("a", "s", "1", "{object: ConfigMap/postgres-config, path: data}"), NULL},
		{SETTING("a", "s", "1", INSIDE("bootstrap.dcs", "")), NULL},
		{SETTING("a", "s", "1", INSIDE("bootstrap.dcs.x", "")), NULL},
		{SETTING("a", "s", "1", INSIDE("bootstrap.x.y", ", create: true")), NULL},
		{SETTING("a", "s", "1", "{object: ConfigMap/postgres-config, path: data.OTHER, inside: "
					"a.b}"), NULL},
	};
	struct fixture *f = *state;
	char expected[512];
	size_t i;

	put(f, "a.yaml", config);
	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};

		read_dir(f);
		load_settings(f, t[i].setting);
		if (!apply(f, "a", "2", &e))
			fail_msg("taken, but wrong: %s", t[i].setting);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_non_null(strstr(e.msg, "the setting a"));
		snprintf(expected, sizeof(expected), "%s/settings.txt:%s", f->dir, t[i].message);
		if (t[i].message)
			assert_string_equal(e.msg, expected);
	}
}

static void test_split(void **state)
{
	static const struct {
		const char *path, *parent, *leaf;
	} t[] = {
		{"a", "", "a"},
		{"a.b", "a", "b"},
		{"a[0].b.c", "a[0].b", "c"},
		{"a.\"b.c\"", "a", "b.c"},
		{"\"a.b\".c", "\"a.b\"", "c"},
		{"a[0]", NULL, NULL},
		{"a.", NULL, NULL},
		{"", NULL, NULL},
	};
	struct fixture *f = *state;
	const char *parent, *leaf;
	size_t i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(path_split(&f->arena, t[i].path, &parent, &leaf),
				 t[i].leaf != NULL);
		if (t[i].leaf) {
			assert_string_equal(parent, t[i].parent);
			assert_string_equal(leaf, t[i].leaf);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inside_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
