#ifndef ORDEAL_NODE_VOLUMES_H
#define ORDEAL_NODE_VOLUMES_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/err.h"
#include "kube/config.h"
#include "fault/node.h"

/* Serves claims of storage classes whose provisioner is ours: each claim is a
 * loop-mounted ext4 file of exactly its size on the node that the scheduler
 * chose, so that a full disk is a real one and never the node's. The volume
 * is a folder inside that file system: while it is not mounted, the kubelet
 * starts no pod on it. Released volumes are removed whatever their class
 * says; after a restart of the node everything is mounted again. */

struct volumes;

/* Mounts what the node holds, then works in threads of its own. `n` and
 * `conf` are borrowed. */
int volumes_start(struct node *n, const struct kube_conf *conf, struct volumes **out,
		  struct err *e);
/* Volumes stay as they are. NULL is fine. */
void volumes_stop(struct volumes *v);

/* Volumes on this node that no PersistentVolume speaks of; with `remove` they
 * are removed. */
int volumes_residue(struct volumes *v, bool remove, cJSON *found, struct err *e);

#endif
