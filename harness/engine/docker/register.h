#ifndef ORDEAL_ENGINE_DOCKER_REGISTER_H
#define ORDEAL_ENGINE_DOCKER_REGISTER_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"

/* The folders (CACHE/docker) in which runs of engine docker keep their state and
 * volumes on this machine, whoever's and whatever HOME and ORDEAL_CACHE are: a
 * file each below `at`. So is found what a run of another user's cache left. */

#define DOCKER_REGISTER "/var/lib/ordeal/docker"

/* Before a run makes anything in `folder`. Again is fine. */
int register_add(const char *at, const char *folder, struct err *e);

/* Once nothing is left there; a missing one is fine. */
int register_drop(const char *at, const char *folder, struct err *e);

struct register_list {
	char (*v)[PATH_MAX]; /* heap */
	size_t n, alloc;
};

/* All but those that are no absolute path to a folder "docker". */
int register_read(const char *at, struct register_list *out, struct err *e);

#endif
