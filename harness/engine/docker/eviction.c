/* What a kubelet does with a pod that has written more into an emptyDir than its sizeLimit: it
 * looks now and then, kills the pod, and says why; the pod is Failed, and whoever made it makes
 * another (Kubernetes documentation: Volumes, emptyDir; eviction_manager.go,
 * emptyDirLimitEviction). */
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "manifest/manifest.h"

/* Its eviction manager's; what it then looks at was counted up to two minutes before
 * (volume_stat_calculator.go), and here it is counted anew. */
#define LOOK_NS (10 * NS_PER_S)

static _Thread_local int64_t used;

/* What goes meanwhile is not there. */
static int count_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)at;
	if (type != FTW_NS)
		used += (int64_t)st->st_blocks * 512;
	return 0;
}

static void look_into(const struct docker_pod *p, const cJSON *volume, char *why, size_t size)
{
	const char *name = json_str(volume, "name", "");
	char path[PATH_MAX], text[40];
	const char *limit = plan_quantity(json_get(volume, "emptyDir"), "sizeLimit", text);
	int64_t most = limit ? quantity_bytes(limit) : 0;

	if (most <= 0)
		return;
	used = 0;
	docker_scratch_path(p, name, path);
	if (!nftw(path, count_one, 16, FTW_PHYS | FTW_MOUNT) && used > most)
		snprintf(why, size, "Usage of EmptyDir volume \"%s\" exceeds the limit \"%.40s\". ", name, limit);
}

bool docker_pod_overfull(struct docker_pod *p)
{
	const cJSON *volume;
	char why[sizeof(p->evicted)] = "";

	if (*p->evicted || clock_mono_ns() < p->look_ns)
		return false;
	p->look_ns = clock_mono_ns() + LOOK_NS;
	cJSON_ArrayForEach(volume, json_path(p->object, "spec.volumes"))
		if (!*why && json_get(volume, "emptyDir"))
			look_into(p, volume, why, sizeof(why));
	if (!*why)
		return false;
	store_lock(&p->d->store);
	docker_event(p->d, "Pod", p->ns, p->name, true, "Evicted", "%s", why);
	mem_copy_str(p->evicted, sizeof(p->evicted), why);
	store_unlock(&p->d->store);
	return true;
}
