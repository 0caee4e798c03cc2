#include "load/sampler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"

enum { STACK_BYTES = 512 * 1024 };

struct asker {
	struct sampler *s;
	const struct member *m;
	pthread_t thread;
	struct sample newest; /* extra is owned */
};

struct sampler {
	const struct system *sys;
	const struct access *acc;
	int64_t every_ns, timeout_ns, t0_ns;
	struct asker *askers;
	size_t nstarted;

	pthread_mutex_t lock; /* for all below and `newest` */
	pthread_cond_t stop_wish;
	bool stopping;
	char **lines;         /* JSON texts */
	size_t n, alloc;
};

static void keep(struct asker *a, struct sample *new)
{
	struct sampler *s = a->s;
	cJSON *o = sample_to_json(new), *old;
	char *line;

	json_set_i64(o, "t", new->t_ns);
	line = json_text(o);
	cJSON_Delete(o);
	pthread_mutex_lock(&s->lock);
	*VEC_PUSH(s->lines, s->n, s->alloc) = line;
	old = a->newest.extra;
	a->newest = *new;
	pthread_mutex_unlock(&s->lock);
	cJSON_Delete(old);
}

/* False: the sampler ends. */
static bool sleep_until(struct sampler *s, int64_t t_ns)
{
	bool go;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping && clock_mono_ns() < t_ns)
		cond_wait(&s->stop_wish, &s->lock, t_ns);
	go = !s->stopping;
	pthread_mutex_unlock(&s->lock);
	return go;
}

static void *ask(void *arg)
{
	struct asker *a = arg;
	struct sampler *s = a->s;
	struct probe *p = s->sys->client->probe_new(s->acc, a->m);
	int64_t i = 0;

	while (sleep_until(s, s->t0_ns + i * s->every_ns)) {
		struct sample new;
		int64_t behind;

		sample_begin(&new, a->m);
		s->sys->client->probe(p, &new, s->timeout_ns);
		keep(a, &new);
		behind = (clock_mono_ns() - s->t0_ns) / s->every_ns;
		i = behind > i ? behind + 1 : i + 1;
	}
	s->sys->client->probe_free(p);
	return NULL;
}

int sampler_start(const struct system *sys, const struct access *acc, int64_t every_ns,
		  int64_t timeout_ns, struct sampler **out, struct err *e)
{
	struct sampler *s = mem_alloc(sizeof(*s));
	pthread_attr_t attr;
	int r = 0;

	s->sys = sys;
	s->acc = acc;
	s->every_ns = every_ns;
	s->timeout_ns = timeout_ns;
	s->t0_ns = clock_mono_ns();
	s->askers = mem_alloc((acc->n + 1) * sizeof(*s->askers));
	pthread_mutex_init(&s->lock, NULL);
	cond_init(&s->stop_wish);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (size_t i = 0; i < acc->n && !r; i++) {
		s->askers[i] = (struct asker){.s = s, .m = &acc->members[i]};
		r = pthread_create(&s->askers[i].thread, &attr, ask, &s->askers[i]);
		s->nstarted += !r;
	}
	pthread_attr_destroy(&attr);
	if (r) {
		sampler_free(s);
		return err_set(e, ERR_BROKEN, "cannot start the sampler: %s", strerror(r));
	}
	*out = s;
	return 0;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->stop_wish);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < s->nstarted; i++) {
		pthread_join(s->askers[i].thread, NULL);
		cJSON_Delete(s->askers[i].newest.extra);
	}
	for (size_t i = 0; i < s->n; i++)
		free(s->lines[i]);
	free(s->lines);
	free(s->askers);
	pthread_cond_destroy(&s->stop_wish);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void sampler_since(struct sampler *s, int64_t from, struct buf *out)
{
	pthread_mutex_lock(&s->lock);
	if (from < 0 || (size_t)from > s->n)
		from = (int64_t)s->n;
	buf_fmt(out, "{\"next\":%zu,\"samples\":[", s->n);
	for (size_t i = (size_t)from; i < s->n; i++) {
		if (i > (size_t)from)
			buf_char(out, ',');
		buf_str(out, s->lines[i]);
	}
	buf_str(out, "]}\n");
	pthread_mutex_unlock(&s->lock);
}

static void forget_if_old(struct sample *s, int64_t now)
{
	if (s->t_ns && sample_fresh(s, now))
		return;
	sample_forget(s);
	mem_copy_str(s->error, sizeof(s->error), "not heard for a second");
}

cJSON *sampler_members(struct sampler *s, bool *redundant, char *why)
{
	struct sample *now = mem_alloc((s->acc->n + 1) * sizeof(*now));
	cJSON *members = cJSON_CreateArray();

	/* The newest samples' extra may go as soon as the lock does. */
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->acc->n; i++) {
		now[i] = s->askers[i].newest;
		mem_copy_str(now[i].member, sizeof(now[i].member), s->acc->members[i].name);
		forget_if_old(&now[i], clock_mono_ns());
		json_push(members, sample_to_json(&now[i]));
	}
	why[0] = '\0';
	*redundant = s->sys->model->redundant(now, s->acc->n, why);
	pthread_mutex_unlock(&s->lock);
	free(now);
	return members;
}
