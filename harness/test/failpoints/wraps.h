#ifndef ORDEAL_TEST_FAILPOINTS_WRAPS_H
#define ORDEAL_TEST_FAILPOINTS_WRAPS_H

#include <stdbool.h>
#include <sys/types.h>

/* One call of the table made to fail, in this process or a child of it. */

enum failure {
	FAIL_NONE,  /* only count */
	FAIL_ONCE,  /* this one */
	FAIL_STUCK, /* this one, and from then on all of its name */
	FAIL_HALF,  /* a short read or write */
	FAIL_AFTER, /* it is done, and says that it failed */
	FAIL_KILLED, /* kill -9 before it */
	FAILURES,
};
extern const char *const failure_words[FAILURES];

enum { PLACES_MAX = 40000 };

struct place {
	int call;         /* its row of the table */
	const void *site; /* where in the program */
};

/* Shared with children. */
struct failpoints {
	enum failure how;
	int at;     /* the place that fails, from 0 */
	pid_t armed; /* only this process's calls are counted and fail; 0: nobody's */
	int n;      /* places that were come by */
	struct place v[PLACES_MAX];
};
extern struct failpoints *failpoints; /* set by the test */

const char *failpoint_name(int call);
/* Not every call can fail in every way. */
bool failpoint_can(int call, enum failure how);

#endif
