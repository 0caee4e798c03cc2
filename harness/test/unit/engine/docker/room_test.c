/* Whether the machine's disk has room for what manifests claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"

static void claims(void **state)
{
	static const char text[] =
		"kind: PersistentVolumeClaim\nspec: {resources: {requests: {storage: 1Gi}}}\n---\n"
		"kind: StatefulSet\nspec: {replicas: 3, volumeClaimTemplates: [{spec: {resources: {requests: "
		"{storage: 10Mi}}}}, {spec: {resources: {requests: {storage: 1Ki}}}}]}\n---\n"
		"kind: StatefulSet\nspec: {volumeClaimTemplates: [{spec: {resources: {requests: {storage: 1}}}}]}\n"
		"---\nkind: Service\n";
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(yaml_read_text(&a, "f.yaml", text, &m.objects, &m.n, &e), 0);
	assert_int_equal(plan_claim_bytes(&m), (1 << 30) + 3 * ((10 << 20) + 1024) + 1);
	arena_free(&a);
}

/* More than a number has: that much, and not what is left of it. */
static void claims_without_end(void **state)
{
#define SET_OF(replicas, size)                                                                     \
	"kind: StatefulSet\nspec: {replicas: " replicas ", volumeClaimTemplates: [{spec: {resources: " \
	"{requests: {storage: " size "}}}}]}\n"
	static const char *const texts[] = {
		SET_OF("3", "7Ei"), SET_OF("1", "7Ei") "---\n" SET_OF("1", "7Ei"), SET_OF("2147483647", "8Gi"),
		SET_OF("1", "1e30"), SET_OF("1", "'99999999999999999999Ei'"),
	};
	struct docker *d = mem_alloc(sizeof(*d));

	(void)state;
	mem_copy_str(d->kube.cache, sizeof(d->kube.cache), "/tmp");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct manifest m = {0};
		struct arena a = {0};
		struct err e = {0};

		assert_int_equal(yaml_read_text(&a, "f.yaml", texts[i], &m.objects, &m.n, &e), 0);
		if (plan_claim_bytes(&m) < INT64_C(7) << 60 || docker_room(d, &m, &e) != -1)
			fail_msg("%s: %lld", texts[i], (long long)plan_claim_bytes(&m));
		arena_free(&a);
	}
	free(d);
}

/* Claims that no disk has room for, and one that any disk with 1 GiB has. */
static void room(void **state)
{
	static const char large[] = "kind: StatefulSet\nspec: {replicas: 2, volumeClaimTemplates: [{spec: {resources: "
				    "{requests: {storage: 512Pi}}}}]}\n";
	struct docker *d = mem_alloc(sizeof(*d));
	struct manifest m = {0}, none = {0};
	struct arena a = {0};
	struct err e = {0};

	(void)state;
	mem_copy_str(d->kube.cache, sizeof(d->kube.cache), "/tmp");
	assert_int_equal(yaml_read_text(&a, "f.yaml", large, &m.objects, &m.n, &e), 0);
	assert_int_equal(docker_room(d, &m, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	if (!strstr(e.msg, "the claims want 1073741824.0 GiB and 1.0 GiB must stay free, but the disk of the cache folder "
		    "/tmp has "))
		fail_msg("%s", e.msg);
	/* Nothing is claimed: only the spare room is asked for. */
	if (docker_room(d, &none, &e))
		assert_non_null(strstr(e.msg, "the claims want 0.0 GiB"));
	free(d);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims),
		cmocka_unit_test(claims_without_end),
		cmocka_unit_test(room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
