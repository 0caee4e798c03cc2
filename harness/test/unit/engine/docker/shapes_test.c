/* Values of another type than their field's, at every place of an object, one at
 * a time: the API answers, and whoever works with what it took is not led astray. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "test/unit/apiserver/place.h"

#define TEMPLATE \
	"\"template\":{\"metadata\":{\"labels\":{\"app\":\"a\"},\"annotations\":{\"b\":\"c\"}},\"spec\":{\"hostname\":\"h\"," \
	"\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}},{\"name\":\"m\",\"configMap\":{\"name\":\"m\",\"defaultMode\":420,\"items\":" \
	"[{\"key\":\"k\",\"path\":\"p\",\"mode\":256}]}},{\"name\":\"d\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]," \
	"\"securityContext\":{\"fsGroup\":5,\"runAsUser\":7,\"supplementalGroups\":[1]},\"nodeSelector\":{\"a\":\"b\"}," \
	"\"affinity\":{\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":" \
	"\"kubernetes.io/hostname\",\"labelSelector\":{\"matchLabels\":{\"app\":\"a\"},\"matchExpressions\":[{\"key\":\"app\"," \
	"\"operator\":\"In\",\"values\":[\"a\"]}]}}],\"preferredDuringSchedulingIgnoredDuringExecution\":[{\"weight\":1," \
	"\"podAffinityTerm\":{\"topologyKey\":\"kubernetes.io/hostname\",\"labelSelector\":{\"matchLabels\":{\"a\":\"b\"}}}}]}}," \
	"\"hostAliases\":[{\"ip\":\"10.240.1.1\",\"hostnames\":[\"x\"]}],\"dnsConfig\":{\"searches\":[\"s\"],\"options\":" \
	"[{\"name\":\"ndots\",\"value\":\"1\"}]},\"terminationGracePeriodSeconds\":3,\"containers\":[{\"name\":\"c\",\"image\":\"i\"," \
	"\"command\":[\"x\"],\"args\":[\"y\"],\"tty\":true,\"env\":[{\"name\":\"A\",\"value\":\"b\"},{\"name\":\"B\",\"valueFrom\":" \
	"{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"k\",\"optional\":true}}},{\"name\":\"C\",\"valueFrom\":{\"fieldRef\":" \
	"{\"fieldPath\":\"metadata.name\"}}}],\"envFrom\":[{\"prefix\":\"p\",\"configMapRef\":{\"name\":\"m\",\"optional\":true}}]," \
	"\"ports\":[{\"name\":\"p\",\"containerPort\":80}],\"resources\":{\"limits\":{\"memory\":\"1Gi\",\"cpu\":1},\"requests\":" \
	"{\"cpu\":\"10m\"}},\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\",\"subPath\":\"s\",\"readOnly\":true}]," \
	"\"securityContext\":{\"runAsUser\":1,\"runAsGroup\":2,\"capabilities\":{\"drop\":[\"ALL\"],\"add\":[\"CHOWN\"]}}," \
	"\"livenessProbe\":{\"exec\":{\"command\":[\"l\"]},\"periodSeconds\":3},\"lifecycle\":{\"postStart\":{\"exec\":" \
	"{\"command\":[\"h\"]}}}}]}}"
#define WORKLOAD "\"metadata\":{\"name\":\"o\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"replicas\":2,\"parallelism\":1,\"completions\":1," \
	"\"serviceName\":\"s\",\"selector\":{\"matchLabels\":{\"app\":\"a\"}},\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"d\"}," \
	"\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]," TEMPLATE "}"

static const struct {
	const char *kind, *where, *object;
} samples[] = {
	{"StatefulSet", "/apis/apps/v1/namespaces/ns/statefulsets", "{" WORKLOAD "}"},
	{"Deployment", "/apis/apps/v1/namespaces/ns/deployments", "{\"metadata\":{\"name\":\"o\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":"
	 "{\"app\":\"a\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"a\"}},\"spec\":{\"containers\":[]}}}}"},
	{"Job", "/apis/batch/v1/namespaces/ns/jobs", "{\"metadata\":{\"name\":\"o\"},\"spec\":{\"parallelism\":1,\"completions\":1,\"backoffLimit\":1,"
	 "\"template\":{\"spec\":{\"containers\":[]}}}}"},
	{"Service", "/api/v1/namespaces/ns/services", "{\"metadata\":{\"name\":\"o\",\"annotations\":{\"a\":\"b\"}},\"spec\":{\"clusterIP\":"
	 "\"10.240.96.7\",\"selector\":{\"app\":\"a\"},\"publishNotReadyAddresses\":true,\"ports\":[{\"name\":\"sql\",\"port\":1,"
	 "\"targetPort\":\"p\",\"protocol\":\"TCP\"}]}}"},
	{"Endpoints", "/api/v1/namespaces/ns/endpoints", "{\"metadata\":{\"name\":\"o\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.11.2\","
	 "\"hostname\":\"h\",\"nodeName\":\"n\",\"targetRef\":{\"kind\":\"Pod\"}}],\"notReadyAddresses\":[{\"ip\":\"10.240.11.3\"}],"
	 "\"ports\":[{\"name\":\"sql\",\"port\":5,\"protocol\":\"TCP\"}]}]}"},
	{"ConfigMap", "/api/v1/namespaces/ns/configmaps", "{\"metadata\":{\"name\":\"o\"},\"data\":{\"k\":\"v\"},\"binaryData\":{\"b\":\"AA==\"},"
	 "\"immutable\":false}"},
	{"Secret", "/api/v1/namespaces/ns/secrets", "{\"metadata\":{\"name\":\"o\"},\"type\":\"Opaque\",\"data\":{\"k\":\"AA==\"},"
	 "\"stringData\":{\"l\":\"m\"}}"},
	{"Pod", "/api/v1/namespaces/ns/pods", "{\"metadata\":{\"name\":\"o\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"A\",\"name\":\"n\",\"uid\":\"u\"}]},\"spec\":"
	 "{\"nodeName\":\"n1\",\"tolerations\":[{\"key\":\"k\"}],\"initContainers\":[{\"name\":\"i\"}],\"containers\":[{\"name\":\"c\"}]}}"},
	{"PersistentVolumeClaim", "/api/v1/namespaces/ns/persistentvolumeclaims", "{\"metadata\":{\"name\":\"o\"},\"spec\":{\"accessModes\":[\"a\"],"
	 "\"storageClassName\":\"s\",\"resources\":{\"requests\":{\"storage\":1}}}}"},
	{"Event", "/api/v1/namespaces/ns/events", "{\"metadata\":{\"name\":\"o\"},\"involvedObject\":{\"name\":\"n\"},\"reason\":\"r\","
	 "\"message\":\"m\",\"count\":1}"},
	{"ServiceAccount", "/api/v1/namespaces/ns/serviceaccounts", "{\"metadata\":{\"name\":\"o\"},\"automountServiceAccountToken\":false}"},
	{"Role", RBAC "roles", "{\"metadata\":{\"name\":\"o\"},\"rules\":[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"],"
	 "\"resourceNames\":[\"n\"]}]}"},
	{"RoleBinding", RBAC "rolebindings", "{\"metadata\":{\"name\":\"o\"},\"roleRef\":{\"kind\":\"Role\",\"name\":\"o\"},\"subjects\":[{\"kind\":"
	 "\"ServiceAccount\",\"name\":\"a\",\"namespace\":\"ns\"}]}"},
	{"PodDisruptionBudget", "/apis/policy/v1/namespaces/ns/poddisruptionbudgets", "{\"metadata\":{\"name\":\"o\"},\"spec\":{\"minAvailable\":1}}"},
	{"PersistentVolume", "/api/v1/persistentvolumes", "{\"metadata\":{\"name\":\"o\"},\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"claimRef\":{\"name\":\"c\"}}}"},
};

/* The first ones as updates, too. */
enum { AS_UPDATES = 4 };
static const char *const others[] = {"[]", "[[1],\"a\"]", "1e300", "null", "{}", "{\"a\":{\"b\":[1]}}", "\"x\"", "\"\"", "-1", "1.5", "true"};

static const char *const nodes[] = {"control", "n1", "n2", "n3"};

/* Puts another value in the n-th place below; false: there is none. */
static bool put_nth(cJSON *parent, int *n, const char *other)
{
	for (cJSON *c = parent->child; c; c = c->next) {
		if ((*n)-- == 0) {
			if (parent->type & cJSON_Object)
				cJSON_ReplaceItemInObjectCaseSensitive(parent, c->string,
								       cJSON_Parse(other));
			else
				cJSON_ReplaceItemViaPointer(parent, c, cJSON_Parse(other));
			return true;
		}
		if (put_nth(c, n, other))
			return true;
	}
	return false;
}

/* What a pod's thread and the controllers do with its object. */
static void work_with(const struct store *s, const cJSON *pod)
{
	const cJSON *c;
	struct buf b = {0};
	struct err e = {0};

	plan_node(s, pod, nodes, 4, NULL, &e);
	plan_resolv_conf(pod, "10.240.0.53", &b);
	plan_hosts(pod, "10.240.11.2", &b);
	plan_mounts_token(pod, NULL);
	cJSON_ArrayForEach(c, json_path(pod, "spec.containers")) {
		cJSON *env = plan_env(s, pod, c, "10.240.11.2", "10.240.0.1", &e);
		cJSON *body = env ? plan_container(pod, c, env) : NULL;

		cJSON_Delete(body);
		cJSON_Delete(env);
		cJSON_Delete(plan_static_words(c, json_path(c, "livenessProbe.exec.command")));
		plan_probe_grace(pod, c, true);
		plan_has_hook(c);
		plan_port(pod, json_path(c, "ports.0.name"));
	}
	buf_free(&b);
}

static void work_with_all(struct store *s)
{
	store_lock(s);
	free(docker_dns_names(s));
	free(docker_vip_script(s));
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *o = s->v[i].object;
		cJSON *pod;

		plan_at_once(json_get(o, "spec"), "replicas", 4);
		if (s->v[i].kind->id == KIND_SERVICE)
			cJSON_Delete(plan_subsets(s, o));
		if (s->v[i].kind->id == KIND_POD)
			work_with(s, o);
		if (!json_path(o, "spec.template"))
			continue;
		pod = cJSON_Duplicate(json_path(o, "spec.template"), 1);
		work_with(s, pod);
		cJSON_Delete(pod);
	}
	store_unlock(s);
}

static void wipe(struct store *s)
{
	store_lock(s);
	while (s->n) {
		char *name = mem_strdup(json_str(json_get(s->v[0].object, "metadata"), "name", ""));

		assert_true(store_delete(s, s->v[0].kind->id, "ns", name));
		free(name);
	}
	store_unlock(s);
}

/* The same as a manifest, which --dry-run reads. */
static void check_manifest(const char *text)
{
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};

	if (yaml_read_text(&a, "f.yaml", text, &m.objects, &m.n, &e))
		fail_msg("%s: %s", text, e.msg);
	docker_check(&a, &m, &e);
	arena_free(&a);
}

static void try_one(struct place *p, size_t i, int n, size_t k, int *taken, bool *more)
{
	cJSON *o = cJSON_Parse(samples[i].object);
	char url[200], *text;
	int status;

	assert_non_null(o);
	*more = put_nth(o, &n, others[k]);
	json_set_str(o, "kind", samples[i].kind);
	json_set_str(o, "apiVersion", kind_by_name(samples[i].kind)->api);
	text = json_text(o);
	check_manifest(text);
	cJSON_Delete(o);
	snprintf(url, sizeof(url), "%s/o", samples[i].where);
	status = ask(p, "admin-token", "POST", samples[i].where, text);
	if (status < 200 || status >= 500)
		fail_msg("%s: %d: %s", samples[i].where, status, text);
	if (status == 201) {
		(*taken)++;
		work_with_all(&p->store);
		wipe(&p->store);
	}
	if (k >= AS_UPDATES) {
		free(text);
		return;
	}
	/* And a patch of all of it. */
	assert_int_equal(ask(p, "admin-token", "POST", samples[i].where, samples[i].object), 201);
	status = ask(p, "admin-token", "PUT", url, text);
	if (status < 200 || status >= 500)
		fail_msg("PUT %s: %d: %s", url, status, text);
	status = ask(p, "admin-token", "PATCH", url, text);
	if (status < 200 || status >= 500)
		fail_msg("PATCH %s: %d: %s", url, status, text);
	work_with_all(&p->store);
	wipe(&p->store);
	free(text);
}

static void every_shape(void **state)
{
	int tried = 0, taken = 0;
	struct place p;

	(void)state;
	begin(&p, 0);
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		bool more = true;

		for (int n = 0; more; n++)
			for (size_t k = 0; k < ARRAY_LEN(others); k++, tried++)
				try_one(&p, i, n, k, &taken, &more);
	}
	end(&p);
	print_message("# %d objects, %d of them taken\n", tried, taken);
	assert_true(tried > 2000);
	assert_true(taken > 100 && taken < tried / 2);
}

/* A field that this kind has not, and another has: no decoder knows its type. */
static void of_another_kind(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 0);
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		for (size_t from = 0; from < ARRAY_LEN(samples); from++) {
			cJSON *lender = cJSON_Parse(samples[from].object);

			for (const cJSON *f = lender->child; f; f = f->next)
				/* a list, a map, a number */
				for (size_t k = 1; k < ARRAY_LEN(others); k += 4) {
					cJSON *o = cJSON_Parse(samples[i].object);
					char *text;
					int status;

					if (!json_get(o, f->string))
						json_set(o, f->string, cJSON_Parse(others[k]));
					json_set_str(o, "kind", samples[i].kind);
					json_set_str(o, "apiVersion", kind_by_name(samples[i].kind)->api);
					text = json_text(o);
					cJSON_Delete(o);
					check_manifest(text);
					status = ask(&p, "admin-token", "POST", samples[i].where, text);
					if (status < 200 || status >= 500)
						fail_msg("%s: %d: %s", samples[i].where, status, text);
					work_with_all(&p.store);
					wipe(&p.store);
					free(text);
				}
			cJSON_Delete(lender);
		}
	end(&p);
}

static void refused(const char *text, struct err *e)
{
	struct manifest m = {0};
	struct arena a = {0};

	if (yaml_read_text(&a, "f.yaml", text, &m.objects, &m.n, e))
		fail_msg("%s", e->msg);
	assert_int_equal(docker_check(&a, &m, e), -1);
	arena_free(&a);
}

/* And in a manifest. */
static void in_a_manifest(void **state)
{
	static const char text[] =
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: out, labels: [a, b]}\nspec:\n"
		"  selector: {matchLabels: {app: out}}\n  template:\n    metadata: {labels: [x]}\n    spec:\n"
		"      hostNetwork: true\n      volumes: [[a]]\n      containers: [{name: c, image: i}]\n"
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: [a]\n";
	struct err e = {0};

	(void)state;
	refused(text, &e);
	assert_non_null(strstr(e.msg, "f.yaml:3:"));
	assert_non_null(strstr(e.msg, "cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"));
	assert_non_null(strstr(e.msg, "hostNetwork"));
}

/* What neither the table of fields nor the API that is served has is told once. */
static void told_once(void **state)
{
	static const char text[] =
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: out}\nspec:\n  selector: {matchLabels: {app: out}}\n"
		"  template:\n    metadata: {labels: {app: out}}\n    spec:\n      containers: [{name: c, image: i}]\n"
		"      volumes:\n      - name: p\n        projected: {sources: [{configMap: {name: a}}, {secret: {name: b}}]}\n"
		"      - {name: h, hostPath: {path: /etc, type: Directory}}\n";
	struct err e = {0};

	(void)state;
	refused(text, &e);
	assert_string_equal(e.msg,
			    "f.yaml:12:20: Deployment/out: spec.template.spec.volumes[0].projected is not supported by the engine docker, "
			    "and leaving it out would change what is tried; run this on kind\n"
			    "f.yaml:13:29: Deployment/out: spec.template.spec.volumes[1].hostPath is not supported by the engine docker, "
			    "and leaving it out would change what is tried; run this on kind");
}

/* What no API server takes, what the engine does not honour and what its own API would
 * refuse: all at once, each in the words of one. */
static void all_at_once(void **state)
{
	static const char text[] =
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: out}\nspec:\n  selector: {matchLabels: {app: out}}\n"
		"  template:\n    metadata: {labels: {app: out}}\n    spec:\n      hostNetwork: true\n      containers:\n"
		"      - {name: a_b, image: i, securityContext: {capabilities: {add: [SYS_ADMIN]}}}\n"
		"---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: x}\nsubsets:\n- addresses: [{ip: 192.0.2.1}]\n"
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, labels: {k: 'x y'}}\ndata: {'a b': c}\n";
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};
	const char *name;

	(void)state;
	if (yaml_read_text(&a, "f.yaml", text, &m.objects, &m.n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(docker_check(&a, &m, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.msg, "f.yaml:9:20: Deployment/out: spec.template.spec.hostNetwork"));
	assert_non_null(strstr(e.msg, "the capability SYS_ADMIN"));
	assert_non_null(strstr(e.msg, "f.yaml:17:"));
	name = strstr(e.msg, "containers[0].name");
	assert_non_null(name);
	assert_null(strstr(name + 1, "containers[0].name"));
	name = strstr(e.msg, "\"a b\": a valid config key");
	assert_non_null(name);
	assert_null(strstr(name + strlen("\"a b\": a valid"), "a valid config key"));
	name = strstr(e.msg, "\"x y\": a valid label");
	assert_non_null(name);
	assert_null(strstr(name + strlen("\"x y\": a valid"), "a valid label"));
	arena_free(&a);
}

/* A value of another type keeps none of that to itself, and is told once. */
static void mistyped(void **state)
{
	static const char text[] =
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: out, labels: {v: 1.5}}\nspec:\n"
		"  selector: {matchLabels: {app: out}}\n  template:\n    metadata: {labels: {app: out}}\n    spec:\n"
		"      hostAliases: x\n      containers:\n      - name: [c]\n        image: i\n"
		"        env: [{name: A, value: 6379}, {name: 7, value: b}]\n        volumeMounts: {a: b}\n"
		"        securityContext: {capabilities: {add: [SYS_ADMIN]}}\n"
		"  volumeClaimTemplates:\n  - metadata: {name: d}\n"
		"    spec: {accessModes: ReadWriteOnce, resources: {requests: {storage: 10GB}}}\n"
		"---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: x}\n"
		"subsets:\n- addresses: [{ip: 192.0.2.1, hostname: 7}]\n  ports: [{port: '80'}]\n";
	static const char *const told[] = {
		"f.yaml:3:35: StatefulSet in version", "f.yaml:9:20: StatefulSet in version",
		"f.yaml:11:15: StatefulSet in version", "f.yaml:13:32: StatefulSet in version",
		"f.yaml:13:46: StatefulSet in version", "f.yaml:14:23: StatefulSet in version",
		"f.yaml:15:48: StatefulSet/out: ", "f.yaml:18:25: StatefulSet in version",
		"f.yaml:18:72: the StatefulSet", "f.yaml:24:20: Endpoints/x: subsets[0].addresses[0].ip",
		"f.yaml:24:41: Endpoints in version", "f.yaml:25:18: Endpoints in version",
	};
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};
	size_t n = 1;

	(void)state;
	if (yaml_read_text(&a, "f.yaml", text, &m.objects, &m.n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(docker_check(&a, &m, &e), -1);
	for (const char *p = e.msg; (p = strchr(p, '\n')); p++)
		n++;
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		if (!strstr(e.msg, told[i]))
			fail_msg("no \"%s\" in %s", told[i], e.msg);
	if (n != ARRAY_LEN(told))
		fail_msg("%zu, not %zu: %s", n, ARRAY_LEN(told), e.msg);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape), cmocka_unit_test(of_another_kind),
		cmocka_unit_test(in_a_manifest),
		cmocka_unit_test(told_once), cmocka_unit_test(all_at_once),
		cmocka_unit_test(mistyped)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
