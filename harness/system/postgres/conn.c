#include "system/postgres/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/resolve.h"

void pg_login_from(struct pg_login *l, const struct access *acc, const char *host, bool client)
{
	const cJSON *c = acc->conf;
	const char *user = json_str(c, "user", "postgres");
	const char *password = json_str(c, "password", "");

	memset(l, 0, sizeof(*l));
	l->host = host ? host : json_str(c, "write_host", "");
	snprintf(l->port, sizeof(l->port), "%d", (int)json_i64(c, "port", 5432));
	l->user = client ? json_str(c, "client_user", user) : user;
	l->password = client ? json_str(c, "client_password", password) : password;
	l->database = json_str(c, "database", "postgres");
}

void pg_brief(char *out, size_t size, const char *class, const char *message)
{
	static const char *const prefixes[] = {"FATAL:  ", "ERROR:  ", "WARNING:  "};
	const char *at;
	size_t len;

	/* 'connection to server at "x" (y), port n failed: FATAL:  why' */
	at = strstr(message, " failed: ");
	if (at && !strncmp(message, "connection to server", 20))
		message = at + 9;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (!strncmp(message, prefixes[i], strlen(prefixes[i])))
			message += strlen(prefixes[i]);
	}
	len = strcspn(message, "\n");
	snprintf(out, size, "%s: %.*s", class, (int)(len < 80 ? len : 80), message);
}

/* libpq's own prints to standard error. */
static void say_nothing(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

static PGconn *start(const struct pg_login *l, const char *host, const char *address)
{
	/* SSL and GSSAPI would do blocking calls of their own. */
	const char *const keys[] = {"host", "hostaddr", "port", "user", "password", "passfile",
				    "dbname", "sslmode", "gssencmode", "application_name",
				    "target_session_attrs", "client_encoding", NULL};
	const char *const values[] = {host, address, l->port, l->user, l->password, "/dev/null",
				      l->database, "disable", "disable", "ordeal",
				      l->read_write ? "read-write" : l->standby ? "standby" : "any", "UTF8", NULL};

	return PQconnectStartParams(keys, values, 0);
}

/* PQconnectPoll() until it is done; libpq asks to wait for writing first. */
static enum pg_end finish_connect(PGconn *c, int64_t until_ns)
{
	PostgresPollingStatusType st = PGRES_POLLING_WRITING;

	while (st != PGRES_POLLING_OK) {
		if (st == PGRES_POLLING_FAILED)
			return PG_BROKEN;
		if (!clock_wait_fd(PQsocket(c), st == PGRES_POLLING_READING ? POLLIN : POLLOUT,
				   until_ns))
			return PG_TIMEOUT;
		st = PQconnectPoll(c);
	}
	return PG_ANSWERED;
}

/* One host; what it costs is added. */
static PGconn *open_host(const struct pg_login *l, const char *host, int64_t until_ns,
			 struct pg_cost *cost, char *error, size_t size)
{
	int64_t from = clock_mono_ns(), resolved;
	enum pg_end end;
	char why[RESOLVE_WHY_MAX];
	PGconn *c;

	if (resolve_host(NULL, host, until_ns, cost->address, why, sizeof(why))) {
		cost->dns_ns += clock_mono_ns() - from;
		snprintf(error, size, "%s: %s", clock_mono_ns() >= until_ns ? "timeout" : "dns",
			 why);
		return NULL;
	}
	resolved = clock_mono_ns();
	cost->dns_ns += resolved - from;
	c = start(l, host, cost->address);
	end = c && PQstatus(c) != CONNECTION_BAD ? finish_connect(c, until_ns) : PG_BROKEN;
	cost->connect_ns += clock_mono_ns() - resolved;
	if (end == PG_ANSWERED && PQsetnonblocking(c, 1) == 0) {
		PQsetNoticeReceiver(c, say_nothing, NULL);
		return c;
	}
	if (end == PG_TIMEOUT)
		snprintf(error, size, "timeout: no connection to %s in time", host);
	else
		pg_brief(error, size, "connect", c ? PQerrorMessage(c) : "out of memory");
	pg_drop(c);
	return NULL;
}

static unsigned count_hosts(const char *hosts)
{
	unsigned n = 1;

	for (; *hosts; hosts++)
		n += *hosts == ',';
	return n;
}

static void nth_host(const char *hosts, unsigned i, char *out, size_t size)
{
	for (; i; i--)
		hosts += strcspn(hosts, ",") + 1;
	snprintf(out, size, "%.*s", (int)strcspn(hosts, ","), hosts);
}

PGconn *pg_open(struct pg_login *l, int64_t until_ns, struct pg_cost *cost, char *error,
		size_t size)
{
	unsigned n = count_hosts(l->host), left;
	char host[256];
	PGconn *c;

	memset(cost, 0, sizeof(*cost));
	for (left = n; left; left--, l->next = (l->next + 1) % n) {
		int64_t now = clock_mono_ns();

		nth_host(l->host, l->next % n, host, sizeof(host));
		c = open_host(l, host, now + (until_ns - now) / left, cost, error, size);
		if (c)
			return c;
	}
	return NULL;
}

bool pg_closed(const char *error)
{
	static const char *const words[] = {
		"Connection refused", "the database system is shutting down",
		"the database system is starting up", "the database system is not yet accepting connections",
		"the database system is not accepting connections", "the database system is in recovery mode",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(error, words[i]))
			return true;
	return false;
}

/* Sends what is buffered; what comes meanwhile must be taken, or both sides
 * could wait for each other (libpq, PQflush). */
static enum pg_end flush(PGconn *c, int64_t until_ns)
{
	int left;

	while ((left = PQflush(c)) > 0) {
		if (!clock_wait_fd(PQsocket(c), POLLIN | POLLOUT, until_ns))
			return PG_TIMEOUT;
		if (!PQconsumeInput(c))
			return PG_BROKEN;
	}
	return left < 0 ? PG_BROKEN : PG_ANSWERED;
}

static enum pg_end next_result(PGconn *c, int64_t until_ns, PGresult **res)
{
	while (PQisBusy(c)) {
		if (!clock_wait_fd(PQsocket(c), POLLIN, until_ns))
			return PG_TIMEOUT;
		if (!PQconsumeInput(c))
			return PG_BROKEN;
	}
	*res = PQgetResult(c);
	return PG_ANSWERED;
}

enum pg_end pg_query(PGconn *c, const char *sql, int n, const char *const *values, int64_t until_ns,
		     PGresult **res, char *error, size_t size)
{
	enum pg_end end = PG_BROKEN;
	PGresult *last = NULL, *r;

	*res = NULL;
	error[0] = '\0';
	if (PQsendQueryParams(c, sql, n, NULL, values, NULL, NULL, 0))
		end = flush(c, until_ns);
	while (end == PG_ANSWERED) {
		end = next_result(c, until_ns, &r);
		if (end == PG_ANSWERED && !r)
			break;
		if (end == PG_ANSWERED) {
			PQclear(last);
			last = r;
		}
	}
	/* An error of libpq's own has no SQLSTATE: the connection broke. */
	if (end == PG_ANSWERED && (!last || (PQresultStatus(last) == PGRES_FATAL_ERROR &&
					     !PQresultErrorField(last, PG_DIAG_SQLSTATE))))
		end = PG_BROKEN;
	if (end == PG_BROKEN)
		pg_brief(error, size, "broken", last ? PQresultErrorMessage(last) : PQerrorMessage(c));
	if (end == PG_ANSWERED)
		*res = last;
	else
		PQclear(last);
	return end;
}

bool pg_gone(PGconn *c)
{
	struct pollfd pfd = {.fd = PQsocket(c), .events = POLLIN};

	if (PQstatus(c) != CONNECTION_OK)
		return true;
	/* An idle server may report settings that changed, so having something
	 * to say is no farewell yet; the end of its stream is. */
	for (int i = 0; i < 8 && poll(&pfd, 1, 0) > 0; i++) {
		if (!PQconsumeInput(c) || PQstatus(c) != CONNECTION_OK)
			return true;
		if (PQisBusy(c)) /* parses it; a notice receiver hears of it */
			return true;
	}
	return false;
}

void pg_drop(PGconn *c)
{
	if (!c)
		return;
	/* PQfinish() sends a goodbye; on a socket that is shut it cannot wait. */
	if (PQsocket(c) >= 0)
		shutdown(PQsocket(c), SHUT_RDWR);
	PQfinish(c);
}
