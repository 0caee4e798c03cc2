/* Who is primary. Every loop_ms a member looks at the lease: the primary
 * renews it for ttl_ms, a replica that finds it over takes it, if its log
 * reaches as far as anything that was acknowledged and no living replica's
 * reaches further. Between two looks a primary trusts only the end of its
 * own lease, so that one that was frozen serves nothing when it wakes up. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "memoryd/member.h"

#define SPLIT_NS (2 * NS_PER_S) /* BUG_SPLIT_BRAIN: for how long */
enum { FRESH_LOOPS = 3 }; /* a member that was silent for longer counts as dead */

static uint64_t my_reach(const struct memory_member *m)
{
	return memory_reach(memory_store_epoch(&m->store, m->store.written), m->store.written);
}

void role_tell(struct memory_member *m)
{
	memory_lease_tell(m->lease, m->o.self, my_reach(m), now_ms());
}

bool role_writable(const struct memory_member *m)
{
	return m->primary && (m->o.bug == BUG_SPLIT_BRAIN || now_ms() < m->expires_ms);
}

static void become_primary(struct memory_member *m, const struct lease_state *l, bool resumed)
{
	repl_drop_source(m);
	m->primary = true;
	m->resumed = resumed;
	m->epoch = l->epoch;
	m->expires_ms = l->expires_ms;
	m->primary_ns = clock_mono_ns();
	m->client_ns = m->deposed_ns = m->behind_ns = 0;
	log_info("%s as primary, epoch %" PRIu64 ", with %zu entries",
		 resumed ? "going on" : "serving", m->epoch, m->store.n);
}

/* Whoever waits for an answer will not get a true one, and whoever holds a
 * message holds it no longer: its connection ends. */
static void demote(struct memory_member *m, const char *why)
{
	log_info("no longer primary of epoch %" PRIu64 ": %s", m->epoch, why);
	m->primary = false;
	m->source_ns = 0;
	for (size_t i = 0; i < m->nconns; i++) {
		struct conn *c = m->conns[i];

		if (c->kind == CONN_FOLLOWER || c->waits || c->holds)
			c->dead = true;
	}
}

static void tick_primary(struct memory_member *m, struct lease_state *l)
{
	int64_t until = now_ms() + m->o.ttl_ms;

	if (l->holder == m->o.self && l->epoch == m->epoch &&
	    memory_lease_change(m->lease, l, m->o.self, m->epoch, until)) {
		m->expires_ms = until;
		return;
	}
	if (m->o.bug == BUG_SPLIT_BRAIN) {
		if (!m->deposed_ns)
			m->deposed_ns = clock_mono_ns();
		if (clock_mono_ns() - m->deposed_ns < SPLIT_NS)
			return;
	}
	demote(m, l->holder >= 0 && l->holder < m->o.npeers ? m->o.peers[l->holder] : "nobody");
}

static bool fit(const struct memory_member *m)
{
	uint64_t mine = my_reach(m), theirs;
	int64_t at_ms, fresh_ms = now_ms() - FRESH_LOOPS * m->o.loop_ms;

	if (mine < memory_lease_committed(m->lease))
		return false;
	for (int i = 0; i < m->o.npeers; i++) {
		memory_lease_told(m->lease, i, &theirs, &at_ms);
		if (i != m->o.self && at_ms >= fresh_ms && theirs > mine)
			return false;
	}
	return true;
}

static void tick_replica(struct memory_member *m, struct lease_state *l)
{
	int64_t now = now_ms();
	bool over = l->holder < 0 || now >= l->expires_ms;
	bool mine = l->holder == m->o.self && !over;

	if (over && (!m->expired_ns || m->expired_epoch != l->epoch)) {
		m->expired_ns = clock_mono_ns();
		m->expired_epoch = l->epoch;
	}
	if (!over && l->epoch != m->epoch)
		repl_drop_source(m);
	if ((!over && !mine) || !fit(m))
		return;
	if (memory_lease_change(m->lease, l, m->o.self, l->epoch + (mine ? 0 : 1),
				now + m->o.ttl_ms))
		become_primary(m, l, mine);
}

void role_tick(struct memory_member *m)
{
	struct lease_state l;

	role_tell(m);
	memory_lease_read(m->lease, &l);
	if (m->primary)
		tick_primary(m, &l);
	else
		tick_replica(m, &l);
	m->tick_ns = clock_mono_ns() + m->o.loop_ms * NS_PER_MS;
}

void role_resign(struct memory_member *m)
{
	struct lease_state l;

	memory_lease_read(m->lease, &l);
	if (m->primary && l.holder == m->o.self && l.epoch == m->epoch &&
	    memory_lease_change(m->lease, &l, l.holder, l.epoch, now_ms()))
		log_info("gave the lease up");
	m->primary = false;
}

void role_leader(const struct memory_member *m, struct conn *c)
{
	struct lease_state l;
	bool valid;

	memory_lease_read(m->lease, &l);
	valid = l.holder >= 0 && l.holder < m->o.npeers && now_ms() < l.expires_ms;
	/* It would name itself: that is what makes two primaries harmful. */
	if (m->deposed_ns && m->primary)
		conn_line(c, "leader %s %" PRIu64 "\n", m->o.name, m->epoch);
	else
		conn_line(c, "leader %s %" PRIu64 "\n", valid ? m->o.peers[l.holder] : "-", l.epoch);
}

static void set_ago(cJSON *o, const char *key, int64_t at_ns)
{
	if (at_ns)
		json_set_i64(o, key, clock_mono_ns() - at_ns);
}

static cJSON *followers(const struct memory_member *m)
{
	cJSON *v = cJSON_CreateArray();

	for (size_t i = 0; i < m->nconns; i++) {
		const struct conn *c = m->conns[i];

		if (c->kind == CONN_FOLLOWER && c->streaming && !c->dead)
			json_push(v, cJSON_CreateString(m->o.peers[c->member]));
	}
	return v;
}

static bool following(const struct memory_member *m)
{
	for (size_t i = 0; i < m->nconns; i++)
		if (m->conns[i]->kind == CONN_SOURCE && m->conns[i]->streaming &&
		    !m->conns[i]->dead)
			return !m->resync.on;
	return false;
}

static void put_resync(const struct memory_member *m, cJSON *o)
{
	cJSON *r;

	if (!m->resync.done_ns || m->resync.on)
		return;
	r = cJSON_AddObjectToObject(o, "resync");
	json_set_str(r, "kind", m->resync.kind);
	json_set_i64(r, "bytes", m->resync.bytes);
	json_set_i64(r, "cut_bytes", m->resync.cut_bytes);
	set_ago(r, "ago_ns", m->resync.done_ns);
}

/* Instants are told as ages, which need no common clock. */
void role_status(const struct memory_member *m, struct conn *c)
{
	cJSON *o = cJSON_CreateObject();
	struct lease_state l;
	char *text;

	memory_lease_read(m->lease, &l);
	json_set_str(o, "name", m->o.name);
	json_set_str(o, "role", m->primary ? "primary" : "replica");
	json_set_bool(o, "writable", role_writable(m));
	json_set_i64(o, "epoch", (int64_t)m->epoch);
	json_set_i64(o, "position", (int64_t)m->store.n * MEMORY_ENTRY_BYTES);
	json_set_i64(o, "lease_left_ms", l.holder < 0 ? 0 : l.expires_ms - now_ms());
	set_ago(o, "started_ago_ns", m->started_ns);
	set_ago(o, "expired_ago_ns", m->expired_ns);
	if (m->primary) {
		json_set_bool(o, "resumed", m->resumed);
		set_ago(o, "primary_ago_ns", m->primary_ns);
		set_ago(o, "client_ago_ns", m->client_ns);
		json_set(o, "followers", followers(m));
	} else {
		json_set_bool(o, "following", following(m));
		json_set_i64(o, "lag_bytes", m->source_end > m->store.n ?
			     (int64_t)(m->source_end - m->store.n) * MEMORY_ENTRY_BYTES : 0);
		json_set_i64(o, "lag_ns", m->behind_ns ? clock_mono_ns() - m->behind_ns : 0);
		put_resync(m, o);
	}
	text = json_text(o);
	/* A status may be longer than conn_line() takes. */
	buf_str(&c->out, text);
	buf_char(&c->out, '\n');
	free(text);
	cJSON_Delete(o);
}

static void put_setting(cJSON *v, const char *name, const char *value, const char *unit)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "name", name);
	json_set_str(o, "value", value);
	json_set_str(o, "unit", unit);
	json_push(v, o);
}

static void put_ms(cJSON *v, const char *name, int64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, ms);
	put_setting(v, name, text, "ms");
}

void role_settings(const struct memory_member *m, struct conn *c)
{
	cJSON *v = cJSON_CreateArray();
	char *text;

	put_ms(v, "ttl", m->o.ttl_ms);
	put_ms(v, "loop", m->o.loop_ms);
	put_ms(v, "restart", m->o.restart_ms);
	put_setting(v, "sync", m->o.sync ? "on" : "off", "bool");
	put_setting(v, "fsync", m->o.fsync ? "on" : "off", "bool");
	put_setting(v, "bug", m->o.bug_name, "word");
	text = json_text(v);
	buf_str(&c->out, text);
	buf_char(&c->out, '\n');
	free(text);
	cJSON_Delete(v);
}
