#ifndef ORDEAL_NODE_VOLUMES_API_H
#define ORDEAL_NODE_VOLUMES_API_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kube/client.h"

/* What the volumes' side asks of and tells the API server. The annotations
 * are the protocol between the scheduler, the volume controller and
 * provisioners outside of it (kubernetes/design-proposals-archive,
 * storage/container-storage-interface and volume-topology-scheduling). */

#define CLAIM_PROVISIONER "volume.kubernetes.io/storage-provisioner"
#define CLAIM_NODE "volume.kubernetes.io/selected-node"
#define PV_PROVISIONED_BY "pv.kubernetes.io/provisioned-by"

/* A claim that waits for a volume on this node. */
struct claim {
	char ns[64], name[254], uid[64], size[32], class[254];
	char pv[96];       /* the name that its volume will have */
	bool block;
	cJSON *modes;      /* access modes; owned */
};
struct claims {
	struct claim *v; /* heap */
	size_t n, alloc;
};
void claims_free(struct claims *c);
/* True when a waiting claim's volume has this name. */
bool claims_want(const struct claims *c, const char *pv);

struct volumes_api {
	struct kube_client *k;
	char node[254];
	char hostname[64]; /* the node's kubernetes.io/hostname label; "" not asked yet */
};

int volumes_api_open(struct volumes_api *a, const struct kube_conf *conf, const char *node,
		     struct err *e);
void volumes_api_close(struct volumes_api *a);

/* In namespaces that a run made. */
int volumes_api_claims(struct volumes_api *a, struct claims *out, struct err *e);
/* All PersistentVolumes, as a list object that the caller deletes. */
int volumes_api_pvs(struct volumes_api *a, cJSON **out, struct err *e);
/* A volume that we made on this node. */
bool volumes_api_here(const struct volumes_api *a, const cJSON *pv);

int volumes_api_create_pv(struct volumes_api *a, const struct claim *c, const char *path,
			  struct err *e);
int volumes_api_delete_pv(struct volumes_api *a, const char *name, struct err *e);

/* A warning event on the claim; failing to tell is no error. */
void volumes_api_tell(struct volumes_api *a, const struct claim *c, const char *message);

#endif
