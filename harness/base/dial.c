#include "base/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static socklen_t make_address(const char *ip, int port, struct sockaddr_storage *sa)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;

	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof(*v6);
	}
	return 0;
}

int dial(const char *ip, int port, int64_t until_ns)
{
	struct sockaddr_storage sa;
	socklen_t len = make_address(ip, port, &sa), plen;
	int fd, on = 1, problem = 0;

	if (!len) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&sa, len)) {
		problem = errno;
		plen = sizeof(problem);
		if (problem == EINPROGRESS && !clock_wait_fd(fd, POLLOUT, until_ns))
			problem = ETIMEDOUT;
		else if (problem == EINPROGRESS &&
			 getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &plen))
			problem = errno;
	}
	if (!problem)
		return fd;
	close(fd);
	errno = problem;
	return -1;
}
