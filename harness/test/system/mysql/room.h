#ifndef ORDEAL_TEST_SYSTEM_MYSQL_ROOM_H
#define ORDEAL_TEST_SYSTEM_MYSQL_ROOM_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "test/lib/client_trial.h"
#include "test/lib/mysql_server.h"

/* Real MySQLs, and clients on them. Include cmocka before. */

extern const struct client_ops client_mysql;

enum { SERVERS_MAX = 3 };

struct fixture {
	struct client_trial t;
	struct mysql_server s[SERVERS_MAX];
	size_t n;
	struct member m[SERVERS_MAX];
};

static inline int room_stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	if (f->t.c)
		client_mysql.client_free(f->t.c);
	for (size_t i = 0; i < f->n; i++)
		mysql_server_free(&f->s[i]);
	cJSON_Delete(f->t.acc.conf);
	free(f);
	*state = NULL;
	return 0;
}

/* So many servers, alike but for their names; the first one has the tables, whatever else it
 * is to be. */
static inline int room_start(void **state, size_t n, const char *const options[])
{
	struct fixture *f;

	if (mysql_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	for (; f->n < n; f->n++) {
		struct mysql_server *first = f->n ? &f->s[0] : NULL;

		if (first)
			mysql_server_stop(first);
		if (mysql_server_new(&f->s[f->n], 2 + (unsigned)f->n, first ? first->port : 0,
				     options, first) ||
		    (first && mysql_server_start(first))) {
			f->n++;
			goto fail;
		}
	}
	mysql_server_access(f->s, n, f->m, &f->t.acc);
	f->t.sys = &client_mysql;
	if (client_trial_setup(&f->t))
		goto fail;
	return 0;
fail:
	room_stop(state); /* cmocka does not */
	return -1;
}

static inline struct fixture *need(void **state)
{
	return client_trial_need(state, mysql_server_missing());
}

static inline void sql_at(const struct mysql_server *s, const char *text)
{
	char *v = mysql_server_sql(s, true, text);

	if (!v)
		fail_msg("%s", text);
	free(v);
}

static inline void signal_it(void *s, int sig)
{
	mysql_server_signal(s, sig);
}

static inline void stop_it(void *s)
{
	mysql_server_stop(s);
}

static inline int start_it(void *s)
{
	return mysql_server_start(s);
}

/* The first of them. */
static inline struct client_server it(struct fixture *f)
{
	return (struct client_server){&f->s[0], signal_it, stop_it, start_it};
}

#endif
