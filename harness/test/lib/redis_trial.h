#ifndef ORDEAL_TEST_LIB_REDIS_TRIAL_H
#define ORDEAL_TEST_LIB_REDIS_TRIAL_H

#include "test/lib/client_trial.h"
#include "test/lib/redis_server.h"

/* A client of one of the Redis systems against real servers: what
 * client_trial.h has not. */

#define DEADLINE_NS (600 * NS_PER_MS)

/* One operation that must keep its deadline and explain its outcome. */
struct op redis_trial_run(struct client_trial *t, enum op_f what, int64_t key, int64_t value,
			  int64_t expect);

/* A server's own word, waited for. */
bool redis_trial_says(const struct redis_server *s, const char *line, const char *what,
		      int64_t within_ns);

#endif
