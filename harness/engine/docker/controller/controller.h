#ifndef ORDEAL_ENGINE_DOCKER_CONTROLLER_CONTROLLER_H
#define ORDEAL_ENGINE_DOCKER_CONTROLLER_CONTROLLER_H

#include "engine/docker/docker.h"
#include "manifest/schedule.h"

/* Between the files of this folder only: each plays one of Kubernetes'
 * controllers, in the controller's thread and with the store's lock. */

/* workload.c: pods of whatever makes some. */

/* A pod as this template has it, owned by `w`. The caller's. */
cJSON *workload_pod(const cJSON *w, const cJSON *template, const char *name);
/* Takes the pod over: puts it on a node (`node`, where its volume is; NULL or "": any)
 * and begins it. False: it was refused, or found no place, which an event says. */
bool workload_launch(struct docker *d, const cJSON *w, cJSON *pod, const char *node);
/* A name is free when nothing of its last bearer runs any more. */
bool workload_name_free(struct docker *d, const char *ns, const char *name);
bool workload_owns(const cJSON *w, const cJSON *object);
/* What `w` makes says whose it is; the caller's. */
cJSON *workload_reference(const cJSON *w);
/* A name of chance for a pod of `w`. */
enum { WORKLOAD_NAME_BYTES = 64 };
void workload_name(const cJSON *w, char name[WORKLOAD_NAME_BYTES]);
bool workload_ending(const cJSON *pod);
/* It has ended for good, well or not. */
bool workload_over(const cJSON *pod);
/* A status instead of the one that `w` has; taken over. */
void workload_status(struct docker *d, enum kind_id kind, const cJSON *w, cJSON *status);

/* stateful_set.c */

/* A StatefulSet as far as its pods' order and revisions go. */
struct stateful {
	int64_t replicas, partition, min_ready_s;
	bool parallel,
		rolling; /* podManagementPolicy; updateStrategy: RollingUpdate, not OnDelete */
	const char *update;     /* the revision of its template */
};
void stateful_read(const cJSON *set, const char *update, struct stateful *out);
/* Which revision its template is, whatever the order of its keys. */
enum { STATEFUL_REVISION_BYTES = 64 };
void stateful_revision(const cJSON *set, char out[STATEFUL_REVISION_BYTES]);
/* Ready, and for so long; by the wall clock in s. */
bool stateful_available(const cJSON *pod, int64_t min_ready_s, int64_t now_s);
/* The pod that the update ends now, the highest that is of another revision and
 * not below the partition, once all that come before it are well (updateStatefulSet()
 * in pkg/controller/statefulset); -1: none. `pods` has replicas of them, NULL: none
 * of that number. */
int64_t stateful_update(const struct stateful *s, const cJSON *const *pods);
/* Claims of a set that is not to outlive them are its own, and no others
 * (persistentVolumeClaimRetentionPolicy.whenDeleted); pods that nobody owns become its. */
void stateful_own(struct docker *d, const cJSON *set, int64_t replicas);
void stateful_set(struct docker *d, const cJSON *set);

/* job.c */

/* What is to be done for a Job, and what it says of itself then. */
struct job_step {
	cJSON *status;        /* NULL: it is over, and stays as it is; else the caller's */
	int64_t launch;       /* so many pods more */
	bool stop;            /* the pods that run are to be ended */
	bool warning;
	const char *reason;   /* of an event that it is over; NULL: none */
	const char *message;
};
/* `pods` are its own. By the wall clock in s (pkg/controller/job). Pure. */
void job_next(const cJSON *job, const cJSON *const *pods, size_t n, int64_t now_s,
	      struct job_step *out);
/* "Complete" or "Failed" of one that is over; NULL: it is not. */
const char *job_over(const cJSON *job);
void job(struct docker *d, const cJSON *job);

/* cron_job.c */

/* The last time at which it was due and has not been started, in s; 0: none, or
 * too long ago for its startingDeadlineSeconds. Pure. */
int64_t cron_job_due(const cJSON *cron, const struct schedule *s, const struct zone *z,
		     int64_t now_s);
void cron_job(struct docker *d, const cJSON *cron);

/* A time as the API writes it. */
void time_text(int64_t s, char out[32]);
/* 0: it is none. */
int64_t time_s(const cJSON *o, const char *key);

/* garbage.c: what has no owner any more goes, and an owner that waited for that. */
void garbage_collect(struct docker *d);

/* claim.c: claims that were deleted go once no pod uses them, and volumes without a
 * claim with them. */
bool claim_ending(const struct docker *d, const char *ns, const char *claim);
void claims_end(struct docker *d);
/* Gives the lock back meanwhile. */
void claims_reclaim(struct docker *d);

#endif
