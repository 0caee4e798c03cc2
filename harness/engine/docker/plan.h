#ifndef ORDEAL_ENGINE_DOCKER_PLAN_H
#define ORDEAL_ENGINE_DOCKER_PLAN_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "apiserver/store.h"
#include "manifest/manifest.h"

/* From Kubernetes objects to what Docker is asked for. Pure: no Docker, no
 * files; all functions that take a store want its lock. */

/* Walks every object: what an API server would refuse is refused, and a field
 * that the engine does not honour is either harmless and told in `log`, or an
 * error. All at once, each with file:line:column; `strict`: fields that there are not, too,
 * which an API server would leave out. ERR_REFUSED when all of them are
 * an API server's. */
int plan_check(struct arena *a, const struct manifest *m, bool strict, struct adaptations *log,
	       struct err *e);

/* How many bytes its claims are together, those of templates once a replica. */
int64_t plan_claim_bytes(const struct manifest *m);

/* engine/docker/environment.c: replaces $(NAME) by the value in env ({NAME: value}); $$ is one $.
 * What is not known stays as written ("Define Dependent Environment Variables", and the kubelet's
 * third_party/forked/golang/expansion). On the heap. */
char *plan_expand(const char *text, const cJSON *env);

/* The environment of a container as {NAME: value}: the namespace's Services,
 * envFrom, env. A missing ConfigMap, Secret or key is an error in a kubelet's
 * words. `ip` and `host_ip` are the pod's and its node's. */
cJSON *plan_env(const struct store *s, const cJSON *pod, const cJSON *container, const char *ip,
		const char *host_ip, struct err *e);

/* What a kubelet writes into a pod's /etc/resolv.conf and /etc/hosts, dnsConfig
 * and hostAliases included. */
void plan_resolv_conf(const cJSON *pod, const char *server, struct buf *out);
void plan_hosts(const cJSON *pod, const char *ip, struct buf *out);

/* Whether the way to the API is mounted: the pod says so, else its account
 * (NULL allowed), else it is. */
bool plan_mounts_token(const cJSON *pod, const cJSON *account);

/* One mount more; a path that is relative is so to the root, as a kubelet takes it. */
void plan_bind(cJSON *binds, const char *from, const char *to, bool read_only);

/* The body of POST /containers/create, but for its name, labels, mounts and
 * network. */
cJSON *plan_container(const cJSON *pod, const cJSON *container, const cJSON *env);

/* A word of the container's securityContext, else of the pod's; NULL: neither has it. */
const cJSON *plan_security(const cJSON *container, const cJSON *pod, const char *key);

/* Whether a container may run as the user that it has, by its pod's runAsNonRoot: -1 with a
 * kubelet's words, or that it takes `image`, the user of its image ("": none), to know. */
#define PLAN_USER_IS_THE_IMAGES 1
int plan_user(const cJSON *pod, const cJSON *container, const char *image, struct err *e);

/* A quantity that YAML may have read as a number; NULL: there is none. */
const char *plan_quantity(const cJSON *map, const char *key, char text[40]);

/* A probe's number: 0 is as good as none, and means the default (the API's
 * SetDefaults_Probe). */
int64_t plan_probe_number(const cJSON *probe, const char *key);

/* How long a container may take to end that a probe has given up: the probe's
 * own grace, else the pod's, else 30 s. */
int plan_probe_grace(const cJSON *pod, const cJSON *container, bool started);

/* A probe's command, in which a kubelet replaces $(NAME) by what env says of
 * NAME as it is written (ExpandContainerCommandOnlyStatic). */
cJSON *plan_static_words(const cJSON *container, const cJSON *argv);

/* Whether a container has a postStart hook. */
bool plan_has_hook(const cJSON *container);

/* Picks a node for a pod: index from 1, or -1 with the scheduler's words.
 * `fixed` (may be NULL) is where its volume is. */
int plan_node(const struct store *s, const cJSON *pod, const char *const *nodes, int n,
	      const char *fixed, struct err *e);

/* How many pods `key` of a workload's spec asks for at once, at most as many as
 * the nodes take. */
int64_t plan_at_once(const cJSON *spec, const char *key, int nodes);

/* Whether a LabelSelector fits the labels; NULL fits none. */
bool plan_selects(const cJSON *selector, const cJSON *labels);

/* Endpoints of a Service with a selector, subsets only. */
cJSON *plan_subsets(const struct store *s, const cJSON *service);

/* A port by number or by the name that a container gives it; 0: none. */
int plan_port(const cJSON *pod, const cJSON *port);

#endif
