#include "system/mysql/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/mysql/conn.h"
#include "system/mysql/gtid.h"
#include "system/mysql/role.h"

/* Once a replica has answered, a mute source must not make that old. */
#define SOURCE_MAX_NS (150 * NS_PER_MS)

struct probe {
	struct my_login login;
	struct my_conn *conn;
	/* Of this connection's server. */
	char run_id[40], cloned[40], version[24], plugins[8];
	char *sql;
	/* A replica's source, or a group's primary, is asked right after it. */
	struct my_login source;
	struct my_conn *source_conn;
	int64_t whole_ns; /* it last had all that its source had; 0: never seen so */
};

/* Of the whole process, asked once a connection, which no process outlives: when it
 * began (performance_schema.error_log has what it logged since), and which plugins have
 * variables: "s" a semi-synchronous source's, "g" a group's. To look for a variable takes
 * the server 1.3 ms, to read one that is there nothing. */
static const char *const sql_process =
	"SELECT @@version, (SELECT DATE_FORMAT(MIN(LOGGED), '%Y-%m-%dT%H:%i:%s.%f') "
	"FROM performance_schema.error_log WHERE ERROR_CODE = 'MY-010116'), "
	"(SELECT GROUP_CONCAT(IF(VARIABLE_NAME LIKE 'rpl%', 's', 'g') SEPARATOR '') FROM performance_schema.global_variables "
	"WHERE VARIABLE_NAME IN ('rpl_semi_sync_source_enabled', 'group_replication_group_name'))";
/* Fails where the clone plugin is not loaded. */
static const char *const sql_clone =
	"SELECT DATE_FORMAT(BEGIN_TIME, '%Y-%m-%dT%H:%i:%s.%f') FROM performance_schema.clone_status "
	"WHERE STATE = 'Completed'";

#define STATUS(name) "(SELECT VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME = '" name "')"
#define APPLIERS "performance_schema.replication_applier_status_by_worker " \
	"WHERE CHANNEL_NAME IN ('', 'group_replication_applier')"

/* An idle worker applies nothing: ''. With the columns that a semi-synchronous source has,
 * and that a group has. */
#define QUESTION \
	"SELECT " MY_ROLE_COLUMNS ", @@server_uuid, @@GLOBAL.gtid_executed, @@GLOBAL.gtid_purged, " \
	STATUS("Threads_connected") ", " \
	STATUS("Rpl_semi_sync_source_status") ", " STATUS("Rpl_semi_sync_source_clients") ", " \
	STATUS("Rpl_semi_sync_source_no_times") ", %s, " \
	STATUS("Rpl_semi_sync_replica_status") ", " \
	"c.HOST, c.PORT, s.SOURCE_UUID, s.SERVICE_STATE, a.SERVICE_STATE, s.RECEIVED_TRANSACTION_SET, " \
	"CONCAT(s.LAST_ERROR_NUMBER, ': ', LEFT(s.LAST_ERROR_MESSAGE, 200)), " \
	"(SELECT CONCAT(LAST_ERROR_NUMBER, ': ', LEFT(LAST_ERROR_MESSAGE, 200)) FROM " APPLIERS \
	" AND LAST_ERROR_NUMBER <> 0 LIMIT 1), " \
	"(SELECT MAX(TIMESTAMPDIFF(MICROSECOND, APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP, NOW(6))) FROM " \
	APPLIERS " AND APPLYING_TRANSACTION <> ''), " \
	"(SELECT MIN(TIMESTAMPDIFF(MICROSECOND, LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP, NOW(6))) FROM " \
	APPLIERS " AND LAST_APPLIED_TRANSACTION <> ''), " \
	"g.VIEW_ID, g.COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE, %s, " \
	"(SELECT CONCAT(MEMBER_HOST, ':', MEMBER_PORT) FROM performance_schema.replication_group_members " \
	"WHERE MEMBER_ROLE = 'PRIMARY' LIMIT 1), " \
	"(SELECT JSON_OBJECTAGG(CONCAT(MEMBER_HOST, ':', MEMBER_PORT), MEMBER_STATE) " \
	"FROM performance_schema.replication_group_members WHERE MEMBER_STATE <> 'OFFLINE'), " \
	"(SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status " \
	"WHERE CHANNEL_NAME = 'group_replication_applier') " \
	"FROM (SELECT 1) one " \
	"LEFT JOIN performance_schema.replication_connection_configuration c ON c.CHANNEL_NAME = '' AND c.HOST <> '' " \
	"LEFT JOIN performance_schema.replication_connection_status s ON s.CHANNEL_NAME = c.CHANNEL_NAME " \
	"LEFT JOIN performance_schema.replication_applier_status a ON a.CHANNEL_NAME = c.CHANNEL_NAME " \
	"LEFT JOIN performance_schema.replication_group_member_stats g ON g.MEMBER_ID = @@server_uuid"

enum column {
	UUID = MY_ROLE_COLUMNS_N,
	EXECUTED,
	PURGED,
	THREADS,
	SEMI_STATUS,
	SEMI_CLIENTS,
	SEMI_NO_TIMES,
	SEMI_ENABLED,
	SEMI_COUNT,
	SEMI_REPLICA,
	HOST,
	PORT,
	SOURCE_UUID,
	RECEIVER,
	APPLIER,
	RECEIVED,
	RECEIVER_ERROR,
	APPLIER_ERROR,
	APPLYING_US,
	APPLIED_US,
	VIEW,
	QUEUE,
	GROUP_NAME,
	GROUP_PRIMARY,
	GROUP_MEMBERS,
	GROUP_RECEIVED,
};

struct probe *mysql_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	my_login_from(&p->login, acc, "probe_user", "probe_password");
	p->source = p->login;
	mem_copy_str(p->login.host, sizeof(p->login.host), m->host);
	return p;
}

static void drop(struct my_conn **c)
{
	my_drop(*c);
	*c = NULL;
}

void mysql_probe_free(struct probe *p)
{
	drop(&p->conn);
	free(p->sql);
	drop(&p->source_conn);
	free(p);
}

/* ---- what a row has ---- */

static int64_t number(const char *text)
{
	return text && *text ? strtoll(text, NULL, 10) : -1;
}

static bool is_on(const char *text)
{
	return text && (!strcmp(text, "ON") || !strcmp(text, "1"));
}

/* "0: " is no error. */
static void set_error(cJSON *o, const char *key, const char *text)
{
	if (text && strncmp(text, "0:", 2))
		json_set_str(o, key, text);
}

static void set_lower(cJSON *o, const char *key, const char *text)
{
	char low[24];
	size_t n = 0;

	for (; text && text[n] && n + 1 < sizeof(low); n++)
		low[n] = (char)(text[n] >= 'A' && text[n] <= 'Z' ? text[n] - 'A' + 'a' : text[n]);
	low[n] = '\0';
	if (text)
		json_set_str(o, key, low);
}

static void set_text(cJSON *o, const char *key, const struct gtid_set *s)
{
	char *text = gtid_text(s);

	json_set_str(o, key, text);
	free(text);
}

static void fill_semi(char *const *row, cJSON *x)
{
	cJSON *semi;

	if (is_on(row[SEMI_ENABLED])) {
		semi = cJSON_CreateObject();
		json_set_bool(semi, "on", is_on(row[SEMI_STATUS]));
		json_set_i64(semi, "clients", number(row[SEMI_CLIENTS]));
		json_set_i64(semi, "wait_for", number(row[SEMI_COUNT]));
		json_set_i64(semi, "no", number(row[SEMI_NO_TIMES]));
		json_set(x, "semi", semi);
	}
	if (is_on(row[SEMI_REPLICA]))
		json_set_bool(x, "semi_replica", true);
}

static void fill_source(char *const *row, cJSON *x)
{
	cJSON *source;

	if (!row[HOST])
		return;
	source = cJSON_CreateObject();
	json_set_str(source, "host", row[HOST]);
	json_set_str(source, "uuid", row[SOURCE_UUID] ? row[SOURCE_UUID] : "");
	set_lower(source, "receiver", row[RECEIVER]);
	set_lower(source, "applier", row[APPLIER]);
	set_error(source, "error", row[RECEIVER_ERROR]);
	set_error(source, "applier_error", row[APPLIER_ERROR]);
	json_set(x, "source", source);
}

static void fill_group(char *const *row, const struct my_role *role, struct sample *s)
{
	const char *counter = row[VIEW] ? strchr(row[VIEW], ':') : NULL;
	cJSON *group, *members;

	if (!*role->group_state)
		return;
	group = cJSON_CreateObject();
	json_set_str(group, "state", role->group_state);
	set_lower(group, "role", role->group_role);
	json_set_bool(group, "majority", role->majority);
	if (row[VIEW])
		json_set_str(group, "view", row[VIEW]);
	if (row[GROUP_PRIMARY])
		json_set_str(group, "primary", row[GROUP_PRIMARY]);
	json_set_i64(group, "queue", number(row[QUEUE]));
	members = row[GROUP_MEMBERS] ? cJSON_Parse(row[GROUP_MEMBERS]) : NULL;
	if (members)
		json_set(group, "members", members);
	set_error(group, "applier_error", row[APPLIER_ERROR]);
	json_set(s->extra, "group", group);
	s->timeline = counter ? number(counter + 1) : -1;
}

/* What was received and not executed. A group's received set has also what its own
 * member made. */
static void fill_queued(char *const *row, const struct gtid_set *executed, struct sample *s)
{
	const char *text = row[HOST] ? row[RECEIVED] : row[GROUP_RECEIVED];
	struct gtid_set received, queued;

	if (!text || !gtid_parse(text, &received))
		return;
	gtid_subtract(&received, executed, &queued);
	if (queued.n) {
		set_text(s->extra, "queued", &queued);
		json_set_i64(s->extra, "queued_n", gtid_count(&queued));
	}
	gtid_free(&received);
	gtid_free(&queued);
}

static bool fill(struct probe *p, char *const *row, struct gtid_set *executed, struct sample *s)
{
	cJSON *x = s->extra;
	struct gtid_set purged;
	struct my_role role;

	if (!row[UUID] || !row[EXECUTED] || !gtid_parse(row[EXECUTED], executed)) {
		snprintf(s->error, sizeof(s->error), "query: no GTIDs in the answer");
		return false;
	}
	my_role_read(&role, row);
	s->ok = true;
	s->role = my_role_of(&role);
	s->writable = my_role_writable(&role);
	if (*p->run_id)
		json_set_str(x, "run_id", p->run_id);
	json_set_str(x, "version", p->version);
	json_set_str(x, "uuid", row[UUID]);
	if (*p->cloned)
		json_set_str(x, "cloned", p->cloned);
	if (role.read_only || role.super_read_only)
		json_set_bool(x, "read_only", true);
	if (role.offline)
		json_set_bool(x, "offline", true);
	set_text(x, "executed", executed);
	if (row[PURGED] && gtid_parse(row[PURGED], &purged)) {
		if (purged.n)
			set_text(x, "purged", &purged);
		gtid_free(&purged);
	}
	json_set_i64(x, "threads", number(row[THREADS]));
	fill_semi(row, x);
	fill_source(row, x);
	fill_group(row, &role, s);
	fill_queued(row, executed, s);
	return true;
}

/* ---- a replica against its source ---- */

/* Whom to ask: "host:port" of a group's primary, or the channel's. */
static bool locate_source(struct probe *p, char *const *row, const struct sample *s)
{
	const char *primary = row[GROUP_PRIMARY], *colon = primary ? strrchr(primary, ':') : NULL;
	char host[256];
	int port;

	if (s->role != ROLE_REPLICA || (!row[HOST] && !colon))
		return false;
	if (row[HOST]) {
		mem_copy_str(host, sizeof(host), row[HOST]);
		port = (int)number(row[PORT]);
	} else {
		snprintf(host, sizeof(host), "%.*s", (int)(colon - primary), primary);
		port = (int)number(colon + 1);
	}
	if (strcmp(host, p->source.host) || port != p->source.port) {
		drop(&p->source_conn);
		p->whole_ns = 0;
	}
	mem_copy_str(p->source.host, sizeof(p->source.host), host);
	p->source.port = port;
	return true;
}

/* A source's own newest may be on a replica before they are in its gtid_executed: with
 * AFTER_SYNC, and in a group always, it commits once others have them. */
static void compare(const struct gtid_set *mine, const struct gtid_set *its, const char *uuid,
		    const char *group, struct sample *s)
{
	cJSON *x = s->extra;
	struct gtid_set missing, errant, ahead, of_group = {0};

	gtid_subtract(its, mine, &missing);
	s->lag_tx = gtid_count(&missing);
	gtid_subtract(mine, its, &errant);
	gtid_subtract(mine, its, &ahead);
	gtid_keep(&errant, uuid, false);
	gtid_keep(&ahead, uuid, true);
	if (group) {
		gtid_subtract(mine, its, &of_group);
		if (gtid_keep(&of_group, group, true)) {
			gtid_keep(&errant, group, false);
			gtid_add(&ahead, &of_group);
		}
	}
	if (errant.n)
		set_text(x, "errant", &errant);
	if (ahead.n)
		set_text(x, "ahead", &ahead);
	gtid_free(&missing);
	gtid_free(&errant);
	gtid_free(&ahead);
	gtid_free(&of_group);
}

/* Whether the server at its source's address is not the one that it follows, but one on an empty
 * volume, say. Before it has reached any, it follows none. */
static bool another(char *const *row, const char *uuid)
{
	return row[HOST] && row[SOURCE_UUID] && *row[SOURCE_UUID] && strcmp(row[SOURCE_UUID], uuid);
}

static void ask_source(struct probe *p, char *const *row, const struct gtid_set *mine,
		       struct sample *s, int64_t until_ns)
{
	struct my_cost cost = {0};
	struct gtid_set its;
	MYSQL_RES *res = NULL;
	MYSQL_ROW told = NULL;
	char why[OP_ERROR_MAX] = "";

	if (p->source_conn && my_gone(p->source_conn))
		drop(&p->source_conn);
	if (!p->source_conn)
		p->source_conn = my_open(&p->source, until_ns, &cost, why, sizeof(why));
	if (p->source_conn && my_query(p->source_conn, "SELECT @@GLOBAL.gtid_executed", until_ns, &res, why,
				       sizeof(why)) == MY_ANSWERED && res)
		told = mysql_fetch_row(res);
	if (told && another(row, p->source_conn->uuid)) {
		json_set_str(s->extra, "source_err", "another server answers at its source's address");
	} else if (told && told[0] && gtid_parse(told[0], &its)) {
		compare(mine, &its, p->source_conn->uuid,
			row[GROUP_MEMBERS] ? row[GROUP_NAME] : NULL, s);
		gtid_free(&its);
	} else {
		json_set_str(s->extra, "source_err", *why ? why : "no GTIDs in the answer");
		drop(&p->source_conn);
	}
	mysql_free_result(res);
}

/* A source's clock may be ahead of the replica's. */
static int64_t age_ns(const char *us)
{
	int64_t age = us ? strtoll(us, NULL, 10) * 1000 : 0;

	return age > 0 ? age : 0;
}

/* Since the oldest transaction that it lacks was committed. Where none is being applied (it waits
 * for more, or holds it back) that was after the newest one that it has, and after it was last
 * seen to have all, whichever is later: an outage without writes is no lag. */
static void set_lag(struct probe *p, char *const *row, struct sample *s)
{
	bool connected = row[HOST] ? is_on(row[RECEIVER]) : row[GROUP_RECEIVED] != NULL;
	int64_t since = p->whole_ns ? s->t_ns - p->whole_ns : -1;
	int64_t newest = row[APPLIED_US] ? age_ns(row[APPLIED_US]) : since;

	if (s->role != ROLE_REPLICA || s->lag_tx == 0)
		p->whole_ns = s->lag_tx == 0 ? s->t_ns : 0;
	if (s->role != ROLE_REPLICA || !connected)
		return;
	if (s->lag_tx == 0)
		s->lag_ns = 0;
	else if (row[APPLYING_US])
		s->lag_ns = age_ns(row[APPLYING_US]);
	else if (s->lag_tx > 0)
		s->lag_ns = since < 0 || newest < since ? newest : since;
}

/* ---- the question ---- */

static void once(struct probe *p, const char *sql, int64_t until_ns, char *const *out,
		 const size_t *sizes, int n)
{
	MYSQL_RES *res = NULL;
	MYSQL_ROW row = NULL;
	char why[OP_ERROR_MAX];

	if (my_query(p->conn, sql, until_ns, &res, why, sizeof(why)) == MY_ANSWERED && res)
		row = mysql_fetch_row(res);
	for (int i = 0; i < n; i++)
		mem_copy_str(out[i], sizes[i], row && row[i] ? row[i] : "");
	mysql_free_result(res);
}

static bool opened(struct probe *p, struct sample *s, int64_t until_ns)
{
	struct my_cost cost = {0};

	if (p->conn && my_gone(p->conn))
		drop(&p->conn);
	if (p->conn)
		return true;
	p->conn = my_open(&p->login, until_ns, &cost, s->error, sizeof(s->error));
	json_set_num(s->extra, "dns_ms", (double)(cost.dns_ns / 1000) / 1000);
	s->closed = !p->conn && my_closed(s->error);
	if (p->conn) {
		once(p, sql_process, until_ns, (char *const[]){p->version, p->run_id, p->plugins},
		     (const size_t[]){sizeof(p->version), sizeof(p->run_id), sizeof(p->plugins)},
		     3);
		once(p, sql_clone, until_ns, (char *const[]){p->cloned},
		     (const size_t[]){sizeof(p->cloned)}, 1);
		free(p->sql);
		p->sql = mem_fmt(QUESTION, strchr(p->plugins, 's') ? "@@GLOBAL.rpl_semi_sync_source_enabled, "
				 "@@GLOBAL.rpl_semi_sync_source_wait_for_replica_count" : "NULL, NULL",
				 strchr(p->plugins, 'g') ? "@@GLOBAL.group_replication_group_name" : "NULL");
	}
	return p->conn;
}

void mysql_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t from = clock_mono_ns(), until_ns = from + timeout_ns;
	struct gtid_set executed = {0};
	MYSQL_RES *res = NULL;
	MYSQL_ROW row = NULL;
	bool good = false;

	s->extra = cJSON_CreateObject();
	if (opened(p, s, until_ns) &&
	    my_query(p->conn, p->sql, until_ns, &res, s->error, sizeof(s->error)) == MY_ANSWERED &&
	    res)
		row = mysql_fetch_row(res);
	good = row && fill(p, row, &executed, s);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	if (s->t_ns + SOURCE_MAX_NS < until_ns)
		until_ns = s->t_ns + SOURCE_MAX_NS;
	if (good && locate_source(p, row, s))
		ask_source(p, row, &executed, s, until_ns);
	else if (!good)
		drop(&p->conn);
	if (good)
		set_lag(p, row, s);
	mysql_free_result(res);
	gtid_free(&executed);
}
