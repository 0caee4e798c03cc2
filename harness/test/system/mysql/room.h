#ifndef ORDEAL_TEST_SYSTEM_MYSQL_ROOM_H
#define ORDEAL_TEST_SYSTEM_MYSQL_ROOM_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "test/lib/mysql_server.h"

/* Real MySQLs, and clients on them. Include cmocka before. */

extern const struct client_ops client_mysql;

#define LONG_NS (20 * NS_PER_S)

/* What is promised is 50 ms; a test must hold on a starved machine too, and
 * what it guards against is a wait without end. */
#define SLACK_NS (2 * NS_PER_S)

enum { SERVERS_MAX = 3 };

struct fixture {
	struct mysql_server s[SERVERS_MAX];
	size_t n;
	struct member m[SERVERS_MAX];
	struct access acc;
	struct client *c;
};

static inline int room_stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	if (f->c)
		client_mysql.client_free(f->c);
	for (size_t i = 0; i < f->n; i++)
		mysql_server_free(&f->s[i]);
	cJSON_Delete(f->acc.conf);
	free(f);
	*state = NULL;
	return 0;
}

/* So many servers, alike but for their names; the first one has the tables, whatever else it
 * is to be. */
static inline int room_start(void **state, size_t n, const char *const options[])
{
	struct fixture *f;
	struct err e = {0};

	if (mysql_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	for (; f->n < n; f->n++) {
		struct mysql_server *first = f->n ? &f->s[0] : NULL;

		if (first)
			mysql_server_stop(first);
		if (mysql_server_new(&f->s[f->n], 2 + (unsigned)f->n, first ? first->port : 0, options, first) ||
		    (first && mysql_server_start(first))) {
			f->n++;
			goto fail;
		}
	}
	mysql_server_access(f->s, n, f->m, &f->acc);
	if (client_mysql.setup(&f->acc, 4, LONG_NS, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		goto fail;
	}
	f->c = client_mysql.client_new(&f->acc, 7);
	return 0;
fail:
	room_stop(state); /* cmocka does not */
	return -1;
}

static inline struct fixture *need(void **state)
{
	if (!*state) {
		print_message("# skipped: %s\n", mysql_server_missing());
		skip();
	}
	return *state;
}

static inline struct op call(struct fixture *f, enum op_f kind, int64_t key, int64_t value, int64_t expect,
			     int64_t deadline_ns)
{
	struct op op = {.f = kind, .key = key, .value = value, .expect = expect};

	call_make(&client_mysql, f->c, &op, deadline_ns);
	return op;
}

static inline struct op insert(struct fixture *f, int64_t value, int64_t deadline_ns)
{
	return call(f, OP_INSERT, OP_NO_VALUE, value, OP_NO_VALUE, deadline_ns);
}

static inline void must_be(const struct op *op, enum op_outcome want, const char *error)
{
	if (op->outcome != want || strncmp(op->error, error, strlen(error)) || (!*error && op->error[0]))
		fail_msg("%s: %s \"%s\", wanted %s \"%s\"", op_f_name(op->f), op_outcome_name(op->outcome),
			 op->error, op_outcome_name(want), error);
}

static inline void sql_at(const struct mysql_server *s, const char *text)
{
	char *v = mysql_server_sql(s, true, text);

	if (!v)
		fail_msg("%s", text);
	free(v);
}

/* Takes connections and says nothing; -1. */
static inline int listen_silently(const char *ip, int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, ip, &at.sin_addr) == 1 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
	    !listen(fd, 8))
		return fd;
	close(fd);
	return -1;
}

static inline struct sample ask(struct probe *p, int64_t limit_ns)
{
	const struct member m = {.name = "asked"};
	struct sample s;

	sample_begin(&s, &m);
	client_mysql.probe(p, &s, limit_ns);
	return s;
}

#endif
