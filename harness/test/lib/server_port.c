#include "test/lib/server_port.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

void server_signal(pid_t pid, int sig)
{
	siginfo_t seen;

	if (pid > 0 && !kill(pid, sig) && sig == SIGSTOP)
		waitid(P_PID, (id_t)pid, &seen, WSTOPPED | WEXITED | WNOWAIT);
}
