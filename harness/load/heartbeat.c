#include "load/heartbeat.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/json.h"
#include "base/mem.h"
#include "load/noise.h"

enum { STACK_BYTES = 128 * 1024 };

struct row {
	int64_t t_ns, span_ns, late_max_ns, late_sum_ns;
	struct load_sent sent; /* in this time */
	struct noise_kernel kernel;
};

struct heartbeat {
	struct load *load;
	pthread_t thread;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t stop_wish;
	bool stopping, stopped;
	struct row *rows;
	size_t n, alloc;
};

/* What has come up since the row began. */
struct beat {
	struct noise_mark since;
	struct load_sent sent;
	int64_t late_max_ns, late_sum_ns;
};

static void begin_row(struct heartbeat *h, struct beat *b)
{
	memset(b, 0, sizeof(*b));
	noise_mark(&b->since);
	load_sent(h->load, &b->sent);
}

static void end_row(struct heartbeat *h, struct beat *b)
{
	struct row r = {.late_max_ns = b->late_max_ns, .late_sum_ns = b->late_sum_ns};
	struct load_sent before = b->sent;
	int64_t began_ns = b->since.t_ns;

	noise_since(&b->since, &r.kernel);
	begin_row(h, b);
	r.t_ns = b->since.t_ns;
	r.span_ns = r.t_ns - began_ns;
	r.sent = (struct load_sent){
		.due = b->sent.due - before.due,
		.called = b->sent.called - before.called,
		.given_up = b->sent.given_up - before.given_up,
		.free_ns = b->sent.free_ns - before.free_ns,
	};
	pthread_mutex_lock(&h->lock);
	*VEC_PUSH(h->rows, h->n, h->alloc) = r;
	pthread_mutex_unlock(&h->lock);
}

/* False: it is to end. */
static bool sleep_until(struct heartbeat *h, int64_t t_ns)
{
	bool go;

	pthread_mutex_lock(&h->lock);
	while (!h->stopping && clock_mono_ns() < t_ns)
		cond_wait(&h->stop_wish, &h->lock, t_ns);
	go = !h->stopping;
	pthread_mutex_unlock(&h->lock);
	return go;
}

static void *beat(void *arg)
{
	struct heartbeat *h = arg;
	const int64_t every = HEARTBEAT_EVERY_MS * NS_PER_MS;
	int64_t due = clock_mono_ns() + every, now, late;
	struct beat b;

	begin_row(h, &b);
	while (sleep_until(h, due)) {
		now = clock_mono_ns();
		late = now - due;
		b.late_sum_ns += late;
		b.late_max_ns = late > b.late_max_ns ? late : b.late_max_ns;
		if (late >= HEARTBEAT_STOOD_MS * NS_PER_MS ||
		    now - b.since.t_ns >= HEARTBEAT_ROW_MS * NS_PER_MS)
			end_row(h, &b);
		due += every * (late / every + 1);
	}
	end_row(h, &b);
	return NULL;
}

int heartbeat_start(struct load *l, struct heartbeat **out, struct err *e)
{
	struct heartbeat *h = mem_alloc(sizeof(*h));
	pthread_attr_t attr;
	int r;

	h->load = l;
	pthread_mutex_init(&h->lock, NULL);
	cond_init(&h->stop_wish);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = pthread_create(&h->thread, &attr, beat, h);
	pthread_attr_destroy(&attr);
	*out = h;
	if (!r)
		return 0;
	h->stopped = true;
	heartbeat_free(h);
	*out = NULL;
	return err_set(e, ERR_BROKEN, "cannot start the generator's heartbeat: %s", strerror(r));
}

void heartbeat_stop(struct heartbeat *h)
{
	bool over;

	pthread_mutex_lock(&h->lock);
	over = h->stopped;
	h->stopping = h->stopped = true;
	pthread_cond_broadcast(&h->stop_wish);
	pthread_mutex_unlock(&h->lock);
	if (!over)
		pthread_join(h->thread, NULL);
}

void heartbeat_free(struct heartbeat *h)
{
	if (!h)
		return;
	heartbeat_stop(h);
	pthread_cond_destroy(&h->stop_wish);
	pthread_mutex_destroy(&h->lock);
	free(h->rows);
	free(h);
}

static void set_ms(cJSON *o, const char *key, int64_t ns)
{
	json_set_num(o, key, (double)(ns / 1000) / 1000);
}

static cJSON *row_json(const struct row *r)
{
	cJSON *o = cJSON_CreateObject();

	json_set_i64(o, "t", r->t_ns);
	set_ms(o, "span_ms", r->span_ns);
	set_ms(o, "late_max_ms", r->late_max_ns);
	set_ms(o, "late_sum_ms", r->late_sum_ns);
	json_set_i64(o, "due", r->sent.due);
	json_set_i64(o, "called", r->sent.called);
	json_set_i64(o, "given_up", r->sent.given_up);
	set_ms(o, "free_ms", r->sent.free_ns);
	noise_json(&r->kernel, o);
	return o;
}

void heartbeat_since(struct heartbeat *h, int64_t from, struct buf *out)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "noise");
	char *text;

	pthread_mutex_lock(&h->lock);
	json_set_i64(o, "next", (int64_t)h->n);
	for (size_t i = from < 0 ? h->n : (size_t)from; i < h->n; i++)
		json_push(list, row_json(&h->rows[i]));
	pthread_mutex_unlock(&h->lock);
	text = json_text(o);
	buf_str(out, text);
	free(text);
	cJSON_Delete(o);
}
