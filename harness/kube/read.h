#ifndef ORDEAL_KUBE_READ_H
#define ORDEAL_KUBE_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* On all that a run makes in a cluster: nothing else there is ever changed. */
#define KUBE_RUN_LABEL "ordeal.dev/run"
/* Namespaces and cluster-wide objects that carry it, whatever its value. */
#define KUBE_RUN_SELECTOR "labelSelector=ordeal.dev%2Frun"

/* Who makes the volumes of a run. */
#define KUBE_PROVISIONER "ordeal.dev/loop"

/* Small readings of API objects, all tolerant of absence. Texts are borrowed
 * from the object; what is absent is "", false or 0. */
const char *kube_meta(const cJSON *object, const char *key);
const char *kube_label(const cJSON *object, const char *key);
/* Whether this condition's status is "True"; *condition (may be NULL) gets it,
 * or NULL. */
bool kube_condition(const cJSON *object, const char *type, const cJSON **condition);
bool kube_pod_ready(const cJSON *pod);
/* Whether a PersistentVolume was made for a run. */
bool kube_volume_is_ours(const cJSON *pv);
/* Of all its containers together. */
int kube_pod_restarts(const cJSON *pod);

#endif
