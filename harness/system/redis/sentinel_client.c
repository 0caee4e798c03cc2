/* Redis with Sentinels, as its clients see it. Where the master is, in
 * system/redis/sentinels.c; what its answers mean for the trial's rules, in
 * system/redis/sentinel_model.c; asking members one by one, in
 * system/redis/sentinel_probe.c.
 *
 * Retries of the client library: it has none here (system/redis/conn.h). A call whose
 * master fails has failed; before the next one the Sentinels are asked again,
 * and a new connection is used only when its server's ROLE is master. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/redis/ops.h"
#include "system/redis/sentinel_probe.h"
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
	sentinels_drop(&c->sentinels);
	redis_peer_drop(&c->master);
	redis_peer_drop(&c->replica);
	free(c->payload);
	free(c);
}

static int locate(struct client *c, int64_t until_ns, struct redis_cost *cost, char *error, size_t size)
{
	int64_t from = clock_mono_ns(), open_ns = cost->dns_ns + cost->connect_ns;
	char host[256];
	int port;
	bool news = sentinels_news(&c->sentinels, host, &port);

	if (!news && c->known)
		return 0;
	if (!news) {
		if (!sentinels_ask(&c->sentinels, until_ns, host, &port, cost, error, size))
			return -1;
		cost->find_ns += clock_mono_ns() - from - (cost->dns_ns + cost->connect_ns - open_ns);
	}
	redis_peer_move(&c->master, host, port);
	c->known = true;
	return 0;
}

static void lost(struct client *c, struct redis_peer *p)
{
	redis_peer_drop(p);
	if (p == &c->master)
		c->known = false;
}

/* These two return NULL with an error text when there is no connection. */
static struct redis_peer *reach_master(struct client *c, int64_t until_ns, struct redis_cost *cost, char *error,
				       size_t size)
{
	/* It may have been replaced: ask before going there again. */
	if (redis_peer_gone(&c->master))
		lost(c, &c->master);
	if (locate(c, until_ns, cost, error, size))
		return NULL;
	c->known = redis_peer_conn(&c->master, until_ns, cost, error, size);
	return c->known ? &c->master : NULL;
}

static struct redis_peer *reach_replica(struct client *c, int64_t until_ns, struct redis_cost *cost, char *error,
					size_t size)
{
	const struct member *at = c->acc->members;
	char why[96];

	if (redis_peer_gone(&c->replica))
		redis_peer_drop(&c->replica);
	if (c->replica.conn)
		return &c->replica;
	if (!c->acc->n) {
		snprintf(error, size, "replica: no member is known");
		return NULL;
	}
	/* Where the master is helps to choose; without knowing, ROLE decides. */
	locate(c, until_ns, cost, why, sizeof(why));
	for (size_t i = 0; i < c->acc->n; i++) {
		at = &c->acc->members[c->turn++ % c->acc->n];
		if (strcmp(at->host, c->master.host))
			break;
	}
	redis_peer_move(&c->replica, at->host, (int)json_i64(c->acc->conf, "port", 6379));
	return redis_peer_conn(&c->replica, until_ns, cost, error, size) ? &c->replica : NULL;
}

static void sentinel_invoke(struct client *c, struct op *op, int64_t deadline_ns)
{
	struct redis_cost cost = {0};
	struct redis_command k;
	struct redis_peer *p;
	int64_t until_ns;

	call_begin(op);
	until_ns = call_give_up_ns(op, deadline_ns);
	redis_command_make(op, c->payload, &k);
	p = (op->f == OP_READ_REPLICA ? reach_replica : reach_master)(c, until_ns, &cost, op->error, sizeof(op->error));
	redis_cost_add(op, &cost);
	if (p && call_may_send(op, until_ns)) {
		redisReply *r;

		op->error[0] = '\0';
		mem_copy_str(op->via, sizeof(op->via), redis_address(p->conn));
		r = redis_send(p, op, &k, false, until_ns);
		if (!r || redis_misdirected(r))
			lost(c, p);
		freeReplyObject(r);
	}
	op->t_return = clock_mono_ns();
}

/* ---- before and after the load: the master has all slots, and no shard ---- */

static int learn(struct client *c, struct redis_range *all, int64_t until_ns, struct err *e)
{
	struct redis_cost cost = {0};
	char why[120] = "";

	*all = (struct redis_range){.hi = REDIS_SLOTS - 1, .owner = reach_master(c, until_ns, &cost, why, sizeof(why))};
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
	r = learn(c, &all, until_ns, e) || redis_read_all(&all, 1, 0, acc, keys, out, until_ns, e) ? -1 : 0;
	sentinel_client_free(c);
	return r;
}

const struct client_ops client_redis_sentinel = {
	.name = "redis-sentinel",
	.summary = "Redis 7, a master and two replicas, watched by three Sentinels",
	.fixture = "redis-sentinel",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS,
	.setup = sentinel_setup,
	.client_new = sentinel_client_new,
	.invoke = sentinel_invoke,
	.client_free = sentinel_client_free,
	.probe_new = redis_sentinel_probe_new,
	.probe = redis_sentinel_probe,
	.probe_free = redis_sentinel_probe_free,
	.final_read = sentinel_final_read,
	.inforce = redis_sentinel_inforce,
};
