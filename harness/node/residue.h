#ifndef ORDEAL_NODE_RESIDUE_H
#define ORDEAL_NODE_RESIDUE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "node/cgroup.h"
#include "base/err.h"

/* One search for what faults have left on a node, whoever put it there. Each
 * function names what it finds in `found` and, with `remove`, undoes it. */
struct residue {
	const char *root;  /* the node's root folder as this process sees it; not shown */
	bool remove;
	cJSON *found;      /* borrowed: an array of strings */
	struct err *e;     /* of the last failure */
	int r;             /* 0, or -1 when something could not be undone, or be looked at */
};

/* Our nft tables in the network namespace at path `netns`; `where` is how to
 * call it. A namespace that has just gone has none. */
void residue_tables(struct residue *s, const char *netns, const char *where);
/* A cgroup that carries our mark. */
void residue_cgroup(struct residue *s, const struct pod_cgroup *g);
/* Files of ours in this folder (which begins with the root) with which a disk was filled; what
 * somebody else has given such a name is his. */
void residue_files(struct residue *s, const char *dir);

#endif
