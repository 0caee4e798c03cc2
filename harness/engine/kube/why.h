#ifndef ORDEAL_ENGINE_KUBE_WHY_H
#define ORDEAL_ENGINE_KUBE_WHY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Why a workload is not ready, from what the API server shows of it: pure,
 * so that tests can feed it recorded objects. */

struct why {
	/* One sentence: the first pod or object that is not as it should be,
	 * and the container's or event's own words. */
	char text[800];
	/* How long this must go on before it is certain that waiting is
	 * useless; 0: at once; negative: never certain. */
	int64_t certain_after_ns;
	/* What it is about, without counters: the same as long as the cause is. */
	char key[400];
	/* A container whose log says more ("" none), whether that of its
	 * previous life is meant, and whether it still runs. */
	char pod[254], container[64];
	bool previous, running;
};

/* Is this StatefulSet, Deployment, DaemonSet, Job or Pod as its spec says?
 * Other kinds always are. */
bool why_ready(const cJSON *workload, int *have, int *want);

/* Lists as the API server gives them, all of one namespace. */
void why_not_ready(const cJSON *workload, const cJSON *pods, const cJSON *claims,
		   const cJSON *events, struct why *out);

#endif
