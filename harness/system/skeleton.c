/* skeleton: the example to copy when you add a system. Its "server" is one
 * file in a folder, and its clients lock the file, so that it needs nothing
 * and harms nobody; the tests compile and run it, so that it never goes stale.
 *
 * To add a system: copy this file to system/<name>/client.c, its last part to
 * system/<name>/model.c; rename `client_skeleton` and `model_skeleton`, add one
 * line to system/list.h, and then
 *   fixtures/<name>/corrected/           its manifests
 *   fixtures/<name>/corrected/access.yaml   how clients reach it: workload,
 *                                        expected_members, member_host (the
 *                                        same three in each entry of `also`,
 *                                        when members come from more than one
 *                                        workload), and whatever your functions
 *                                        want to know
 *   fixtures/<name>/settings.yaml        its knobs
 *   scenarios/<name>-<what>.yaml         at least one
 * The tests loop over the list.
 *
 * Say here which retries of your client library you have switched off and
 * how: a retry that nobody sees turns an outage into a slow answer, and one
 * write into two. This one has no library and does not retry.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/model.h"
#include "system/prediction.h"
#include "system/redundancy.h"

/* A listed system needs no such lines. */
extern const struct client_ops client_skeleton;
extern const struct model_ops model_skeleton;

/* One client: whatever its connection needs. One thread owns it. */
struct client {
	const struct access *acc; /* outlives the client */
	int fd;                   /* the "connection"; -1: none */
};

static int open_store(const struct access *acc)
{
	char path[512];

	if (!acc->n)
		return -1;
	/* access.yaml's member_host ends up in members[].host. */
	snprintf(path, sizeof(path), "%s/store", acc->members[0].host);
	return open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

/* In the load agent, before anything else: make the table, the topic. It may
 * be called again, and must then change nothing. Wait no longer than
 * deadline_ns; the runner tries again while the system is coming up. */
static int setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	int fd = open_store(acc);

	(void)keys, (void)deadline_ns;
	if (fd < 0)
		return err_set(e, ERR_BROKEN, "cannot open the store in %s: %s",
			       acc->n ? acc->members[0].host : "no folder", strerror(errno));
	close(fd);
	return 0;
}

static struct client *client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	(void)process; /* its number, for a system that wants a client's name */
	c->acc = acc;
	c->fd = -1;
	return c;
}

static void client_free(struct client *c)
{
	if (c && c->fd >= 0)
		close(c->fd);
	free(c);
}

/* Every wait in invoke() ends at one absolute time. A library that can only
 * block needs a socket that you shut down from outside, or its non-blocking
 * calls: a bound that the server keeps for you is none. */
static bool lock_until(int fd, int64_t end_ns)
{
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (clock_mono_ns() >= end_ns)
			return false;
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
	return true;
}

/* Register `key` as the file has it; each line is "v VALUE" or "r KEY VALUE". */
static int64_t look_up(int fd, int64_t key)
{
	int64_t k, v, last = OP_NO_VALUE;
	int copy = dup(fd);
	FILE *f = copy >= 0 ? fdopen(copy, "re") : NULL;
	char line[96];

	if (f)
		rewind(f);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "r %" SCNd64 " %" SCNd64, &k, &v) == 2 && k == key)
			last = v;
	if (f)
		fclose(f);
	return last;
}

/* What the server does. `sent` must be true from the moment on at which it
 * may have seen anything of the request. */
static void perform(struct client *c, struct op *op)
{
	int64_t now = op->f == OP_INSERT ? OP_NO_VALUE : look_up(c->fd, op->key);
	char line[96];
	int len;

	if (op->f == OP_READ) {
		op->value = now;
		op->outcome = OP_OK;
		return;
	}
	if (op->f == OP_CAS && now != op->expect) {
		call_mismatch(op, "the value was %" PRId64, now);
		return;
	}
	if (op->f == OP_INSERT)
		len = snprintf(line, sizeof(line), "v %" PRId64 "\n", op->value);
	else
		len = snprintf(line, sizeof(line), "r %" PRId64 " %" PRId64 "\n", op->key, op->value);
	op->sent = true;
	op->outcome = write(c->fd, line, (size_t)len) == len ? OP_OK : OP_INFO;
	if (op->outcome == OP_INFO)
		snprintf(op->error, sizeof(op->error), "broken: %s", strerror(errno));
}

/* The heart. The outcome is the whole truth that the report rests on:
 *   OP_OK    the server said so
 *   OP_FAIL  the request certainly was not and will not be applied: nothing
 *            was sent, or the server refused it in so many words
 *   OP_INFO  everything else: time-outs after sending, broken connections
 * In doubt OP_INFO. After a time-out throw the connection away: the answer
 * that may still come belongs to no operation any more. */
static void invoke(struct client *c, struct op *op, int64_t deadline_ns)
{
	int64_t end_ns;

	call_begin(op);
	end_ns = call_give_up_ns(op, deadline_ns);
	if (c->fd < 0) {
		c->fd = open_store(c->acc);
		op->connect_ns = clock_mono_ns() - op->t_invoke; /* dns_ns: resolving a name */
	}
	if (c->fd < 0) {
		snprintf(op->error, sizeof(op->error), "broken: %s", strerror(errno));
	} else if (!lock_until(c->fd, end_ns)) {
		snprintf(op->error, sizeof(op->error), "timeout: the store is locked");
		close(c->fd);
		c->fd = -1;
	} else {
		/* `via` names who answered: an address that a pod had. */
		mem_copy_str(op->via, sizeof(op->via), c->acc->members[0].host);
		perform(c, op);
		flock(c->fd, LOCK_UN);
	}
	op->t_return = clock_mono_ns();
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
 * never filled in from a name or from last time. */
static void probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t began = clock_mono_ns();
	char path[512];

	(void)timeout_ns;
	snprintf(path, sizeof(path), "%s/store", p->m.host);
	s->ok = access(path, R_OK) == 0;
	s->role = s->ok ? ROLE_PRIMARY : ROLE_UNKNOWN;
	s->writable = s->ok && access(path, W_OK) == 0;
	if (!s->ok)
		snprintf(s->error, sizeof(s->error), "%s", strerror(errno));
	/* What only your system has goes into s->extra (a cJSON object, given
	 * away), for the pure functions below. Tell instants as ages ("so long
	 * ago"): that needs no common clock. */
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - began;
}

/* After everything has healed: every value, duplicates included, and the
 * registers. An error here makes the loss unknown, never zero. */
static int final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e)
{
	int fd = open_store(acc);
	FILE *f = fd >= 0 ? fdopen(fd, "re") : NULL;
	int64_t key, value;
	char line[96];

	(void)timeout_ns;
	final_read_begin(out, keys);
	if (!f)
		return err_set(e, ERR_BROKEN, "cannot read the store: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "v %" SCNd64, &value) == 1)
			final_read_value(out, value);
		else if (sscanf(line, "r %" SCNd64 " %" SCNd64, &key, &value) == 2)
			final_read_register(out, key, value);
	}
	fclose(f);
	/* Who told all this, and as what: asked after it told. Whether it was the
	 * one to ask is judged from that. */
	final_read_answered(out, acc, "127.0.0.1", NULL, ROLE_PRIMARY, 0);
	return 0;
}

/* The settings as the running system reports them, by the names that
 * settings.yaml gives them: what a file says is not what is in force. */
static int inforce(const struct access *acc, cJSON *out, struct err *e)
{
	(void)acc, (void)out, (void)e;
	return 0; /* it has none */
}

const struct client_ops client_skeleton = {
	/* Required, all of these. */
	.name = "skeleton",
	.summary = "an example to copy: one file",
	/* What invoke() knows. OP_READ_REPLICA, OP_SEND and OP_RECEIVE are the
	 * other kinds: see client.h. */
	.ops = OP_BIT(OP_INSERT) | OP_BIT(OP_READ) | OP_BIT(OP_WRITE) | OP_BIT(OP_CAS),
	.setup = setup,
	.client_new = client_new,
	.invoke = invoke,
	.client_free = client_free,
	.probe_new = probe_new,
	.probe = probe,
	.probe_free = probe_free,
	.final_read = final_read,
	.inforce = inforce,
	/* Optional: without a fixture no scenario can use it. */
	.fixture = NULL, /* "skeleton", once fixtures/skeleton/ is there */
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
static void predict(const struct evidence *ev, const struct fault_record *fault, struct prediction *out)
{
	(void)ev;
	memset(out, 0, sizeof(*out));
	if (fault_does(fault, EFFECT_STORAGE_REFUSES))
		prediction_fault_ends(out, fault, 0, "write(2): ENOSPC",
				      "the file takes writes again once its disk has room");
	else
		prediction_note(out, "nothing takes over from a single file");
}

/* Optional. Fills what the evidence tells of detected, elected, promoted,
 * routed and the mechanism; leaves 0 what it does not tell. m->effective and
 * m->first_ack are given. system/memory/model.c has one that finds something,
 * and the fourth, resync(): how redundancy came back. The fifth, loss_cause(),
 * is for systems that know more of it than measure/loss_cause.c. */
static void explain(const struct evidence *ev, const struct fault_record *fault,
		    const struct prediction *pred, struct milestones *m)
{
	(void)ev, (void)fault;
	if (prediction_has(pred, "fault ends"))
		snprintf(m->mechanism, sizeof(m->mechanism), "fault ends");
}

const struct model_ops model_skeleton = {
	.redundant = redundant, /* required */
	.predict = predict,     /* optional, as all that follow */
	.explain = explain,
};
