#ifndef ORDEAL_SYSTEM_MEMORY_WIRE_H
#define ORDEAL_SYSTEM_MEMORY_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "system/client.h"

/* The client's end of one connection to a member of the toy store. Every
 * wait ends at an absolute CLOCK_MONOTONIC time. */

enum wire_result {
	WIRE_OK = 0,
	WIRE_TIMEOUT,
	WIRE_BROKEN, /* refused, reset, closed */
};

struct wire {
	int fd;        /* -1: none */
	char addr[64]; /* of the member */
	int port;
	struct buf in;
	bool sent;     /* something of the last request went out */
};

void wire_init(struct wire *w);
void wire_close(struct wire *w);

/* Connects to a member and waits until that is done. */
enum wire_result wire_connect(struct wire *w, const char *addr, int port, int64_t end_ns,
			      struct err *e);

/* Sends one line (without its newline); w->sent tells whether any of it left. */
enum wire_result wire_send(struct wire *w, const char *line, int64_t end_ns, struct err *e);

/* Waits for one line; *line stays good until the next call. */
enum wire_result wire_line(struct wire *w, const char **line, int64_t end_ns, struct err *e);

/* Asks all members at once who is primary and connects to the first one that
 * is named, by the way of whoever answered first. Times: *dns_ns for the
 * names, *connect_ns for all the rest. */
enum wire_result wire_find_primary(struct wire *w, const struct access *acc, int64_t end_ns,
				   int64_t *dns_ns, int64_t *connect_ns, struct err *e);

#endif
