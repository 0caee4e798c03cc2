#include "apiserver/visits.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"

/* libmicrohttpd's own limit is one of silence. */

/* How late one may be cut, at the most. */
#define LATE_NS (200 * NS_PER_MS)

struct visit {
	int fd;
	int64_t end_ns; /* 0: never */
	bool cut;
	struct visit *next, **at;
};

struct visits {
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	pthread_t thread;
	bool stop;
	int64_t first_ns;
	struct visit *all;
};

/* Its thread sees the end, and closes it. */
static void cut_late(struct visits *v)
{
	int64_t now = clock_mono_ns();

	for (struct visit *one = v->all; one; one = one->next) {
		if (one->cut || !one->end_ns || now < one->end_ns)
			continue;
		shutdown(one->fd, SHUT_RDWR);
		one->cut = true;
	}
}

static void *watch(void *arg)
{
	struct visits *v = arg;

	pthread_mutex_lock(&v->lock);
	while (!v->stop) {
		cut_late(v);
		cond_wait(&v->stopped, &v->lock, clock_mono_ns() + LATE_NS);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

struct visits *visits_new(int64_t first_ns)
{
	struct visits *v = mem_alloc(sizeof(*v));

	v->first_ns = first_ns;
	pthread_mutex_init(&v->lock, NULL);
	cond_init(&v->stopped);
	if (!pthread_create(&v->thread, NULL, watch, v))
		return v;
	pthread_cond_destroy(&v->stopped);
	pthread_mutex_destroy(&v->lock);
	free(v);
	return NULL;
}

void visits_free(struct visits *v)
{
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_signal(&v->stopped);
	pthread_mutex_unlock(&v->lock);
	pthread_join(v->thread, NULL);
	pthread_cond_destroy(&v->stopped);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static void begin(struct visits *v, struct MHD_Connection *c, void **mine)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct visit *one = mem_alloc(sizeof(*one));

	*one = (struct visit){.fd = i->connect_fd, .end_ns = clock_mono_ns() + v->first_ns};
	*mine = one;
	pthread_mutex_lock(&v->lock);
	one->next = v->all;
	one->at = &v->all;
	if (v->all)
		v->all->at = &one->next;
	v->all = one;
	pthread_mutex_unlock(&v->lock);
}

/* Before its descriptor is closed, and becomes another's. */
static void end(struct visits *v, void **mine)
{
	struct visit *one = *mine;

	if (!one)
		return;
	pthread_mutex_lock(&v->lock);
	*one->at = one->next;
	if (one->next)
		one->next->at = one->at;
	pthread_mutex_unlock(&v->lock);
	free(one);
	*mine = NULL;
}

void visits_notify(void *arg, struct MHD_Connection *c, void **mine,
		   enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		begin(arg, c, mine);
	else
		end(arg, mine);
}

void visits_within(struct visits *v, struct MHD_Connection *c, int64_t ns)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct visit *one = i ? i->socket_context : NULL;

	if (!one)
		return;
	pthread_mutex_lock(&v->lock);
	one->end_ns = ns ? clock_mono_ns() + ns : 0;
	pthread_mutex_unlock(&v->lock);
}
