/* The load generator beside redis-benchmark: as many connections on the same
 * server, one after the other, each as fast as it can. They do not do the
 * same: a client here is a thread whose every call has a deadline, a time of
 * its own and a line in the history. It calls when a call is due, so its most
 * is the best of rates that are asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "load/load.h"
#include "test/lib/redis_trial.h"
#include "test/lib/server_port.h"

extern const struct client_ops client_redis_cluster;

enum {
	CLIENTS = 8,
	SECONDS = 3,
	CALM_RATE = 1000,
	LOW_RATE = 5000,
	HIGH_RATE = 160000,
	PEER_CALLS = 100000
};

struct figures {
	double rate, p50_ms, p99_ms;
};

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of what was answered: a second and how long a call took. */
static void figures_of(struct load *l, double took_s, struct figures *out)
{
	struct buf lines = {0};
	struct err e = {0};
	double *v = NULL;
	size_t n = 0, alloc = 0;
	char *rest, *line;

	load_history(l, 0, INT64_MAX, &lines);
	rest = lines.s;
	while (rest && (line = strsep(&rest, "\n"))) {
		cJSON *o = *line ? json_parse(line, "an operation", &e) : NULL;
		struct op_room room;
		struct op op;

		if (o && op_from_json(o, &room, &op, &e) == 0 && op.outcome == OP_OK)
			*VEC_PUSH(v, n, alloc) =
				(double)(op.t_return - op.t_invoke) / (double)NS_PER_MS;
		cJSON_Delete(o);
	}
	*out = (struct figures){0};
	if (n) {
		qsort(v, n, sizeof(*v), by_time);
		*out = (struct figures){(double)n / took_s, v[n / 2], v[n * 99 / 100]};
	}
	free(v);
	buf_free(&lines);
}

static int generate(const struct access *acc, double rate, struct figures *out,
		    struct load_stats *late)
{
	struct load_conf conf = {.sys = &client_redis_cluster,
				 .acc = acc,
				 .rate = rate,
				 .clients = CLIENTS,
				 .deadline_ns = NS_PER_S,
				 .keys = 64,
				 .mix[OP_WRITE] = 1,
				 .seed = 1};
	struct load *l;
	struct err e = {0};
	int64_t t0;

	if (load_start(&conf, &l, &t0, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	clock_sleep_until(t0 + SECONDS * NS_PER_S);
	load_stop(l);
	figures_of(l, (double)(clock_mono_ns() - t0) / (double)NS_PER_S, out);
	load_stats(l, late);
	load_free(l);
	return 0;
}

/* "SET","rps","avg","min","p50","p95","p99","max" below a line of headings. */
static int peer(const struct redis_server *s, struct figures *out)
{
	char port[16], clients[16], calls[16];
	const char *const argv[] = {"redis-benchmark", "-h", s->ip, "-p", port, "-c", clients, "-n", calls,
				    "-t", "set", "--csv", NULL};
	struct buf said = {0};
	struct err e = {0};
	const char *row;
	int r = -1;

	snprintf(port, sizeof(port), "%d", s->port);
	snprintf(clients, sizeof(clients), "%d", CLIENTS);
	snprintf(calls, sizeof(calls), "%d", PEER_CALLS);
	if (proc_must(argv, NULL, 120 * NS_PER_S, &said, &e))
		fprintf(stderr, "%s\n", e.msg);
	else if ((row = strstr(buf_cstr(&said), "\"SET\"")) &&
		 sscanf(row, "\"SET\",\"%lf\",\"%*[^\"]\",\"%*[^\"]\",\"%lf\",\"%*[^\"]\",\"%lf\"", &out->rate,
			&out->p50_ms, &out->p99_ms) == 3)
		r = 0;
	buf_free(&said);
	return r;
}

/* The best that either reaches; in turns, so that what drifts on the machine
 * meets both. */
static int compete(const struct redis_server *s, const struct access *acc, struct figures *own,
		   struct figures *other)
{
	*own = *other = (struct figures){0};
	for (double rate = LOW_RATE; rate <= HIGH_RATE; rate *= 2) {
		struct figures a, b;
		struct load_stats late;

		if (generate(acc, rate, &a, &late) || peer(s, &b))
			return -1;
		if (a.rate > own->rate)
			*own = a;
		if (b.rate > other->rate)
			*other = b;
	}
	return 0;
}

static void row(const char *name, const struct figures *f)
{
	printf("%-28s %9.0f writes/s   p50 %7.3f ms   p99 %7.3f ms\n", name, f->rate, f->p50_ms, f->p99_ms);
}

int main(void)
{
	struct redis_server s = {.pid = 0};
	struct member m = {.name = "redis-cluster-0", .host = "127.0.0.1"};
	struct access acc = {.members = &m, .n = 1, .conf = cJSON_CreateObject()};
	struct figures own = {0}, other = {0}, calm = {0};
	struct load_stats late = {0};
	struct err e = {0};
	int r = 1;

	if (redis_server_missing()) {
		printf("# skipped: %s\n", redis_server_missing());
		return 0;
	}
	if (redis_server_new(&s, m.host, server_port(), "cluster-enabled yes\nappendonly no"))
		return 1;
	json_set_i64(acc.conf, "port", s.port);
	free(redis_server_call(&s, "CLUSTER ADDSLOTSRANGE 0 16383"));
	if (!redis_trial_says(&s, "CLUSTER INFO", "cluster_state:ok", 20 * NS_PER_S))
		fprintf(stderr, "the cluster of one does not form\n");
	else if (client_redis_cluster.setup(&acc, 64, 20 * NS_PER_S, &e))
		fprintf(stderr, "%s\n", e.msg);
	else if (compete(&s, &acc, &own, &other) == 0 &&
		 generate(&acc, CALM_RATE, &calm, &late) == 0)
		r = 0;
	if (!r) {
		row("ordeal's load", &own);
		row("redis-benchmark", &other);
		printf("%-28s %9.2f              %11.2f          %11.2f\n", "ordeal : redis-benchmark",
		       own.rate / other.rate, own.p50_ms / other.p50_ms, own.p99_ms / other.p99_ms);
		row("ordeal's load, 1,000/s asked", &calm);
		printf("%-28s p50 %.3f ms, p99 %.3f ms, max %.3f ms\n", "  how late it was itself",
		       late.lateness_p50_ms, late.lateness_p99_ms, late.lateness_max_ms);
	}
	cJSON_Delete(acc.conf);
	redis_server_free(&s);
	return r;
}
