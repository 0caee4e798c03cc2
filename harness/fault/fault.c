#include "fault/fault.h"

#include <string.h>

#include "fault/list.h"

#define DECLARE(name) extern const struct fault_ops name;
FAULT_LIST(DECLARE)

#define POINTER(name) &name,
static const struct fault_ops *const ALL[] = {FAULT_LIST(POINTER) NULL};

const struct fault_ops *const *fault_all(void)
{
	return ALL;
}

const struct fault_ops *fault_find(const char *name)
{
	for (size_t i = 0; ALL[i]; i++)
		if (!strcmp(ALL[i]->name, name))
			return ALL[i];
	return NULL;
}

void fault_effects(const char *name, const cJSON *params, struct effects *out)
{
	const struct fault_ops *ops = fault_find(name);

	memset(out, 0, sizeof(*out));
	out->lasts = !ops || ops->lasting;
	if (ops)
		ops->effects(params, out);
}
