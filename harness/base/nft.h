#ifndef ORDEAL_BASE_NFT_H
#define ORDEAL_BASE_NFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* nftables in a network namespace given by a path that setns() takes. Of the
 * tables of faults, only those of the inet family whose names begin with
 * "ordeal_fault_" and that carry our comment are listed: the node has tables
 * of its own (kind's wall). Any thread; the caller's stays in its namespace. */

#define NFT_PREFIX "ordeal_fault_"
#define NFT_MARK "comment \"made by ordeal\"" /* to stand in a table of a fault */

/* Runs a script as one transaction. What it makes is in force on return,
 * and was not for longer than a fraction of a millisecond. */
int nft_run(const char *netns, const char *script, struct err *e);

/* Removes a table; a missing one is fine. */
int nft_delete_table(const char *netns, const char *table, struct err *e);

/* Packets that the table's counters cut_in and cut_out saw; *there is false,
 * and the figures 0, when the table or the namespace is gone. Where that cannot
 * be known it is an error. */
int nft_counters(const char *netns, const char *table, bool *there, int64_t *in, int64_t *out,
		 struct err *e);

/* Names of our tables in the namespace, one a line; none when it is gone. */
int nft_our_tables(const char *netns, struct buf *names, struct err *e);

#endif
