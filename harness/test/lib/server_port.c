#include "test/lib/server_port.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* Linux gives connections 32768 and up (ip_local_port_range). */
enum { FIRST = 20000, PORTS = 12000, APART = 31 };

int server_port(void)
{
	static int tried;

	for (int end = tried + PORTS; tried < end;) {
		int port = FIRST + (getpid() * APART + tried++) % PORTS;
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int taken = bind(fd, (struct sockaddr *)&a, sizeof(a));

		close(fd);
		if (!taken)
			return port;
	}
	return 0;
}
