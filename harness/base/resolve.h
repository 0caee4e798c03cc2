#ifndef ORDEAL_BASE_RESOLVE_H
#define ORDEAL_BASE_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

/* Name resolution that ends when its caller must: getaddrinfo() has no
 * deadline (5 s an attempt, resolv.conf(5)), and libpq's connect_timeout does
 * not cover it. Asks as glibc does: /etc/hosts, then the name servers with
 * the search list and ndots of resolv.conf; IPv4 first, IPv6 when there is
 * none. Unlike glibc it tries again after 300 ms, at the next server.
 * Nothing is cached: each new connection resolves anew, as a client does. */

enum { RESOLVE_ADDR_MAX = 64 };

struct resolver {
	const char *hosts, *resolv_conf; /* files; NULL: those in /etc */
	int port;                        /* of the name servers; 0: 53 */
};

/* Writes the first address as text. Until: CLOCK_MONOTONIC ns. Returns 0; -1
 * with a message: there is no such name, or nobody answered in time. `r` may
 * be NULL. Any thread. */
int resolve_host(const struct resolver *r, const char *host, int64_t until_ns,
		 char out[RESOLVE_ADDR_MAX], char *error, size_t size);

enum resolve_answer {
	RESOLVE_FOUND,
	RESOLVE_NONE,    /* the name does not exist, or has no such address */
	RESOLVE_REFUSED, /* the server failed or refused: ask another one */
	RESOLVE_OTHER,   /* no answer to this question: keep waiting */
};

/* Makes a question (type 1: A, 28: AAAA) in `out` of 300 bytes; returns its
 * length, 0 when the name cannot be asked for. */
size_t resolve_question(uint16_t id, const char *name, int type, unsigned char *out);

/* Reads an answer to `question`; made for packets from anyone. RFC 1035,
 * section 4. */
enum resolve_answer resolve_parse(const unsigned char *question, size_t qlen,
				  const unsigned char *packet, size_t len,
				  char out[RESOLVE_ADDR_MAX]);

#endif
