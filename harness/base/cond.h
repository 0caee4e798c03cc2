#ifndef ORDEAL_BASE_COND_H
#define ORDEAL_BASE_COND_H

/* Condition variables that wait by clock_mono_ns(), which nobody sets. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void cond_init(pthread_cond_t *c);

/* Waits, with the lock, until it is woken or t_ns has come; false: it has come. */
bool cond_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t t_ns);

#endif
