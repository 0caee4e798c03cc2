#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "manifest/manifest.h"
#include "manifest/parts.h"

/* Manifests: reading, what settings put into them, what an engine changes. */

struct fixture {
	struct arena arena;
	char dir[64];
	struct manifest m;
	struct adaptations log;
	struct settings s;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-manifest-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
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

static void put(struct fixture *f, const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void read_dir(struct fixture *f)
{
	struct err e = {0};

	if (manifest_read_dir(&f->arena, f->dir, &f->m, &e))
		fail_msg("%s", e.msg);
}

static const char *text_at(struct fixture *f, size_t object, const char *path)
{
	const struct ynode *n = yaml_path(f->m.objects[object], path);

	if (!n)
		fail_msg("no %s", path);
	return n->text;
}

/* The log entry for one object and path, or NULL. */
static const struct adaptation *logged(const struct fixture *f, const char *object,
				       const char *path)
{
	size_t i;

	for (i = 0; i < f->log.n; i++) {
		if (!strcmp(f->log.v[i].object, object) && !strcmp(f->log.v[i].path, path))
			return &f->log.v[i];
	}
	return NULL;
}

static void assert_logged(const struct fixture *f, const char *object, const char *path,
			  int line, const char *from, const char *to)
{
	const struct adaptation *ad = logged(f, object, path);

	if (!ad)
		fail_msg("%s %s is not recorded", object, path);
	assert_int_equal(ad->line, line);
	if (from)
		assert_string_equal(ad->from, from);
	else
		assert_null(ad->from);
	if (to)
		assert_string_equal(ad->to, to);
	else
		assert_null(ad->to);
	assert_true(*ad->why);
}

static const char config[] =
	"apiVersion: v1\n"
	"kind: ConfigMap\n"
	"metadata:\n"
	"  name: postgres-config\n"
	"  namespace: production\n"
	"data:\n"
	"  PATRONI_KUBERNETES_NAMESPACE: production\n"
	"  PATRONI_LOG_LEVEL: \"5\"\n"
	"  OTHER: production\n"
	"  patroni.yaml: |\n"
	"    bootstrap:\n"
	"      dcs:   # the lease\n"
	"        ttl: 30  # seconds\n"
	"        quoted: \"1\"\n"
	"        single: 'it''s'\n"
	"        postgresql: {parameters: {a: 1}, use_slots: true}\n"
	"        loop_wait: 10\n"
	"        synchronous_mode: off\n"
	"      list:\n"
	"        - host all all\n"
	"    kubernetes:\n"
	"      namespace: production\n"
	"    url: http://a.b.production.svc.cluster.local:1\n";

static const char set[] =
	"apiVersion: apps/v1\n"
	"kind: StatefulSet\n"
	"metadata:\n"
	"  name: postgres\n"
	"spec:\n"
	"  replicas: 3\n"
	"  template:\n"
	"    spec:\n"
	"      initContainers:\n"
	"        - {name: i, image: busybox}\n"
	"      containers:\n"
	"        - name: postgres\n"
	"          image: acid/spilo-15:3.0-p1\n"
	"          env:\n"
	"            - {name: POD_NAMESPACE, value: production}\n"
	"            - {name: HOST, value: db.production.svc}\n"
	"          resources:\n"
	"            requests: {cpu: 500m, memory: 1Gi}\n"
	"            limits: {cpu: 2, memory: 4Gi}\n"
	"        - name: side\n"
	"          image: busybox\n"
	"          resources:\n"
	"            limits: {cpu: 100m, memory: 1Gi}\n"
	"  volumeClaimTemplates:\n"
	"    - metadata: {name: data}\n"
	"      spec:\n"
	"        resources: {requests: {storage: 100Gi}}\n"
	"---\n"
	"apiVersion: rbac.authorization.k8s.io/v1\n"
	"kind: RoleBinding\n"
	"metadata: {name: postgres, namespace: production}\n"
	"subjects:\n"
	"  - {kind: ServiceAccount, name: postgres, namespace: production}\n"
	"---\n"
	"apiVersion: storage.k8s.io/v1\n"
	"kind: StorageClass\n"
	"metadata: {name: fast-ssd}\n"
	"provisioner: ebs.csi.aws.com\n"
	"parameters:\n"
	"  type: gp3\n"
	"  iops: \"16000\"\n"
	"reclaimPolicy: Retain\n";

static void test_read(void **state)
{
	struct fixture *f = *state;
	const char **images;
	struct err e = {0};
	size_t n;

	put(f, "20-set.yaml", set);
	put(f, "10-config.yaml", config);
	put(f, "access.yaml", "no: object\n");
	put(f, "notes.txt", "[[[");
	put(f, ".hidden.yaml", "[[[");
	put(f, "30-empty.yaml", "# nothing\n---\n");
	read_dir(f);
	assert_int_equal(f->m.n, 4);
	assert_string_equal(manifest_object_name(&f->arena, f->m.objects[0]),
			    "ConfigMap/postgres-config");
	assert_string_equal(manifest_object_name(&f->arena, f->m.objects[3]),
			    "StorageClass/fast-ssd");
	assert_int_equal(manifest_images(&f->arena, &f->m, &images, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(images[0], "busybox");
	assert_string_equal(images[1], "acid/spilo-15:3.0-p1");
	assert_null(images[2]);
}

static void test_read_wrong(void **state)
{
	static const struct {
		const char *text, *message;
	} t[] = {
		{"kind: A\nmetadata: {name: a}\n", "1:1: the object has no apiVersion"},
		{"apiVersion: v1\nmetadata: {name: a}\n", "1:1: the object has no kind"},
		{"apiVersion: v1\nkind: A\n", "1:1: the object has no metadata.name"},
		{"apiVersion: v1\nkind: A\nmetadata: {}\n", "3:11: the object has no metadata.name"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: [1]}\n",
		 "3:18: a text is needed here, not a list"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: ''}\n", "3:18: metadata.name is empty"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: []}\n",
		 "3:32: a text is needed here, not a list"},
		{"- a\n", "1:1: an object (apiVersion, kind, metadata) is needed here"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: A\n"
		 "metadata: {name: a}\n", NULL},
		{"a: 1\na: 2\n", "2:1: the key \"a\" is there twice (first in line 1): remove one"},
		{"# nothing\n", NULL},
	};
	struct fixture *f = *state;
	char expected[1024];
	size_t i;

	for (i = 0; i < ARRAY_LEN(t); i++) {
		struct err e = {0};

		put(f, "a.yaml", t[i].text);
		if (!manifest_read_dir(&f->arena, f->dir, &f->m, &e))
			fail_msg("taken, but wrong:\n%s", t[i].text);
		assert_int_equal(e.kind, ERR_INPUT);
		snprintf(expected, sizeof(expected), "%s/a.yaml:%s", f->dir, t[i].message);
		if (t[i].message)
			assert_string_equal(e.msg, expected);
	}
}

static void test_read_nothing(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(manifest_read_dir(&f->arena, f->dir, &f->m, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(manifest_read_dir(&f->arena, "/nonexistent/folder", &f->m, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

static const char *test_image(void *arg, const char *image)
{
	++*(int *)arg;
	return !strcmp(image, "busybox") ? NULL : "localhost/x:1";
}

static void test_adapt(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int asked = 0;
	struct adapt_rules rules = {
		.namespace = "run-7",
		.max_cpu_request_m = 250,
		.max_memory_request_bytes = 256 << 20,
		.max_claim_bytes = INT64_C(1) << 30,
		.image = test_image,
		.arg = &asked,
		.provisioner = "ordeal",
	};

	put(f, "a.yaml", config);
	put(f, "b.yaml", set);
	read_dir(f);
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(asked, 3);
	assert_logged(f, "ConfigMap/postgres-config", "metadata.namespace", 5, "production", "run-7");
	assert_logged(f, "ConfigMap/postgres-config", "data.PATRONI_KUBERNETES_NAMESPACE", 7,
		      "production", "run-7");
	assert_string_equal(text_at(f, 0, "data.OTHER"), "production");
	assert_logged(f, "ConfigMap/postgres-config", "data.\"patroni.yaml\"", 22,
		      "  namespace: production", "  namespace: run-7");
	assert_non_null(strstr(text_at(f, 0, "data.\"patroni.yaml\""), "http://a.b.run-7.svc.cluster"));
	assert_logged(f, "StatefulSet/postgres", "metadata.namespace", 4, NULL, "run-7");
	assert_logged(f, "StatefulSet/postgres", "spec.template.spec.containers[0].image", 13,
		      "acid/spilo-15:3.0-p1", "localhost/x:1");
	assert_null(logged(f, "StatefulSet/postgres", "spec.template.spec.initContainers[0].image"));
	assert_logged(f, "StatefulSet/postgres",
		      "spec.template.spec.containers[0].resources.requests.cpu", 18, "500m", "250m");
	assert_logged(f, "StatefulSet/postgres",
		      "spec.template.spec.containers[0].resources.requests.memory", 18, "1Gi", "256Mi");
	assert_string_equal(text_at(f, 1, "spec.template.spec.containers[0].resources.limits.memory"),
			    "4Gi");
	assert_logged(f, "StatefulSet/postgres",
		      "spec.template.spec.containers[1].resources.requests.memory", 23, NULL, "256Mi");
	assert_null(logged(f, "StatefulSet/postgres",
			   "spec.template.spec.containers[1].resources.requests.cpu"));
	assert_logged(f, "StatefulSet/postgres",
		      "spec.volumeClaimTemplates[0].spec.resources.requests.storage", 27, "100Gi",
		      "1Gi");
	assert_logged(f, "RoleBinding/postgres", "subjects[0].namespace", 33, "production", "run-7");
	assert_logged(f, "StorageClass/fast-ssd", "provisioner", 38, "ebs.csi.aws.com", "ordeal");
	assert_logged(f, "StorageClass/fast-ssd", "parameters.iops", 41, "16000", NULL);
	assert_logged(f, "StorageClass/fast-ssd", "reclaimPolicy", 42, "Retain", "Delete");
	assert_null(yaml_get(f->m.objects[3], "parameters"));
	assert_null(yaml_path(f->m.objects[3], "metadata.namespace"));
}

/* The StatefulSet has no namespace of its own, so what its texts mean is
 * unknown; with one, they follow. */
static void test_adapt_env(void **state)
{
	struct fixture *f = *state;
	struct adapt_rules rules = {.namespace = "run-7"};
	struct err e = {0};

	put(f, "b.yaml", set);
	read_dir(f);
	yaml_set(&f->arena, yaml_get(f->m.objects[0], "metadata"), "namespace",
		 yaml_new_scalar(&f->arena, "production", true));
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(text_at(f, 0, "spec.template.spec.containers[0].env[0].value"), "run-7");
	assert_string_equal(text_at(f, 0, "spec.template.spec.containers[0].env[1].value"),
			    "db.run-7.svc");
	assert_string_equal(text_at(f, 0, "spec.template.spec.containers[0].image"),
			    "acid/spilo-15:3.0-p1");
}

/* Reports show changes, and no secrets in them. */
static void test_adapt_secret(void **state)
{
	struct adapt_rules rules = {.namespace = "run-7"};
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: production}\nstringData:\n"
			 "  url: \"postgres://app:hunter2@db.production.svc/app\"\n  file: |\n    pw hunter2\n"
			 "    host db.production.svc hunter2\n");
	put(f, "b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: production}\ndata:\n"
			 "  urls: \"http://db.production.svc postgres://app:hunter2@db.production.svc/a redis://:hunter2@x:1\"\n");
	read_dir(f);
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(f->log.n, 5);
	for (size_t i = 0; i < f->log.n; i++)
		if ((f->log.v[i].from && strstr(f->log.v[i].from, "hunter2")) ||
		    (f->log.v[i].to && strstr(f->log.v[i].to, "hunter2")))
			fail_msg("%s %s: %s", f->log.v[i].object, f->log.v[i].path, f->log.v[i].from);
	assert_logged(f, "Secret/s", "metadata.namespace", 3, "production", "run-7");
	assert_logged(f, "Secret/s", "stringData.url", 5, "(hidden)", "(hidden)");
	assert_logged(f, "ConfigMap/c", "data.urls", 5,
		      "http://db.production.svc postgres://app:(hidden)@db.production.svc/a redis://:(hidden)@x:1",
		      "http://db.run-7.svc postgres://app:(hidden)@db.run-7.svc/a redis://:(hidden)@x:1");
	/* What runs has it whole. */
	assert_string_equal(text_at(f, 0, "stringData.url"), "postgres://app:hunter2@db.run-7.svc/app");
}

static void test_adapt_nothing(void **state)
{
	struct fixture *f = *state;
	struct adapt_rules rules = {0};
	struct err e = {0};

	put(f, "b.yaml", set);
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), 0);
	assert_int_equal(f->log.n, 0);
}

static void test_adapt_wrong(void **state)
{
	struct adapt_rules rules = {.max_cpu_request_m = 1, .max_claim_bytes = 1};
	static const char head[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
				   "  containers:\n  - resources: {requests: {cpu: lots}}\n";
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "b.yaml", head);
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), -1);
	assert_non_null(strstr(e.msg, "b.yaml:6:33: malformed quantity \"lots\" of cpu"));
	put(f, "b.yaml", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\n"
			 "spec: {resources: {requests: {storage: big}}}\n");
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), -1);
	assert_non_null(strstr(e.msg, "b.yaml:4:40: malformed size of a claim"));
}

/* ---- settings ---- */

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

static void sub(struct fixture *f, const char *dir, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	put(f, path, text);
}

static const char more[] = "apiVersion: v1\nkind: Service\nmetadata: {name: store}\n";

static int lay(struct fixture *f, const char *overlay, const struct ynode **access, struct err *e)
{
	put(f, "a.yaml", config);
	put(f, "b.yaml", set);
	sub(f, "over", "overlay.yaml", overlay);
	sub(f, "over", "store.yaml", more);
	read_dir(f);
	return manifest_overlay(&f->arena, &f->m, arena_fmt(&f->arena, "%s/over", f->dir), "store = x",
				&f->log, access, e);
}

static void test_overlay(void **state)
{
	struct fixture *f = *state;
	const struct ynode *access = NULL;
	struct err e = {0};

	if (lay(f, "about: x\n"
		"edit:\n"
		"- object: ConfigMap/postgres-config\n"
		"  path: data.\"patroni.yaml\"\n"
		"  replace: |\n"
		"    kubernetes:\n"
		"      namespace: production\n"
		"  with: |\n"
		"    etcd3: {hosts: a}\n"
		"- {object: ConfigMap/postgres-config, path: data.OTHER, remove: true}\n"
		"access: {write_host: 'a,b', read_host: null}\n", &access, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(yaml_get(access, "write_host")->text, "a,b");
	assert_null(strstr(text_at(f, 0, "data.\"patroni.yaml\""), "kubernetes:"));
	assert_non_null(strstr(text_at(f, 0, "data.\"patroni.yaml\""),
			       "- host all all\netcd3: {hosts: a}\nurl: http:"));
	assert_null(yaml_path(f->m.objects[0], "data.OTHER"));
	assert_string_equal(manifest_object_name(&f->arena, f->m.objects[f->m.n - 1]), "Service/store");
	assert_logged(f, "ConfigMap/postgres-config", "data.\"patroni.yaml\"", 21,
		      "kubernetes:\n  namespace: production\n", "etcd3: {hosts: a}\n");
	assert_logged(f, "ConfigMap/postgres-config", "data.OTHER", 9, "production", NULL);
	assert_logged(f, "Service/store", "(the object)", 1, NULL, "added");
	assert_int_equal(f->log.n, 3);
}

static void test_overlay_removes(void **state)
{
	struct fixture *f = *state;
	const struct ynode *access = NULL;
	struct err e = {0};
	size_t n;

	if (lay(f, "remove: [ConfigMap/postgres-config]\n", &access, &e))
		fail_msg("%s", e.msg);
	n = f->m.n;
	for (size_t i = 0; i < n; i++)
		assert_string_not_equal(manifest_kind(f->m.objects[i]), "ConfigMap");
	assert_logged(f, "ConfigMap/postgres-config", "(the object)", 1, "there", NULL);
	assert_null(access);
}

static void test_overlay_that_does_not_fit(void **state)
{
	static const struct {
		const char *text, *message;
	} t[] = {
		{"remove: [Service/x]\n", "1:10: the manifests have no Service/x to change"},
		{"remove: x\n", "1:9: remove must be a list of Kind/name"},
		{"edit:\n- {object: ConfigMap/x, path: a, remove: true}\n",
		 "2:12: the manifests have no ConfigMap/x to change"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.no, remove: true}\n",
		 "2:45: ConfigMap/postgres-config has no data.no"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER}\n",
		 "2:3: an edit needs object, path, and remove or replace and with"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, replace: prod, with: x, "
		 "remove: true}\n", "2:3: an edit needs object, path, and remove or replace and with"},
		/* Twice in it, and not at all. */
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, replace: o, with: x}\n",
		 "2:66: this text must stand exactly once in data.OTHER of ConfigMap/postgres-config"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, replace: z, with: x}\n",
		 "2:66: this text must stand exactly once in data.OTHER of ConfigMap/postgres-config"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data, remove: [no]}\n",
		 "2:60: data of ConfigMap/postgres-config has no no to remove"},
		{"edit:\n- {object: ConfigMap/postgres-config, path: data.OTHER, remove: false}\n",
		 "2:65: remove is true, for a key of a map, or a list of names"},
		{"acess: {}\n", "1:1: unknown key \"acess\" in an overlay; did you mean \"access\"?"},
		{"access: [a]\n", "1:9: access must be a map"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const struct ynode *access;
		struct err e = {0};
		char expected[400];

		assert_int_equal(lay(f, t[i].text, &access, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		snprintf(expected, sizeof(expected), "%s/over/overlay.yaml:%s", f->dir, t[i].message);
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
		assert_int_equal(path_split(&f->arena, t[i].path, &parent, &leaf), t[i].leaf != NULL);
		if (t[i].leaf) {
			assert_string_equal(parent, t[i].parent);
			assert_string_equal(leaf, t[i].leaf);
		}
	}
}

static void test_quantity(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes, millicores;
	} t[] = {
		{"0", 0, 0},
		{"1024", 1024, 1024000},
		{"500m", 1, 500},
		{"2", 2, 2000},
		{"0.1", 1, 100},
		{"100Gi", INT64_C(107374182400), INT64_C(107374182400000)},
		{"500M", 500000000, INT64_C(500000000000)},
		{"1.5Ki", 1536, 1536000},
		{"1e3", 1000, 1000000},
		{"1E3", 1000, 1000000},
		{"1E", INT64_C(1000000000000000000), -1},
		{"1k", 1000, 1000000},
		{"128974848000m", 128974848, INT64_C(128974848000)},
		{"", -1, -1},
		{".", -1, -1},
		{"-1", -1, -1},
		{"1K", -1, -1},
		{"1 Gi", -1, -1},
		{"1GiB", -1, -1},
		{"Gi", -1, -1},
		{"1.2.3", -1, -1},
		{"1e", -1, -1},
		{"1e99", -1, -1},
		{"0x10", -1, -1},
		{"nan", -1, -1},
		{"99999999999Ei", -1, -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		if (quantity_bytes(t[i].text) != t[i].bytes ||
		    quantity_millicores(t[i].text) != t[i].millicores)
			fail_msg("%s: %lld %lld", t[i].text, (long long)quantity_bytes(t[i].text),
				 (long long)quantity_millicores(t[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_env, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inside_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlay_removes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlay_that_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quantity, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
