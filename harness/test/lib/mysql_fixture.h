#ifndef ORDEAL_TEST_LIB_MYSQL_FIXTURE_H
#define ORDEAL_TEST_LIB_MYSQL_FIXTURE_H

#include <limits.h>

#include "apiserver/certificate.h"
#include "test/lib/mysql_server.h"
#include "test/unit/apiserver/place.h"

/* The fixture's own scripts, word for word but for a few addresses, on three real MySQLs with
 * its options and accounts, and on our API server with its Roles: mysql-0 to mysql-2 at
 * 127.0.0.2 to 4, an agent beside each, and maybe a controller. All of it is in a network that this
 * process is in from then on. Include cmocka before; what goes wrong fails the test. */

enum { MYSQL_MEMBERS = 3 };

struct mysql_fixture {
	bool group;
	char dir[64], root[PATH_MAX - 64];
	struct place api;
	struct certificate cert;
	struct mysql_server s[MYSQL_MEMBERS]; /* their ip, port and dir; not their pid */
	pid_t run[MYSQL_MEMBERS], agent[MYSQL_MEMBERS], controller;
};

/* cmocka's set-up and tear-down of its group of tests: with the runbook's controller, or as a
 * group of MySQL's. The state is NULL where it cannot be had. */
int mysql_fixture_begin(void **state);
int mysql_fixture_begin_group(void **state);
int mysql_fixture_end(void **state);
/* The state; without one the test is skipped, and says why. */
struct mysql_fixture *mysql_fixture_need(void **state);

/* By the fixture's run.sh, with the image's entrypoint in between. */
void mysql_fixture_start_server(struct mysql_fixture *f, int i);
/* At once, and nobody starts it again. */
void mysql_fixture_kill_server(struct mysql_fixture *f, int i);
/* Another script beside those of the fixture, as member `i`; until it has ended. */
void mysql_fixture_run(struct mysql_fixture *f, int i, const char *name, const char *text);

/* Until the pod's label `role` is this one. */
void mysql_fixture_until_role(struct mysql_fixture *f, int i, const char *want);
/* One statement that must succeed. */
void mysql_fixture_sql(const struct mysql_fixture *f, int i, const char *text);
/* These events, in this order, in what somebody said ("agent-0", "controller", the name of a
 * script); in the line of the last one these words as well. */
void mysql_fixture_told(const struct mysql_fixture *f, const char *log, const char *const events[],
			size_t n, const char *words);

#endif
