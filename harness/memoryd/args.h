#ifndef ORDEAL_MEMORYD_ARGS_H
#define ORDEAL_MEMORYD_ARGS_H

#include "base/err.h"
#include "base/mem.h"
#include "memoryd/member.h"

/* The command line of `ordeal memory-server`. Returns 0, 1 when help was
 * asked for and given, or -1 with ERR_INPUT. Texts live in the arena. */
int memory_args_read(int argc, char **argv, struct arena *a, struct memory_options *o,
		     struct err *e);

#endif
