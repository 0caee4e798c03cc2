#ifndef ORDEAL_TEST_UNIT_APISERVER_PLACE_H
#define ORDEAL_TEST_UNIT_APISERVER_PLACE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apiserver/serve.h"
#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "base/mem.h"

#define MAPS "/api/v1/namespaces/ns/configmaps"
#define ALL "[{\"apiGroups\":[\"*\"],\"resources\":[\"*\"],\"verbs\":[\"*\"]}]"

/* An API that is served, and requests as they go over the wire. Include cmocka
 * before. */

#define SOON_NS (20 * NS_PER_S)
#define RBAC "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/"

struct place {
	struct store store;
	struct serve_conf conf;
	struct serve *serve;
};

/* A token is the account's name after "t-". */
static inline bool account_of(void *arg, const char *token, const char **ns, const char **account)
{
	(void)arg;
	*ns = "ns";
	*account = token + 2;
	return !strncmp(token, "t-", 2);
}

static inline void no_delete(void *arg, const char *ns, const char *name, int grace_s)
{
	(void)arg, (void)ns, (void)name, (void)grace_s;
}

static inline int no_log(void *arg, const char *ns, const char *pod, const char *container,
			 bool previous, int lines, bool timestamps, struct buf *out, struct err *e)
{
	(void)arg, (void)ns, (void)pod, (void)container, (void)previous, (void)lines,
		(void)timestamps, (void)e;
	buf_str(out, "a log\n");
	return 0;
}

static inline void begin_with(struct place *p, unsigned per_address,
			      const struct serve_limits *limits)
{
	struct err e = {0};

	memset(p, 0, sizeof(*p));
	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "admin-token", .account = account_of,
				      .nets = {"10.240.0.0/16", "10.240.96.0/20"}, .per_address = per_address, .limits = limits,
				      .delete_pod = no_delete, .log = no_log};
	if (serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e))
		fail_msg("%s", e.msg);
}

static inline void begin(struct place *p, unsigned per_address)
{
	begin_with(p, per_address, NULL);
}

static inline void end(struct place *p)
{
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
}

static inline int open_socket(struct place *p)
{
	struct timeval limit = {.tv_sec = 20};
	int fd = dial("127.0.0.1", serve_port(p->serve), clock_mono_ns() + SOON_NS);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* to wait in recv() */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static inline void put(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len && (n = send(fd, text, len, MSG_NOSIGNAL)) > 0) {
		text += n;
		len -= (size_t)n;
	}
}

/* The status of the answer, 0 when there is none. */
static inline int status_of(int fd, struct buf *answer)
{
	char chunk[4096];
	ssize_t n;
	int status = 0;

	buf_reset(answer);
	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		buf_add(answer, chunk, (size_t)n);
		if (answer->len > 32) /* the rest of a watch has no end */
			break;
	}
	if (sscanf(buf_cstr(answer), "HTTP/1.1 %d", &status) != 1)
		return 0;
	return status;
}

static inline int send_it(struct place *p, const char *token, const char *method, const char *url,
			  const char *body)
{
	char *text = mem_fmt("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
			     "Content-Length: %zu\r\n\r\n%s", method, url, token, strlen(body), body);
	int fd = open_socket(p);

	put(fd, text);
	free(text);
	return fd;
}

static inline int ask(struct place *p, const char *token, const char *method, const char *url,
		      const char *body)
{
	struct buf answer = {0};
	int fd = send_it(p, token, method, url, body), status = status_of(fd, &answer);

	close(fd);
	buf_free(&answer);
	return status;
}

/* With the whole answer, its head as well. */
static inline int ask_for(struct place *p, const char *token, const char *method, const char *url,
			  const char *body, struct buf *answer)
{
	int fd = send_it(p, token, method, url, body), status = status_of(fd, answer);
	char chunk[4096];
	ssize_t n;

	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		buf_add(answer, chunk, (size_t)n);
	close(fd);
	return status;
}

static inline void give(struct place *p, const char *role, const char *rules)
{
	char *body = mem_fmt("{\"metadata\":{\"name\":\"%s\"},\"rules\":%s}", role, rules);

	assert_int_equal(ask(p, "admin-token", "POST", RBAC "roles", body), 201);
	free(body);
	body = mem_fmt("{\"metadata\":{\"name\":\"%s\"},\"roleRef\":{\"kind\":\"Role\",\"name\":\"%s\"},\"subjects\":"
		       "[{\"kind\":\"ServiceAccount\",\"name\":\"%s\",\"namespace\":\"ns\"}]}", role, role, role);
	assert_int_equal(ask(p, "admin-token", "POST", RBAC "rolebindings", body), 201);
	free(body);
}

/* With an account that may do everything. */
static inline void begin_limited(struct place *p, const struct serve_limits *limits)
{
	begin_with(p, 0, limits);
	give(p, "sys", ALL);
}

/* A ConfigMap with so many bytes in it; with this label, NULL: with none. */
static inline void put_map(struct store *s, const char *name, const char *app, size_t bytes)
{
	cJSON *o = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(o, "metadata");
	char *fill = mem_alloc(bytes + 1);

	memset(fill, 'x', bytes);
	json_set_str(meta, "name", name);
	json_set_str(meta, "namespace", "ns");
	if (app)
		json_set_str(cJSON_AddObjectToObject(meta, "labels"), "app", app);
	json_set_str(cJSON_AddObjectToObject(o, "data"), "k", fill);
	free(fill);
	store_lock(s);
	store_put(s, KIND_CONFIG_MAP, o);
	store_unlock(s);
}

#endif
