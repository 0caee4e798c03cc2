#include "kube/kinds.h"

#include <string.h>

/* By KIND_… */
static const struct kind kinds[KINDS] = {
#define K(id, api, name, plural, namespaced) [id] = {id, api, name, plural, namespaced}
	K(KIND_CONFIG_MAP, "v1", "ConfigMap", "configmaps", true),
	K(KIND_ENDPOINTS, "v1", "Endpoints", "endpoints", true),
	K(KIND_EVENT, "v1", "Event", "events", true),
	K(KIND_NAMESPACE, "v1", "Namespace", "namespaces", false),
	K(KIND_NODE, "v1", "Node", "nodes", false),
	K(KIND_PERSISTENT_VOLUME, "v1", "PersistentVolume", "persistentvolumes", false),
	K(KIND_PERSISTENT_VOLUME_CLAIM, "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
	K(KIND_POD, "v1", "Pod", "pods", true),
	K(KIND_SECRET, "v1", "Secret", "secrets", true),
	K(KIND_SERVICE, "v1", "Service", "services", true),
	K(KIND_SERVICE_ACCOUNT, "v1", "ServiceAccount", "serviceaccounts", true),
	K(KIND_DAEMON_SET, "apps/v1", "DaemonSet", "daemonsets", true),
	K(KIND_DEPLOYMENT, "apps/v1", "Deployment", "deployments", true),
	K(KIND_STATEFUL_SET, "apps/v1", "StatefulSet", "statefulsets", true),
	K(KIND_CRON_JOB, "batch/v1", "CronJob", "cronjobs", true),
	K(KIND_JOB, "batch/v1", "Job", "jobs", true),
	K(KIND_POD_DISRUPTION_BUDGET, "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
#define RBAC "rbac.authorization.k8s.io/v1"
	K(KIND_CLUSTER_ROLE, RBAC, "ClusterRole", "clusterroles", false),
	K(KIND_CLUSTER_ROLE_BINDING, RBAC, "ClusterRoleBinding", "clusterrolebindings", false),
	K(KIND_ROLE, RBAC, "Role", "roles", true),
	K(KIND_ROLE_BINDING, RBAC, "RoleBinding", "rolebindings", true),
	K(KIND_STORAGE_CLASS, "storage.k8s.io/v1", "StorageClass", "storageclasses", false),
#undef K
};

const struct kind *kind_by_id(enum kind_id id)
{
	return &kinds[id];
}

const struct kind *kind_by_name(const char *name)
{
	for (int i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

const struct kind *kind_by_plural(const char *plural)
{
	for (int i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].plural, plural))
			return &kinds[i];
	return NULL;
}
