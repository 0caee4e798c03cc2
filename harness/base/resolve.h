#ifndef ORDEAL_BASE_RESOLVE_H
#define ORDEAL_BASE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name resolution that ends when its caller must: getaddrinfo() has no
 * deadline (5 s an attempt, resolv.conf(5)), and libpq's connect_timeout does
 * not cover it. Asks as glibc does: /etc/hosts (before it what resolve_listed()
 * knows), then the name servers with
 * the search list and ndots of resolv.conf; IPv4 first, IPv6 when there is
 * none. Unlike glibc it tries again after 300 ms, at the next server, each
 * time from another port. Nothing is cached: each new connection resolves
 * anew, as a client does. */

/* The second: the longest name, and what is said of it. */
enum { RESOLVE_ADDR_MAX = 64, RESOLVE_WHY_MAX = 320 };

struct resolver {
	const char *resolv_conf; /* a file; NULL: the one in /etc */
	int port;                /* of the name servers; 0: 53 */
};

/* The address of a name in the file that $ORDEAL_HOSTS names: lines "ADDRESS NAME",
 * as of hosts(5). The engine local writes one, for its members have no name
 * server. False: there is no such line or file. */
bool resolve_listed(const char *name, char out[RESOLVE_ADDR_MAX]);

/* Writes the first address as text. Until: CLOCK_MONOTONIC ns. Returns 0; -1
 * with a message: there is no such name, or nobody answered in time. `r` may
 * be NULL. Any thread. */
int resolve_host(const struct resolver *r, const char *host, int64_t until_ns,
		 char out[RESOLVE_ADDR_MAX], char *error, size_t size);

#endif
