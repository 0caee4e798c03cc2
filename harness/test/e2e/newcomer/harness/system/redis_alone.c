/* redis-alone: one redis-server, which has each write on its disk before it answers.
 *
 * Retries of the client library: it has none (system/redis/conn.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/allowances.h"
#include "system/client_kit.h"
#include "system/prediction.h"
#include "system/redis/ops.h"
#include "system/redis/probe.h"
#include "system/redis/slots.h"
#include "system/redundancy.h"

/* One client: whatever its connection needs. One thread owns it. */
struct client {
	struct redis_peer server;
};

static struct client *client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	(void)process; /* its number, for a system that wants a client's name */
	redis_peer_move(&c->server, acc->members[0].host, (int)json_i64(acc->conf, "port", 6379));
	return c;
}

static void client_free(struct client *c)
{
	redis_peer_drop(&c->server);
	free(c);
}

/* What the server does. `sent` must be true from the moment on at which it
 * may have seen anything of the request. Of a read the answer goes into op->value. */
static void perform(struct client *c, struct op *op, int64_t until_ns)
{
	struct redis_command k;

	redis_command_make(op, "1", &k);
	/* `via` names who answered: an address that a pod had. */
	mem_copy_str(op->room->via, sizeof(op->room->via), redis_address(c->server.conn));
	freeReplyObject(redis_send(&c->server, op, &k, false, until_ns));
}

/* The heart. The outcome is the whole truth that the report rests on:
 *   OP_OK    the server said so
 *   OP_FAIL  the request certainly was not and will not be applied: nothing
 *            was sent, or the server refused it in so many words
 *   OP_INFO  everything else: time-outs after sending, broken connections
 * In doubt OP_INFO. After a time-out throw the connection away: the answer
 * that may still come belongs to no operation any more. */
static void invoke(struct client *c, struct op *op, int64_t end_ns)
{
	struct redis_cost cost = {0};

	if (redis_peer_conn(&c->server, end_ns, &cost, op->room->error, sizeof(op->room->error)) &&
	    call_may_send(op, end_ns))
		perform(c, op, end_ns);
	redis_cost_add(op, &cost);
}

/* The sampler asks each member itself, by a connection of its own that is
 * kept between calls. It must not go by way of a service that routes. */
static bool fill(const struct redis_peer *me, struct sample *s, redisReply *const *r)
{
	const char *info = redis_text(r[0]);

	(void)me;
	redis_info_sample(info, s);
	redis_info_master(info, redis_info_err(info, "aof_last_write_status"), true, s);
	return true;
}

/* Ask for the role, whether a write would be taken right now, the epoch and
 * the position in one go. What is not known stays -1 or ROLE_UNKNOWN; it is
 * never filled in from a name or from last time. What only your system has
 * goes into s->extra (a cJSON object, given away), for the pure functions
 * below: instants as ages ("so long ago"), which needs no common clock. */
static void probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const struct redis_questions info = {.v = {{1, {"INFO"}}}, .n = 1, .fill = fill};
	int64_t until_ns = clock_mono_ns() + timeout_ns;

	redis_probe_ask(p, &info, s, until_ns, until_ns);
}

/* After everything has healed: every value, duplicates included, and the
 * registers; then who told all this, and as what, asked after it told. An
 * error here makes the loss unknown, never zero. */
static int final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	struct client *c = client_new(acc, 0);
	const struct redis_range all = {.hi = REDIS_SLOTS - 1, .owner = &c->server};
	int r;

	final_read_begin(out, keys);
	r = redis_read_all(&all, 1, 0, acc, keys, out, until_ns, e);
	client_free(c);
	return r;
}

const struct client_ops client_redis_alone = {
	.name = "redis-alone",
	.summary = "one redis-server",
	.fixture = "redis-alone",
	.processes_only = true,
	.ops = OP_BIT(OP_INSERT) | OP_BIT(OP_READ) | OP_BIT(OP_WRITE) | OP_BIT(OP_CAS),
	.client_new = client_new,
	.invoke = invoke,
	.client_free = client_free,
	.probe_new = redis_probe_new,
	.probe = probe,
	.probe_free = redis_probe_free,
	.final_read = final_read,
};

/* ---- the model: from here on only what was recorded may be used ---- */

/* Required. All there, one writable primary, everyone else following it; `why`
 * tells what is missing, naming the member. system/redundancy.h has what every
 * system begins with. */
static bool redundant(const struct sample *s, size_t n, char *why)
{
	*why = '\0';
	return redundancy_all_answer(s, n, why) && redundancy_one_primary(s, n, "primary", why);
}

/* Optional. How long the system's own rules let this fault keep writes away.
 * What the fault does is in fault->does; its name tells nothing. When no rule
 * is known say so and add no mechanism: then nobody can pass or fail by it.
 * Several that race are added one by one, each with its window, its rule in
 * words and where that is documented (system/prediction.h). */
static void predict(const struct evidence *ev, const struct fault_record *fault,
		    struct prediction *out)
{
	(void)ev;
	memset(out, 0, sizeof(*out));
	if (fault_does(fault, EFFECT_SILENT))
		prediction_fault_ends(out, fault, ALLOW_RECONNECT, "signal(7): SIGCONT",
				      "nobody takes over, and the server goes on where it stood still");
	else
		prediction_note(out, "nobody takes over");
}

/* Optional. Fills what the evidence tells of detected, elected, promoted,
 * routed and the mechanism; leaves 0 what it does not tell. m->effective and
 * m->first_ack are given. system/memory/model.c has one that finds something,
 * and the fourth, resync(): how redundancy came back. The fifth, loss_cause(),
 * is for systems that know more of it than measure/loss_cause.c; the sixth and the seventh,
 * put_back() and errant(), for those whose transactions have names (system/mysql/). */
static void explain(const struct evidence *ev, const struct fault_record *fault,
		    const struct prediction *pred, struct milestones *m)
{
	(void)ev, (void)fault;
	if (pred->n == 1) /* no two race */
		mem_copy_str(m->mechanism, sizeof(m->mechanism), pred->mech[0].name);
}

const struct model_ops model_redis_alone = {
	.redundant = redundant, /* required */
	.predict = predict,     /* optional, as all that follow */
	.explain = explain,
};
