#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t clock_real_ns(void)
{
	return now(CLOCK_REALTIME);
}

int64_t clock_thread_cpu_ns(void)
{
	return now(CLOCK_THREAD_CPUTIME_ID);
}

void clock_sleep_until(int64_t mono_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(mono_ns / NS_PER_S),
			      .tv_nsec = (long)(mono_ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static _Thread_local int64_t overslept_ns;

bool clock_poll_until(struct pollfd *p, nfds_t n, int64_t mono_ns)
{
	bool waited = false;

	overslept_ns = 0;
	for (;;) {
		int64_t left = mono_ns - clock_mono_ns();
		struct timespec ts = {.tv_sec = (time_t)(left / NS_PER_S),
				      .tv_nsec = (long)(left % NS_PER_S)};
		int ready;

		if (left <= 0) {
			overslept_ns = waited ? -left : 0;
			return false;
		}
		ready = ppoll(p, n, &ts, NULL);
		waited = true;
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return true;
	}
}

int64_t clock_overslept_ns(void)
{
	int64_t ns = overslept_ns;

	overslept_ns = 0;
	return ns;
}

bool clock_wait_fd(int fd, short events, int64_t mono_ns)
{
	struct pollfd p = {.fd = fd, .events = events};

	return clock_poll_until(&p, 1, mono_ns);
}

void clock_rfc3339(int64_t real_ns, char out[32])
{
	time_t secs = (time_t)(real_ns / NS_PER_S);
	struct tm tm;
	size_t n;

	gmtime_r(&secs, &tm);
	n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 32 - n, ".%03dZ", (int)(real_ns % NS_PER_S / NS_PER_MS));
}

int clock_parse_rfc3339(const char *s, int64_t *real_ns)
{
	struct tm tm = {0};
	int64_t frac = 0, scale = NS_PER_S, offset = 0;
	int h, m;
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!p)
		return -1;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			if (scale > 1) {
				scale /= 10;
				frac += (*p - '0') * scale;
			}
		}
	}
	if (*p == '+' || *p == '-') {
		bool minus = *p == '-';

		if (sscanf(p + 1, "%2d:%2d", &h, &m) != 2)
			return -1;
		offset = (int64_t)(h * 60 + m) * (minus ? -60 : 60);
	} else if (*p != 'Z' && *p != '\0') {
		return -1;
	}
	*real_ns = ((int64_t)timegm(&tm) - offset) * NS_PER_S + frac;
	return 0;
}

void clock_boot_id(char out[40])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (!f)
		return;
	if (!fgets(out, 40, f))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

void clock_id(char out[CLOCK_ID_BYTES])
{
	char boot[40], space[48] = "";
	ssize_t n = readlink("/proc/self/ns/time", space, sizeof(space) - 1);

	clock_boot_id(boot);
	/* A kernel without time namespaces has one clock. */
	space[n > 0 ? n : 0] = '\0';
	out[0] = '\0';
	if (boot[0])
		snprintf(out, CLOCK_ID_BYTES, "%s %s", boot, space);
}
