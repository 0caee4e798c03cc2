/* What an update may not change, by requests as they go over the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test/unit/apiserver/place.h"

#define APPS "/apis/apps/v1/namespaces/ns/"
#define CORE "/api/v1/namespaces/ns/"
#define FIXED "field is immutable"
#define MARKED "Forbidden: field is immutable when `immutable` is set"
#define NO_ROLLOUT "rolls no update out"

#define TEMPLATE "\"template\":{\"metadata\":{\"labels\":{\"app\":\"a\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}"
#define WORKLOAD "\"selector\":{\"matchLabels\":{\"app\":\"a\"}}," TEMPLATE
#define STS "\"serviceName\":\"s\",\"replicas\":2," WORKLOAD
#define POD "\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}],\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]"
#define CLAIM "\"accessModes\":[\"ReadWriteOnce\"],\"storageClassName\":\"fast\",\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}"

static const struct {
	const char *where, *rest, *patch, *refused; /* NULL: it is taken */
} rows[] = {
	{APPS "deployments", "\"spec\":{" WORKLOAD "}", "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"b\"}}}}",
	 "spec.selector: Invalid value: {\\\"matchLabels\\\":{\\\"app\\\":\\\"b\\\"}}: " FIXED},
	{APPS "deployments", "\"spec\":{" WORKLOAD "}", "{\"spec\":{\"replicas\":3},\"metadata\":{\"labels\":{\"x\":\"y\"}}}", NULL},
	{APPS "deployments", "\"spec\":{\"replicas\":3," WORKLOAD "}", "{\"spec\":{\"replicas\":1}}", "ends no replicas"},
	{APPS "deployments", "\"spec\":{" WORKLOAD "}",
	 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"restartedAt\":\"now\"}}}}}", NO_ROLLOUT},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"serviceName\":\"t\"}}",
	 "updates to statefulset spec for fields other than 'replicas'"},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"podManagementPolicy\":\"Parallel\"}}", "updates to statefulset spec"},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"d\"}}]}}",
	 "updates to statefulset spec"},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"selector\":null}}", "updates to statefulset spec"},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"podManagementPolicy\":\"OrderedReady\",\"replicas\":3}}", NULL},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}}}", NULL},
	{APPS "statefulsets", "\"spec\":{" STS "}", "{\"spec\":{\"replicas\":1}}", "ends no replicas"},
	{APPS "statefulsets", "\"spec\":{" STS "}",
	 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"restartedAt\":\"now\"}}}}}", NULL},
	{"/apis/batch/v1/namespaces/ns/jobs", "\"spec\":{" TEMPLATE "}", "{\"spec\":{\"completions\":4}}", FIXED},
	{"/apis/batch/v1/namespaces/ns/jobs", "\"spec\":{" TEMPLATE "}", "{\"spec\":{\"template\":{\"spec\":{\"hostname\":\"h\"}}}}",
	 FIXED},
	{"/apis/batch/v1/namespaces/ns/jobs", "\"spec\":{" TEMPLATE "}", "{\"spec\":{\"parallelism\":4}}", NULL},
	{CORE "persistentvolumeclaims", "\"spec\":{" CLAIM "}", "{\"spec\":{\"accessModes\":[\"ReadWriteMany\"]}}",
	 "spec: Forbidden: spec is immutable after creation"},
	{CORE "persistentvolumeclaims", "\"spec\":{" CLAIM "}", "{\"spec\":{\"storageClassName\":\"slow\"}}", "spec is immutable"},
	{CORE "persistentvolumeclaims", "\"spec\":{" CLAIM "}", "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}}",
	 "support resize"},
	{CORE "persistentvolumeclaims", "\"spec\":{" CLAIM "}", "{\"spec\":{\"volumeName\":\"v\",\"volumeMode\":\"Filesystem\"}}", NULL},
	{CORE "persistentvolumeclaims", "\"spec\":{\"volumeName\":\"v\"," CLAIM "}", "{\"spec\":{\"volumeName\":\"w\"}}",
	 "spec is immutable"},
	{CORE "services", "\"spec\":{\"clusterIP\":\"10.240.96.7\"}", "{\"spec\":{\"clusterIP\":\"10.240.96.2\"}}",
	 "spec.clusterIPs[0]: Invalid value: \\\"10.240.96.2\\\": may not change once set"},
	{CORE "services", "\"spec\":{\"clusterIP\":\"None\"}", "{\"spec\":{\"clusterIP\":\"10.240.96.2\"}}", "may not change once set"},
	{CORE "services", "\"spec\":{\"clusterIP\":\"10.240.96.8\"}", "{\"spec\":{\"selector\":{\"role\":\"primary\"}}}", NULL},
	{CORE "services", "\"spec\":{}", "{\"spec\":{\"clusterIP\":\"10.240.96.2\"}}", NULL},
	{CORE "secrets", "\"type\":\"Opaque\"", "{\"type\":\"kubernetes.io/tls\"}", "type: Invalid value: \\\"kubernetes.io/tls\\\": " FIXED},
	{CORE "secrets", "\"stringData\":{\"k\":\"v\"}", "{\"type\":\"Opaque\",\"stringData\":{\"k\":\"w\"}}", NULL},
	{CORE "secrets", "\"immutable\":true,\"stringData\":{\"k\":\"v\"}", "{\"stringData\":{\"k\":\"w\"}}", MARKED},
	{CORE "secrets", "\"immutable\":true,\"data\":{\"k\":\"dg==\"}", "{\"data\":null}", "data: " MARKED},
	{CORE "configmaps", "\"immutable\":true,\"data\":{\"k\":\"v\"}", "{\"data\":{\"l\":\"w\"}}", "data: " MARKED},
	{CORE "configmaps", "\"immutable\":true,\"data\":{\"k\":\"v\"}", "{\"immutable\":false}", "immutable: " MARKED},
	{CORE "configmaps", "\"immutable\":true,\"data\":{\"k\":\"v\"}", "{\"immutable\":null}", "immutable: " MARKED},
	{CORE "configmaps", "\"immutable\":true,\"data\":{\"k\":\"v\"}", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}", NULL},
	{CORE "configmaps", "\"data\":{\"k\":\"v\"}", "{\"immutable\":true,\"data\":{\"k\":\"w\"}}", NULL},
	{CORE "pods", "\"spec\":{" POD "}", "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:2\"}]}}",
	 "spec.containers[0].image: Forbidden: the engine docker " NO_ROLLOUT},
	{CORE "pods", "\"spec\":{" POD "}", "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\",\"tty\":true}]}}",
	 "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"},
	{CORE "pods", "\"spec\":{" POD "}",
	 "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"},{\"name\":\"d\",\"image\":\"i:1\"}]}}", "pod updates may not"},
	{CORE "pods", "\"spec\":{" POD "}", "{\"spec\":null}", "pod updates may not"},
	{CORE "pods", "\"spec\":{" POD "}", "{\"spec\":{\"hostname\":\"h\"}}", "pod updates may not"},
	{CORE "pods", "\"spec\":{" POD "}", "{\"spec\":{\"restartPolicy\":\"Always\",\"activeDeadlineSeconds\":60}}", NULL},
	{CORE "pods", "\"spec\":{" POD "}", "{\"spec\":{\"tolerations\":[]}}", "existing toleration"},
	{CORE "pods", "\"spec\":{" POD "}",
	 "{\"spec\":{\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"},{\"key\":\"l\",\"operator\":\"Exists\"}]}}", NULL},
	{CORE "pods", "\"spec\":{" POD "}", "{\"metadata\":{\"labels\":{\"role\":\"master\"},\"annotations\":{\"a\":\"b\"}}}", NULL},
	{RBAC "rolebindings", "\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"}", "{\"roleRef\":{\"name\":\"t\"}}", "cannot change roleRef"},
	{RBAC "rolebindings", "\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"}",
	 "{\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"a\"}]}", NULL},
	{"/apis/storage.k8s.io/v1/storageclasses", "\"provisioner\":\"p\"", "{\"provisioner\":\"q\"}", "updates to provisioner are forbidden."},
	{"/apis/storage.k8s.io/v1/storageclasses", "\"provisioner\":\"p\"",
	 "{\"reclaimPolicy\":\"Delete\",\"allowVolumeExpansion\":true}", NULL},
	{"/api/v1/persistentvolumes", "\"spec\":{\"local\":{\"path\":\"/a\"},\"capacity\":{\"storage\":\"1Gi\"}}",
	 "{\"spec\":{\"local\":{\"path\":\"/b\"}}}", "spec.persistentvolumesource is immutable after creation"},
	{"/api/v1/persistentvolumes", "\"spec\":{\"local\":{\"path\":\"/a\"},\"capacity\":{\"storage\":\"1Gi\"}}",
	 "{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\"}}", NULL},
};

static void refused_or_taken(void **state)
{
	struct buf before = {0}, after = {0}, answer = {0};
	struct place p;
	int wrong = 0;

	(void)state;
	begin(&p, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *body = mem_fmt("{\"metadata\":{\"name\":\"o%zu\"},%s}", i, rows[i].rest), url[200];
		int want = rows[i].refused ? 422 : 200, status;

		snprintf(url, sizeof(url), "%s/o%zu", rows[i].where, i);
		assert_int_equal(ask(&p, "admin-token", "POST", rows[i].where, body), 201);
		assert_int_equal(ask_for(&p, "admin-token", "GET", url, "", &before), 200);
		/* What is there already is no change. */
		assert_int_equal(ask(&p, "admin-token", "PUT", url, body), 200);
		status = ask_for(&p, "admin-token", "PATCH", url, rows[i].patch, &answer);
		ask_for(&p, "admin-token", "GET", url, "", &after);
		if (status != want ||
		    (rows[i].refused && !strstr(buf_cstr(&answer), rows[i].refused)) ||
		    !strcmp(strstr(buf_cstr(&before), "\r\n\r\n"),
			    strstr(buf_cstr(&after), "\r\n\r\n")) != (want == 422)) {
			wrong++;
			print_message("# %s: %s: %d, want %d %s: %s\n", url, rows[i].patch, status, want,
				      rows[i].refused ? rows[i].refused : "", strstr(buf_cstr(&answer), "\r\n\r\n"));
		}
		free(body);
	}
	end(&p);
	buf_free(&before);
	buf_free(&after);
	buf_free(&answer);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refused_or_taken)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
