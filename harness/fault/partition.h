#ifndef ORDEAL_FAULT_PARTITION_H
#define ORDEAL_FAULT_PARTITION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A partition is a value: for each node, the nodes whose packets it refuses
 * (after jepsen-io/jepsen, nemesis.clj: "grudge"). The functions that make
 * one are pure; one other turns a node's row into the rules that apply it. */

enum { PARTITION_NODES_MAX = 32 };

struct partition {
	size_t n;                                 /* nodes, by number */
	uint32_t refuses[PARTITION_NODES_MAX];    /* bit j of [i]: i refuses j */
};

/* Nodes in `alone` (a bit each) are cut off from all others, and from each
 * other. */
struct partition partition_isolate(size_t n, uint32_t alone);

/* Two halves, the first n/2 nodes and the rest: nothing passes between. */
struct partition partition_halves(size_t n);

/* Two halves, and node `bridge`, which is of neither, talks to both. */
struct partition partition_bridge(size_t n, size_t bridge);

/* Every node sees a majority, and no two the same one. */
struct partition partition_ring(size_t n);

/* By a scenario's word for it: `members` are isolated, or halves, a bridge or a ring are made of
 * these alone, and the other nodes of n refuse nobody: a shape that counted nodes of clients
 * might have all members on one side. */
struct partition partition_shaped(const char *shape, size_t n, uint32_t members);

/* How one node's pods refuse others. */
struct partition_rules {
	const char *table;          /* its name; ours begin with NFT_PREFIX */
	bool in, out;               /* which directions are cut */
	bool keep_dns;              /* port 53 passes whatever the address */
	const cJSON *refused;       /* CIDRs, IPv4 and IPv6 */
	const cJSON *gone;          /* single addresses, cut as well (API server, kubelet) */
};

/* An nft script that makes the table for a pod's own network namespace,
 * whether it is there or not: drops at raw priority (-300), before connection
 * tracking, so that established connections are cut as well. Counters cut_in
 * and cut_out tell what was dropped. */
void partition_sandbox_rules(const struct partition_rules *r, struct buf *out);

/* The same for the node's own namespace, on those connections of the
 * addresses `pods` that the node sends to another place than the pod asked
 * for: services. Only there do their packets show where they really go. */
void partition_forward_rules(const struct partition_rules *r, const cJSON *pods, struct buf *out);

/* NFT_PREFIX and the fault's id, with what nft does not take in a name
 * replaced. `out` holds 96 bytes. */
void partition_table_name(const char *id, char out[96]);

#endif
