#ifndef ORDEAL_BASE_CLOCK_H
#define ORDEAL_BASE_CLOCK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* Seconds, milliseconds. */
static inline double in_s(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}
static inline double in_ms(int64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

/* CLOCK_MONOTONIC and CLOCK_REALTIME of this machine, in ns. */
int64_t clock_mono_ns(void);
int64_t clock_real_ns(void);
/* Processor time that this thread has used, in ns. */
int64_t clock_thread_cpu_ns(void);

/* Sleeps until an absolute CLOCK_MONOTONIC time; signals do not end it. */
void clock_sleep_until(int64_t mono_ns);

/* poll(2) until an absolute CLOCK_MONOTONIC time, to the nanosecond: true when
 * a descriptor is ready or in error, false when the time is over. Signals do
 * not end it. */
bool clock_poll_until(struct pollfd *p, nfds_t n, int64_t mono_ns);

/* The same for one descriptor. */
bool clock_wait_fd(int fd, short events, int64_t mono_ns);

/* By how much this thread's last such wait outlasted its time, in ns, because
 * no processor was free. 0 when it ended before, or when it was told already. */
int64_t clock_overslept_ns(void);

/* An RFC 3339 time in UTC with milliseconds; `out` holds 32 bytes. */
void clock_rfc3339(int64_t real_ns, char out[32]);

/* Reads an RFC 3339 time (fraction and offset optional) as CLOCK_REALTIME
 * ns. Returns 0, or -1 when the text is no such time. */
int clock_parse_rfc3339(const char *s, int64_t *real_ns);

/* The kernel's boot id ("" when unreadable). It names
 * one boot of one machine. `out` holds 40 bytes. */
void clock_boot_id(char out[40]);

/* Whose CLOCK_MONOTONIC this process has: two of the same id share it exactly. It is
 * the kernel's, and of a time namespace; "" when the kernel does not tell. */
enum { CLOCK_ID_BYTES = 100 };
void clock_id(char out[CLOCK_ID_BYTES]);

#endif
