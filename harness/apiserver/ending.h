#ifndef ORDEAL_APISERVER_ENDING_H
#define ORDEAL_APISERVER_ENDING_H

#include "apiserver/store.h"

/* How objects go, and what becomes of those that they own, as with Kubernetes'
 * garbage collector. With the store's lock; not for pods, which end in their time. */

/* The finalizer of an owner that goes only once what it owns has. */
#define ENDING_FOREGROUND "foregroundDeletion"

enum ending_policy {
	ENDING_BACKGROUND, /* at once; what it owns is collected */
	ENDING_FOREGROUND_FIRST, /* after what it owns */
	ENDING_ORPHAN, /* at once; what it owned stays, and is nobody's */
};

/* Whoever has finalizers is only marked: each is taken out by whoever put it there. */
void ending_begin(struct store *s, enum kind_id id, const char *ns, const char *name,
		  enum ending_policy policy);

/* It was marked, and nothing holds it any more: it goes now. */
void ending_go_on(struct store *s, enum kind_id id, const char *ns, const char *name);

/* Whether all its owners are no more, or wait for it to go; *wait: one of them does. */
bool ending_is_garbage(const struct store *s, const cJSON *object, bool *wait);

/* Whether something has this owner. */
bool ending_owns(const struct store *s, const char *ns, const char *uid);

#endif
