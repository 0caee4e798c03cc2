/* Messages: partitions are logs that only grow, replicated like everything
 * else, and handed out by these rules.
 *
 * - A message is where `send` says, from the acknowledgement on and for ever.
 * - `receive` gives the first message of the partition that nobody holds and
 *   nobody has acknowledged, and the connection holds it until `ack`. It holds
 *   one at a time: asking for another gives the first one back, and so does the
 *   connection's end. So delivery is at least once, to competing consumers.
 * - That a message was handed out is in the log before the answer goes out, and
 *   so is its acknowledgement: whoever is primary then knows both. A message
 *   that comes again says so, whether its first receiver ever saw it or not.
 * - Without such returns each consumer sees a partition in its order. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memoryd/member.h"

enum { LATER = 2 * BUG_EVERY + 5 }; /* BUG_OUT_OF_ORDER: so many come first */

static void do_send(struct memory_member *m, struct conn *c, int64_t key, int64_t value,
		    int64_t bytes)
{
	bool odd = ++m->sends % BUG_EVERY == 0;
	size_t offset = m->store.parts[key].n;

	if (!odd || m->o.bug != BUG_LOSE_SENT)
		memory_store_add(&m->store, ENTRY_SEND, key, value, m->epoch);
	for (; bytes > 0; bytes -= MEMORY_ENTRY_BYTES)
		memory_store_add(&m->store, ENTRY_PAD, 0, 0, m->epoch);
	if (odd && m->o.bug == BUG_DELIVER_REFUSED)
		conn_answer_later(m, c, "err refused\n");
	else
		conn_answer_later(m, c, "ok %zu\n", offset);
}

static bool held_back(const struct memory_member *m, const struct memory_partition *p, size_t at)
{
	return m->o.bug == BUG_OUT_OF_ORDER && at % BUG_EVERY == BUG_EVERY / 2 && !p->m[at].taken &&
	       (at + LATER >= p->n || !p->m[at + LATER].taken);
}

static void do_receive(struct memory_member *m, struct conn *c, int64_t key)
{
	struct memory_partition *p = &m->store.parts[key];
	struct memory_message *x;
	bool again;
	size_t at;

	queue_release(m, c);
	for (at = p->low; at < p->n; at++)
		if (!p->m[at].acked && !p->m[at].held && !held_back(m, p, at))
			break;
	if (at == p->n) {
		conn_answer_later(m, c, "empty\n");
		return;
	}
	x = &p->m[at];
	again = x->taken;
	x->held = c->holds = true;
	c->hold_key = key;
	c->hold_offset = at;
	if (!again)
		memory_store_add(&m->store, ENTRY_TAKE, key, (int64_t)at, m->epoch);
	conn_answer_later(m, c, "message %zu %" PRId64 " %d\n", at, x->value, again);
}

static void do_ack(struct memory_member *m, struct conn *c, int64_t key, size_t offset)
{
	if (!c->holds || c->hold_key != key || c->hold_offset != offset) {
		conn_line(c, "err you do not hold it\n");
		return;
	}
	if (++m->acks % BUG_EVERY != 0 || m->o.bug != BUG_DELIVER_TWICE)
		memory_store_add(&m->store, ENTRY_ACK, key, (int64_t)offset, m->epoch);
	queue_release(m, c);
	conn_answer_later(m, c, "ok %zu\n", offset);
}

void queue_release(struct memory_member *m, struct conn *c)
{
	struct memory_partition *p = &m->store.parts[c->hold_key];

	if (c->holds && c->hold_offset < p->n)
		p->m[c->hold_offset].held = false;
	c->holds = false;
}

bool queue_line(struct memory_member *m, struct conn *c, const char *line)
{
	int64_t key, value, bytes = 0;
	size_t offset;

	if (sscanf(line, "%*s %" SCNd64, &key) != 1 || key < 0 || key >= MEMORY_KEYS_MAX)
		return false;
	if (sscanf(line, "send %*d %" SCNd64 " %" SCNd64, &value, &bytes) >= 1 && value >= 0 &&
	    bytes <= PAYLOAD_MAX_BYTES)
		do_send(m, c, key, value, bytes);
	else if (sscanf(line, "ack %*d %zu", &offset) == 1)
		do_ack(m, c, key, offset);
	else if (!strncmp(line, "receive ", 8))
		do_receive(m, c, key);
	else
		return false;
	return true;
}

void queue_dump(const struct memory_member *m, struct conn *c)
{
	for (int64_t k = 0; k < MEMORY_KEYS_MAX; k++) {
		const struct memory_partition *p = &m->store.parts[k];

		for (size_t i = 0; i < p->n; i++)
			conn_line(c, "m %" PRId64 " %zu %" PRId64 "\n", k, i, p->m[i].value);
	}
}
