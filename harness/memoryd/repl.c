/* The log on its way from the primary to the replicas.
 *
 * A replica opens a connection to the holder of the lease and says
 *   follow MEMBER EPOCH N    it has N entries, the last one made in EPOCH
 * The primary answers
 *   back N         our logs part ways: cut yours to N entries, say follow again
 *   from N EPOCH   they agree; mine has N entries in all and I serve EPOCH;
 *                  what follows is
 *   e KIND KEY VALUE EPOCH   one entry
 *   end N          sent so far that I have N; also when nothing is new
 * and the replica says `ack N` for what its file holds.
 *
 * Where logs part is found as in Raft (section 5.3): an epoch has one
 * primary, so two logs whose Nth entries are of one epoch agree up to N. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "memoryd/member.h"
#include "memoryd/net.h"

#define SEEK_EVERY_NS (50 * NS_PER_MS)
#define LATE_NS (600 * NS_PER_MS) /* BUG_LOSE_ACKED */
#define OUT_LIMIT_BYTES ((size_t)1 << 20)

static struct conn *source_of(const struct memory_member *m)
{
	for (size_t i = 0; i < m->nconns; i++)
		if (m->conns[i]->kind == CONN_SOURCE && !m->conns[i]->dead)
			return m->conns[i];
	return NULL;
}

void repl_drop_source(struct memory_member *m)
{
	struct conn *c = source_of(m);

	if (c)
		c->dead = true;
	m->resync.on = false;
}

void repl_seek(struct memory_member *m)
{
	int64_t now = clock_mono_ns();
	struct lease_state l;
	struct err e = {0};
	char addr[64];
	int fd;

	memory_lease_read(m->lease, &l);
	if (m->primary || source_of(m) || l.holder < 0 || l.holder >= m->o.npeers ||
	    l.holder == m->o.self || now < m->source_ns)
		return;
	m->source_ns = now + SEEK_EVERY_NS;
	if (memory_net_resolve(m->o.peers[l.holder], addr, &e))
		return;
	fd = memory_net_connect(addr, m->o.port, &e);
	if (fd < 0)
		return;
	m->epoch = l.epoch;
	member_add_conn(m, fd, CONN_SOURCE)->connecting = true;
}

static void say_follow(struct memory_member *m, struct conn *c)
{
	conn_line(c, "follow %d %" PRIu64 " %zu\n", m->o.self,
		  memory_store_epoch(&m->store, m->store.n), m->store.n);
}

void repl_source_connected(struct memory_member *m, struct conn *c)
{
	m->resync.on = false;
	m->resync.cut_bytes = 0;
	say_follow(m, c);
}

static void cut_back(struct memory_member *m, struct conn *c, size_t n)
{
	struct err e = {0};

	if (n >= m->store.n) {
		c->dead = true;
		return;
	}
	log_info("cutting my log from %zu to %zu entries: the primary's is another", m->store.n, n);
	m->resync.cut_bytes += (int64_t)(m->store.n - n) * MEMORY_ENTRY_BYTES;
	if (memory_store_truncate(&m->store, n, &e)) {
		log_warn("%s", e.msg);
		c->dead = true;
		return;
	}
	say_follow(m, c);
}

static void begin_resync(struct memory_member *m, size_t theirs)
{
	size_t mine = m->store.n;

	m->resync.kind = !mine && theirs ? "full" :
			 mine < theirs || m->resync.cut_bytes ? "partial" : "none";
	m->resync.bytes = (int64_t)(theirs - mine) * MEMORY_ENTRY_BYTES;
	m->resync.goal = theirs;
	m->resync.on = true;
}

static void caught_up(struct memory_member *m)
{
	int64_t now = clock_mono_ns();

	if (m->store.n >= m->source_end)
		m->behind_ns = 0;
	else if (!m->behind_ns)
		m->behind_ns = now;
	if (!m->resync.on || m->store.n < m->resync.goal)
		return;
	m->resync.on = false;
	m->resync.done_ns = now;
	log_info("resync %s: %" PRId64 " bytes copied, %" PRId64 " cut off before", m->resync.kind,
		 m->resync.bytes, m->resync.cut_bytes);
}

void repl_source_line(struct memory_member *m, struct conn *c, const char *line)
{
	int64_t key, value;
	uint64_t epoch;
	uint32_t kind;
	size_t n;

	if (sscanf(line, "e %" SCNu32 " %" SCNd64 " %" SCNd64 " %" SCNu64, &kind, &key, &value,
		   &epoch) == 4 &&
	    c->streaming && memory_store_kind(kind) && key >= 0 && key < MEMORY_KEYS_MAX &&
	    epoch >= memory_store_epoch(&m->store, m->store.n)) {
		memory_store_add(&m->store, kind, key, value, epoch);
		if (m->store.n > m->source_end)
			m->source_end = m->store.n;
	} else if (sscanf(line, "end %zu", &n) == 1 && c->streaming) {
		m->source_end = n;
	} else if (sscanf(line, "back %zu", &n) == 1) {
		cut_back(m, c, n);
	} else if (sscanf(line, "from %zu %" SCNu64, &n, &epoch) == 2 && epoch >= m->epoch &&
		   n >= m->store.n) {
		m->epoch = epoch;
		m->source_end = n;
		c->streaming = true;
		begin_resync(m, n);
	} else {
		c->dead = true;
		return;
	}
	caught_up(m);
}

void repl_follow(struct memory_member *m, struct conn *c, const char *args)
{
	uint64_t epoch;
	size_t n, end;
	int who;

	if (!m->primary || sscanf(args, "%d %" SCNu64 " %zu", &who, &epoch, &n) != 3 || who < 0 ||
	    who >= m->o.npeers) {
		c->dead = true;
		return;
	}
	c->kind = CONN_FOLLOWER;
	c->member = who;
	end = memory_store_until(&m->store, epoch);
	if (n > m->store.n || memory_store_epoch(&m->store, n) != epoch) {
		/* n is not 0 here: of no entries the epoch is 0. */
		conn_line(c, "back %zu\n", n - 1 < end ? n - 1 : end);
		return;
	}
	c->streaming = true;
	c->sent = n;
	c->acked = 0;
	conn_line(c, "from %zu %" PRIu64 "\n", m->store.n, m->epoch);
}

void repl_follower_line(struct memory_member *m, struct conn *c, const char *line)
{
	size_t n;

	if (!strncmp(line, "follow ", 7))
		repl_follow(m, c, line + 7);
	else if (sscanf(line, "ack %zu", &n) == 1 && c->streaming && n <= c->sent)
		c->acked = n;
	else
		c->dead = true;
}

static void push_to(struct memory_member *m, struct conn *c)
{
	int64_t now = clock_mono_ns();
	size_t before = c->sent;

	while (c->sent < m->store.n && c->out.len < OUT_LIMIT_BYTES) {
		const struct memory_entry *x = &m->store.log[c->sent];

		if (m->o.bug == BUG_LOSE_ACKED && now - m->store.added_ns[c->sent] < LATE_NS)
			break;
		conn_line(c, "e %" PRIu32 " %" PRId64 " %" PRId64 " %" PRIu64 "\n", x->kind, x->key,
			  x->value, x->epoch);
		c->sent++;
	}
	if (c->sent != before)
		conn_line(c, "end %zu\n", m->store.n);
}

void repl_push(struct memory_member *m)
{
	for (size_t i = 0; i < m->nconns; i++) {
		struct conn *c = m->conns[i];

		if (c->dead || !c->streaming)
			continue;
		if (c->kind == CONN_FOLLOWER) {
			push_to(m, c);
		} else if (c->kind == CONN_SOURCE && (c->acked != m->store.written || !c->acked)) {
			c->acked = m->store.written;
			if (c->acked)
				conn_line(c, "ack %zu\n", c->acked);
		}
	}
}

size_t repl_acked(const struct memory_member *m)
{
	size_t most = 0;

	for (size_t i = 0; i < m->nconns; i++) {
		const struct conn *c = m->conns[i];

		if (c->kind == CONN_FOLLOWER && c->streaming && !c->dead && c->acked > most)
			most = c->acked;
	}
	return most;
}
