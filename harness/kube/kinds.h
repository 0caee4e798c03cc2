#ifndef ORDEAL_KUBE_KINDS_H
#define ORDEAL_KUBE_KINDS_H

#include <stdbool.h>

/* The kinds of objects that are known without asking an API server. */
enum kind_id {
	KIND_CONFIG_MAP,
	KIND_ENDPOINTS,
	KIND_EVENT,
	KIND_NAMESPACE,
	KIND_NODE,
	KIND_PERSISTENT_VOLUME,
	KIND_PERSISTENT_VOLUME_CLAIM,
	KIND_POD,
	KIND_SECRET,
	KIND_SERVICE,
	KIND_SERVICE_ACCOUNT,
	KIND_DAEMON_SET,
	KIND_DEPLOYMENT,
	KIND_STATEFUL_SET,
	KIND_CRON_JOB,
	KIND_JOB,
	KIND_POD_DISRUPTION_BUDGET,
	KIND_CLUSTER_ROLE,
	KIND_CLUSTER_ROLE_BINDING,
	KIND_ROLE,
	KIND_ROLE_BINDING,
	KIND_STORAGE_CLASS,
	KINDS
};

struct kind {
	enum kind_id id;
	const char *api;    /* "apps/v1" */
	const char *name;   /* "StatefulSet" */
	const char *plural; /* "statefulsets", as in paths */
	bool namespaced;
};

const struct kind *kind_by_id(enum kind_id id);
/* NULL: none of the known ones. */
const struct kind *kind_by_name(const char *name);
const struct kind *kind_by_plural(const char *plural);

#endif
