#ifndef ORDEAL_TEST_UNIT_SCENARIO_ROOM_H
#define ORDEAL_TEST_UNIT_SCENARIO_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "scenario/scenario.h"

/* Scenarios that a test writes. Include cmocka before. */

/* Scenario files: what a good one becomes, and for every mistake the exact
 * message, as a user would see it. */

static const char *const systems[] = {"postgres", "memory", NULL};

static const char *const faults[] = {"kill-pod", "partition-node", "pause", NULL};

static const char *const checkers[] = {"linearizable", "lost-writes", NULL};

static inline const char *const *fault_params(const char *fault)
{
	static const char *const how[] = {"how", NULL}, *const none[] = {NULL};

	return strcmp(fault, "pause") ? how : none;
}

static const struct scenario_names names = {systems, faults, checkers, fault_params};

struct fixture {
	struct arena arena;
	char dir[64], path[96];
};

static inline int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-scenario-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/s.yaml", f->dir);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int rc = file_remove_tree(f->dir, &e);

	arena_free(&f->arena);
	free(f);
	return rc;
}

static inline int read_text(struct fixture *f, const char *text, struct scenario *s, struct err *e)
{
	FILE *out = fopen(f->path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	return scenario_read(&f->arena, f->path, &names, s, e);
}

static const char good[] =
	"name: postgres-kill-primary\n"
	"title: The primary is killed without warning\n"
	"system: postgres\n"
	"variant: documented\n"
	"settings: {synchronous_mode: on, ttl: 20}\n"
	"load: {rate: 150.5, clients: 32, deadline: 500ms, keys: 4, mix: {insert: 7, cas: 3}}\n"
	"steps:\n"
	"  - steady: 15s\n"
	"  - fault: kill-pod\n"
	"    how: crash\n"
	"    target: primary\n"
	"    as: kill\n"
	"  - await: writes\n"
	"    within: 90s\n"
	"  - fault: pause\n"
	"    target: postgres-1\n"
	"    for: 5s\n"
	"  - await: redundant\n"
	"    within: 1m30s\n"
	"  - heal: kill\n"
	"  - steady: 2s\n"
	"expect:\n"
	"  - stands: true\n"
	"  - outage: {within: predicted, fault: kill}\n"
	"  - outage: {at_most: 45s}\n"
	"  - outage: {at_least: 200ms, at_most: 45s, fault: pause}\n"
	"  - lost: {at_most: 0}\n"
	"  - lost: {at_most: 12, fault: kill}\n"
	"  - phantom: {at_most: 0}\n"
	"  - duplicate: {at_least: 1}\n"
	"  - recovery: {at_most: 120s, fault: kill}\n"
	"  - recovery: {at_most: 3m}\n"
	"  - dual_primary: {at_most: 0s}\n"
	"  - deadline: {at_most: 950ms}\n"
	"  - demoted: {at_most: 30s, fault: pause}\n"
	"  - errors_clear: true\n"
	"  - check: linearizable\n"
	"  - dual_primary: {at_most: 2s}\n"
	"    name: my own words\n";

/* Head of most wrong files: two lines, so steps begin in line 3. */
#define HEAD "name: x\nsystem: memory\n"
#define EXPECT "expect: [{lost: {at_most: 0}}]\n"

#define STEADY "steps: [{steady: 10s}]\n"
#define KILL "steps:\n- steady: 10s\n- {fault: kill-pod, target: primary}\n"

#endif
