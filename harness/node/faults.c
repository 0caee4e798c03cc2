#include "node/faults.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "fault/journal.h"
#include "node/live.h"

#define READ_AGAIN_NS NS_PER_S /* a journal that could not be read */

struct node_faults {
	struct node *n;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stop;
	bool unread; /* something of the journal is still to be gone through */
	int64_t read_again_ns;
	struct live **v;
	size_t n_live, alloc;
	int64_t dead_man_ns;
	int64_t renewed_ns; /* atomic */
};

struct node_faults *node_faults_new(struct node *n, int64_t dead_man_ns)
{
	struct node_faults *f = mem_alloc(sizeof(*f));

	f->n = n;
	f->dead_man_ns = dead_man_ns;
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->wake);
	node_faults_renew(f);
	return f;
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
	__atomic_store_n(&f->renewed_ns, clock_mono_ns(), __ATOMIC_RELAXED);
}

static int64_t renewed_ns(const struct node_faults *f)
{
	return __atomic_load_n(&f->renewed_ns, __ATOMIC_RELAXED);
}

int64_t node_faults_expires_in_ns(const struct node_faults *f)
{
	return renewed_ns(f) + f->dead_man_ns - clock_mono_ns();
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

static int end_every(struct node_faults *f, const char *why, struct err *e)
{
	struct err one = {0};
	int r = 0;

	for (size_t i = 0; i < f->n_live; i++) {
		if (live_end(f->n, f->v[i], why, &one)) {
			r = -1;
			*e = one;
		}
	}
	return r;
}

/* What hides behind files that make no sense is looked for; they go once that has been undone. */
static int sweep_torn(struct node_faults *f, const struct journal_list *list, struct err *e)
{
	cJSON *found;
	int r;

	if (!list->ntorn || !f->n->ops->residue)
		return 0;
	log_warn("%zu unreadable files in the undo journal: looking for what faults left", list->ntorn);
	found = cJSON_CreateArray();
	r = f->n->ops->residue(f->n, true, found, e);
	cJSON_Delete(found);
	for (size_t i = 0; !r && i < list->ntorn; i++)
		if (unlink(list->torn[i]) && errno != ENOENT)
			r = err_set(e, ERR_BROKEN, "cannot remove %s: %s", list->torn[i], strerror(errno));
	return r;
}

/* What the journal holds of faults that are not known here is undone. */
static int take_journal(struct node_faults *f, struct err *e)
{
	struct journal_list list;
	struct err later = {0};
	int r = journal_read_all(f->n->state_dir, &list, e);

	for (size_t i = 0; i < list.n; i++) {
		struct live *l;

		if (find(f, list.v[i].id))
			continue;
		l = mem_alloc(sizeof(*l));
		l->j = list.v[i];
		memset(&list.v[i], 0, sizeof(list.v[i]));
		l->ops = fault_find(l->j.fault);
		keep(f, l);
		live_end(f->n, l, "an earlier agent left it", &later);
	}
	if (sweep_torn(f, &list, e))
		r = -1;
	journal_list_free(&list);
	f->unread = r != 0;
	f->read_again_ns = clock_mono_ns() + READ_AGAIN_NS;
	return r;
}

void node_faults_recover(struct node_faults *f)
{
	struct err e = {0};

	pthread_mutex_lock(&f->lock);
	if (take_journal(f, &e))
		log_warn("%s", e.msg);
	pthread_mutex_unlock(&f->lock);
}

static void *tend_all(void *arg)
{
	struct node_faults *f = arg;
	struct err e = {0};

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		int64_t wait_ns = LIVE_CALM_NS, want_ns;

		if (f->unread && clock_mono_ns() >= f->read_again_ns)
			take_journal(f, &e);
		for (size_t i = 0; i < f->n_live; i++) {
			/* One that could not be undone is tried again in its own time. */
			if (node_faults_expires_in_ns(f) < 0 && !f->v[i]->heal_wanted)
				live_end(f->n, f->v[i], "nobody has been heard of for too long", &e);
			want_ns = live_tend(f->n, f->v[i], renewed_ns(f));
			if (want_ns < wait_ns)
				wait_ns = want_ns;
		}
		cond_wait(&f->wake, &f->lock, clock_mono_ns() + wait_ns);
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
	r = end_every(f, "the agent ends", e);
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

static int inject(struct node_faults *f, const cJSON *plan, cJSON **out, struct err *e)
{
	const struct fault_ops *ops = fault_find(json_str(plan, "fault", ""));
	char why[300] = "not supported here";
	struct live *l;

	/* What looks for it would undo this one as well. */
	if (f->unread && take_journal(f, e))
		return err_prefix(e, "what an earlier agent left is not undone yet");
	l = find(f, json_str(plan, "id", ""));
	if (!ops)
		return err_set(e, ERR_INPUT, "no fault is called \"%.60s\"", json_str(plan, "fault", ""));
	if (l && !l->healed) {
		if (!cJSON_Compare(l->j.plan, plan, 1))
			return err_set(e, ERR_UNSUPPORTED, "a fault %s is under way already", l->j.id);
		if (l->heal_wanted)
			return err_set(e, ERR_BROKEN, "fault %s is being undone", l->j.id);
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
	keep(f, l);
	if (live_begin(f->n, l, e)) {
		if (l->healed)
			drop(f, l);
		return -1;
	}
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
	bool idle;

	pthread_mutex_lock(&f->lock);
	idle = !f->unread;
	for (size_t i = 0; i < f->n_live; i++)
		idle = idle && f->v[i]->healed;
	pthread_mutex_unlock(&f->lock);
	return idle;
}

cJSON *node_faults_list(struct node_faults *f)
{
	cJSON *o = cJSON_CreateObject(), *v = cJSON_AddArrayToObject(o, "faults");

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n_live; i++)
		json_push(v, live_summary(f->v[i]));
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
		r = live_look(f->n, l, e);
	if (!r) {
		*out = live_summary(l);
		json_set_bool(*out, "bites", l->bites);
		/* Known only once its evidence is. */
		json_set_i64(*out, "effective_ns", l->bites ? l->j.effective_ns : 0);
		/* Of one that takes them one by one. */
		if (json_get(l->j.record, "reached")) {
			json_set_i64(*out, "effective_ns", l->j.effective_ns);
			json_set(*out, "reached", cJSON_Duplicate(json_get(l->j.record, "reached"), 1));
		}
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
		r = live_heal(f->n, l, e);
	if (!r) {
		*out = cJSON_CreateObject();
		json_set_str(*out, "id", l->j.id);
		json_set_i64(*out, "healed_ns", l->j.healed_ns);
		json_set(*out, "evidence", copy_of(l->undone));
		if (l->lapse[0])
			json_set_str(*out, "lapse", l->lapse);
	}
	pthread_mutex_unlock(&f->lock);
	return r;
}

int node_faults_heal_all(struct node_faults *f, cJSON **out, struct err *e)
{
	cJSON *evidence = cJSON_CreateArray();
	const cJSON *it;
	int r, healed = 0;

	pthread_mutex_lock(&f->lock);
	r = take_journal(f, e);
	for (size_t i = 0; i < f->n_live; i++) {
		struct live *l = f->v[i];

		if (l->healed)
			continue;
		if (live_heal(f->n, l, e))
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
