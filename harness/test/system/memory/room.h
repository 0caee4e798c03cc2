#ifndef ORDEAL_TEST_SYSTEM_MEMORY_ROOM_H
#define ORDEAL_TEST_SYSTEM_MEMORY_ROOM_H

#include "base/clock.h"
#include "system/client.h"
#include "system/client_kit.h"
#include "test/lib/client_trial.h"

/* Operations on the toy store. Include cmocka before. */

extern const struct client_ops client_memory;

#define DEADLINE_NS (2 * NS_PER_S)

static inline struct op do_op(struct client *c, enum op_f f, int64_t key, int64_t expect,
			      int64_t value)
{
	struct op op = {.f = f, .key = key, .expect = expect, .value = value};

	call_make(&client_memory, c, &op, trial_room(), DEADLINE_NS);
	assert_true(op.t_return >= op.t_invoke && op.t_invoke > 0);
	return op;
}

#endif
