#include "test/lib/mysql_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "system/mysql/conn.h"
#include "test/lib/server_port.h"

#define LIMIT_NS (120 * NS_PER_S)

/* Idempotent, for it runs at each start. */
static const char accounts[] =
	"SET SESSION sql_log_bin = 0;\n"
	"CREATE USER IF NOT EXISTS admin@'%' IDENTIFIED BY 'secret';\n"
	"GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n"
	"CREATE USER IF NOT EXISTS ordeal@'%' IDENTIFIED BY 'secret';\n"
	"GRANT ALL ON ordeal.* TO ordeal@'%';\n"
	"GRANT SELECT ON performance_schema.replication_group_members TO ordeal@'%';\n"
	"CREATE USER IF NOT EXISTS probe@'%' IDENTIFIED BY 'secret';\n"
	"GRANT SELECT ON performance_schema.* TO probe@'%';\n"
	"GRANT SELECT ON ordeal.* TO probe@'%';\n"
	"GRANT CONNECTION_ADMIN, REPLICATION CLIENT, PROCESS ON *.* TO probe@'%';\n"
	"CREATE USER IF NOT EXISTS repl@'%' IDENTIFIED BY 'secret';\n"
	"GRANT REPLICATION SLAVE, BACKUP_ADMIN, GROUP_REPLICATION_STREAM, CONNECTION_ADMIN ON *.* TO repl@'%';\n";

static bool program(char out[PATH_MAX])
{
	char root[PATH_MAX - 32];
	struct err e = {0};

	if (file_project_root(root, &e))
		return false;
	snprintf(out, PATH_MAX, "%s/build/mysql/bin/mysqld", root);
	return file_exists(out);
}

const char *mysql_server_missing(void)
{
	char path[PATH_MAX];

	return program(path) ? NULL : "there is no build/mysql (make build/mysql)";
}

static void login(const struct mysql_server *s, struct my_login *l)
{
	memset(l, 0, sizeof(*l));
	mem_copy_str(l->host, sizeof(l->host), s->ip);
	l->port = s->port;
	l->user = "admin";
	l->password = "secret";
	l->database = "";
}

static char *first_value(struct my_conn *c, const char *sql, int64_t until_ns)
{
	MYSQL_RES *res = NULL;
	char why[OP_ERROR_MAX], *out = NULL;
	MYSQL_ROW row = NULL;

	if (my_query(c, sql, until_ns, &res, why, sizeof(why)) == MY_ANSWERED) {
		row = res ? mysql_fetch_row(res) : NULL;
		out = mem_strdup(row && row[0] ? row[0] : "");
	} else {
		fprintf(stderr, "%s: %s\n", sql, why);
	}
	mysql_free_result(res);
	return out;
}

struct my_conn *mysql_server_conn(const struct mysql_server *s)
{
	struct my_cost cost = {0};
	struct my_login l;
	struct my_conn *c;
	char why[OP_ERROR_MAX];

	login(s, &l);
	c = my_open(&l, clock_mono_ns() + LIMIT_NS, &cost, why, sizeof(why));
	if (!c)
		fprintf(stderr, "%s\n", why);
	return c;
}

char *mysql_server_sql(const struct mysql_server *s, bool quiet, const char *sql)
{
	int64_t until_ns = clock_mono_ns() + LIMIT_NS;
	struct my_conn *c = mysql_server_conn(s);
	char *out = NULL;

	if (c && quiet)
		free(first_value(c, "SET SESSION sql_log_bin = 0", until_ns));
	if (c)
		out = first_value(c, sql, until_ns);
	my_drop(c);
	return out;
}

bool mysql_server_until(const struct mysql_server *s, const char *sql, const char *want)
{
	int64_t end_ns = clock_mono_ns() + LIMIT_NS / 2;
	char last[200] = "";
	bool same = false;

	while (!same && clock_mono_ns() < end_ns) {
		char *v = mysql_server_sql(s, false, sql);

		same = v && !strcmp(v, want);
		mem_copy_str(last, sizeof(last), v ? v : "(error)");
		free(v);
		clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	if (!same)
		fprintf(stderr, "never became %s, but %s: %s\n", want, last, sql);
	return same;
}

bool mysql_server_logged(const struct mysql_server *s, const char *code, int64_t within_ns)
{
	int64_t end_ns = clock_mono_ns() + within_ns;
	char path[PATH_MAX];
	struct err e = {0};
	bool has = false;

	snprintf(path, sizeof(path), "%s/log", s->dir);
	do {
		struct buf b = {0};

		has = !file_read(path, &b, &e) && strstr(buf_cstr(&b), code);
		buf_free(&b);
		if (!has && within_ns)
			clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
	} while (!has && clock_mono_ns() < end_ns);
	return has;
}

static bool answers(const struct mysql_server *s)
{
	struct my_cost cost = {0};
	struct my_login l;
	struct my_conn *c;
	char why[OP_ERROR_MAX];

	login(s, &l);
	c = my_open(&l, clock_mono_ns() + 5 * NS_PER_S, &cost, why, sizeof(why));
	my_drop(c);
	return c;
}

int mysql_server_start(struct mysql_server *s)
{
	char path[PATH_MAX], log[PATH_MAX], own[12][PATH_MAX];
	const char *argv[40] = {path, "--no-defaults", "--user=root", "--mysqlx=OFF", "--gtid-mode=ON",
				"--enforce-gtid-consistency=ON", "--skip-name-resolve", "--log-error-verbosity=3",
				"--log-timestamps=UTC", "--innodb-buffer-pool-size=32M", "--sync-binlog=0",
				"--innodb-flush-log-at-trx-commit=2", "--table-open-cache=200", "--max-connections=60",
				"--replica-net-timeout=4"};
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	struct err e = {0};
	size_t n = 15, k = 0;
	bool up = false;

	if (!program(path))
		return -1;
	snprintf(log, sizeof(log), "%s/log", s->dir);
	snprintf(own[k++], PATH_MAX, "--datadir=%s/data", s->dir);
	snprintf(own[k++], PATH_MAX, "--socket=%s/s", s->dir);
	snprintf(own[k++], PATH_MAX, "--pid-file=%s/pid", s->dir);
	snprintf(own[k++], PATH_MAX, "--init-file=%s/accounts.sql", s->dir);
	snprintf(own[k++], PATH_MAX, "--bind-address=%s", s->ip);
	snprintf(own[k++], PATH_MAX, "--report-host=%s", s->ip);
	snprintf(own[k++], PATH_MAX, "--port=%d", s->port);
	snprintf(own[k++], PATH_MAX, "--server-id=%u", s->id);
	for (size_t i = 0; i < k; i++)
		argv[n++] = own[i];
	for (size_t i = 0; i < ARRAY_LEN(s->options) && *s->options[i]; i++)
		argv[n++] = s->options[i];
	if (proc_start(argv, log, &s->pid, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	while (!up && clock_mono_ns() < end_ns && proc_alive(s->pid)) {
		clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
		up = answers(s);
	}
	if (!up)
		server_tell_log("MySQL", log);
	return up ? 0 : -1;
}

static int must(const char *const argv[])
{
	struct err e = {0};

	if (!proc_must(argv, NULL, LIMIT_NS, NULL, &e))
		return 0;
	fprintf(stderr, "%s\n", e.msg);
	return -1;
}

static int make_data(const struct mysql_server *s, const struct mysql_server *like)
{
	char path[PATH_MAX], data[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	const char *const fresh[] = {path, "--no-defaults", "--initialize-insecure", "--user=root", data, NULL};
	const char *const copy[] = {"cp", "-a", from, to, NULL};

	if (!program(path))
		return -1;
	snprintf(data, sizeof(data), "--datadir=%s/data", s->dir);
	if (!like)
		return must(fresh);
	snprintf(from, sizeof(from), "%s/data", like->dir);
	snprintf(to, sizeof(to), "%s/data", s->dir);
	if (must(copy))
		return -1;
	snprintf(to, sizeof(to), "%s/data/auto.cnf", s->dir); /* holds its server_uuid */
	return unlink(to);
}

int mysql_server_new(struct mysql_server *s, unsigned id, int port, const char *const options[],
		     const struct mysql_server *like)
{
	char path[PATH_MAX];
	struct err e = {0};

	memset(s, 0, sizeof(*s));
	s->id = id;
	s->port = port ? port : server_port();
	snprintf(s->ip, sizeof(s->ip), "127.0.0.%u", id);
	for (size_t i = 0; options && options[i] && i < ARRAY_LEN(s->options); i++)
		mem_copy_str(s->options[i], sizeof(s->options[i]), options[i]);
	mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-mysql-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(path, sizeof(path), "%s/accounts.sql", s->dir);
	if (file_write_atomic(path, accounts, sizeof(accounts) - 1, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return make_data(s, like) || mysql_server_start(s) ? -1 : 0;
}

void mysql_server_signal(const struct mysql_server *s, int sig)
{
	server_signal(s->pid, sig);
}

void mysql_server_stop(struct mysql_server *s)
{
	if (s->pid > 0)
		proc_stop(s->pid, LIMIT_NS);
	s->pid = 0;
}

void mysql_server_free(struct mysql_server *s)
{
	struct err e = {0};

	if (s->pid > 0)
		proc_stop(s->pid, 0);
	s->pid = 0;
	if (s->dir[0] && file_remove_tree(s->dir, &e))
		fprintf(stderr, "%s\n", e.msg);
}

int mysql_server_follow(const struct mysql_server *s, const struct mysql_server *source)
{
	char sql[400], *told;
	bool good;

	snprintf(sql, sizeof(sql), "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '%s', SOURCE_PORT = %d, "
		 "SOURCE_USER = 'repl', SOURCE_PASSWORD = 'secret', SOURCE_AUTO_POSITION = 1, "
		 "GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_HEARTBEAT_PERIOD = 1",
		 source->ip, source->port);
	told = mysql_server_sql(s, false, sql);
	good = told;
	free(told);
	told = good ? mysql_server_sql(s, false, "START REPLICA") : NULL;
	good = told;
	free(told);
	return good ? 0 : -1;
}

void mysql_server_access(const struct mysql_server *s, size_t n, struct member *m,
			 struct access *acc)
{
	cJSON *c = cJSON_CreateObject();

	for (size_t i = 0; i < n; i++) {
		snprintf(m[i].name, sizeof(m[i].name), "mysql-%zu", i);
		mem_copy_str(m[i].host, sizeof(m[i].host), s[i].ip);
	}
	json_set_str(c, "write_host", s[0].ip);
	json_set_str(c, "read_host", s[n - 1].ip);
	json_set_i64(c, "port", s[0].port);
	json_set_str(c, "setup_user", "ordeal");
	json_set_str(c, "setup_password", "secret");
	json_set_str(c, "user", "ordeal");
	json_set_str(c, "password", "secret");
	json_set_str(c, "probe_user", "probe");
	json_set_str(c, "probe_password", "secret");
	json_set_str(c, "database", "ordeal");
	*acc = (struct access){.members = m, .n = n, .conf = c};
}
