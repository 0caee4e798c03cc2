/* What the sampler costs a RabbitMQ broker: the same load beside it and without it, by turns,
 * and the processor time of the broker itself, which nothing else on the machine disturbs. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "test/lib/client_trial.h"
#include "test/lib/rabbit_server.h"

extern const struct client_ops client_rabbitmq;

enum { CLIENTS = 8, ROUNDS = 9, SECONDS = 3, EVERY_MS = 100, TRIES = 200 };

/* One kind of window, in each round once. */
struct windows {
	bool load, sampled;
	double sends[ROUNDS], cpu[ROUNDS]; /* a second */
	long questions;
	double took_ms; /* all answers together */
};

struct world {
	const struct access *acc;
	const struct member *m;
	struct client *clients[CLIENTS];
	struct probe *probe;
	atomic_bool over;
	atomic_long sent, value;
	struct windows *now;
};

struct sender {
	struct world *w;
	int number;
};

static void *send_all(void *arg)
{
	const struct sender *s = arg;
	struct world *w = s->w;
	struct op_room *room = mem_alloc(sizeof(*room));

	while (!atomic_load(&w->over)) {
		struct op op = {.f = OP_SEND, .expect = OP_NO_VALUE};


		op.value = atomic_fetch_add(&w->value, 1);
		call_make(&client_rabbitmq, w->clients[s->number], &op, room, 5 * NS_PER_S);
		if (op.outcome == OP_OK)
			atomic_fetch_add(&w->sent, 1);
	}
	free(room);
	return NULL;
}

static void *ask_all(void *arg)
{
	struct world *w = arg;

	for (int64_t next = clock_mono_ns(); !atomic_load(&w->over); next += EVERY_MS * NS_PER_MS) {
		struct sample s;

		clock_sleep_until(next);
		sample_begin(&s, w->m);
		client_rabbitmq.probe(w->probe, &s, NS_PER_S);
		if (s.ok) {
			w->now->questions++;
			w->now->took_ms += in_ms(s.took_ns);
		}
		cJSON_Delete(s.extra);
	}
	return NULL;
}

/* The seconds of a processor that a process has had; below 0: unknown. */
static double cpu_of(long pid)
{
	unsigned long long user = 0, system = 0;
	char path[64], text[1024] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
		return -1;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* One window; false: the machine stood still in it. */
static bool window(struct world *w, struct windows *v, int round, long pid)
{
	struct sender senders[CLIENTS];
	pthread_t threads[CLIENTS + 1];
	double cpu = cpu_of(pid), took;
	int64_t from = clock_mono_ns();
	int n = 0;

	atomic_store(&w->over, false);
	atomic_store(&w->sent, 0);
	w->now = v;
	for (int i = 0; i < CLIENTS && v->load; i++) {
		senders[i] = (struct sender){w, i};
		n += !pthread_create(&threads[n], NULL, send_all, &senders[i]);
	}
	if (v->sampled)
		n += !pthread_create(&threads[n], NULL, ask_all, w);
	clock_sleep_until(from + SECONDS * NS_PER_S);
	atomic_store(&w->over, true);
	took = in_s(clock_mono_ns() - from);
	v->sends[round] = (double)atomic_load(&w->sent) / took;
	v->cpu[round] = (cpu_of(pid) - cpu) / took;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return took < SECONDS * 1.1;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v)
{
	double sorted[ROUNDS];

	memcpy(sorted, v, sizeof(sorted));
	qsort(sorted, ROUNDS, sizeof(*sorted), by_size);
	return sorted[ROUNDS / 2];
}

static void row(const char *name, const struct windows *v)
{
	printf("%-26s %8.0f confirmed sends/s   %6.1f %% of a processor", name, median(v->sends),
	       100 * median(v->cpu));
	if (v->questions)
		printf("   an answer after %.2f ms", v->took_ms / (double)v->questions);
	printf("\n");
}

static int compete(struct world *w, long pid)
{
	static struct windows all[] = {
		{.load = true}, {.load = true, .sampled = true}, {0}, {.sampled = true}};
	double ratio[ROUNDS];
	int tries = 0;

	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			while (!window(w, &all[i], round, pid))
				if (++tries > TRIES)
					return fprintf(stderr, "the machine never ran for %d s\n", SECONDS), 1;
	for (int round = 0; round < ROUNDS; round++)
		ratio[round] = all[1].sends[round] / all[0].sends[round];
	row("load alone", &all[0]);
	row("load, and the sampler", &all[1]);
	printf("%-26s %8.3f (%d rounds of %d s, by turns; median)\n", "ratio of the sends", median(ratio), ROUNDS, SECONDS);
	row("idle", &all[2]);
	row("idle, and the sampler", &all[3]);
	printf("%-26s %8.2f ms of the broker's processor time\n", "one question",
	       (median(all[3].cpu) - median(all[2].cpu)) * EVERY_MS);
	return 0;
}

int main(void)
{
	struct rabbit_server s = {.pid = 0};
	struct member m;
	struct access acc;
	struct world w = {.acc = &acc, .m = &m};
	struct err e = {0};
	char *pid;
	int r = 1;

	if (rabbit_server_missing()) {
		printf("# skipped: %s\n", rabbit_server_missing());
		return 0;
	}
	if (rabbit_server_new(&s))
		return 1;
	rabbit_server_access(&s, "{}", &m, &acc);
	pid = rabbit_server_eval(&s, "list_to_binary(os:getpid()).");
	if (!pid || client_rabbitmq.setup(&acc, 1, 60 * NS_PER_S, &e)) {
		fprintf(stderr, "%s\n", e.msg);
	} else {
		for (int i = 0; i < CLIENTS; i++)
			w.clients[i] = client_rabbitmq.client_new(&acc, (uint32_t)i);
		w.probe = client_rabbitmq.probe_new(&acc, &m);
		r = compete(&w, strtol(pid, NULL, 10));
		for (int i = 0; i < CLIENTS; i++)
			client_rabbitmq.client_free(w.clients[i]);
		client_rabbitmq.probe_free(w.probe);
	}
	free(pid);
	cJSON_Delete(acc.conf);
	rabbit_server_free(&s);
	return r;
}
