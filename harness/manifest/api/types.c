#include <string.h>

#include "manifest/api/api.h"

/* Kubernetes' types, as far as the kinds go that a fixture may bring: their
 * fields by name, as of version 1.34 (k8s.io/api). What is seldom used, and
 * never honoured here, is not looked into (*). */

static const struct api_type types[] = {
	{"ObjectMeta", "name:s generateName:s namespace:s selfLink:s uid:s resourceVersion:s generation:l "
		       "creationTimestamp:s deletionTimestamp:s deletionGracePeriodSeconds:l labels:{s} annotations:{s} "
		       "ownerReferences:[OwnerReference] finalizers:[s] managedFields:*"},
	{"OwnerReference", "apiVersion:s kind:s name:s uid:s controller:b blockOwnerDeletion:b"},
	{"LabelSelector", "matchLabels:{s} matchExpressions:[Requirement]"},
	{"Requirement", "key:s operator:s values:[s]"},
	{"Reference", "name:s"},
	/* workloads */
	{"StatefulSet", "spec:StatefulSetSpec status:*"},
	{"StatefulSetSpec", "replicas:i selector:LabelSelector template:PodTemplateSpec "
			    "volumeClaimTemplates:[PersistentVolumeClaim] serviceName:s podManagementPolicy:s "
			    "updateStrategy:UpdateStrategy revisionHistoryLimit:i minReadySeconds:i "
			    "persistentVolumeClaimRetentionPolicy:RetentionPolicy ordinals:Ordinals"},
	{"UpdateStrategy", "type:s rollingUpdate:RollingUpdate"},
	{"RollingUpdate", "partition:i maxUnavailable:p maxSurge:p"},
	{"RetentionPolicy", "whenDeleted:s whenScaled:s"},
	{"Ordinals", "start:i"},
	{"Deployment", "spec:DeploymentSpec status:*"},
	{"DeploymentSpec", "replicas:i selector:LabelSelector template:PodTemplateSpec strategy:UpdateStrategy "
			   "minReadySeconds:i revisionHistoryLimit:i paused:b progressDeadlineSeconds:i"},
	{"Job", "spec:JobSpec status:*"},
	{"JobSpec", "parallelism:i completions:i activeDeadlineSeconds:l podFailurePolicy:* successPolicy:* backoffLimit:i "
		    "backoffLimitPerIndex:i maxFailedIndexes:i selector:LabelSelector manualSelector:b "
		    "template:PodTemplateSpec ttlSecondsAfterFinished:i completionMode:s suspend:b podReplacementPolicy:s "
		    "managedBy:s"},
	{"CronJob", "spec:CronJobSpec status:*"},
	{"CronJobSpec", "schedule:s timeZone:s startingDeadlineSeconds:l concurrencyPolicy:s suspend:b "
			"jobTemplate:JobTemplateSpec successfulJobsHistoryLimit:i failedJobsHistoryLimit:i"},
	{"JobTemplateSpec", "metadata:ObjectMeta spec:JobSpec"},
	{"PodTemplateSpec", "metadata:ObjectMeta spec:PodSpec"},
	/* pods */
	{"Pod", "spec:PodSpec status:*"},
	{"PodSpec", "volumes:[Volume] initContainers:[Container] containers:[Container] ephemeralContainers:* restartPolicy:s "
		    "terminationGracePeriodSeconds:l activeDeadlineSeconds:l dnsPolicy:s nodeSelector:{s} "
		    "serviceAccountName:s serviceAccount:s automountServiceAccountToken:b nodeName:s hostNetwork:b hostPID:b "
		    "hostIPC:b shareProcessNamespace:b securityContext:PodSecurityContext imagePullSecrets:[Reference] "
		    "hostname:s subdomain:s affinity:Affinity schedulerName:s tolerations:[Toleration] hostAliases:[HostAlias] "
		    "priorityClassName:s priority:i dnsConfig:PodDNSConfig readinessGates:[ReadinessGate] "
		    "runtimeClassName:s enableServiceLinks:b preemptionPolicy:s overhead:{q} "
		    "topologySpreadConstraints:[TopologySpreadConstraint] setHostnameAsFQDN:b os:PodOS hostUsers:b "
		    "schedulingGates:[Reference] resourceClaims:* resources:ResourceRequirements hostnameOverride:s"},
	{"PodOS", "name:s"},
	{"ReadinessGate", "conditionType:s"},
	{"Container", "name:s image:s command:[s] args:[s] workingDir:s ports:[ContainerPort] envFrom:[EnvFromSource] "
		      "env:[EnvVar] resources:ResourceRequirements resizePolicy:* restartPolicy:s restartPolicyRules:* "
		      "volumeMounts:[VolumeMount] volumeDevices:[VolumeDevice] livenessProbe:Probe readinessProbe:Probe "
		      "startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:s terminationMessagePolicy:s "
		      "imagePullPolicy:s securityContext:SecurityContext stdin:b stdinOnce:b tty:b"},
	{"ContainerPort", "name:s hostPort:i containerPort:i protocol:s hostIP:s"},
	{"EnvFromSource", "prefix:s configMapRef:OptionalReference secretRef:OptionalReference"},
	{"OptionalReference", "name:s optional:b"},
	{"EnvVar", "name:s value:s valueFrom:EnvVarSource"},
	{"EnvVarSource", "fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector "
			 "configMapKeyRef:KeySelector secretKeyRef:KeySelector fileKeyRef:*"},
	{"ObjectFieldSelector", "apiVersion:s fieldPath:s"},
	{"ResourceFieldSelector", "containerName:s resource:s divisor:q"},
	{"KeySelector", "name:s key:s optional:b"},
	{"ResourceRequirements", "limits:{q} requests:{q} claims:*"},
	{"VolumeMount", "name:s readOnly:b recursiveReadOnly:s mountPath:s subPath:s mountPropagation:s subPathExpr:s"},
	{"VolumeDevice", "name:s devicePath:s"},
	{"Probe", "exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction initialDelaySeconds:i "
		  "timeoutSeconds:i periodSeconds:i successThreshold:i failureThreshold:i terminationGracePeriodSeconds:l"},
	{"ExecAction", "command:[s]"},
	{"HTTPGetAction", "path:s port:p host:s scheme:s httpHeaders:[HTTPHeader]"},
	{"HTTPHeader", "name:s value:s"},
	{"TCPSocketAction", "port:p host:s"},
	{"GRPCAction", "port:i service:s"},
	{"SleepAction", "seconds:l"},
	{"Lifecycle", "postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:s"},
	{"LifecycleHandler", "exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction sleep:SleepAction"},
	{"SecurityContext", "capabilities:Capabilities privileged:b seLinuxOptions:SELinuxOptions windowsOptions:* runAsUser:l "
			    "runAsGroup:l runAsNonRoot:b readOnlyRootFilesystem:b allowPrivilegeEscalation:b procMount:s "
			    "seccompProfile:Profile appArmorProfile:Profile"},
	{"Capabilities", "add:[s] drop:[s]"},
	{"SELinuxOptions", "user:s role:s type:s level:s"},
	{"Profile", "type:s localhostProfile:s"},
	{"PodSecurityContext", "seLinuxOptions:SELinuxOptions windowsOptions:* runAsUser:l runAsGroup:l runAsNonRoot:b "
			       "supplementalGroups:[l] supplementalGroupsPolicy:s fsGroup:l sysctls:[Sysctl] "
			       "fsGroupChangePolicy:s seccompProfile:Profile appArmorProfile:Profile seLinuxChangePolicy:s"},
	{"Sysctl", "name:s value:s"},
	{"Affinity", "nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAffinity"},
	{"PodAffinity", "requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm] "
			"preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]"},
	{"WeightedPodAffinityTerm", "weight:i podAffinityTerm:PodAffinityTerm"},
	{"PodAffinityTerm", "labelSelector:LabelSelector namespaces:[s] topologyKey:s namespaceSelector:LabelSelector "
			    "matchLabelKeys:[s] mismatchLabelKeys:[s]"},
	{"NodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution:NodeSelector "
			 "preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm]"},
	{"NodeSelector", "nodeSelectorTerms:[NodeSelectorTerm]"},
	{"NodeSelectorTerm", "matchExpressions:[Requirement] matchFields:[Requirement]"},
	{"PreferredSchedulingTerm", "weight:i preference:NodeSelectorTerm"},
	{"Toleration", "key:s operator:s value:s effect:s tolerationSeconds:l"},
	{"HostAlias", "ip:s hostnames:[s]"},
	{"PodDNSConfig", "nameservers:[s] searches:[s] options:[PodDNSConfigOption]"},
	{"PodDNSConfigOption", "name:s value:s"},
	{"TopologySpreadConstraint", "maxSkew:i topologyKey:s whenUnsatisfiable:s labelSelector:LabelSelector minDomains:i "
				     "nodeAffinityPolicy:s nodeTaintsPolicy:s matchLabelKeys:[s]"},
	{"Volume", "name:s emptyDir:EmptyDir configMap:ConfigMapVolume secret:SecretVolume "
		   "persistentVolumeClaim:ClaimVolume hostPath:HostPath projected:Projected downwardAPI:DownwardAPI csi:* nfs:* "
		   "ephemeral:* image:* awsElasticBlockStore:* azureDisk:* azureFile:* cephfs:* cinder:* fc:* flexVolume:* "
		   "flocker:* gcePersistentDisk:* gitRepo:* glusterfs:* iscsi:* photonPersistentDisk:* portworxVolume:* "
		   "quobyte:* rbd:* scaleIO:* storageos:* vsphereVolume:*"},
	{"EmptyDir", "medium:s sizeLimit:q"},
	{"ConfigMapVolume", "name:s items:[KeyToPath] defaultMode:i optional:b"},
	{"SecretVolume", "secretName:s items:[KeyToPath] defaultMode:i optional:b"},
	{"KeyToPath", "key:s path:s mode:i"},
	{"ClaimVolume", "claimName:s readOnly:b"},
	{"HostPath", "path:s type:s"},
	{"Projected", "sources:* defaultMode:i"},
	{"DownwardAPI", "items:* defaultMode:i"},
	/* the rest */
	{"PersistentVolumeClaim", "spec:ClaimSpec status:*"},
	{"ClaimSpec", "accessModes:[s] selector:LabelSelector resources:ResourceRequirements volumeName:s storageClassName:s "
		      "volumeMode:s dataSource:* dataSourceRef:* volumeAttributesClassName:s"},
	{"Service", "spec:ServiceSpec status:*"},
	{"ServiceSpec", "ports:[ServicePort] selector:{s} clusterIP:s clusterIPs:[s] type:s externalIPs:[s] sessionAffinity:s "
			"loadBalancerIP:s loadBalancerSourceRanges:[s] externalName:s externalTrafficPolicy:s "
			"healthCheckNodePort:i publishNotReadyAddresses:b sessionAffinityConfig:* ipFamilies:[s] ipFamilyPolicy:s "
			"allocateLoadBalancerNodePorts:b loadBalancerClass:s internalTrafficPolicy:s trafficDistribution:s"},
	{"ServicePort", "name:s protocol:s appProtocol:s port:i targetPort:p nodePort:i"},
	{"Endpoints", "subsets:[EndpointSubset]"},
	{"EndpointSubset", "addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]"},
	{"EndpointAddress", "ip:s hostname:s nodeName:s targetRef:*"},
	{"EndpointPort", "name:s port:i protocol:s appProtocol:s"},
	{"ConfigMap", "immutable:b data:{s} binaryData:{y}"},
	{"Secret", "immutable:b data:{y} stringData:{s} type:s"},
	{"ServiceAccount", "secrets:* imagePullSecrets:[Reference] automountServiceAccountToken:b"},
	{"Namespace", "spec:* status:*"},
	{"Role", "rules:[PolicyRule]"},
	{"ClusterRole", "rules:[PolicyRule] aggregationRule:*"},
	{"PolicyRule", "verbs:[s] apiGroups:[s] resources:[s] resourceNames:[s] nonResourceURLs:[s]"},
	{"RoleBinding", "subjects:[Subject] roleRef:RoleRef"},
	{"ClusterRoleBinding", "subjects:[Subject] roleRef:RoleRef"},
	{"Subject", "kind:s apiGroup:s name:s namespace:s"},
	{"RoleRef", "apiGroup:s kind:s name:s"},
	{"PodDisruptionBudget", "spec:BudgetSpec status:*"},
	{"BudgetSpec", "minAvailable:p maxUnavailable:p selector:LabelSelector unhealthyPodEvictionPolicy:s"},
	{"StorageClass", "provisioner:s parameters:{s} reclaimPolicy:s mountOptions:[s] allowVolumeExpansion:b "
			 "volumeBindingMode:s allowedTopologies:*"},
};

const struct api_type *api_type(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strlen(types[i].name) == len && !memcmp(types[i].name, name, len))
			return &types[i];
	return NULL;
}

const char *api_field_type(const struct api_type *t, const char *name, size_t *len)
{
	size_t n = strlen(name);
	const char *f;

	for (f = t->fields; f && *f; f = strchr(f, ' '), f = f ? f + 1 : f) {
		if (strncmp(f, name, n) || f[n] != ':')
			continue;
		f += n + 1;
		*len = strcspn(f, " ");
		return f;
	}
	return NULL;
}

static const struct {
	const char *version, *kinds;
} served[] = {
	{"v1", " ConfigMap Secret Service Endpoints ServiceAccount PersistentVolumeClaim PersistentVolume Namespace Pod "
	       "PodTemplate ReplicationController LimitRange ResourceQuota Event Node Binding ComponentStatus List "},
	{"apps/v1", " StatefulSet Deployment DaemonSet ReplicaSet ControllerRevision "},
	{"batch/v1", " Job CronJob "},
	{"policy/v1", " PodDisruptionBudget Eviction "},
	{"rbac.authorization.k8s.io/v1", " Role RoleBinding ClusterRole ClusterRoleBinding "},
	{"storage.k8s.io/v1", " StorageClass VolumeAttachment CSIDriver CSINode CSIStorageCapacity VolumeAttributesClass "},
	{"networking.k8s.io/v1", " NetworkPolicy Ingress IngressClass IPAddress ServiceCIDR "},
	{"scheduling.k8s.io/v1", " PriorityClass "},
	{"autoscaling/v2", " HorizontalPodAutoscaler "},
	{"discovery.k8s.io/v1", " EndpointSlice "},
	{"coordination.k8s.io/v1", " Lease "},
	{"node.k8s.io/v1", " RuntimeClass "},
	{"resource.k8s.io/v1", " DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice "},
	{"admissionregistration.k8s.io/v1", " MutatingWebhookConfiguration ValidatingWebhookConfiguration "
					    "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding "},
	{"apiextensions.k8s.io/v1", " CustomResourceDefinition "},
	{"apiregistration.k8s.io/v1", " APIService "},
	{"authentication.k8s.io/v1", " TokenReview SelfSubjectReview "},
	{"authorization.k8s.io/v1", " SubjectAccessReview LocalSubjectAccessReview SelfSubjectAccessReview "
				    "SelfSubjectRulesReview "},
	{"certificates.k8s.io/v1", " CertificateSigningRequest "},
	{"flowcontrol.apiserver.k8s.io/v1", " FlowSchema PriorityLevelConfiguration "},
	{"events.k8s.io/v1", ""}, /* the Events of v1 */
	{"extensions/v1beta1", ""}, {"internal.apiserver.k8s.io/v1alpha1", ""}, {"storagemigration.k8s.io/v1alpha1", ""},
};

const char *api_version_of(const char *kind)
{
	size_t len = strlen(kind);
	const char *p;

	for (size_t i = 0; len && i < ARRAY_LEN(served); i++)
		for (p = served[i].kinds; (p = strstr(p, kind)); p++)
			if (p[-1] == ' ' && p[len] == ' ')
				return served[i].version;
	return NULL;
}

bool api_group_is_known(const char *version)
{
	size_t len = strcspn(version, "/");

	for (size_t i = 0; i < ARRAY_LEN(served); i++)
		if (!strncmp(served[i].version, version, len) && served[i].version[len] == '/' &&
		    version[len])
			return true;
	/* A CustomResourceDefinition's has a dot. */
	return !version[len] || !memchr(version, '.', len);
}

const char *api_nearest_kind(struct arena *a, const char *kind)
{
	const char *words[80];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(served); i++)
		for (const char *p = served[i].kinds; *p && *++p; p += strcspn(p, " "))
			if (n < ARRAY_LEN(words) - 1)
				words[n++] = arena_fmt(a, "%.*s", (int)strcspn(p, " "), p);
	words[n] = NULL;
	return yaml_nearest(kind, words);
}
