#ifndef ORDEAL_ENGINE_CHOOSE_H
#define ORDEAL_ENGINE_CHOOSE_H

#include <stddef.h>

#include "engine/engine.h"

/* The engine that `auto` stands for on this machine now: kind if a cluster of
 * ours is up or can be within two minutes (kind/soon.sh knows), else docker.
 * `why` becomes one line for the user: which, why, and how to get the other.
 * Starts and changes nothing. NULL with an error when it cannot be asked. */
const struct engine_ops *engine_choose(char *why, size_t size, struct err *e);

/* Whether the engine can run this system at all; false with the reason as
 * ERR_INPUT. */
bool engine_runs(const struct engine_ops *ops, const char *system, struct err *e);

#endif
