#ifndef ORDEAL_APISERVER_RBAC_H
#define ORDEAL_APISERVER_RBAC_H

#include <stdbool.h>

#include "apiserver/request.h"
#include "apiserver/store.h"

/* Rights of service accounts as RBAC has them ("Using RBAC Authorization"):
 * Roles that RoleBindings of a namespace give; nothing by default but what
 * every account may ask of a cluster (system:discovery). All want the store's
 * lock. There are no ClusterRoles here. */

struct account {
	const char *ns, *name;
};

bool rbac_allows(const struct store *s, const struct account *a, const struct api_request *r);

/* Nobody gives what he has not, by a request for the object of the name `asked` (NULL: one that
 * makes an object): false when a Role, or the Role that a
 * RoleBinding names, has a rule that the account's rights in the namespace do
 * not cover, and he has not the verb escalate, or bind, either ("Privilege
 * escalation prevention"). Other kinds: true. */
bool rbac_may_give(const struct store *s, const struct account *a, const char *ns,
		   const struct kind *kind, const char *asked, const cJSON *object);

#endif
