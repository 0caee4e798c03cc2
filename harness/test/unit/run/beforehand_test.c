/* What is said of a scenario before anything is made: for a dry run, whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "run/beforehand.h"

struct fixture {
	struct arena a;
	char root[PATH_MAX], dir[64];
	struct plan p;
	struct err e;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-before-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) && !file_project_root(f->root, &f->e) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	plan_free(&f->p);
	file_remove_tree(f->dir, &e);
	arena_free(&f->a);
	free(f);
	return 0;
}

static int read_text(struct fixture *f, const char *text)
{
	const char *path = arena_fmt(&f->a, "%s/s.yaml", f->dir);
	struct err e = {0};

	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	plan_free(&f->p);
	f->e = (struct err){0};
	return plan_read(&f->a, f->root, path, NULL, 0, &f->p, &f->e);
}

static void must_read(struct fixture *f, const char *text)
{
	if (read_text(f, text))
		fail_msg("%s", f->e.msg);
}

#define SCENARIO(load, target) "name: x\nsystem: redis-sentinel\nload: {" load "}\nsteps:\n  - steady: 4s\n" \
			       "  - {fault: pause, target: " target ", as: f, for: 3s}\nexpect: [{lost: {at_most: 1}}]\n"

static int on(struct fixture *f, const char *engine)
{
	f->e = (struct err){0};
	return beforehand(&f->a, engine ? engine_find(engine) : NULL, &f->p, 1, &f->e);
}

static void nodes(void **state)
{
	struct fixture *f = *state;

	must_read(f, SCENARIO("rate: 50", "node/ordeal-node1"));
	if (on(f, "docker") || on(f, NULL))
		fail_msg("%s", f->e.msg);
	assert_int_equal(on(f, "kind"), -1);
	assert_int_equal(f->e.kind, ERR_INPUT);
	assert_non_null(strstr(f->e.msg, "s.yaml:6:28: the engine kind has no node \"ordeal-node1\": "
			       "node/ordeal-worker, node/ordeal-worker2, node/ordeal-worker3"));
	/* Only a cluster that is there knows its nodes. */
	assert_int_equal(on(f, "kube"), 0);
	must_read(f, SCENARIO("rate: 50", "node/ordeal-worker2"));
	assert_int_equal(on(f, "kind"), 0);
	assert_int_equal(on(f, NULL), 0);
	assert_int_equal(on(f, "docker"), -1);
	/* A run asks the same, and no API for it. */
	f->e = (struct err){0};
	assert_int_equal(beforehand_nodes(engine_find("docker"), NULL, &f->p, 1, &f->e), -1);
	must_read(f, SCENARIO("rate: 50", "node/ordeal-control"));
	assert_int_equal(on(f, "docker"), -1);
	assert_int_equal(on(f, NULL), -1);
	must_read(f, SCENARIO("rate: 50", "primary"));
	assert_int_equal(on(f, "local"), -1);
	assert_non_null(strstr(f->e.msg, "engine local runs no containers"));
}

static void add_manifest(struct fixture *f, const char *text)
{
	struct ynode **more = NULL, **all;
	size_t n = 0;

	assert_int_equal(yaml_read_text(&f->a, "more.yaml", text, &more, &n, &f->e), 0);
	all = arena_alloc(&f->a, (f->p.manifest.n + n) * sizeof(*all));
	memcpy(all, f->p.manifest.objects, f->p.manifest.n * sizeof(*all));
	memcpy(all + f->p.manifest.n, more, n * sizeof(*all));
	f->p.manifest.objects = all;
	f->p.manifest.n += n;
}

/* What the API that engine docker serves would refuse is no news of the run. */
static void own_api(void **state)
{
	struct fixture *f = *state;

	must_read(f, SCENARIO("rate: 50", "primary"));
	assert_int_equal(on(f, "docker"), 0);
	add_manifest(f, "apiVersion: v1\nkind: Endpoints\nmetadata: {name: x}\n"
		     "subsets:\n- addresses: [{ip: 192.0.2.1}]\n  ports: [{port: 80}]\n");
	assert_int_equal(on(f, "kind"), 0);
	assert_int_equal(on(f, "docker"), -1);
	assert_int_equal(f->e.kind, ERR_INPUT);
	assert_non_null(strstr(f->e.msg, "more.yaml:5:"));
}

/* Nor what no engine makes: on a cluster that was told once it was up. */
static void outside(void **state)
{
	static const char *const engines[] = {"docker", "kind", "kube"};
	struct fixture *f = *state;

	must_read(f, SCENARIO("rate: 50", "primary"));
	add_manifest(f, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\nrules: []\n---\n"
		     "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.x}\n---\n"
		     "apiVersion: longhorn.io/v1beta2\nkind: Node\nmetadata: {name: x}\n");
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		assert_int_equal(on(f, engines[i]), -1);
		assert_int_equal(f->e.kind, ERR_INPUT);
		assert_non_null(strstr(f->e.msg, "more.yaml:2:7: a ClusterRole is not supported: it lies outside"));
		assert_non_null(strstr(f->e.msg, "more.yaml:7:7: an APIService is not supported: it lies outside"));
		/* Of another group, and in a namespace: a cluster may have it. */
		assert_null(strstr(f->e.msg, "a Node is"));
	}
}

/* A cluster of ours has the API that we know, and no kinds of others; a user's may have more. */
static void own_cluster(void **state)
{
	static const struct {
		const char *object, *words;
	} t[] = {
		{"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None, newField: 1}\n",
		 "more.yaml:4:25: Service \"x\": strict decoding error: unknown field \"spec.newField\""},
		{"apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: x}\n", "more.yaml:2:7: Cluster is none of Kubernetes' own kinds"},
	};
	static const char *const engines[] = {"docker", "kind", NULL};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		must_read(f, SCENARIO("rate: 50", "primary"));
		add_manifest(f, t[i].object);
		for (size_t k = 0; k < ARRAY_LEN(engines); k++) {
			assert_int_equal(on(f, engines[k]), -1);
			if (!strstr(f->e.msg, t[i].words))
				fail_msg("%s", f->e.msg);
		}
		assert_int_equal(on(f, "kube"), 0);
	}
}

/* Mistakes of all parts of a file: what it says, and what only the fixture knows. */
static void all_at_once(void **state)
{
	static const char *const lines[] = {
		":3:", "unknown setting \"tll\"", "redis-sentinel has no member \"redis-7\"", ":8:45: kill-pod is over once it has happened",
		"is none of graceful, force, crash",
		"system redis-sentinel cannot `send`", "s.yaml:9:", "which: pid1 is one process", "shape: halves is made of all nodes",
		"s.yaml:12:11: the manifests of redis-sentinel have no CronJob \"nightly\"",
	};
	struct fixture *f = *state;

	assert_int_equal(read_text(f, "name: x\nsystem: redis-sentinel\nready_within: soon\nload: {mix: {send: 1}}\n"
				      "settings: {tll: 3}\nsteps:\n  - {fault: pause, target: redis-7}\n"
				      "  - {fault: kill-pod, target: primary, for: 3s, how: crush}\n  - {fault: puase, target: any}\n"
				      "  - {fault: kill-process, target: any, which: pid1, process: tini}\n"
				      "  - {fault: partition-node, target: primary, shape: halves}\n"
				      "  - {run: cronjob/nightly}\n"
				      "expect: [{phantom: {at_most: 1}}]\n"), -1);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!strstr(f->e.msg, lines[i]))
			fail_msg("\"%s\" does not say \"%s\"", f->e.msg, lines[i]);
}

/* Nor does a wrong member keep to itself what the engine would say, or one expectation
 * another. */
static void engine_too(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(read_text(f, "name: x\nsystem: redis-sentinel\nsteps:\n  - steady: 4s\n"
				      "  - {fault: pause, target: redis-7, as: f, for: 3s}\n"
				      "  - {fault: pause, target: node/nowhere, as: g, for: 3s}\n"
				      "expect:\n  - latency: {of: shard, at_most: 100ms}\n  - latency: {of: shard, at_most: 200ms}\n"), -1);
	assert_non_null(strstr(f->e.msg, "has no member \"redis-7\""));
	assert_non_null(strstr(f->e.msg, "s.yaml:8:5: system redis-sentinel has no shards"));
	assert_non_null(strstr(f->e.msg, "s.yaml:9:5: system redis-sentinel has no shards"));
	e = f->e;
	assert_int_equal(on(f, "docker"), -1);
	assert_non_null(strstr(f->e.msg, "the engine docker has no node \"nowhere\""));
	assert_null(strstr(e.msg, "nowhere"));
	/* A pod of another StatefulSet may be hit as well: what is no pod at all may not. */
	must_read(f, SCENARIO("rate: 50", "redis-sentinel-2"));
	assert_int_equal(on(f, "docker"), 0);
	assert_int_equal(read_text(f, SCENARIO("rate: 50", "redis-sentinel-3")), -1);
	assert_non_null(strstr(f->e.msg, "redis-replica-1, redis-sentinel-0, redis-sentinel-1, redis-sentinel-2, or node/NAME"));
	/* A wrong setting keeps nothing to itself, either, and makes no manifest wrong. */
	assert_int_equal(read_text(f, "name: x\nsystem: redis-sentinel\nsettings: {no_such: 1}\nsteps: [{steady: 4s}]\n"
				      "expect: [{phantom: {at_most: 1}}]\n"), -1);
	assert_int_equal(on(f, "docker"), 0);
	assert_int_equal(read_text(f, "name: x\nsystem: redis-sentinel\nsettings: {no_such: 1}\nsteps:\n  - steady: 4s\n"
				      "  - {fault: pause, target: node/nowhere, for: 3s}\nexpect: [{phantom: {at_most: 1}}]\n"), -1);
	assert_int_equal(on(f, "docker"), -1);
	assert_non_null(strstr(f->e.msg, "the engine docker has no node \"nowhere\""));
	/* Nor one value that is none another, or a variant that there is not the nodes. */
	assert_int_equal(read_text(f, "name: x\nsystem: redis-sentinel\nvariant: mine\nsettings: {quorum: [1], no_such: 1, "
				      "failover_timeout: {}, down_after: x}\nsteps:\n  - steady: 4s\n"
				      "  - {fault: pause, target: node/nowhere, for: 3s}\nexpect: [{phantom: {at_most: 1}}]\n"), -1);
	assert_non_null(strstr(f->e.msg, "s.yaml:4:20: a text is needed here, not a list"));
	assert_non_null(strstr(f->e.msg, "unknown setting \"no_such\""));
	assert_non_null(strstr(f->e.msg, "a text is needed here, not a map"));
	assert_non_null(strstr(f->e.msg, "setting down_after must be"));
	assert_int_equal(on(f, "docker"), -1);
	assert_non_null(strstr(f->e.msg, "the engine docker has no node \"nowhere\""));
}

/* An object that is none keeps what is wrong with the others to itself no more. */
static void broken_object(void **state)
{
	static const char text[] = "kind: Deployment\nmetadata: {name: x}\n---\napiVersion: v1\nkind: ConfigMap\n"
				   "metadata: {name: y}\ndata: {a: 1}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: z}\n";
	struct fixture *f = *state;
	const char *dir = arena_fmt(&f->a, "%s/fixtures/redis-sentinel/corrected", f->dir);
	const char *access = arena_fmt(&f->a, "%s/fixtures/redis-sentinel/corrected/access.yaml", f->root);
	struct buf b = {0};

	assert_int_equal(file_mkdirs(dir, &f->e), 0);
	assert_int_equal(file_read(access, &b, &f->e), 0);
	assert_int_equal(file_write_atomic(arena_fmt(&f->a, "%s/access.yaml", dir), b.s, b.len, &f->e), 0);
	buf_free(&b);
	assert_int_equal(file_write_atomic(arena_fmt(&f->a, "%s/x.yaml", dir), text, sizeof(text) - 1, &f->e), 0);
	mem_copy_str(f->root, sizeof(f->root), f->dir);
	assert_int_equal(read_text(f, SCENARIO("rate: 50", "redis-sentinel-0")), -1);
	assert_non_null(strstr(f->e.msg, "x.yaml:1:1: the object has no apiVersion"));
	assert_null(strstr(f->e.msg, "has no member"));
	assert_int_equal(on(f, "docker"), -1);
	assert_non_null(strstr(f->e.msg, "x.yaml:7:11: ConfigMap in version"));
	assert_non_null(strstr(f->e.msg, "x.yaml:10:7: a Pod is not supported"));
}

/* What is set of a Secret is nobody's to read: neither in a plan nor in the command that a
 * report keeps. */
static void secret_settings(void **state)
{
	static const char text[] = "settings:\n- {name: pass, unit: word, default: d3fault, source: document, about: x, where: "
				   "[{object: Secret/s, path: stringData.p}]}\n"
				   "- {name: open, unit: word, default: a, source: document, about: x, where: "
				   "[{object: ConfigMap/c, path: data.p}]}\n";
	static const char secret[] = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: x}\n---\n"
				     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {p: x}\n";
	const struct setting_arg sets[] = {{"pass", "(hid"}, {"open", "yes"}, {"pass", "hunter2"}};
	struct fixture *f = *state;
	const char *dir = arena_fmt(&f->a, "%s/fixtures/redis-sentinel/corrected", f->dir), *path;
	struct buf b = {0};
	char *got = NULL;
	size_t size;
	FILE *out;

	assert_int_equal(file_mkdirs(dir, &f->e), 0);
	assert_int_equal(file_read(arena_fmt(&f->a, "%s/fixtures/redis-sentinel/corrected/access.yaml", f->root), &b, &f->e), 0);
	assert_int_equal(file_write_atomic(arena_fmt(&f->a, "%s/access.yaml", dir), b.s, b.len, &f->e), 0);
	buf_free(&b);
	assert_int_equal(file_write_atomic(arena_fmt(&f->a, "%s/x.yaml", dir), secret, sizeof(secret) - 1, &f->e), 0);
	path = arena_fmt(&f->a, "%s/fixtures/redis-sentinel/settings.yaml", f->dir);
	assert_int_equal(file_write_atomic(path, text, sizeof(text) - 1, &f->e), 0);
	path = arena_fmt(&f->a, "%s/s.yaml", f->dir);
	assert_int_equal(file_write_atomic(path, SCENARIO("rate: 50", "primary"), strlen(SCENARIO("rate: 50", "primary")), &f->e), 0);
	if (plan_read(&f->a, f->dir, path, sets, ARRAY_LEN(sets), &f->p, &f->e))
		fail_msg("%s", f->e.msg);
	got = plan_command(&f->p, 1, sets, ARRAY_LEN(sets),
			   "ordeal run --set pass=(hid --set open=yes --set=pass=hunter2 s.yaml --seed 1");
	assert_string_equal(got, "ordeal run --set pass=(hidden) --set open=yes --set=pass=(hidden) s.yaml --seed 1");
	free(got);
	out = open_memstream(&got, &size);
	plan_print(&f->p, out);
	fclose(out);
	assert_non_null(strstr(got, "setting pass = (hidden)"));
	assert_null(strstr(got, "d3fault"));
	assert_non_null(strstr(got, "setting open = yes"));
	free(got);
}

/* How a cluster is to be reached stands in files, and needs no cluster. */
static void kubeconfigs(void **state)
{
	static const char good[] = "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n"
				   "users: [{name: u, user: {token: t}}]\n"
				   "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n";
	struct fixture *f = *state;
	const struct engine_ops *kube = engine_find("kube");
	const char *path = arena_fmt(&f->a, "%s/kubeconfig", f->dir);
	struct engine_conf conf = {.kubeconfig = path, .context = "x", .namespace = "n"};
	struct err e = {0};

	assert_null(engine_find("docker")->reach);
	assert_int_equal(kube->reach(&conf, &e), -1);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(file_write_atomic(path, good, strlen(good), &e), 0);
	e = (struct err){0};
	if (kube->reach(&conf, &e))
		fail_msg("%s", e.msg);
	conf.context = "y";
	assert_int_equal(kube->reach(&conf, &e), -1);
	assert_non_null(strstr(e.msg, "\"y\""));
	conf.context = NULL;
	assert_int_equal(kube->reach(&conf, &e), -1);
	assert_non_null(strstr(e.msg, "--context"));
}

/* What the log says while the plan is looked at. */
static const char *warned(struct fixture *f, const char *engine, int64_t claim_max)
{
	const char *path = arena_fmt(&f->a, "%s/log", f->dir);
	struct buf b = {0};
	const char *text;
	int saved = dup(STDERR_FILENO);
	struct err e = {0};

	assert_non_null(freopen(path, "w", stderr));
	beforehand_warn(engine ? engine_find(engine) : NULL, claim_max, &f->p);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(file_read(path, &b, &e), 0);
	text = strchr(buf_cstr(&b), ' '); /* without the time */
	text = arena_strdup(&f->a, text ? text : "");
	buf_free(&b);
	return text;
}

static void volumes(void **state)
{
	struct fixture *f = *state;
	const char *said;

	/* 100/s of 1 MB for 4 s are 400 MB, of 1 GiB. */
	must_read(f, SCENARIO("rate: 100, payload: 1000000, mix: {insert: 1}", "primary"));
	assert_string_equal(warned(f, "docker", 0), "");
	must_read(f, SCENARIO("rate: 1000, payload: 1000000, mix: {insert: 1, read: 1}", "primary"));
	said = warned(f, "docker", 0);
	if (!strstr(said, "s.yaml:3:29: this load will fill its volume: 500000000 bytes a second make 1.9 GiB in 4 s, and a claim is "
		    "of 1.0 GiB"))
		fail_msg("%s", said);
	/* Whichever it will be has no larger claims. */
	assert_string_equal(warned(f, NULL, 0), said);
	/* There, claims are as they are written, 10 GiB, or as they are asked for. */
	assert_string_equal(warned(f, "kube", 0), "");
	assert_string_equal(warned(f, "kube", 1 << 30), said);
	must_read(f, SCENARIO("rate: 1000", "primary"));
	assert_string_equal(warned(f, "docker", 0), "");
	/* A Job may take as long as it is given. */
	must_read(f, "name: x\nsystem: mysql\nsettings: {backup: unchecked}\nload: {rate: 200, payload: 15Ki, mix: {insert: 1}}\nsteps:\n"
		     "  - steady: 4s\n  - {run: cronjob/mysql-backup, as: b, within: 600s}\nexpect:\n  - stands: true\n");
	if (!strstr(warned(f, "docker", 0), "this load may fill its volume: 3072000 bytes a second make 1.7 GiB in 604 s"))
		fail_msg("%s", warned(f, "docker", 0));
}

/* An expectation that could only ever be UNKNOWN is refused at its line. */
static void what_cannot_be_shown(void **state)
{
#define EXPECTS(system, load, expect) "name: x\nsystem: " system "\nload: {" load "}\nsteps:\n  - steady: 4s\n" \
		"  - {fault: pause, target: primary, as: f, for: 3s}\nexpect:\n  - " expect "\n"
	static const struct {
		const char *text, *says; /* NULL: it is taken */
	} t[] = {
		{EXPECTS("memory", "mix: {send: 1, receive: 1}", "check: linearizable"),
		 "s.yaml:8:5: the checker linearizable judges what the load does not do: give one of write, cas a weight "
		 "in its mix"},
		{EXPECTS("memory", "mix: {read: 1}", "check: lost_writes"), "give one of insert, write, cas, send a weight"},
		{EXPECTS("memory", "mix: {read: 1, cas: 1}", "check: linearizable"), NULL},
		{EXPECTS("memory", "mix: {send: 1, receive: 1}", "check: queue"), NULL},
		{EXPECTS("redis-sentinel", "rate: 50", "latency: {of: shard, at_most: 100ms}"),
		 "s.yaml:8:5: system redis-sentinel has no shards: remove `of: shard`"},
		{EXPECTS("redis-cluster", "rate: 50", "latency: {of: shard, at_most: 100ms}"), NULL},
		{EXPECTS("postgres", "rate: 50", "evicted: {at_least: 1}"),
		 "s.yaml:8:5: system postgres evicts nothing: remove `evicted`"},
		{EXPECTS("redis-sentinel", "rate: 50", "evicted: {at_least: 1}"), NULL},
		{EXPECTS("redis-cluster", "rate: 50", "evicted: {at_least: 1}"), NULL},
		{EXPECTS("postgres", "rate: 50", "errant: {at_most: 0}"),
		 "s.yaml:8:5: members of system postgres do not tell which transactions they have: remove `errant`"},
		{EXPECTS("mysql", "rate: 50", "errant: {at_least: 1}"), NULL},
		{EXPECTS("kafka", "keys: 63, mix: {send: 1}", "phantom: {at_most: 1}"), NULL},
		{EXPECTS("kafka", "keys: 64, mix: {send: 1}", "phantom: {at_most: 1}"),
		 "s.yaml:3:14: system kafka has at most 63 keys"},
		{EXPECTS("memory", "keys: 4097", "phantom: {at_most: 1}"),
		 "s.yaml:3:14: system memory has at most 4096 keys"},
		{EXPECTS("rabbitmq", "keys: 4097, mix: {send: 1}", "phantom: {at_most: 1}"), NULL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (!t[i].says)
			must_read(f, t[i].text);
		else if (!read_text(f, t[i].text))
			fail_msg("taken: %s", t[i].text);
		else if (!strstr(f->e.msg, t[i].says))
			fail_msg("\"%s\" does not say \"%s\"", f->e.msg, t[i].says);
	}
#undef EXPECTS
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nodes), T(own_api), T(outside), T(own_cluster), T(all_at_once), T(engine_too),
		T(broken_object), T(secret_settings),
		T(kubeconfigs),
		T(what_cannot_be_shown), T(volumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
