#ifndef ORDEAL_TEST_SYSTEM_REDIS_CLUSTER_ROOM_H
#define ORDEAL_TEST_SYSTEM_REDIS_CLUSTER_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/model.h"
#include "system/redis/slots.h"
#include "test/lib/redis_server.h"
#include "test/lib/redis_trial.h"
#include "test/lib/server_port.h"

/* A Redis Cluster on loopback: three masters, one of them with a replica. Include cmocka before. */

extern const struct client_ops client_redis_cluster;

#define SYS client_redis_cluster

enum { N = 4, MASTERS = 3, TIMEOUT_MS = 1000 };

struct fixture {
	struct client_trial t;
	struct redis_server s[N];
	struct member m[N];
};

static inline int stop(void **state)
{
	struct fixture *f = *state;

	if (!f)
		return 0;
	for (int i = 0; i < N; i++)
		redis_server_free(&f->s[i]);
	cJSON_Delete(f->t.acc.conf);
	free(f);
	return 0;
}

static inline void call_ok(const struct redis_server *s, const char *line)
{
	char *a = redis_server_call(s, "%s", line);

	if (!a || strcmp(a, "OK"))
		fail_msg("%s: %s", line, a ? a : "no answer");
	free(a);
}

static inline bool form(struct fixture *f)
{
	static const char *const slots[] = {"0 5460", "5461 10922", "10923 16383"};
	char line[120], *id;

	for (int i = 0; i < MASTERS; i++) {
		snprintf(line, sizeof(line), "CLUSTER ADDSLOTSRANGE %s", slots[i]);
		call_ok(&f->s[i], line);
		snprintf(line, sizeof(line), "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
		call_ok(&f->s[i], line);
	}
	for (int i = 1; i < N; i++) {
		char *bus = redis_server_call(&f->s[i], "CONFIG GET cluster-port");

		snprintf(line, sizeof(line), "CLUSTER MEET %s %d %s", f->s[i].ip, f->s[i].port,
			 strchr(bus, '\n') + 1);
		free(bus);
		call_ok(&f->s[0], line);
	}
	for (int i = 0; i < N; i++)
		if (!redis_trial_says(&f->s[i], "CLUSTER INFO", "cluster_known_nodes:4", LONG_NS))
			return false;
	id = redis_server_call(&f->s[0], "CLUSTER MYID");
	snprintf(line, sizeof(line), "CLUSTER REPLICATE %s", id);
	free(id);
	call_ok(&f->s[3], line);
	for (int i = 0; i < N; i++)
		if (!redis_trial_says(&f->s[i], "CLUSTER INFO", "cluster_state:ok", LONG_NS))
			return false;
	return redis_trial_says(&f->s[3], "INFO replication", "master_link_status:up", LONG_NS) &&
	       redis_trial_says(&f->s[1], "CLUSTER SLOTS", f->s[3].ip, LONG_NS);
}

static inline int start(void **state)
{
	struct fixture *f;
	struct err e = {0};
	int port = server_port(), bus = server_port();

	*state = NULL;
	if (redis_server_missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	*state = f;
	for (int i = 0; i < N; i++) {
		char ip[32], conf[300];

		/* One port for all, as in pods: addresses differ. */
		snprintf(ip, sizeof(ip), "127.0.77.%d", i + 1);
		snprintf(conf, sizeof(conf), "cluster-enabled yes\ncluster-port %d\n"
			 "cluster-node-timeout %d\ncluster-announce-ip %s\n"
			 "cluster-require-full-coverage no\nrepl-diskless-sync-delay 0\n"
			 "appendonly no", bus, TIMEOUT_MS, ip);
		if (redis_server_new(&f->s[i], ip, port, conf))
			goto fail;
		snprintf(f->m[i].name, sizeof(f->m[i].name), "redis-cluster-%d", i);
		mem_copy_str(f->m[i].host, sizeof(f->m[i].host), ip);
	}
	f->t.sys = &SYS;
	f->t.acc = (struct access){.members = f->m, .n = N, .conf = cJSON_CreateObject()};
	json_set_i64(f->t.acc.conf, "port", port);
	if (!form(f))
		goto fail;
	if (SYS.setup(&f->t.acc, 4, LONG_NS, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		goto fail;
	}
	return 0;
fail:
	stop(state); /* cmocka does not */
	*state = NULL;
	return -1;
}

#define INSERT(f, v) redis_trial_run(&f->t, OP_INSERT, OP_NO_VALUE, v, OP_NO_VALUE)

/* A value whose key is in a shard, from `from` on. */
static inline int64_t value_in(int shard, int64_t from)
{
	static const int lo[] = {0, 0, 5461, 10923, REDIS_SLOTS};

	for (;; from++) {
		char key[48];
		int slot;

		snprintf(key, sizeof(key), "ordeal:insert:%lld", (long long)from);
		slot = redis_slot(key, strlen(key));
		if (slot >= lo[shard] && slot < lo[shard + 1])
			return from;
	}
}

#endif
