#ifndef ORDEAL_ENGINE_REGISTER_H
#define ORDEAL_ENGINE_REGISTER_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"

/* The folders (CACHE/ENGINE) in which runs of an engine keep their state on this
 * machine, whatever HOME and ORDEAL_CACHE were: a file each below `at`. So is
 * found what a run under another cache folder left. */

/* Where an engine's register is: below ORDEAL_REGISTER, for tests that are none of
 * each other's business; else for root one of the machine, and for others one of
 * the user's, by the home that the machine knows him to have. */
int register_place(const char *engine, char at[PATH_MAX], struct err *e);

/* Before a run makes anything in `folder`. Again is fine. */
int register_add(const char *at, const char *folder, struct err *e);

/* Once nothing is left there; a missing one is fine. */
int register_drop(const char *at, const char *folder, struct err *e);

struct register_list {
	char (*v)[PATH_MAX]; /* heap */
	size_t n, alloc;
};

/* All but those that are no absolute path to a folder named `engine`. */
int register_read(const char *at, const char *engine, struct register_list *out, struct err *e);

#endif
