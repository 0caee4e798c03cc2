/* Engine local on its own: pods that are processes, and agents beside them. The
 * test program is its own `ordeal`: the engine starts the running binary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/procs.h"
#include "engine/engine.h"
#include "memoryd/server.h"
#include "test/unit/engine/local/place.h"

static void begin(struct place *p)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	unsetenv("ORDEAL_REGISTER");
	own_folders(p->dir);
	pthread_mutex_init(&p->lock, NULL);
	p->told = cJSON_CreateArray();
	open_engine(p);
	ok(p, OPS->lock(p->en, clock_mono_ns(), &p->e));
	ok(p, OPS->up(p->en, &p->e));
	read_fixture(p);
}

static void end(struct place *p)
{
	OPS->close(p->en);
	ok(p, file_remove_tree(p->dir, &p->e));
	cJSON_Delete(p->told);
	arena_free(&p->arena);
	pthread_mutex_destroy(&p->lock);
}

static void on_change(void *arg, const char *kind, cJSON *object)
{
	struct place *p = arg;

	json_set_str(object, "kind", kind);
	pthread_mutex_lock(&p->lock);
	json_push(p->told, object);
	pthread_mutex_unlock(&p->lock);
}

/* Has the watch told of a pod with this UID in this state? */
static bool was_told(struct place *p, const char *uid, const char *key)
{
	const cJSON *o;
	bool yes = false;

	pthread_mutex_lock(&p->lock);
	cJSON_ArrayForEach(o, p->told)
		yes = yes || (!strcmp(json_str(o, "uid", ""), uid) && json_bool(o, key, false) &&
			      !strcmp(json_str(o, "type", ""), "pod"));
	pthread_mutex_unlock(&p->lock);
	return yes;
}

static void pods_come_up_die_and_come_back(void **state)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	struct pods pods = {0};
	struct buf log = {0};
	struct nodes nodes = {0};
	char uid[64], name[64], path[300];
	struct place p;
	cJSON *file;
	pid_t pid;

	(void)state;
	begin(&p);
	ok(&p, OPS->watch_start(p.en, on_change, &p, &p.e));
	ok(&p, OPS->apply(p.en, &p.m, &p.e));
	ok(&p, OPS->wait_ready(p.en, &p.m, end_ns, &p.e));
	ok(&p, OPS->nodes(p.en, &nodes, &p.e));
	assert_int_equal(nodes.n, 1);
	ok(&p, OPS->pods(p.en, &pods, &p.e));
	assert_int_equal(pods.n, 3);
	for (size_t i = 0; i < pods.n; i++) {
		assert_true(pods.v[i].ready && pods.v[i].uid[0] && pods.v[i].restarts == 0);
		assert_true(!strncmp(pods.v[i].ip, "127.", 4));
		assert_string_equal(pods.v[i].node, nodes.v[0].name);
		assert_true(was_told(&p, pods.v[i].uid, "ready"));
	}
	mem_copy_str(name, sizeof(name), pods.v[1].name);
	mem_copy_str(uid, sizeof(uid), pods.v[1].uid);
	assert_string_equal(name, "memory-1");
	file = pod_file(&p, name);
	assert_string_equal(json_str(file, "uid", ""), uid);
	assert_string_equal(json_str(file, "ip", ""), pods.v[1].ip);
	snprintf(path, sizeof(path), "%s/log", json_str(file, "data_dir", ""));
	assert_true(file_exists(path)); /* the mount path became this folder */
	pid = (pid_t)json_i64(file, "pid", 0);
	cJSON_Delete(file);
	ok(&p, OPS->logs(p.en, name, "", false, 50, &log, &p.e));
	assert_non_null(strstr(buf_cstr(&log), "memory-1 begins"));

	/* It dies: gone, and another one under another UID, later ready. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	do {
		assert_true(clock_mono_ns() < end_ns);
		nap();
		pods_free(&pods);
		ok(&p, OPS->pods(p.en, &pods, &p.e));
	} while (!pods.v[1].ready || !strcmp(pods.v[1].uid, uid));
	assert_int_equal(pods.v[1].restarts, 1);
	assert_true(was_told(&p, uid, "gone"));
	assert_true(was_told(&p, pods.v[1].uid, "ready"));
	buf_reset(&log);
	ok(&p, OPS->logs(p.en, name, "", true, 50, &log, &p.e));
	assert_non_null(strstr(buf_cstr(&log), "memory-1 begins"));

	OPS->watch_stop(p.en);
	ok(&p, OPS->remove(p.en, end_ns, &p.e));
	assert_int_equal(count_files(p.dir, "local/procs"), 0);
	assert_int_equal(count_files(p.dir, "local/state/pods"), 0);
	assert_int_equal(count_files(p.dir, "local/state/volumes"), 0);
	/* And again, from nothing. */
	ok(&p, OPS->apply(p.en, &p.m, &p.e));
	ok(&p, OPS->wait_ready(p.en, &p.m, end_ns, &p.e));
	ok(&p, OPS->remove(p.en, end_ns, &p.e));
	buf_free(&log);
	pods_free(&pods);
	nodes_free(&nodes);
	end(&p);
}

static void what_is_not_ready_is_named_with_its_words(void **state)
{
	struct place p;
	struct ynode *arg;

	(void)state;
	begin(&p);
	arg = yaml_path(p.m.objects[p.m.n - 1], "spec.template.spec.containers[0].args[0]");
	assert_non_null(arg);
	arg->text = "--nmae";
	ok(&p, OPS->apply(p.en, &p.m, &p.e));
	/* Long enough for one death; that it is not ready in time is certain. */
	while (OPS->wait_ready(p.en, &p.m, clock_mono_ns() + 200 * NS_PER_MS, &p.e) == 0 ||
	       !strstr(p.e.msg, "exit code 2"))
		nap();
	assert_non_null(strstr(p.e.msg, "pod memory-0"));
	assert_non_null(strstr(p.e.msg, "--nmae is no option"));
	ok(&p, OPS->remove(p.en, 0, &p.e));
	end(&p);
}

static void refused(const char *yaml, enum err_kind kind, const char *want)
{
	struct ynode **docs;
	struct manifest m = {0};
	struct place p;
	size_t n;

	begin(&p);
	ok(&p, yaml_read_text(&p.arena, "test.yaml", yaml, &docs, &n, &p.e));
	m.objects = docs;
	m.n = n;
	assert_int_equal(OPS->apply(p.en, &m, &p.e), -1);
	assert_int_equal(p.e.kind, kind);
	if (!strstr(p.e.msg, want))
		fail_msg("\"%s\" does not say \"%s\"", p.e.msg, want);
	assert_int_equal(count_files(p.dir, "local/procs"), 0);
	end(&p);
}

#define SET(container) \
	"kind: StatefulSet\nmetadata: {name: x}\nspec:\n  template:\n    spec:\n      containers: [" \
	container "]\n"

static void what_it_cannot_run_is_refused(void **state)
{
	(void)state;
	refused(SET("{name: a, image: postgres}"), ERR_UNSUPPORTED, "has none; use engine kind");
	refused(SET("{name: a, command: [no-such-program]}"), ERR_UNSUPPORTED, "no \"no-such-program\" is");
	refused(SET("{name: a, command: [/no/such/program]}"), ERR_UNSUPPORTED, "no \"/no/such/program\" is");
	refused(SET("{name: a, command: [ordeal]}, {name: b, command: [ordeal]}"), ERR_INPUT,
		"exactly one container");
	refused("kind: Deployment\nmetadata: {name: x}\n", ERR_UNSUPPORTED, "no Deployment");
	refused("kind: Service\nmetadata: {name: x}\n", ERR_UNSUPPORTED, "no StatefulSet");
	refused(SET("{name: a, command: [ordeal], envFrom: [{configMapRef: {name: nix}}]}"), ERR_INPUT,
		"test.yaml:6:");
	refused(SET("{name: a, command: [ordeal], volumeMounts: [{name: v, mountPath: /v}]}"), ERR_INPUT,
		"no volume is called");
}

static int ask(struct place *p, const char *agent, const char *path, struct buf *answer)
{
	int status = 0;

	buf_reset(answer);
	ok(p, OPS->call(p->en, agent, "GET", path, NULL, 20 * NS_PER_S, answer, &status, &p->e));
	return status;
}

static void agents_answer_to_the_token_only(void **state)
{
	struct engine_base *base;
	struct buf b = {0};
	struct place p;
	int status;

	(void)state;
	begin(&p);
	base = (struct engine_base *)p.en;
	ok(&p, OPS->agents_up(p.en, &p.e));
	assert_int_equal(ask(&p, "load", "/v1/health", &b), 200);
	assert_non_null(strstr(buf_cstr(&b), "\"load\""));
	assert_int_equal(ask(&p, "node/local", "/v1/health", &b), 200);
	assert_int_equal(ask(&p, "node/local", "/v1/no-such", &b), 404);
	assert_int_equal(OPS->call(p.en, "host", "GET", "/v1/health", NULL, NS_PER_S, &b, &status, &p.e),
			 -1);
	base->conf.token[0] = base->conf.load_token[0] = 'x';
	assert_int_equal(ask(&p, "load", "/v1/health", &b), 401);
	assert_int_equal(ask(&p, "node/local", "/v1/health", &b), 401);
	/* What opens a load agent opens no node. */
	mem_copy_str(base->conf.token, sizeof(base->conf.token), "0fedcba987654321");
	assert_int_equal(ask(&p, "node/local", "/v1/health", &b), 401);
	mem_copy_str(base->conf.token, sizeof(base->conf.token), "0123456789abcdef");
	base->conf.load_token[0] = '0';
	ok(&p, OPS->agents_down(p.en, &p.e));
	assert_int_equal(count_files(p.dir, "local/procs"), 0);
	assert_int_equal(OPS->call(p.en, "load", "GET", "/v1/health", NULL, NS_PER_S, &b, &status, &p.e),
			 -1);
	buf_free(&b);
	end(&p);
}

static void only_one_at_a_time(void **state)
{
	struct engine_conf conf = {.run_id = "other"};
	struct engine *other;
	struct err e = {0};
	struct place p;
	int stop = 1;

	(void)state;
	begin(&p);
	conf.interrupted = &stop;
	ok(&p, OPS->open(&conf, &other, &p.e));
	assert_int_equal(OPS->lock(other, clock_mono_ns(), &e), -1);
	assert_non_null(strstr(e.msg, "another ordeal (process "));
	OPS->close(other);
	ok(&p, OPS->open(&conf, &other, &p.e));
	assert_int_equal(OPS->lock(other, clock_mono_ns() + SOON_NS, &e), -1);
	assert_int_equal(e.kind, ERR_INTERRUPTED);
	OPS->close(other);
	end(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_come_up_die_and_come_back),
		cmocka_unit_test(what_is_not_ready_is_named_with_its_words),
		cmocka_unit_test(what_it_cannot_run_is_refused),
		cmocka_unit_test(agents_answer_to_the_token_only),
		cmocka_unit_test(only_one_at_a_time),
	};

	if (argc > 1 && !strcmp(argv[1], "memory-server"))
		return memory_server_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "node-agent"))
		return node_agent_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "load-agent"))
		return load_agent_main(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "victim"))
		return victim(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
