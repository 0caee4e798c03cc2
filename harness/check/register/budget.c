#include "base/clock.h"
#include "check/register/parts.h"

enum { LOOK_EVERY = 1 << 20 }; /* steps: some milliseconds */

bool reg_spend(struct reg_budget *b, int64_t steps)
{
	if (b->ended_by)
		return false;
	b->steps -= steps;
	b->unlooked += steps;
	if (b->steps < 0) {
		b->ended_by = REG_END_STEPS;
	} else if (b->cpu_end_ns && b->unlooked >= LOOK_EVERY) {
		b->unlooked = 0;
		if (clock_thread_cpu_ns() > b->cpu_end_ns)
			b->ended_by = REG_END_TIME;
	}
	return !b->ended_by;
}
