/* PostgreSQL with Patroni: whether all is whole, and how it came back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fault/fault.h"
#include "system/model.h"
#include "test/system/postgres/tale.h"

static void member(struct sample *s, const char *name, enum role role, int64_t tl,
		   const char *extra)
{
	memset(s, 0, sizeof(*s));
	mem_copy_str(s->member, sizeof(s->member), name);
	s->ok = true;
	s->role = role;
	s->writable = role == ROLE_PRIMARY;
	s->timeline = tl;
	s->extra = extra ? parse(extra) : NULL;
}

static void test_redundant(void **state)
{
	struct sample s[3];
	char why[WHY_BYTES];
	size_t i;

	(void)state;
	member(&s[0], "postgres-0", ROLE_PRIMARY, 3,
	       "{\"replication\":[{\"name\":\"postgres-1\",\"state\":\"streaming\"},{\"name\":\"postgres-2\",\"state\":\"streaming\"}]}");
	member(&s[1], "postgres-1", ROLE_REPLICA, 3, "{\"receiver\":\"streaming\"}");
	member(&s[2], "postgres-2", ROLE_REPLICA, 3, NULL);
	assert_true(model_postgres.redundant(s, 3, why));

	s[2].timeline = 2;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_non_null(strstr(why, "postgres-2 is on timeline 2"));
	s[2].timeline = 3;
	s[2].ok = false;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_string_equal(why, "postgres-2 does not answer");
	s[2].ok = true;
	s[2].role = ROLE_PRIMARY;
	s[2].writable = true;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_non_null(strstr(why, "both writable"));
	s[2].writable = false;
	assert_false(model_postgres.redundant(s, 3, why));
	s[2].role = ROLE_REPLICA;

	cJSON_Delete(s[0].extra);
	s[0].extra = parse("{\"replication\":[{\"name\":\"postgres-1\",\"state\":\"streaming\"},{\"name\":\"postgres-2\",\"state\":\"catchup\"}]}");
	assert_false(model_postgres.redundant(s, 3, why));
	assert_string_equal(why, "postgres-0 does not see postgres-2 streaming");

	/* The primary does not tell: the standbys' own word; else nothing. */
	cJSON_Delete(s[0].extra);
	s[0].extra = NULL;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_non_null(strstr(why, "nothing tells"));
	assert_true(model_postgres.redundant(s, 2, why));

	s[0].role = ROLE_REPLICA;
	s[0].writable = false;
	assert_false(model_postgres.redundant(s, 3, why));
	assert_string_equal(why, "no member is a writable primary");
	assert_false(model_postgres.redundant(s, 0, why));
	for (i = 0; i < 3; i++)
		cJSON_Delete(s[i].extra);
}

static void test_redundant_store(void **state)
{
	static const struct {
		const char *view, *why;
	} t[] = {
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"leader\":\"postgres-0\"}}", NULL},
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"leader\":\"\"}}", "etcd-1.etcd names nobody as the leader"},
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"leader\":\"postgres-1\"}}",
		 "etcd-1.etcd names postgres-1 as the leader"},
		{"{\"store\":{\"host\":\"etcd-1.etcd\",\"error\":\"timeout: no answer\"}}",
		 "etcd-1.etcd: timeout: no answer"},
	};
	struct sample s[2];
	char why[WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		member(&s[0], "postgres-0", ROLE_PRIMARY, 3,
		       "{\"replication\":[{\"name\":\"postgres-1\",\"state\":\"streaming\"}]}");
		member(&s[1], "postgres-1", ROLE_REPLICA, 3, t[i].view);
		assert_int_equal(model_postgres.redundant(s, 2, why), !t[i].why);
		assert_string_equal(why, t[i].why ? t[i].why : "");
		cJSON_Delete(s[0].extra);
		cJSON_Delete(s[1].extra);
	}
}

static void log_event_of(struct tale *t, const char *m, const char *text, int64_t most)
{
	cJSON *e = cJSON_CreateObject();

	json_set_i64(e, "t", 60 * SEC);
	json_set_i64(e, "s", 0);
	json_set_str(e, "k", "log");
	json_set_str(e, "member", m);
	json_set_str(e, "text", text);
	if (most)
		json_set_i64(e, "most", most);
	json_push(t->events, e);
}

static void log_event(struct tale *t, const char *m, const char *text)
{
	log_event_of(t, m, text, 0);
}

static struct recovery_info resync_as(const struct tale *t, bool back)
{
	struct recovery_info r;
	struct evidence ev;

	evidence_make(t->events, 0, fault_effects, &ev);
	model_postgres.resync(&ev, 10 * SEC, 60 * SEC, back, &r);
	evidence_free(&ev);
	return r;
}

static struct recovery_info resync(const struct tale *t)
{
	return resync_as(t, true);
}

/* What did not come back did not stream anything. */
static void test_resync_that_failed(void **state)
{
	struct recovery_info r;
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	log_event(&t, "postgres-0", "2026-01-01 10:00:40,000 INFO: no action. I am (postgres-0), a secondary\n");
	r = resync_as(&t, false);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "");

	log_event(&t, "postgres-0",
		  "2026-01-01 10:00:05.000 UTC [19] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000001 has already been removed\n"
		  "2026-01-01 10:00:41.000 UTC [19] FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000020000000000000005 has already been removed\n");
	r = resync_as(&t, false);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "log of postgres-0: requested WAL segment 000000020000000000000005 has already been removed");
	/* It came back all the same: not by streaming. */
	r = resync(&t);
	assert_string_equal(r.resync, "");
	assert_non_null(strstr(r.how, "requested WAL segment 000000020000000000000005"));
	tale_end(&t);

	/* A rewind that was begun, and no more. */
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	log_event(&t, "postgres-0", "2026-01-01 10:00:30,500 INFO: running pg_rewind from host=x\n");
	r = resync(&t);
	assert_string_equal(r.resync, "");
	r = resync_as(&t, false);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "Patroni's log of postgres-0 tells that pg_rewind was begun, and of no end of it");

	/* A receiver that has not noticed that its source is gone. */
	put(&t, 15 * SEC, "{\"k\":\"object\",\"type\":\"pod\",\"name\":\"postgres-0\",\"uid\":\"new\",\"ip\":\"10.1.0.9\",\"restarts\":0}");
	put(&t, 59 * SEC, "{\"k\":\"sample\",\"m\":\"postgres-1\",\"ok\":true,\"role\":\"replica\",\"writable\":false,\"tl\":1,"
	    "\"x\":{\"receiver\":\"streaming\",\"source\":\"10.1.0.1\"}}");
	r = resync_as(&t, false);
	assert_string_equal(r.how, "postgres-1 still receives from 10.1.0.1, where postgres-0 was until it was made anew: its connection is half open");
	tale_end(&t);
}

/* Another one was away as well: of it no log, then one that is cut to its last lines,
 * then all of it. */
static void resync_of_two(struct tale *t)
{
	static const char line[] = "2026-01-01 10:00:50,000 INFO: no action\n";
	char text[LOG_LINES_UNTOLD * sizeof(line)] = "";
	struct recovery_info r;

	sample(t, 40 * SEC, "postgres-1", false, false, -1);
	assert_string_equal(resync(t).resync, "");
	for (int i = 0; i < LOG_LINES_UNTOLD; i++)
		memcpy(text + (size_t)i * (sizeof(line) - 1), line, sizeof(line));
	log_event(t, "postgres-1", text);
	r = resync(t);
	assert_string_equal(r.resync, "");
	assert_string_equal(r.how, "the log of postgres-1 is not there from when it was away on");
	log_event_of(t, "postgres-1", text, LOG_LINES_MOST);
	assert_string_equal(resync(t).resync, "partial");
}

static void test_resync(void **state)
{
	struct recovery_info r;
	struct tale t;

	(void)state;
	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	for (int64_t at = 10 * SEC; at <= 60 * SEC; at += SEC) {
		sample(&t, at, "postgres-0", true, true, 1);
		if (at < 30 * SEC)
			sample(&t, at, "postgres-1", true, false, 1);
	}
	r = resync(&t);
	assert_string_equal(r.resync, ""); /* who knows what was after 29 s? */
	assert_string_equal(r.how, "nobody asked postgres-1 for 31.0 s, from 19.0 s after the fault on");
	for (int64_t at = 30 * SEC; at <= 60 * SEC; at += SEC)
		sample(&t, at, "postgres-1", true, false, 1);
	r = resync(&t);
	assert_string_equal(r.resync, "none");
	tale_end(&t);

	tale_begin(&t, "{\"fault\":\"node-down\"," PRIMARY "}");
	put(&t, 0, "{\"k\":\"run\",\"started\":\"2026-01-01T10:00:00.000Z\"}");
	others(&t, 10100 * MS, 20 * SEC, 12 * SEC);
	for (int64_t at = 20 * SEC; at <= 60 * SEC; at += SEC) {
		sample(&t, at, "postgres-0", true, false, 2);
		sample(&t, at + MS, "postgres-1", true, true, 2);
	}
	r = resync(&t);
	assert_string_equal(r.resync, ""); /* no log: unknown */
	assert_string_equal(r.how, "the log of postgres-0 is not there from when it was away on");

	/* The copy at the very beginning is not this fault's. */
	log_event(&t, "postgres-0",
		  "2026-01-01 10:00:02,000 INFO: replica has been created using basebackup\n"
		  "2026-01-01 10:00:40,000 INFO: no action. I am (postgres-0), a secondary\n");
	r = resync(&t);
	assert_string_equal(r.resync, "partial");
	assert_int_equal(r.bytes, -1);
	resync_of_two(&t);

	log_event(&t, "postgres-0", "2026-01-01 10:00:30,500 INFO: running pg_rewind from host=x\n"
				    "2026-01-01 10:00:32,500 INFO: pg_rewind exit code=0\n");
	r = resync(&t);
	assert_string_equal(r.resync, "rewind");
	assert_non_null(strstr(r.how, "postgres-0"));

	log_event(&t, "postgres-0", "2026-01-01 10:00:35,500 INFO: replica has been created using basebackup");
	r = resync(&t);
	assert_string_equal(r.resync, "full");
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_redundant_store),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_resync_that_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
