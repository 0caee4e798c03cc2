/* What an engine changes in manifests, and the quantities that it caps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "manifest/manifest.h"
#include "test/unit/manifest/room.h"

static const char *test_image(void *arg, const char *image)
{
	++*(int *)arg;
	return !strcmp(image, "busybox") ? NULL : "localhost/x:1";
}

static void test_adapt(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int asked = 0;
	struct adapt_rules rules = {
		.namespace = "run-7",
		.max_cpu_request_m = 250,
		.max_memory_request_bytes = 256 << 20,
		.max_claim_bytes = INT64_C(1) << 30,
		.image = test_image,
		.arg = &asked,
		.provisioner = "ordeal",
	};

	put(f, "a.yaml", config);
	put(f, "b.yaml", set);
	read_dir(f);
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(asked, 3);
	assert_logged(f, "ConfigMap/postgres-config", "metadata.namespace", 5, "production", "run-7");
	assert_logged(f, "ConfigMap/postgres-config", "data.PATRONI_KUBERNETES_NAMESPACE", 7,
		      "production", "run-7");
	assert_string_equal(text_at(f, 0, "data.OTHER"), "production");
	assert_logged(f, "ConfigMap/postgres-config", "data.\"patroni.yaml\"", 22,
		      "  namespace: production", "  namespace: run-7");
	assert_non_null(strstr(text_at(f, 0, "data.\"patroni.yaml\""), "http://a.b.run-7.svc.cluster"));
	assert_logged(f, "StatefulSet/postgres", "metadata.namespace", 4, NULL, "run-7");
	assert_logged(f, "StatefulSet/postgres", "spec.template.spec.containers[0].image", 13,
		      "acid/spilo-15:3.0-p1", "localhost/x:1");
	assert_null(logged(f, "StatefulSet/postgres", "spec.template.spec.initContainers[0].image"));
	assert_logged(f, "StatefulSet/postgres",
		      "spec.template.spec.containers[0].resources.requests.cpu", 18, "500m", "250m");
	assert_logged(f, "StatefulSet/postgres",
		      "spec.template.spec.containers[0].resources.requests.memory", 18, "1Gi", "256Mi");
	assert_string_equal(text_at(f, 1, "spec.template.spec.containers[0].resources.limits.memory"),
			    "4Gi");
	assert_logged(f, "StatefulSet/postgres",
		      "spec.template.spec.containers[1].resources.requests.memory", 23, NULL, "256Mi");
	assert_null(logged(f, "StatefulSet/postgres",
			   "spec.template.spec.containers[1].resources.requests.cpu"));
	assert_logged(f, "StatefulSet/postgres",
		      "spec.volumeClaimTemplates[0].spec.resources.requests.storage", 27, "100Gi",
		      "1Gi");
	assert_logged(f, "RoleBinding/postgres", "subjects[0].namespace", 33, "production", "run-7");
	assert_logged(f, "StorageClass/fast-ssd", "provisioner", 38, "ebs.csi.aws.com", "ordeal");
	assert_logged(f, "StorageClass/fast-ssd", "parameters.iops", 41, "16000", NULL);
	assert_logged(f, "StorageClass/fast-ssd", "reclaimPolicy", 42, "Retain", "Delete");
	assert_null(yaml_get(f->m.objects[3], "parameters"));
	assert_null(yaml_path(f->m.objects[3], "metadata.namespace"));
}

static const char *test_class(void *arg, const char *name, const char *provisioner)
{
	(void)arg;
	if (!name)
		return "usual";
	return !strcmp(name, "fast-ssd") && provisioner && !strcmp(provisioner, "ebs.csi.aws.com") ? "usual" : NULL;
}

/* Claims of a class whose provisioner is not there are moved, told and made
 * small; the class goes. All others stay, "" too. */
static void test_adapt_class(void **state)
{
	static const char claims[] =
		"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: a}\n"
		"spec: {storageClassName: own, resources: {requests: {storage: 100Gi}}}\n---\n"
		"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: b}\n"
		"spec: {storageClassName: '', resources: {requests: {storage: 100Gi}}}\n---\n"
		"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: c}\n"
		"spec: {resources: {requests: {storage: 100Gi}}}\n---\n"
		"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: d}\n"
		"spec: {storageClassName: fast-ssd, resources: {requests: {storage: 100Gi}}}\n---\n"
		"kind: StorageClass\napiVersion: storage.k8s.io/v1\nmetadata: {name: own}\n"
		"provisioner: csi.example\nparameters: {a: b}\nreclaimPolicy: Retain\n";
	struct adapt_rules rules = {.storage_class = test_class, .class_why = "moved", .max_moved_bytes = 1 << 30,
				    .claim_why = "other class"};
	struct fixture *f = *state;
	struct err e = {0};
	size_t before;

	put(f, "a.yaml", claims);
	put(f, "b.yaml", set);
	read_dir(f);
	before = f->m.n;
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_null(logged(f, "PersistentVolumeClaim/a", "spec.storageClassName"));
	assert_null(logged(f, "PersistentVolumeClaim/b", "spec.storageClassName"));
	assert_logged(f, "PersistentVolumeClaim/c", "spec.storageClassName", 14, NULL, "usual");
	assert_logged(f, "PersistentVolumeClaim/d", "spec.storageClassName", 19, "fast-ssd", "usual");
	assert_logged(f, "PersistentVolumeClaim/d", "spec.resources.requests.storage", 19, "100Gi", "1Gi");
	assert_string_equal(text_at(f, 0, "spec.resources.requests.storage"), "100Gi");
	assert_string_equal(text_at(f, 1, "spec.storageClassName"), "");
	assert_string_equal(text_at(f, 2, "spec.storageClassName"), "usual");
	assert_string_equal(text_at(f, 3, "spec.storageClassName"), "usual");
	assert_logged(f, "StorageClass/own", "reclaimPolicy", 26, "Retain", "Delete");
	assert_string_equal(text_at(f, 4, "parameters.a"), "b");
	assert_non_null(logged(f, "StorageClass/fast-ssd", "(the object)"));
	assert_int_equal(f->m.n, before - 1);
	/* Again is the same. */
	before = f->log.n;
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), 0);
	assert_int_equal(f->log.n, before);
}

/* A claim's class may stand where it stood before there was a field, and a claim in a pod; a
 * class of ours is nobody else's default. */
static void test_adapt_old_class(void **state)
{
#define NOTE "metadata.annotations.\"volume.beta.kubernetes.io/storage-class\""
#define DEFAULT "storageclass.kubernetes.io/is-default-class"
	static const char claims[] =
		"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: a, annotations: {volume.beta.kubernetes.io/storage-class: fast-ssd}}\n"
		"spec: {resources: {requests: {storage: 100Gi}}}\n---\n"
		"kind: Deployment\napiVersion: apps/v1\nmetadata: {name: b}\n"
		"spec: {template: {spec: {containers: [{name: c, image: i}], volumes: [{name: u, emptyDir: {}}, {name: v, ephemeral: {volumeClaimTemplate: {spec: "
		"{storageClassName: fast-ssd, resources: {requests: {storage: 100Gi}}}}}}]}}}\n---\n"
		"kind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: c}\nspec: {resources: {requests: {storage: 100Gi}}}\n---\n"
		"kind: StorageClass\napiVersion: storage.k8s.io/v1\nmetadata: {name: own, annotations: {" DEFAULT ": 'true'}}\n"
		"provisioner: csi.example\n";
	static const char volume[] = "spec.template.spec.volumes[1].ephemeral.volumeClaimTemplate.spec";
	struct adapt_rules rules = {.storage_class = test_class, .class_why = "moved", .max_moved_bytes = 1 << 30};
	struct fixture *f = *state;
	struct err e = {0};
	size_t before;

	put(f, "a.yaml", claims);
	put(f, "b.yaml", set);
	read_dir(f);
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_logged(f, "PersistentVolumeClaim/a", NOTE, 3, "fast-ssd", "usual");
	assert_logged(f, "PersistentVolumeClaim/a", "spec.resources.requests.storage", 4, "100Gi", "1Gi");
	assert_string_equal(text_at(f, 0, NOTE), "usual");
	assert_null(yaml_path(f->m.objects[0], "spec.storageClassName"));
	assert_logged(f, "Deployment/b", arena_fmt(&f->arena, "%s.storageClassName", volume), 9, "fast-ssd", "usual");
	assert_logged(f, "Deployment/b", arena_fmt(&f->arena, "%s.resources.requests.storage", volume), 9, "100Gi", "1Gi");
	assert_logged(f, "PersistentVolumeClaim/c", "spec.storageClassName", 14, NULL, "own");
	assert_string_equal(text_at(f, 2, "spec.resources.requests.storage"), "100Gi");
	assert_logged(f, "StorageClass/own", "metadata.annotations.\"" DEFAULT "\"", 18, "true", "false");
	before = f->log.n;
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), 0);
	assert_int_equal(f->log.n, before);
#undef NOTE
#undef DEFAULT
}

/* The StatefulSet has no namespace of its own, so what its texts mean is
 * unknown; with one, they follow. */
static void test_adapt_env(void **state)
{
	struct fixture *f = *state;
	struct adapt_rules rules = {.namespace = "run-7"};
	struct err e = {0};

	put(f, "b.yaml", set);
	read_dir(f);
	yaml_set(&f->arena, yaml_get(f->m.objects[0], "metadata"), "namespace",
		 yaml_new_scalar(&f->arena, "production", true));
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(text_at(f, 0, "spec.template.spec.containers[0].env[0].value"), "run-7");
	assert_string_equal(text_at(f, 0, "spec.template.spec.containers[0].env[1].value"),
			    "db.run-7.svc");
	assert_string_equal(text_at(f, 0, "spec.template.spec.containers[0].image"),
			    "acid/spilo-15:3.0-p1");
}

/* Reports show changes, and no secrets in them. */
static void test_adapt_secret(void **state)
{
	struct adapt_rules rules = {.namespace = "run-7"};
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "a.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: production}\nstringData:\n"
			 "  url: \"postgres://app:hunter2@db.production.svc/app\"\n  file: |\n    pw hunter2\n"
			 "    host db.production.svc hunter2\n");
	put(f, "b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: production}\ndata:\n"
			 "  urls: \"http://db.production.svc postgres://app:hunter2@db.production.svc/a redis://:hunter2@x:1\"\n");
	read_dir(f);
	if (manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(f->log.n, 5);
	for (size_t i = 0; i < f->log.n; i++)
		if ((f->log.v[i].from && strstr(f->log.v[i].from, "hunter2")) ||
		    (f->log.v[i].to && strstr(f->log.v[i].to, "hunter2")))
			fail_msg("%s %s: %s", f->log.v[i].object, f->log.v[i].path, f->log.v[i].from);
	assert_logged(f, "Secret/s", "metadata.namespace", 3, "production", "run-7");
	assert_logged(f, "Secret/s", "stringData.url", 5, "(hidden)", "(hidden)");
	assert_logged(f, "ConfigMap/c", "data.urls", 5,
		      "http://db.production.svc postgres://app:(hidden)@db.production.svc/a redis://:(hidden)@x:1",
		      "http://db.run-7.svc postgres://app:(hidden)@db.run-7.svc/a redis://:(hidden)@x:1");
	/* What runs has it whole. */
	assert_string_equal(text_at(f, 0, "stringData.url"), "postgres://app:hunter2@db.run-7.svc/app");
}

static void test_adapt_nothing(void **state)
{
	struct fixture *f = *state;
	struct adapt_rules rules = {0};
	struct err e = {0};

	put(f, "b.yaml", set);
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), 0);
	assert_int_equal(f->log.n, 0);
}

static void test_adapt_wrong(void **state)
{
	struct adapt_rules rules = {.max_cpu_request_m = 1, .max_claim_bytes = 1};
	static const char head[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
				   "  containers:\n  - resources: {requests: {cpu: lots}}\n";
	struct fixture *f = *state;
	struct err e = {0};

	put(f, "b.yaml", head);
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), -1);
	assert_non_null(strstr(e.msg, "b.yaml:6:33: malformed quantity \"lots\" of cpu"));
	put(f, "b.yaml", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\n"
			 "spec: {resources: {requests: {storage: big}}}\n");
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), -1);
	assert_non_null(strstr(e.msg, "b.yaml:4:40: malformed size of a claim"));
	/* Where a request would be added there is no map for it. */
	put(f, "b.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
			 "  containers:\n  - resources: {requests: cpu, limits: {cpu: 2}}\n");
	read_dir(f);
	assert_int_equal(manifest_adapt(&f->arena, &f->m, &rules, &f->log, &e), -1);
	assert_non_null(strstr(e.msg, "b.yaml:6:27: requests have to be a map"));
}

static void test_quantity(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes, millicores;
	} t[] = {
		{"0", 0, 0},
		{"1024", 1024, 1024000},
		{"500m", 1, 500},
		{"2", 2, 2000},
		{"0.1", 1, 100},
		{"100Gi", INT64_C(107374182400), INT64_C(107374182400000)},
		{"500M", 500000000, INT64_C(500000000000)},
		{"1.5Ki", 1536, 1536000},
		{"1e3", 1000, 1000000},
		{"1E3", 1000, 1000000},
		{"1E", INT64_C(1000000000000000000), INT64_MAX},
		{"7Ei", INT64_C(7) << 60, INT64_MAX},
		/* An API server takes them, and has no more than this of any. */
		{"9223372036854775807", INT64_MAX, INT64_MAX},
		{"8Ei", INT64_MAX, INT64_MAX},
		{"99999999999Ei", INT64_MAX, INT64_MAX},
		{"99999999999999999999Ei", INT64_MAX, INT64_MAX},
		{"1e30", INT64_MAX, INT64_MAX},
		{"1e+99", INT64_MAX, INT64_MAX},
		{"1e9999", INT64_MAX, INT64_MAX},
		{"0e9999", 0, 0},
		{"100000000000000000000000000000000000000000000000000", INT64_MAX, INT64_MAX},
		{"0.000000000000000000000000000000000000000000000000001", 1, 1},
		{"1n", 1, 1},
		{"1k", 1000, 1000000},
		{"128974848000m", 128974848, INT64_C(128974848000)},
		{"", -1, -1},
		{".", -1, -1},
		{"-1", -1, -1},
		{"1K", -1, -1},
		{"1 Gi", -1, -1},
		{"1GiB", -1, -1},
		{"Gi", -1, -1},
		{"1.2.3", -1, -1},
		{"1e", -1, -1},
		{"1e99999999999999999999", -1, -1},
		{"0x10", -1, -1},
		{"nan", -1, -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(t); i++) {
		if (quantity_bytes(t[i].text) != t[i].bytes ||
		    quantity_millicores(t[i].text) != t[i].millicores)
			fail_msg("%s: %lld %lld", t[i].text, (long long)quantity_bytes(t[i].text),
				 (long long)quantity_millicores(t[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_adapt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_class, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_old_class, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_env, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adapt_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quantity, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
