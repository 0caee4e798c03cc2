#ifndef ORDEAL_TEST_LIB_SERVER_PORT_H
#define ORDEAL_TEST_LIB_SERVER_PORT_H

/* A TCP port that nobody listens on, for a server of the test's own; another one each
 * time. 0: there is none. It is below those that the kernel gives to connections: a server
 * that is dead for a while has to find it free, and a client that looks for it must not
 * be given it. */
int server_port(void);

#endif
