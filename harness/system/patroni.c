#include "system/patroni.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { ANSWER_CAP_BYTES = 1 << 20 };

static int connect_to(const char *address, int port, int64_t until_ns)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	int fd, problem = 0;
	socklen_t len = sizeof(problem);

	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) == 0)
		return fd;
	if (errno != EINPROGRESS)
		problem = errno;
	else if (!clock_wait_fd(fd, POLLOUT, until_ns))
		problem = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len);
	if (!problem)
		return fd;
	close(fd);
	errno = problem;
	return -1;
}

void patroni_begin(struct patroni_call *c, const char *address, int port, const char *path,
		   int64_t until_ns)
{
	char rq[300];
	int n;

	memset(c, 0, sizeof(*c));
	c->answer.cap = ANSWER_CAP_BYTES;
	c->fd = connect_to(address, port, until_ns);
	if (c->fd < 0) {
		snprintf(c->error, sizeof(c->error), "connect: %s", strerror(errno));
		return;
	}
	n = snprintf(rq, sizeof(rq), "GET %s HTTP/1.0\r\nHost: %s:%d\r\n\r\n", path, address, port);
	if (send(c->fd, rq, (size_t)n, MSG_NOSIGNAL) != n) {
		snprintf(c->error, sizeof(c->error), "send: %s", strerror(errno));
		close(c->fd);
		c->fd = -1;
	}
}

/* True when the server has said all: HTTP/1.0 ends with the connection. */
static bool receive(struct patroni_call *c, int64_t until_ns)
{
	char chunk[8192];
	ssize_t n;

	for (;;) {
		n = recv(c->fd, chunk, sizeof(chunk), 0);
		if (n == 0)
			return true;
		if (n > 0)
			buf_add(&c->answer, chunk, (size_t)n);
		else if (errno != EAGAIN && errno != EINTR)
			return snprintf(c->error, sizeof(c->error), "receive: %s",
					strerror(errno)) < 0;
		else if (!clock_wait_fd(c->fd, POLLIN, until_ns))
			return snprintf(c->error, sizeof(c->error), "timeout: no answer") < 0;
	}
}

cJSON *patroni_end(struct patroni_call *c, int64_t until_ns)
{
	const char *body;
	cJSON *o = NULL;

	if (c->fd >= 0 && receive(c, until_ns)) {
		body = strstr(buf_cstr(&c->answer), "\r\n\r\n");
		/* Its status says whether a load balancer should use the member; the
		 * body is the answer either way. */
		o = body ? cJSON_Parse(body + 4) : NULL;
		if (!cJSON_IsObject(o)) {
			snprintf(c->error, sizeof(c->error), "answer: %.40s",
				 c->answer.len ? "not understood" : "empty");
			cJSON_Delete(o);
			o = NULL;
		}
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_free(&c->answer);
	return o;
}

static void copy_item(cJSON *to, const char *key, const cJSON *from, const char *what)
{
	const cJSON *v = json_get(from, what);

	if (v)
		json_set(to, key, cJSON_Duplicate(v, 1));
}

void patroni_to_extra(const cJSON *answer, const char *error, cJSON *extra)
{
	json_set_bool(extra, "patroni_ok", answer != NULL);
	if (!answer) {
		json_set_str(extra, "patroni_err", error);
		return;
	}
	copy_item(extra, "patroni_state", answer, "state");
	copy_item(extra, "patroni_role", answer, "role");
	copy_item(extra, "patroni_tl", answer, "timeline");
	copy_item(extra, "dcs_last_seen", answer, "dcs_last_seen");
	copy_item(extra, "pending_restart", answer, "pending_restart");
	copy_item(extra, "pause", answer, "pause");
	/* Patroni mentions it only while it is so. */
	json_set_bool(extra, "cluster_unlocked", json_bool(answer, "cluster_unlocked", false));
}

/* Patroni 3.0, documentation "Dynamic Configuration Settings". */
static const struct knob {
	const char *name, *path, *old_path, *unit, *dflt;
} knobs[] = {
	{"ttl", "ttl", NULL, "s", "30"},
	{"loop_wait", "loop_wait", NULL, "s", "10"},
	{"retry_timeout", "retry_timeout", NULL, "s", "10"},
	{"maximum_lag_on_failover", "maximum_lag_on_failover", NULL, "bytes", "1048576"},
	{"primary_start_timeout", "primary_start_timeout", "master_start_timeout", "s", "300"},
	{"primary_stop_timeout", "primary_stop_timeout", "master_stop_timeout", "s", "0"},
	{"synchronous_mode", "synchronous_mode", NULL, "bool", "off"},
	{"synchronous_mode_strict", "synchronous_mode_strict", NULL, "bool", "off"},
	{"synchronous_node_count", "synchronous_node_count", NULL, "count", "1"},
	{"maximum_lag_on_syncnode", "maximum_lag_on_syncnode", NULL, "bytes", "-1"},
	{"failsafe_mode", "failsafe_mode", NULL, "bool", "off"},
	{"check_timeline", "check_timeline", NULL, "bool", "off"},
	{"pause", "pause", NULL, "bool", "off"},
	{"use_pg_rewind", "postgresql.use_pg_rewind", NULL, "bool", "off"},
	{"use_slots", "postgresql.use_slots", NULL, "bool", "on"},
};

static void value_text(const cJSON *v, bool is_bool, char *out, size_t size)
{
	if (cJSON_IsBool(v))
		snprintf(out, size, "%s", cJSON_IsTrue(v) ? "on" : "off");
	else if (cJSON_IsString(v) && is_bool)
		snprintf(out, size, "%s", !strcmp(v->valuestring, "true") ||
			 !strcmp(v->valuestring, "on") ? "on" : "off");
	else if (cJSON_IsString(v))
		snprintf(out, size, "%s", v->valuestring);
	else
		snprintf(out, size, "%.15g", v->valuedouble);
}

void patroni_to_settings(const cJSON *config, cJSON *settings)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		const struct knob *k = &knobs[i];
		const cJSON *v = json_path(config, k->path);
		cJSON *o = cJSON_CreateObject();
		char text[80];

		if ((!v || cJSON_IsNull(v)) && k->old_path)
			v = json_path(config, k->old_path);
		if (v && !cJSON_IsNull(v))
			value_text(v, !strcmp(k->unit, "bool"), text, sizeof(text));
		json_set_str(o, "name", k->name);
		json_set_str(o, "value", v && !cJSON_IsNull(v) ? text : k->dflt);
		json_set_str(o, "unit", k->unit);
		json_set_str(o, "source", v && !cJSON_IsNull(v) ? "Patroni's configuration" :
			     "Patroni's default");
		json_push(settings, o);
	}
}
