#include "system/http_call.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/dial.h"

enum { ANSWER_CAP_BYTES = 1 << 20 };

void http_begin(struct http_call *c, const char *address, int port, const char *path,
		const char *body, int64_t until_ns)
{
	char rq[600];
	int n;

	memset(c, 0, sizeof(*c));
	c->answer.cap = ANSWER_CAP_BYTES;
	c->fd = dial(address, port, until_ns);
	if (c->fd < 0) {
		snprintf(c->error, sizeof(c->error), "connect: %s", strerror(errno));
		return;
	}
	n = snprintf(rq, sizeof(rq), "%s %s HTTP/1.0\r\nHost: %s:%d\r\n", body ? "POST" : "GET", path,
		     address, port);
	if (body)
		n += snprintf(rq + n, sizeof(rq) - (size_t)n, "Content-Length: %zu\r\n", strlen(body));
	n += snprintf(rq + n, sizeof(rq) - (size_t)n, "\r\n%s", body ? body : "");
	if (n >= (int)sizeof(rq) || send(c->fd, rq, (size_t)n, MSG_NOSIGNAL) != n) {
		snprintf(c->error, sizeof(c->error), "send: %s",
			 n >= (int)sizeof(rq) ? "the question is too long" : strerror(errno));
		close(c->fd);
		c->fd = -1;
	}
}

/* True when the server has said all: HTTP/1.0 ends with the connection. */
static bool receive(struct http_call *c, int64_t until_ns)
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

cJSON *http_end(struct http_call *c, int64_t until_ns)
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
