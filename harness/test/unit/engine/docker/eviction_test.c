/* What becomes of a pod that has written more into an emptyDir than its sizeLimit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"

enum { BYTES = 1 << 20 };

struct place {
	char dir[64];
	struct docker d;
	struct docker_pod pod;
	cJSON *object;
};

static void begin(struct place *p, const char *volumes)
{
	char *text = mem_fmt("{\"spec\":{\"volumes\":%s}}", volumes);

	memset(p, 0, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/ordeal-evict.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	store_init(&p->d.store);
	snprintf(p->d.state, sizeof(p->d.state), "%s", p->dir);
	p->object = cJSON_Parse(text);
	p->pod = (struct docker_pod){.d = &p->d, .object = p->object, .name = "w-0", .ns = "ns", .uid = "u-1",
				     .node = docker_node_names[1]};
	free(text);
}

static void end(struct place *p)
{
	struct err e = {0};

	store_free(&p->d.store);
	cJSON_Delete(p->object);
	assert_int_equal(file_remove_tree(p->dir, &e), 0);
}

/* BYTES in a folder of the volume. */
static void write_into(struct place *p, const char *volume)
{
	char at[PATH_MAX], path[PATH_MAX + 20];
	struct err e = {0};
	char *text = mem_alloc(BYTES);

	memset(text, 'x', BYTES);
	docker_scratch_path(&p->pod, volume, at);
	snprintf(path, sizeof(path), "%s/below", at);
	assert_int_equal(file_mkdirs(path, &e), 0);
	snprintf(path, sizeof(path), "%s/below/f", at);
	assert_int_equal(file_write_atomic(path, text, BYTES, &e), 0);
	free(text);
}

static bool evicted_now(struct place *p)
{
	p->pod.look_ns = 0;
	return docker_pod_overfull(&p->pod);
}

static void over_its_limit(void **state)
{
	struct place p;
	const cJSON *ev = NULL;

	(void)state;
	begin(&p, "[{\"name\":\"free\",\"emptyDir\":{}},{\"name\":\"backup\",\"emptyDir\":{\"sizeLimit\":\"512Ki\"}}]");
	assert_false(evicted_now(&p)); /* it is not there yet */
	write_into(&p, "free");
	assert_false(evicted_now(&p));
	write_into(&p, "backup");
	/* Nobody looks all the time. */
	assert_false(docker_pod_overfull(&p.pod));
	assert_true(evicted_now(&p));
	assert_string_equal(p.pod.evicted, "Usage of EmptyDir volume \"backup\" exceeds the limit \"512Ki\". ");
	for (size_t i = 0; i < p.d.store.n; i++)
		if (p.d.store.v[i].kind->id == KIND_EVENT)
			ev = p.d.store.v[i].object;
	assert_string_equal(json_str(ev, "reason", ""), "Evicted");
	end(&p);
}

static void within_its_limit(void **state)
{
	struct place p;

	(void)state;
	begin(&p, "[{\"name\":\"backup\",\"emptyDir\":{\"sizeLimit\":\"2Mi\"}},{\"name\":\"none\",\"emptyDir\":{\"sizeLimit\":0}}]");
	write_into(&p, "backup");
	write_into(&p, "none"); /* 0 is no limit */
	assert_false(evicted_now(&p));
	assert_string_equal(p.pod.evicted, "");
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_its_limit),
		cmocka_unit_test(within_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
