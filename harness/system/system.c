#include "system/system.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "system/list.h"

#define DECLARE(name) \
	extern const struct client_ops client_##name; \
	extern const struct model_ops model_##name;
SYSTEM_LIST(DECLARE)
#undef DECLARE

#define BOTH(name) {&client_##name, &model_##name},
static const struct system systems[] = {SYSTEM_LIST(BOTH)};
#undef BOTH

const struct system *system_all(size_t *n)
{
	*n = ARRAY_LEN(systems);
	return systems;
}

const struct system *system_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (!strcmp(systems[i].client->name, name))
			return &systems[i];
	return NULL;
}

const char *loss_cause_name(enum loss_cause c)
{
	static const char *const names[] = {
		[LOSS_UNKNOWN] = "", [LOSS_NOT_REPLICATED] = "not replicated",
		[LOSS_MINORITY] = "minority side", [LOSS_RESTART] = "lost on restart",
		[LOSS_EVICTED] = "evicted",
	};

	return (size_t)c < ARRAY_LEN(names) ? names[c] : "";
}

void final_read_free(struct final_read *f)
{
	free(f->values);
	free(f->registers);
	free(f->messages);
	free(f->answers);
	memset(f, 0, sizeof(*f));
}
