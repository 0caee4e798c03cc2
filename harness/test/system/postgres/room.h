#ifndef ORDEAL_TEST_SYSTEM_POSTGRES_ROOM_H
#define ORDEAL_TEST_SYSTEM_POSTGRES_ROOM_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "test/lib/client_trial.h"
#include "test/lib/pg_server.h"

/* A real PostgreSQL, and clients on it. Include cmocka before. */

extern const struct client_ops client_postgres;

struct fixture {
	struct client_trial t;
	struct pg_server s;
	struct member m;
};

static inline int stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	if (f->t.c)
		client_postgres.client_free(f->t.c);
	pg_server_free(&f->s);
	cJSON_Delete(f->t.acc.conf);
	free(f);
	return 0;
}

static inline int start(void **state)
{
	struct fixture *f;

	if (pg_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	if (pg_server_new(&f->s, NULL))
		goto fail;
	pg_server_access(&f->s, &f->m, &f->t.acc);
	f->t.sys = &client_postgres;
	if (client_trial_setup(&f->t))
		goto fail;
	return 0;
fail:
	stop(state); /* cmocka does not */
	*state = NULL;
	return -1;
}

static inline struct fixture *need(void **state)
{
	return client_trial_need(state, pg_server_missing());
}

static inline void signal_it(void *s, int sig)
{
	pg_server_signal(s, sig);
}

static inline void stop_it(void *s)
{
	pg_server_stop(s);
}

static inline int start_it(void *s)
{
	return pg_server_start(s);
}

static inline struct client_server it(struct fixture *f)
{
	return (struct client_server){&f->s, signal_it, stop_it, start_it};
}

static inline void sql(struct fixture *f, const char *text)
{
	char *v = pg_server_sql(&f->s, text);

	assert_non_null(v);
	free(v);
}

static inline void wait_for_sql(struct fixture *f, const char *text, const char *want)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	bool same = false;

	while (!same && clock_mono_ns() < end_ns) {
		char *v = pg_server_sql(&f->s, text);

		same = v && !strcmp(v, want);
		free(v);
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
	if (!same)
		fail_msg("never became %s: %s", want, text);
}

#endif
