/* MySQL: why a write was lost, and how a member came to follow again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/system/mysql/tale.h"

/* ---- what was lost ---- */

static enum loss_cause lost(struct tale *t, int64_t at, const char *tx, char *why)
{
	struct op op = {.f = OP_INSERT, .outcome = OP_OK, .value = 5, .t_invoke = at - 2 * MS, .t_return = at, .via = "mysql-0"};

	*why = '\0';
	op.tx = tx;
	return model_mysql.loss_cause(&t->ev, &op, &t->ev.faults[0], why);
}

static void must_say(struct tale *t, int64_t at, enum loss_cause cause, const char *text)
{
	char why[WHY_BYTES] = "";

	assert_int_equal(lost(t, at, UUID_0 ":101", why), cause);
	if (!strstr(why, text))
		fail_msg("no \"%s\" in \"%s\"", text, why);
}

/* The node of the primary goes, and mysql-1 becomes primary without the last write. */
static void goes(struct tale *t, const char *fault, const char *inforce)
{
	tale_begin(t, fault, inforce);
	pod(t, SEC, "mysql-0", "a", "10.0.0.1");
	pod(t, SEC, "mysql-1", "b", "10.0.0.2");
	sample(t, 25 * SEC, "mysql-1", ROLE_PRIMARY, true, "{\"executed\":\"" UUID_0 ":1-100\"}");
}

static const char node_down[] = "{\"fault\":\"node-down\"," PRIMARY "}";

/* An answer of the old primary's: whether it waited, and how often it had stopped to. */
static void semi(struct tale *t, int64_t at, const char *run, bool on, int no)
{
	char x[200];

	snprintf(x, sizeof(x), "{\"run_id\":\"%s\",\"semi\":{\"on\":%s,\"clients\":2,\"wait_for\":1,\"no\":%d}}", run,
		 on ? "true" : "false", no);
	sample(t, at, "mysql-0", ROLE_PRIMARY, true, x);
}

static void test_loss(void **state)
{
	char why[WHY_BYTES];
	struct tale t;

	(void)state;
	goes(&t, node_down, "failover=runbook semi_sync=on");
	tale_tell(&t, 0);
	/* What the new primary had was not lost with the old one. */
	assert_int_equal(lost(&t, 9 * SEC, UUID_0 ":100", why), LOSS_UNKNOWN);
	assert_int_equal(lost(&t, 9 * SEC, "", why), LOSS_UNKNOWN);
	must_say(&t, 9 * SEC, LOSS_NOT_REPLICATED,
		 "mysql-0 acknowledged it as " UUID_0 ":101, and mysql-1 became primary without it");
	tale_end(&t);

	goes(&t, "{\"fault\":\"partition-node\"," PRIMARY "}", "failover=runbook semi_sync=off");
	sample(&t, 2 * SEC, "mysql-0", ROLE_PRIMARY, true, "{}");
	tale_tell(&t, 0);
	must_say(&t, 20 * SEC, LOSS_MINORITY, "while it was cut off; replication was asynchronous");
	tale_end(&t);

	/* The same member came back without it. */
	tale_begin(&t, kill_primary, "failover=none semi_sync=off");
	pod(&t, SEC, "mysql-0", "a", "10.0.0.1");
	sample(&t, 2 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"1\",\"executed\":\"" UUID_0 ":1-90\"}");
	sample(&t, 15 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"2\",\"executed\":\"" UUID_0 ":1-100\"}");
	tale_tell(&t, 0);
	assert_int_equal(lost(&t, 9 * SEC, UUID_0 ":101", why), LOSS_RESTART);
	assert_null(strstr(why, "empty volume"));
	tale_end(&t);

	tale_begin(&t, "{\"fault\":\"claim-lost\"," PRIMARY "}", "failover=none semi_sync=off");
	pod(&t, SEC, "mysql-0", "a", "10.0.0.1");
	sample(&t, 2 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"1\",\"executed\":\"" UUID_0 ":1-90\"}");
	sample(&t, 15 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"2\",\"executed\":\"" UUID_0 ":1-50\"}");
	tale_tell(&t, 0);
	must_say(&t, 9 * SEC, LOSS_RESTART, "did not have it any more when it had restarted on an empty volume");
	tale_end(&t);
}

/* Its log went with its node: its answers on both sides of the write tell, or nothing does. */
static void test_waited_by_answers(void **state)
{
	struct tale t;

	(void)state;
	goes(&t, node_down, "failover=runbook semi_sync=on");
	semi(&t, 2000 * MS, "a", true, 0);
	semi(&t, 3000 * MS, "a", true, 0);
	semi(&t, 4000 * MS, "a", true, 1);
	semi(&t, 5000 * MS, "a", false, 2);
	semi(&t, 6000 * MS, "a", false, 2);
	semi(&t, 6500 * MS, "a", false, 3);
	semi(&t, 7000 * MS, "a", true, 3);
	sample(&t, 8000 * MS, "mysql-0", ROLE_PRIMARY, true,
	       "{\"run_id\":\"b\",\"semi\":{\"on\":true,\"no\":3},\"executed\":\"" UUID_0 ":1-101\"}");
	tale_tell(&t, 0);
	must_say(&t, 1900 * MS, LOSS_NOT_REPLICATED, "; whether semi-synchronous replication was on nobody saw");
	must_say(&t, 2500 * MS, LOSS_NOT_REPLICATED,
		 "; semi-synchronous replication was on, by its answers before and after it: a replica had acknowledged it");
	/* It stopped waiting in between, and began again. */
	must_say(&t, 3500 * MS, LOSS_NOT_REPLICATED, "whether semi-synchronous replication was on nobody saw: on 0.5 s before it was "
		 "acknowledged, on 0.5 s after it, and off in between");
	/* What the fallback itself lets go is acknowledged before the next answer. */
	must_say(&t, 4500 * MS, LOSS_NOT_REPLICATED, "was on nobody saw: on 0.5 s before it was acknowledged, off 0.5 s after it");
	must_say(&t, 5500 * MS, LOSS_NOT_REPLICATED, "fallen back to asynchronous at least 0.5 s before it was acknowledged (by its answers)");
	must_say(&t, 6250 * MS, LOSS_NOT_REPLICATED, "was on nobody saw: off 0.2 s before it was acknowledged, off 0.2 s after it, and on in between");
	must_say(&t, 6900 * MS, LOSS_NOT_REPLICATED, "was on nobody saw: off 0.4 s before it was acknowledged, on 0.1 s after it");
	must_say(&t, 7500 * MS, LOSS_NOT_REPLICATED, "was on nobody saw: on 0.5 s before it was acknowledged, another process 0.5 s after it");
	/* However long ago its last answer was. */
	must_say(&t, 9000 * MS, LOSS_NOT_REPLICATED, "was on nobody saw: on 1.0 s before it was acknowledged, and no answer after it");
	tale_end(&t);

	/* That it had not been told to wait is no more than an answer, either. */
	goes(&t, node_down, "failover=runbook semi_sync=on");
	sample(&t, 2 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"a\"}");
	sample(&t, 3 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"run_id\":\"a\"}");
	tale_tell(&t, 0);
	must_say(&t, 2500 * MS, LOSS_NOT_REPLICATED, "; replication was asynchronous");
	must_say(&t, 4 * SEC, LOSS_NOT_REPLICATED, "was on nobody saw: not in use 1.0 s before it was acknowledged");
	tale_end(&t);

	/* A group has another way to agree. */
	goes(&t, node_down, "failover=group-replication");
	sample(&t, 2 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"group\":{\"view\":\"a:1\"}}");
	tale_tell(&t, 0);
	must_say(&t, 9 * SEC, LOSS_NOT_REPLICATED, "without it");
	tale_end(&t);
}

static void test_waited_by_log(void **state)
{
	char log[2000] = "";
	struct tale t;

	(void)state;
	goes(&t, node_down, "failover=runbook semi_sync=on");
	semi(&t, 2 * SEC, "a", true, 0);
	semi(&t, 8 * SEC, "a", false, 1);
	say(log, sizeof(log), 1 * SEC, "[System] [MY-010931] [Server] mysqld: ready for connections.");
	say(log, sizeof(log), 5 * SEC, "[Warning] [MY-011153] [Repl] Timeout waiting for reply of binlog");
	say(log, sizeof(log), 5001 * MS, "[Note] [MY-011155] [Repl] Semi-sync replication switched OFF.");
	keep_log(&t, "mysql-0", "mysql", log);
	tale_tell(&t, 0);
	must_say(&t, 9 * SEC, LOSS_NOT_REPLICATED, "fallen back to asynchronous 4.0 s before it was acknowledged (MY-011153, MY-011155 in its log)");
	/* Its log is there from before its answer until after the write, and has nothing. */
	must_say(&t, 4 * SEC, LOSS_NOT_REPLICATED, "; semi-synchronous replication was on, by its log: a replica had acknowledged it");
	tale_end(&t);

	/* The log that is kept is the new pod's, or ends before. */
	for (int i = 0; i < 2; i++) {
		*log = '\0';
		goes(&t, node_down, "failover=runbook semi_sync=on");
		semi(&t, 2 * SEC, "a", true, 0);
		say(log, sizeof(log), i ? 3 * SEC : 1 * SEC, "[System] [MY-010931] [Server] mysqld: ready for connections.");
		say(log, sizeof(log), i ? 30 * SEC : 3 * SEC, "[Note] [MY-011170] [Repl] Start semi-sync binlog_dump to replica");
		keep_log(&t, "mysql-0", "mysql", log);
		tale_tell(&t, 0);
		must_say(&t, 4 * SEC, LOSS_NOT_REPLICATED, "whether semi-synchronous replication was on nobody saw");
		tale_end(&t);
	}

	/* What its last process had come to is nothing of this one's. */
	*log = '\0';
	goes(&t, node_down, "failover=runbook semi_sync=on");
	say(log, sizeof(log), 1 * SEC, "[Note] [MY-011155] [Repl] Semi-sync replication switched OFF.");
	keep_log(&t, "mysql-0", "mysql", log);
	*log = '\0';
	say(log, sizeof(log), 3 * SEC, "[System] [MY-010116] [Server] mysqld starting as process 7");
	keep_log(&t, "mysql-0", "mysql", log);
	tale_tell(&t, 0);
	must_say(&t, 2 * SEC, LOSS_NOT_REPLICATED, "1.0 s before it was acknowledged (MY-011153");
	must_say(&t, 4 * SEC, LOSS_NOT_REPLICATED, "whether semi-synchronous replication was on nobody saw");
	tale_end(&t);
}

/* ---- how it came back ---- */

/* What the agent or the members name may be long: whole runs are told, and that there are more. */
static void test_errant_is_cut_off_between_runs(void **state)
{
	char gtids[1600] = UUID_0, line[1800], log[2000] = "", *end;
	struct recovery_info info;
	struct tale t;

	(void)state;
	for (int i = 100; i < 220; i += 2)
		snprintf(gtids + strlen(gtids), sizeof(gtids) - strlen(gtids), ":%d00-%d77", i, i);
	for (int by_agent = 0; by_agent < 2; by_agent++) {
		tale_begin(&t, kill_primary, "failover=runbook");
		snprintf(line, sizeof(line), "{\"errant\":\"%s\"}", gtids);
		sample(&t, 20 * SEC, "mysql-0", ROLE_REPLICA, false, by_agent ? NULL : line);
		json_set_i64(cJSON_GetArrayItem(t.events, cJSON_GetArraySize(t.events) - 1), "lag_tx", 0);
		sample(&t, 20 * SEC + 10 * MS, "mysql-1", ROLE_PRIMARY, true, "{}");
		snprintf(line, sizeof(line), "{\"event\": \"errant\", \"who\": \"mysql-0\", \"gtids\": \"%s\", \"source\": \"mysql-1\"}", gtids);
		say(log, sizeof(log), 21 * SEC, line);
		if (by_agent)
			keep_log(&t, "mysql-0", "agent", log);
		tale_tell(&t, 0);
		model_mysql.resync(&t.ev, 10 * SEC, 40 * SEC, true, &info);
		end = strrchr(info.how, ':');
		assert_non_null(strstr(info.how, "4680 errant transactions"));
		assert_non_null(end);
		assert_string_equal(end, ":...");
		*end = '\0';
		assert_string_equal(info.how + strlen(info.how) - 2, "77");
		tale_end(&t);
	}
}

/* The members follow again, and have not applied all that they follow. */
static void test_behind(void **state)
{
	struct recovery_info info;
	struct tale t;
	cJSON *e;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook");
	for (int64_t at = 9 * SEC; at < 40 * SEC; at += 500 * MS) {
		sample(&t, at, "mysql-1", ROLE_REPLICA, false, "{\"queued_n\":2036,\"source\":{\"receiver\":\"on\"}}");
		e = cJSON_GetArrayItem(t.events, cJSON_GetArraySize(t.events) - 1);
		json_set_i64(e, "lag_tx", 2040);
	}
	tale_tell(&t, 0);
	model_mysql.resync(&t.ev, 10 * SEC, 39 * SEC, true, &info);
	assert_string_equal(info.resync, "none");
	assert_string_equal(info.how, "every member followed all the time; mysql-1 was 2040 transactions behind then");
	tale_end(&t);
}

static void test_resync(void **state)
{
	struct recovery_info info;
	char log[600] = "";
	struct tale t;

	(void)state;
	tale_begin(&t, kill_primary, "failover=runbook");
	sample(&t, 9 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"cloned\":\"a\"}");
	sample(&t, 20 * SEC, "mysql-0", ROLE_UNKNOWN, false, NULL);
	sample(&t, 30 * SEC, "mysql-0", ROLE_REPLICA, false, "{\"cloned\":\"a\",\"source\":{\"receiver\":\"on\"}}");
	tale_tell(&t, 0);
	model_mysql.resync(&t.ev, 10 * SEC, 40 * SEC, true, &info);
	assert_string_equal(info.resync, "incremental");
	model_mysql.resync(&t.ev, 25 * SEC, 40 * SEC, true, &info);
	assert_string_equal(info.resync, "");
	assert_string_equal(info.how, "nobody asked mysql-0 for 5.0 s, from 0.0 s after the fault on");
	model_mysql.resync(&t.ev, 29 * SEC, 31 * SEC, true, &info);
	assert_string_equal(info.resync, "none");
	tale_end(&t);

	tale_begin(&t, kill_primary, "failover=runbook");
	sample(&t, 9 * SEC, "mysql-0", ROLE_PRIMARY, true, "{\"cloned\":\"a\"}");
	sample(&t, 20 * SEC, "mysql-0", ROLE_UNKNOWN, false, NULL);
	sample(&t, 30 * SEC, "mysql-0", ROLE_REPLICA, false, "{\"cloned\":\"b\",\"source\":{\"receiver\":\"on\"}}");
	say(log, sizeof(log), 21 * SEC, "{\"event\": \"errant\", \"who\": \"mysql-0\", \"gtids\": \"" UUID_0 ":101-103\", \"source\": \"mysql-1\", \"action\": \"clone\"}");
	keep_log(&t, "mysql-0", "agent", log);
	tale_tell(&t, 0);
	model_mysql.resync(&t.ev, 10 * SEC, 40 * SEC, true, &info);
	assert_string_equal(info.resync, "clone");
	assert_non_null(strstr(info.how, "mysql-0 had 3 errant transactions, which mysql-1 never had: " UUID_0 ":101-103"));
	tale_end(&t);

	*log = '\0';
	tale_begin(&t, kill_primary, "failover=runbook");
	say(log, sizeof(log), 21 * SEC, "{\"event\": \"halted\", \"reason\": \"diverged\"}");
	keep_log(&t, "mysql-failover-abc", "controller", log);
	tale_tell(&t, 0);
	model_mysql.resync(&t.ev, 10 * SEC, 40 * SEC, false, &info);
	assert_string_equal(info.resync, "");
	assert_string_equal(info.how, "the runbook halted: diverged");
	tale_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_waited_by_answers),
		cmocka_unit_test(test_waited_by_log),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_errant_is_cut_off_between_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
