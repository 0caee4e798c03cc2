#include "load/noise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

static int64_t pressure_us(void)
{
	FILE *f = fopen("/proc/pressure/cpu", "re");
	char line[256];
	long long total = -1;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "total=");

		if (!strncmp(line, "some ", 5) && at)
			sscanf(at, "total=%lld", &total);
	}
	fclose(f);
	return total;
}

/* "cpu user nice system idle iowait irq softirq steal guest guest_nice";
 * guest time is part of user time. */
static void ticks(struct noise_mark *m)
{
	FILE *f = fopen("/proc/stat", "re");
	long long v[8];

	m->steal = m->all_ticks = -1;
	if (!f)
		return;
	if (fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &v[0], &v[1], &v[2], &v[3],
		   &v[4], &v[5], &v[6], &v[7]) == 8) {
		m->steal = v[7];
		m->all_ticks = 0;
		for (int i = 0; i < 8; i++)
			m->all_ticks += v[i];
	}
	fclose(f);
}

void noise_mark(struct noise_mark *m)
{
	m->t_ns = clock_mono_ns();
	m->some_us = pressure_us();
	ticks(m);
}

void noise_since(const struct noise_mark *m, struct noise_kernel *out)
{
	FILE *f = fopen("/proc/loadavg", "re");
	struct noise_mark now;

	*out = (struct noise_kernel){-1, -1, -1};
	noise_mark(&now);
	if (m->some_us >= 0 && now.some_us >= m->some_us && now.t_ns > m->t_ns)
		out->cpu_some_pct = (double)(now.some_us - m->some_us) * 1000 * 100 /
				    (double)(now.t_ns - m->t_ns);
	if (m->steal >= 0 && now.all_ticks > m->all_ticks && now.steal >= m->steal)
		out->steal_pct = (double)(now.steal - m->steal) * 100 /
				 (double)(now.all_ticks - m->all_ticks);
	if (f && fscanf(f, "%lf", &out->load1) != 1)
		out->load1 = -1;
	if (f)
		fclose(f);
}

static void set(cJSON *out, const char *key, double v)
{
	if (v >= 0)
		json_set_num(out, key, round(v * 1000) / 1000);
}

void noise_json(const struct noise_kernel *n, cJSON *out)
{
	set(out, "cpu_some_pct", n->cpu_some_pct);
	set(out, "steal_pct", n->steal_pct);
	set(out, "load1", n->load1);
}
