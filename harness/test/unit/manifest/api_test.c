/* What an API server refuses, in its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "manifest/api/api.h"

/* A StatefulSet that any server takes: its lines 8 and 9 are `spec` and `pod`, and `container` is
 * line 12. */
#define SET(spec, pod, container) \
	"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:\n  serviceName: s\n  replicas: 1\n" \
	"  selector: {matchLabels: {a: b}}\n" spec "  template:\n    metadata: {labels: {a: b}}\n    spec:\n" pod \
	"      containers:\n      - {name: c, image: i" container "}\n"
#define C(container) SET("", "", ", " container)
#define MAP(more) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n" more
#define CRON(spec, restart) \
	"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n" spec "  jobTemplate: {spec: {template: {spec: {" restart \
	"containers: [{name: c, image: i}]}}}}\n"
#define SVC(spec) "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: " spec "\n"
#define DEPLOYMENT(spec) \
	"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {" spec ", selector: {matchLabels: {a: b}}, template: {metadata: " \
	"{labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n"
#define POD "the StatefulSet \"s\" is invalid: spec.template.spec."
#define AFFINITY(more) SET("", "      affinity: {" more "}\n", "")
#define SECRET(type, data) \
	"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ntype: kubernetes.io/" type "\nstringData: {" data "}\n"
#define IN "StatefulSet in version \"v1\" cannot be handled as a StatefulSet: json: cannot unmarshal "

static int admit(struct arena *a, const char *text, bool strict, struct err *e)
{
	struct manifest m = {0};
	struct ynode **docs;
	size_t n, alloc = 0;

	if (yaml_read_text(a, "f", text, &docs, &n, e) || manifest_add(a, &m, &alloc, docs, n, e))
		fail_msg("%s", e->msg);
	return manifest_admit(a, &m, strict, e);
}

static void good(void **state)
{
	static const char *const texts[] = {
		SET("", "", ""),
		C("command: [a, '1', 'true'], env: [{name: A, value: '6379'}, {name: B}, {name: C, value: 'yes'}]"),
		C("ports: [{name: redis, containerPort: 6379}], readinessProbe: {tcpSocket: {port: redis}, periodSeconds: 0}"),
		C("resources: {requests: {cpu: -0, memory: '128Mi '}, limits: {cpu: ' 1'}}"),
		C("resources: {requests: {cpu: 0.05, memory: 128e6}, limits: {cpu: 1, memory: 1e9, ephemeral-storage: 1Gi}}"),
		C("securityContext: {runAsUser: 0, readOnlyRootFilesystem: yes, privileged: off}"),
		SET("  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: "
		    "{storage: 134217728}}}}]\n", "      volumes: [{name: v, secret: {secretName: x, defaultMode: 0400}}, {name: e}]\n",
		    ", volumeMounts: [{name: d, mountPath: /d}, {name: v, mountPath: /v}, {name: e, mountPath: /e, subPath: a..b}]"),
		SET("", "      initContainers: [{name: i, image: i, restartPolicy: Always, startupProbe: {exec: {command: [x]}}}]\n", ""),
		SET("", "      hostAliases: [{ip: 1.2.3.4, hostnames: [a, b.c]}, {ip: '2001:db8::1'}]\n      dnsPolicy: None\n      dnsConfig: "
		    "{nameservers: [1.1.1.1], searches: [a_b.c., .], options: [{name: ndots, value: '2'}, {name: edns0}]}\n      tolerations: "
		    "[{operator: Exists}, {key: a/b, value: c, effect: NoExecute, tolerationSeconds: 30}, {key: d}]\n", ""),
		"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a23456789-123456789-123456789-123456789-123456789-123456789-123}\nspec: {template: "
		"{spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}\n",
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a23456789-123456789-123456789-123456789-123456789-12}\nspec: {selector: "
		"{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n",
		SVC("{clusterIP: None}"), SVC("{ports: [{port: 1, targetPort: http, name: a}, {port: 2, name: b}]}\n---\n"
					      "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: aHVzaA==}"),
		SVC("{type: NodePort, externalTrafficPolicy: Local, ports: [{port: 1, nodePort: 30000}]}"),
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: r}\nroleRef: {kind: Role, name: x}\n"
		"subjects: [{kind: ServiceAccount, name: who}, {kind: User, name: 'a: b'}]\n",
		SVC("{clusterIP: None, clusterIPs: [None], ports: [{port: 1}]}"), DEPLOYMENT("minReadySeconds: 10, progressDeadlineSeconds: 11"),
		C("env: [{name: A, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: \"metadata.labels['a.b/c']\"}}}], securityContext: "
		  "{seccompProfile: {type: RuntimeDefault}}, readinessProbe: {httpGet: {port: 1, httpHeaders: [{name: X-Y, value: 'a b'}]}}"),
		SET("  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1.0}}\n  revisionHistoryLimit: 1e1\n  "
		    "persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}\n",
		    "      affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, podAffinityTerm: "
		    "{topologyKey: kubernetes.io/hostname, labelSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}}]}, "
		    "nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, "
		    "operator: Gt, values: ['1']}]}]}}}\n      topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, "
		    "whenUnsatisfiable: ScheduleAnyway}]\n      securityContext: {fsGroupChangePolicy: Always}\n", ""),
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, strategy: {rollingUpdate: "
		"{maxUnavailable: 25%, maxSurge: 0}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ntype: kubernetes.io/basic-auth\nstringData: {password: a}\n",
		"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {maxUnavailable: 50%}\n",
		MAP("data: {a.b_c-d: x, A: 'yes'}\nbinaryData: null\nimmutable: ~\n"), C("tty: null, resources: {limits: {cpu: null}}"),
		SECRET("dockerconfigjson", ".dockerconfigjson: '{\"auths\": {}}'") "data: {.dockerconfigjson: Kg==}\n", "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: X_Y}\nspec: 3\n",
		"apiVersion: rabbitmq.com/v1beta1\nkind: Binding\nmetadata: {name: X_Y}\nspec: 3\n",
		"apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: j}\nspec: {tasks: []}\n",
		"apiVersion: app.k8s.io/v1beta1\nkind: Application\nmetadata: {name: a}\n", "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: a}\n",
		"apiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: a}\n",
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err e = {0};

		if (admit(&a, texts[i], true, &e))
			fail_msg("%s: %s", texts[i], e.msg);
	}
	arena_free(&a);
}

static const struct {
	const char *yaml, *line;
} refused[] = {
	/* types */
	{MAP("data: {port: 6379}\n"), "f:4:14: ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number "
				      "into Go struct field ConfigMap.data of type string (here: 6379)"},
	{MAP("data: {on: no}\n"), "cannot unmarshal bool into Go struct field ConfigMap.data of type string (here: no)"},
	{MAP("data: {a: {b: c}}\n"), "cannot unmarshal object into Go struct field ConfigMap.data of type string"},
	{MAP("data: [a]\n"), "cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"},
	{C("env: [{name: A, value: 6379}]"), IN "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string"},
	{C("env: [{name: A, value: yes}]"), IN "bool into Go struct field EnvVar.spec.template.spec.containers.env.value of type string"},
	{C("env: [{name: A, value: 1_000}]"), IN "number"},
	{C("command: [a, 6379]"), IN "number into Go struct field Container.spec.template.spec.containers.command of type string"},
	{C("args: a"), IN "string into Go struct field Container.spec.template.spec.containers.args of type []string"},
	{C("securityContext: {runAsUser: '5'}"), "SecurityContext.spec.template.spec.containers.securityContext.runAsUser of type int64"},
	{C("tty: 'true'"), IN "string into Go struct field Container.spec.template.spec.containers.tty of type bool (here: true); leave the quotes out"},
	{C("readinessProbe: {exec: {command: [x]}, failureThreshold: 1.5}"), IN "number 1.5 into Go struct field Probe."},
	{C("ports: [{containerPort: 99999999999}]"), IN "number 99999999999 into"},
	{C("resources: {limits: {memory: 512MB}}"), POD "containers[0].resources.limits.memory: Invalid value: \"512MB\": quantities must match"},
	{C("resources: {limits: {memory: 500M1}}"), "unable to parse quantity's suffix"},
	{C("resources: {limits: {memory: true}}"), "quantities must match"},
	{C("resources: {limits: {memory: 1e99999999999999999999}}"), "unable to parse quantity's suffix"},
	/* A null among quantities is 0, and no absent one. */
	{C("resources: {limits: {memory: null}, requests: {memory: 1Gi}}"),
	 POD "containers[0].resources.requests: Invalid value: \"1Gi\": must be less than or equal to memory limit of 0"},
	{C("resources: {limits: {cpu: }, requests: {cpu: 1m}}"), "must be less than or equal to cpu limit of 0"},
	{SET("  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: ~}}}}]\n", "", ""),
	 "spec.volumeClaimTemplates[0].spec.resources[storage]: Invalid value: \"0\": must be greater than zero"},
	{SET("", "      nodeSelector: {disk: true}\n", ""), IN "bool into Go struct field PodSpec.spec.template.spec.nodeSelector of type string"},
	{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, annotations: {a: 1}}\nspec: x\n",
	 "f:4:7: Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field "
	 "Deployment.spec of type v1.DeploymentSpec"},
	{"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: 'hush!'}\n", "f:4:11: Secret \"x\": data.a is no base64"},
	/* fields */
	{C("comand: [x]"), "f:12:29: StatefulSet \"s\": strict decoding error: unknown field \"spec.template.spec.containers[0].comand\"; "
			   "did you mean \"command\"?"},
	{SET("", "      volumes: [{name: v, emptyDir: {sizelimit: 1Gi}}]\n", ""), "unknown field \"spec.template.spec.volumes[0].emptyDir.sizelimit\""},
	{C("env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b, optinal: true}}}]"), "env[0].valueFrom.secretKeyRef.optinal\"; did you mean \"optional\"?"},
	{C("newField: null"), "unknown field \"spec.template.spec.containers[0].newField\""},
	{SET("  replica: ~\n", "", ""), "unknown field \"spec.replica\"; did you mean \"replicas\"?"},
	{MAP("dada: null\n"), "unknown field \"dada\"; did you mean \"data\"?"},
	/* keys that are no texts */
	{MAP("data: {1e6: x}\n"), "data[1e+06]: Invalid value: \"1e+06\": a valid config key"},
	/* versions and names */
	{"apiVersion: apps/v1beta1\nkind: StatefulSet\nmetadata: {name: s}\n", "f:1:13: no matches for kind \"StatefulSet\" in version \"apps/v1beta1\": it is served as apps/v1"},
	{"apiVersion: v1\nkind: configmap\nmetadata: {name: s}\n", "f:2:7: no matches for kind \"configmap\" in version \"v1\"; did you mean \"ConfigMap\"?"},
	{"apiVersion: apps/v1\nkind: Statefullset\nmetadata: {name: s}\n", "\"Statefullset\" in version \"apps/v1\"; did you mean \"StatefulSet\"?"},
	{"apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: s}\n", "\"Ingress\" in version \"extensions/v1beta1\": it is served as networking.k8s.io/v1"},
	{"apiVersion: v2/nonsense\nkind: ConfigMap\nmetadata: {name: s}\n", "no matches for kind \"ConfigMap\" in version \"v2/nonsense\""},
	{"apiVersion: storage.k8s.io/v1\nkind: Wombat\nmetadata: {name: s}\n", "f:2:7: no matches for kind \"Wombat\" in version \"storage.k8s.io/v1\""},
	{"apiVersion: wombats/v1\nkind: Wombat\nmetadata: {name: s}\n", "f:2:7: no matches for kind \"Wombat\" in version \"wombats/v1\""},
	{"apiVersion: coordination.k8s.io/v1beta1\nkind: Lease\nmetadata: {name: s}\n", "it is served as coordination.k8s.io/v1"},
	{"apiVersion: v1\nkind: Service\nmetadata: {name: 1a}\nspec: {clusterIP: None}\n", "metadata.name: Invalid value: \"1a\": a DNS-1035 label"},
	{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a_b}\n", "metadata.name: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain"},
	{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {k: 'a b'}}\n", "metadata.labels: Invalid value: \"a b\": a valid label"},
	{MAP("data: {'a b': x}\n"), "data[a b]: Invalid value: \"a b\": a valid config key"},
	{SET("", "", "}\n      - {name: c, image: i"), POD "containers[1].name: Duplicate value: \"c\""},
	{SET("", "      initContainers: [{name: c, image: i}]\n", ""), POD "initContainers[0].name: Duplicate value: \"c\""},
	{SET("", "", "}\n      - {name: a_b, image: i"), POD "containers[1].name: Invalid value: \"a_b\": a lowercase RFC 1123 label"},
	{SET("", "", "}\n      - {name: d"), POD "containers[1].image: Required value"},
	{C("ports: [{name: a-name-of-21-letters, containerPort: 1}]"), POD "containers[0].ports[0].name: Invalid value: \"a-name-of-21-letters\": must be no more than 15"},
	{C("ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]"), POD "containers[0].ports[1].name: Duplicate value: \"a\""},
	{C("ports: [{containerPort: 70000}]"), "containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"},
	{C("ports: [{containerPort: 1, protocol: tcp}]"), "protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\""},
	/* selectors */
	{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}\n",
	 "the Deployment \"d\" is invalid: spec.selector: Required value"},
	{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {}, template: {spec: {containers: [{name: c, image: i}]}}}\n",
	 "spec.selector: Invalid value: {}: empty selector is invalid for Deployment"},
	{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b, c: d}}, template: {metadata: {labels: "
	 "{a: b}}, spec: {containers: [{name: c, image: i}]}}}\n", "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`"},
	/* volumes */
	{C("volumeMounts: [{name: none, mountPath: /x}]"), POD "containers[0].volumeMounts[0].name: Not found: \"none\""},
	{SET("", "      volumes: [{name: v}]\n", ", volumeMounts: [{name: v, mountPath: /x}, {name: v, mountPath: /x}]"), "mountPath: Invalid value: \"/x\": must be unique"},
	{SET("", "      volumes: [{name: v}]\n", ", volumeMounts: [{name: v, mountPath: /x, subPath: ../y}]"), "subPath: Invalid value: \"../y\": must not contain '..'"},
	{SET("", "      volumes: [{name: v}]\n", ", volumeMounts: [{name: v, mountPath: /x, subPath: /y}]"), "must be a relative path"},
	{SET("", "      volumes: [{name: v}, {name: v}]\n", ""), POD "volumes[1].name: Duplicate value: \"v\""},
	{SET("", "      volumes: [{name: v, emptyDir: {}, secret: {secretName: x}}]\n", ""), "volumes[0].secret: Forbidden: may not specify more than 1 volume type"},
	{SET("  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce]}}]\n", "", ""), "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value"},
	{SET("  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [RWO], resources: {requests: {storage: 0}}}}]\n", "", ""), "accessModes: Unsupported value: \"RWO\""},
	/* probes and hooks */
	{C("livenessProbe: {exec: {command: [x]}, tcpSocket: {port: 1}}"), "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"},
	{C("livenessProbe: {periodSeconds: 1}"), "livenessProbe: Required value: must specify a handler type"},
	{C("livenessProbe: {exec: {command: [x]}, periodSeconds: -1}"), "livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"},
	{C("livenessProbe: {exec: {command: [x]}, successThreshold: 2}"), "livenessProbe.successThreshold: Invalid value: 2: must be 1"},
	{C("readinessProbe: {exec: {command: []}}"), "readinessProbe.exec.command: Required value"},
	{C("readinessProbe: {httpGet: {path: /}}"), "readinessProbe.httpGet.port: Required value"},
	{C("readinessProbe: {exec: {command: [x]}, terminationGracePeriodSeconds: 5}"), "must not be set for readinessProbes"},
	{C("lifecycle: {postStart: {}}"), "lifecycle.postStart: Required value: must specify a handler type"},
	{SET("", "      initContainers: [{name: i, image: i, livenessProbe: {exec: {command: [x]}}}]\n", ""), "initContainers[0].livenessProbe: Forbidden: may not be set for init containers"},
	/* resources and environment */
	{C("resources: {requests: {memory: 256Mi}, limits: {memory: 128Mi}}"), "resources.requests: Invalid value: \"256Mi\": must be less than or equal to memory limit of 128Mi"},
	/* Decimal ones have no end, and are as fine as a nano; binary ones are at most an int64. */
	{C("resources: {requests: {memory: 20E}, limits: {memory: 10E}}"), "must be less than or equal to memory limit of 10E"},
	{C("resources: {requests: {memory: 10E}, limits: {memory: 16Ei}}"), "must be less than or equal to memory limit of 16Ei"},
	{C("resources: {requests: {memory: 2e30}, limits: {memory: 1e30}}"), "must be less than or equal to memory limit of 1e30"},
	{C("resources: {requests: {cpu: 2n}, limits: {cpu: 1n}}"), "must be less than or equal to cpu limit of 1n"},
	{C("resources: {requests: {memory: 1.2}, limits: {memory: 1.1}}"), "must be less than or equal to memory limit of 1.1"},
	{C("resources: {requests: {cpu: 2}, limits: {cpu: 1500m}}"), "must be less than or equal to cpu limit of 1500m"},
	{C("resources: {limits: {memory: -1Gi}}"), "must be greater than or equal to 0"},
	{C("resources: {limits: {mem: 1Gi}}"), "must be a standard resource for containers"},
	{C("env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"), "env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"},
	{C("env: [{name: A, valueFrom: {}}]"), "env[0].valueFrom: Invalid value: \"\": must specify one of"},
	{C("env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.x}}}]"), "fieldPath: Unsupported value: \"spec.x\""},
	{C("env: [{value: x}]"), "env[0].name: Required value"},
	{C("envFrom: [{prefix: x}]"), "envFrom[0]: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"},
	{C("env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['x y']\"}}}]"), "fieldPath: Unsupported value: \"metadata.labels['x y']\""},
	{C("env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name, apiVersion: v2}}}]"), "error converting fieldPath: unsupported pod version: v2"},
	{C("env: [{name: A, valueFrom: {secretKeyRef: {name: a, key: b c}}}]"), "secretKeyRef.key: Invalid value: \"b c\": a valid config key"},
	{C("env: [{name: A, valueFrom: {configMapKeyRef: {name: A_b, key: c}}}]"), "configMapKeyRef.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain"},
	{C("envFrom: [{configMapRef: {}}]"), "envFrom[0].configMapRef.name: Required value"},
	{C("envFrom: [{secretRef: {name: ''}}]"), "envFrom[0].secretRef.name: Required value"},
	{C("envFrom: [{secretRef: {name: a b}}]"), "envFrom[0].secretRef.name: Invalid value: \"a b\""},
	{C("readinessProbe: {httpGet: {port: 1, httpHeaders: [{name: X Y, value: z}]}}"), "httpGet.httpHeaders: Invalid value: \"X Y\": a valid HTTP header"},
	{C("securityContext: {seccompProfile: {}}"), "seccompProfile.type: Required value: type is required when seccompProfile is set"},
	{C("securityContext: {appArmorProfile: {type: runtimeDefault}}"), "appArmorProfile.type: Unsupported value: \"runtimeDefault\""},
	{SET("", "      securityContext: {supplementalGroups: [5, -1]}\n", ""), POD "securityContext.supplementalGroups[1]: Invalid value: -1: must be between 0"},
	{SET("", "      securityContext: {fsGroup: 99999999999999999999}\n", ""), POD "securityContext.fsGroup: Invalid value: 99999999999999999999"},
	{SET("  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce, ReadWriteOncePod], storageClassName: A_b, resources: {requests: {storage: 1}}}}]\n", "", ""),
	 "accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"},
	{SET("  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], storageClassName: A_b, resources: {requests: {storage: 1}}}}]\n", "", ""),
	 "spec.storageClassName: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain"},
	{DEPLOYMENT("minReadySeconds: 10, progressDeadlineSeconds: 10"), "spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds"},
	{DEPLOYMENT("minReadySeconds: 600"), "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"},
	{"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: c}\nprovisioner: a\nreclaimPolicy: Keep\n", "reclaimPolicy: Unsupported value: \"Keep\""},
	{"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: c}\nprovisioner: a\nvolumeBindingMode: Later\n", "volumeBindingMode: Unsupported value: \"Later\""},
	{MAP("binaryData: {a: '?'}\n"), "binaryData.a is no base64; plain text belongs in data"},
	/* words and numbers */
	{SET("", "      restartPolicy: Never\n", ""), POD "restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""},
	{SET("  podManagementPolicy: parallel\n", "", ""), "spec.podManagementPolicy: Unsupported value: \"parallel\""},
	{SET("  minReadySeconds: -1\n", "", ""), "spec.minReadySeconds: Invalid value: -1"},
	{C("imagePullPolicy: always"), "imagePullPolicy: Unsupported value: \"always\""},
	{"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}\n", "restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""},
	{CRON("  schedule: \"0 2 * *\"\n", "restartPolicy: Never, "), "spec.schedule: Invalid value: \"0 2 * *\": expected exactly 5 fields, found 4"},
	{CRON("  schedule: 0 25 * * *\n", "restartPolicy: Never, "), "end of range (25) above maximum (23)"},
	{CRON("  suspend: false\n", "restartPolicy: Never, "), "spec.schedule: Required value"},
	{CRON("  schedule: '@daily'\n  timeZone: Mars/Olympus\n", "restartPolicy: Never, "), "spec.timeZone: Invalid value: \"Mars/Olympus\": unknown time zone"},
	{CRON("  schedule: '@daily'\n  concurrencyPolicy: forbid\n", "restartPolicy: Never, "), "spec.concurrencyPolicy: Unsupported value: \"forbid\""},
	{CRON("  schedule: '@daily'\n  failedJobsHistoryLimit: -1\n", "restartPolicy: Never, "), "spec.failedJobsHistoryLimit: Invalid value: -1"},
	{CRON("  schedule: '@daily'\n", "restartPolicy: Always, "), "spec.jobTemplate.spec.template.spec.restartPolicy: Unsupported value: \"Always\""},
	{CRON("  schedule: '@daily'\n  timezone: UTC\n", "restartPolicy: Never, "), "unknown field \"spec.timezone\""},
	{"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec: {schedule: '@daily'}\n", "spec.jobTemplate.spec: Required value"},
	{"apiVersion: batch/v1\nkind: Job\nmetadata: {name: a23456789-123456789-123456789-123456789-123456789-123456789-1234}\nspec: {template: "
	 "{spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}\n", "spec.template.labels: Invalid value: \"a23456789-123456789-"
	 "123456789-123456789-123456789-123456789-1234\": must be no more than 63 bytes"},
	/* what becomes lines of hosts and resolv.conf, and what is tolerated */
	{SET("", "      hostAliases: [{ip: nowhere, hostnames: [a]}]\n", ""), POD "hostAliases[0].ip: Invalid value: \"nowhere\": must be a valid IP address"},
	{SET("", "      hostAliases: [{hostnames: [a]}]\n", ""), POD "hostAliases[0].ip: Invalid value: \"\": must be a valid IP address"},
	{SET("", "      hostAliases: [{ip: \"1.2.3.4\\n6.6.6.6 db\", hostnames: [a]}]\n", ""), POD "hostAliases[0].ip: Invalid value"},
	{SET("", "      hostAliases: [{ip: 1.2.3.4, hostnames: [a, 'b c']}]\n", ""), POD "hostAliases[0].hostnames[1]: Invalid value: \"b c\": a lowercase RFC 1123 subdomain"},
	{SET("", "      dnsConfig: {searches: [a.b, \"c\\nnameserver 6.6.6.6\"]}\n", ""), POD "dnsConfig.searches[1]: Invalid value"},
	{SET("", "      dnsConfig: {options: [{name: \"ndots:1\\nnameserver 6.6.6.6\"}]}\n", ""), POD "dnsConfig.options[0].name: Invalid value"},
	{SET("", "      dnsConfig: {options: [{name: ndots, value: '1 2'}]}\n", ""), POD "dnsConfig.options[0].value: Invalid value: \"1 2\": must be one word"},
	{SET("", "      dnsConfig: {options: [{value: '1'}]}\n", ""), POD "dnsConfig.options[0]: Required value: must not be empty"},
	{SET("", "      dnsConfig: {nameservers: [1.1.1.1, dns]}\n", ""), POD "dnsConfig.nameservers[1]: Invalid value: \"dns\": must be a valid IP"},
	{SET("", "      dnsConfig: {nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4]}\n", ""), "must not have more than 3 nameservers"},
	{SET("", "      dnsPolicy: None\n", ""), "dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"},
	{SET("", "      tolerations: [{key: a, operator: In}]\n", ""), POD "tolerations[0].operator: Unsupported value: \"In\": supported values: \"Equal\", \"Exists\""},
	{SET("", "      tolerations: [{operator: Equal, value: b}]\n", ""), POD "tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty"},
	{SET("", "      tolerations: [{key: a, operator: Exists, value: b}]\n", ""), "value must be empty when `operator` is 'Exists'"},
	{SET("", "      tolerations: [{key: a, effect: NoSchedul}]\n", ""), "tolerations[0].effect: Unsupported value: \"NoSchedul\""},
	{SET("", "      tolerations: [{key: a, value: 'b c'}]\n", ""), "tolerations[0].operator: Invalid value: \"b c\": a valid label"},
	{SET("", "      tolerations: [{key: a, effect: NoSchedule, tolerationSeconds: 3}]\n", ""), "effect must be 'NoExecute' when `tolerationSeconds` is set"},
	/* where pods may run */
	{AFFINITY("podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, podAffinityTerm: {topologyKey: a}}]}"),
	 POD "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100"},
	{AFFINITY("podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {a: b}}}]}"),
	 POD "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty"},
	{AFFINITY("podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, labelSelector: {matchExpressions: "
		  "[{key: a, operator: in, values: [b]}]}}]}"), "labelSelector.matchExpressions[0].operator: Invalid value: \"in\": not a valid"},
	{AFFINITY("podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, labelSelector: {matchExpressions: "
		  "[{key: a, operator: In}]}}]}"), "matchExpressions[0].values: Required value: must be specified when `operator` is"},
	{AFFINITY("nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {}}"), "nodeSelectorTerms: Required value: must have at least one"},
	{AFFINITY("nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: a, "
		  "operator: Lt, values: ['1', '2']}]}}]}"), "values: Required value: must be specified single value"},
	{SET("", "      topologySpreadConstraints: [{maxSkew: 0, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]\n", ""), "maxSkew: Invalid value: 0"},
	{SET("", "      topologySpreadConstraints: [{maxSkew: 1, topologyKey: a}]\n", ""), "whenUnsatisfiable: Unsupported value: \"\""},
	/* how pods are made anew, and what becomes of claims */
	{SET("  updateStrategy: {type: OnDelete, rollingUpdate: {partition: 0}}\n", "", ""), "rollingUpdate: Invalid value: only allowed for updateStrategy"},
	{SET("  persistentVolumeClaimRetentionPolicy: {whenDeleted: delete}\n", "", ""), "whenDeleted: Unsupported value: \"delete\""},
	{SET("", "      activeDeadlineSeconds: 5\n", ""), POD "activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported"},
	{SET("", "      securityContext: {fsGroupChangePolicy: onRootMismatch}\n", ""), POD "securityContext.fsGroupChangePolicy: Unsupported value"},
	{SET("", "      volumes: [{name: v, emptyDir: {sizeLimit: -1Gi}}]\n", ""), "emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid"},
	{SET("", "", "}\n      - {name: d, image: ' i'"), POD "containers[1].image: Invalid value: \" i\": must not have leading or trailing whitespace"},
	{"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, strategy: {rollingUpdate: "
	 "{maxUnavailable: 0%, maxSurge: 0}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n",
	 "maxUnavailable: Invalid value: 0%: may not be 0 when `maxSurge` is 0"},
	{"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 50x}\n", "spec.minAvailable: Invalid value: \"50x\": a valid percent"},
	{"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {maxUnavailable: 101%}\n", "must not be greater than 100%"},
	{"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {maxUnavailable: -1}\n", "Invalid value: -1: must be greater than or equal to 0"},
	{"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a23456789-123456789-123456789-123456789-123456789-123}\nspec: {selector: "
	 "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n",
	 "f:3:18: the StatefulSet \"a23456789-123456789-123456789-123456789-123456789-123\" is invalid: metadata.name: Invalid value"},
	/* secrets of a type */
	{SECRET("tls", "tls.crt: a"), "the Secret \"x\" is invalid: data[tls.key]: Required value"},
	{SECRET("basic-auth", "a: b"), "data[password]: Required value"},
	{SECRET("ssh-auth", "a: b"), "data[ssh-privatekey]: Required value"},
	{SECRET("dockerconfigjson", "a: b"), "data[.dockerconfigjson]: Required value"},
	{SECRET("dockerconfigjson", ".dockerconfigjson: 'auths'"), "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\""},
	{SECRET("dockercfg", ".dockercfg: '[]'"), "data[.dockercfg]: Invalid value: \"<secret contents redacted>\""},
	{"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ntype: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: e30gfQ==}\n",
	 "f:5:27: the Secret \"x\" is invalid: data[.dockerconfigjson]: Invalid value"},
	{SECRET("service-account-token", "a: b"), "metadata.annotations[kubernetes.io/service-account.name]: Required value"},
	/* services and rights */
	{SVC("{selector: {a: b}}"), "the Service \"s\" is invalid: spec.ports: Required value"},
	{SVC("{ports: [{port: 1}, {port: 2, name: b}]}"), "spec.ports[0].name: Required value"},
	{SVC("{ports: [{port: 1, name: a}, {port: 1, name: b}]}"), "spec.ports[1]: Duplicate value: port 1, protocol TCP"},
	{SVC("{ports: [{port: 0}]}"), "spec.ports[0].port: Invalid value: 0: must be between"},
	{SVC("{ports: [{port: 1, nodePort: 30000}]}"), "nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"},
	{SVC("{type: NodePort, ports: [{port: 1, nodePort: 80}]}"), "nodePort: Invalid value: 80: provided port is not in the valid range"},
	{SVC("{externalTrafficPolicy: Local, ports: [{port: 1}]}"), "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally"},
	{SVC("{clusterIPs: [None], ports: [{port: 1}]}"), "spec.clusterIPs: Invalid value: [\"None\"]: must be empty when `clusterIP` is not specified"},
	{SVC("{clusterIP: None, clusterIPs: [10.1.2.3], ports: [{port: 1}]}"), "spec.clusterIPs: Invalid value: [\"10.1.2.3\"]: first value must match"},
	{SVC("{type: NodePort, clusterIP: None, ports: [{port: 1}]}"), "may not be set to 'None' for NodePort services"},
	{SVC("{clusterIP: none, ports: [{port: 1}]}"), "spec.clusterIP: Invalid value: \"none\": must be a valid IP address"},
	{SVC("{clusterIP: 10.96.1, ports: [{port: 1}]}"), "spec.clusterIP: Invalid value: \"10.96.1\": must be a valid IP address"},
	{SVC("{clusterIP: 'a:b', ports: [{port: 1}]}"), "spec.clusterIP: Invalid value: \"a:b\": must be a valid IP address"},
	{SVC("{sessionAffinity: Client, ports: [{port: 1}]}"), "spec.sessionAffinity: Unsupported value: \"Client\""},
	{"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: r}\nroleRef: {kind: ClusterRole, name: x}\nsubjects: [{kind: ServiceAccount, name: who}]\n", "subjects[0].namespace: Required value"},
	{"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{apiGroups: [''], resources: [pods]}]\n", "rules[0].verbs: Required value"},
};

static void refusals(void **state)
{
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err e = {0};

		if (!admit(&a, refused[i].yaml, true, &e))
			fail_msg("taken, but wrong:\n%s", refused[i].yaml);
		assert_int_equal(e.kind, ERR_REFUSED);
		if (!strstr(e.msg, refused[i].line))
			fail_msg("\"%s\" does not say \"%s\"", e.msg, refused[i].line);
	}
	arena_free(&a);
}

/* All at once; and fields that are not in our table only where that is asked. */
static void all_of_them(void **state)
{
	struct arena a = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(admit(&a, C("env: [{name: A, value: 1}, {name: B, value: 2}]") "---\n" MAP("data: {a: 3}\n"), true, &e), -1);
	assert_non_null(strstr(e.msg, "(here: 1)"));
	assert_non_null(strstr(e.msg, "(here: 2)"));
	assert_non_null(strstr(e.msg, "(here: 3)"));
	/* A Secret's value is nobody's to read. */
	e = (struct err){0};
	assert_int_equal(admit(&a, "apiVersion: v1\nkind: Secret\nmetadata: {name: m}\nstringData: {pin: 4711815}\n", true, &e), -1);
	assert_null(strstr(e.msg, "4711815"));
	assert_non_null(strstr(e.msg, "(here: a Secret's value)"));
	/* A wrong type is no reason to keep the rest to oneself; another shape is. */
	e = (struct err){0};
	assert_int_equal(admit(&a, C("tty: 'true', volumeMounts: [{name: n, mountPath: /n}]"), true, &e), -1);
	assert_non_null(strstr(e.msg, ".tty of type bool"));
	assert_non_null(strstr(e.msg, "\nf:12:64: the StatefulSet \"s\" is invalid: spec.template.spec.containers[0].volumeMounts[0].name: Not "
			       "found: \"n\""));
	e = (struct err){0};
	assert_int_equal(admit(&a, C("envFrom: [{configMapRef: ''}]"), true, &e), -1);
	assert_null(strstr(e.msg, "quotes"));
	e = (struct err){0};
	assert_int_equal(admit(&a, SVC("[]"), true, &e), -1);
	assert_null(strchr(e.msg, '\n'));
	e = (struct err){0};
	assert_int_equal(admit(&a, C("newField: 1"), false, &e), 0);
	assert_true(manifest_has_field("StatefulSet", "spec.template.spec.containers[].env[].valueFrom.fieldRef.fieldPath"));
	assert_true(manifest_has_field("StatefulSet", "spec.template.metadata.labels.x/y"));
	assert_false(manifest_has_field("StatefulSet", "spec.template.spec.containers[].nothing"));
	assert_false(manifest_has_field("Service", "spec.template"));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good), cmocka_unit_test(refusals), cmocka_unit_test(all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
