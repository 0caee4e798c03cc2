/* Redis Cluster, as its clients see it. What its answers mean for the trial's
 * rules is in system/redis/cluster_model.c; asking members one by one, in
 * system/redis/cluster_probe.c; the map of slots, in system/redis/map.c.
 *
 * Retries of the client library: it has none here (system/redis/conn.h). What a
 * client has to do by the specification is done by us and shown: a call that
 * was sent on or told to come again names that in `via` ("10.244.1.7:6379
 * MOVED"). TRYAGAIN is said only to commands of several keys, some of which have
 * moved already (Redis cluster specification, "Multiple keys operations"); a
 * call here has one so far. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/redis/cluster_probe.h"
#include "system/redis/map.h"
#include "system/redis/ops.h"
#include "system/redis/slots.h"

enum { HOPS_MAX = 5, RELEARN_MS = 50, TRYAGAIN_MS = 10 };

struct client {
	struct redis_map map;
	char *payload; /* of every insert */
};

static struct client *cluster_client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	redis_map_init(&c->map, acc);
	c->map.next = process; /* not all ask the same member */
	c->payload = redis_payload(process, (size_t)acc->payload_bytes);
	return c;
}

static void cluster_client_free(struct client *c)
{
	redis_map_free(&c->map);
	free(c->payload);
	free(c);
}

static void note_via(struct op *op, const struct redis_conn *conn, const char *hops)
{
	snprintf(op->via, sizeof(op->via), "%.46s%.17s", redis_address(conn), hops);
}

/* One server, one answer. */
static redisReply *ask(struct client *c, struct redis_peer *p, struct op *op,
		       const struct redis_command *k, bool asking, int64_t until_ns)
{
	static const char *const word[] = {"ASKING"};
	redisReply *reply = NULL, *first = NULL;
	enum redis_end end = REDIS_ANSWERED;
	struct redis_cost cost = {0};
	bool reached = redis_peer_conn(p, until_ns, &cost, op->error, sizeof(op->error));

	op->dns_ns += cost.dns_ns;
	op->connect_ns += cost.connect_ns;
	if (!reached) {
		c->map.stale = true;
		return NULL;
	}
	if (!call_may_send(op, until_ns))
		return NULL;
	op->sent = true;
	op->outcome = OP_INFO; /* until there is an answer */
	if (asking)
		redis_put(p->conn, 1, word);
	redis_put(p->conn, k->argc, k->argv);
	if (asking)
		end = redis_get(p->conn, until_ns, &first, op->error, sizeof(op->error));
	if (end == REDIS_ANSWERED)
		end = redis_get(p->conn, until_ns, &reply, op->error, sizeof(op->error));
	if (first)
		freeReplyObject(first);
	if (end == REDIS_ANSWERED)
		return reply;
	redis_peer_drop(p);
	c->map.stale = true;
	return NULL;
}

static void note_hop(char hops[40], const char *word)
{
	if (!strstr(hops, word) || strcmp(word, " TRYAGAIN"))
		snprintf(hops + strlen(hops), 40 - strlen(hops), "%s", word);
}

/* Keys of one command are on two servers for a moment: the same one is asked
 * again, a little later. False: the deadline comes first. */
static bool wait_for_keys(int64_t until_ns)
{
	int64_t next_ns = clock_mono_ns() + TRYAGAIN_MS * NS_PER_MS;

	if (next_ns >= until_ns)
		return false;
	clock_sleep_until(next_ns);
	return true;
}

/* Follows redirections within the deadline. Each says that the command was
 * not executed there, so nothing is hidden or done twice. */
static void follow(struct client *c, struct op *op, const struct redis_command *k, struct redis_peer *p,
		   int64_t until_ns)
{
	bool asking = false;
	char hops[40] = "";
	int hop = 0;

	while (hop <= HOPS_MAX) {
		redisReply *r = ask(c, p, op, k, asking, until_ns);
		struct redis_redirect to;
		bool moved, again;

		if (!r)
			return;
		note_via(op, p->conn, hops);
		moved = r->type == REDIS_REPLY_ERROR && redis_redirect(r->str, &to);
		again = r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "TRYAGAIN", 8);
		if (r->type == REDIS_REPLY_ERROR && redis_misdirected(r->str))
			c->map.stale = true;
		redis_command_answered(op, r);
		freeReplyObject(r);
		if (again) {
			note_hop(hops, " TRYAGAIN");
			note_via(op, p->conn, hops);
			if (!wait_for_keys(until_ns))
				return;
			continue;
		}
		/* A replica that sends to its master has become something else;
		 * who asked for a replica's word is not given the master's. */
		if (!moved || p->readonly) {
			c->map.stale = c->map.stale || moved;
			return;
		}
		hop++;
		asking = to.ask;
		c->map.stale = c->map.stale || !asking;
		p = redis_map_peer(&c->map, *to.host ? to.host : p->host, to.port, false);
		note_hop(hops, asking ? " ASK" : " MOVED");
	}
}

static void cluster_invoke(struct client *c, struct op *op, int64_t deadline_ns)
{
	struct redis_peer *p;
	struct redis_command k;
	int64_t until_ns;
	int shard = 0, slot;

	call_begin(op);
	until_ns = call_give_up_ns(op, deadline_ns);
	redis_command_make(op, c->payload, &k);
	slot = redis_slot(k.key, strlen(k.key));
	/* An old map is better than none. */
	if (c->map.stale && op->t_invoke - c->map.learnt_ns >= RELEARN_MS * NS_PER_MS &&
	    !redis_map_learn(&c->map, until_ns, op->error, sizeof(op->error)))
		op->find_ns = clock_mono_ns() - op->t_invoke;
	p = redis_map_owner(&c->map, slot, &shard);
	op->shard = (uint32_t)shard;
	if (op->f == OP_READ_REPLICA)
		p = redis_map_replica(&c->map, slot);
	if (p) {
		op->error[0] = '\0';
		follow(c, op, &k, p, until_ns);
	} else if (!op->error[0]) {
		snprintf(op->error, sizeof(op->error), "map: slot %d has no %s", slot,
			 shard ? "replica" : "owner");
		c->map.stale = true;
	}
	op->t_return = clock_mono_ns();
}

/* ---- before and after the load ---- */

static int reach(struct redis_peer *p, int64_t until_ns, struct err *e)
{
	char why[120];

	return redis_peer_conn(p, until_ns, NULL, why, sizeof(why)) ? 0 :
	       err_set(e, ERR_BROKEN, "%.60s: %s", p->host, why);
}

/* One command to one peer that must succeed. */
static int must(struct redis_peer *p, int argc, const char *const *argv, int64_t until_ns,
		redisReply **out, struct err *e)
{
	int r = reach(p, until_ns, e) ? -1 :
		redis_must(p->conn, p->host, argc, argv, until_ns, out, e);

	if (r)
		redis_peer_drop(p);
	return r;
}

static int learn(struct redis_map *m, int64_t until_ns, struct err *e)
{
	char why[120];

	if (redis_map_learn(m, until_ns, why, sizeof(why)))
		return err_set(e, ERR_BROKEN, "no member told who owns the slots: %s", why);
	return 0;
}

/* Every owner once. */
static bool first_of(const struct redis_map *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (m->ranges[k].owner == m->ranges[i].owner)
			return false;
	return true;
}

static int all_slots(const struct redis_map *m, struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < m->nranges; i++)
		n += m->ranges[i].hi - m->ranges[i].lo + 1;
	return n == REDIS_SLOTS ? 0 :
	       err_set(e, ERR_BROKEN, "CLUSTERDOWN: %d of %d slots have an owner: the cluster was not "
		       "formed", n, REDIS_SLOTS);
}

static int is_formed(struct redis_peer *p, int64_t until_ns, struct err *e)
{
	static const char *const words[] = {"CLUSTER", "INFO"};
	redisReply *reply = NULL;
	char state[16];
	int r = must(p, 2, words, until_ns, &reply, e);

	if (!r && redis_field(redis_text(reply), "cluster_state", state, sizeof(state)) &&
	    strcmp(state, "ok"))
		r = err_set(e, ERR_BROKEN, "CLUSTERDOWN: %.60s says cluster_state:%s", p->host, state);
	if (reply)
		freeReplyObject(reply);
	return r;
}

static int cluster_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	static const char *const flush[] = {"FLUSHALL"};
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	struct redis_map m;
	int r;

	(void)keys; /* registers appear with their first write */
	redis_map_init(&m, acc);
	r = learn(&m, until_ns, e);
	if (!r)
		r = all_slots(&m, e);
	for (size_t i = 0; i < m.nranges && !r; i++)
		r = is_formed(m.ranges[i].owner, until_ns, e);
	for (size_t i = 0; i < m.nranges && !r; i++)
		if (first_of(&m, i))
			r = must(m.ranges[i].owner, 1, flush, until_ns, NULL, e);
	redis_map_free(&m);
	return r;
}

static int registers(struct redis_map *m, int keys, struct final_read *out, int64_t until_ns,
		     struct err *e)
{
	for (int i = 0; i < keys; i++) {
		struct redis_peer *p;
		char key[48];
		int shard;

		redis_register_key(i, key);
		p = redis_map_owner(m, redis_slot(key, strlen(key)), &shard);
		if (!p)
			return err_set(e, ERR_BROKEN, "nobody owns the slot of %s", key);
		if (reach(p, until_ns, e) ||
		    redis_register(p->conn, p->host, i, &out->registers[i], until_ns, e))
			return -1;
	}
	return 0;
}

/* Once more after everything was read: each range's owner, as what it is now. */
static int who_answered(struct redis_map *m, const struct access *acc, struct final_read *out,
			int64_t until_ns, struct err *e)
{
	for (size_t i = 0; i < m->nranges; i++) {
		struct redis_peer *p = m->ranges[i].owner;

		if (reach(p, until_ns, e) ||
		    redis_answered(p->conn, p->host, acc, (uint32_t)i + 1, out, until_ns, e))
			return -1;
	}
	return 0;
}

static int cluster_final_read(const struct access *acc, int keys, struct final_read *out,
			      int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	struct redis_map m;
	int r;

	final_read_begin(out, keys);
	redis_map_init(&m, acc);
	r = learn(&m, until_ns, e);
	if (!r)
		r = all_slots(&m, e);
	for (size_t i = 0; i < m.nranges && !r; i++) {
		struct redis_peer *p = m.ranges[i].owner;

		if (first_of(&m, i))
			r = reach(p, until_ns, e) ||
			    redis_values(p->conn, p->host, out, until_ns, e) ? -1 : 0;
	}
	if (!r)
		r = registers(&m, keys, out, until_ns, e);
	if (!r)
		r = who_answered(&m, acc, out, until_ns, e);
	redis_map_free(&m);
	return r;
}

const struct client_ops client_redis_cluster = {
	.name = "redis-cluster",
	.summary = "Redis 7 Cluster: three masters, a replica each",
	.fixture = "redis-cluster",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS,
	.setup = cluster_setup,
	.client_new = cluster_client_new,
	.invoke = cluster_invoke,
	.client_free = cluster_client_free,
	.probe_new = redis_cluster_probe_new,
	.probe = redis_cluster_probe,
	.probe_free = redis_cluster_probe_free,
	.final_read = cluster_final_read,
	.inforce = redis_cluster_inforce,
};
