#ifndef ORDEAL_TEST_LIB_CLIENT_TRIAL_H
#define ORDEAL_TEST_LIB_CLIENT_TRIAL_H

#include <pthread.h>

#include "base/clock.h"
#include "system/client.h"

/* A system's client against real servers: what the tests of each begin with. */

#define LONG_NS (20 * NS_PER_S)
/* What is promised is 50 ms; a test must hold on a starved machine too, and
 * what it guards against is a wait without end. */
#define SLACK_NS (2 * NS_PER_S)

/* The first member of a test's state. */
struct client_trial {
	const struct client_ops *sys;
	struct access acc;
	struct client *c;
};

/* cmocka's set-up and tear-down of one test: a client with seed 7. The state
 * may be NULL, where there is no server to be had. */
int client_trial_begin(void **state);
int client_trial_end(void **state);

/* Setup of the system, and such a client. -1: said on standard error. */
int client_trial_setup(struct client_trial *t);
/* Another client in place of the one that was there, as new. */
void client_trial_anew(struct client_trial *t);

/* The state; without one the test is skipped, for what is missing. */
void *client_trial_need(void **state, const char *missing);

/* Where the texts of one more call may stand: until 256 others were made. */
struct op_room *trial_room(void);

struct op client_call(struct client_trial *t, enum op_f what, int64_t key, int64_t value,
		      int64_t expect, int64_t deadline_ns);
struct op client_insert(struct client_trial *t, int64_t value, int64_t deadline_ns);

/* An insert that is under way in a thread of its own, with LONG_NS. */
struct client_inserting {
	struct client_trial *t;
	int64_t value;
	struct op op;
	pthread_t thread;
};
void client_insert_begin(struct client_inserting *r, struct client_trial *t, int64_t value);
struct op client_insert_end(struct client_inserting *r);

/* The outcome, and how its error begins ("" none). */
void must_be(const struct op *op, enum op_outcome want, const char *error);
/* Ended by its deadline. */
void in_time(const struct op *op, int64_t limit_ns, const char *what);

struct sample client_ask(struct client_trial *t, struct probe *p, int64_t limit_ns);

/* Takes connections and says nothing. */
int listen_silently(const char *ip, int port);

/* A server that can be made to stand still, and to go on (SIGSTOP, SIGCONT), and that can
 * be taken down and brought up again. */
struct client_server {
	void *s;
	void (*signal)(void *s, int sig);
	void (*stop)(void *s);
	int (*start)(void *s);
};

/* What must hold of a client of any server of one primary. Registers 2 and 3 as the first
 * leaves them, a 1 that was inserted and three more (100, 100, 9007199254740992) are what
 * the second looks for. */
void client_registers(struct client_trial *t);
void client_final_read(struct client_trial *t);
/* It stands still: nothing waits beyond its deadline, nothing unsent is in doubt. */
void client_frozen(struct client_trial *t, const struct member *m, const struct client_server *s,
		   int64_t deadline_ns);
/* It goes and comes back, the second time unseen by an idle connection. */
void client_down_and_up(struct client_trial *t, const struct client_server *s);
/* Several hosts are named: one that refuses, one that is silent (127.0.0.8), and it. */
void client_several_hosts(struct client_trial *t, const struct client_server *s, const char *ip,
			  int port);

#endif
