#ifndef ORDEAL_TEST_SYSTEM_POSTGRES_ROOM_H
#define ORDEAL_TEST_SYSTEM_POSTGRES_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "test/lib/pg_server.h"
#include "system/client_kit.h"

/* A real PostgreSQL, and clients on it. Include cmocka before. */

extern const struct client_ops client_postgres;

#define LONG_NS (20 * NS_PER_S)

/* What is promised is 50 ms; a test must hold on a starved machine too, and
 * what it guards against is a wait without end. */
#define SLACK_NS (2 * NS_PER_S)

struct fixture {
	struct pg_server s;
	struct member m;
	struct access acc;
	struct client *c;
};

static inline int stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	if (f->c)
		client_postgres.client_free(f->c);
	pg_server_free(&f->s);
	cJSON_Delete(f->acc.conf);
	free(f);
	return 0;
}

static inline int start(void **state)
{
	struct fixture *f;
	struct err e = {0};

	if (pg_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	if (pg_server_new(&f->s, NULL))
		goto fail;
	pg_server_access(&f->s, &f->m, &f->acc);
	if (client_postgres.setup(&f->acc, 4, LONG_NS, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		goto fail;
	}
	f->c = client_postgres.client_new(&f->acc, 7);
	return 0;
fail:
	stop(state); /* cmocka does not */
	*state = NULL;
	return -1;
}

static inline struct fixture *need(void **state)
{
	if (!*state) {
		print_message("# skipped: %s\n", pg_server_missing());
		skip();
	}
	return *state;
}

static inline struct op call(struct fixture *f, enum op_f kind, int64_t key, int64_t value, int64_t expect,
		      int64_t deadline_ns)
{
	struct op op = {.f = kind, .key = key, .value = value, .expect = expect};

	call_make(&client_postgres, f->c, &op, deadline_ns);
	return op;
}

static inline struct op insert(struct fixture *f, int64_t value, int64_t deadline_ns)
{
	return call(f, OP_INSERT, OP_NO_VALUE, value, OP_NO_VALUE, deadline_ns);
}

static inline void must_be(const struct op *op, enum op_outcome want, const char *error)
{
	if (op->outcome != want || strncmp(op->error, error, strlen(error)) ||
	    (!*error && op->error[0]))
		fail_msg("%s: %s \"%s\", wanted %s \"%s\"", op_f_name(op->f),
			 op_outcome_name(op->outcome), op->error, op_outcome_name(want), error);
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
