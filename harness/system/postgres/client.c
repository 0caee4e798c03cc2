/* PostgreSQL with Patroni, as its clients see it. What its answers mean for
 * the trial's rules is in system/postgres/model.c; asking members one by one, in
 * system/postgres/probe.c.
 *
 * Retries of the client library: libpq has none. It would try each address
 * of a name in turn, so it is given one address; it would fall back from SSL
 * and GSSAPI to plain, so both are off (system/postgres/conn.c). */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/postgres/conn.h"
#include "system/postgres/probe.h"

struct session {
	struct pg_login login;
	PGconn *conn;
	char via[64];
	bool farewell;    /* the server said FATAL to an idle connection */
	char warning[96]; /* came with the answer; "" none */
};

struct client {
	uint32_t process;
	struct session primary;
	struct session replica; /* who answers read_host; opened when first needed */
	char *payload;          /* of every insert; NULL: none */
};

/* Every statement names the server that answers, for no extra round trip:
 * behind a Service, the address that was connected to says nothing. */
#define VIA "host(inet_server_addr())"

static const char *const sql_insert =
	"INSERT INTO ordeal_insert (value, process, payload) "
	"VALUES ($1::bigint, $2::int, $3::text) RETURNING " VIA;
static const char *const sql_read =
	"SELECT " VIA ", value FROM ordeal_register WHERE key = $1::int";
static const char *const sql_write =
	"INSERT INTO ordeal_register (key, value) VALUES ($1::int, $2::bigint) "
	"ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value RETURNING " VIA;
static const char *const sql_cas =
	"UPDATE ordeal_register SET value = $2::bigint WHERE key = $1::int AND value = $3::bigint "
	"RETURNING " VIA;
static const char *const sql_cas_absent =
	"INSERT INTO ordeal_register (key, value) VALUES ($1::int, $2::bigint) "
	"ON CONFLICT (key) DO NOTHING RETURNING " VIA;

static void on_notice(void *arg, const PGresult *res)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	struct session *s = arg;

	if (!severity)
		return;
	if (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC"))
		s->farewell = true;
	if (!strcmp(severity, "WARNING") && !s->warning[0])
		pg_brief(s->warning, sizeof(s->warning), "warning",
			 PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
}

static struct client *postgres_client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	pg_login_from(&c->primary.login, acc, NULL, true);
	c->primary.login.read_write = true;
	pg_login_from(&c->replica.login, acc, json_str(acc->conf, "read_host", NULL), true);
	c->replica.login.standby = true;
	c->process = process;
	if (acc->payload_bytes)
		c->payload = payload_make(process, (size_t)acc->payload_bytes);
	return c;
}

static void drop(struct session *s)
{
	pg_drop(s->conn);
	s->conn = NULL;
	s->via[0] = '\0';
	s->farewell = false;
}

static void postgres_client_free(struct client *c)
{
	drop(&c->primary);
	drop(&c->replica);
	free(c->payload);
	free(c);
}

/* A connection that the server has closed while it lay idle is noticed here,
 * before anything is sent, as connection pools do; so it costs no doubt. */
static bool connected(struct session *s, struct op *op, int64_t until_ns)
{
	struct pg_cost cost;

	if (s->conn && (pg_gone(s->conn) || s->farewell))
		drop(s);
	if (s->conn)
		return true;
	s->conn = pg_open(&s->login, until_ns, &cost, op->room->error, sizeof(op->room->error));
	op->dns_ns = cost.dns_ns;
	op->connect_ns = cost.connect_ns;
	if (!s->conn)
		return false;
	PQsetNoticeReceiver(s->conn, on_notice, s);
	return true;
}

/* An ERROR is the server's word that it rolled the statement back. After a
 * FATAL or PANIC it may have died anywhere, also behind its commit.
 * (PostgreSQL 15, "Message Severity Levels" and appendix A.) */
static void refused(struct session *s, struct op *op, const PGresult *res)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	bool error = severity && !strcmp(severity, "ERROR");

	op->outcome = error ? OP_FAIL : OP_INFO;
	pg_brief(op->room->error, sizeof(op->room->error), state ? state : "error", PQresultErrorMessage(res));
	/* 25006: a primary that was demoted under an open connection. */
	if (!error || !state || !strcmp(state, "25006"))
		drop(s);
}

static void answered(struct session *s, struct op *op, const PGresult *res)
{
	int rows = PQntuples(res);

	if (rows > 0 && !PQgetisnull(res, 0, 0))
		mem_copy_str(s->via, sizeof(s->via), PQgetvalue(res, 0, 0));
	mem_copy_str(op->room->via, sizeof(op->room->via), s->via);
	op->outcome = OP_OK;
	if (call_reads(op)) {
		op->value = rows > 0 ? strtoll(PQgetvalue(res, 0, 1), NULL, 10) : OP_NO_VALUE;
	} else if (op->f == OP_CAS && rows == 0) {
		call_mismatch(op, "the register holds another value");
	} else if (s->warning[0]) {
		/* Above all "canceling wait for synchronous replication": committed
		 * here, perhaps nowhere else (PostgreSQL, syncrep.c). */
		op->outcome = OP_INFO;
		mem_copy_str(op->room->error, sizeof(op->room->error), s->warning);
	}
}

static const char *statement(const struct client *c, const struct op *op, char text[3][24],
			     int *n)
{
	*n = 2;
	snprintf(text[0], sizeof(text[0]), "%lld", (long long)op->key);
	snprintf(text[1], sizeof(text[1]), "%lld", (long long)op->value);
	switch (op->f) {
	case OP_INSERT:
		snprintf(text[0], sizeof(text[0]), "%lld", (long long)op->value);
		snprintf(text[1], sizeof(text[1]), "%u", c->process);
		*n = 3;
		return sql_insert;
	case OP_READ:
	case OP_READ_REPLICA:
		*n = 1;
		return sql_read;
	case OP_WRITE:
		return sql_write;
	case OP_CAS:
	case OP_SEND: /* not among .ops */
	case OP_RECEIVE:
		break;
	}
	if (op->expect == OP_NO_VALUE)
		return sql_cas_absent;
	*n = 3;
	snprintf(text[2], sizeof(text[2]), "%lld", (long long)op->expect);
	return sql_cas;
}

static void send_and_wait(struct client *c, struct session *s, struct op *op, int64_t until_ns)
{
	char text[3][24];
	const char *const values[] = {text[0], text[1],
				      op->f == OP_INSERT ? c->payload : text[2]};
	PGresult *res = NULL;
	const char *sql;
	int n;

	sql = statement(c, op, text, &n);
	s->warning[0] = '\0';
	op->sent = true;
	switch (pg_query(s->conn, sql, n, values, until_ns, &res, op->room->error,
			 sizeof(op->room->error))) {
	case PG_TIMEOUT:
		op->outcome = OP_INFO;
		mem_copy_str(op->room->error, sizeof(op->room->error), "timeout: no answer in time");
		break;
	case PG_BROKEN:
		op->outcome = OP_INFO;
		break;
	case PG_ANSWERED:
		if (PQresultStatus(res) == PGRES_TUPLES_OK)
			answered(s, op, res);
		else
			refused(s, op, res);
		PQclear(res);
		return;
	}
	mem_copy_str(op->room->via, sizeof(op->room->via), s->via);
	drop(s);
}

static void postgres_invoke(struct client *c, struct op *op, int64_t until_ns)
{
	struct session *s = op->f == OP_READ_REPLICA ? &c->replica : &c->primary;

	if (connected(s, op, until_ns) && call_may_send(op, until_ns))
		send_and_wait(c, s, op, until_ns);
}

/* ---- before and after the load ---- */

/* One statement that must succeed. */
static int must(PGconn *c, const char *sql, int n, const char *const *values, int64_t until_ns,
		PGresult **out, struct err *e)
{
	PGresult *res = NULL;
	char why[120];
	enum pg_end end = pg_query(c, sql, n, values, until_ns, &res, why, sizeof(why));
	ExecStatusType st = PQresultStatus(res);
	int r = 0;

	if (end == PG_TIMEOUT)
		r = err_set(e, ERR_BROKEN, "PostgreSQL did not answer in time to: %.60s", sql);
	else if (end == PG_BROKEN)
		r = err_set(e, ERR_BROKEN, "PostgreSQL: %s", why);
	else if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK)
		r = err_set(e, ERR_BROKEN, "PostgreSQL: %s", PQresultErrorMessage(res));
	if (!r && out)
		*out = res;
	else
		PQclear(res);
	return r;
}

static PGconn *open_admin(const struct access *acc, int64_t until_ns, struct err *e)
{
	struct pg_login l;
	struct pg_cost cost;
	char why[120];
	PGconn *c;

	pg_login_from(&l, acc, NULL, false);
	l.read_write = true;
	c = pg_open(&l, until_ns, &cost, why, sizeof(why));
	if (!c)
		err_set(e, ERR_BROKEN, "no connection to the primary at %s: %s", l.host, why);
	return c;
}

/* The clients' own role: no superuser, so that a flood of clients cannot take
 * the connections that PostgreSQL reserves for those who mend it
 * (superuser_reserved_connections). How its password is kept decides how it
 * logs in: SCRAM costs the client 4096 rounds of hashing each time, and 64
 * clients that come back at once would be the load that they measure. */
static int make_role(PGconn *c, const struct access *acc, const char *user, int64_t until_ns,
		     struct err *e)
{
	const char *password = json_str(acc->conf, "client_password", "");
	const char *const name[] = {user};
	const char *const kept[] = {json_str(acc->conf, "client_password_encryption",
					     "scram-sha-256")};
	char *id = PQescapeIdentifier(c, user, strlen(user));
	char *word = PQescapeLiteral(c, password, strlen(password));
	PGresult *res = NULL;
	char *sql = NULL;
	int r;

	r = must(c, "SELECT set_config('password_encryption', $1, false)", 1, kept, until_ns, NULL,
		 e);
	if (!r)
		r = must(c, "SELECT 1 FROM pg_roles WHERE rolname = $1", 1, name, until_ns, &res, e);
	if (!r) {
		sql = mem_fmt("%s ROLE %s LOGIN PASSWORD %s", PQntuples(res) ? "ALTER" : "CREATE",
			      id, word);
		r = must(c, sql, 0, NULL, until_ns, NULL, e);
		free(sql);
	}
	if (!r) {
		sql = mem_fmt("GRANT SELECT, INSERT, UPDATE ON ordeal_insert, ordeal_register "
			      "TO %s", id);
		r = must(c, sql, 0, NULL, until_ns, NULL, e);
		free(sql);
	}
	PQclear(res);
	PQfreemem(id);
	PQfreemem(word);
	return r;
}

static int postgres_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	/* No unique constraint on the values: duplicates must show. */
	static const char *const statements[] = {
		"CREATE TABLE IF NOT EXISTS ordeal_insert (value bigint NOT NULL, process int, "
		"payload text)",
		"CREATE TABLE IF NOT EXISTS ordeal_register (key int PRIMARY KEY, "
		"value bigint NOT NULL)",
		"TRUNCATE ordeal_insert, ordeal_register",
	};
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	const char *user = json_str(acc->conf, "client_user", NULL);
	PGconn *c = open_admin(acc, until_ns, e);
	int r = c ? 0 : -1;

	(void)keys; /* registers appear with their first write */
	for (size_t i = 0; i < ARRAY_LEN(statements) && !r; i++)
		r = must(c, statements[i], 0, NULL, until_ns, NULL, e);
	if (!r && user)
		r = make_role(c, acc, user, until_ns, e);
	pg_drop(c);
	return r;
}

static void take(const PGresult *values, const PGresult *registers, struct final_read *out)
{
	for (int i = 0; i < PQntuples(values); i++)
		final_read_value(out, strtoll(PQgetvalue(values, i, 0), NULL, 10));
	for (int i = 0; i < PQntuples(registers); i++)
		final_read_register(out, strtoll(PQgetvalue(registers, i, 0), NULL, 10),
				    strtoll(PQgetvalue(registers, i, 1), NULL, 10));
}

/* Who this is, and as what: asked last, on the connection that told everything. */
static int who_answered(PGconn *c, const struct access *acc, struct final_read *out,
			int64_t until_ns, struct err *e)
{
	PGresult *res = NULL;

	if (must(c, "SELECT coalesce(host(inet_server_addr()), ''), pg_is_in_recovery()", 0, NULL, until_ns,
		 &res, e))
		return -1;
	final_read_answered(out, acc, PQgetvalue(res, 0, 0), PQhost(c),
			    PQgetvalue(res, 0, 1)[0] == 't' ? ROLE_REPLICA : ROLE_PRIMARY, 0);
	PQclear(res);
	return 0;
}

static int postgres_final_read(const struct access *acc, int keys, struct final_read *out,
			       int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	PGconn *c = open_admin(acc, until_ns, e);
	PGresult *values = NULL, *registers = NULL;
	int r = c ? 0 : -1;

	final_read_begin(out, keys);
	if (!r)
		r = must(c, "SELECT value FROM ordeal_insert", 0, NULL, until_ns, &values, e);
	if (!r)
		r = must(c, "SELECT key, value FROM ordeal_register", 0, NULL, until_ns,
			 &registers, e);
	if (!r)
		r = who_answered(c, acc, out, until_ns, e);
	if (!r)
		take(values, registers, out);
	PQclear(values);
	PQclear(registers);
	pg_drop(c);
	return r;
}

const struct client_ops client_postgres = {
	.name = "postgres",
	.summary = "PostgreSQL 15 with Patroni, the leader behind a Service",
	.fixture = "postgres",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS,
	.setup = postgres_setup,
	.client_new = postgres_client_new,
	.invoke = postgres_invoke,
	.client_free = postgres_client_free,
	.probe_new = postgres_probe_new,
	.probe = postgres_probe,
	.probe_free = postgres_probe_free,
	.final_read = postgres_final_read,
	.inforce = postgres_inforce,
};
