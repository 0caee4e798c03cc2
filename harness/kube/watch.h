#ifndef ORDEAL_KUBE_WATCH_H
#define ORDEAL_KUBE_WATCH_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "kube/config.h"

/* Follows a collection with a thread and a connection of its own: what is
 * there first, then every change (Kubernetes API Concepts, "Efficient
 * detection of changes"). A broken stream goes on where it was; a version
 * that the server has forgotten (410) is mended by a new list, from which
 * only what changed meanwhile is told. */
struct kube_watch;

/* `type` is ADDED, MODIFIED or DELETED; `object` is borrowed. Called from
 * the watch's thread. */
typedef void kube_watch_fn(void *arg, const char *type, const cJSON *object);

/* `path` is the collection; `selector` (may be NULL) a label selector. `conf`
 * is borrowed and must outlive the watch. */
int kube_watch_start(const struct kube_conf *conf, const char *path, const char *selector,
		     kube_watch_fn *fn, void *arg, struct kube_watch **out, struct err *e);

/* Asks the watch to end; kube_watch_free() waits for that, about a second at
 * most, and releases it. NULL is fine. */
void kube_watch_stop(struct kube_watch *w);
void kube_watch_free(struct kube_watch *w);

#endif
