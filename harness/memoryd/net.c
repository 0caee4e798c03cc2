#include "memoryd/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/resolve.h"

int memory_net_resolve(const char *name, char out[64], struct err *e)
{
	struct in_addr in;

	if (inet_pton(AF_INET, name, &in) == 1) {
		mem_copy_str(out, 64, name);
		return 0;
	}
	out[0] = '\0';
	if (!resolve_listed(name, out))
		return err_set(e, ERR_BROKEN, "no address of %s is known (no such line in the file that "
			       "$ORDEAL_HOSTS names)", name);
	return 0;
}

static int fill(struct sockaddr_in *sa, const char *addr, int port, struct err *e)
{
	memset(sa, 0, sizeof(*sa));
	sa->sin_family = AF_INET;
	sa->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, addr, &sa->sin_addr) != 1 || port < 0 || port > 65535)
		return err_set(e, ERR_INPUT, "%s:%d is no IPv4 address and port", addr, port);
	return 0;
}

int memory_net_listen(const char *addr, int *port, int *fd, struct err *e)
{
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	int on = 1;

	if (fill(&sa, addr, *port, e))
		return -1;
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd >= 0 && setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(*fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(*fd, 1024) == 0 &&
	    getsockname(*fd, (struct sockaddr *)&sa, &len) == 0) {
		*port = ntohs(sa.sin_port);
		return 0;
	}
	err_set(e, ERR_BROKEN, "cannot listen on %s:%d: %s", addr, *port, strerror(errno));
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return -1;
}

int memory_net_connect(const char *addr, int port, struct err *e)
{
	struct sockaddr_in sa;
	int fd, on = 1;

	if (fill(&sa, addr, port, e))
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "no socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) && errno != EINPROGRESS) {
		err_set(e, ERR_BROKEN, "cannot connect to %s:%d: %s", addr, port, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

int memory_net_connected(int fd)
{
	int why = 0;
	socklen_t len = sizeof(why);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) ? errno : why;
}
