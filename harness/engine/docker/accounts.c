/* Service accounts and their tokens. All with the store's lock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "engine/docker/docker.h"

const char *docker_account_token(struct docker *d, const char *ns, const char *name)
{
	struct docker_account *a;
	unsigned char raw[32];

	for (size_t i = 0; i < d->naccounts; i++)
		if (!strcmp(d->accounts[i].ns, ns) && !strcmp(d->accounts[i].name, name))
			return d->accounts[i].token;
	a = VEC_PUSH(d->accounts, d->naccounts, d->aaccounts);
	mem_copy_str(a->ns, sizeof(a->ns), ns);
	mem_copy_str(a->name, sizeof(a->name), *name ? name : "default");
	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		abort();
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(a->token + 2 * i, 3, "%02x", raw[i]);
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
