#ifndef ORDEAL_TEST_UNIT_AGENT_LOAD_ROOM_H
#define ORDEAL_TEST_UNIT_AGENT_LOAD_ROOM_H

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
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
#include "test/lib/pg_server.h"

/* The load agent as a process, spoken to over HTTP, with clients on a real
 * PostgreSQL; and Patroni played by the test. Include cmocka before. */

#define TOKEN "0123456789abcdef0123456789abcdef"
#define LIMIT_NS (60 * NS_PER_S)

/* ---- Patroni's REST API, as far as it is asked ---- */

struct patroni {
	int fd, port;
	pthread_t thread;
	atomic_bool stop, mute;
	atomic_int asked;
};

static inline void patroni_reply(struct patroni *p, int fd)
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

static inline void *patroni_serve(void *arg)
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

static inline int patroni_start(struct patroni *p)
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

static inline int await_port(const char *log)
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

static inline int stop(void **state)
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

static inline int start(void **state)
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

static inline struct fixture *need(void **state, bool pg)
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

static inline size_t take(char *data, size_t size, size_t n, void *b)
{
	buf_add(b, data, size * n);
	return size * n;
}

static inline int http(struct fixture *f, const char *method, const char *path, const char *token,
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

static inline cJSON *call(struct fixture *f, const char *method, const char *path, const char *body,
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

static inline void refused(struct fixture *f, const char *method, const char *path,
			   const char *body, int want, const char *why)
{
	cJSON *o = call(f, method, path, body, want);

	if (!strstr(json_str(o, "error", ""), why))
		fail_msg("%s %s: %s", method, path, json_str(o, "error", "no error"));
	cJSON_Delete(o);
}

static inline char *setup_body(struct fixture *f)
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

#endif
