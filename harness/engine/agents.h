#ifndef ORDEAL_ENGINE_AGENTS_H
#define ORDEAL_ENGINE_AGENTS_H

#include <sys/types.h>

#include "base/mem.h"
#include "engine/engine.h"

/* Agents that are processes beside the driver. */

/* The environment of one, NULL at the end: our own, and the token that it is to
 * know it by (arguments are for everyone to see). `hosts`: a file of names, or NULL.
 * Its parts live as long as `a` and our own environment. */
const char **agents_env(struct arena *a, const struct engine_conf *conf, const char *agent,
			const char *hosts);

/* Waits for the address that one announces in its log, "listening ADDR:PORT" (agent/http_server.h),
 * for 20 s or until it ends. `what`: "node agent", for the error. */
int agents_await(const char *what, const char *log, pid_t pid, char *out, size_t size,
		 struct err *e);

#endif
