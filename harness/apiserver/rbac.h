#ifndef ORDEAL_APISERVER_RBAC_H
#define ORDEAL_APISERVER_RBAC_H

#include <stdbool.h>

#include "apiserver/store.h"

/* May this service account do this? By the Roles that RoleBindings of the
 * namespace give it; nothing is allowed by default ("Using RBAC
 * Authorization"). `group` is "" for the core group. Wants the store's lock. */
bool rbac_allows(const struct store *s, const char *ns, const char *account, const char *verb,
		 const char *group, const char *plural, const char *name);

#endif
