/* The load agent as the driver meets it: a process, spoken to over HTTP, with
 * clients on a real PostgreSQL; and Patroni played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "history/block.h"
#include "history/op.h"
#include "test/lib/pg_server.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define LIMIT_NS (60 * NS_PER_S)

/* ---- Patroni's REST API, as far as it is asked ---- */

struct patroni {
	int fd, port;
	pthread_t thread;
	atomic_bool stop, mute;
	atomic_int asked;
};

static void patroni_reply(struct patroni *p, int fd)
{
	char rq[1000] = "", out[1000];
	struct timeval limit = {.tv_sec = 5};
	const char *body = "{\"state\":\"running\",\"role\":\"master\",\"timeline\":4,"
			   "\"cluster_unlocked\":true,\"dcs_last_seen\":1700000000}";
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	n = recv(fd, rq, sizeof(rq) - 1, 0);
	if (n <= 0)
		return;
	atomic_fetch_add(&p->asked, 1);
	if (!strncmp(rq, "GET /config ", 12))
		body = "{\"ttl\":25,\"loop_wait\":\"7\",\"synchronous_mode\":true,"
		       "\"master_start_timeout\":90,\"postgresql\":{\"use_pg_rewind\":\"on\"}}";
	n = snprintf(out, sizeof(out), "HTTP/1.0 503 Service Unavailable\r\nServer: toy\r\n\r\n%s",
		     body);
	send(fd, out, (size_t)n, MSG_NOSIGNAL);
}

static void *patroni_serve(void *arg)
{
	struct patroni *p = arg;

	while (!atomic_load(&p->stop)) {
		struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
		int fd;

		if (atomic_load(&p->mute) || poll(&pfd, 1, 20) <= 0) {
			clock_sleep_until(clock_mono_ns() + NS_PER_MS);
			continue;
		}
		fd = accept(p->fd, NULL, NULL);
		patroni_reply(p, fd);
		close(fd);
	}
	return NULL;
}

static int patroni_start(struct patroni *p)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(p->fd, (struct sockaddr *)&a, sizeof(a)) || listen(p->fd, 16) ||
	    getsockname(p->fd, (struct sockaddr *)&a, &len))
		return -1;
	if (pthread_create(&p->thread, NULL, patroni_serve, p))
		return -1;
	p->port = ntohs(a.sin_port);
	return 0;
}

/* ---- the agent ---- */

struct fixture {
	char dir[64];
	pid_t pid;
	int port;
	struct pg_server pg;
	struct patroni patroni;
};

static int await_port(const char *log)
{
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	int port = 0;

	while (!port && clock_mono_ns() < end_ns) {
		struct buf b = {0};
		struct err e = {0};

		if (file_read(log, &b, &e) || !strchr(buf_cstr(&b), '\n') ||
		    sscanf(buf_cstr(&b), "listening 127.0.0.1:%d", &port) != 1)
			clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
		buf_free(&b);
	}
	return port;
}

static int stop(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	if (!f)
		return 0;
	proc_stop(f->pid, 10 * NS_PER_S);
	if (f->patroni.port) {
		atomic_store(&f->patroni.stop, true);
		pthread_join(f->patroni.thread, NULL);
		close(f->patroni.fd);
	}
	pg_server_free(&f->pg);
	file_remove_tree(f->dir, &e);
	free(f);
	return 0;
}

static int start(void **state)
{
	const char *ordeal = getenv("ORDEAL");
	const char *argv[] = {ordeal, "load-agent", "--listen", "127.0.0.1:0", NULL};
	struct fixture *f;
	struct err e = {0};
	char log[96];

	if (!ordeal)
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-agent-XXXXXX");
	if (!mkdtemp(f->dir))
		goto fail;
	snprintf(log, sizeof(log), "%s/log", f->dir);
	setenv("ORDEAL_TOKEN", TOKEN, 1);
	if (proc_start(argv, log, &f->pid, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		goto fail;
	}
	f->port = await_port(log);
	curl_global_init(CURL_GLOBAL_ALL);
	if (f->port && !patroni_start(&f->patroni) &&
	    (pg_server_missing() || !pg_server_new(&f->pg, NULL)))
		return 0;
fail:
	stop(state); /* cmocka does not */
	*state = NULL;
	return -1;
}

static struct fixture *need(void **state, bool pg)
{
	if (!*state) {
		print_message("# skipped: ORDEAL does not name the binary\n");
		skip();
	}
	if (pg && pg_server_missing()) {
		print_message("# skipped: %s\n", pg_server_missing());
		skip();
	}
	return *state;
}

static size_t take(char *data, size_t size, size_t n, void *b)
{
	buf_add(b, data, size * n);
	return size * n;
}

static int http(struct fixture *f, const char *method, const char *path, const char *token,
		const char *body, struct buf *out)
{
	struct curl_slist *headers = NULL;
	CURL *c = curl_easy_init();
	char url[200], line[128];
	long status = 0;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", f->port, path);
	if (token) {
		snprintf(line, sizeof(line), "X-Ordeal-Token: %s", token);
		headers = curl_slist_append(headers, line);
	}
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
	if (body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	assert_int_equal(curl_easy_perform(c), CURLE_OK);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	return (int)status;
}

static cJSON *call(struct fixture *f, const char *method, const char *path, const char *body,
		   int want)
{
	struct buf b = {0};
	int status = http(f, method, path, TOKEN, body, &b);
	cJSON *o = cJSON_Parse(buf_cstr(&b));

	if (status != want || !o)
		fail_msg("%s %s: %d %s", method, path, status, buf_cstr(&b));
	buf_free(&b);
	return o;
}

static void refused(struct fixture *f, const char *method, const char *path, const char *body,
		    int want, const char *why)
{
	cJSON *o = call(f, method, path, body, want);

	if (!strstr(json_str(o, "error", ""), why))
		fail_msg("%s %s: %s", method, path, json_str(o, "error", "no error"));
	cJSON_Delete(o);
}

static void test_refused(void **state)
{
	struct fixture *f = need(state, false);
	struct buf b = {0};

	assert_int_equal(http(f, "GET", "/v1/health", NULL, NULL, &b), 401);
	assert_int_equal(http(f, "GET", "/v1/health", "wrong", NULL, &b), 401);
	assert_int_equal(http(f, "POST", "/v1/start", "", "", &b), 401);
	buf_free(&b);
	refused(f, "GET", "/v1/nothing", NULL, 404, "there is no");
	refused(f, "POST", "/v1/start", "", 409, "nothing is set up");
	refused(f, "GET", "/v1/status", NULL, 409, "nothing is set up");
	refused(f, "GET", "/v1/history?from=0", NULL, 409, "nothing is set up");
	refused(f, "POST", "/v1/setup", "{", 400, "not valid JSON");
	refused(f, "POST", "/v1/setup", "{}", 400, "unknown system");
	refused(f, "POST", "/v1/setup", "{\"system\":\"postgres\"}", 400, "needs access and load");
	refused(f, "POST", "/v1/setup", "{\"system\":\"postgres\",\"load\":{},\"access\":"
		"{\"members\":[{\"name\":\"a\"}]}}", 400, "each needs name and host");
	/* A system that is not there: an error, and the agent lives on. */
	refused(f, "POST", "/v1/setup", "{\"system\":\"postgres\",\"load\":{},\"access\":"
		"{\"members\":[{\"name\":\"a\",\"host\":\"127.0.0.1\"}],\"write_host\":\"127.0.0.1\",\"port\":1}}", 500, "no connection");
	cJSON_Delete(call(f, "POST", "/v1/reset", "", 200));
}

static void test_clock_and_health(void **state)
{
	struct fixture *f = need(state, false);
	int64_t before = clock_mono_ns();
	cJSON *o = call(f, "GET", "/v1/clock", NULL, 200);
	char boot[40];

	clock_boot_id(boot);
	assert_true(json_i64(o, "mono_ns", 0) >= before - NS_PER_MS);
	assert_true(json_i64(o, "mono_ns", 0) <= clock_mono_ns() + NS_PER_MS);
	assert_string_equal(json_str(o, "boot_id", "?"), boot);
	cJSON_Delete(o);
	o = call(f, "GET", "/v1/health", NULL, 200);
	assert_string_equal(json_str(o, "posture", ""), "load");
	assert_int_equal(json_i64(o, "pid", 0), f->pid);
	cJSON_Delete(o);
}

static char *setup_body(struct fixture *f)
{
	return mem_fmt("{\"system\":\"postgres\",\"scenario\":2,\"seed\":9,\"sample_every_ms\":20,"
		       "\"probe_timeout_ms\":2000,\"load\":{\"rate\":300,\"clients\":8,"
		       "\"deadline_ns\":5000000000,\"keys\":3,\"mix\":{\"insert\":2,\"read\":1,"
		       "\"write\":1,\"cas\":1}},\"access\":{\"write_host\":\"127.0.0.1\","
		       "\"port\":%d,\"patroni_port\":%d,\"user\":\"postgres\","
		       "\"password\":\"secret\",\"client_user\":\"ordeal\","
		       "\"client_password\":\"x\",\"members\":[{\"name\":\"postgres-0\","
		       "\"host\":\"127.0.0.1\"}]}}", f->pg.port, f->patroni.port);
}

static cJSON *await_status(struct fixture *f, const char *key, int64_t least)
{
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	cJSON *o = NULL;

	do {
		cJSON_Delete(o);
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		o = call(f, "GET", "/v1/status", NULL, 200);
	} while (json_i64(o, key, 0) < least && clock_mono_ns() < end_ns);
	assert_true(json_i64(o, key, 0) >= least);
	return o;
}

static void check_status(const cJSON *o)
{
	const cJSON *m = cJSON_GetArrayItem(json_get(o, "members"), 0);

	assert_true(json_bool(o, "running", false));
	assert_true(json_i64(o, "last_write_ok_ns", 0) > 0);
	assert_true(json_num(json_get(o, "noise"), "lateness_p99_ms", -1) >= 0);
	assert_string_equal(json_str(m, "m", ""), "postgres-0");
	assert_string_equal(json_str(m, "role", ""), "primary");
	assert_true(json_bool(m, "writable", false) && json_bool(m, "ok", false));
}

static size_t check_history(struct fixture *f, int64_t ops)
{
	struct buf b = {0};
	char path[80];
	size_t n = 0, inserts = 0;
	char *line, *at;

	snprintf(path, sizeof(path), "/v1/history?from=%d", 5);
	assert_int_equal(http(f, "GET", path, TOKEN, NULL, &b), 200);
	for (line = strtok_r(b.s, "\n", &at); line; line = strtok_r(NULL, "\n", &at), n++) {
		cJSON *o = cJSON_Parse(line);
		struct err e = {0};
		struct op op;

		if (block_is(o)) {
			cJSON_Delete(o);
			break;
		}
		assert_int_equal(op_from_json(o, &op, &e), 0);
		assert_int_equal(op.scenario, 2);
		inserts += op.f == OP_INSERT && op.outcome == OP_OK;
		cJSON_Delete(o);
	}
	assert_int_equal(n, ops - 5);
	buf_free(&b);
	refused(f, "GET", "/v1/history?from=x", NULL, 400, "from must be");
	return inserts;
}

static const char *value_of(const cJSON *settings, const char *name)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, settings) {
		if (!strcmp(json_str(s, "name", ""), name))
			return json_str(s, "value", "");
	}
	return "absent";
}

static void check_inforce(struct fixture *f)
{
	cJSON *o = call(f, "GET", "/v1/inforce", NULL, 200);
	const cJSON *s = json_get(o, "settings");

	assert_string_equal(value_of(s, "ttl"), "25");
	assert_string_equal(value_of(s, "loop_wait"), "7");
	assert_string_equal(value_of(s, "retry_timeout"), "10");
	assert_string_equal(value_of(s, "primary_start_timeout"), "90");
	assert_string_equal(value_of(s, "synchronous_mode"), "on");
	assert_string_equal(value_of(s, "synchronous_mode_strict"), "off");
	assert_string_equal(value_of(s, "use_pg_rewind"), "on");
	assert_string_equal(value_of(s, "synchronous_commit"), "on");
	cJSON_Delete(o);
}

static void check_samples(struct fixture *f)
{
	cJSON *o = call(f, "GET", "/v1/samples?from=0", NULL, 200), *x;
	const cJSON *list = json_get(o, "samples");

	assert_int_equal(json_i64(o, "next", -1), cJSON_GetArraySize(list));
	assert_true(cJSON_GetArraySize(list) > 2);
	x = cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "x");
	assert_true(json_bool(x, "patroni_ok", false) && json_bool(x, "cluster_unlocked", false));
	assert_string_equal(json_str(x, "patroni_role", ""), "master");
	assert_int_equal(json_i64(x, "patroni_tl", -1), 4);
	cJSON_Delete(o);
}

static void check_final(struct fixture *f, size_t inserts)
{
	cJSON *o = call(f, "POST", "/v1/final", "", 200);
	const cJSON *r;
	size_t present = 0;

	cJSON_ArrayForEach(r, json_get(o, "present"))
		present += (size_t)(cJSON_GetArrayItem(r, 1)->valuedouble -
				    cJSON_GetArrayItem(r, 0)->valuedouble) + 1;
	assert_true(present >= inserts && present <= inserts + 5); /* the first five unread */
	assert_int_equal(cJSON_GetArraySize(json_get(o, "duplicates")), 0);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "registers")), 3);
	assert_true(json_num(o, "took_ms", -1) > 0);
	assert_int_equal(json_i64(o, "tries", 0), 1);
	assert_int_equal(cJSON_GetArraySize(json_get(o, "by")), 1);
	assert_string_equal(json_str(json_get(o, "by")->child, "role", ""), "primary");
	cJSON_Delete(o);
}

/* Its heartbeat tells that it was stopped, and for how long. */
static void stop_for_a_while(struct fixture *f)
{
	assert_int_equal(kill(f->pid, SIGSTOP), 0);
	clock_sleep_until(clock_mono_ns() + 500 * NS_PER_MS);
	assert_int_equal(kill(f->pid, SIGCONT), 0);
}

static void check_noise(struct fixture *f)
{
	cJSON *o = call(f, "GET", "/v1/noise?from=0", NULL, 200);
	const cJSON *row;
	double late_ms = 0;

	cJSON_ArrayForEach(row, json_get(o, "noise"))
		if (json_num(row, "late_max_ms", 0) > late_ms)
			late_ms = json_num(row, "late_max_ms", 0);
	assert_true(late_ms >= 450);
	assert_int_equal(json_i64(o, "next", -1), cJSON_GetArraySize(json_get(o, "noise")));
	cJSON_Delete(o);
	o = call(f, "GET", "/v1/status", NULL, 200);
	assert_true(json_i64(json_get(o, "noise"), "due", 0) >= json_i64(json_get(o, "noise"), "called", -1));
	cJSON_Delete(o);
	refused(f, "GET", "/v1/noise?from=-1", NULL, 400, "from must be");
}

static void test_whole_load(void **state)
{
	struct fixture *f = need(state, true);
	char *body = setup_body(f);
	int64_t ops;
	cJSON *o;

	cJSON_Delete(call(f, "POST", "/v1/setup", body, 200));
	cJSON_Delete(call(f, "POST", "/v1/setup", body, 200)); /* tried again */
	o = call(f, "POST", "/v1/start", "", 200);
	assert_true(json_i64(o, "t0_ns", 0) > 0);
	cJSON_Delete(o);
	refused(f, "POST", "/v1/start", "", 409, "started before");
	o = await_status(f, "ops_ok", 200);
	check_status(o);
	cJSON_Delete(o);
	stop_for_a_while(f);
	o = call(f, "POST", "/v1/stop", "", 200);
	ops = json_i64(o, "ops", 0);
	cJSON_Delete(o);
	o = call(f, "POST", "/v1/stop", "", 200);
	assert_int_equal(json_i64(o, "ops", 0), ops);
	cJSON_Delete(o);
	check_noise(f);
	check_samples(f);
	check_inforce(f);
	check_final(f, check_history(f, ops));
	cJSON_Delete(call(f, "POST", "/v1/reset", "", 200));
	refused(f, "GET", "/v1/status", NULL, 409, "nothing is set up");
	free(body);
}

static const cJSON *newest(const cJSON *status)
{
	return cJSON_GetArrayItem(json_get(status, "members"), 0);
}

/* PostgreSQL that is down under a Patroni that is not, and the other way
 * round, must be told apart. */
static void test_who_is_down(void **state)
{
	struct fixture *f = need(state, true);
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	char *body = setup_body(f);
	cJSON *o = NULL;
	bool seen = false;

	cJSON_Delete(call(f, "POST", "/v1/setup", body, 200));
	pg_server_stop(&f->pg);
	while (!seen && clock_mono_ns() < end_ns) {
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		o = call(f, "GET", "/v1/status", NULL, 200);
		seen = !json_bool(newest(o), "ok", true) &&
		       json_bool(json_get(newest(o), "x"), "patroni_ok", false) &&
		       strstr(json_str(newest(o), "err", ""), "connect:");
		cJSON_Delete(o);
	}
	assert_true(seen);
	assert_int_equal(pg_server_start(&f->pg), 0);
	atomic_store(&f->patroni.mute, true);
	for (seen = false; !seen && clock_mono_ns() < end_ns;) {
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
		o = call(f, "GET", "/v1/status", NULL, 200);
		seen = json_bool(newest(o), "ok", false) &&
		       !json_bool(json_get(newest(o), "x"), "patroni_ok", true) &&
		       strstr(json_str(json_get(newest(o), "x"), "patroni_err", ""), "timeout");
		cJSON_Delete(o);
	}
	assert_true(seen);
	atomic_store(&f->patroni.mute, false);
	cJSON_Delete(call(f, "POST", "/v1/reset", "", 200));
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_clock_and_health),
		cmocka_unit_test(test_whole_load),
		cmocka_unit_test(test_who_is_down),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
