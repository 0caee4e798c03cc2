#include "system/mysql/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/mysql/route.h"

#define SOURCE "MySQL's global variables"

static const struct knob {
	const char *variable, *name, *unit;
} knobs[] = {
	{"innodb_flush_log_at_trx_commit", "innodb_flush_log_at_trx_commit", "count"},
	{"sync_binlog", "sync_binlog", "count"},
	{"rpl_semi_sync_source_enabled", "semi_sync", "word"},
	{"rpl_semi_sync_source_timeout", "semi_sync_timeout", "ms"},
	{"rpl_semi_sync_source_wait_point", "semi_sync_wait_point", "word"},
	{"rpl_semi_sync_source_wait_for_replica_count", "semi_sync_replicas", "count"},
	{"replica_preserve_commit_order", "replica_preserve_commit_order", "word"},
	{"replica_parallel_workers", "replica_parallel_workers", "count"},
	{"group_replication_member_expel_timeout", "member_expel_timeout", "s"},
	{"group_replication_unreachable_majority_timeout", "unreachable_majority_timeout", "s"},
	{"group_replication_consistency", "consistency", "word"},
	{"group_replication_exit_state_action", "exit_state_action", "word"},
	{"group_replication_autorejoin_tries", "autorejoin_tries", "count"},
	{"version", "server_version", "word"},
	{"gtid_mode", "gtid_mode", "word"},
	{"binlog_format", "binlog_format", "word"},
	{"log_replica_updates", "log_replica_updates", "word"},
	{"replica_net_timeout", "replica_net_timeout", "s"},
	{"max_connections", "max_connections", "count"},
	{"innodb_buffer_pool_size", "innodb_buffer_pool_size", "bytes"},
	{"innodb_doublewrite", "innodb_doublewrite", "word"},
	{"group_replication_paxos_single_leader", "paxos_single_leader", "word"},
};

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

static void add(cJSON *out, const char *variable, const char *value)
{
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		if (strcmp(knobs[i].variable, variable))
			continue;
		mem_copy_str(text, sizeof(text), value);
		lower(text);
		setting_add(out, knobs[i].name, text, knobs[i].unit, SOURCE);
	}
}

/* "SELECT ... WHERE VARIABLE_NAME IN ('a', 'b')", in the order of the table. */
static void question(char *out, size_t size)
{
	int n = snprintf(out, size, "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.global_variables "
			 "WHERE VARIABLE_NAME IN (");

	for (size_t i = 0; i < ARRAY_LEN(knobs) && n > 0 && (size_t)n < size; i++)
		n += snprintf(out + n, size - (size_t)n, "%s'%s'", i ? ", " : "", knobs[i].variable);
	if (n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, ") ORDER BY VARIABLE_NAME");
}

int mysql_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 5 * NS_PER_S;
	const char *hosts = json_str(acc->conf, "write_host", ""), *failover = json_str(acc->conf, "failover", NULL);
	char sql[2048], why[OP_ERROR_MAX] = "";
	MYSQL_RES *res = NULL;
	struct my_route r;
	struct my_login l;
	struct my_find find;
	struct my_conn *c;
	MYSQL_ROW row;
	int n = 0;

	my_login_from(&l, acc, "probe_user", "probe_password");
	my_route_from(&r, &l, hosts, MY_WRITES);
	question(sql, sizeof(sql));
	c = my_route_open(&r, until_ns, &find, why, sizeof(why));
	if (c && my_query(c, sql, until_ns, &res, why, sizeof(why)) == MY_ANSWERED && res) {
		for (; (row = mysql_fetch_row(res)); n++)
			add(out, row[0], row[1] ? row[1] : "");
	}
	mysql_free_result(res);
	my_drop(c);
	if (failover)
		setting_add(out, "failover", failover, "word", "the fixture's access.yaml");
	return n ? 0 : err_set(e, ERR_BROKEN, "MySQL's settings at %.100s: %s", hosts, why);
}
