/* A container's limits as the kernel gets them; and how much is kept of what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"

static int64_t quota_of(const char *cpu)
{
	cJSON *pod = cJSON_CreateObject(), *c = cJSON_CreateObject(), *env = cJSON_CreateObject(),
	      *body;
	int64_t quota;

	json_set_str(cJSON_AddObjectToObject(cJSON_AddObjectToObject(c, "resources"), "limits"), "cpu", cpu);
	body = plan_container(pod, c, env);
	assert_null(json_path(body, "HostConfig.NanoCpus"));
	assert_int_equal(json_i64(json_get(body, "HostConfig"), "CpuPeriod", 0), 100000);
	quota = json_i64(json_get(body, "HostConfig"), "CpuQuota", 0);
	cJSON_Delete(body);
	cJSON_Delete(env);
	cJSON_Delete(c);
	cJSON_Delete(pod);
	return quota;
}

/* Docker takes no NanoCpus beyond the machine's own, and the kernel no quota below 1 ms. */
static void cpus(void **state)
{
	(void)state;
	assert_int_equal(quota_of("500m"), 50000);
	assert_int_equal(quota_of("1000"), 100000000);
	assert_int_equal(quota_of("1m"), 1000);
	assert_int_equal(quota_of("100u"), 1000);
}

/* A pod that fails again and again has no end of events. */
static void events(void **state)
{
	enum { TOLD = 1200, KEPT = 1000 };
	struct docker *d = mem_alloc(sizeof(*d));
	size_t n = 0;

	(void)state;
	store_init(&d->store);
	store_lock(&d->store);
	for (int i = 0; i < TOLD; i++)
		docker_event(d, "Pod", "ns", "p", true, "Failed", "for the %d. time", i);
	docker_event(d, "Pod", "ns", "p", true, "Failed", "for the %d. time", TOLD - 1);
	for (size_t i = 0; i < d->store.n; i++)
		n += d->store.v[i].kind->id == KIND_EVENT;
	assert_int_equal(n, KEPT);
	assert_int_equal(json_i64(d->store.v[d->store.n - 1].object, "count", 0), 2);
	store_unlock(&d->store);
	store_free(&d->store);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
