/* Redis with Sentinels, as its clients see it. Where the master is, in
 * system/redis/sentinels.c; what its answers mean for the trial's rules, in
 * system/redis/sentinel_model.c.
 *
 * Retries of the client library: it has none here (system/redis/conn.h). A call
 * whose master fails has failed; before the next one the Sentinels are asked
 * again, and a new connection is used only when its server's ROLE is master. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/redis/ops.h"
#include "system/redis/probe.h"
#include "system/redis/sentinels.h"
#include "system/redis/slots.h"

struct client {
	struct sentinels sentinels;
	const struct access *acc;
	char *payload; /* of every insert */
	bool known;    /* where the master is: nothing has spoken against it */
	struct redis_peer master;
	struct redis_peer replica; /* for reading, apart */
	size_t turn;
	struct redis_cost cost; /* of the call under way */
};

static struct client *sentinel_client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	sentinels_init(&c->sentinels, acc);
	c->acc = acc;
	/* Not all ask the same one. */
	c->sentinels.next = c->sentinels.n ? process % c->sentinels.n : 0;
	c->turn = process;
	c->master.role = "master";
	c->replica.role = "slave";
	c->payload = redis_payload(process, (size_t)acc->payload_bytes);
	return c;
}

static void sentinel_client_free(struct client *c)
{
	redis_peer_drop(&c->sentinels.news);
	redis_peer_drop(&c->master);
	redis_peer_drop(&c->replica);
	free(c->payload);
	free(c);
}

static bool locate(struct client *c, int64_t until_ns, char *error, size_t size)
{
	int64_t from_ns = clock_mono_ns(), open_ns = c->cost.dns_ns + c->cost.connect_ns;

	c->known = sentinels_news(&c->sentinels, &c->master) || c->known;
	if (!c->known &&
	    sentinels_ask(&c->sentinels, &c->master, until_ns, &c->cost, error, size)) {
		c->cost.find_ns +=
			clock_mono_ns() - from_ns - (c->cost.dns_ns + c->cost.connect_ns - open_ns);
		c->known = true;
	}
	return c->known;
}

static void lost(struct client *c, struct redis_peer *p)
{
	redis_peer_drop(p);
	if (p == &c->master)
		c->known = false;
}

/* These two return NULL with an error text when there is no connection. */
static struct redis_peer *reach_master(struct client *c, int64_t until_ns, char *error, size_t size)
{
	/* It may have been replaced: ask before going there again. */
	if (redis_peer_gone(&c->master))
		lost(c, &c->master);
	c->known = locate(c, until_ns, error, size) &&
		   redis_peer_conn(&c->master, until_ns, &c->cost, error, size);
	return c->known ? &c->master : NULL;
}

static struct redis_peer *reach_replica(struct client *c, int64_t until_ns, char *error,
					size_t size)
{
	char why[96];

	if (redis_peer_gone(&c->replica))
		redis_peer_drop(&c->replica);
	if (c->replica.conn)
		return &c->replica;
	snprintf(error, size, "replica: no member is known");
	/* Where the master is helps to choose; without knowing, ROLE decides. */
	locate(c, until_ns, why, sizeof(why));
	for (size_t i = 0; i < c->acc->n; i++) {
		const char *host = c->acc->members[c->turn++ % c->acc->n].host;

		redis_peer_move(&c->replica, host, (int)json_i64(c->acc->conf, "port", 6379));
		if (strcmp(host, c->master.host))
			break;
	}
	return c->acc->n && redis_peer_conn(&c->replica, until_ns, &c->cost, error, size) ?
	       &c->replica : NULL;
}

static void sentinel_invoke(struct client *c, struct op *op, int64_t until_ns)
{
	struct redis_command k;
	struct redis_peer *p;
	redisReply *r;

	c->cost = (struct redis_cost){0};
	p = (op->f == OP_READ_REPLICA ? reach_replica : reach_master)(c, until_ns, op->room->error,
								      sizeof(op->room->error));
	redis_cost_add(op, &c->cost);
	if (!p || !call_may_send(op, until_ns))
		return;
	op->room->error[0] = '\0';
	mem_copy_str(op->room->via, sizeof(op->room->via), redis_address(p->conn));
	redis_command_make(op, c->payload, &k);
	r = redis_send(p, op, &k, false, until_ns);
	if (!r || redis_misdirected(r))
		lost(c, p);
	freeReplyObject(r);
}

/* ---- before and after the load: the master has all slots, and no shard ---- */

static int learn(struct client *c, struct redis_range *all, int64_t until_ns, struct err *e)
{
	char why[120] = "";

	*all = (struct redis_range){.hi = REDIS_SLOTS - 1,
				    .owner = reach_master(c, until_ns, why, sizeof(why))};
	return all->owner ? 0 : err_set(e, ERR_BROKEN, "no master to be had by the Sentinels: %s", why);
}

static int sentinel_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	struct client *c = sentinel_client_new(acc, 0);
	struct redis_range all;
	int r = learn(c, &all, until_ns, e) || redis_flush(&all, 1, until_ns, e) ? -1 : 0;

	(void)keys;
	sentinel_client_free(c);
	return r;
}

static int sentinel_final_read(const struct access *acc, int keys, struct final_read *out,
			       int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	struct client *c = sentinel_client_new(acc, 0);
	struct redis_range all;
	int r;

	final_read_begin(out, keys);
	r = learn(c, &all, until_ns, e) ||
	    redis_read_all(&all, 1, 0, acc, keys, out, until_ns, e) ? -1 : 0;
	sentinel_client_free(c);
	return r;
}

/* ---- a member is asked INFO, and what it requires of its replicas. Besides, each
 * member's probe asks a Sentinel, member i Sentinel i, for its view: a Sentinel
 * holds no data and is no member, so it cannot be the target of a role. That
 * question is a short one, so that a mute Sentinel does not delay the next ---- */

/* "slave0:ip=...,port=6379,state=online,offset=1,lag=0" */
static int followers(const char *info)
{
	int64_t n = redis_number(info, "connected_slaves", 0);
	char key[32], line[300];
	int online = 0;

	for (int64_t i = 0; i < n && i < 64; i++) {
		snprintf(key, sizeof(key), "slave%lld", (long long)i);
		online += redis_field(info, key, line, sizeof(line)) && strstr(line, "state=online");
	}
	return online;
}

/* Would it take a write now: its data is read, its AOF and its snapshots can
 * be written (else MISCONF), and enough replicas answer (else NOREPLICAS). */
static void fill_master(struct sample *s, const char *info, int64_t min_replicas)
{
	int64_t good = redis_number(info, "min_slaves_good_slaves", -1);
	bool misconf = redis_info_err(info, "aof_last_write_status") ||
		       redis_info_err(info, "rdb_last_bgsave_status");
	bool few = min_replicas > 0 && good >= 0 && good < min_replicas;

	redis_info_master(info, misconf, !few, s);
	json_set_i64(s->extra, "followers", followers(info));
	if (few)
		json_set_bool(s->extra, "noreplicas", true);
}

static bool fill(const struct redis_peer *me, struct sample *s, redisReply *const *r)
{
	const char *info = redis_text(r[0]);
	char role[16], host[256], name[300];

	if (!redis_field(info, "role", role, sizeof(role)))
		return false;
	redis_info_sample(info, s);
	snprintf(name, sizeof(name), "%s:%d", me->host, me->port);
	json_set_str(s->extra, "me", name);
	if (!strcmp(role, "master")) {
		fill_master(s, info, strtoll(redis_pair(r[1], "min-replicas-to-write"), NULL, 10));
	} else {
		redis_field(info, "master_host", host, sizeof(host));
		snprintf(name, sizeof(name), "%s:%lld", host, (long long)redis_number(info, "master_port", 0));
		redis_info_replica(info, name, s);
	}
	return true;
}

static void say_sentinel(cJSON *o, const redisReply *r)
{
	char names[300];

	if (r->type == REDIS_REPLY_ERROR) {
		json_set_str(o, "error", r->str);
		return;
	}
	snprintf(names, sizeof(names), "%.250s:%.10s", redis_pair(r, "ip"), redis_pair(r, "port"));
	json_set_str(o, "names", names);
	json_set_str(o, "flags", redis_pair(r, "flags"));
	json_set_i64(o, "epoch", strtoll(redis_pair(r, "config-epoch"), NULL, 10));
	json_set_i64(o, "others", strtoll(redis_pair(r, "num-other-sentinels"), NULL, 10));
	json_set_i64(o, "replicas", strtoll(redis_pair(r, "num-slaves"), NULL, 10));
}

static void view_of_sentinel(struct probe *p, const struct sentinels *all, struct sample *s,
			     int64_t until_ns)
{
	const char *const words[] = {"SENTINEL", "MASTER", all->master};
	cJSON *o = cJSON_AddObjectToObject(s->extra, "sentinel");
	redisReply *r;
	char why[96];

	redis_peer_move(&p->watch, all->host[p->number], all->port);
	r = redis_peer_ask(&p->watch, 3, words, redis_second_ns(until_ns), NULL, why, sizeof(why));
	json_set_str(o, "host", p->watch.host);
	json_set_i64(o, "of", (int64_t)all->n);
	if (r)
		say_sentinel(o, r);
	else
		json_set_str(o, "error", why);
	freeReplyObject(r);
}

static void sentinel_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const struct redis_questions q = {
		.v = {{1, {"INFO"}}, {3, {"CONFIG", "GET", "min-replicas-to-write"}}}, .n = 2,
		.fill = fill, .silent = "INFO does not tell the role",
	};
	int64_t until_ns = clock_mono_ns() + timeout_ns, spare_ns = 0;
	struct sentinels all;

	sentinels_init(&all, p->acc);
	/* So that a mute member leaves time for the Sentinel's word about it. */
	if (p->number < all.n && timeout_ns >= 4 * REDIS_SECOND_MAX_NS)
		spare_ns = REDIS_SECOND_MAX_NS;
	redis_probe_ask(p, &q, s, until_ns - spare_ns, until_ns);
	if (p->number < all.n)
		view_of_sentinel(p, &all, s, until_ns);
}

/* ---- the settings in force ---- */

static const struct redis_setting of_redis[] = {
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"repl-timeout", "s"},
	{"repl-ping-replica-period", "s"}, {"repl-backlog-size", "bytes"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"stop-writes-on-bgsave-error", "bool"},
	{"maxmemory", "bytes"}, {"maxmemory-policy", "word"}, {"maxclients", "count"},
	{"shutdown-timeout", "s"}, {NULL, NULL},
}, of_sentinel[] = {
	{"down-after-milliseconds", "ms"}, {"failover-timeout", "ms"}, {"parallel-syncs", "count"},
	{"quorum", "count"}, {"num-other-sentinels", "count"},
};

static int tell_master(struct redis_peer *p, const void *name, int64_t until_ns, cJSON *out,
		       char *why, size_t size)
{
	const char *const words[] = {"SENTINEL", "MASTER", name};
	redisReply *r = redis_peer_ask(p, 3, words, until_ns, NULL, why, size);

	if (!r)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(of_sentinel); i++)
		if (*redis_pair(r, of_sentinel[i].name))
			setting_add(out, of_sentinel[i].name, redis_pair(r, of_sentinel[i].name),
				    of_sentinel[i].unit, "SENTINEL MASTER");
	freeReplyObject(r);
	return 0;
}

static int sentinel_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 6 * NS_PER_S;
	struct sentinels s;

	sentinels_init(&s, acc);
	return redis_inforce(acc, of_redis, until_ns, out, e) ||
	       redis_first_to_tell(s.host, s.n, s.port, tell_master, s.master, until_ns, out, e) ?
	       -1 : 0;
}

const struct client_ops client_redis_sentinel = {
	.name = "redis-sentinel",
	.summary = "Redis 7, a master and two replicas, watched by three Sentinels",
	.fixture = "redis-sentinel",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS,
	.caps = SYSTEM_EVICTS,
	.setup = sentinel_setup,
	.client_new = sentinel_client_new,
	.invoke = sentinel_invoke,
	.client_free = sentinel_client_free,
	.probe_new = redis_probe_new,
	.probe = sentinel_probe,
	.probe_free = redis_probe_free,
	.final_read = sentinel_final_read,
	.inforce = sentinel_inforce,
};
