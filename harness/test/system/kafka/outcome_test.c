/* What became of a message, from its report and from what left the socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "system/kafka/producer.h"

#define NOT RD_KAFKA_MSG_STATUS_NOT_PERSISTED
#define MAYBE RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED
#define THERE RD_KAFKA_MSG_STATUS_PERSISTED
#define E(name) RD_KAFKA_RESP_ERR_##name

static void test_outcomes(void **state)
{
	static const struct {
		struct kafka_report r;
		enum op_outcome want;
	} t[] = {
		{{E(NO_ERROR), THERE, 1}, OP_OK},
		{{E(NO_ERROR), THERE, 2}, OP_OK},
		/* Before anything is appended. */
		{{E(NOT_ENOUGH_REPLICAS), NOT, 1}, OP_FAIL},
		{{E(MSG_SIZE_TOO_LARGE), NOT, 1}, OP_FAIL},
		{{E(UNKNOWN_TOPIC_OR_PART), NOT, 1}, OP_FAIL},
		{{E(TOPIC_AUTHORIZATION_FAILED), NOT, 1}, OP_FAIL},
		/* ... but an earlier sending may have been. */
		{{E(NOT_ENOUGH_REPLICAS), NOT, 2}, OP_INFO},
		/* After it, or either. The library takes some of these for not persisted. */
		{{E(NOT_ENOUGH_REPLICAS_AFTER_APPEND), MAYBE, 1}, OP_INFO},
		{{E(REQUEST_TIMED_OUT), MAYBE, 1}, OP_INFO},
		{{E(NOT_LEADER_FOR_PARTITION), NOT, 1}, OP_INFO},
		{{E(KAFKA_STORAGE_ERROR), NOT, 1}, OP_INFO},
		{{E(OUT_OF_ORDER_SEQUENCE_NUMBER), MAYBE, 1}, OP_INFO},
		{{E(UNKNOWN), NOT, 1}, OP_INFO},
		{{E(_TRANSPORT), MAYBE, 1}, OP_INFO},
		{{E(_TIMED_OUT), MAYBE, 1}, OP_INFO},
		/* Its time was over: did it leave? */
		{{E(_MSG_TIMED_OUT), NOT, 0}, OP_FAIL},
		{{E(_MSG_TIMED_OUT), MAYBE, 0}, OP_INFO},
		{{E(_MSG_TIMED_OUT), NOT, 1}, OP_INFO},
		{{E(_PURGE_QUEUE), NOT, 0}, OP_FAIL},
		{{E(_PURGE_QUEUE), NOT, 1}, OP_INFO},
		/* In part, which no interceptor sees. */
		{{E(_PURGE_INFLIGHT), MAYBE, 0}, OP_INFO},
		{{E(_PURGE_INFLIGHT), NOT, 0}, OP_INFO},
		{{E(_QUEUE_FULL), NOT, 0}, OP_FAIL},
		{{E(_UNKNOWN_PARTITION), NOT, 0}, OP_FAIL},
		{{E(_TRANSPORT), NOT, 0}, OP_FAIL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (kafka_outcome(&t[i].r) != t[i].want)
			fail_msg("%s, %d, sent %d times: %s, not %s", rd_kafka_err2name(t[i].r.err),
				 t[i].r.status, t[i].r.sends,
				 op_outcome_name(kafka_outcome(&t[i].r)),
				 op_outcome_name(t[i].want));
}

/* What certainly did not leave is refused, whatever was said; nothing that left is. */
static void test_not_sent_is_fail(void **state)
{
	(void)state;
	for (int err = -200; err < 120; err++) {
		struct kafka_report r = {(rd_kafka_resp_err_t)err, NOT, 0};

		if (!err || err == E(_PURGE_INFLIGHT))
			continue;
		assert_false(kafka_was_sent(&r));
		assert_int_equal(kafka_outcome(&r), OP_FAIL);
		r.sends = 2;
		assert_true(kafka_was_sent(&r));
		assert_int_equal(kafka_outcome(&r), OP_INFO);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_not_sent_is_fail),
	};

	return cmocka_run_group_tests_name("kafka, outcomes", tests, NULL, NULL);
}
