#ifndef ORDEAL_TEST_LIB_SHIPPED_H
#define ORDEAL_TEST_LIB_SHIPPED_H

#include <glob.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "run/plan.h"

/* Calls `fn` with every scenario that is shipped and the path of its file; each must be one
 * that can be run. Include cmocka before. How many there are. */
static inline size_t shipped_each(void (*fn)(const char *path, const struct plan *p))
{
	char root[4096], pattern[4200];
	struct arena a = {0};
	struct err e = {0};
	glob_t g = {0};
	struct plan p;
	size_t n;

	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(pattern, sizeof(pattern), "%s/scenarios/*.yaml", root);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (n = 0; n < g.gl_pathc; n++) {
		if (plan_read(&a, root, g.gl_pathv[n], NULL, 0, &p, &e))
			fail_msg("%s", e.msg);
		fn(g.gl_pathv[n], &p);
		plan_free(&p);
	}
	globfree(&g);
	arena_free(&a);
	return n;
}

#endif
