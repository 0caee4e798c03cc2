#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "engine/list.h"
#include "manifest/names.h"

#define DECLARE(name) extern const struct engine_ops name;
ENGINE_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &name,
static const struct engine_ops *const all[] = {ENGINE_LIST(ENTRY) NULL};
#undef ENTRY

const struct engine_ops *const *engine_all(void)
{
	return all;
}

const struct engine_ops *engine_find(const char *name)
{
	for (size_t i = 0; all[i]; i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

int engine_check_namespace(const struct engine_conf *conf, struct err *e)
{
	if (!conf->namespace || name_is_label(conf->namespace))
		return 0;
	return err_set(e, ERR_INPUT, "\"%.80s\" cannot be a namespace: give --namespace at most 63 of a-z, 0-9 "
		       "and -, the first and the last no -", conf->namespace);
}

void engine_make_tokens(struct engine_conf *conf)
{
	random_hex(conf->token, sizeof(conf->token) - 1);
	random_hex(conf->load_token, sizeof(conf->load_token) - 1);
}

const char *engine_agent_token(const struct engine_conf *conf, const char *agent)
{
	return !strncmp(agent, "load", 4) ? conf->load_token : conf->token;
}

void pods_free(struct pods *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].beside);
	free(p->v);
	memset(p, 0, sizeof(*p));
}

void nodes_free(struct nodes *n)
{
	free(n->v);
	memset(n, 0, sizeof(*n));
}
