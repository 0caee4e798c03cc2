#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "measure/parts.h"

/* Was the machine quiet enough to believe the figures? What spoils them is a
 * generator that sends late: then a pause of ours looks like an outage of
 * the system's. A busy processor alone does not, and on a small machine that
 * carries a whole cluster 50 to 80 % of pressure are everyday. So the limits
 * are on lateness and on time that the hypervisor took away, which nobody
 * inside can see.
 *
 * Lateness is the generator's own figure ("noise" events: when it handed an
 * operation out against when it should have). Only where there is none it is
 * taken from the history before the first fault: from the intended time to
 * the call, which also holds what operations waited for a free client, and
 * that is the system's doing. */

#define LATENESS_P99_LIMIT_MS 100.0 /* twice the outage's stated error */
/* What steal does to our own sending shows in the lateness already. What it does
 * to the system is to slow it down, which the figures then truly tell; beyond
 * half of the time they tell of the hypervisor more than of the system. */
#define STEAL_LIMIT_PCT 50.0

static double worst(const struct view *v, const char *key)
{
	double w = -1, x;
	size_t i;

	for (i = 0; i < v->ev->nnoise; i++) {
		x = json_num(v->ev->noise[i].event, key, -1);
		if (x > w)
			w = x;
	}
	return w;
}

static double ms(int64_t ns)
{
	return ns < 0 ? -1 : (double)ns / (double)NS_PER_MS;
}

void noise_make(const struct view *v, const struct baseline *b, struct noise *out)
{
	memset(out, 0, sizeof(*out));
	out->lateness_p99_ms = worst(v, "lateness_p99_ms");
	out->lateness_max_ms = worst(v, "lateness_max_ms");
	if (out->lateness_p99_ms < 0) {
		out->lateness_p99_ms = ms(b->lateness_p99_ns);
		out->lateness_max_ms = ms(b->lateness_max_ns);
	}
	out->cpu_some_pct = worst(v, "cpu_some_pct");
	out->steal_pct = worst(v, "steal_pct");
	if (out->lateness_p99_ms > LATENESS_P99_LIMIT_MS) {
		out->too_noisy = true;
		snprintf(out->why, sizeof(out->why),
			 "the generator sent 1 %% of the operations %.0f ms late or more (limit %.0f ms)",
			 out->lateness_p99_ms, LATENESS_P99_LIMIT_MS);
	} else if (out->steal_pct > STEAL_LIMIT_PCT) {
		out->too_noisy = true;
		snprintf(out->why, sizeof(out->why),
			 "the hypervisor took %.0f %% of the processor's time away (limit %.0f %%)",
			 out->steal_pct, STEAL_LIMIT_PCT);
	}
}
