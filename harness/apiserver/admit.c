#include "apiserver/admit.h"

#include <stdio.h>
#include <string.h>

#include "apiserver/admit_parts.h"
#include "base/json.h"
#include "base/mem.h"
#include "manifest/names.h"

enum { DATA_MAX = 1 << 20 }; /* MaxSecretSize, of values */

#define RBAC_GROUP "rbac.authorization.k8s.io"
enum { ADMIT_WORDS_MOST = 2000, ADMIT_RIGHTS_MOST = 20000, ADMIT_SUBJECTS_MOST = 1000 };

static void admit_port(struct admitting *a, const char *path, const cJSON *port, const char *key)
{
	const cJSON *v = json_get(port, key);
	int64_t n = json_i64(port, key, 0);
	char at[ADMIT_PATH_BYTES];

	if (v && (n < 1 || n > 65535)) {
		admit_path(at, "%s.%s", path, key);
		admit_say(a, at, "Invalid value: must be between 1 and 65535, inclusive");
	}
	v = json_get(port, "protocol");
	if (v && (!cJSON_IsString(v) || (strcmp(v->valuestring, "TCP") && strcmp(v->valuestring, "UDP") &&
					 strcmp(v->valuestring, "SCTP")))) {
		admit_path(at, "%s.protocol", path);
		admit_say(a, at, "Unsupported value: supported values: \"SCTP\", \"TCP\", \"UDP\"");
	}
	admit_member(a, path, port, "name", ADMIT_LABEL, false);
}

static void admit_address(struct admitting *a, const char *path, const char *key, const cJSON *v)
{
	const char *ip = cJSON_IsString(v) ? v->valuestring : "";
	char at[ADMIT_PATH_BYTES];

	admit_path(at, "%s.%s", path, key);
	if (!name_is_address(ip, NULL))
		admit_say(a, at, "Invalid value: \"%.80s\": must be a valid IP address", ip);
	else if (!name_is_address(ip, a->nets->pods))
		admit_say(a, at, "Invalid value: \"%s\": is not of the pods' network %s, and no packet leaves that",
			  ip, a->nets->pods);
}

/* Another address is a pod's, or this machine's: whoever had it as a Service's
 * would stand between that and all other pods. */
static void admit_cluster_ip(struct admitting *a, const cJSON *v)
{
	const char *ip = cJSON_IsString(v) ? v->valuestring : "";

	if (name_is_address(ip, NULL) && !name_is_address(ip, a->nets->services))
		admit_say(a, "spec.clusterIP", "Invalid value: \"%s\": failed to allocate IP %s: the provided IP (%s) is "
			  "not in the valid range. The range of valid IPs is %s", ip, ip, ip, a->nets->services);
	else
		admit_address(a, "spec", "clusterIP", v);
}

bool admit_same_address(const cJSON *a, const cJSON *b)
{
	const char *ip = json_str(json_get(a, "spec"), "clusterIP", "");

	return *ip && strcmp(ip, "None") && !strcmp(ip, json_str(json_get(b, "spec"), "clusterIP", ""));
}

static void admit_service(struct admitting *a, const cJSON *object)
{
	const cJSON *spec = json_get(object, "spec"), *ip = json_get(spec, "clusterIP"), *port;
	char path[ADMIT_PATH_BYTES];
	int i = 0;

	if (ip && !cJSON_IsNull(ip) &&
	    !(cJSON_IsString(ip) && (!ip->valuestring[0] || !strcmp(ip->valuestring, "None"))))
		admit_cluster_ip(a, ip);
	admit_most(a, "spec", spec, "selector", ADMIT_LABELS_MOST);
	if (cJSON_GetArraySize(json_get(spec, "ports")) > ADMIT_PORTS_MOST) {
		admit_say(a, "spec.ports", "Too many: %d: must have at most %d items",
			  cJSON_GetArraySize(json_get(spec, "ports")), ADMIT_PORTS_MOST);
		return;
	}
	cJSON_ArrayForEach(port, json_get(spec, "ports")) {
		admit_path(path, "spec.ports[%d]", i++);
		admit_port(a, path, port, "port");
	}
}

static void admit_endpoints(struct admitting *a, const cJSON *object)
{
	static const char *const lists[] = {"addresses", "notReadyAddresses"};
	const cJSON *subset, *v;
	char path[ADMIT_PATH_BYTES];
	int i = 0, n = 0, ports = 0;

	cJSON_ArrayForEach(subset, json_get(object, "subsets")) {
		ports += cJSON_GetArraySize(json_get(subset, "ports"));
		for (size_t l = 0; l < ARRAY_LEN(lists); l++)
			n += cJSON_GetArraySize(json_get(subset, lists[l]));
	}
	if (n > ADMIT_ADDRESSES_MOST)
		admit_say(a, "subsets", "Too many: %d addresses: must have at most %d", n, ADMIT_ADDRESSES_MOST);
	if (ports > ADMIT_PORTS_MOST)
		admit_say(a, "subsets", "Too many: %d ports: must have at most %d", ports, ADMIT_PORTS_MOST);
	if (n > ADMIT_ADDRESSES_MOST || ports > ADMIT_PORTS_MOST)
		return;
	cJSON_ArrayForEach(subset, json_get(object, "subsets")) {
		for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
			int k = 0;

			cJSON_ArrayForEach(v, json_get(subset, lists[l])) {
				admit_path(path, "subsets[%d].%s[%d]", i, lists[l], k++);
				admit_address(a, path, "ip", json_get(v, "ip"));
				admit_member(a, path, v, "hostname", ADMIT_LABEL, false);
				admit_member(a, path, v, "nodeName", ADMIT_SUBDOMAIN, false);
			}
		}
		int k = 0;

		cJSON_ArrayForEach(v, json_get(subset, "ports")) {
			admit_path(path, "subsets[%d].ports[%d]", i, k++);
			admit_port(a, path, v, "port");
		}
		i++;
	}
}

static void admit_keys(struct admitting *a, const struct kind *kind, const cJSON *object)
{
	const char *maps[] = {"data", kind->id == KIND_SECRET ? "stringData" : "binaryData"};
	const cJSON *v;
	char at[ADMIT_PATH_BYTES];
	size_t sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		const cJSON *map = json_get(object, maps[i]);

		json_each_member(v, map) {
			admit_path(at, "%s.\"%.260s\"", maps[i], v->string);
			admit_text(a, at, v->string, ADMIT_KEY);
		}
		sum += admit_bytes(map, false);
	}
	if (sum > DATA_MAX)
		admit_say(a, "data", "Too long: may not be more than %d bytes", DATA_MAX);
}

static void admit_some(struct admitting *a, const char *path, const cJSON *rule, const char *key,
		       const char *why)
{
	char at[ADMIT_PATH_BYTES];

	admit_path(at, "%s.%s", path, key);
	if (!cJSON_GetArraySize(json_get(rule, key)))
		admit_say(a, at, "Required value: %s", why);
}

static void admit_role(struct admitting *a, const cJSON *object)
{
	static const char *const lists[] = {"verbs", "apiGroups", "resources", "resourceNames"};
	double words = 0, rights = 0;
	const cJSON *rule;
	char at[ADMIT_PATH_BYTES];
	int i = 0;

	/* Whoever gives a role must have each of its rights. */
	cJSON_ArrayForEach(rule, json_get(object, "rules")) {
		double product = 1;

		for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
			int n = cJSON_GetArraySize(json_get(rule, lists[l]));

			words += n;
			product *= n ? n : 1;
		}
		rights += product;
	}
	if (words > ADMIT_WORDS_MOST || rights > ADMIT_RIGHTS_MOST) {
		admit_say(a, "rules", "Too many: %.0f words for %.0f rights: must have at most %d for %d", words, rights,
			  ADMIT_WORDS_MOST, ADMIT_RIGHTS_MOST);
		return;
	}
	cJSON_ArrayForEach(rule, json_get(object, "rules")) {
		admit_path(at, "rules[%d]", i++);
		if (cJSON_GetArraySize(json_get(rule, "nonResourceURLs")))
			admit_say(a, at, "Invalid value: namespaced rules cannot apply to non-resource URLs");
		admit_some(a, at, rule, "verbs", "verbs must contain at least one value");
		admit_some(a, at, rule, "apiGroups", "resource rules must supply at least one api group");
		admit_some(a, at, rule, "resources", "resource rules must supply at least one resource");
	}
}

static void admit_group(struct admitting *a, const char *path, const cJSON *o, const char *only)
{
	const char *group = json_str(o, "apiGroup", "");
	char at[ADMIT_PATH_BYTES];

	admit_path(at, "%s.apiGroup", path);
	if (*group && strcmp(group, only))
		admit_say(a, at, "Unsupported value: \"%.60s\": supported values: \"%s\"", group, only);
}

static void admit_subject(struct admitting *a, const char *path, const cJSON *subject)
{
	const char *kind = json_str(subject, "kind", "");
	char at[ADMIT_PATH_BYTES];

	admit_path(at, "%s.name", path);
	if (!*json_str(subject, "name", ""))
		admit_say(a, at, "Required value");
	else if (!strcmp(kind, "ServiceAccount"))
		admit_text(a, at, json_str(subject, "name", ""), ADMIT_SUBDOMAIN);
	admit_path(at, "%s.kind", path);
	if (!strcmp(kind, "ServiceAccount"))
		admit_group(a, path, subject, "");
	else if (!strcmp(kind, "User") || !strcmp(kind, "Group"))
		admit_group(a, path, subject, RBAC_GROUP);
	else
		admit_say(a, at, "Unsupported value: \"%.40s\": supported values: \"Group\", \"ServiceAccount\", \"User\"", kind);
}

static void admit_binding(struct admitting *a, const cJSON *object)
{
	const cJSON *ref = json_get(object, "roleRef"), *v;
	char at[ADMIT_PATH_BYTES];
	int i = 0;

	admit_most(a, "", object, "subjects", ADMIT_SUBJECTS_MOST);
	cJSON_ArrayForEach(v, json_get(object, "subjects")) {
		admit_path(at, "subjects[%d]", i++);
		admit_subject(a, at, v);
	}
	admit_group(a, "roleRef", ref, RBAC_GROUP);
	admit_member(a, "roleRef", ref, "name", ADMIT_SEGMENT, true);
	if (strcmp(json_str(ref, "kind", ""), "Role"))
		admit_say(a, "roleRef", "Unsupported value: \"%.40s\": there are Roles here, and no ClusterRoles: write "
					"the rules as a Role, or run this on kind", json_str(ref, "kind", ""));
}

int admit(const struct kind *kind, const cJSON *object, const struct admit_nets *nets, admit_fn *fn,
	  void *arg)
{
	struct admitting a = {.nets = nets, .fn = fn, .arg = arg};

	admit_meta(&a, kind, object);
	switch (kind->id) {
	case KIND_SERVICE:
		admit_service(&a, object);
		break;
	case KIND_ENDPOINTS:
		admit_endpoints(&a, object);
		break;
	case KIND_CONFIG_MAP:
	case KIND_SECRET:
		admit_keys(&a, kind, object);
		break;
	case KIND_ROLE:
		admit_role(&a, object);
		break;
	case KIND_ROLE_BINDING:
		admit_binding(&a, object);
		break;
	case KIND_POD:
	case KIND_STATEFUL_SET:
	case KIND_DEPLOYMENT:
	case KIND_JOB:
	case KIND_CRON_JOB:
		admit_workload(&a, kind, object);
		break;
	default:
		break;
	}
	return a.n;
}
