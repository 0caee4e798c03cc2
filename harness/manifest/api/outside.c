#include <string.h>

#include "manifest/api/api.h"

bool manifest_is_custom(const struct ynode *object)
{
	return !api_group_is_known(manifest_text(object, "apiVersion"));
}

int manifest_check_own(const struct ynode *object, struct err *e)
{
	return manifest_is_custom(object) ?
		       yaml_error(yaml_get(object, "kind"), e, "%s is none of Kubernetes' own kinds, and neither docker nor kind serves it: "
				  "run this with --engine kube, on a cluster that has its CustomResourceDefinition", manifest_kind(object)) : 0;
}

int manifest_check_inside(const struct ynode *object, struct err *e)
{
	static const char *const outside[] = {
		"ClusterRole", "ClusterRoleBinding", "PersistentVolume", "PriorityClass", "CustomResourceDefinition",
		"IngressClass", "RuntimeClass", "VolumeAttachment", "CSIDriver", "CSINode", "Node", "ComponentStatus",
		"APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
		"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "FlowSchema",
		"PriorityLevelConfiguration", "CertificateSigningRequest",
	};
	const char *kind = manifest_kind(object);

	for (size_t i = 0; i < ARRAY_LEN(outside) && !manifest_is_custom(object); i++)
		if (!strcmp(outside[i], kind))
			return yaml_error(yaml_get(object, "kind"), e, "%s %s is not supported: it lies outside of the run's namespace, "
					  "and no engine makes it; %s", manifest_article(kind), kind, strncmp(kind, "ClusterRole", 11) ? "leave it out" :
					  "what pods need belongs in a Role and a RoleBinding");
	return 0;
}
