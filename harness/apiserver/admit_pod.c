/* Admission of pods and of what makes them. */
#include <stdio.h>
#include <string.h>

#include "apiserver/admit_parts.h"
#include "base/json.h"
#include "base/mem.h"
#include "manifest/names.h"

/* What Docker gives by itself ("Runtime privilege and Linux capabilities"),
 * which Pod Security's baseline allows, but NET_RAW, by which a pod passes its
 * own partition; and three that reach no further than the pod's own processes
 * and limits. */
static bool harmless(const char *capability)
{
	static const char *const words[] = {
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
		"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", "IPC_LOCK", "SYS_NICE", "SYS_RESOURCE",
	};

	if (!strncmp(capability, "CAP_", 4))
		capability += 4;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i], capability))
			return true;
	return false;
}

static void admit_mount(struct admitting *a, const char *path, const cJSON *m)
{
	const char *to = json_str(m, "mountPath", "");
	char at[ADMIT_PATH_BYTES];

	admit_member(a, path, m, "name", ADMIT_LABEL, true);
	admit_member(a, path, m, "subPath", ADMIT_PATH_BELOW, false);
	admit_path(at, "%s.mountPath", path);
	if (!*to)
		admit_say(a, path, "Required value: mountPath");
	else if (strchr(to, ':'))
		admit_say(a, at, "Invalid value: \"%.80s\": must not contain ':'", to);
}

static void admit_capabilities(struct admitting *a, const char *path, const cJSON *container)
{
	const cJSON *add = json_path(container, "securityContext.capabilities.add"), *v;
	char at[ADMIT_PATH_BYTES];
	int i = 0;

	cJSON_ArrayForEach(v, add) {
		admit_path(at, "%s.securityContext.capabilities.add[%d]", path, i++);
		if (!cJSON_IsString(v) || !harmless(v->valuestring))
			admit_say(a, at, "Forbidden: the capability %.40s rules more than the pod, on a Docker of this "
				  "machine: the host, or the network in which faults cut it off; run this on kind",
				  cJSON_IsString(v) ? v->valuestring : "");
	}
}

static void admit_container(struct admitting *a, const char *path, const cJSON *c)
{
	char at[ADMIT_PATH_BYTES];
	const cJSON *v;
	int i = 0;

	admit_member(a, path, c, "name", ADMIT_LABEL, true);
	admit_most(a, path, c, "env", ADMIT_VARIABLES_MOST);
	admit_most(a, path, c, "envFrom", ADMIT_ITEMS_MOST);
	admit_most(a, path, c, "volumeMounts", ADMIT_ITEMS_MOST);
	cJSON_ArrayForEach(v, json_get(c, "env")) {
		admit_path(at, "%s.env[%d]", path, i++);
		admit_member(a, at, v, "name", ADMIT_VARIABLE, true);
	}
	i = 0;
	cJSON_ArrayForEach(v, json_get(c, "envFrom")) {
		admit_path(at, "%s.envFrom[%d]", path, i++);
		admit_member(a, at, v, "prefix", ADMIT_VARIABLE, false);
	}
	i = 0;
	cJSON_ArrayForEach(v, json_get(c, "ports")) {
		admit_path(at, "%s.ports[%d]", path, i++);
		admit_member(a, at, v, "name", ADMIT_PORT_NAME, false);
	}
	i = 0;
	cJSON_ArrayForEach(v, json_get(c, "volumeMounts")) {
		admit_path(at, "%s.volumeMounts[%d]", path, i++);
		admit_mount(a, at, v);
	}
	admit_capabilities(a, path, c);
}

static void admit_files(struct admitting *a, const char *path, const char *source,
			const cJSON *from)
{
	const cJSON *v, *items = json_get(from, "items");
	char at[ADMIT_PATH_BYTES];
	int i = 0;

	cJSON_ArrayForEach(v, items) {
		admit_path(at, "%s.%s.items[%d]", path, source, i++);
		admit_member(a, at, v, "key", ADMIT_KEY, true);
		admit_member(a, at, v, "path", ADMIT_PATH_BELOW, true);
		if (json_i64(v, "mode", 0) < 0 || json_i64(v, "mode", 0) > 0777)
			admit_say(a, at, "Invalid value: mode must be a number between 0 and 0777 (octal), both inclusive");
	}
	if (json_i64(from, "defaultMode", 0) < 0 || json_i64(from, "defaultMode", 0) > 0777) {
		admit_path(at, "%s.%s.defaultMode", path, source);
		admit_say(a, at, "Invalid value: must be a number between 0 and 0777 (octal), both inclusive");
	}
}

static void admit_volume(struct admitting *a, const char *path, const cJSON *v)
{
	static const char *const sources[] = {"name", "configMap", "secret", "emptyDir", "persistentVolumeClaim"};
	const cJSON *claim = json_get(v, "persistentVolumeClaim"), *w;
	char at[ADMIT_PATH_BYTES];

	admit_member(a, path, v, "name", ADMIT_LABEL, true);
	admit_path(at, "%s.persistentVolumeClaim", path);
	if (claim)
		admit_member(a, at, claim, "claimName", ADMIT_SUBDOMAIN, true);
	admit_files(a, path, "configMap", json_get(v, "configMap"));
	admit_files(a, path, "secret", json_get(v, "secret"));
	json_each_member(w, v) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(sources); i++)
			known = known || !strcmp(sources[i], w->string);
		admit_path(at, "%s.%.60s", path, w->string);
		if (!known)
			admit_say(a, at, "Unsupported value: a volume of this kind is not served by the engine docker; run "
				  "this on kind");
	}
}

static void admit_texts(struct admitting *a, const char *path, const cJSON *list,
			enum admit_syntax s)
{
	char at[ADMIT_PATH_BYTES];
	const cJSON *v;
	int i = 0;

	cJSON_ArrayForEach(v, list) {
		admit_path(at, "%s[%d]", path, i++);
		admit_text(a, at, cJSON_IsString(v) ? v->valuestring : "", s);
	}
}

/* What becomes lines of the pod's hosts and resolv.conf. */
static void admit_names(struct admitting *a, const char *path, const cJSON *spec)
{
	char at[ADMIT_PATH_BYTES];
	const cJSON *v;
	int i = 0;

	cJSON_ArrayForEach(v, json_get(spec, "hostAliases")) {
		admit_path(at, "%s.hostAliases[%d]", path, i++);
		admit_member(a, at, v, "ip", ADMIT_ADDRESS, true);
		admit_path(at, "%s.hostAliases[%d].hostnames", path, i - 1);
		admit_texts(a, at, json_get(v, "hostnames"), ADMIT_SUBDOMAIN);
	}
	admit_path(at, "%s.dnsConfig.searches", path);
	admit_texts(a, at, json_path(spec, "dnsConfig.searches"), ADMIT_DOMAIN);
	i = 0;
	cJSON_ArrayForEach(v, json_path(spec, "dnsConfig.options")) {
		admit_path(at, "%s.dnsConfig.options[%d]", path, i++);
		admit_member(a, at, v, "name", ADMIT_WORD, true);
		admit_member(a, at, v, "value", ADMIT_WORD, false);
	}
}

static void admit_pod(struct admitting *a, const char *path, const cJSON *spec)
{
	static const char *const lists[] = {"initContainers", "containers"};
	static const char *const few[] = {"initContainers", "containers", "volumes", "tolerations"};
	const cJSON *v;
	char at[ADMIT_PATH_BYTES];
	int i = 0;

	admit_member(a, path, spec, "hostname", ADMIT_LABEL, false);
	admit_member(a, path, spec, "subdomain", ADMIT_LABEL, false);
	admit_member(a, path, spec, "nodeName", ADMIT_SUBDOMAIN, false);
	admit_member(a, path, spec, "serviceAccountName", ADMIT_SUBDOMAIN, false);
	for (size_t l = 0; l < ARRAY_LEN(few); l++)
		admit_most(a, path, spec, few[l], ADMIT_ITEMS_MOST);
	admit_names(a, path, spec);
	cJSON_ArrayForEach(v, json_get(spec, "volumes")) {
		admit_path(at, "%s.volumes[%d]", path, i++);
		admit_volume(a, at, v);
	}
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		i = 0;
		cJSON_ArrayForEach(v, json_get(spec, lists[l])) {
			admit_path(at, "%s.%s[%d]", path, lists[l], i++);
			admit_container(a, at, v);
		}
	}
}

/* A pod's name is also the value of a label of it, and its host's name. */
static void admit_stateful_set(struct admitting *a, const cJSON *object)
{
	const char *name = json_str(json_get(object, "metadata"), "name", "");
	const cJSON *spec = json_get(object, "spec"), *t;
	int64_t replicas = json_i64(spec, "replicas", 1);
	char at[ADMIT_PATH_BYTES], last[24];
	int i = 0;

	snprintf(last, sizeof(last), "-%lld", (long long)(replicas > 1 ? replicas - 1 : 0));
	if (strlen(name) + strlen(last) > NAME_LABEL_MAX)
		admit_say(a, "metadata.name", "Invalid value: \"%.260s\": its pods could not be made: their names with %s "
			  "are longer than the 63 characters of a label", name, last);
	else if (strchr(name, '.'))
		admit_text(a, "metadata.name", name, ADMIT_LABEL);
	admit_member(a, "spec", spec, "serviceName", ADMIT_LABEL, false);
	cJSON_ArrayForEach(t, json_get(spec, "volumeClaimTemplates")) {
		admit_path(at, "spec.volumeClaimTemplates[%d].metadata", i++);
		/* It is a volume of the pods, too. */
		admit_member(a, at, json_get(t, "metadata"), "name", ADMIT_LABEL, true);
	}
}

/* What pods are made from, wherever it stands. */
static void admit_template(struct admitting *a, const char *path, const cJSON *template)
{
	char at[ADMIT_PATH_BYTES];

	admit_path(at, "%s.metadata", path);
	admit_most(a, at, json_get(template, "metadata"), "labels", ADMIT_LABELS_MOST);
	admit_path(at, "%s.metadata.labels", path);
	admit_labels(a, at, json_path(template, "metadata.labels"));
	admit_path(at, "%s.metadata.annotations", path);
	admit_annotations(a, at, json_path(template, "metadata.annotations"));
	admit_path(at, "%s.spec", path);
	admit_pod(a, at, json_get(template, "spec"));
}

void admit_workload(struct admitting *a, const struct kind *kind, const cJSON *object)
{
	const cJSON *spec = json_get(object, "spec");
	const char *name = json_str(json_get(object, "metadata"), "name", "");

	if (kind->id == KIND_POD) {
		admit_pod(a, "spec", spec);
		return;
	}
	if (json_get(spec, "replicas") && json_i64(spec, "replicas", -1) < 0)
		admit_say(a, "spec.replicas", "Invalid value: must be greater than or equal to 0");
	admit_most(a, "spec.selector", json_get(spec, "selector"), "matchLabels", ADMIT_LABELS_MOST);
	admit_most(a, "spec", spec, "volumeClaimTemplates", ADMIT_ITEMS_MOST);
	if (kind->id == KIND_STATEFUL_SET)
		admit_stateful_set(a, object);
	/* It is a label's value of its pods; a CronJob's Jobs have eleven characters more. */
	if ((kind->id == KIND_JOB && strlen(name) > NAME_LABEL_MAX) ||
	    (kind->id == KIND_CRON_JOB && strlen(name) > NAME_LABEL_MAX - 11))
		admit_say(a, kind->id == KIND_JOB ? "spec.template.labels" : "metadata.name",
			  "Invalid value: \"%.260s\": must be no more than %d characters", name, kind->id == KIND_JOB ? NAME_LABEL_MAX : NAME_LABEL_MAX - 11);
	if (kind->id == KIND_CRON_JOB)
		admit_template(a, "spec.jobTemplate.spec.template", json_path(spec, "jobTemplate.spec.template"));
	else
		admit_template(a, "spec.template", json_get(spec, "template"));
}
