#ifndef ORDEAL_TEST_UNIT_ENGINE_LOCAL_PLACE_H
#define ORDEAL_TEST_UNIT_ENGINE_LOCAL_PLACE_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "base/procs.h"

/* Engine local in a folder of the test's own. Include cmocka before. */

extern const struct engine_ops engine_local;

#define SOON_NS (60 * NS_PER_S) /* generous: a busy machine is no failure */
#define OPS (&engine_local)

struct place {
	char dir[64];
	struct arena arena;
	struct manifest m;
	struct engine *en;
	struct err e;
	/* What the watch told. */
	pthread_mutex_t lock;
	cJSON *told;
};

static inline void ok(struct place *p, int r)
{
	if (r)
		fail_msg("%s", p->e.msg);
}

static inline void read_fixture(struct place *p)
{
	char root[PATH_MAX], path[PATH_MAX + 40];

	ok(p, file_project_root(root, &p->e));
	snprintf(path, sizeof(path), "%s/fixtures/memory/corrected", root);
	ok(p, manifest_read_dir(&p->arena, path, &p->m, &p->e));
}

/* A cache and a register in the test's own folder. */
static inline void own_folders(const char *dir)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/register", dir);
	setenv("ORDEAL_CACHE", dir, 1);
	setenv("ORDEAL_REGISTER", path, 0);
}

static inline void open_engine(struct place *p)
{
	struct engine_conf conf = {.run_id = "test", .token = "0123456789abcdef",
				   .load_token = "0fedcba987654321"};

	ok(p, OPS->open(&conf, &p->en, &p->e));
}

static inline cJSON *pod_file(struct place *p, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/local/state/pods/%s.json", p->dir, name);
	return file_exists(path) ? json_read_file(path, &p->e) : NULL;
}

static inline void nap(void)
{
	clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
}

static inline int count_files(const char *dir, const char *sub)
{
	char path[300];
	struct dirent *d;
	int n = 0;
	DIR *f;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	f = opendir(path);
	while (f && (d = readdir(f)))
		n += d->d_name[0] != '.';
	if (f)
		closedir(f);
	return n;
}

/* Another process that brings everything up and then waits to be killed. */
static inline int victim(const char *dir)
{
	struct place p = {0};

	mem_copy_str(p.dir, sizeof(p.dir), dir);
	own_folders(dir);
	open_engine(&p);
	read_fixture(&p);
	if (OPS->lock(p.en, clock_mono_ns(), &p.e) || OPS->up(p.en, &p.e) ||
	    OPS->agents_up(p.en, &p.e) || OPS->apply(p.en, &p.m, &p.e) ||
	    OPS->wait_ready(p.en, &p.m, clock_mono_ns() + SOON_NS, &p.e)) {
		fprintf(stderr, "%s\n", p.e.msg);
		return 1;
	}
	puts("standing");
	fflush(stdout);
	for (;;)
		pause();
}

#endif
