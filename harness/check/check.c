#include "check/check.h"

#include <string.h>

#include "base/mem.h"
#include "check/list.h"

#define DECLARE(name) extern const struct checker_ops name;
CHECKER_LIST(DECLARE)
#undef DECLARE

#define ENTRY(name) &name,
static const struct checker_ops *const checkers[] = { CHECKER_LIST(ENTRY) NULL };
#undef ENTRY

const struct checker_ops *const *checker_all(void)
{
	return checkers;
}

const struct checker_ops *checker_find(const char *name)
{
	size_t i;

	for (i = 0; checkers[i]; i++)
		if (!strcmp(checkers[i]->name, name))
			return checkers[i];
	return NULL;
}

const char *verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_PASS:
		return "PASS";
	case VERDICT_FAIL:
		return "FAIL";
	case VERDICT_UNKNOWN:
		return "UNKNOWN";
	case VERDICT_BROKEN:
		return "BROKEN";
	case VERDICT_SKIP:
		return "SKIP";
	}
	return "UNKNOWN";
}

static int badness(enum verdict v)
{
	static const int rank[] = {
		[VERDICT_PASS] = 0, [VERDICT_SKIP] = 1, [VERDICT_UNKNOWN] = 2,
		[VERDICT_FAIL] = 3, [VERDICT_BROKEN] = 4,
	};

	return (size_t)v < ARRAY_LEN(rank) ? rank[v] : rank[VERDICT_BROKEN];
}

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	return badness(a) >= badness(b) ? a : b;
}
