#ifndef ORDEAL_MEMORYD_NET_H
#define ORDEAL_MEMORYD_NET_H

#include <stdint.h>

#include "base/err.h"

/* Sockets of the toy store. Nothing here blocks. */

/* The address of a name: an IPv4 address in figures, or a line "ADDRESS
 * NAME" of the file that $ORDEAL_HOSTS names (the form of hosts(5)); it is
 * read each time, as a resolver would be asked. `out` holds 64 bytes. */
int memory_net_resolve(const char *name, char out[64], struct err *e);

/* A listening socket; *port 0: the kernel's choice, which is put there. */
int memory_net_listen(const char *addr, int *port, int *fd, struct err *e);

/* Begins to connect: the socket turns writable once it is connected or has
 * failed (memory_net_connected()). Returns the socket or -1. */
int memory_net_connect(const char *addr, int port, struct err *e);

/* 0, or the errno of the failed connection. */
int memory_net_connected(int fd);

#endif
