/* One member of the toy store: its sockets, its clients, its life. The
 * order of work in one turn of its loop is what makes it safe: look at the
 * lease, read, write the log's file, replicate, and only then answer. */
#include "memoryd/server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "history/op.h"
#include "memoryd/args.h"
#include "memoryd/member.h"
#include "memoryd/net.h"

#define TURN_NS (50 * NS_PER_MS)
#define STALE_NS (400 * NS_PER_MS) /* BUG_STALE_READS */
enum { CONNS_MAX = 8192, LINE_MAX_BYTES = 4096 };

static void drop_front(struct buf *b, size_t n)
{
	memmove(b->s, b->s + n, b->len - n);
	b->len -= n;
	b->s[b->len] = '\0';
}

/* `bytes` more than its value takes, which nobody ever reads again. */
static void do_insert(struct memory_member *m, struct conn *c, int64_t value, int64_t bytes)
{
	bool odd = ++m->inserts % BUG_EVERY == 0;

	memory_store_add(&m->store, ENTRY_INSERT, 0, value, m->epoch);
	if (odd && m->o.bug == BUG_DUPLICATE)
		memory_store_add(&m->store, ENTRY_INSERT, 0, value, m->epoch);
	for (; bytes > 0; bytes -= MEMORY_ENTRY_BYTES)
		memory_store_add(&m->store, ENTRY_PAD, 0, 0, m->epoch);
	if (odd && m->o.bug == BUG_PHANTOM)
		conn_answer_later(m, c, "err refused\n");
	else
		conn_answer_later(m, c, "ok %zu\n", m->store.n);
}

static void do_read(struct memory_member *m, struct conn *c, int64_t key)
{
	const struct memory_register *r = &m->store.regs[key];
	bool stale = m->o.bug == BUG_STALE_READS && clock_mono_ns() - r->changed_ns < STALE_NS;
	int64_t value = stale ? r->before : r->value;

	if (value == OP_NO_VALUE)
		conn_answer_later(m, c, "none\n");
	else
		conn_answer_later(m, c, "value %" PRId64 "\n", value);
}

/* False: it is neither a number nor "none". */
static bool expected(const char *text, int64_t *value)
{
	*value = OP_NO_VALUE;
	return !strcmp(text, "none") || sscanf(text, "%" SCNd64, value) == 1;
}

static void do_cas(struct memory_member *m, struct conn *c, int64_t key, int64_t expect,
		   int64_t value)
{
	int64_t now = m->store.regs[key].value;

	if (now != expect) {
		if (now == OP_NO_VALUE)
			conn_answer_later(m, c, "mismatch none\n");
		else
			conn_answer_later(m, c, "mismatch %" PRId64 "\n", now);
		return;
	}
	if (++m->updates % BUG_EVERY != 0 || m->o.bug != BUG_LOST_UPDATE)
		memory_store_add(&m->store, ENTRY_SET, key, value, m->epoch);
	conn_answer_later(m, c, "ok %zu\n", m->store.n);
}

static void dump(const struct memory_member *m, struct conn *c)
{
	for (size_t i = 0; i < m->store.n; i++)
		if (m->store.log[i].kind == ENTRY_INSERT)
			conn_line(c, "v %" PRId64 "\n", m->store.log[i].value);
	for (int64_t k = 0; k < MEMORY_KEYS_MAX; k++)
		if (m->store.regs[k].value != OP_NO_VALUE)
			conn_line(c, "r %" PRId64 " %" PRId64 "\n", k, m->store.regs[k].value);
	queue_dump(m, c);
	conn_line(c, "end\n");
}

/* What only a primary answers. */
static void do_data(struct memory_member *m, struct conn *c, const char *line)
{
	int64_t key = 0, expect, value, bytes = 0;
	char was[24];

	if (!role_writable(m)) {
		conn_line(c, "err not the primary\n");
		return;
	}
	if (!m->client_ns)
		m->client_ns = clock_mono_ns();
	if (sscanf(line, "insert %" SCNd64 " %" SCNd64, &value, &bytes) >= 1 && value >= 0 &&
	    bytes <= PAYLOAD_MAX_BYTES) {
		do_insert(m, c, value, bytes);
	} else if (sscanf(line, "read %" SCNd64, &key) == 1 && key >= 0 && key < MEMORY_KEYS_MAX) {
		do_read(m, c, key);
	} else if (sscanf(line, "write %" SCNd64 " %" SCNd64, &key, &value) == 2 && key >= 0 &&
		   key < MEMORY_KEYS_MAX && value >= 0) {
		memory_store_add(&m->store, ENTRY_SET, key, value, m->epoch);
		conn_answer_later(m, c, "ok %zu\n", m->store.n);
	} else if (sscanf(line, "cas %" SCNd64 " %23s %" SCNd64, &key, was, &value) == 3 &&
		   key >= 0 && key < MEMORY_KEYS_MAX && value >= 0 && expected(was, &expect)) {
		do_cas(m, c, key, expect, value);
	} else if (!strcmp(line, "dump")) {
		dump(m, c);
	} else if (!queue_line(m, c, line)) {
		conn_line(c, "err cannot make sense of this\n");
	}
}

/* What only a replica answers, from what it has. */
static void do_look(struct memory_member *m, struct conn *c, const char *line)
{
	int64_t key = 0;

	if (m->primary)
		conn_line(c, "err not a replica\n");
	else if (sscanf(line, "look %" SCNd64, &key) != 1 || key < 0 || key >= MEMORY_KEYS_MAX)
		conn_line(c, "err cannot make sense of this\n");
	else if (m->store.regs[key].value == OP_NO_VALUE)
		conn_line(c, "none\n");
	else
		conn_line(c, "value %" PRId64 "\n", m->store.regs[key].value);
}

static void client_line(struct memory_member *m, struct conn *c, const char *line)
{
	if (!strcmp(line, "leader"))
		role_leader(m, c);
	else if (!strcmp(line, "status"))
		role_status(m, c);
	else if (!strcmp(line, "settings"))
		role_settings(m, c);
	else if (!strncmp(line, "look ", 5))
		do_look(m, c, line);
	else if (!strncmp(line, "follow ", 7))
		repl_follow(m, c, line + 7);
	else
		do_data(m, c, line);
}

/* Works off whole lines; a client's only as long as none of its answers is
 * outstanding. */
static void work_lines(struct memory_member *m, struct conn *c)
{
	size_t at = 0;
	char *end;

	while (!c->dead && !c->waits && at < c->in.len &&
	       (end = memchr(c->in.s + at, '\n', c->in.len - at))) {
		char *line = c->in.s + at;

		*end = '\0';
		at = (size_t)(end - c->in.s) + 1;
		if (c->kind == CONN_CLIENT)
			client_line(m, c, line);
		else if (c->kind == CONN_FOLLOWER)
			repl_follower_line(m, c, line);
		else
			repl_source_line(m, c, line);
	}
	if (at)
		drop_front(&c->in, at);
	if (c->kind != CONN_SOURCE && c->in.len > LINE_MAX_BYTES && !c->waits)
		c->dead = true;
}

static void take_input(struct conn *c)
{
	char chunk[65536];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

	if (n > 0)
		buf_add(&c->in, chunk, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->dead = true;
}

static void give_output(struct conn *c)
{
	ssize_t n;

	while (c->out.len && !c->dead && !c->connecting) {
		n = send(c->fd, c->out.s, c->out.len, MSG_NOSIGNAL);
		if (n > 0)
			drop_front(&c->out, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			c->dead = true;
	}
}

static void accept_all(struct memory_member *m)
{
	int fd;

	while ((fd = accept4(m->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (m->nconns >= CONNS_MAX)
			close(fd);
		else
			member_add_conn(m, fd, CONN_CLIENT);
	}
}

/* Lets answers go for which enough is safe. */
static void release_answers(struct memory_member *m)
{
	bool wait = m->o.sync && m->o.bug != BUG_LOSE_ACKED;
	size_t safe = wait ? repl_acked(m) : m->store.written;

	if (safe > m->store.written)
		safe = m->store.written;
	if (!role_writable(m))
		return;
	if (wait && safe)
		memory_lease_commit(m->lease,
				    memory_reach(memory_store_epoch(&m->store, safe), safe));
	for (size_t i = 0; i < m->nconns; i++) {
		struct conn *c = m->conns[i];

		if (!c->waits || c->need > safe)
			continue;
		buf_str(&c->out, c->answer);
		c->waits = false;
	}
}

static void bury(struct memory_member *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->nconns; i++) {
		if (!m->conns[i]->dead) {
			m->conns[n++] = m->conns[i];
			continue;
		}
		queue_release(m, m->conns[i]);
		conn_free(m->conns[i]);
	}
	m->nconns = n;
}

static void wait_for_work(struct memory_member *m, struct pollfd *p)
{
	int64_t now = clock_mono_ns(),
		until = m->tick_ns < now + TURN_NS ? m->tick_ns : now + TURN_NS;

	p[0] = (struct pollfd){m->signal_fd, POLLIN, 0};
	p[1] = (struct pollfd){m->listen_fd, POLLIN, 0};
	for (size_t i = 0; i < m->nconns; i++) {
		const struct conn *c = m->conns[i];

		p[i + 2] = (struct pollfd){c->fd, POLLIN, 0};
		if (c->connecting || c->out.len)
			p[i + 2].events |= POLLOUT;
	}
	poll(p, m->nconns + 2, until <= now ? 0 : (int)((until - now) / NS_PER_MS) + 1);
}

static void on_ready(struct memory_member *m, struct conn *c, short revents)
{
	if (c->connecting) {
		c->connecting = false;
		c->dead = memory_net_connected(c->fd) != 0;
		if (!c->dead)
			repl_source_connected(m, c);
	} else if (revents & (POLLIN | POLLHUP | POLLERR)) {
		take_input(c);
	}
}

/* One turn; -1 when the log cannot be kept any more. */
static int turn(struct memory_member *m, struct pollfd *p, size_t polled, struct err *e)
{
	/* First: while it was not running, its lease may have ended. */
	if (clock_mono_ns() >= m->tick_ns || (m->primary && now_ms() >= m->expires_ms))
		role_tick(m);
	for (size_t i = 0; i < polled; i++)
		if (p[i + 2].revents && !m->conns[i]->dead)
			on_ready(m, m->conns[i], p[i + 2].revents);
	if (p[1].revents)
		accept_all(m);
	for (size_t i = 0; i < m->nconns; i++)
		work_lines(m, m->conns[i]);
	if (memory_store_flush(&m->store, e))
		return -1;
	role_tell(m);
	repl_seek(m);
	repl_push(m);
	release_answers(m);
	for (size_t i = 0; i < m->nconns; i++)
		give_output(m->conns[i]);
	bury(m);
	return 0;
}

static int serve(struct memory_member *m, struct err *e)
{
	struct pollfd *p = NULL;
	size_t room = 0, polled;
	int r = 0;

	while (!r) {
		polled = m->nconns;
		if (!p || room < polled + 2) {
			room = (polled + 2) * 2;
			p = mem_realloc(p, room * sizeof(*p));
		}
		wait_for_work(m, p);
		if (p[0].revents)
			break;
		r = turn(m, p, polled, e);
	}
	role_resign(m);
	free(p);
	return r;
}

static int start(struct memory_member *m, struct err *e)
{
	sigset_t signals;

	m->started_ns = clock_mono_ns();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	m->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd < 0)
		return err_set(e, ERR_BROKEN, "no signalfd: %s", strerror(errno));
	if (memory_store_open(&m->store, m->o.state_dir, m->o.fsync, e) ||
	    memory_lease_open(m->o.shared_dir, &m->lease, e) ||
	    memory_net_listen(m->o.addr, &m->o.port, &m->listen_fd, e))
		return -1;
	log_info("%s begins with %zu entries of its own", m->o.name, m->store.n);
	printf("listening %s:%d\n", m->o.addr, m->o.port);
	fflush(stdout);
	return 0;
}

int memory_server_main(int argc, char **argv)
{
	struct memory_member m = {.listen_fd = -1, .signal_fd = -1};
	struct arena arena = {0};
	struct err e = {0};
	int r = memory_args_read(argc, argv, &arena, &m.o, &e);

	if (r > 0) {
		arena_free(&arena);
		return 0;
	}
	if (!r)
		r = start(&m, &e);
	if (!r)
		r = serve(&m, &e);
	if (r)
		fprintf(stderr, "ordeal memory-server: %s\n", e.msg);
	for (size_t i = 0; i < m.nconns; i++)
		conn_free(m.conns[i]);
	free(m.conns);
	memory_store_close(&m.store);
	memory_lease_close(m.lease);
	if (m.listen_fd >= 0)
		close(m.listen_fd);
	if (m.signal_fd >= 0)
		close(m.signal_fd);
	arena_free(&arena);
	return !r ? 0 : e.kind == ERR_INPUT ? 2 : 3;
}
