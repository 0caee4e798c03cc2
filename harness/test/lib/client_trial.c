#include "test/lib/client_trial.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"

int client_trial_begin(void **state)
{
	struct client_trial *t = *state;

	if (t)
		t->c = t->sys->client_new(&t->acc, 7);
	return 0;
}

int client_trial_end(void **state)
{
	struct client_trial *t = *state;

	if (t)
		t->sys->client_free(t->c);
	return 0;
}

int client_trial_setup(struct client_trial *t)
{
	struct err e = {0};

	if (t->sys->setup(&t->acc, 4, LONG_NS, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	t->c = t->sys->client_new(&t->acc, 7);
	return 0;
}

void client_trial_anew(struct client_trial *t)
{
	t->sys->client_free(t->c);
	t->c = t->sys->client_new(&t->acc, 7);
}

void *client_trial_need(void **state, const char *missing)
{
	if (!*state) {
		print_message("# skipped: %s\n", missing);
		skip();
	}
	return *state;
}

struct op_room *trial_room(void)
{
	static struct op_room rooms[256];
	static atomic_uint next;

	return &rooms[atomic_fetch_add(&next, 1) % ARRAY_LEN(rooms)];
}

struct op client_call(struct client_trial *t, enum op_f what, int64_t key, int64_t value,
		      int64_t expect, int64_t deadline_ns)
{
	struct op op = {.f = what, .key = key, .value = value, .expect = expect};

	call_make(t->sys, t->c, &op, trial_room(), deadline_ns);
	return op;
}

struct op client_insert(struct client_trial *t, int64_t value, int64_t deadline_ns)
{
	return client_call(t, OP_INSERT, OP_NO_VALUE, value, OP_NO_VALUE, deadline_ns);
}

static void *run_insert(void *arg)
{
	struct client_inserting *r = arg;

	r->op = client_insert(r->t, r->value, LONG_NS);
	return NULL;
}

void client_insert_begin(struct client_inserting *r, struct client_trial *t, int64_t value)
{
	*r = (struct client_inserting){.t = t, .value = value};
	assert_int_equal(pthread_create(&r->thread, NULL, run_insert, r), 0);
}

struct op client_insert_end(struct client_inserting *r)
{
	pthread_join(r->thread, NULL);
	return r->op;
}

void must_be(const struct op *op, enum op_outcome want, const char *error)
{
	if (op->outcome != want || strncmp(op->error, error, strlen(error)) ||
	    (!*error && op->error[0]))
		fail_msg("%s: %s \"%s\", wanted %s \"%s\"", op_f_name(op->f), op_outcome_name(op->outcome),
			 op->error, op_outcome_name(want), error);
}

void in_time(const struct op *op, int64_t limit_ns, const char *what)
{
	int64_t over = op->t_return - op->t_invoke - limit_ns;

	print_message("# %s: %.1f ms past its deadline of %lld ms\n", what, in_ms(over),
		      (long long)(limit_ns / NS_PER_MS));
	if (over > SLACK_NS)
		fail_msg("%s took too long", what);
}

struct sample client_ask(struct client_trial *t, struct probe *p, int64_t limit_ns)
{
	const struct member m = {.name = "asked"};
	struct sample s;

	sample_begin(&s, &m);
	t->sys->probe(p, &s, limit_ns);
	return s;
}

int listen_silently(const char *ip, int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, ip, &at.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void is_now(struct client_trial *t, int64_t key, int64_t value)
{
	struct op op = client_call(t, OP_READ, key, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);

	must_be(&op, OP_OK, "");
	assert_int_equal(op.value, value);
	assert_int_equal(op.connect_ns, 0); /* the connection was kept */
}

void client_registers(struct client_trial *t)
{
	static const struct {
		enum op_f what;
		int64_t key, value, expect;
		bool ok;
	} calls[] = {
		{OP_CAS, 2, 10, OP_NO_VALUE, true}, {OP_CAS, 2, 11, OP_NO_VALUE, false},
		{OP_CAS, 2, 12, 10, true}, {OP_CAS, 2, 13, 10, false},
		{OP_WRITE, 3, 14, OP_NO_VALUE, true}, {OP_WRITE, 3, 15, OP_NO_VALUE, true},
	};
	struct op op;

	is_now(t, 2, OP_NO_VALUE);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		op = client_call(t, calls[i].what, calls[i].key, calls[i].value, calls[i].expect,
				 LONG_NS);
		must_be(&op, calls[i].ok ? OP_OK : OP_FAIL, calls[i].ok ? "" : "mismatch:");
	}
	is_now(t, 3, 15);
	is_now(t, 2, 12);
	/* A primary is no replica, and is not read instead of one. */
	op = client_call(t, OP_READ_REPLICA, 2, OP_NO_VALUE, OP_NO_VALUE, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	assert_false(op.sent);
}

void client_final_read(struct client_trial *t)
{
	struct final_read r;
	struct err e = {0};
	int64_t sum = 0;

	assert_int_equal(t->sys->final_read(&t->acc, 4, &r, LONG_NS, &e), 0);
	assert_int_equal(r.n, 4);
	for (size_t i = 0; i < r.n; i++)
		sum += r.values[i];
	assert_int_equal(sum, 1 + 200 + INT64_C(9007199254740992));
	assert_int_equal(r.nregisters, 4);
	assert_int_equal(r.registers[0], OP_NO_VALUE);
	assert_int_equal(r.registers[2], 12);
	assert_int_equal(r.registers[3], 15);
	/* Who told all this, and as what. */
	assert_int_equal(r.nanswers, 1);
	assert_int_equal(r.answers[0].role, ROLE_PRIMARY);
	assert_true(*r.answers[0].address);
	final_read_free(&r);

	/* Setup again begins anew. */
	assert_int_equal(t->sys->setup(&t->acc, 4, LONG_NS, &e), 0);
	assert_int_equal(t->sys->final_read(&t->acc, 4, &r, LONG_NS, &e), 0);
	assert_int_equal(r.n, 0);
	final_read_free(&r);
}

/* The same of what is not called by call_make(). */
static void frozen_besides(struct client_trial *t, struct probe *p, int64_t deadline_ns)
{
	struct sample s = client_ask(t, p, deadline_ns);
	struct final_read r;
	struct err e = {0};
	int64_t from;

	assert_false(s.ok);
	assert_true(s.took_ns <= deadline_ns + SLACK_NS);
	cJSON_Delete(s.extra);
	from = clock_mono_ns();
	assert_int_equal(t->sys->final_read(&t->acc, 4, &r, deadline_ns, &e), -1);
	final_read_free(&r);
	assert_true(clock_mono_ns() - from <= deadline_ns + SLACK_NS);
	from = clock_mono_ns();
	t->sys->probe_free(p);
	t->sys->client_free(t->c);
	assert_true(clock_mono_ns() - from <= SLACK_NS);
}

void client_frozen(struct client_trial *t, const struct member *m,
		   const struct client_server *server, int64_t deadline_ns)
{
	struct probe *p = t->sys->probe_new(&t->acc, m);
	struct op op = client_insert(t, 2, LONG_NS);
	struct sample s = client_ask(t, p, LONG_NS);

	must_be(&op, OP_OK, "");
	assert_true(s.ok);
	cJSON_Delete(s.extra);
	server->signal(server->s, SIGSTOP);
	op = client_insert(t, 3, deadline_ns);
	must_be(&op, OP_INFO, "timeout:");
	assert_true(op.sent);
	in_time(&op, deadline_ns, "an open connection");
	op = client_insert(t, 4, deadline_ns);
	must_be(&op, OP_FAIL, "timeout:");
	assert_false(op.sent);
	in_time(&op, deadline_ns, "a new connection");
	frozen_besides(t, p, deadline_ns);
	t->c = t->sys->client_new(&t->acc, 7);
	server->signal(server->s, SIGCONT);
	op = client_insert(t, 5, LONG_NS);
	must_be(&op, OP_OK, "");
}

void client_down_and_up(struct client_trial *t, const struct client_server *server)
{
	struct op op = client_insert(t, 20, LONG_NS);

	must_be(&op, OP_OK, "");
	server->stop(server->s);
	op = client_insert(t, 21, LONG_NS);
	must_be(&op, OP_FAIL, "connect:");
	assert_false(op.sent);
	assert_int_equal(server->start(server->s), 0);
	op = client_insert(t, 22, LONG_NS);
	must_be(&op, OP_OK, "");
	/* Restarted behind the back of an idle connection: seen before sending,
	 * so there is no doubt about anything. */
	server->stop(server->s);
	assert_int_equal(server->start(server->s), 0);
	op = client_insert(t, 23, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.connect_ns > 0);
}

void client_several_hosts(struct client_trial *t, const struct client_server *server,
			  const char *ip, int port)
{
	struct client_trial mine = *t;
	int fd = listen_silently("127.0.0.8", port);
	char hosts[64];
	struct op op;

	mine.acc.conf = cJSON_Duplicate(t->acc.conf, 1);
	snprintf(hosts, sizeof(hosts), "127.0.0.9,127.0.0.8,%s", ip);
	json_set_str(mine.acc.conf, "write_host", hosts);
	mine.c = mine.sys->client_new(&mine.acc, 8);
	op = client_insert(&mine, 60, 2 * NS_PER_S);
	must_be(&op, OP_OK, "");
	/* The silent one had half of the time, the rest was left for the last. */
	assert_true(op.connect_ns >= 800 * NS_PER_MS);
	/* From now on the one that was right comes first. */
	server->stop(server->s);
	assert_int_equal(server->start(server->s), 0);
	op = client_insert(&mine, 61, LONG_NS);
	must_be(&op, OP_OK, "");
	assert_true(op.connect_ns > 0 && op.connect_ns < LONG_NS / 4);
	/* None takes writes. */
	server->stop(server->s);
	op = client_insert(&mine, 62, NS_PER_S);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_true(op.t_return - op.t_invoke < NS_PER_S + SLACK_NS);
	assert_int_equal(server->start(server->s), 0);
	mine.sys->client_free(mine.c);
	cJSON_Delete(mine.acc.conf);
	close(fd);
}
