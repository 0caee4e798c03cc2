#include "load/load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "base/rng.h"
#include "history/block.h"
#include "load/free_time.h"
#include "load/lateness.h"
#include "system/client_kit.h"

enum { STACK_BYTES = 512 * 1024 };

/* See load.h. */
enum {
	DOWN_AFTER_FAILURES = 8,
	DOWN_SPACING_MS = 15,
	HANGS_FACTOR = 2,
	HANGS_FLOOR_MS = 20,
	FADES = 16
};

struct worker {
	struct load *l;
	uint32_t process;
	pthread_t thread;
	int64_t busy_since_ns; /* 0: free */
};

struct load {
	struct load_conf conf;
	struct access acc;       /* conf's, with what the clients share */
	struct worker *workers;
	int nstarted;
	int64_t t0_ns;

	/* Held by the one worker that waits for the next operation's time, and
	 * with it everything that decides what the next operation is. */
	pthread_mutex_t turn;
	int64_t next;            /* its number */
	int64_t last_handed_ns;
	int64_t inserts, writes, sends; /* values given out: unique, in this order */
	struct rng rng;

	pthread_mutex_t lock;    /* for all below and busy_since_ns */
	pthread_cond_t news;     /* stopping, or an answer while the next operation is held back */
	bool stopping, stopped;
	int64_t stop_ns;         /* 0: it goes on */
	int64_t handed, given_up; /* operations that left the queue; of these, unsent */
	_Atomic int64_t called;  /* ... and of these called, without the lock */
	int nbusy;
	struct free_time free;
	int failures;            /* since the service last answered as it should */
	int64_t usual_ns;        /* the longest of the last answers, fading */
	struct history done;
	struct load_stats stats;
	struct lateness lateness;
	int64_t *known;          /* by key: the value that a client saw last */
};

static int64_t due_ns(const struct load *l, int64_t i)
{
	return l->t0_ns + (int64_t)((double)i / l->conf.rate * (double)NS_PER_S);
}

/* Call with the lock held. When to hand out the next operation at the
 * earliest: see load.h. */
static int64_t paced_ns(const struct load *l, int64_t now)
{
	int64_t oldest = INT64_MAX, left, earliest = now, share;
	int64_t hangs_ns = HANGS_FACTOR * l->usual_ns;
	int nfree = 0;

	for (int i = 0; i < l->nstarted; i++) {
		int64_t since = l->workers[i].busy_since_ns;

		if (!since)
			nfree++;
		else if (since < oldest)
			oldest = since;
	}
	if (l->failures >= DOWN_AFTER_FAILURES)
		earliest = l->last_handed_ns + DOWN_SPACING_MS * NS_PER_MS;
	/* A service that is slow, but answers, gets all that the clients can do. */
	if (hangs_ns < HANGS_FLOOR_MS * NS_PER_MS)
		hangs_ns = HANGS_FLOOR_MS * NS_PER_MS;
	if (2 * nfree >= l->conf.clients || oldest == INT64_MAX || now - oldest <= hangs_ns)
		return earliest;
	left = (oldest + l->conf.deadline_ns - now) / (nfree ? nfree : 1);
	share = l->conf.deadline_ns / l->conf.clients;
	left = l->last_handed_ns + (left > share ? left : share);
	return left > earliest ? left : earliest;
}

/* Call with the lock held. Until then or the next news. False: the load ends. */
static bool wait_news(struct load *l, int64_t t_ns)
{
	if (!l->stopping)
		cond_wait(&l->news, &l->lock, t_ns);
	return !l->stopping;
}

/* The same, whatever the news but the end. */
static bool wait_until(struct load *l, int64_t t_ns)
{
	bool go = !l->stopping;

	while (go && clock_mono_ns() < t_ns)
		go = wait_news(l, t_ns);
	return go;
}

static enum op_f choose_f(struct load *l)
{
	const int *weight = l->conf.mix;
	int sum = 0, last = OP_KINDS - 1, x;

	for (int f = 0; f <= last; f++)
		sum += weight[f];
	x = (int)rng_below(&l->rng, (uint64_t)sum);
	for (int f = 0; f < last; f++) {
		x -= weight[f];
		if (x < 0)
			return (enum op_f)f;
	}
	return (enum op_f)last;
}

static bool changes_register(const struct op *op)
{
	return op->f == OP_WRITE || op->f == OP_CAS;
}

/* What a compare-and-set expects is what any client saw last: a client's own
 * knowledge of a key is seconds old, and nearly every one would miss. It is
 * no more than a guess, so this costs the checker nothing. */
static void fill_op(struct load *l, int64_t number, struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->scenario = l->conf.scenario;
	op->group = l->conf.group;
	op->f = choose_f(l);
	op->key = op->value = op->expect = OP_NO_VALUE;
	op->partition = op->offset = op->tag = OP_NO_VALUE;
	op->t_intended = due_ns(l, number);
	if (op->f == OP_INSERT) {
		op->value = l->conf.first_value + ++l->inserts;
		return;
	}
	op->key = (int64_t)rng_below(&l->rng, (uint64_t)l->conf.keys);
	if (changes_register(op))
		op->value = l->conf.first_value + ++l->writes;
	else if (op->f == OP_SEND)
		op->value = l->conf.first_value + ++l->sends;
}

/* Call with the lock held. The worker is busy from now on, or not any more. */
static void set_busy(struct worker *w, int64_t since_ns, int64_t now)
{
	struct load *l = w->l;

	if (!w->busy_since_ns != !since_ns)
		l->nbusy += since_ns ? 1 : -1;
	w->busy_since_ns = since_ns;
	free_time_some(&l->free, l->nbusy < l->nstarted, now);
}

/* Takes the next operation when its time has come. False: the load ends. */
static bool take(struct worker *w, struct op *op)
{
	struct load *l = w->l;
	int64_t due, now, paced, late;
	bool go;

	pthread_mutex_lock(&l->turn);
	due = due_ns(l, l->next);
	pthread_mutex_lock(&l->lock);
	go = wait_until(l, due);
	/* Every answer may end what it is held back for. What is past its
	 * deadline needs no client and is not held back. */
	while (go && (now = clock_mono_ns()) - due <= l->conf.deadline_ns &&
	       (paced = paced_ns(l, now)) > now) {
		if (paced > due + l->conf.deadline_ns)
			paced = due + l->conf.deadline_ns + 1;
		free_time_hold(&l->free, paced, now);
		go = wait_news(l, paced);
	}
	late = free_time_go_on(&l->free, due, due + l->conf.deadline_ns + 1,
			       DOWN_SPACING_MS * NS_PER_MS, clock_mono_ns());
	if (go) {
		fill_op(l, l->next++, op);
		op->process = w->process;
		if (op->f == OP_CAS)
			op->expect = l->known[op->key];
		now = clock_mono_ns();
		op->slip_ns = free_time_from(&l->free, due, now) + late;
		lateness_add(&l->lateness, op->slip_ns);
		l->handed++;
		if (now - due <= l->conf.deadline_ns) {
			set_busy(w, now, now);
			l->last_handed_ns = now - late;
		}
		/* Not from when the next one comes to wait: its way here is no lateness. */
		if ((paced = paced_ns(l, now)) > now)
			free_time_hold(&l->free, paced, now);
	}
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&l->turn);
	return go;
}

static void give_up(struct op *op, struct op_room *room)
{
	op_room_begin(op, room);
	op->t_invoke = op->t_return = clock_mono_ns();
	op->outcome = OP_FAIL;
	op->sent = false;
	op_error_set(op, OP_ERR_CLIENT, "not sent, its turn did not come before the deadline");
}

static void record(struct worker *w, const struct op *op)
{
	struct load *l = w->l;
	int64_t now;

	pthread_mutex_lock(&l->lock);
	now = clock_mono_ns();
	set_busy(w, 0, now);
	history_add(&l->done, op);
	if (op->outcome == OP_OK || op_mismatch(op)) {
		l->failures = 0;
		l->usual_ns -= l->usual_ns / FADES;
		if (op->t_return - op->t_invoke > l->usual_ns)
			l->usual_ns = op->t_return - op->t_invoke;
	} else if (op->sent || op->connect_ns || op->dns_ns) {
		l->failures++;
	}
	if (op->outcome == OP_OK) {
		l->stats.ok++;
		if (op_is_write(op) && op->t_return > l->stats.last_write_ok_ns)
			l->stats.last_write_ok_ns = op->t_return;
		if (op->f == OP_READ || changes_register(op))
			l->known[op->key] = op->value;
	} else if (op->outcome == OP_FAIL) {
		l->stats.fail++;
		l->given_up += op_error_class(op) == OP_ERR_CLIENT;
	} else {
		l->stats.info++;
	}
	if (l->free.held) {
		free_time_hold_until(&l->free, paced_ns(l, now), now);
		pthread_cond_broadcast(&l->news);
	}
	pthread_mutex_unlock(&l->lock);
}

static void call(struct worker *w, struct client *c, struct op *op, struct op_room *room)
{
	const struct load_conf *conf = &w->l->conf;

	w->l->called++;
	clock_overslept_ns();
	call_make(conf->sys, c, op, room, conf->deadline_ns);
	op->late_ns = clock_overslept_ns();
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct load_conf *conf = &w->l->conf;
	struct client *c = conf->sys->client_new(conf->acc, w->process);
	struct op_room room;
	struct op op;

	while (take(w, &op)) {
		if (clock_mono_ns() - op.t_intended > conf->deadline_ns)
			give_up(&op, &room);
		else
			call(w, c, &op, &room);
		record(w, &op);
	}
	conf->sys->client_free(c);
	return NULL;
}

static int check_mix(const struct load_conf *c, struct err *e)
{
	char has[OP_SET_MAX], wanted[OP_SET_MAX];
	uint32_t set = 0;

	for (int f = 0; f < OP_KINDS; f++) {
		if (c->mix[f] < 0)
			return err_set(e, ERR_INPUT, "load: a weight is 0 or above");
		set |= c->mix[f] ? OP_BIT(f) : 0;
	}
	if (!set)
		return err_set(e, ERR_INPUT, "load: the mix needs a weight above 0");
	if (set & (OP_REGISTERS | OP_MESSAGES) && c->keys < 1)
		return err_set(e, ERR_INPUT, "load: all but inserts need keys");
	if (set & ~c->sys->ops)
		return err_set(e, ERR_INPUT, "load: the clients of %s cannot %s: they have %s",
			       c->sys->name, op_set_text(set & ~c->sys->ops, wanted),
			       op_set_text(c->sys->ops, has));
	return 0;
}

static int check_conf(const struct load_conf *c, struct err *e)
{
	if (!(c->rate > 0 && c->rate <= 1e6))
		return err_set(e, ERR_INPUT, "load: rate must be above 0 and at most 1000000 "
			       "operations a second");
	if (c->clients < 1 || c->clients > 4096)
		return err_set(e, ERR_INPUT, "load: clients must be 1 to 4096");
	if (c->deadline_ns < NS_PER_MS)
		return err_set(e, ERR_INPUT, "load: the deadline must be at least 1 ms");
	return check_mix(c, e);
}

static int start_workers(struct load *l, struct err *e)
{
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* The workers must not see the count move under them. */
	pthread_mutex_lock(&l->lock);
	for (int i = 0; i < l->conf.clients && !r; i++) {
		l->workers[i] =
			(struct worker){.l = l, .process = l->conf.first_process + (uint32_t)i};
		r = pthread_create(&l->workers[i].thread, &attr, work, &l->workers[i]);
		if (!r)
			l->nstarted++;
	}
	pthread_mutex_unlock(&l->lock);
	pthread_attr_destroy(&attr);
	if (r)
		return err_set(e, ERR_BROKEN, "cannot start client %d of %d: %s", l->nstarted,
			       l->conf.clients, strerror(r));
	return 0;
}

int load_start(const struct load_conf *conf, struct load **out, int64_t *t0_ns, struct err *e)
{
	struct load *l;

	*out = NULL;
	if (check_conf(conf, e))
		return -1;
	l = mem_alloc(sizeof(*l));
	l->conf = *conf;
	l->acc = *conf->acc;
	l->acc.shared = conf->sys->shared_new ? conf->sys->shared_new(conf->acc) : NULL;
	l->conf.acc = &l->acc;
	l->rng.state = conf->seed;
	l->workers = mem_alloc((size_t)conf->clients * sizeof(*l->workers));
	l->known = mem_alloc((size_t)(conf->keys + 1) * sizeof(*l->known));
	for (int k = 0; k < conf->keys; k++)
		l->known[k] = OP_NO_VALUE;
	pthread_mutex_init(&l->turn, NULL);
	pthread_mutex_init(&l->lock, NULL);
	cond_init(&l->news);
	*t0_ns = l->t0_ns = l->last_handed_ns = clock_mono_ns();
	free_time_begin(&l->free, conf->deadline_ns, l->t0_ns);
	if (start_workers(l, e)) {
		load_free(l);
		return -1;
	}
	*out = l;
	return 0;
}

void load_stop(struct load *l)
{
	pthread_mutex_lock(&l->lock);
	if (!l->stopping)
		l->stop_ns = clock_mono_ns();
	l->stopping = true;
	pthread_cond_broadcast(&l->news);
	pthread_mutex_unlock(&l->lock);
	if (l->stopped)
		return;
	for (int i = 0; i < l->nstarted; i++)
		pthread_join(l->workers[i].thread, NULL);
	pthread_mutex_lock(&l->lock);
	l->stopped = true;
	pthread_mutex_unlock(&l->lock);
}

void load_free(struct load *l)
{
	if (!l)
		return;
	load_stop(l);
	if (l->acc.shared)
		l->conf.sys->shared_free(l->acc.shared);
	pthread_cond_destroy(&l->news);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->turn);
	history_free(&l->done);
	free(l->known);
	free(l->workers);
	free(l);
}

bool load_running(struct load *l)
{
	bool yes;

	pthread_mutex_lock(&l->lock);
	yes = !l->stopping;
	pthread_mutex_unlock(&l->lock);
	return yes;
}

/* Call with the lock held. */
static int64_t due_by(const struct load *l, int64_t now)
{
	int64_t end = l->stop_ns && l->stop_ns < now ? l->stop_ns : now;
	int64_t due = (int64_t)((double)(end - l->t0_ns) / (double)NS_PER_S * l->conf.rate) + 1;

	return due > l->handed ? due : l->handed;
}

void load_sent(struct load *l, struct load_sent *out)
{
	int64_t now;

	pthread_mutex_lock(&l->lock);
	now = clock_mono_ns();
	*out = (struct load_sent){
		.due = due_by(l, now), .called = l->called, .given_up = l->given_up,
		.free_ns = free_time_total(&l->free, now),
	};
	pthread_mutex_unlock(&l->lock);
}

void load_stats(struct load *l, struct load_stats *out)
{
	pthread_mutex_lock(&l->lock);
	*out = l->stats;
	out->queued = l->stopping ? 0 : due_by(l, clock_mono_ns()) - l->handed;
	out->lateness_p50_ms = lateness_ms(&l->lateness, 0.50);
	out->lateness_p99_ms = lateness_ms(&l->lateness, 0.99);
	out->lateness_max_ms = lateness_ms(&l->lateness, 1.0);
	pthread_mutex_unlock(&l->lock);
}

int64_t load_history(struct load *l, int64_t from, int64_t max, struct buf *out)
{
	struct block b = {.scenario = l->conf.scenario, .group = l->conf.group, .from = from};
	struct block_sum sum = {0};
	size_t n = 0, begin = out->len;
	struct op *ops = NULL;
	char line[OP_LINE_MAX];

	/* Copied first: workers must not wait while lines are made. */
	pthread_mutex_lock(&l->lock);
	if (from >= 0 && (size_t)from < l->done.n) {
		n = l->done.n - (size_t)from;
		if (n > (size_t)max)
			n = (size_t)max;
		ops = mem_alloc(n * sizeof(*ops));
		memcpy(ops, l->done.ops + from, n * sizeof(*ops));
	}
	b.end = l->stopped && from >= 0 && (size_t)from + n == l->done.n;
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < n; i++)
		buf_add(out, line, op_to_line(&ops[i], line, sizeof(line)));
	free(ops);
	if (n || b.end) {
		block_add(&sum, buf_cstr(out) + begin, out->len - begin);
		b.lines = sum.lines;
		b.crc = sum.crc;
		buf_add(out, line, block_to_line(&b, line));
	}
	return from + (int64_t)n;
}
