/* Service accounts and their tokens. All but the end with the store's lock. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/docker/docker.h"

const char *docker_account_token(struct docker *d, const char *ns, const char *name)
{
	struct docker_account *a;

	store_assert_locked(&d->store);
	for (size_t i = 0; i < d->naccounts; i++)
		if (!strcmp(d->accounts[i].ns, ns) && !strcmp(d->accounts[i].name, name))
			return d->accounts[i].token;
	a = VEC_PUSH(d->accounts, d->naccounts, d->aaccounts);
	a->ns = mem_strdup(ns);
	a->name = mem_strdup(name);
	random_hex(a->token, sizeof(a->token) - 1);
	return a->token;
}

bool docker_account_of(void *arg, const char *token, const char **ns, const char **name)
{
	const struct docker *d = arg;

	store_assert_locked(&d->store);
	for (size_t i = 0; i < d->naccounts; i++) {
		if (random_is(d->accounts[i].token, token)) {
			/* Gone with its object, as everywhere. */
			if (!store_get(&d->store, KIND_SERVICE_ACCOUNT, d->accounts[i].ns,
				       d->accounts[i].name))
				return false;
			*ns = d->accounts[i].ns;
			*name = d->accounts[i].name;
			return true;
		}
	}
	return false;
}

void docker_accounts_free(struct docker *d)
{
	for (size_t i = 0; i < d->naccounts; i++) {
		free(d->accounts[i].ns);
		free(d->accounts[i].name);
	}
	free(d->accounts);
}
