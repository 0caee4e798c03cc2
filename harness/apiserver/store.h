#ifndef ORDEAL_APISERVER_STORE_H
#define ORDEAL_APISERVER_STORE_H

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/kinds.h"

/* Kubernetes objects in memory, with resource versions and a record of
 * changes, as an API server keeps them. All functions that touch what is
 * stored want the lock held, and abort without; a thread holds one store's at
 * a time. Objects are read through borrowed pointers that live until the lock
 * is given back or the object is put again. */

/* NULL when no such kind is served. */
const struct kind *store_kind(const char *kind);
const struct kind *store_plural(const char *plural);

/* An object as it was stored, which nobody changes any more: who holds it reads it
 * without the lock. */
struct store_kept {
	cJSON *object;
	unsigned refs; /* atomic */
};

struct store_item {
	const struct kind *kind;
	struct store_kept *kept;
	const cJSON *object; /* of kept */
	size_t bytes; /* what it takes, by json_size() */
};

struct store_change {
	int64_t version;
	const char *type; /* ADDED MODIFIED DELETED */
	const struct kind *kind;
	struct store_kept *kept;
	const cJSON *object; /* of kept: as it was then */
	cJSON *labels; /* as they were before, if they were others */
	size_t bytes;
};

struct store {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* by CLOCK_MONOTONIC */
	pthread_cond_t taken;
	uint64_t turns; /* how often it was taken */
	unsigned waiting; /* who wants it; atomic */
	int64_t version;
	struct store_item *v;
	size_t n, alloc, bytes;
	struct store_change *changes;
	size_t nchanges, achanges, changes_bytes;
	int64_t forgotten; /* changes up to this version are no longer known */
	bool closing;
};

void store_init(struct store *s);
/* Forgets everything; no thread may use it any more. */
void store_free(struct store *s);
void store_lock(struct store *s);
void store_unlock(struct store *s);
/* Abort when the caller does not hold this lock, or holds any: what a comment
 * would only ask for. */
void store_assert_locked(const struct store *s);
void store_assert_unlocked(void);
/* Gives the lock back until something changes, at most until mono_ns. */
void store_wait(struct store *s, int64_t mono_ns);
/* Whoever wants the lock has it before the caller has it again. A mutex that is given back
 * and taken at once is no turn for anybody who has to be woken for it. */
void store_yield(struct store *s);
/* Wakes all who wait for a change. */
void store_wake(struct store *s);
/* Ends all waiting, for good; takes the lock itself. */
void store_close(struct store *s);

const cJSON *store_get(const struct store *s, enum kind_id id, const char *ns, const char *name);

/* Takes an object over: new or instead of the one of its name. Fills in uid,
 * creation time and resource version. When nothing else differs, nothing
 * happens. Returns the object now stored. */
const cJSON *store_put(struct store *s, enum kind_id id, cJSON *object);

/* A copy to be changed and put again; NULL: there is none. */
cJSON *store_copy(const struct store *s, enum kind_id id, const char *ns, const char *name);

bool store_delete(struct store *s, enum kind_id id, const char *ns, const char *name);

/* What the object takes that is there; 0: there is none. */
size_t store_bytes_of(const struct store *s, enum kind_id id, const char *ns, const char *name);

/* Does "a=b,c!=d,!e,f,g in (h,i)" fit these labels? NULL or "": yes. */
bool store_labels_fit(const char *selector, const cJSON *labels);
/* The same for a map of equalities (a Service's selector, matchLabels); an
 * empty or missing map selects nothing. */
bool store_map_fits(const cJSON *map, const cJSON *labels);
/* "spec.nodeName=x,metadata.name!=y" */
bool store_fields_fit(const char *selector, const cJSON *object);

/* store_let_go() gives it back, with the lock or without. NULL: there is none. */
struct store_kept *store_hold(const struct store *s, enum kind_id id, const char *ns,
			      const char *name);
struct store_kept *store_hold_it(struct store_kept *k);
void store_let_go(struct store_kept *k);

/* What there is of a kind, at a version. */
struct store_view {
	struct store_kept **v;
	size_t n;
	int64_t version;
};
/* ns NULL: of all namespaces. */
void store_view(const struct store *s, const struct kind *kind, const char *ns,
		struct store_view *out);
void store_view_free(struct store_view *v);

/* RFC 7386: null removes, maps merge, all else replaces. */
void store_merge(cJSON *into, const cJSON *patch);

/* The wall clock with seconds, as Kubernetes writes it. */
void store_now(char out[32]);

#endif
