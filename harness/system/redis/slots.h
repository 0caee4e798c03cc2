#ifndef ORDEAL_SYSTEM_REDIS_SLOTS_H
#define ORDEAL_SYSTEM_REDIS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* Redis Cluster's arithmetic and texts: pure. Source: "Redis cluster
 * specification" of redis.io, and CLUSTER NODES there. */

enum { REDIS_SLOTS = 16384, REDIS_ID = 40 };

/* CRC16 of the XMODEM kind (polynomial 0x1021, start 0); appendix A of the
 * specification: of "123456789" it is 0x31c3. */
uint16_t redis_crc16(const char *s, size_t len);

/* The slot of a key; only what stands between its first { and the next }
 * counts when there is something ("Hash tags"). */
int redis_slot(const char *key, size_t len);

/* "MOVED 3999 host:port" and "ASK ...": where a key is. An empty host means
 * the address that answered (CLUSTER SLOTS, "unknown endpoint"). */
struct redis_redirect {
	bool ask;
	int slot, port;
	char host[256];
};
bool redis_redirect(const char *error, struct redis_redirect *out);

/* Slots as text, "0-5460 7000": how many, and whether a slot is in two such
 * texts (-1: in none; else the first). Nonsense counts as nothing. */
int redis_slots_count(const char *text);
int redis_slots_common(const char *a, const char *b);
/* Marks them in a map of REDIS_SLOTS; false when one was marked before. */
bool redis_slots_mark(const char *text, bool *map);

/* One line of CLUSTER NODES. */
struct redis_node {
	char id[REDIS_ID + 1], master[REDIS_ID + 1]; /* master "": it has none */
	char address[64]; /* ip:port, "" unknown */
	bool myself, is_master, pfail, fail, linked;
	int64_t epoch;
	const char *slots; /* "0-5460"; those on their way are left out */
};
/* Returns the number of nodes that the text holds; *out is the caller's to free, their
 * slots are the arena's. */
size_t redis_nodes(struct arena *a, const char *text, struct redis_node **out);

/* The number of the shard that owns a slot: its range's place among all
 * masters' ranges in the order of slots, from 1. It stays as owners change.
 * 0: nobody owns it. */
int redis_shard(const struct redis_node *v, size_t n, int slot);
/* The first slot of a text, -1 when it names none. */
int redis_slots_first(const char *text);

#endif
