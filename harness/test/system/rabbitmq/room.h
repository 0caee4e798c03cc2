#ifndef ORDEAL_TEST_SYSTEM_RABBITMQ_ROOM_H
#define ORDEAL_TEST_SYSTEM_RABBITMQ_ROOM_H

#include "base/clock.h"
#include "base/json.h"
#include "system/client_kit.h"
#include "system/rabbitmq/queues.h"
#include "test/lib/client_trial.h"
#include "test/lib/rabbit_server.h"

/* A client beside a broker of the test's own. Include cmocka before. */

extern const struct client_ops client_rabbitmq;

#define PLENTY_NS (20 * NS_PER_S)

static struct rabbit_server server;

struct room {
	struct member m;
	struct access acc;
	struct client *c;
};

static inline int begin_all(void **state)
{
	(void)state;
	return rabbit_server_missing() ? 0 : rabbit_server_new(&server);
}

static inline int end_all(void **state)
{
	(void)state;
	rabbit_server_free(&server);
	return 0;
}

static inline void enter(struct room *r, const char *more)
{
	struct err e = {0};

	if (rabbit_server_missing())
		skip();
	rabbit_server_access(&server, more, &r->m, &r->acc);
	/* The second time finds what the first has made. */
	for (int i = 0; i < 2; i++)
		if (rabbit_setup(&r->acc, 2, PLENTY_NS, &e))
			fail_msg("%s", e.msg);
	r->c = client_rabbitmq.client_new(&r->acc, 3);
}

static inline void leave(struct room *r)
{
	client_rabbitmq.client_free(r->c);
	cJSON_Delete(r->acc.conf);
}

static inline struct op call(struct room *r, enum op_f f, int64_t key, int64_t value,
			     int64_t within_ns)
{
	struct op op = {.f = f, .key = key, .value = value};

	call_make(&client_rabbitmq, r->c, &op, trial_room(), within_ns);
	return op;
}

static inline void send_ok(struct room *r, int64_t value)
{
	struct op op = call(r, OP_SEND, 0, value, PLENTY_NS);

	if (op.outcome != OP_OK)
		fail_msg("%s", op.error);
}

#endif
