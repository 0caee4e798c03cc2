#include "test/lib/server_port.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* Linux gives connections 32768 and up (ip_local_port_range). Tests whose numbers differ by up
 * to 21 begin at least 243 ports apart: what one server leaves for a while no other test takes. */
enum { FIRST = 20000, PORTS = 12000, APART = 4583 };

int server_port(void)
{
	static int tried;

	for (int end = tried + PORTS; tried < end;) {
		int port = FIRST + (int)(((int64_t)getpid() * APART + tried++) % PORTS);
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

void server_tell_log(const char *who, const char *log)
{
	enum { LAST = 3000 };
	struct buf b = {0};
	struct err e = {0};

	fprintf(stderr, "%s does not start: %s\n", who,
		file_read(log, &b, &e) ? e.msg : buf_cstr(&b) + (b.len > LAST ? b.len - LAST : 0));
	buf_free(&b);
}
