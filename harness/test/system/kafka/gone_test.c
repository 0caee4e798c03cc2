/* The Kafka client where what it relied on is gone: the offset that it was to read, what it had
 * read, and everybody who could tell who leads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/system/kafka/room.h"

static void commit_by_hand(struct fixture *f, int partition, int64_t offset)
{
	int64_t until_ns = clock_mono_ns() + LONG_NS;
	char why[OP_ERROR_MAX];
	struct kafka_conn *c = kafka_open("127.0.0.1", f->s.port, until_ns, NULL, why, sizeof(why));
	struct kafka_reader r;
	int code = -1;

	assert_non_null(c);
	kafka_put_offset_commit(kafka_ask(c, KAFKA_OFFSET_COMMIT), KAFKA_GROUP, KAFKA_TOPIC,
				partition, offset, -1);
	assert_true(kafka_answer(c, until_ns, &r, NULL, why, sizeof(why)) &&
		    kafka_read_offset_commit(&r, &code));
	assert_int_equal(code, 0);
	kafka_drop(c);
}

/* The group is where the log never was: it begins anew, and that is told. */
static void out_of_range(struct fixture *f)
{
	enum { SENT = 3 };
	struct op op;

	for (int i = 0; i < SENT; i++) {
		op = call(f, OP_SEND, 1, 100 + i, LONG_NS);
		must_be(&op, OP_OK, "");
	}
	commit_by_hand(f, 1, 1000);
	client_kafka.client_free(f->c);
	f->c = client_kafka.client_new(&f->acc, 4);
	op = call(f, OP_RECEIVE, 1, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "reset from offset 1000 to 0: ");
	for (int64_t i = 0; i < SENT; i++) {
		op = call(f, OP_RECEIVE, 1, OP_NO_VALUE, LONG_NS);
		must_be(&op, OP_OK, "");
		assert_int_equal(op.offset, i);
		assert_int_equal(op.value, 100 + i);
		assert_int_equal(op.acked, OP_ACK_DONE);
	}
}

/* Its last bytes never reached the disk. */
static void cut_log(const struct fixture *f, int partition)
{
	struct stat st;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/logs/" KAFKA_TOPIC "-%d/00000000000000000000.log", f->s.dir,
		 partition);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 3), 0);
}

static struct op receive_once(struct fixture *f, enum op_outcome outcome, const char *error)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	struct op op;

	do
		op = call(f, OP_RECEIVE, 1, OP_NO_VALUE, LONG_NS);
	while ((op.outcome != outcome || strncmp(op.error, error, strlen(error)) != 0) &&
	       op.outcome != OP_OK && clock_mono_ns() < end_ns);
	must_be(&op, outcome, error);
	return op;
}

/* What was read is not there any more, and other messages will be: they are read. */
static void truncated(struct fixture *f)
{
	int64_t at, end_ns;
	char reset[80];
	struct op op;

	op = call(f, OP_SEND, 1, 500, LONG_NS);
	must_be(&op, OP_OK, "");
	at = op.offset;
	do
		op = receive_once(f, OP_OK, "");
	while (op.value != 500 && op.value != OP_NO_VALUE);
	assert_int_equal(op.offset, at);
	kafka_server_kill(&f->s);
	cut_log(f, 1);
	assert_int_equal(kafka_server_start(&f->s), 0);
	snprintf(reset, sizeof(reset), "reset from offset %lld to %lld: ", (long long)at + 1, (long long)at);
	receive_once(f, OP_FAIL, reset);
	end_ns = clock_mono_ns() + LONG_NS;
	do
		op = call(f, OP_SEND, 1, 501, DEADLINE_NS);
	while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	must_be(&op, OP_OK, "");
	op = receive_once(f, OP_OK, "");
	assert_int_equal(op.value, 501);
	assert_int_equal(op.offset, at);
}

static int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* However often nobody tells who leads: the library has its threads once. */
static void few_threads(struct fixture *f)
{
	int64_t end_ns = clock_mono_ns() + LONG_NS;
	int once = 0;
	struct op op;

	client_kafka.client_free(f->c);
	f->c = client_kafka.client_new(&f->acc, 7);
	kafka_server_signal(&f->s, SIGSTOP);
	for (int i = 0; i < 4; i++) {
		op = call(f, OP_SEND, 0, 60 + i, DEADLINE_NS / 2);
		assert_int_equal(op.outcome, OP_FAIL);
		assert_false(op.sent);
		once = i ? once : threads();
	}
	assert_true(threads() <= once);
	kafka_server_signal(&f->s, SIGCONT);
	do
		op = call(f, OP_SEND, 0, clock_mono_ns(), DEADLINE_NS / 2);
	while (op.outcome != OP_OK && clock_mono_ns() < end_ns);
	must_be(&op, OP_OK, "");
}

ON_EACH(out_of_range)
ON_EACH(truncated)
ON_EACH(few_threads)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_few_threads),
	};

#ifdef __SANITIZE_THREAD__
	puts("1..0 # SKIP librdkafka starts threads by thrd_create(), which this thread sanitizer does not "
	     "know: it crashes in what they call of ours");
	return 0;
#endif
	return cmocka_run_group_tests_name("kafka, what is gone", tests, start, stop);
}
