#include "test/lib/one_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void one_answer_listen(struct one_answer *a)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	memset(a, 0, sizeof(*a));
	a->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(a->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(a->fd, 1), 0);
	assert_int_equal(getsockname(a->fd, (struct sockaddr *)&at, &len), 0);
	a->port = ntohs(at.sin_port);
}

void one_answer_give(struct one_answer *a, const char *head, const char *body)
{
	int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
	size_t n = 0;

	assert_true(fd >= 0);
	/* Up to the end of its body, if it has one. */
	for (;;) {
		ssize_t got = recv(fd, a->question + n, sizeof(a->question) - 1 - n, 0);
		const char *rest;

		assert_true(got > 0);
		a->question[n += (size_t)got] = '\0';
		rest = strstr(a->question, "\r\n\r\n");
		if (rest && (!strncmp(a->question, "GET ", 4) || rest[4]))
			break;
	}
	assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
	assert_int_equal(send(fd, body, strlen(body), MSG_NOSIGNAL), strlen(body));
	close(fd);
	one_answer_end(a);
}

void one_answer_end(struct one_answer *a)
{
	close(a->fd);
	a->fd = -1;
}
