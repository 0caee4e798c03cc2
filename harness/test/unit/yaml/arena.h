#ifndef ORDEAL_TEST_UNIT_YAML_ARENA_H
#define ORDEAL_TEST_UNIT_YAML_ARENA_H

#include "base/mem.h"
#include "yaml/yaml.h"

/* YAML that a test writes. Include cmocka before. */

/* The YAML reader: what it takes, where it says things stood, and the exact
 * message for what it refuses. */

static struct arena arena;

static inline int setup(void **state)
{
	(void)state;
	arena = (struct arena){0};
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static inline struct ynode *parse(const char *text)
{
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	if (yaml_read_text(&arena, "t.yaml", text, &docs, &n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(n, 1);
	return docs[0];
}

#endif
