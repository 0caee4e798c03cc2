/* MySQL, primary and replicas, as its clients see it. What its answers mean for the
 * trial's rules is in system/mysql/model.c; asking members one by one, in
 * system/mysql/probe.c; which error leaves what open, in system/mysql/outcome.c.
 *
 * Retries of the client library: MYSQL_OPT_RECONNECT, off by default, is put off
 * (a statement sent twice is a write done twice). It would try each address of a
 * name in turn, and take a comma in a host for a list, so it is given one address
 * (system/mysql/conn.c). */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/mysql/outcome.h"
#include "system/mysql/probe.h"
#include "system/mysql/role.h"
#include "system/mysql/route.h"
#include "system/mysql/settings.h"

struct session {
	struct my_route route;
	struct my_conn *conn;
};

struct client {
	uint32_t process;
	struct session primary;
	struct session replica; /* who answers read_host; opened when first needed */
	char *payload;          /* of every insert; NULL: none */
};

enum statement { INSERT, READ, WRITE, CAS, CAS_ABSENT };

/* Those that change nothing tell so by the rows that they affected. A read tells
 * besides whether the server is one that takes writes: an open connection may
 * outlive its server's role. */
static const char *const sql[] = {
	[INSERT] = "INSERT INTO ordeal_insert (value, process, payload) VALUES (?, ?, ?)",
	[READ] = "SELECT @@GLOBAL.read_only OR @@GLOBAL.super_read_only, (SELECT value FROM ordeal_register WHERE id = ?)",
	[WRITE] = "INSERT INTO ordeal_register (id, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = ?",
	[CAS] = "UPDATE ordeal_register SET value = ? WHERE id = ? AND value = ?",
	[CAS_ABSENT] = "INSERT IGNORE INTO ordeal_register (id, value) VALUES (?, ?)",
};

static const char *write_host(const struct access *acc)
{
	return json_str(acc->conf, "write_host", "");
}

static void login(struct my_login *l, const struct access *acc, const char *user,
		  const char *password)
{
	my_login_from(l, acc, user, password);
	l->database = json_str(acc->conf, "database", "ordeal");
}

static struct client *mysql_client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));
	struct my_login l;

	login(&l, acc, "user", "password");
	my_route_from(&c->primary.route, &l, write_host(acc), MY_WRITES);
	my_route_from(&c->replica.route, &l, json_str(acc->conf, "read_host", write_host(acc)), MY_REPLICA);
	c->process = process;
	if (acc->payload_bytes)
		c->payload = payload_make(process, (size_t)acc->payload_bytes);
	return c;
}

static void drop(struct session *s)
{
	my_drop(s->conn);
	s->conn = NULL;
}

static void mysql_client_free(struct client *c)
{
	drop(&c->primary);
	drop(&c->replica);
	free(c->payload);
	free(c);
}

/* What a server says to an idle connection, and its end, are noticed here, before
 * anything is sent; so they cost no doubt, and are not taken for an answer. */
static bool connected(struct session *s, struct op *op, int64_t until_ns)
{
	struct my_find find;

	if (s->conn && my_gone(s->conn))
		drop(s);
	if (s->conn)
		return true;
	s->conn =
		my_route_open(&s->route, until_ns, &find, op->room->error, sizeof(op->room->error));
	op->dns_ns = find.cost.dns_ns;
	op->connect_ns = find.cost.connect_ns;
	op->find_ns = find.ask_ns;
	return s->conn;
}

struct call {
	enum statement which;
	int64_t numbers[3];
	unsigned n; /* parameters, the text included */
	const char *text; /* in place of the last number; NULL: none */
};

static struct call call_of(const struct client *c, const struct op *op)
{
	struct call k = {.which = READ, .numbers = {op->key}, .n = 1};

	switch (op->f) {
	case OP_INSERT:
		return (struct call){INSERT, {op->value, c->process}, 3, c->payload ? c->payload : ""};
	case OP_WRITE:
		return (struct call){WRITE, {op->key, op->value, op->value}, 3, NULL};
	case OP_CAS:
		if (op->expect == OP_NO_VALUE)
			return (struct call){CAS_ABSENT, {op->key, op->value}, 2, NULL};
		return (struct call){CAS, {op->value, op->key, op->expect}, 3, NULL};
	case OP_READ:
	case OP_READ_REPLICA:
	case OP_SEND: /* not among .ops */
	case OP_RECEIVE:
		break;
	}
	return k;
}

static void bind(MYSQL_STMT *s, struct call *k)
{
	MYSQL_BIND b[3] = {{0}};

	for (unsigned i = 0; i < k->n; i++) {
		b[i].buffer_type = MYSQL_TYPE_LONGLONG;
		b[i].buffer = &k->numbers[i];
	}
	if (k->text) {
		b[k->n - 1].buffer_type = MYSQL_TYPE_STRING;
		b[k->n - 1].buffer = (void *)(uintptr_t)k->text;
		b[k->n - 1].buffer_length = strlen(k->text);
	}
	mysql_stmt_bind_param(s, b);
}

/* A register's value. A server that lost its role meanwhile is not the one that was
 * asked for: certainly no answer. */
static void take_read(struct session *s, struct op *op, MYSQL_STMT *stmt)
{
	int64_t read_only = 0, value = 0;
	my_bool absent = 0;
	MYSQL_BIND b[2] = {
		{.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &read_only},
		{.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &value, .is_null = &absent}};
	bool fits;

	if (mysql_stmt_bind_result(stmt, b) || mysql_stmt_fetch(stmt)) {
		op->outcome = OP_INFO;
		snprintf(op->room->error, sizeof(op->room->error), "broken: an answer without a row");
		drop(s);
		return;
	}
	mysql_stmt_free_result(stmt);
	fits = (read_only != 0) == (s->route.want == MY_REPLICA);
	op->outcome = fits ? OP_OK : OP_FAIL;
	if (fits) {
		op->value = absent ? OP_NO_VALUE : value;
		return;
	}
	snprintf(op->room->error, sizeof(op->room->error), "role: %s %s", s->conn->name,
		 read_only ? "takes no writes any more" : "is no replica any more");
	drop(s);
}

static void answered(struct session *s, struct op *op, MYSQL_STMT *stmt)
{
	if (call_reads(op)) {
		take_read(s, op, stmt);
		return;
	}
	op->outcome = OP_OK;
	my_gtid(s->conn, op->room->tx, sizeof(op->room->tx));
	if (op->f == OP_CAS && mysql_stmt_affected_rows(stmt) == 0)
		call_mismatch(op, "the register holds another value");
}

static void refused(struct session *s, struct op *op, unsigned number)
{
	struct my_verdict v = my_judge(number);

	op->outcome = v.outcome;
	if (v.drop) {
		drop(s);
		my_route_doubt(&s->route);
	}
}

static void send_and_wait(struct client *c, struct session *s, struct op *op, int64_t until_ns)
{
	struct call k = call_of(c, op);
	MYSQL_STMT *stmt = my_prepare(s->conn, k.which, sql[k.which], until_ns, op->room->error,
				      sizeof(op->room->error));

	if (!stmt) {
		drop(s);
		my_route_doubt(&s->route);
		return;
	}
	if (!call_may_send(op, until_ns))
		return;
	bind(stmt, &k);
	op->sent = true;
	mem_copy_str(op->room->via, sizeof(op->room->via), s->conn->name);
	switch (my_execute(s->conn, stmt, until_ns, op->room->error, sizeof(op->room->error))) {
	case MY_ANSWERED:
		answered(s, op, stmt);
		return;
	case MY_TIMEOUT:
		op->outcome = OP_INFO;
		drop(s);
		my_route_doubt(&s->route);
		return;
	case MY_REFUSED:
	case MY_BROKEN:
		refused(s, op, my_errno(s->conn, stmt));
		return;
	}
}

static void mysql_invoke(struct client *c, struct op *op, int64_t until_ns)
{
	struct session *s = op->f == OP_READ_REPLICA ? &c->replica : &c->primary;

	if (connected(s, op, until_ns) && call_may_send(op, until_ns))
		send_and_wait(c, s, op, until_ns);
}

/* ---- before and after the load ---- */

/* One statement that must succeed. */
static int must(struct my_conn *c, const char *text, int64_t until_ns, MYSQL_RES **res,
		struct err *e)
{
	char why[OP_ERROR_MAX];

	if (my_query(c, text, until_ns, res, why, sizeof(why)) == MY_ANSWERED)
		return 0;
	return err_set(e, ERR_BROKEN, "MySQL: %s, to: %.60s", why, text);
}

/* To the primary; `database` false: it may not be there yet. */
static struct my_conn *open_as(const struct access *acc, const char *user, const char *password,
			       bool database, int64_t until_ns, struct err *e)
{
	struct my_route r;
	struct my_login l;
	struct my_find find;
	struct my_conn *c;
	char why[OP_ERROR_MAX];

	login(&l, acc, user, password);
	if (!database)
		l.database = "";
	my_route_from(&r, &l, write_host(acc), MY_WRITES);
	c = my_route_open(&r, until_ns, &find, why, sizeof(why));
	if (!c)
		err_set(e, ERR_BROKEN, "no connection to the primary at %.100s: %s", write_host(acc), why);
	return c;
}

static int use_database(struct my_conn *c, const char *name, int64_t until_ns, struct err *e)
{
	char text[160];

	snprintf(text, sizeof(text), "CREATE DATABASE IF NOT EXISTS `%.64s`", name);
	if (must(c, text, until_ns, NULL, e))
		return -1;
	snprintf(text, sizeof(text), "USE `%.64s`", name);
	return must(c, text, until_ns, NULL, e);
}

static int mysql_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	/* No unique constraint on the values: duplicates must show. A primary key of its
	 * own, for group replication takes no table without one. */
	static const char *const statements[] = {
		("CREATE TABLE IF NOT EXISTS ordeal_insert (id BIGINT AUTO_INCREMENT PRIMARY KEY, "
		 "value BIGINT NOT NULL, process INT, payload MEDIUMTEXT)"),
		"CREATE TABLE IF NOT EXISTS ordeal_register (id INT PRIMARY KEY, value BIGINT NOT NULL)",
		"TRUNCATE ordeal_insert",
		"TRUNCATE ordeal_register",
	};
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	struct my_conn *c = open_as(acc, "setup_user", "setup_password", false, until_ns, e);
	int r = c ? use_database(c, json_str(acc->conf, "database", "ordeal"), until_ns, e) : -1;

	(void)keys; /* registers appear with their first write */
	for (size_t i = 0; i < ARRAY_LEN(statements) && !r; i++)
		r = must(c, statements[i], until_ns, NULL, e);
	my_drop(c);
	return r;
}

static void take(MYSQL_RES *values, MYSQL_RES *registers, struct final_read *out)
{
	MYSQL_ROW row;

	while ((row = mysql_fetch_row(values)))
		final_read_value(out, strtoll(row[0], NULL, 10));
	while ((row = mysql_fetch_row(registers)))
		final_read_register(out, strtoll(row[0], NULL, 10), strtoll(row[1], NULL, 10));
}

/* Who this is, and as what: asked last, on the connection that told everything. */
static int who_answered(struct my_conn *c, const struct access *acc, struct final_read *out,
			int64_t until_ns, struct err *e)
{
	struct my_role role;
	MYSQL_RES *res = NULL;
	MYSQL_ROW row;

	if (must(c, "SELECT " MY_ROLE_COLUMNS, until_ns, &res, e))
		return -1;
	row = mysql_fetch_row(res);
	if (row) {
		my_role_read(&role, row);
		final_read_answered(out, acc, c->name, c->name, my_role_of(&role), 0);
	}
	mysql_free_result(res);
	return row ? 0 : err_set(e, ERR_BROKEN, "MySQL at %s did not tell its role", c->name);
}

static int mysql_final_read(const struct access *acc, int keys, struct final_read *out,
			    int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	struct my_conn *c = open_as(acc, "probe_user", "probe_password", true, until_ns, e);
	MYSQL_RES *values = NULL, *registers = NULL;
	int r = c ? 0 : -1;

	final_read_begin(out, keys);
	if (!r)
		r = must(c, "SELECT value FROM ordeal_insert", until_ns, &values, e);
	if (!r)
		r = must(c, "SELECT id, value FROM ordeal_register", until_ns, &registers, e);
	if (!r)
		r = who_answered(c, acc, out, until_ns, e);
	if (!r)
		take(values, registers, out);
	mysql_free_result(values);
	mysql_free_result(registers);
	my_drop(c);
	return r;
}

const struct client_ops client_mysql = {
	.name = "mysql",
	.summary = "MySQL, a primary and its replicas, failed over by nobody, by a runbook or by group replication",
	.fixture = "mysql",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS,
	.setup = mysql_setup,
	.client_new = mysql_client_new,
	.invoke = mysql_invoke,
	.client_free = mysql_client_free,
	.probe_new = mysql_probe_new,
	.probe = mysql_probe,
	.probe_free = mysql_probe_free,
	.final_read = mysql_final_read,
	.inforce = mysql_inforce,
};
