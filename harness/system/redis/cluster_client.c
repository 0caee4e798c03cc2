/* Redis Cluster, as its clients see it. What its answers mean for the trial's
 * rules is in system/redis/cluster_model.c; the map of slots, in
 * system/redis/map.c.
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
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/redis/map.h"
#include "system/redis/ops.h"
#include "system/redis/probe.h"
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
	snprintf(op->room->via, sizeof(op->room->via), "%.46s%.17s", redis_address(conn), hops);
}

/* One server, one answer. */
static redisReply *ask(struct client *c, struct redis_peer *p, struct op *op,
		       const struct redis_command *k, bool asking, int64_t until_ns)
{
	struct redis_cost cost = {0};
	bool reached =
		redis_peer_conn(p, until_ns, &cost, op->room->error, sizeof(op->room->error));
	redisReply *reply = NULL;

	redis_cost_add(op, &cost);
	if (reached && !call_may_send(op, until_ns))
		return NULL;
	if (reached)
		reply = redis_send(p, op, k, asking, until_ns);
	c->map.stale = c->map.stale || !reply || redis_misdirected(reply);
	return reply;
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
static void follow(struct client *c, struct op *op, const struct redis_command *k,
		   struct redis_peer *p, int64_t until_ns)
{
	char hops[40] = "", refusal[OP_ERROR_MAX] = "";
	bool asking = false;
	int hop = 0;

	while (hop <= HOPS_MAX) {
		redisReply *r = ask(c, p, op, k, asking, until_ns);
		struct redis_redirect to;
		bool moved, again;

		/* Not sent again: what was refused stays so, for that reason. */
		if (!r && *refusal && op->outcome == OP_FAIL)
			mem_copy_str(op->room->error, sizeof(op->room->error), refusal);
		if (!r)
			return;
		note_via(op, p->conn, hops);
		moved = r->type == REDIS_REPLY_ERROR && redis_redirect(r->str, &to);
		again = r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "TRYAGAIN", 8);
		freeReplyObject(r);
		if (again) {
			mem_copy_str(refusal, sizeof(refusal), op->error);
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

static void cluster_invoke(struct client *c, struct op *op, int64_t until_ns)
{
	struct redis_peer *p;
	struct redis_command k;
	int shard = 0, slot;

	redis_command_make(op, c->payload, &k);
	slot = redis_slot(k.key, strlen(k.key));
	/* An old map is better than none. */
	if (c->map.stale && op->t_invoke - c->map.learnt_ns >= RELEARN_MS * NS_PER_MS &&
	    !redis_map_learn(&c->map, until_ns, op->room->error, sizeof(op->room->error)))
		op->find_ns = clock_mono_ns() - op->t_invoke;
	p = redis_map_owner(&c->map, slot, &shard);
	op->shard = (uint32_t)shard;
	if (op->f == OP_READ_REPLICA)
		p = redis_map_replica(&c->map, slot);
	if (p) {
		op->room->error[0] = '\0';
		follow(c, op, &k, p, until_ns);
	} else if (!op->error[0]) {
		snprintf(op->room->error, sizeof(op->room->error), "map: slot %d has no %s", slot,
			 shard ? "replica" : "owner");
		c->map.stale = true;
	}
}

/* ---- before and after the load ---- */

/* Who owns what, if all of it is owned. */
static int learn(struct redis_map *m, int64_t until_ns, struct err *e)
{
	char why[120];
	int n = 0;

	if (redis_map_learn(m, until_ns, why, sizeof(why)))
		return err_set(e, ERR_BROKEN, "no member told who owns the slots: %s", why);
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
	int r = redis_must(p, 2, words, until_ns, &reply, e);

	if (!r && redis_field(redis_text(reply), "cluster_state", state, sizeof(state)) &&
	    strcmp(state, "ok"))
		r = err_set(e, ERR_BROKEN, "CLUSTERDOWN: %s says cluster_state:%s", p->host, state);
	freeReplyObject(reply);
	return r;
}

static int cluster_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	struct redis_map m;
	int r;

	(void)keys;
	redis_map_init(&m, acc);
	r = learn(&m, until_ns, e);
	for (size_t i = 0; i < m.nranges && !r; i++)
		r = is_formed(m.ranges[i].owner, until_ns, e);
	if (!r)
		r = redis_flush(m.ranges, m.nranges, until_ns, e);
	redis_map_free(&m);
	return r;
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
		r = redis_read_all(m.ranges, m.nranges, 1, acc, keys, out, until_ns, e);
	redis_map_free(&m);
	return r;
}

/* ---- asking members directly ---- */

/* Three questions in one round trip: INFO, CLUSTER INFO, CLUSTER NODES. */

/* As much of an id as samples show. */
static const char *shown(const char *id, char out[REDIS_ID_SHOWN + 1])
{
	mem_copy_str(out, REDIS_ID_SHOWN + 1, id);
	return out;
}

/* Left out while there is nothing to say. */
static void set_ids(cJSON *x, const char *key, cJSON *ids)
{
	if (cJSON_GetArraySize(ids))
		json_set(x, key, ids);
	else
		cJSON_Delete(ids);
}

static void say_others(cJSON *x, const struct redis_node *v, size_t n)
{
	cJSON *pfail = cJSON_CreateArray(), *fail = cJSON_CreateArray(),
	      *map = cJSON_CreateObject();
	char id[REDIS_ID_SHOWN + 1];

	for (size_t i = 0; i < n; i++) {
		if (v[i].fail || v[i].pfail)
			json_push(v[i].fail ? fail : pfail, cJSON_CreateString(shown(v[i].id, id)));
		if (v[i].is_master && *v[i].slots)
			json_set_str(map, v[i].slots, shown(v[i].id, id));
	}
	json_set(x, "map", map);
	set_ids(x, "pfail", pfail);
	set_ids(x, "fail", fail);
}

static const struct redis_node *myself(const struct redis_node *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].myself)
			return &v[i];
	return NULL;
}

/* Of a replica, its master's. */
static int shard_of(const struct redis_node *v, size_t n, const struct redis_node *me)
{
	const char *slots = me->slots;

	for (size_t i = 0; i < n && *me->master; i++)
		if (!strcmp(v[i].id, me->master))
			slots = v[i].slots;
	return redis_shard(v, n, redis_slots_first(slots));
}

/* Would it take a write now: it owns slots, the cluster is well by its word,
 * its data is read, and its AOF can be written (else MISCONF). */
static void fill_master(struct sample *s, const char *info, const struct redis_node *me, bool ok)
{
	s->position = redis_number(info, "master_repl_offset", -1);
	json_set_str(s->extra, "slots", me->slots);
	if (!*me->slots)
		return;
	redis_info_master(info, redis_info_err(info, "aof_last_write_status"), ok, s);
}

static bool fill(const struct redis_peer *peer, struct sample *s, redisReply *const *r)
{
	const char *info = redis_text(r[0]), *cluster = redis_text(r[1]);
	struct arena a = {0};
	struct redis_node *v;
	size_t n = redis_nodes(&a, redis_text(r[2]), &v);
	const struct redis_node *me = myself(v, n);
	char state[16], id[REDIS_ID_SHOWN + 1];

	(void)peer;
	if (me) {
		redis_field(cluster, "cluster_state", state, sizeof(state));
		redis_info_sample(info, s);
		s->timeline = me->epoch;
		s->shards = shard_bit((uint32_t)shard_of(v, n, me));
		json_set_str(s->extra, "id", shown(me->id, id));
		json_set_str(s->extra, "state", state);
		if (me->is_master)
			fill_master(s, info, me, !strcmp(state, "ok"));
		else
			redis_info_replica(info, shown(me->master, id), s);
		say_others(s->extra, v, n);
	}
	free(v);
	arena_free(&a);
	return me != NULL;
}

static void cluster_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const struct redis_questions q = {
		.v = {{1, {"INFO"}}, {2, {"CLUSTER", "INFO"}}, {2, {"CLUSTER", "NODES"}}}, .n = 3,
		.fill = fill, .silent = "CLUSTER NODES does not name the node itself",
	};
	int64_t until_ns = clock_mono_ns() + timeout_ns;

	redis_probe_ask(p, &q, s, until_ns, until_ns);
}

/* ---- the settings in force ---- */

static const struct redis_setting settings[] = {
	{"cluster-node-timeout", "ms"}, {"cluster-require-full-coverage", "bool"},
	{"cluster-migration-barrier", "count"}, {"cluster-replica-validity-factor", "count"},
	{"cluster-allow-replica-migration", "bool"}, {"cluster-preferred-endpoint-type", "word"},
	{"cluster-announce-ip", "word"}, {"cluster-announce-hostname", "word"},
	{"repl-ping-replica-period", "s"}, {"repl-timeout", "s"}, {"repl-backlog-size", "bytes"},
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"maxmemory", "bytes"},
	{"maxmemory-policy", "word"}, {"maxclients", "count"}, {NULL, NULL},
};

static int cluster_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	return redis_inforce(acc, settings, clock_mono_ns() + 5 * NS_PER_S, out, e);
}

const struct client_ops client_redis_cluster = {
	.name = "redis-cluster",
	.summary = "Redis 7 Cluster: three masters, a replica each",
	.fixture = "redis-cluster",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS,
	.caps = SYSTEM_SHARDS | SYSTEM_EVICTS,
	.setup = cluster_setup,
	.client_new = cluster_client_new,
	.invoke = cluster_invoke,
	.client_free = cluster_client_free,
	.probe_new = redis_probe_new,
	.probe = cluster_probe,
	.probe_free = redis_probe_free,
	.final_read = cluster_final_read,
	.inforce = cluster_inforce,
};
