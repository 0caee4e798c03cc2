#include "node/faults.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "fault/journal.h"

#define SOON_NS (15 * NS_PER_MS)   /* while an effect is awaited */
#define FOLLOW_NS (100 * NS_PER_MS) /* while a fault is on */
#define CALM_NS (500 * NS_PER_MS)
#define RETRY_NS NS_PER_S           /* after a heal that failed */
#define EFFECT_WITHIN_NS (60 * NS_PER_S) /* then it is only looked for when asked */

struct live {
	struct journal_entry j;
	const struct fault_ops *ops; /* NULL: an entry of the journal that we do not know */
	cJSON *evidence;             /* newest observation */
	cJSON *undone;               /* what heal said */
	bool bites, healed, heal_wanted;
	int64_t started_ns, next_try_ns, complained_ns;
};

struct node_faults {
	struct node *n;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stop;
	struct live **v;
	size_t n_live, alloc;
	int64_t dead_man_ns;
	int64_t expires_ns; /* atomic */
};

struct node_faults *node_faults_new(struct node *n, int64_t dead_man_ns)
{
	struct node_faults *f = mem_alloc(sizeof(*f));
	pthread_condattr_t attr;

	f->n = n;
	f->dead_man_ns = dead_man_ns;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
	node_faults_renew(f);
	return f;
}

static void live_free(struct live *l)
{
	journal_entry_free(&l->j);
	cJSON_Delete(l->evidence);
	cJSON_Delete(l->undone);
	free(l);
}

void node_faults_free(struct node_faults *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_live; i++)
		live_free(f->v[i]);
	free(f->v);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void node_faults_renew(struct node_faults *f)
{
	__atomic_store_n(&f->expires_ns, clock_mono_ns() + f->dead_man_ns, __ATOMIC_RELAXED);
}

int64_t node_faults_expires_in_ns(const struct node_faults *f)
{
	return __atomic_load_n(&f->expires_ns, __ATOMIC_RELAXED) - clock_mono_ns();
}

static struct live *find(struct node_faults *f, const char *id)
{
	for (size_t i = 0; i < f->n_live; i++)
		if (!strcmp(f->v[i]->j.id, id))
			return f->v[i];
	return NULL;
}

static void drop(struct node_faults *f, struct live *l)
{
	for (size_t i = 0; i < f->n_live; i++) {
		if (f->v[i] == l) {
			f->v[i] = f->v[--f->n_live];
			live_free(l);
			return;
		}
	}
}

static void keep(struct node_faults *f, struct live *l)
{
	*VEC_PUSH(f->v, f->n_live, f->alloc) = l;
}

/* At most one line every five seconds a fault. */
static void complain(struct live *l, const char *what, const struct err *e)
{
	int64_t now = clock_mono_ns();

	if (l->complained_ns && now - l->complained_ns < 5 * NS_PER_S)
		return;
	l->complained_ns = now;
	log_warn("fault %s (%s): %s: %s", l->j.id, l->j.fault, what, e->msg);
}

/* Looks for the effect; the first time that it is there counts. */
static int look(struct node_faults *f, struct live *l, struct err *e)
{
	int64_t now = clock_mono_ns();
	bool bites = false;
	cJSON *evidence;

	/* A kill's first evidence stays: later the place looks different. */
	if (l->bites && !l->ops->lasting)
		return 0;
	evidence = cJSON_CreateArray();
	if (l->ops->observe(f->n, &l->j, evidence, &bites, e)) {
		cJSON_Delete(evidence);
		return -1;
	}
	cJSON_Delete(l->evidence);
	l->evidence = evidence;
	if (bites && !l->bites) {
		l->bites = true;
		if (!l->j.effective_ns)
			l->j.effective_ns = now;
	}
	return 0;
}

static int heal(struct node_faults *f, struct live *l, struct err *e)
{
	cJSON *undone;
	int r;

	if (l->healed)
		return 0;
	l->heal_wanted = true;
	l->next_try_ns = clock_mono_ns() + RETRY_NS;
	if (!l->ops)
		return err_set(e, ERR_BROKEN, "the journal holds %s of a fault \"%s\" that this agent "
			       "does not know", l->j.id, l->j.fault);
	undone = cJSON_CreateArray();
	r = l->ops->heal(f->n, &l->j, undone, e);
	cJSON_Delete(l->undone);
	l->undone = undone;
	if (r || journal_remove(&l->j, e)) {
		complain(l, "cannot be healed yet", e);
		return -1;
	}
	l->healed = true;
	l->heal_wanted = false;
	l->j.healed_ns = clock_mono_ns();
	mem_copy_str(l->j.state, sizeof(l->j.state), "healed");
	return 0;
}

static int heal_every(struct node_faults *f, const char *why, struct err *e)
{
	struct err one = {0};
	int r = 0;

	for (size_t i = 0; i < f->n_live; i++) {
		if (f->v[i]->healed)
			continue;
		if (heal(f, f->v[i], &one)) {
			r = -1;
			*e = one;
		} else if (why) {
			log_warn("fault %s healed: %s", f->v[i]->j.id, why);
		}
	}
	return r;
}

void node_faults_recover(struct node_faults *f)
{
	struct journal_list list;
	struct err e = {0};
	cJSON *found;

	pthread_mutex_lock(&f->lock);
	if (journal_read_all(f->n->state_dir, &list, &e))
		log_warn("%s", e.msg);
	for (size_t i = 0; i < list.n; i++) {
		struct live *l = mem_alloc(sizeof(*l));

		l->j = list.v[i];
		memset(&list.v[i], 0, sizeof(list.v[i]));
		l->ops = fault_find(l->j.fault);
		keep(f, l);
	}
	heal_every(f, "an earlier agent left it", &e);
	if (list.ntorn && f->n->ops->residue) {
		found = cJSON_CreateArray();
		log_warn("%zu unreadable files in the undo journal: looking for what faults left",
			 list.ntorn);
		if (f->n->ops->residue(f->n, true, found, &e))
			log_warn("%s", e.msg);
		for (size_t i = 0; i < list.ntorn; i++)
			unlink(list.torn[i]);
		cJSON_Delete(found);
	}
	journal_list_free(&list);
	pthread_mutex_unlock(&f->lock);
}

/* What a fault needs now and then; returns how soon it needs it again. */
static int64_t tend(struct node_faults *f, struct live *l)
{
	int64_t now = clock_mono_ns(), ttl_ms = json_i64(l->j.plan, "ttl_ms", 0);
	struct err e = {0};

	if (l->healed)
		return CALM_NS;
	if (l->heal_wanted) {
		if (now >= l->next_try_ns)
			heal(f, l, &e);
		return FOLLOW_NS;
	}
	if (ttl_ms > 0 && now - l->started_ns > ttl_ms * NS_PER_MS) {
		log_warn("fault %s is healed: its time of %lld ms is over", l->j.id,
			 (long long)ttl_ms);
		heal(f, l, &e);
		return FOLLOW_NS;
	}
	if (!l->bites && now - l->started_ns < EFFECT_WITHIN_NS && look(f, l, &e))
		complain(l, "cannot be observed", &e);
	if (l->ops->lasting && l->ops->follow && l->ops->follow(f->n, &l->j, &e))
		complain(l, "cannot follow", &e);
	if (!l->bites && now - l->started_ns < EFFECT_WITHIN_NS)
		return SOON_NS;
	return l->ops->lasting ? FOLLOW_NS : CALM_NS;
}

static void *tend_all(void *arg)
{
	struct node_faults *f = arg;
	struct timespec until;
	struct err e = {0};

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		int64_t wait_ns = CALM_NS, want_ns, end_ns;

		if (node_faults_expires_in_ns(f) < 0)
			heal_every(f, "nobody has been heard of for too long", &e);
		for (size_t i = 0; i < f->n_live; i++) {
			want_ns = tend(f, f->v[i]);
			if (want_ns < wait_ns)
				wait_ns = want_ns;
		}
		end_ns = clock_mono_ns() + wait_ns;
		until.tv_sec = (time_t)(end_ns / NS_PER_S);
		until.tv_nsec = (long)(end_ns % NS_PER_S);
		pthread_cond_timedwait(&f->wake, &f->lock, &until);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int node_faults_run(struct node_faults *f, struct err *e)
{
	int r = pthread_create(&f->thread, NULL, tend_all, f);

	if (r)
		return err_set(e, ERR_BROKEN, "cannot start a thread: %s", strerror(r));
	f->running = true;
	return 0;
}

int node_faults_stop(struct node_faults *f, struct err *e)
{
	int r;

	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
	if (f->running)
		pthread_join(f->thread, NULL);
	f->running = false;
	pthread_mutex_lock(&f->lock);
	r = heal_every(f, "the agent ends", e);
	pthread_mutex_unlock(&f->lock);
	return r;
}

static cJSON *injected_answer(const struct live *l)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "id", l->j.id);
	json_set_i64(o, "injected_ns", l->j.injected_ns);
	json_set_bool(o, "supported", true);
	return o;
}

static cJSON *unsupported_answer(const char *id, const char *why)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "id", id);
	json_set_bool(o, "supported", false);
	json_set_str(o, "why", why);
	return o;
}

/* The change itself; whatever part of it failed is undone at once. */
static int bring_about(struct node_faults *f, struct live *l, struct err *e)
{
	struct err later = {0};
	int r;

	l->started_ns = clock_mono_ns();
	r = l->ops->inject(f->n, &l->j, e);
	if (!r && !journal_on_disk(&l->j))
		r = err_set(e, ERR_BROKEN, "fault %s changed something without a word in the journal",
			    l->j.fault);
	if (!r) {
		if (!l->j.injected_ns)
			l->j.injected_ns = clock_mono_ns();
		mem_copy_str(l->j.state, sizeof(l->j.state), "on");
		r = journal_write(&l->j, e);
	}
	if (r) {
		keep(f, l);
		heal(f, l, &later);
		if (l->healed)
			drop(f, l);
		return -1;
	}
	keep(f, l);
	if (look(f, l, &later))
		complain(l, "cannot be observed", &later);
	return 0;
}

static int inject(struct node_faults *f, const cJSON *plan, cJSON **out, struct err *e)
{
	const struct fault_ops *ops = fault_find(json_str(plan, "fault", ""));
	char why[300] = "not supported here";
	struct live *l = find(f, json_str(plan, "id", ""));

	if (!ops)
		return err_set(e, ERR_INPUT, "no fault is called \"%.60s\"", json_str(plan, "fault", ""));
	if (l && !l->healed) {
		if (!cJSON_Compare(l->j.plan, plan, 1))
			return err_set(e, ERR_UNSUPPORTED, "a fault %s is under way already", l->j.id);
		*out = injected_answer(l);
		return 0;
	}
	if (l)
		drop(f, l);
	l = mem_alloc(sizeof(*l));
	l->ops = ops;
	if (journal_begin(f->n->state_dir, plan, &l->j, e)) {
		live_free(l);
		return -1;
	}
	if (ops->supported && !ops->supported(f->n, plan, why, sizeof(why))) {
		*out = unsupported_answer(l->j.id, why);
		live_free(l);
		return 0;
	}
	if (bring_about(f, l, e))
		return -1;
	pthread_cond_broadcast(&f->wake);
	*out = injected_answer(l);
	return 0;
}

int node_faults_inject(struct node_faults *f, const cJSON *plan, cJSON **out, struct err *e)
{
	int r;

	pthread_mutex_lock(&f->lock);
	r = inject(f, plan, out, e);
	pthread_mutex_unlock(&f->lock);
	return r;
}

bool node_faults_has(struct node_faults *f, const char *id)
{
	bool has;

	pthread_mutex_lock(&f->lock);
	has = find(f, id) != NULL;
	pthread_mutex_unlock(&f->lock);
	return has;
}

bool node_faults_idle(struct node_faults *f)
{
	bool idle = true;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n_live; i++)
		idle = idle && f->v[i]->healed;
	pthread_mutex_unlock(&f->lock);
	return idle;
}

static cJSON *summary(const struct live *l)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "id", l->j.id);
	json_set_str(o, "fault", l->j.fault);
	json_set_str(o, "state", l->j.state);
	json_set_i64(o, "injected_ns", l->j.injected_ns);
	json_set_i64(o, "effective_ns", l->j.effective_ns);
	json_set_i64(o, "healed_ns", l->j.healed_ns);
	return o;
}

cJSON *node_faults_list(struct node_faults *f)
{
	cJSON *o = cJSON_CreateObject(), *v = cJSON_AddArrayToObject(o, "faults");

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n_live; i++)
		json_push(v, summary(f->v[i]));
	pthread_mutex_unlock(&f->lock);
	return o;
}

static cJSON *copy_of(const cJSON *evidence)
{
	return evidence ? cJSON_Duplicate(evidence, 1) : cJSON_CreateArray();
}

int node_faults_observe(struct node_faults *f, const char *id, cJSON **out, struct err *e)
{
	struct live *l;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	l = find(f, id);
	if (!l)
		r = err_set(e, ERR_INPUT, "no fault %.60s is known here", id);
	else if (!l->healed && l->ops)
		r = look(f, l, e);
	if (!r) {
		*out = summary(l);
		json_set_bool(*out, "bites", l->bites);
		/* Known only once its evidence is. */
		json_set_i64(*out, "effective_ns", l->bites ? l->j.effective_ns : 0);
		json_set(*out, "evidence", copy_of(l->evidence));
	}
	pthread_mutex_unlock(&f->lock);
	return r;
}

int node_faults_heal(struct node_faults *f, const char *id, cJSON **out, struct err *e)
{
	struct live *l;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	l = find(f, id);
	if (!l)
		r = err_set(e, ERR_INPUT, "no fault %.60s is known here", id);
	else
		r = heal(f, l, e);
	if (!r) {
		*out = cJSON_CreateObject();
		json_set_str(*out, "id", l->j.id);
		json_set_i64(*out, "healed_ns", l->j.healed_ns);
		json_set(*out, "evidence", copy_of(l->undone));
	}
	pthread_mutex_unlock(&f->lock);
	return r;
}

int node_faults_heal_all(struct node_faults *f, cJSON **out, struct err *e)
{
	cJSON *evidence = cJSON_CreateArray();
	const cJSON *it;
	int r = 0, healed = 0;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n_live; i++) {
		struct live *l = f->v[i];

		if (l->healed)
			continue;
		if (heal(f, l, e))
			r = -1;
		else
			healed++;
		cJSON_ArrayForEach(it, l->undone)
			json_pushf(evidence, "%s: %s", l->j.id, it->valuestring);
	}
	if (f->n->ops->residue && f->n->ops->residue(f->n, true, evidence, e))
		r = -1;
	pthread_mutex_unlock(&f->lock);
	if (r) {
		cJSON_Delete(evidence);
		return -1;
	}
	*out = cJSON_CreateObject();
	json_set_i64(*out, "healed", healed);
	json_set(*out, "evidence", evidence);
	return 0;
}

/* The journal's files and what the node shows. */
cJSON *node_faults_residue(struct node_faults *f)
{
	cJSON *o = cJSON_CreateObject(), *found = cJSON_CreateArray();
	struct journal_list list;
	struct err e = {0};

	pthread_mutex_lock(&f->lock);
	if (journal_read_all(f->n->state_dir, &list, &e))
		json_pushf(found, "%s", e.msg);
	for (size_t i = 0; i < list.n; i++)
		json_pushf(found, "journal entry %s of a %s fault, state %s", list.v[i].id,
			   list.v[i].fault, list.v[i].state);
	for (size_t i = 0; i < list.ntorn; i++)
		json_pushf(found, "unreadable journal file %s", list.torn[i]);
	journal_list_free(&list);
	if (f->n->ops->residue && f->n->ops->residue(f->n, false, found, &e))
		json_pushf(found, "what is left could not be looked for: %s", e.msg);
	pthread_mutex_unlock(&f->lock);
	json_set_bool(o, "clean", cJSON_GetArraySize(found) == 0);
	json_set(o, "found", found);
	return o;
}
