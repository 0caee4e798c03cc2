#include "system/mysql/conn.h"

#include <errmsg.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/resolve.h"

/* Twice the library's own: a plugin is loaded and a key of RSA used on it. */
#define STACK_BYTES ((size_t)(128 * 1024))

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_start(void)
{
	mysql_library_init(0, NULL, NULL);
}

void my_login_from(struct my_login *l, const struct access *acc, const char *user,
		   const char *password)
{
	const cJSON *c = acc->conf;

	memset(l, 0, sizeof(*l));
	l->port = (int)json_i64(c, "port", 3306);
	l->user = json_str(c, user, json_str(c, "user", "root"));
	l->password = json_str(c, password, json_str(c, "password", ""));
	l->database = "";
}

/* Waits for what the library wants to wait for; what it is to be told then. */
static int wait_for(struct my_conn *c, int wants, int64_t until_ns)
{
	short events = (short)((wants & MYSQL_WAIT_READ ? POLLIN : 0) |
			       (wants & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
			       (wants & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));

	if (!c->late && clock_wait_fd((int)mysql_get_socket(c->m), events, until_ns))
		return wants & ~MYSQL_WAIT_TIMEOUT;
	c->late = true;
	return MYSQL_WAIT_TIMEOUT;
}

/* The library's own, not the server's: the connection is no more, or of no use. */
static bool is_own(unsigned number)
{
	return (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR) ||
	       (number >= CER_MIN_ERROR && number <= CER_MAX_ERROR);
}

static enum my_end ended(const struct my_conn *c, unsigned number, const char *message, char *error,
			 size_t size)
{
	if (c->late) {
		snprintf(error, size, "timeout: no answer in time");
		return MY_TIMEOUT;
	}
	if (!number) {
		error[0] = '\0';
		return MY_ANSWERED;
	}
	if (is_own(number)) {
		snprintf(error, size, "broken: %.250s (%u)", message, number);
		return MY_BROKEN;
	}
	snprintf(error, size, "%u: %.250s", number, message);
	return MY_REFUSED;
}

static MYSQL *handle_new(void)
{
	const my_bool off = 0;
	size_t stack = STACK_BYTES;
	MYSQL *m;

	pthread_once(&library_once, library_start);
	m = mysql_init(NULL);
	if (!m || mysql_options(m, MYSQL_OPT_NONBLOCK, &stack))
		abort(); /* no memory */
	mysql_options(m, MYSQL_OPT_RECONNECT, &off);
	mysql_options(m, MYSQL_OPT_SSL_ENFORCE, &off);
	mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
	mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_optionsv(m, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "ordeal");
	return m;
}

static bool log_in(struct my_conn *c, const struct my_login *l, int64_t until_ns)
{
	MYSQL *done = NULL;
	int wants = mysql_real_connect_start(&done, c->m, c->address, l->user, l->password,
					     *l->database ? l->database : NULL, (unsigned)l->port,
					     NULL, 0);

	while (wants)
		wants = mysql_real_connect_cont(&done, c->m, wait_for(c, wants, until_ns));
	return done;
}

/* In one round trip each: what this session wants, and who the server is. */
static bool introduce(struct my_conn *c, int64_t until_ns, char *error, size_t size)
{
	static const char *const wish = "SET SESSION session_track_gtids = OWN_GTID, autocommit = 1";
	static const char *const who = "SELECT @@hostname, @@server_uuid, @@GLOBAL.read_only OR @@GLOBAL.super_read_only";
	MYSQL_RES *res = NULL;
	MYSQL_ROW row = NULL;

	if (my_query(c, wish, until_ns, NULL, error, size) == MY_ANSWERED &&
	    my_query(c, who, until_ns, &res, error, size) == MY_ANSWERED && res)
		row = mysql_fetch_row(res);
	if (row && row[0] && row[1] && row[2]) {
		mem_copy_str(c->name, sizeof(c->name), row[0]);
		mem_copy_str(c->uuid, sizeof(c->uuid), row[1]);
		c->read_only = row[2][0] != '0';
	}
	mysql_free_result(res);
	return c->uuid[0];
}

static bool reach(struct my_conn *c, const struct my_login *l, int64_t until_ns, char *error,
		  size_t size)
{
	char why[OP_ERROR_MAX] = "";

	if (!log_in(c, l, until_ns))
		snprintf(why, sizeof(why), "%.250s (%u)", mysql_error(c->m), mysql_errno(c->m));
	else if (introduce(c, until_ns, why, sizeof(why)))
		return true;
	if (c->late)
		snprintf(error, size, "timeout: no connection to %s in time", l->host);
	else
		snprintf(error, size, "connect: %s", why);
	return false;
}

struct my_conn *my_open(const struct my_login *l, int64_t until_ns, struct my_cost *cost,
			char *error, size_t size)
{
	int64_t from = clock_mono_ns(), resolved;
	char ip[RESOLVE_ADDR_MAX], why[120];
	struct my_conn *c;

	if (resolve_host(NULL, l->host, until_ns, ip, why, sizeof(why))) {
		cost->dns_ns += clock_mono_ns() - from;
		snprintf(error, size, "%s: %s", clock_mono_ns() >= until_ns ? "timeout" : "dns", why);
		return NULL;
	}
	resolved = clock_mono_ns();
	cost->dns_ns += resolved - from;
	c = mem_alloc(sizeof(*c));
	mem_copy_str(c->address, sizeof(c->address), ip);
	c->m = handle_new();
	if (!reach(c, l, until_ns, error, size)) {
		my_drop(c);
		c = NULL;
	}
	cost->connect_ns += clock_mono_ns() - resolved;
	return c;
}

bool my_closed(const char *error)
{
	/* As reach() and the library write them: errno 111 is ECONNREFUSED. */
	static const char *const words[] = {"(111)", "(1053)", "(3032)"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(error, words[i]))
			return true;
	return false;
}

enum my_end my_query(struct my_conn *c, const char *sql, int64_t until_ns, MYSQL_RES **res,
		     char *error, size_t size)
{
	MYSQL_RES *rows = NULL;
	int failed = 0, wants = mysql_real_query_start(&failed, c->m, sql, strlen(sql));
	enum my_end end;

	while (wants)
		wants = mysql_real_query_cont(&failed, c->m, wait_for(c, wants, until_ns));
	if (!failed && mysql_field_count(c->m)) {
		wants = mysql_store_result_start(&rows, c->m);
		while (wants)
			wants = mysql_store_result_cont(&rows, c->m, wait_for(c, wants, until_ns));
	}
	end = ended(c, mysql_errno(c->m), mysql_error(c->m), error, size);
	if (end == MY_ANSWERED && res) {
		*res = rows;
		return end;
	}
	mysql_free_result(rows);
	return end;
}

/* A server notes in its log whoever leaves without a word (MY-010914), so one that hears is
 * told, if that can be done at once. */
static void my_close(struct my_conn *c)
{
	int fd, wants;

	if (!c->m)
		return;
	fd = (int)mysql_get_socket(c->m);
	if (fd >= 0 && c->late)
		shutdown(fd, SHUT_RDWR);
	wants = mysql_close_start(c->m);
	while (wants)
		wants = mysql_close_cont(c->m, MYSQL_WAIT_TIMEOUT);
	c->m = NULL;
}

MYSQL_STMT *my_prepare(struct my_conn *c, unsigned number, const char *sql, int64_t until_ns,
		       char *error, size_t size)
{
	MYSQL_STMT *s = c->stmts[number];
	int failed = 0, wants;

	if (s)
		return s;
	s = mysql_stmt_init(c->m);
	if (!s)
		abort(); /* no memory */
	wants = mysql_stmt_prepare_start(&failed, s, sql, strlen(sql));
	while (wants)
		wants = mysql_stmt_prepare_cont(&failed, s, wait_for(c, wants, until_ns));
	if (ended(c, mysql_stmt_errno(s), mysql_stmt_error(s), error, size) == MY_ANSWERED &&
	    !failed)
		return c->stmts[number] = s;
	my_close(c);
	mysql_stmt_close(s); /* its connection is gone, so it has nobody to tell */
	return NULL;
}

enum my_end my_execute(struct my_conn *c, MYSQL_STMT *s, int64_t until_ns, char *error, size_t size)
{
	int failed = 0, wants = mysql_stmt_execute_start(&failed, s);

	while (wants)
		wants = mysql_stmt_execute_cont(&failed, s, wait_for(c, wants, until_ns));
	if (!failed && mysql_stmt_field_count(s)) {
		wants = mysql_stmt_store_result_start(&failed, s);
		while (wants)
			wants = mysql_stmt_store_result_cont(&failed, s,
							     wait_for(c, wants, until_ns));
	}
	return ended(c, mysql_stmt_errno(s), mysql_stmt_error(s), error, size);
}

unsigned my_errno(const struct my_conn *c, MYSQL_STMT *s)
{
	return s ? mysql_stmt_errno(s) : c->m ? mysql_errno(c->m) : 0;
}

void my_gtid(struct my_conn *c, char *out, size_t size)
{
	const char *text = NULL;
	size_t len = 0;

	out[0] = '\0';
	if (!mysql_session_track_get_first(c->m, SESSION_TRACK_GTIDS, &text, &len) && text &&
	    len < size)
		snprintf(out, size, "%.*s", (int)len, text);
}

bool my_gone(const struct my_conn *c)
{
	struct pollfd p = {.fd = c->m ? (int)mysql_get_socket(c->m) : -1, .events = POLLIN};

	return c->late || p.fd < 0 || poll(&p, 1, 0) > 0;
}

void my_drop(struct my_conn *c)
{
	if (!c)
		return;
	my_close(c);
	for (size_t i = 0; i < ARRAY_LEN(c->stmts); i++)
		if (c->stmts[i])
			mysql_stmt_close(c->stmts[i]);
	free(c);
}
