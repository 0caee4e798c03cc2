/* Which fields of a manifest the engine honours. What is in neither table is
 * refused: nothing is dropped without a word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/docker/plan.h"
#include "manifest/parts.h"

/* A path below an object; "[]" stands for any place in a list, a final "*"
 * for whatever is below. `why` NULL: honoured; else harmless, and told. With
 * `only` this value alone is (or one of several, with a | between; one before the
 * first: or none, and whatever it is, it is not honoured). */
struct field {
	const char *path, *why, *only;
};

#define HONOURED(path) {path, NULL, NULL}
#define TOLD(path, why) {path, why, NULL}
#define ONLY(path, why, only) {path, why, only}
#define END {NULL, NULL, NULL}

#define AS_HERE "it is so here anyway"
#define INSIDE "clients are inside"
#define BUILT "images are built or pulled before the run"
#if defined(__aarch64__)
#define ARCH "arm64"
#else
#define ARCH "amd64"
#endif

/* Honoured, but by another: that is told, too. */
static const char our_api[] = "the driver plays the Kubernetes API that the pod asks, in place of a cluster's or another store";

#define ONE_VERSION "a run installs once and updates nothing"
#define NOT_SCHEDULED "the virtual nodes are alike, and have room"

static const struct field any_object[] = {
	HONOURED("apiVersion"), HONOURED("kind"), HONOURED("metadata.name"), HONOURED("metadata.namespace"),
	HONOURED("metadata.labels*"), HONOURED("metadata.annotations*"),
	TOLD("metadata.finalizers*", "nothing outlives the run here"), END,
};

static const struct field pod_fields[] = {
	HONOURED("metadata.name"), HONOURED("metadata.namespace"),
	HONOURED("metadata.labels*"), HONOURED("metadata.annotations*"),
	HONOURED("spec.containers[].name"), HONOURED("spec.containers[].image"),
	TOLD("spec.containers[].imagePullPolicy", BUILT),
	HONOURED("spec.containers[].command*"), HONOURED("spec.containers[].args*"),
	HONOURED("spec.containers[].workingDir"), HONOURED("spec.containers[].tty"),
	HONOURED("spec.containers[].stdin"), ONLY("spec.containers[].stdinOnce", AS_HERE, "false"),
	TOLD("spec.containers[].resizePolicy*", ONE_VERSION),
	ONLY("spec.containers[].ports[].hostPort", AS_HERE, "0"),
	HONOURED("spec.containers[].ports[].containerPort"), HONOURED("spec.containers[].ports[].name"),
	HONOURED("spec.containers[].ports[].protocol"),
	HONOURED("spec.containers[].env[].name"), HONOURED("spec.containers[].env[].value"),
	HONOURED("spec.containers[].env[].valueFrom.fieldRef*"),
	HONOURED("spec.containers[].env[].valueFrom.secretKeyRef*"),
	HONOURED("spec.containers[].env[].valueFrom.configMapKeyRef*"),
	HONOURED("spec.containers[].envFrom[].prefix"), HONOURED("spec.containers[].envFrom[].secretRef*"),
	HONOURED("spec.containers[].envFrom[].configMapRef*"),
	HONOURED("spec.containers[].resources.limits.cpu"),
	HONOURED("spec.containers[].resources.limits.memory"),
	TOLD("spec.containers[].resources.limits.ephemeral-storage", "containers share the host's disk"),
	HONOURED("spec.containers[].resources.requests.cpu"),
	TOLD("spec.containers[].resources.requests.memory", NOT_SCHEDULED),
	TOLD("spec.containers[].resources.requests.ephemeral-storage", NOT_SCHEDULED),
	HONOURED("spec.containers[].volumeMounts[].name"), HONOURED("spec.containers[].volumeMounts[].mountPath"),
	HONOURED("spec.containers[].volumeMounts[].readOnly"), HONOURED("spec.containers[].volumeMounts[].subPath"),
	ONLY("spec.containers[].volumeMounts[].mountPropagation", AS_HERE, "None"),
	ONLY("spec.containers[].volumeMounts[].recursiveReadOnly", AS_HERE, "Disabled"),
	HONOURED("spec.containers[].securityContext.runAsUser"),
	HONOURED("spec.containers[].securityContext.runAsGroup"),
	HONOURED("spec.containers[].securityContext.runAsNonRoot"),
	HONOURED("spec.containers[].securityContext.capabilities*"),
	HONOURED("spec.containers[].securityContext.readOnlyRootFilesystem"),
	HONOURED("spec.containers[].securityContext.allowPrivilegeEscalation"),
	ONLY("spec.containers[].securityContext.privileged", AS_HERE, "false"),
	ONLY("spec.containers[].securityContext.procMount", AS_HERE, "Default"),
	ONLY("spec.containers[].securityContext.seccompProfile.type", AS_HERE, "RuntimeDefault"),
	ONLY("spec.containers[].securityContext.appArmorProfile.type", AS_HERE, "RuntimeDefault"),
	TOLD("spec.containers[].terminationMessagePath", "logs are kept whole"),
	TOLD("spec.containers[].terminationMessagePolicy", "logs are kept whole"),
	HONOURED("spec.volumes[].name"),
	HONOURED("spec.volumes[].configMap.name"), HONOURED("spec.volumes[].configMap.items*"),
	HONOURED("spec.volumes[].configMap.defaultMode"), HONOURED("spec.volumes[].configMap.optional"),
	HONOURED("spec.volumes[].secret.secretName"), HONOURED("spec.volumes[].secret.items*"),
	HONOURED("spec.volumes[].secret.defaultMode"), HONOURED("spec.volumes[].secret.optional"),
	ONLY("spec.volumes[].emptyDir.medium", "emptyDir is on the host's disk", "|Memory"),
	HONOURED("spec.volumes[].emptyDir.sizeLimit"),
	HONOURED("spec.volumes[].persistentVolumeClaim.claimName"),
	HONOURED("spec.volumes[].persistentVolumeClaim.readOnly"),
	HONOURED("spec.restartPolicy"), HONOURED("spec.terminationGracePeriodSeconds"),
	HONOURED("spec.hostname"), HONOURED("spec.subdomain"), HONOURED("spec.enableServiceLinks"),
	TOLD("spec.serviceAccountName", our_api), TOLD("spec.serviceAccount", our_api),
	HONOURED("spec.automountServiceAccountToken"),
	HONOURED("spec.securityContext.runAsUser"), HONOURED("spec.securityContext.runAsGroup"),
	HONOURED("spec.securityContext.runAsNonRoot"),
	HONOURED("spec.securityContext.fsGroup"), HONOURED("spec.securityContext.supplementalGroups*"),
	TOLD("spec.securityContext.fsGroupChangePolicy", "volumes are given to the group on root mismatch"),
#define REQUIRED "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[]"
#define PREFERRED "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[]"
	HONOURED(REQUIRED ".labelSelector*"), HONOURED(REQUIRED ".topologyKey"),
	HONOURED(PREFERRED ".podAffinityTerm.labelSelector*"), HONOURED(PREFERRED ".podAffinityTerm.topologyKey"),
	HONOURED(PREFERRED ".weight"),
	ONLY("spec.nodeSelector.kubernetes.io/os", AS_HERE, "linux"), ONLY("spec.nodeSelector.beta.kubernetes.io/os", AS_HERE, "linux"),
	ONLY("spec.nodeSelector.kubernetes.io/arch", AS_HERE, ARCH), ONLY("spec.nodeSelector.beta.kubernetes.io/arch", AS_HERE, ARCH),
	ONLY("spec.os.name", AS_HERE, "linux"), TOLD("spec.imagePullSecrets*", BUILT),
	ONLY("spec.hostNetwork", AS_HERE, "false"), ONLY("spec.hostPID", AS_HERE, "false"), ONLY("spec.hostIPC", AS_HERE, "false"),
	ONLY("spec.hostUsers", AS_HERE, "true"), ONLY("spec.shareProcessNamespace", AS_HERE, "false"),
	ONLY("spec.setHostnameAsFQDN", AS_HERE, "false"), HONOURED("spec.hostAliases*"),
	HONOURED("spec.dnsConfig.options*"), HONOURED("spec.dnsConfig.searches*"),
	ONLY("spec.securityContext.seccompProfile.type", AS_HERE, "RuntimeDefault"),
	ONLY("spec.securityContext.appArmorProfile.type", AS_HERE, "RuntimeDefault"),
	ONLY("spec.securityContext.supplementalGroupsPolicy", AS_HERE, "Merge"),
	TOLD("spec.priority", NOT_SCHEDULED), TOLD("spec.preemptionPolicy", NOT_SCHEDULED),
	TOLD("spec.affinity.nodeAffinity*", NOT_SCHEDULED), TOLD("spec.tolerations*", NOT_SCHEDULED),
	TOLD("spec.topologySpreadConstraints*", "pods are spread over the nodes evenly anyway"),
	TOLD("spec.priorityClassName", NOT_SCHEDULED),
	ONLY("spec.dnsPolicy", "the cluster's names are always served", "ClusterFirst|ClusterFirstWithHostNet|Default"),
	TOLD("spec.schedulerName", NOT_SCHEDULED), TOLD("spec.activeDeadlineSeconds", "scenarios have limits of their own"),
	END,
};

static const struct field stateful_set[] = {
	HONOURED("spec.serviceName"), HONOURED("spec.replicas"), HONOURED("spec.podManagementPolicy"),
	HONOURED("spec.selector*"), HONOURED("spec.minReadySeconds"), ONLY("spec.ordinals.start", AS_HERE, "0"),
	TOLD("spec.revisionHistoryLimit", "nothing is rolled back here"), HONOURED("spec.updateStrategy.type"),
	HONOURED("spec.updateStrategy.rollingUpdate.partition"),
	ONLY("spec.updateStrategy.rollingUpdate.maxUnavailable", AS_HERE, "1"),
	HONOURED("spec.persistentVolumeClaimRetentionPolicy.whenDeleted"),
	TOLD("spec.persistentVolumeClaimRetentionPolicy.whenScaled", "no replica is ended here"),
	HONOURED("spec.volumeClaimTemplates[].metadata.name"),
	HONOURED("spec.volumeClaimTemplates[].metadata.labels*"),
	HONOURED("spec.volumeClaimTemplates[].metadata.annotations*"),
	HONOURED("spec.volumeClaimTemplates[].apiVersion"), HONOURED("spec.volumeClaimTemplates[].kind"),
	HONOURED("spec.volumeClaimTemplates[].spec.accessModes*"),
	HONOURED("spec.volumeClaimTemplates[].spec.storageClassName"),
	HONOURED("spec.volumeClaimTemplates[].spec.resources.requests.storage"),
	ONLY("spec.volumeClaimTemplates[].spec.volumeMode", AS_HERE, "Filesystem"), END,
};
static const struct field deployment[] = {
	HONOURED("spec.replicas"), HONOURED("spec.selector*"), ONLY("spec.paused", AS_HERE, "false"),
	TOLD("spec.revisionHistoryLimit", ONE_VERSION), TOLD("spec.strategy*", ONE_VERSION),
	TOLD("spec.minReadySeconds", ONE_VERSION), TOLD("spec.progressDeadlineSeconds", ONE_VERSION), END,
};
static const struct field job[] = {
	HONOURED("spec.completions"), HONOURED("spec.parallelism"), HONOURED("spec.backoffLimit"),
	TOLD("spec.ttlSecondsAfterFinished", "Jobs go with the run"), ONLY("spec.suspend", AS_HERE, "false"),
	ONLY("spec.completionMode", AS_HERE, "NonIndexed"), ONLY("spec.manualSelector", AS_HERE, "false"),
	ONLY("spec.podReplacementPolicy", AS_HERE, "TerminatingOrFailed"), HONOURED("spec.activeDeadlineSeconds"), END,
};
static const struct field cron_job[] = {
	HONOURED("spec.schedule"), HONOURED("spec.timeZone"), HONOURED("spec.startingDeadlineSeconds"),
	HONOURED("spec.concurrencyPolicy"), HONOURED("spec.suspend"), HONOURED("spec.successfulJobsHistoryLimit"),
	HONOURED("spec.failedJobsHistoryLimit"), HONOURED("spec.jobTemplate.metadata.labels*"),
	HONOURED("spec.jobTemplate.metadata.annotations*"), END,
};
static const struct field service[] = {
	HONOURED("spec.clusterIP"), HONOURED("spec.selector*"), HONOURED("spec.publishNotReadyAddresses"),
	HONOURED("spec.ports[].name"), HONOURED("spec.ports[].port"), HONOURED("spec.ports[].targetPort"),
	/* Nothing forwards another protocol. */
	ONLY("spec.ports[].protocol", NULL, "TCP|UDP"), TOLD("spec.ports[].nodePort", INSIDE),
	TOLD("spec.ports[].appProtocol", "no proxy here reads it"),
	ONLY("spec.type", INSIDE ": every Service has a cluster's address", "ClusterIP|NodePort|LoadBalancer"),
	ONLY("spec.sessionAffinity", AS_HERE, "None"), ONLY("spec.internalTrafficPolicy", AS_HERE, "Cluster"),
	TOLD("spec.externalTrafficPolicy", INSIDE), TOLD("spec.healthCheckNodePort", INSIDE), TOLD("spec.externalIPs*", INSIDE),
	TOLD("spec.allocateLoadBalancerNodePorts", INSIDE), TOLD("spec.loadBalancerIP", INSIDE), TOLD("spec.loadBalancerClass", INSIDE),
	TOLD("spec.loadBalancerSourceRanges*", INSIDE), TOLD("spec.trafficDistribution", "every node is near here"),
	ONLY("spec.ipFamilyPolicy", AS_HERE, "SingleStack|PreferDualStack"), ONLY("spec.ipFamilies[]", AS_HERE, "IPv4"),
	TOLD("spec.clusterIPs*", "clusterIP says it"),
	END,
};
static const struct field config_map[] = {HONOURED("data*"), HONOURED("binaryData*"), HONOURED("immutable"), END};
static const struct field secret[] = {
	HONOURED("data*"), HONOURED("stringData*"), HONOURED("type"), HONOURED("immutable"), END,
};
static const struct field claim[] = {
	HONOURED("spec.accessModes*"), HONOURED("spec.storageClassName"),
	HONOURED("spec.resources.requests.storage"), ONLY("spec.volumeMode", AS_HERE, "Filesystem"), END,
};
static const struct field endpoints[] = {HONOURED("subsets*"), END};
static const struct field account[] = {
	HONOURED("automountServiceAccountToken"), TOLD("imagePullSecrets*", BUILT),
	TOLD("secrets*", "a token is made for the run"), END,
};
static const struct field whole[] = {HONOURED("*"), END};
static const struct field budget[] = {
	TOLD("spec*", "nothing evicts pods here"), END,
};
#define ONE_CLASS "every class is a bounded file on this machine's disk, gone with the run"
static const struct field class[] = {
	TOLD("provisioner", ONE_CLASS), TOLD("parameters*", ONE_CLASS), TOLD("reclaimPolicy", ONE_CLASS),
	TOLD("volumeBindingMode", ONE_CLASS), TOLD("allowVolumeExpansion", ONE_CLASS), TOLD("mountOptions*", ONE_CLASS),
	TOLD("allowedTopologies*", ONE_CLASS),
	END,
};

static const struct known {
	const char *kind;
	const struct field *fields;
	const char *pod; /* where a pod's metadata and spec are */
	const char *job; /* where a Job's are */
} known[] = {
	{"StatefulSet", stateful_set, "spec.template.", NULL}, {"Deployment", deployment, "spec.template.", NULL},
	{"Job", job, "spec.template.", NULL}, {"CronJob", cron_job, "spec.jobTemplate.spec.template.", "spec.jobTemplate."},
	{"Service", service, NULL, NULL}, {"ConfigMap", config_map, NULL, NULL}, {"Secret", secret, NULL, NULL},
	{"PersistentVolumeClaim", claim, NULL, NULL}, {"ServiceAccount", account, NULL, NULL},
	{"Endpoints", endpoints, NULL, NULL}, {"Role", whole, NULL, NULL},
	{"RoleBinding", whole, NULL, NULL}, {"Namespace", whole, NULL, NULL}, {"PodDisruptionBudget", budget, NULL, NULL},
	{"StorageClass", class, NULL, NULL},
};

struct walk {
	struct arena *a;
	const struct known *kind;
	const struct ynode *object;
	struct adaptations *log;
	const char *wrong; /* manifest_admit()'s words of all objects */
	struct err *e;     /* all of them */
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

/* Whether the row is of something below `path`. */
static bool leads(const char *row, const char *path)
{
	size_t len = strlen(path);

	return !strncmp(row, path, len) && row[len] && strchr(".[*", row[len]);
}

typedef bool fits(const char *row, const char *path);

static const struct field *in_table(const struct field *t, const char *path, fits *fit)
{
	for (; t && t->path; t++)
		if (fit(t->path, path))
			return t;
	return NULL;
}

/* Probes and hooks are the same for both kinds of containers. */
static const struct field *in_container(const char *path, fits *fit)
{
	static const char *const probes[] = {"readinessProbe", "livenessProbe", "startupProbe"};
	static const char *const parts[] = {
		".exec.command*", ".httpGet.path", ".httpGet.port", ".httpGet.scheme", ".httpGet.httpHeaders*",
		".tcpSocket.port", ".initialDelaySeconds", ".periodSeconds", ".timeoutSeconds",
		".successThreshold", ".failureThreshold", ".terminationGracePeriodSeconds",
	};
	static const char *const hooks[] = {"lifecycle.postStart.exec.command*", "lifecycle.preStop.exec.command*"};
	static const struct field honoured = HONOURED("");
	const char *rest = path + strlen("spec.containers[].");
	char row[120];

	if (strncmp(path, "spec.containers[].", strlen("spec.containers[].")))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		if (fit(hooks[i], rest))
			return &honoured;
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		for (size_t j = 0; j < ARRAY_LEN(parts); j++) {
			snprintf(row, sizeof(row), "%s%s", probes[i], parts[j]);
			if (fit(row, rest))
				return &honoured;
		}
	}
	return NULL;
}

static const struct field *look_up(const struct known *k, const char *path, fits *fit)
{
	const struct field *f = in_table(any_object, path, fit);
	char as_main[300];

	if (!f)
		f = in_table(k->fields, path, fit);
	if (!f && k->job && !strncmp(path, k->job, strlen(k->job)))
		f = in_table(job, path + strlen(k->job), fit);
	if (f || !k->pod || strncmp(path, k->pod, strlen(k->pod)))
		return f;
	path += strlen(k->pod);
	if (!strncmp(path, "spec.initContainers", 19)) {
		snprintf(as_main, sizeof(as_main), "spec.containers%s", path + 19);
		path = as_main;
	}
	f = in_table(pod_fields, path, fit);
	return f ? f : in_container(path, fit);
}

/* Whether the engine knows anything below. */
static bool is_way(const struct known *k, const char *path)
{
	return !*path || (k->pod && !strncmp(k->pod, path, strlen(path))) ||
	       (k->job && !strncmp(k->job, path, strlen(path))) || look_up(k, path, leads);
}

static bool says_something(const struct ynode *n)
{
	if (n->kind == Y_SCALAR)
		return !yaml_is_null(n);
	for (size_t i = 0; i < n->n; i++)
		if (says_something(n->items[i]))
			return true;
	return false;
}

/* Whether an API server says this of what stands there. */
static bool is_told(const struct walk *w, const struct ynode *at, const char *what)
{
	const char *place = arena_fmt(w->a, "%s:%d:%d: ", at->file, at->line, at->column), *p, *said;

	for (p = w->wrong; (p = strstr(p, place)); p++)
		if ((said = strstr(p, what)) && said < p + strcspn(p, "\n"))
			return true;
	return false;
}

/* No other engine takes it either: a word that the field has not, no map where one should
 * be, or a key that its map cannot have. */
static bool is_wrong_anywhere(const struct walk *w, const struct ynode *at, const char *path,
			      const char *shown, const char *only)
{
	const char *key = strrchr(shown, '.');

	if (only)
		return is_told(w, at, "Unsupported value: ");
	return (is_way(w->kind, path) && is_told(w, at, " cannot be handled as ")) ||
	       (key && strstr(w->wrong, arena_fmt(w->a, "the %s \"%s\" is invalid: %.*s[%s]: Invalid value: ", w->kind->kind,
						  manifest_text(w->object, "metadata.name"), (int)(key - shown), shown, key + 1)));
}

/* "a|b|c" is "a, b or c". */
static const char *listed(struct arena *a, const char *only)
{
	const char *text = "", *next;

	for (only += *only == '|'; *only; only = next) {
		size_t len = strcspn(only, "|");

		next = only + len + (only[len] == '|');
		text = arena_fmt(a, "%s%s%.*s", text, !*text ? "" : *next ? ", " : " or ", (int)len, only);
	}
	return text;
}

static void refuse(const struct walk *w, const struct ynode *at, const char *path,
		   const char *shown, const char *only)
{
	struct err one = {0};

	/* What the API does not have has been told by manifest_admit(). */
	if (!manifest_has_field(w->kind->kind, path) || is_wrong_anywhere(w, at, path, shown, only))
		return;
	if (only)
		yaml_error(at, &one, "%s: %s is supported by the engine docker only as %s; run this on kind",
			   manifest_object_name(w->a, w->object), shown, listed(w->a, only));
	else
		yaml_error(at, &one, "%s: %s is not supported by the engine docker, and leaving it out "
			   "would change what is tried; run this on kind",
			   manifest_object_name(w->a, w->object), shown);
	err_add(w->e, &one);
}

/* Whether the value is one of the words of `only`. */
static bool is_one(struct arena *a, const struct ynode *n, const char *only)
{
	cJSON *v = n->kind == Y_SCALAR ? yaml_to_json(n) : NULL;
	const char *text = cJSON_IsBool(v) ? (cJSON_IsTrue(v) ? "true" : "false") : n->kind == Y_SCALAR ? n->text : "";
	bool is = strstr(arena_fmt(a, "|%s|", only), arena_fmt(a, "|%s|", text)) != NULL;

	cJSON_Delete(v);
	return is;
}

static void tell(struct walk *w, const struct ynode *n, const char *shown, const struct field *f)
{
	adaptation_add(w->a, w->log, w->object, n->line, shown, n->kind == Y_SCALAR ? n->text : "(as written)",
		       f->why == our_api ? "at the driver's API" : f->only && *f->only != '|' ? "as here" : "not honoured", f->why);
}

/* A source of a volume is what the volume is, also without a word in it. */
static bool is_default_when_empty(const struct walk *w, const char *path)
{
	const char *source = strstr(path, "spec.volumes[].");

	source = source && w->kind->pod ? source + strlen("spec.volumes[].") : NULL;
	return !source || strchr(source, '.') || !strcmp(source, "emptyDir") || !strcmp(source, "configMap") ||
	       !strcmp(source, "secret") || !strcmp(source, "persistentVolumeClaim");
}

/* `path` is generic, with []; `shown` has the places in lists. */
static void walk(struct walk *w, struct ynode *n, const char *path, const char *shown)
{
	const struct field *f = *path ? look_up(w->kind, path, matches) : NULL;

	if (f && f->only && !is_one(w->a, n, f->only)) {
		refuse(w, n, path, shown, f->only);
		return;
	}
	if (f) {
		if (f->why)
			tell(w, n, shown, f);
		return;
	}
	if (yaml_is_null(n))
		return;
	/* Once, whatever it says in itself. */
	if (n->kind == Y_SCALAR || (!n->n && !is_default_when_empty(w, path)) ||
	    (!is_way(w->kind, path) && says_something(n))) {
		refuse(w, n, path, shown, NULL);
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		const char *key = n->kind == Y_MAP ? n->keys[i]->text : NULL;
		const char *sub = key ? arena_fmt(w->a, "%s%s%s", path, *path ? "." : "", key) :
				  arena_fmt(w->a, "%s[]", path);
		const char *sub_shown = key ? arena_fmt(w->a, "%s%s%s", shown, *shown ? "." : "", key) :
					arena_fmt(w->a, "%s[%zu]", shown, i);

		walk(w, n->items[i], sub, sub_shown);
	}
}

static void refuse_kind(const struct ynode *object, struct err *all)
{
	const char *kind = manifest_kind(object);
	struct err one = {0};

	if (manifest_check_inside(object, &one) || manifest_check_own(object, &one)) {
		err_add(all, &one);
		return;
	}
	if (!strcmp(kind, "NetworkPolicy"))
		yaml_error(yaml_get(object, "kind"), &one, "a NetworkPolicy is not supported by the engine docker: nothing keeps pods "
			   "apart here, so a connection that it forbids on a cluster would be there; run this with --engine kind, which "
			   "holds to it");
	else
		yaml_error(yaml_get(object, "kind"), &one,
			   "%s %s is not supported by the engine docker; run this on kind",
			   manifest_article(kind), kind);
	err_add(all, &one);
}

int plan_check(struct arena *a, const struct manifest *m, bool strict, struct adaptations *log,
	       struct err *e)
{
	struct err all = {0}, admitted = {0};

	manifest_admit(a, m, strict, &admitted);
	for (size_t i = 0; i < m->n; i++) {
		struct walk w = {.a = a, .object = m->objects[i], .log = log, .e = &all};
		const char *kind = manifest_kind(m->objects[i]);

		w.wrong = admitted.msg;
		for (size_t j = 0; j < ARRAY_LEN(known) && !w.kind; j++)
			if (!strcmp(known[j].kind, kind) && !manifest_is_custom(m->objects[i]))
				w.kind = &known[j];
		if (w.kind)
			walk(&w, m->objects[i], "", "");
		else if (manifest_is_served(m->objects[i]))
			refuse_kind(m->objects[i], &all);
	}
	if (admitted.kind)
		err_add(&all, &admitted);
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
