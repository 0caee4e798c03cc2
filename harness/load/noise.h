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

struct noise_kernel {
	double cpu_some_pct, steal_pct, load1; /* -1: unknown */
};
void noise_since(const struct noise_mark *m, struct noise_kernel *out);

/* Adds cpu_some_pct, steal_pct and load1 to an object; what is unknown is left
 * out. */
void noise_json(const struct noise_kernel *n, cJSON *out);

#endif
