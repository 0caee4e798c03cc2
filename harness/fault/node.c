#include "fault/node.h"

#include <stdlib.h>

#include "base/mem.h"

void pid_list_add(struct pid_list *l, pid_t pid)
{
	*VEC_PUSH(l->pids, l->n, l->alloc) = pid;
}

void pid_list_free(struct pid_list *l)
{
	free(l->pids);
	*l = (struct pid_list){0};
}
