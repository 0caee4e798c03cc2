#include "test/failpoints/wraps.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "kube/client.h"

struct failpoints *failpoints;

const char *const failure_words[FAILURES] = {"none", "once", "from then on", "half", "after it was done", "kill -9"};

enum call {
#define CALL(result, name, params, args, failed, why) CALL_##name,
#define PART(result, name, params, args, half, failed, why) CALL_##name,
#include "test/failpoints/table.h"
#undef CALL
#undef PART
	CALLS
};

static const struct {
	const char *name;
	bool half;
} rows[CALLS] = {
#define CALL(result, name, params, args, failed, why) {#name, false},
#define PART(result, name, params, args, half, failed, why) {#name, true},
#include "test/failpoints/table.h"
#undef CALL
#undef PART
};

static const FILE *bad; /* a read of it was made to fail */

const char *failpoint_name(int call)
{
	return rows[call].name;
}

bool failpoint_can(int call, enum failure how)
{
	if (how == FAIL_HALF)
		return rows[call].half;
	/* A thread or a child either is there or is not. */
	return how != FAIL_AFTER || (call != CALL_pthread_create && call != CALL_posix_spawnp);
}

/* How this call is to fail. */
static enum failure failure(enum call call, const void *site)
{
	struct failpoints *f = failpoints;
	int i;

	if (!f || !f->armed || f->armed != getpid() || f->n >= PLACES_MAX)
		return FAIL_NONE;
	i = f->n++;
	f->v[i] = (struct place){(int)call, site};
	if (f->how == FAIL_STUCK ? i < f->at || (int)call != f->v[f->at].call : i != f->at)
		return FAIL_NONE;
	/* Threads and the kernel may have another come by as the n-th than before. */
	if (!failpoint_can((int)call, f->how))
		return FAIL_NONE;
	if (f->how == FAIL_KILLED)
		syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
	return f->how;
}

#define CALL(result, name, params, args, failed, why) \
	result __real_##name params; \
	result __wrap_##name params; \
	result __wrap_##name params \
	{ \
		enum failure how = failure(CALL_##name, __builtin_return_address(0)); \
		if (how == FAIL_NONE) \
			return __real_##name args; \
		if (how == FAIL_AFTER) \
			(void)!__real_##name args; \
		errno = why; \
		return failed; \
	}
#define PART(result, name, params, args, part, failed, why) \
	result __real_##name params; \
	result __wrap_##name params; \
	result __wrap_##name params \
	{ \
		enum failure how = failure(CALL_##name, __builtin_return_address(0)); \
		if (how == FAIL_NONE) \
			return __real_##name args; \
		if (how == FAIL_HALF) \
			return __real_##name part; \
		if (how == FAIL_AFTER) \
			(void)!__real_##name args; \
		errno = why; \
		return failed; \
	}
#include "test/failpoints/table.h"

/* Where a call fails from then on, code is patient to its end, at many places and
 * each time. In such a trial each of its naps is short, and counts a hundredfold. */
enum { SHORTER = 10, COUNTS = 100 };
static int64_t ahead_ns; /* atomic */

int64_t __real_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void);
int64_t __wrap_clock_mono_ns(void)
{
	return __real_clock_mono_ns() + __atomic_load_n(&ahead_ns, __ATOMIC_RELAXED);
}

void __real_clock_sleep_until(int64_t mono_ns);
void __wrap_clock_sleep_until(int64_t mono_ns);
void __wrap_clock_sleep_until(int64_t mono_ns)
{
	int64_t left = mono_ns - __wrap_clock_mono_ns();
	bool stuck = failpoints && failpoints->armed == getpid() && failpoints->how == FAIL_STUCK;

	if (left <= 0)
		return;
	__real_clock_sleep_until(__real_clock_mono_ns() + (stuck ? left / SHORTER : left));
	if (stuck)
		__atomic_add_fetch(&ahead_ns, left * COUNTS, __ATOMIC_RELAXED);
}

int __real_ferror(FILE *f);
int __wrap_ferror(FILE *f);
int __wrap_ferror(FILE *f)
{
	bool was = f == bad;

	bad = NULL;
	return was || __real_ferror(f);
}
