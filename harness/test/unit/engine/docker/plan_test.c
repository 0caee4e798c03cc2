/* From manifests to what Docker is asked for; no Docker needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/daemon.h"
#include "engine/docker/plan.h"

/* YAML, because flow maps read better here than JSON's quotes. */
static cJSON *object(const char *text)
{
	struct arena a = {0};
	struct ynode **docs;
	struct err e = {0};
	cJSON *o;
	size_t n;

	if (yaml_read_text(&a, "test", text, &docs, &n, &e) || n != 1)
		fail_msg("%s", e.msg);
	o = yaml_to_json(docs[0]);
	arena_free(&a);
	return o;
}

static void put(struct store *s, const char *kind, const char *text)
{
	store_put(s, store_kind(kind)->id, object(text));
}

static void expect_expand(const char *text, const char *want)
{
	cJSON *env = object("{A: one, B: 'two words', EMPTY: ''}");
	char *got = plan_expand(text, env);

	assert_string_equal(got, want);
	free(got);
	cJSON_Delete(env);
}

static void expanding(void **state)
{
	(void)state;
	expect_expand("$(A)-$(B)", "one-two words");
	expect_expand("$$(A)", "$(A)");
	expect_expand("$(UNKNOWN) ${A} $A", "$(UNKNOWN) ${A} $A");
	expect_expand("x$(EMPTY)y$(", "xy$(");
	expect_expand("$", "$");
	expect_expand("$$$(A)$$", "$one$");
	/* As the kubelet: up to the first bracket, and what is unknown stays as it is. */
	expect_expand("$(A$(B))", "$(A$(B))");
	expect_expand("$(NO$$NE) $$$$(A) $x$", "$(NO$$NE) $$(A) $x$");
	expect_expand("$() $(A", "$() $(A");
}

static void environment(void **state)
{
	struct store s;
	struct err e = {0};
	cJSON *pod = object("{metadata: {name: p-0, namespace: ns, labels: {app: x}}, spec: {nodeName: n1}}");
	cJSON *c = object("{envFrom: [{configMapRef: {name: cm}, prefix: C_}], env: ["
			  "{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}},"
			  "{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}},"
			  "{name: APP, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}},"
			  "{name: PASSWORD, valueFrom: {secretKeyRef: {name: sec, key: pw}}},"
			  "{name: MAYBE, valueFrom: {secretKeyRef: {name: none, key: k, optional: true}}},"
			  "{name: URL, value: '$(NAME).$(IP):$(C_port)@$(DB_MAIN_SERVICE_HOST)'}]}");
	cJSON *env;

	(void)state;
	store_init(&s);
	store_lock(&s);
	put(&s, "ConfigMap", "{metadata: {name: cm, namespace: ns}, data: {port: '5432'}}");
	put(&s, "Secret", "{metadata: {name: sec, namespace: ns}, data: {pw: aHVzaA==, nul: YQBi}}");
	put(&s, "Service", "{metadata: {name: db-main, namespace: ns}, spec: {clusterIP: 10.0.0.9, ports: [{port: 1}]}}");
	put(&s, "Service", "{metadata: {name: other, namespace: elsewhere}, spec: {clusterIP: 10.0.0.8}}");
	put(&s, "Service", "{metadata: {name: headless, namespace: ns}, spec: {clusterIP: None}}");
	env = plan_env(&s, pod, c, "10.1.2.3", "10.1.0.1", &e);
	assert_non_null(env);
	assert_string_equal(json_str(env, "URL", ""), "p-0.10.1.2.3:5432@10.0.0.9");
	assert_string_equal(json_str(env, "PASSWORD", ""), "hush");
	assert_string_equal(json_str(env, "APP", ""), "x");
	assert_string_equal(json_str(env, "DB_MAIN_PORT_1_TCP_ADDR", ""), "10.0.0.9");
	assert_string_equal(json_str(env, "KUBERNETES_SERVICE_HOST", ""), "10.240.0.2");
	assert_string_equal(json_str(env, "KUBERNETES_SERVICE_PORT", ""), "443");
	assert_null(json_get(env, "MAYBE"));
	assert_null(json_get(env, "OTHER_SERVICE_HOST"));
	assert_null(json_get(env, "HEADLESS_SERVICE_HOST"));
	cJSON_Delete(env);
	/* A variable would end there. */
	json_set_str(cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(c, "env"), 3), "valueFrom"),
					 "secretKeyRef"), "key", "nul");
	assert_null(plan_env(&s, pod, c, "", "", &e));
	assert_non_null(strstr(e.msg, "the value of PASSWORD has a NUL byte"));
	json_set_str(cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(c, "env"), 3), "valueFrom"),
					 "secretKeyRef"), "key", "pw");
	store_delete(&s, KIND_SECRET, "ns", "sec");
	assert_null(plan_env(&s, pod, c, "", "", &e));
	assert_string_equal(e.msg, "secret \"sec\" not found");
	put(&s, "Secret", "{metadata: {name: sec, namespace: ns}, data: {other: eA==}}");
	assert_null(plan_env(&s, pod, c, "", "", &e));
	assert_string_equal(e.msg, "couldn't find key pw in Secret ns/sec");
	store_unlock(&s);
	store_free(&s);
	cJSON_Delete(pod);
	cJSON_Delete(c);
}

/* A label's key may have 317 bytes. */
static void long_label(void **state)
{
	char key[251], *text, *of;
	struct store s;
	struct err e = {0};
	cJSON *pod, *c, *env;

	(void)state;
	memset(key, 'a', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	text = mem_fmt("{metadata: {name: p, namespace: ns, labels: {%s/name: whole}}, spec: {}}", key);
	of = mem_fmt("{env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['%s/name']\"}}},"
		     "{name: B, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['none']\"}}}]}", key);
	pod = object(text);
	c = object(of);
	store_init(&s);
	store_lock(&s);
	env = plan_env(&s, pod, c, "10.1.2.3", "10.1.0.1", &e);
	assert_non_null(env);
	assert_string_equal(json_str(env, "A", ""), "whole");
	assert_string_equal(json_str(env, "B", "-"), "");
	store_unlock(&s);
	store_free(&s);
	cJSON_Delete(env);
	cJSON_Delete(pod);
	cJSON_Delete(c);
	free(text);
	free(of);
}

static double num(const cJSON *o, const char *path)
{
	const cJSON *v = json_path(o, path);

	assert_true(cJSON_IsNumber(v));
	return v->valuedouble;
}

static void container(void **state)
{
	cJSON *pod = object("{spec: {securityContext: {runAsUser: 999, runAsGroup: 998, fsGroup: 997}}}");
	cJSON *c = object("{image: i, command: [a, $(X)], args: ['1'], workingDir: /w, resources: {limits: "
			  "{cpu: '2', memory: 4Gi}, requests: {cpu: 100m}}, securityContext: {runAsUser: 5, "
			  "capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}}");
	cJSON *env = object("{X: 'y'}"), *body = plan_container(pod, c, env);

	(void)state;
	assert_string_equal(json_path(body, "Entrypoint.1")->valuestring, "y");
	assert_string_equal(json_path(body, "Cmd.0")->valuestring, "1");
	assert_string_equal(json_path(body, "Env.0")->valuestring, "X=y");
	/* The container's own user, the pod's group. */
	assert_string_equal(json_str(body, "User", ""), "5:998");
	assert_string_equal(json_path(body, "HostConfig.GroupAdd.0")->valuestring, "997");
	assert_string_equal(json_path(body, "HostConfig.CapDrop.0")->valuestring, "ALL");
	assert_string_equal(json_path(body, "HostConfig.SecurityOpt.0")->valuestring, "no-new-privileges");
	assert_true(num(body, "HostConfig.Memory") == 4294967296.0);
	/* No more than a kubelet keeps, whatever Docker's own default is. */
	assert_string_equal(json_str(json_path(body, "HostConfig.LogConfig"), "Type", ""), "json-file");
	assert_string_equal(json_str(json_path(body, "HostConfig.LogConfig.Config"), "max-size", ""), "10m");
	assert_string_equal(json_str(json_path(body, "HostConfig.LogConfig.Config"), "max-file", ""), "5");
	assert_true(num(body, "HostConfig.CpuQuota") == 2e5);
	assert_true(num(body, "HostConfig.CpuShares") == 102);
	cJSON_Delete(body);
	/* As many as a kernel takes, and a kubelet gives. */
	cJSON_SetValuestring((cJSON *)json_path(c, "resources.requests.cpu"), "1e30");
	body = plan_container(pod, c, env);
	assert_true(num(body, "HostConfig.CpuShares") == 262144);
	cJSON_Delete(body);
	cJSON_DeleteItemFromObject(c, "command");
	cJSON_DeleteItemFromObject(c, "securityContext");
	body = plan_container(pod, c, env);
	/* The image's own then. */
	assert_null(json_get(body, "Entrypoint"));
	assert_string_equal(json_path(body, "HostConfig.CapDrop.0")->valuestring, "NET_RAW");
	cJSON_Delete(body);
	cJSON_Delete(pod);
	cJSON_Delete(c);
	cJSON_Delete(env);
}

static const char *const NODES[] = {"control", "n1", "n2", "n3"};

static void placing(void **state)
{
	cJSON *apart = object("{metadata: {name: p-3, namespace: ns, labels: {app: x}}, spec: {affinity: {podAntiAffinity: "
			      "{requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, "
			      "labelSelector: {matchExpressions: [{key: app, operator: In, values: [x]}]}}]}}}}");
	cJSON *any = object("{metadata: {name: q, namespace: ns, labels: {app: y}}, spec: {}}");
	struct err e = {0};
	struct store s;

	(void)state;
	store_init(&s);
	store_lock(&s);
	assert_int_equal(plan_node(&s, apart, NODES, 4, NULL, &e), 1);
	put(&s, "Pod", "{metadata: {name: p-0, namespace: ns, labels: {app: x}}, spec: {nodeName: n1}}");
	assert_int_equal(plan_node(&s, apart, NODES, 4, NULL, &e), 2);
	put(&s, "Pod", "{metadata: {name: p-1, namespace: ns, labels: {app: x}}, spec: {nodeName: n2}}");
	/* Of another namespace: no matter. */
	put(&s, "Pod", "{metadata: {name: p-2, namespace: zz, labels: {app: x}}, spec: {nodeName: n3}}");
	assert_int_equal(plan_node(&s, apart, NODES, 4, NULL, &e), 3);
	/* Where its volume is, somebody is already. */
	assert_int_equal(plan_node(&s, apart, NODES, 4, "n1", &e), -1);
	put(&s, "Pod", "{metadata: {name: p-2, namespace: ns, labels: {app: x}}, spec: {nodeName: n3}}");
	assert_int_equal(plan_node(&s, apart, NODES, 4, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "0/3 nodes are available"));
	assert_int_equal(plan_node(&s, any, NODES, 4, "n2", &e), 2);
	put(&s, "Pod", "{metadata: {name: z, namespace: ns}, spec: {nodeName: n1}}");
	assert_int_equal(plan_node(&s, any, NODES, 4, NULL, &e), 2);
	/* A kubelet takes 110. */
	for (int i = 0; i < 3 * 110; i++) {
		char pod[100];

		snprintf(pod, sizeof(pod), "{metadata: {name: many-%d, namespace: ns}, spec: {nodeName: n%d}}", i, i % 3 + 1);
		put(&s, "Pod", pod);
	}
	assert_int_equal(plan_node(&s, any, NODES, 4, NULL, &e), -1);
	assert_string_equal(e.msg, "0/3 nodes are available: 3 Too many pods");
	store_unlock(&s);
	store_free(&s);
	cJSON_Delete(apart);
	cJSON_Delete(any);
}

/* Nobody waits for what no node could take. */
static void at_once(void **state)
{
	cJSON *few = object("{replicas: 3}"), *many = object("{replicas: 1000000000000, parallelism: 400}");

	(void)state;
	assert_int_equal(plan_at_once(few, "replicas", 4), 3);
	assert_int_equal(plan_at_once(few, "parallelism", 4), 1);
	assert_int_equal(plan_at_once(many, "replicas", 4), 330);
	assert_int_equal(plan_at_once(many, "parallelism", 4), 330);
	cJSON_Delete(few);
	cJSON_Delete(many);
}

#define READY(yes) "conditions: [{type: Ready, status: '" yes "'}]"

static void endpoints(void **state)
{
	cJSON *svc = object("{metadata: {name: svc, namespace: ns}, spec: {selector: {app: x}, ports: [{name: sql, port: 80, "
			    "targetPort: pg}]}}"), *subsets;
	struct store s;

	(void)state;
	store_init(&s);
	store_lock(&s);
	subsets = plan_subsets(&s, svc);
	assert_int_equal(cJSON_GetArraySize(subsets), 0);
	cJSON_Delete(subsets);
	put(&s, "Pod", "{metadata: {name: a, namespace: ns, labels: {app: x}}, spec: {containers: [{ports: [{name: pg, "
	    "containerPort: 5432}]}]}, status: {podIP: 10.0.0.1, " READY("True") "}}");
	put(&s, "Pod", "{metadata: {name: b, namespace: ns, labels: {app: x}}, status: {podIP: 10.0.0.2, " READY("False") "}}");
	put(&s, "Pod", "{metadata: {name: c, namespace: ns, labels: {app: x}, deletionTimestamp: now}, status: {podIP: "
	    "10.0.0.3, " READY("True") "}}");
	put(&s, "Pod", "{metadata: {name: d, namespace: ns, labels: {app: z}}, status: {podIP: 10.0.0.4, " READY("True") "}}");
	subsets = plan_subsets(&s, svc);
	assert_int_equal(cJSON_GetArraySize(json_path(subsets, "0.addresses")), 1);
	assert_string_equal(json_str(json_path(subsets, "0.addresses.0"), "ip", ""), "10.0.0.1");
	assert_int_equal(cJSON_GetArraySize(json_path(subsets, "0.notReadyAddresses")), 2);
	cJSON_Delete(subsets);
	json_set_bool(cJSON_GetObjectItem(svc, "spec"), "publishNotReadyAddresses", true);
	subsets = plan_subsets(&s, svc);
	assert_int_equal(cJSON_GetArraySize(json_path(subsets, "0.addresses")), 3);
	cJSON_Delete(subsets);
	store_unlock(&s);
	store_free(&s);
	cJSON_Delete(svc);
}

static int check(const char *yaml, struct arena *a, struct adaptations *log, struct err *e)
{
	struct manifest m = {0};

	if (yaml_read_text(a, "f.yaml", yaml, &m.objects, &m.n, e))
		return -1;
	return plan_check(a, &m, true, log, e);
}

#define SET(pod) \
	"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n" \
	"    metadata: {labels: {a: b}}\n    spec:\n      containers:\n        - name: c\n          image: i\n" pod

/* A Service's port in a protocol that nothing forwards. */
static void protocols(void **state)
{
#define SVC(p) "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {a: b}, ports: [{port: 1, protocol: " p "}]}\n"
	struct adaptations log = {0};
	struct arena a = {0};
	struct err e = {0};

	(void)state;
	if (check(SVC("TCP") "---\n" SVC("UDP"), &a, &log, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(log.n, 0);
	assert_int_equal(check(SVC("SCTP"), &a, &log, &e), -1);
	assert_non_null(strstr(e.msg, "f.yaml:4:54: Service/s: spec.ports[0].protocol is supported by the engine docker only as TCP or UDP;"));
	arena_free(&a);
#undef SVC
}

static void fields(void **state)
{
	struct adaptations log = {0};
	struct arena a = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(check(SET("          command: [x]\n          readinessProbe: {exec: {command: [z]}, periodSeconds: 1}\n"),
			       &a, &log, &e), 0);
	assert_int_equal(log.n, 0);
	/* Harmless: told. */
	assert_int_equal(check(SET("          imagePullPolicy: Always\n"), &a, &log, &e), 0);
	assert_int_equal(log.n, 1);
	assert_string_equal(log.v[0].path, "spec.template.spec.containers[0].imagePullPolicy");
	assert_string_equal(log.v[0].to, "not honoured");
	assert_int_equal(check(SET("          securityContext: {runAsNonRoot: true}\n"), &a, &log, &e), 0);
	assert_int_equal(log.n, 1); /* honoured */
	/* Anything else: refused, with its place. */
	assert_int_equal(check(SET("          volumeDevices: [{name: d, devicePath: /d}]\n"), &a, &log, &e), -1);
	assert_non_null(strstr(e.msg, "f.yaml:12:"));
	assert_non_null(strstr(e.msg, "containers[0].volumeDevices is not supported"));
	assert_int_equal(check(SET("      hostNetwork: true\n"), &a, &log, &e), -1);
	assert_non_null(strstr(e.msg, "f.yaml:12:20"));
	assert_int_equal(check(SET("      volumes: [{name: v, hostPath: {path: /}}]\n"), &a, &log, &e), -1);
	assert_int_equal(check(SET("      initContainers: [{name: i, image: i, readinessProbe: {grpc: {port: 1}}}]\n"), &a,
			       &log, &e), -1);
	assert_int_equal(check("apiVersion: v1\nkind: DaemonSet\nmetadata: {name: d}\n", &a, &log, &e), -1);
	assert_non_null(strstr(e.msg, "DaemonSet"));
	/* "dataX" is not below "data". */
	assert_int_equal(check("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndataX: {a: b}\n", &a, &log, &e), -1);
	/* A value that no API server would take. */
	assert_int_equal(check("apiVersion: v1\nkind: Secret\nmetadata: {name: d}\ndata: {a: aHVzaA==}\n", &a, &log, &e), 0);
	assert_int_equal(check("apiVersion: v1\nkind: Secret\nmetadata: {name: d}\ndata: {a: hush!}\n", &a, &log, &e), -1);
	assert_non_null(strstr(e.msg, "f.yaml:4:11"));
	assert_non_null(strstr(e.msg, "data.a is no base64"));
	arena_free(&a);
}

static size_t lines_of(const char *text)
{
	size_t n = *text != '\0';

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* What is so anyway is told, and another value of it refused; nothing below a
 * field that is honoured is dropped. All at once. */
static void defaults(void **state)
{
	static const char *const good[] = {
		SET("          securityContext: {privileged: false, seccompProfile: {type: RuntimeDefault}, seLinuxOptions: {}}\n"),
		SET("      nodeSelector: {kubernetes.io/os: linux}\n      imagePullSecrets: [{name: x}]\n      hostNetwork: no\n"),
		SET("      volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 64Mi}}]\n"),
		("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {sessionAffinity: None, internalTrafficPolicy: Cluster, "
		 "type: ClusterIP, ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, clusterIP: None, clusterIPs: [None]}\n"),
		("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '0 2 * * *', timeZone: Europe/Berlin, "
		 "concurrencyPolicy: Forbid, startingDeadlineSeconds: 60, successfulJobsHistoryLimit: 1, suspend: true, jobTemplate: {spec: "
		 "{backoffLimit: 0, activeDeadlineSeconds: 9, ttlSecondsAfterFinished: 5, template: {spec: {restartPolicy: Never, "
		 "containers: [{name: c, image: i, imagePullPolicy: Always}]}}}}}\n"),
		"apiVersion: v1\nkind: Endpoints\nmetadata: {name: s}\nsubsets: []\n",
		"apiVersion: v1\nkind: Endpoints\nmetadata: {name: s}\nsubsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 1}]}]\n",
	};
	static const size_t told[] = {2, 3, 1, 6, 2, 0, 0};
	static const struct {
		const char *yaml, *words;
		size_t n;
	} bad[] = {
		/* Once, and not each word in it. */
		{SET("      volumes: [{name: v, projected: {sources: [{configMap: {name: a}}, {secret: {name: b, optional: true}}]}}]\n"), "volumes[0].projected is not supported", 1},
		{SET("          readinessProbe: {grpc: {port: 1, service: x}}\n          lifecycle: {preStop: {httpGet: {path: /, port: 1}}}\n"), "readinessProbe.grpc is not supported", 2},
		{SET("          securityContext: {privileged: true, seccompProfile: {type: Unconfined}}\n"), "privileged is supported by the engine docker only as false", 2},
		{SET("      nodeSelector: {disk: ssd, kubernetes.io/os: windows}\n"), "nodeSelector.disk is not supported", 2},
		/* A kubelet mounts no other, and "" is the disk. */
		{SET("      volumes: [{name: v, emptyDir: {medium: memory}}, {name: w, emptyDir: {medium: \"\"}}]\n"), "only as Memory; run", 1},
		{SET("      volumes: [{name: v, projected: {}}, {name: w, hostPath: {path: /}}, {name: x, emptyDir: {medum: Memory}}]\n"), "projected is not supported", 3},
		{"apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {sessionAffinity: ClientIP, clusterIP: None, type: ExternalName, externalName: x}\n", "sessionAffinity is supported by the engine docker only as None", 3},
		{SET("      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: k, namespaces: [x]}]}}\n"), "namespaces is not supported", 1},
		{("apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '@daily', jobTemplate: {spec: {completionMode: "
		  "Indexed, suspend: true, template: {spec: {restartPolicy: Never, hostNetwork: true, containers: [{name: c, image: i}]}}}}}\n"),
		 "jobTemplate.spec.completionMode is supported by the engine docker only as NonIndexed", 3},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: 1, b: yes}\n---\nkind: DaemonSet\napiVersion: apps/v1\nmetadata: {name: x}\n", "a DaemonSet is not supported by the engine docker; run this on kind", 3},
		{"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}}\n", "nothing keeps pods apart here", 1},
		{"apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: n}\n", "run this with --engine kube, on a cluster that has its", 1},
		{"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: n}\n", "an Ingress is not supported by the engine docker; run this on kind", 1},
		{"apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: n}\n", "a Lease is not supported by the engine docker; run this on kind", 1},
		{SET("      dnsPolicy: None\n      dnsConfig: {nameservers: [1.1.1.1]}\n"), "dnsPolicy is supported by the engine docker only as ClusterFirst, ClusterFirstWithHostNet or Default; run", 2},
		/* Others' kinds, by a name or a group like Kubernetes' own. */
		{"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: n}\nspec: {template: {}}\n", "Service is none of Kubernetes' own kinds", 1},
		{"apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: n}\n", "VerticalPodAutoscaler is none of Kubernetes' own kinds", 1},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct adaptations log = {0};
		struct err e = {0};

		if (check(good[i], &a, &log, &e))
			fail_msg("%s", e.msg);
		if (log.n != told[i])
			fail_msg("%zu told of %s", log.n, good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct adaptations log = {0};
		struct err e = {0};

		assert_int_equal(check(bad[i].yaml, &a, &log, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		if (!strstr(e.msg, bad[i].words) || lines_of(e.msg) != bad[i].n)
			fail_msg("%zu: %s", lines_of(e.msg), e.msg);
	}
	arena_free(&a);
}

/* What no cluster takes as it is is told once, without the advice to take another. */
static void by_no_cluster(void **state)
{
	static const struct {
		const char *yaml, *words;
	} bad[] = {
		{"apiVersion: networking.k8s.io/v1\nkind: Wombat\nmetadata: {name: n}\n", "no matches for kind \"Wombat\" in version \"networking.k8s.io/v1\""},
		{SET("      dnsPolicy: Foo\n"), "dnsPolicy: Unsupported value: \"Foo\""},
		{SET("          resources: {requests: {storage: 1Gi}}\n"), "must be a standard resource for containers"},
		{SET("          ports: [6379]\n"), "ports of type v1.ContainerPort"},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct adaptations log = {0};
		struct err e = {0};

		assert_int_equal(check(bad[i].yaml, &a, &log, &e), -1);
		if (e.kind != ERR_REFUSED || !strstr(e.msg, bad[i].words) || lines_of(e.msg) != 1)
			fail_msg("%s", e.msg);
	}
	arena_free(&a);
}

/* What the engine plays no part of is refused by its place, never left lying. */
static void kinds(void **state)
{
	static const char *const alien[] = {"Pod\napiVersion: v1", "DaemonSet\napiVersion: apps/v1", "Thing\napiVersion: example.org/v1"};
	struct adaptations log = {0};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(alien); i++) {
		char *text = mem_fmt("metadata: {name: x}\nkind: %s\n", alien[i]);
		struct err e = {0};

		assert_int_equal(check(text, &a, &log, &e), -1);
		assert_ptr_equal(strstr(e.msg, "f.yaml:2:"), e.msg);
		assert_null(strstr(e.msg, "no matches"));
		free(text);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expanding), cmocka_unit_test(environment),
		cmocka_unit_test(long_label), cmocka_unit_test(container),
		cmocka_unit_test(placing), cmocka_unit_test(at_once),
		cmocka_unit_test(endpoints), cmocka_unit_test(protocols),
		cmocka_unit_test(fields), cmocka_unit_test(defaults), cmocka_unit_test(kinds),
		cmocka_unit_test(by_no_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
