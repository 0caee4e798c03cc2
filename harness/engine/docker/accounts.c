/* Service accounts and their tokens. All with the store's lock. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/docker/docker.h"

const char *docker_account_token(struct docker *d, const char *ns, const char *name)
{
	struct docker_account *a;

	for (size_t i = 0; i < d->naccounts; i++)
		if (!strcmp(d->accounts[i].ns, ns) && !strcmp(d->accounts[i].name, name))
			return d->accounts[i].token;
	a = VEC_PUSH(d->accounts, d->naccounts, d->aaccounts);
	mem_copy_str(a->ns, sizeof(a->ns), ns);
	mem_copy_str(a->name, sizeof(a->name), *name ? name : "default");
	random_hex(a->token, sizeof(a->token) - 1);
	return a->token;
}

void docker_account_of(void *arg, const char *token, char *ns, char *name)
{
	const struct docker *d = arg;

	ns[0] = name[0] = '\0';
	for (size_t i = 0; i < d->naccounts; i++) {
		if (!strcmp(d->accounts[i].token, token)) {
			mem_copy_str(ns, 64, d->accounts[i].ns);
			mem_copy_str(name, 64, d->accounts[i].name);
		}
	}
}
