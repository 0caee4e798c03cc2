/* Which fields of a manifest the engine honours. What is in neither table is
 * refused: nothing is dropped without a word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/log.h"
#include "engine/docker/plan.h"
#include "manifest/parts.h"

/* A path below an object; "[]" stands for any place in a list, a final "*"
 * for whatever is below. `why` NULL: honoured; else harmless, and told. */
struct field {
	const char *path, *why;
};

/* Honoured, but by another: that is told, too. */
static const char our_api[] = "the driver plays the Kubernetes API that the pod asks, in place of a cluster's or another store";

#define ONE_VERSION "a run installs once and updates nothing"
#define NOT_SCHEDULED "the virtual nodes are alike, and have room"

static const struct field any_object[] = {
	{"apiVersion", NULL}, {"kind", NULL}, {"metadata.name", NULL}, {"metadata.namespace", NULL},
	{"metadata.labels*", NULL}, {"metadata.annotations*", NULL}, {NULL, NULL},
};

static const struct field pod_fields[] = {
	{"metadata.name", NULL}, {"metadata.namespace", NULL},
	{"metadata.labels*", NULL}, {"metadata.annotations*", NULL},
	{"spec.containers[].name", NULL}, {"spec.containers[].image", NULL},
	{"spec.containers[].imagePullPolicy", "images are built or pulled before the run"},
	{"spec.containers[].command*", NULL}, {"spec.containers[].args*", NULL},
	{"spec.containers[].workingDir", NULL}, {"spec.containers[].tty", NULL},
	{"spec.containers[].stdin", NULL},
	{"spec.containers[].ports[].containerPort", NULL}, {"spec.containers[].ports[].name", NULL},
	{"spec.containers[].ports[].protocol", NULL},
	{"spec.containers[].env[].name", NULL}, {"spec.containers[].env[].value", NULL},
	{"spec.containers[].env[].valueFrom.fieldRef*", NULL},
	{"spec.containers[].env[].valueFrom.secretKeyRef*", NULL},
	{"spec.containers[].env[].valueFrom.configMapKeyRef*", NULL},
	{"spec.containers[].envFrom[].prefix", NULL}, {"spec.containers[].envFrom[].secretRef*", NULL},
	{"spec.containers[].envFrom[].configMapRef*", NULL},
	{"spec.containers[].resources.limits.cpu", NULL},
	{"spec.containers[].resources.limits.memory", NULL},
	{"spec.containers[].resources.limits.ephemeral-storage", "containers share the host's disk"},
	{"spec.containers[].resources.requests.cpu", NULL},
	{"spec.containers[].resources.requests.memory", NOT_SCHEDULED},
	{"spec.containers[].resources.requests.ephemeral-storage", NOT_SCHEDULED},
	{"spec.containers[].volumeMounts[].name", NULL}, {"spec.containers[].volumeMounts[].mountPath", NULL},
	{"spec.containers[].volumeMounts[].readOnly", NULL}, {"spec.containers[].volumeMounts[].subPath", NULL},
	{"spec.containers[].securityContext.runAsUser", NULL},
	{"spec.containers[].securityContext.runAsGroup", NULL},
	{"spec.containers[].securityContext.runAsNonRoot", "images are ours"},
	{"spec.containers[].securityContext.capabilities*", NULL},
	{"spec.containers[].securityContext.readOnlyRootFilesystem", NULL},
	{"spec.containers[].securityContext.allowPrivilegeEscalation", NULL},
	{"spec.containers[].terminationMessagePath", "logs are kept whole"},
	{"spec.containers[].terminationMessagePolicy", "logs are kept whole"},
	{"spec.volumes[].name", NULL},
	{"spec.volumes[].configMap.name", NULL}, {"spec.volumes[].configMap.items*", NULL},
	{"spec.volumes[].configMap.defaultMode", NULL}, {"spec.volumes[].configMap.optional", NULL},
	{"spec.volumes[].secret.secretName", NULL}, {"spec.volumes[].secret.items*", NULL},
	{"spec.volumes[].secret.defaultMode", NULL}, {"spec.volumes[].secret.optional", NULL},
	{"spec.volumes[].emptyDir", NULL},
	{"spec.volumes[].emptyDir.medium", "emptyDir is on the host's disk"},
	{"spec.volumes[].emptyDir.sizeLimit", "emptyDir is on the host's disk"},
	{"spec.volumes[].persistentVolumeClaim.claimName", NULL},
	{"spec.volumes[].persistentVolumeClaim.readOnly", NULL},
	{"spec.restartPolicy", NULL}, {"spec.terminationGracePeriodSeconds", NULL},
	{"spec.hostname", NULL}, {"spec.subdomain", NULL}, {"spec.enableServiceLinks", NULL},
	{"spec.serviceAccountName", our_api}, {"spec.serviceAccount", our_api},
	{"spec.automountServiceAccountToken", NULL},
	{"spec.securityContext.runAsUser", NULL}, {"spec.securityContext.runAsGroup", NULL},
	{"spec.securityContext.runAsNonRoot", "images are ours"},
	{"spec.securityContext.fsGroup", NULL}, {"spec.securityContext.supplementalGroups*", NULL},
	{"spec.securityContext.fsGroupChangePolicy", "volumes are given to the group on root mismatch"},
	{"spec.affinity.podAntiAffinity*", NULL},
	{"spec.affinity.nodeAffinity*", NOT_SCHEDULED}, {"spec.tolerations*", NOT_SCHEDULED},
	{"spec.topologySpreadConstraints*", "pods are spread over the nodes evenly anyway"},
	{"spec.priorityClassName", NOT_SCHEDULED}, {"spec.dnsPolicy", "the cluster's names are always served"},
	{"spec.schedulerName", NOT_SCHEDULED}, {"spec.activeDeadlineSeconds", "scenarios have limits of their own"},
	{NULL, NULL},
};

static const struct field stateful_set[] = {
	{"spec.serviceName", NULL}, {"spec.replicas", NULL}, {"spec.podManagementPolicy", NULL},
	{"spec.selector.matchLabels*", NULL}, {"spec.minReadySeconds", ONE_VERSION},
	{"spec.revisionHistoryLimit", ONE_VERSION}, {"spec.updateStrategy*", ONE_VERSION},
	{"spec.persistentVolumeClaimRetentionPolicy*", "volumes go with the run"},
	{"spec.volumeClaimTemplates[].metadata.name", NULL},
	{"spec.volumeClaimTemplates[].metadata.labels*", NULL},
	{"spec.volumeClaimTemplates[].metadata.annotations*", NULL},
	{"spec.volumeClaimTemplates[].apiVersion", NULL}, {"spec.volumeClaimTemplates[].kind", NULL},
	{"spec.volumeClaimTemplates[].spec.accessModes*", NULL},
	{"spec.volumeClaimTemplates[].spec.storageClassName", NULL},
	{"spec.volumeClaimTemplates[].spec.resources.requests.storage", NULL}, {NULL, NULL},
};
static const struct field deployment[] = {
	{"spec.replicas", NULL}, {"spec.selector.matchLabels*", NULL},
	{"spec.revisionHistoryLimit", ONE_VERSION}, {"spec.strategy*", ONE_VERSION},
	{"spec.minReadySeconds", ONE_VERSION}, {"spec.progressDeadlineSeconds", ONE_VERSION}, {NULL, NULL},
};
static const struct field job[] = {
	{"spec.completions", NULL}, {"spec.parallelism", NULL}, {"spec.backoffLimit", NULL},
	{"spec.ttlSecondsAfterFinished", "Jobs go with the run"},
	{"spec.activeDeadlineSeconds", "scenarios have limits of their own"}, {NULL, NULL},
};
static const struct field service[] = {
	{"spec.clusterIP", NULL}, {"spec.selector*", NULL}, {"spec.publishNotReadyAddresses", NULL},
	{"spec.ports[].name", NULL}, {"spec.ports[].port", NULL}, {"spec.ports[].targetPort", NULL},
	{"spec.ports[].protocol", NULL}, {"spec.ports[].nodePort", "clients are inside"},
	{"spec.type", "clients are inside: every Service has a cluster's address"},
	{NULL, NULL},
};
static const struct field config_map[] = {{"data*", NULL}, {"immutable", NULL}, {NULL, NULL}};
static const struct field secret[] = {
	{"data*", NULL}, {"stringData*", NULL}, {"type", NULL}, {"immutable", NULL}, {NULL, NULL},
};
static const struct field claim[] = {
	{"spec.accessModes*", NULL}, {"spec.storageClassName", NULL},
	{"spec.resources.requests.storage", NULL}, {NULL, NULL},
};
static const struct field whole[] = {{"*", NULL}, {NULL, NULL}};
static const struct field budget[] = {
	{"spec*", "nothing evicts pods here"}, {NULL, NULL},
};
#define ONE_CLASS "every class is a bounded file on this machine's disk, gone with the run"
static const struct field class[] = {
	{"provisioner", ONE_CLASS}, {"parameters*", ONE_CLASS}, {"reclaimPolicy", ONE_CLASS},
	{"volumeBindingMode", ONE_CLASS}, {"allowVolumeExpansion", ONE_CLASS}, {"mountOptions*", ONE_CLASS},
	{NULL, NULL},
};

static const struct known {
	const char *kind;
	const struct field *fields;
	const char *pod; /* where a pod's metadata and spec are */
} known[] = {
	{"StatefulSet", stateful_set, "spec.template."}, {"Deployment", deployment, "spec.template."},
	{"Job", job, "spec.template."}, {"Service", service, NULL},
	{"ConfigMap", config_map, NULL}, {"Secret", secret, NULL},
	{"PersistentVolumeClaim", claim, NULL}, {"ServiceAccount", whole, NULL}, {"Role", whole, NULL},
	{"RoleBinding", whole, NULL}, {"Namespace", whole, NULL}, {"PodDisruptionBudget", budget, NULL},
	{"StorageClass", class, NULL},
};

struct walk {
	struct arena *a;
	const struct known *kind;
	const struct ynode *object;
	struct adaptations *log;
	struct err *e;
};

/* Whether `path` is the row's, or below a row that ends with "*". A list's
 * own path counts as below what its items are below. */
static bool matches(const char *row, const char *path)
{
	size_t len = strlen(row);

	if (len && row[len - 1] == '*')
		return !strncmp(row, path, len - 1) &&
		       (len == 1 || !path[len - 1] || strchr(".[", path[len - 1]));
	return !strcmp(row, path);
}

static const struct field *in_table(const struct field *t, const char *path)
{
	for (; t && t->path; t++)
		if (matches(t->path, path))
			return t;
	return NULL;
}

/* Probes and hooks are the same for both kinds of containers. */
static const struct field *in_container(const char *path)
{
	static const char *const probes[] = {"readinessProbe", "livenessProbe", "startupProbe"};
	static const char *const parts[] = {
		".exec.command*", ".httpGet.path", ".httpGet.port", ".httpGet.scheme", ".httpGet.httpHeaders*",
		".tcpSocket.port", ".initialDelaySeconds", ".periodSeconds", ".timeoutSeconds",
		".successThreshold", ".failureThreshold",
	};
	static const char *const hooks[] = {"lifecycle.postStart.exec.command*", "lifecycle.preStop.exec.command*"};
	static const struct field honoured = {"", NULL};
	const char *rest = path + strlen("spec.containers[].");
	char row[120];

	if (strncmp(path, "spec.containers[].", strlen("spec.containers[].")))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		if (matches(hooks[i], rest))
			return &honoured;
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		for (size_t j = 0; j < ARRAY_LEN(parts); j++) {
			snprintf(row, sizeof(row), "%s%s", probes[i], parts[j]);
			if (matches(row, rest))
				return &honoured;
		}
	}
	return NULL;
}

static const struct field *look_up(const struct known *k, const char *path)
{
	const struct field *f = in_table(any_object, path);
	char as_main[300];

	if (!f)
		f = in_table(k->fields, path);
	if (f || !k->pod || strncmp(path, k->pod, strlen(k->pod)))
		return f;
	path += strlen(k->pod);
	if (!strncmp(path, "spec.initContainers", 19)) {
		snprintf(as_main, sizeof(as_main), "spec.containers%s", path + 19);
		path = as_main;
	}
	f = in_table(pod_fields, path);
	return f ? f : in_container(path);
}

static int refuse(const struct walk *w, const struct ynode *at, const char *path)
{
	return yaml_error(at, w->e, "%s: %s is not supported by the engine docker, and leaving it out "
				    "would change what is tried; run this on kind",
			  manifest_object_name(w->a, w->object), path);
}

/* `path` is generic, with []; `shown` has the places in lists. */
static int walk(struct walk *w, struct ynode *n, const char *path, const char *shown)
{
	const struct field *f = *path ? look_up(w->kind, path) : NULL;

	if (f && !f->why)
		return 0;
	if (f) {
		adaptation_add(w->a, w->log, w->object, n->line, shown,
			       n->kind == Y_SCALAR ? n->text : "(as written)",
			       f->why == our_api ? "at the driver's API" : "not honoured", f->why);
		return 0;
	}
	if (n->kind == Y_SCALAR || (!n->n && *path))
		return n->kind != Y_SCALAR || (n->plain && !*n->text) ? 0 : refuse(w, n, shown);
	for (size_t i = 0; i < n->n; i++) {
		const char *key = n->kind == Y_MAP ? n->keys[i]->text : NULL;
		const char *sub = key ? arena_fmt(w->a, "%s%s%s", path, *path ? "." : "", key) :
				  arena_fmt(w->a, "%s[]", path);
		const char *sub_shown = key ? arena_fmt(w->a, "%s%s%s", shown, *shown ? "." : "", key) :
					arena_fmt(w->a, "%s[%zu]", shown, i);

		if (walk(w, n->items[i], sub, sub_shown))
			return -1;
	}
	return 0;
}

static int64_t claim_bytes(const struct ynode *one)
{
	int64_t n = quantity_bytes_of(yaml_path((struct ynode *)one, "spec.resources.requests.storage"));

	return n > 0 ? n : 0;
}

int64_t plan_claim_bytes(const struct manifest *m)
{
	int64_t sum = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct ynode *o = m->objects[i], *templates = yaml_path(o, "spec.volumeClaimTemplates");
		const char *replicas = manifest_text(o, "spec.replicas");

		if (!strcmp(manifest_kind(o), "PersistentVolumeClaim"))
			sum += claim_bytes(o);
		for (size_t j = 0; templates && j < templates->n; j++)
			sum += claim_bytes(templates->items[j]) * (*replicas ? strtoll(replicas, NULL, 10) : 1);
	}
	return sum;
}

/* As an API server: a value that cannot be decoded refuses the object. */
static int check_secret(const struct walk *w)
{
	const struct ynode *data = yaml_get(w->object, "data");

	for (size_t i = 0; data && i < data->n; i++) {
		struct buf plain = {0};
		int r = data->items[i]->kind == Y_SCALAR ? base64_decode(data->items[i]->text, &plain) : -1;

		buf_free(&plain);
		if (r)
			return yaml_error(data->items[i], w->e, "%s: data.%s is no base64; plain text belongs in stringData",
					  manifest_object_name(w->a, w->object), data->keys[i]->text);
	}
	return 0;
}

int plan_check(struct arena *a, const struct manifest *m, struct adaptations *log, struct err *e)
{
	for (size_t i = 0; i < m->n; i++) {
		struct walk w = {.a = a, .object = m->objects[i], .log = log, .e = e};
		const char *kind = manifest_kind(m->objects[i]);

		for (size_t j = 0; j < ARRAY_LEN(known) && !w.kind; j++)
			if (!strcmp(known[j].kind, kind))
				w.kind = &known[j];
		if (!w.kind)
			return yaml_error(yaml_get(m->objects[i], "kind"), e,
					  "a %s is not supported by the engine docker; run this on kind",
					  kind);
		if (walk(&w, m->objects[i], "", "") || (!strcmp(kind, "Secret") && check_secret(&w)))
			return -1;
	}
	return 0;
}
