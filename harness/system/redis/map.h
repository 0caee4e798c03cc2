#ifndef ORDEAL_SYSTEM_REDIS_MAP_H
#define ORDEAL_SYSTEM_REDIS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "system/client.h"
#include "system/redis/peer.h"

/* Who owns which slots, as the cluster told last, and connections to those
 * that were needed. One thread owns a map. Source: "Redis cluster
 * specification", "Clients first connection and handling of redirections". */

enum { REDIS_REPLICAS_MAX = 5 };

struct redis_range {
	int lo, hi; /* slots */
	struct redis_peer *owner;
	struct redis_peer *replicas[REDIS_REPLICAS_MAX];
	size_t nreplicas;
};

struct redis_map {
	const struct access *acc; /* outlives the map; its members are asked first */
	int port;                 /* of the members */
	struct redis_peer **peers;
	size_t npeers, peers_alloc;
	struct redis_range *ranges; /* ascending */
	size_t nranges, ranges_alloc;
	bool stale;               /* something did not fit it; ask again */
	int64_t learnt_ns;        /* 0: never */
	size_t next;              /* member to ask next */
	size_t turn;              /* replica to read from next */
};

void redis_map_init(struct redis_map *m, const struct access *acc);
void redis_map_free(struct redis_map *m);

/* Asks CLUSTER SLOTS of one member after the other until one tells, each for
 * a share of the time. Returns 0; -1 with a message, and the old map stays. */
int redis_map_learn(struct redis_map *m, int64_t until_ns, char *error, size_t size);

/* The range that has a slot; NULL: none. */
const struct redis_range *redis_range_of(const struct redis_range *v, size_t n, int slot);

/* The owner of a slot, NULL when it has none. *shard: the number of the
 * slot's range, from 1 in the order of slots; it stays as owners change. */
struct redis_peer *redis_map_owner(const struct redis_map *m, int slot, int *shard);

/* A replica of that slot's owner, in turns; NULL when it has none. Its
 * connection is for reading, and apart from that for writes. */
struct redis_peer *redis_map_replica(struct redis_map *m, int slot);

/* The peer of that name; made when it is new. */
struct redis_peer *redis_map_peer(struct redis_map *m, const char *host, int port, bool readonly);

#endif
