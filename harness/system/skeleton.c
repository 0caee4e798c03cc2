/* skeleton: the example to copy when you add a system: to system/<name>.c, and once that is too
 * long to client.c and model.c in system/<name>/. doc/ARCHITECTURE.md has what else a system is.
 * Its "server" is one file in a folder, so that it needs nothing and harms nobody; the tests compile
 * and run it, so that it never goes stale.
 *
 * Retries of the client library: it has none. Say here which ones you have switched off and how: a
 * retry that nobody sees turns an outage into a slow answer, and one write into two.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/prediction.h"
#include "system/redundancy.h"

/* One client: whatever its connection needs. One thread owns it. */
struct client {
	const struct access *acc; /* outlives the client */
	FILE *store;              /* the "connection"; NULL: none */
};

static struct client *client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	(void)process; /* its number, for a system that wants a client's name */
	c->acc = acc;
	return c;
}

static void client_free(struct client *c)
{
	if (c->store)
		fclose(c->store);
	free(c);
}

/* Every wait ends at one absolute time. A library that can only block needs a socket that you shut
 * down from outside, or its non-blocking calls: a bound that the server keeps for you is none. */
static bool reach(struct client *c, int64_t until_ns, char *error, size_t size)
{
	char path[512];

	/* access.yaml's member_host ends up in members[].host. */
	snprintf(path, sizeof(path), "%s/store", c->acc->members[0].host);
	if (!c->store)
		c->store = fopen(path, "a+e");
	if (!c->store)
		snprintf(error, size, "connect: %s", strerror(errno));
	while (c->store && flock(fileno(c->store), LOCK_EX | LOCK_NB)) {
		if (clock_mono_ns() >= until_ns) {
			snprintf(error, size, "timeout: the store is locked");
			return false;
		}
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
	return c->store;
}

/* What the server does. `sent` must be true from the moment on at which it
 * may have seen anything of the request. Of a read the answer goes into op->value. */
static void perform(struct client *c, struct op *op)
{
	op->sent = true;
	op->outcome = OP_INFO; /* until there is an answer */
	/* `via` names who answered: an address that a pod had. */
	mem_copy_str(op->room->via, sizeof(op->room->via), c->acc->members[0].host);
	if (fprintf(c->store, "%" PRId64 "\n", op->value) > 0 && fflush(c->store) == 0)
		op->outcome = OP_OK;
	else
		snprintf(op->room->error, sizeof(op->room->error), "broken: %s", strerror(errno));
	flock(fileno(c->store), LOCK_UN);
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
	if (reach(c, end_ns, op->room->error, sizeof(op->room->error)))
		perform(c, op);
}

/* The sampler asks each member itself, by a connection of its own that is
 * kept between calls. It must not go by way of a service that routes. */
struct probe {
	struct member m;
};

static struct probe *probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	(void)acc; /* outlives the probe */
	p->m = *m;
	return p;
}

static void probe_free(struct probe *p)
{
	free(p);
}

/* Ask for the role, whether a write would be taken right now, the epoch and
 * the position in one go. What is not known stays -1 or ROLE_UNKNOWN; it is
 * never filled in from a name or from last time. What only your system has
 * goes into s->extra (a cJSON object, given away), for the pure functions
 * below: instants as ages ("so long ago"), which needs no common clock. */
static void probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t began = clock_mono_ns();

	(void)timeout_ns;
	s->ok = s->writable = access(p->m.host, W_OK) == 0;
	s->role = s->ok ? ROLE_PRIMARY : ROLE_UNKNOWN;
	if (!s->ok)
		snprintf(s->error, sizeof(s->error), "%s", strerror(errno));
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - began;
}

/* After everything has healed: every value, duplicates included, and the
 * registers; then who told all this, and as what, asked after it told. An
 * error here makes the loss unknown, never zero. */
static int final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	struct client *c = client_new(acc, 0);
	char why[OP_ERROR_MAX];
	int64_t value;
	int r;

	final_read_begin(out, keys);
	r = reach(c, until_ns, why, sizeof(why)) ? 0 : err_set(e, ERR_BROKEN, "cannot read the store: %s", why);
	while (!r && fscanf(c->store, "%" SCNd64, &value) == 1)
		final_read_value(out, value);
	if (!r)
		final_read_answered(out, acc, "127.0.0.1", acc->members[0].host, ROLE_PRIMARY, 0);
	client_free(c);
	return r;
}

/* Required, but for what system/client.h calls optional: setup() and inforce(),
 * which a file has no need of, and processes_only. */
const struct client_ops client_skeleton = {
	.name = "skeleton",
	.summary = "an example to copy: one file",
	.fixture = NULL, /* its folder in fixtures/; without one no scenario can use it */
	/* What invoke() knows; the other kinds are in system/client.h. */
	.ops = OP_BIT(OP_INSERT),
	.client_new = client_new,
	.invoke = invoke,
	.client_free = client_free,
	.probe_new = probe_new,
	.probe = probe,
	.probe_free = probe_free,
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
	if (fault_does(fault, EFFECT_STORAGE_REFUSES))
		prediction_fault_ends(out, fault, 0, "write(2): ENOSPC",
				      "the file takes writes again once its disk has room");
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

const struct model_ops model_skeleton = {
	.redundant = redundant, /* required */
	.predict = predict,     /* optional, as all that follow */
	.explain = explain,
};
