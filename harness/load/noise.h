#ifndef ORDEAL_LOAD_NOISE_H
#define ORDEAL_LOAD_NOISE_H

#include <cjson/cJSON.h>
#include <stdint.h>

/* How busy the whole machine was since a mark: time during which some task
 * waited for a processor (/proc/pressure/cpu, Documentation/accounting/psi.rst)
 * and time that the hypervisor took away (steal in /proc/stat, proc(5)). */
struct noise_mark {
	int64_t t_ns;
	int64_t some_us;          /* -1: this kernel does not tell */
	int64_t steal, all_ticks; /* -1: likewise */
};

void noise_mark(struct noise_mark *m);

/* Adds cpu_some_pct, steal_pct and load1 to an object; what cannot be known
 * is left out. */
void noise_since(const struct noise_mark *m, cJSON *out);

#endif
