#ifndef ORDEAL_BASE_DIAL_H
#define ORDEAL_BASE_DIAL_H

#include <stdint.h>

/* A connected TCP socket that never blocks, or -1 with errno: EINVAL when `ip`
 * is no address (IPv4 or IPv6), ETIMEDOUT when it takes longer than until_ns
 * (CLOCK_MONOTONIC). The caller closes it. */
int dial(const char *ip, int port, int64_t until_ns);

#endif
