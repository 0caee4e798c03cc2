#ifndef ORDEAL_TEST_LIB_SERVER_PORT_H
#define ORDEAL_TEST_LIB_SERVER_PORT_H

#include <sys/types.h>

/* A TCP port that nobody listens on, for a server of the test's own; another one each
 * time. 0: there is none. It is below those that the kernel gives to connections: a server
 * that is dead for a while has to find it free, and a client that looks for it must not
 * be given it. */
int server_port(void);

/* A signal to a server that is a child of ours; none (pid <= 0) is fine. SIGSTOP has taken
 * effect in all of its threads when this returns: on a busy machine they answer for a while
 * after the signal was sent. */
void server_signal(pid_t pid, int sig);

/* To stderr: that it does not start, and what it said last in its log, which goes with the
 * test. */
void server_tell_log(const char *who, const char *log);

#endif
