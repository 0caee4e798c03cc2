#ifndef ORDEAL_TEST_SYSTEM_KAFKA_ROOM_H
#define ORDEAL_TEST_SYSTEM_KAFKA_ROOM_H

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/kafka/conn.h"
#include "test/lib/client_trial.h"
#include "test/lib/kafka_server.h"

/* A client beside a broker of each release. Include cmocka before. */

extern const struct client_ops client_kafka;

#define DEADLINE_NS (800 * NS_PER_MS)

enum { PARTITIONS = 2 };

struct fixture {
	struct kafka_server s;
	struct member m;
	struct access acc;
	struct client *c;
	int64_t sent[PARTITIONS]; /* acknowledged so far, or of unknown fate */
};

enum { RELEASES = 2 };

static inline int stop(void **state)
{
	struct fixture *all = *state;

	for (struct fixture *f = all; f && f < all + RELEASES; f++) {
		if (f->c)
			client_kafka.client_free(f->c);
		if (f->acc.shared)
			client_kafka.shared_free(f->acc.shared);
		kafka_server_free(&f->s);
		cJSON_Delete(f->acc.conf);
	}
	free(all);
	*state = NULL;
	return 0;
}

/* The topic is there a moment after it was made. */
static inline int set_up(struct fixture *f)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	struct err e = {0};

	while (client_kafka.setup(&f->acc, PARTITIONS, LONG_NS, &e)) {
		if (clock_mono_ns() > end_ns) {
			fprintf(stderr, "%s\n", e.msg);
			return -1;
		}
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	return 0;
}

static inline int start_one(struct fixture *f, const char *version)
{
	if (kafka_server_new(&f->s, version))
		return -1;
	kafka_server_access(&f->s, &f->m, &f->acc);
	f->acc.shared = client_kafka.shared_new(&f->acc);
	f->c = client_kafka.client_new(&f->acc, 3);
	return set_up(f);
}

static inline int start(void **state)
{
	static const char *const releases[RELEASES] = {"3.6.0", "4.4.0"};
	struct fixture *all;

	if (kafka_server_missing())
		return 0;
	*state = all = mem_alloc(RELEASES * sizeof(*all));
	for (int i = 0; i < RELEASES; i++) {
		if (start_one(&all[i], releases[i])) {
			stop(state); /* cmocka does not */
			return -1;
		}
	}
	return 0;
}

static inline void on_each(void **state, void (*test)(struct fixture *f))
{
	if (!*state) {
		print_message("# skipped: %s\n", kafka_server_missing());
		skip();
	}
	for (int i = 0; i < RELEASES; i++)
		test((struct fixture *)*state + i);
}

static inline struct op call(struct fixture *f, enum op_f kind, int64_t key, int64_t value,
			     int64_t deadline_ns)
{
	struct op op = {.f = kind, .key = key, .value = value, .expect = OP_NO_VALUE};

	call_make(&client_kafka, f->c, &op, trial_room(), deadline_ns);
	if (op.t_return - op.t_invoke > deadline_ns + SLACK_NS)
		fail_msg("%s took %.1f ms of %.1f", op_f_name(kind), in_ms(op.t_return - op.t_invoke),
			 in_ms(deadline_ns));
	return op;
}

#define ON_EACH(name) \
	static void test_##name(void **state) \
	{ \
		on_each(state, name); \
	}

#endif
