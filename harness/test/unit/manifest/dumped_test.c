/* Manifests that programs wrote: lists, nulls, dumps of a server's objects,
 * files by other names, and quantities in all of their forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifest/manifest.h"
#include "manifest/parts.h"

struct fixture {
	struct arena a;
	struct manifest m;
	struct err e;
	char dir[64];
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-dumped-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	file_remove_tree(f->dir, &e);
	arena_free(&f->a);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	struct err e = {0};

	assert_int_equal(file_write_atomic(arena_fmt(&f->a, "%s/%s", f->dir, name), text, strlen(text), &e), 0);
}

static void read_all(struct fixture *f)
{
	if (manifest_read_dir(&f->a, f->dir, &f->m, &f->e))
		fail_msg("%s", f->e.msg);
}

#define MAP(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

static void addresses(void **state)
{
	struct fixture *f = *state;

	put(f, "a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s, uid: u}\nspec: {clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7]}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: t, uid: u}\nspec: {clusterIP: None, clusterIPs: [None]}\n"
	    "---\napiVersion: v1\nkind: Service\nmetadata: {name: u}\nspec: {clusterIP: 10.96.0.7}\n");
	read_all(f);
	assert_null(yaml_path(f->m.objects[0], "spec.clusterIP"));
	assert_null(yaml_path(f->m.objects[0], "spec.clusterIPs"));
	assert_string_equal(manifest_text(f->m.objects[1], "spec.clusterIP"), "None");
	/* One that somebody chose. */
	assert_string_equal(manifest_text(f->m.objects[2], "spec.clusterIP"), "10.96.0.7");
	assert_int_equal(f->m.ignored.n, 4);
	assert_string_equal(f->m.ignored.v[0].path, "spec.clusterIP");
	assert_string_equal(f->m.ignored.v[0].from, "10.96.0.7");
}

static void lists(void **state)
{
	struct fixture *f = *state;

	put(f, "a.yaml", "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: \"\"}\nitems:\n"
	    "- {apiVersion: v1, kind: Service, metadata: {name: s}}\n"
	    "- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: t}}]}\n"
	    "---\napiVersion: apps/v1\nkind: StatefulSetList\nitems: [{metadata: {name: u}}]\n"
	    "---\napiVersion: v1\nkind: List\nitems: null\n---\napiVersion: v1\nkind: List\nitems: []\n");
	read_all(f);
	assert_int_equal(f->m.n, 3);
	assert_string_equal(manifest_object_name(&f->a, f->m.objects[0]), "Service/s");
	assert_string_equal(manifest_object_name(&f->a, f->m.objects[1]), "Secret/t");
	assert_string_equal(manifest_object_name(&f->a, f->m.objects[2]), "StatefulSet/u");
	assert_string_equal(manifest_text(f->m.objects[2], "apiVersion"), "apps/v1");
	/* An item of a list is an object as any other. */
	put(f, "b.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: s}}\n");
	assert_int_equal(manifest_read_dir(&f->a, f->dir, &f->m, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "b.yaml:4:3: Service/s is there twice"));
}

static void names_of_files(void **state)
{
	struct fixture *f = *state;

	put(f, "a.yaml", MAP("a"));
	put(f, "b.yml", MAP("b"));
	put(f, "c.json", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"c\"}\n}\n");
	put(f, "d.txt", "no manifest");
	put(f, ".e.yml", "hidden");
	put(f, "access.yaml", "of clients: x");
	read_all(f);
	assert_int_equal(f->m.n, 3);
	assert_string_equal(manifest_text(f->m.objects[1], "metadata.name"), "b");
	assert_string_equal(manifest_text(f->m.objects[2], "metadata.name"), "c");
}

/* As kubectl reads JSON: one value behind the other, and characters in halves. */
static void values_of_json(void **state)
{
	struct fixture *f = *state;

	put(f, "a.json", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"a\"}, \"data\": {\"k\": "
	    "\"x \\ud83d\\uDE00 }{ \\\" \\ud83d\", \"l\": 3}}{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"b\"}}\n\n"
	    " {\"apiVersion\": \"v1\", \"kind\": \"Service\",\n \"metadata\": {\"name\": \"c\"}} \n");
	read_all(f);
	assert_int_equal(f->m.n, 3);
	assert_string_equal(manifest_text(f->m.objects[0], "data.k"), "x \xf0\x9f\x98\x80 }{ \" \xef\xbf\xbd");
	assert_int_equal(yaml_path(f->m.objects[0], "data.l")->column, 120);
	assert_string_equal(manifest_object_name(&f->a, f->m.objects[1]), "Secret/b");
	assert_int_equal(f->m.objects[1]->line, 1);
	assert_int_equal(f->m.objects[1]->column, 123);
	assert_int_equal(f->m.objects[2]->line, 3);
	assert_int_equal(f->m.objects[2]->column, 2);
	assert_int_equal(yaml_path(f->m.objects[2], "metadata.name")->line, 4);
	assert_int_equal(yaml_path(f->m.objects[2], "metadata.name")->column, 23);
	put(f, "b.json", "{}\n{\"a\": 1 \"b\": 2}\n");
	assert_int_equal(manifest_read_dir(&f->a, f->dir, &f->m, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "b.json:2:12: "));
}

/* Keys are texts, as kubectl makes them. */
static void keys(void **state)
{
	static const char *const keys[][2] = {
		{"1.10", "1.1"}, {"on", "true"}, {"010", "8"}, {"1e3", "1000"}, {"1e6", "1e+06"}, {"0.00001", "1e-05"}, {"12.5", "12.5"},
		{"0.1", "0.1"}, {"123456.7", "123456.7"}, {"16777217.0", "1.6777216e+07"}, {".inf", ".inf"}, {"-.Inf", "-.inf"}, {"1e300", ".inf"},
		{"0.0", "0"}, {"'1.10'", "1.10"}, {"~x", "~x"}, {"3", "3"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		put(f, "a.yaml", arena_fmt(&f->a, MAP("a") "data: {%s: x}\n", keys[i][0]));
		read_all(f);
		assert_string_equal(yaml_get(f->m.objects[0], "data")->keys[0]->text, keys[i][1]);
	}
	put(f, "a.yaml", MAP("a") "data: {1.1: x, 1.10: y}\n---\n" MAP("b") "data: {null: x}\n");
	assert_int_equal(manifest_read_dir(&f->a, f->dir, &f->m, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "a.yaml:9:8: a key may not be null"));
	put(f, "a.yaml", MAP("a") "data: {1.1: x, 1.10: y}\n");
	assert_int_equal(manifest_read_dir(&f->a, f->dir, &f->m, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "a.yaml:4:"));
	assert_non_null(strstr(f->e.msg, "is \"1.1\" to Kubernetes, which is there, too"));
}

static void nulls(void **state)
{
	struct fixture *f = *state;
	const struct ynode *o;

	put(f, "a.yaml", MAP("a") "data: {empty: null, other: x, none: }\nimmutable: ~\n---\n"
	    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {creationTimestamp: null, name: s, labels: null}\n"
	    "spec:\n  template:\n    metadata: {creationTimestamp: null}\n    spec:\n      nodeSelector: null\n"
	    "      containers:\n      - {name: c, ports: null, command: [a, null], resources: {limits: {memory: null}, requests: }}\n"
	    "status: {}\n");
	read_all(f);
	o = f->m.objects[0];
	assert_string_equal(manifest_text(o, "data.empty"), "");
	assert_false(yaml_path((struct ynode *)o, "data.none")->plain);
	assert_null(yaml_get(o, "immutable"));
	o = f->m.objects[1];
	assert_null(yaml_path((struct ynode *)o, "metadata.labels"));
	assert_null(yaml_path((struct ynode *)o, "metadata.creationTimestamp"));
	assert_null(yaml_path((struct ynode *)o, "spec.template.metadata.creationTimestamp"));
	assert_null(yaml_path((struct ynode *)o, "spec.template.spec.nodeSelector"));
	assert_null(yaml_path((struct ynode *)o, "spec.template.spec.containers[0].ports"));
	assert_false(yaml_path((struct ynode *)o, "spec.template.spec.containers[0].command[1]")->plain);
	assert_string_equal(yaml_path((struct ynode *)o, "spec.template.spec.containers[0].resources.limits.memory")->text, "0");
	assert_null(yaml_path((struct ynode *)o, "spec.template.spec.containers[0].resources.requests"));
	assert_null(yaml_get(o, "status"));
	assert_int_equal(f->m.ignored.n, 0);
}

/* What the server filled in goes, with a word each. */
static void filled_in(void **state)
{
	static const char *const paths[] = {"metadata.uid", "metadata.resourceVersion", "metadata.creationTimestamp",
					    "metadata.generation", "metadata.managedFields", "status",
					    "spec.volumeClaimTemplates[0].status"};
	struct fixture *f = *state;

	put(f, "a.yaml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: s\n  uid: 1-2\n  resourceVersion: '7'\n"
	    "  generation: 3\n  creationTimestamp: '2024-01-01T00:00:00Z'\n  managedFields: [{manager: kubectl}]\n"
	    "spec: {volumeClaimTemplates: [{metadata: {name: d}, status: {phase: Pending}}]}\nstatus: {replicas: 1}\n");
	read_all(f);
	assert_int_equal(f->m.ignored.n, ARRAY_LEN(paths));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		size_t k = 0;

		while (k < f->m.ignored.n && strcmp(f->m.ignored.v[k].path, paths[i]))
			k++;
		if (k == f->m.ignored.n)
			fail_msg("nothing is told of %s", paths[i]);
		assert_string_equal(f->m.ignored.v[k].why, "the API server fills it in");
		assert_null(yaml_path(f->m.objects[0], paths[i]));
	}
}

/* All that is wrong with a folder at once. */
static void all_at_once(void **state)
{
	struct fixture *f = *state;

	put(f, "a.yaml", "kind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\n");
	put(f, "b.yaml", "a: [\n");
	put(f, "c.yaml", "7\n");
	assert_int_equal(manifest_read_dir(&f->a, f->dir, &f->m, &f->e), -1);
	assert_non_null(strstr(f->e.msg, "a.yaml:1:1: the object has no apiVersion\n"));
	assert_non_null(strstr(f->e.msg, "a.yaml:4:1: the object has no metadata.name\n"));
	assert_non_null(strstr(f->e.msg, "b.yaml:"));
	assert_non_null(strstr(f->e.msg, "c.yaml:1:1: an object"));
}

/* What is no manifest yet: how it becomes one. */
static void to_be_rendered(void **state)
{
	struct fixture *f = *state;
	int charts = 0;

	put(f, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n");
	put(f, "b.yaml", "{{- if .Values.on }}\n" MAP("b") "{{- end }}\n");
	put(f, "kustomization.yaml", "resources: [a.yaml]\n");
	put(f, "n.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n");
	put(f, "o.yaml", "a: [\n");
	assert_int_equal(manifest_read_dir(&f->a, f->dir, &f->m, &f->e), -1);
	for (const char *at = f->e.msg; (at = strstr(at, "render it first (helm template NAME CHART > all.yaml)")); at++)
		charts++;
	if (charts != 2)
		fail_msg("%s", f->e.msg);
	assert_non_null(strstr(f->e.msg, "kustomization.yaml:1:1: this is kustomize's own file, and no object: render it first (kubectl kustomize"));
	assert_non_null(strstr(f->e.msg, "n.yaml:1:1: this is kustomize's own file"));
	assert_null(strstr(strstr(f->e.msg, "o.yaml:"), "helm"));
}

static void quantities(void **state)
{
	static const struct {
		const char *yaml;
		int64_t bytes;
	} t[] = {
		{"134217728", 134217728}, {"+512Mi", INT64_C(512) << 20}, {"1e3", 1000}, {"1E3", 1000}, {"1e9", 1000000000},
		{"128e6", 128000000}, {"1.5Gi", 1610612736}, {"0.1Gi", 107374183}, {"100m", 1}, {"3500m", 4}, {"1E", INT64_C(1000000000000000000)},
		{"0x10", 16}, {"1e400", INT64_MAX}, {"1_000", 1000}, {"0b11", 3}, {"010", 8}, {"'010'", 10}, {"'+1k'", 1000}, {".5Ki", 512}, {"5.", 5},
		{"512MB", -1}, {"500M1", -1}, {"1K", -1}, {"1 Gi", -1}, {"++1", -1}, {"-1", -1}, {"true", -1}, {"yes", -1},
		{"1e", -1}, {"1.2.3", -1}, {"'0x10'", -1}, {"", -1}, {"{}", -1}, {"Gi", -1},
	};
	struct fixture *f = *state;
	struct ynode **docs;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(yaml_read_text(&f->a, "q", arena_fmt(&f->a, "q: %s", t[i].yaml), &docs, &n, &f->e), 0);
		if (quantity_bytes_of(yaml_get(docs[0], "q")) != t[i].bytes)
			fail_msg("%s is %lld", t[i].yaml, (long long)quantity_bytes_of(yaml_get(docs[0], "q")));
	}
	assert_int_equal(yaml_read_text(&f->a, "q", "q: 0.05", &docs, &n, &f->e), 0);
	assert_int_equal(quantity_millicores_of(yaml_get(docs[0], "q")), 50);
}

/* What Go's decoder takes for absent: charts write it where a value is not set. */
static void empty_texts(void **state)
{
	static const char *const absent[] = {
		"spec.template.spec.dnsPolicy", "spec.template.spec.nodeName", "spec.template.spec.containers[0].ports[0].name",
		"spec.template.spec.containers[0].ports[0].hostIP", "spec.template.spec.containers[0].ports[0].protocol",
		"spec.template.spec.containers[0].livenessProbe.httpGet.host",
		"spec.template.spec.containers[0].readinessProbe.tcpSocket.host",
		"spec.template.spec.containers[0].volumeMounts[0].subPath",
		"spec.template.spec.containers[0].volumeMounts[0].subPathExpr", "spec.volumeClaimTemplates[0].spec.volumeName",
	};
	static const char *const service[] = {"spec.type", "spec.sessionAffinity", "spec.externalName",
					      "spec.loadBalancerIP", "spec.ports[0].protocol", "spec.ports[0].name"};
	struct fixture *f = *state;
	struct ynode *set;

	put(f, "a.yaml", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:\n  serviceName: s\n"
	    "  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b, spec.nodeName: ''}}\n"
	    "    spec:\n      dnsPolicy: ''\n      nodeName: ''\n      containers:\n"
	    "      - {name: c, image: i, ports: [{containerPort: 1, name: '', hostIP: '', protocol: ''}],\n"
	    "         env: [{name: E, value: ''}], livenessProbe: {httpGet: {port: 1, host: ''}},\n"
	    "         readinessProbe: {tcpSocket: {port: 1, host: ''}},\n"
	    "         volumeMounts: [{name: d, mountPath: /d, subPath: '', subPathExpr: ''}]}\n  volumeClaimTemplates:\n"
	    "  - metadata: {name: d}\n    spec: {storageClassName: '', volumeName: '', accessModes: [ReadWriteOnce],\n"
	    "      resources: {requests: {storage: 1Mi}}}\n");
	put(f, "b.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: '', sessionAffinity: '', externalName: '',\n"
	    "  loadBalancerIP: '', selector: {a: b, role: null}, ports: [{port: 1, protocol: '', name: ''}]}\n");
	put(f, "c.yaml", MAP("c") "data: {spec.nodeName: '', x.ports.name: ''}\n");
	read_all(f);
	set = f->m.objects[0];
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (yaml_path(set, absent[i]))
			fail_msg("%s is there", absent[i]);
	for (size_t i = 0; i < ARRAY_LEN(service); i++)
		if (yaml_path(f->m.objects[1], service[i]))
			fail_msg("%s is there", service[i]);
	assert_non_null(yaml_path(set, "spec.template.spec.containers[0].env[0].value"));
	assert_non_null(yaml_path(set, "spec.volumeClaimTemplates[0].spec.storageClassName"));
	assert_int_equal(yaml_path(set, "spec.template.metadata.labels")->n, 2);
	/* Without it pods of every role were selected. */
	assert_int_equal(yaml_path(f->m.objects[1], "spec.selector")->n, 2);
	assert_int_equal(yaml_path(f->m.objects[2], "data")->n, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists),     T(addresses),   T(names_of_files), T(nulls),
		T(filled_in), T(all_at_once), T(to_be_rendered), T(quantities),	  T(values_of_json),
		T(keys),      T(empty_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
