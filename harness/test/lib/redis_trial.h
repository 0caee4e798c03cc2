#ifndef ORDEAL_TEST_LIB_REDIS_TRIAL_H
#define ORDEAL_TEST_LIB_REDIS_TRIAL_H

#include "base/clock.h"
#include "system/client.h"
#include "test/lib/redis_server.h"

/* A client of one of the Redis systems against real servers: what the tests of
 * each begin with. */

#define DEADLINE_NS (600 * NS_PER_MS)
#define LONG_NS (20 * NS_PER_S)
/* What is promised is 50 ms; a test must hold on a starved machine too. */
#define SLACK_NS (2 * NS_PER_S)

/* The first member of a test's state. */
struct redis_trial {
	const struct client_ops *sys;
	struct access acc;
	struct client *c;
};

/* cmocka's set-up and tear-down of one test: a client with seed 7. The state
 * may be NULL, where there is no server to be had. */
int redis_trial_begin(void **state);
int redis_trial_end(void **state);

/* The state; without one the test is skipped. */
void *redis_trial_need(void **state);

/* One operation that must keep its deadline and explain its outcome. */
struct op redis_trial_run(struct redis_trial *t, enum op_f what, int64_t key, int64_t value, int64_t expect);

/* A server's own word, waited for. */
bool redis_trial_says(const struct redis_server *s, const char *line, const char *what, int64_t within_ns);

#endif
