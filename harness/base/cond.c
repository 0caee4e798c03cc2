#include "base/cond.h"

#include <time.h>

#include "base/clock.h"

void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

bool cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t t_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(t_ns / NS_PER_S),
			      .tv_nsec = (long)(t_ns % NS_PER_S)};

	return pthread_cond_timedwait(c, lock, &ts) == 0;
}
