/* A claim that was deleted stays for as long as a pod uses it; its volume goes after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/controller/controller.h"
#include "test/lib/fault_help.h"

#define USES "\"spec\":{\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"data-db-0\"}}]}"
#define POD "{\"metadata\":{\"name\":\"db-0\",\"namespace\":\"ns\"}," USES "}"

static cJSON *object(const char *text)
{
	cJSON *o = cJSON_Parse(text);

	assert_non_null(o);
	return o;
}

static const cJSON *claim(const struct docker *d)
{
	return store_get(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, "ns", "data-db-0");
}

static void put_volume(struct docker *d, const char *name, const char *claim_uid)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"claimRef\":{\"namespace\":\"ns\",\"name\":\"data-db-0\","
			     "\"uid\":\"%s\"}}}", name, claim_uid);

	store_put(&d->store, KIND_PERSISTENT_VOLUME, object(text));
	free(text);
}

static bool has_volume(const struct docker *d, const char *name)
{
	return store_get(&d->store, KIND_PERSISTENT_VOLUME, NULL, name) != NULL;
}

static void test_claim(void **state)
{
	struct docker *d = mem_alloc(sizeof(*d));
	struct docker_pod ends = {.d = d, .name = "db-0", .ns = "ns", .object = object(POD)}, *pods[] = {&ends};
	cJSON *marked;
	char uid[64], dir[64];

	(void)state;
	help_temp(dir);
	mem_copy_str(d->dir, sizeof(d->dir), dir);
	store_init(&d->store);
	store_lock(&d->store);
	docker_claim_new(d, object("{\"metadata\":{\"name\":\"data-db-0\",\"namespace\":\"ns\"},\"spec\":{}}"));
	mem_copy_str(uid, sizeof(uid), kube_meta(claim(d), "uid"));
	put_volume(d, "pvc-now", uid);
	put_volume(d, "pvc-before", "another claim of that name");
	store_put(&d->store, KIND_POD, object(POD));

	/* Nobody deleted it; but the volume of the one before it goes. */
	claims_end(d);
	claims_reclaim(d);
	assert_non_null(claim(d));
	assert_false(claim_ending(d, "ns", "data-db-0"));
	assert_true(has_volume(d, "pvc-now"));
	assert_false(has_volume(d, "pvc-before"));

	marked = store_copy(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, "ns", "data-db-0");
	assert_int_equal(cJSON_GetArraySize(json_path(marked, "metadata.finalizers")), 1);
	json_set_str(cJSON_GetObjectItem(marked, "metadata"), "deletionTimestamp", "2026-11-29T20:00:00Z");
	store_put(&d->store, KIND_PERSISTENT_VOLUME_CLAIM, marked);
	assert_true(claim_ending(d, "ns", "data-db-0"));
	claims_end(d);
	assert_non_null(claim(d));
	/* The pod's object is gone, and the pod has not ended yet. */
	store_delete(&d->store, KIND_POD, "ns", "db-0");
	d->pods = pods;
	d->npods = 1;
	claims_end(d);
	claims_reclaim(d);
	assert_non_null(claim(d));
	assert_true(has_volume(d, "pvc-now"));
	d->npods = 0;
	claims_end(d);
	assert_null(claim(d));
	claims_reclaim(d);
	assert_false(has_volume(d, "pvc-now"));
	store_unlock(&d->store);
	store_free(&d->store);
	cJSON_Delete(ends.object);
	free(d);
	help_remove(dir);
}

/* Who writes a volume's name into a claim has not bound it: there is none, or it is
 * another claim's. */
static void test_named_volume(void **state)
{
	struct docker *d = mem_alloc(sizeof(*d));
	struct err e = {0};
	char dir[64], uid[64];
	cJSON *c;

	(void)state;
	help_temp(dir);
	mem_copy_str(d->dir, sizeof(d->dir), dir);
	store_init(&d->store);
	store_lock(&d->store);
	docker_claim_new(d, object("{\"metadata\":{\"name\":\"data-db-0\",\"namespace\":\"ns\"},\"spec\":{\"volumeName\":\"pvc-x\"}}"));
	mem_copy_str(uid, sizeof(uid), kube_meta(claim(d), "uid"));
	store_unlock(&d->store);
	assert_int_equal(docker_claim_bind(d, "ns", "data-db-0", "ordeal-node1", &e), -1);
	assert_non_null(strstr(e.msg, "\"data-db-0\" asks for the volume \"pvc-x\", and there is none of that name for it"));
	store_lock(&d->store);
	put_volume(d, "pvc-x", "another claim");
	c = store_copy(&d->store, KIND_PERSISTENT_VOLUME, NULL, "pvc-x");
	json_set_str(cJSON_AddObjectToObject(cJSON_GetObjectItem(c, "metadata"), "annotations"), "ordeal.dev/node", "n");
	store_put(&d->store, KIND_PERSISTENT_VOLUME, c);
	assert_string_equal(docker_claim_node(d, "ns", "data-db-0"), "");
	store_unlock(&d->store);
	assert_int_equal(docker_claim_bind(d, "ns", "data-db-0", "ordeal-node1", &e), -1);
	store_lock(&d->store);
	put_volume(d, "pvc-x", uid);
	store_unlock(&d->store);
	if (docker_claim_bind(d, "ns", "data-db-0", "ordeal-node1", &e))
		fail_msg("%s", e.msg);
	store_free(&d->store);
	free(d);
	help_remove(dir);
}

/* Volumes that cannot be seen are not called removed. */
static void unseen_volumes(void **state)
{
	struct err e = {0};
	char dir[64];

	(void)state;
	help_temp(dir);
	assert_int_equal(docker_volumes_down(dir, NULL, &e), 0);
	assert_true(help_sh("touch %s/volumes", dir));
	assert_int_equal(docker_volumes_down(dir, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "cannot see all volumes in "));
	help_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_claim),
					   cmocka_unit_test(test_named_volume),
					   cmocka_unit_test(unseen_volumes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
