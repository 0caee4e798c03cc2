#include "system/redis/cluster_probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/redis/probe.h"
#include "system/redis/slots.h"

/* Three questions in one round trip: INFO, CLUSTER INFO, CLUSTER NODES. */

enum { NODES_MAX = 64 };

struct probe {
	struct redis_probe redis;
};

struct probe *redis_cluster_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	redis_probe_init(&p->redis, acc, m);
	return p;
}

void redis_cluster_probe_free(struct probe *p)
{
	redis_probe_drop(&p->redis);
	free(p);
}

/* As much of an id as samples show. */
static const char *shown(const char *id, char out[REDIS_ID_SHOWN + 1])
{
	mem_copy_str(out, REDIS_ID_SHOWN + 1, id);
	return out;
}

/* Left out while there is nothing to say. */
static void set_ids(cJSON *x, const char *key, cJSON *ids)
{
	if (cJSON_GetArraySize(ids))
		json_set(x, key, ids);
	else
		cJSON_Delete(ids);
}

static void say_others(cJSON *x, const struct redis_node *v, size_t n)
{
	cJSON *pfail = cJSON_CreateArray(), *fail = cJSON_CreateArray(), *map = cJSON_CreateObject();
	char id[REDIS_ID_SHOWN + 1];

	for (size_t i = 0; i < n; i++) {
		if (v[i].fail || v[i].pfail)
			json_push(v[i].fail ? fail : pfail, cJSON_CreateString(shown(v[i].id, id)));
		if (v[i].is_master && *v[i].slots)
			json_set_str(map, v[i].slots, shown(v[i].id, id));
	}
	json_set(x, "map", map);
	set_ids(x, "pfail", pfail);
	set_ids(x, "fail", fail);
}

static const struct redis_node *myself(const struct redis_node *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].myself)
			return &v[i];
	return NULL;
}

/* Of a replica, its master's. */
static int shard_of(const struct redis_node *v, size_t n, const struct redis_node *me)
{
	const char *slots = me->slots;

	for (size_t i = 0; i < n && *me->master; i++)
		if (!strcmp(v[i].id, me->master))
			slots = v[i].slots;
	return redis_shard(v, n, redis_slots_first(slots));
}

/* Would it take a write now: it owns slots, the cluster is well by its word,
 * its data is read, and its AOF can be written (else MISCONF). */
static void fill_master(struct sample *s, const char *info, const struct redis_node *me, bool ok)
{
	bool misconf = redis_info_err(info, "aof_last_write_status");

	s->position = redis_number(info, "master_repl_offset", -1);
	json_set_str(s->extra, "slots", me->slots);
	if (!*me->slots)
		return;
	s->role = ROLE_PRIMARY;
	s->writable = ok && !redis_number(info, "loading", 0) && !misconf;
	if (misconf)
		json_set_bool(s->extra, "misconf", true);
}

static bool fill(const struct redis_peer *peer, struct sample *s, redisReply *const *r)
{
	const char *info = redis_text(r[0]), *cluster = redis_text(r[1]);
	struct redis_node *v = mem_alloc(NODES_MAX * sizeof(*v));
	size_t n = redis_nodes(redis_text(r[2]), v, NODES_MAX);
	const struct redis_node *me = myself(v, n);
	char state[16], id[REDIS_ID_SHOWN + 1];

	(void)peer;
	if (me) {
		redis_field(cluster, "cluster_state", state, sizeof(state));
		redis_info_sample(info, s);
		s->timeline = me->epoch;
		s->shard = (uint32_t)shard_of(v, n, me);
		json_set_str(s->extra, "id", shown(me->id, id));
		json_set_str(s->extra, "state", state);
		if (me->is_master)
			fill_master(s, info, me, !strcmp(state, "ok"));
		else
			redis_info_replica(info, shown(me->master, id), s);
		say_others(s->extra, v, n);
	}
	free(v);
	return me != NULL;
}

void redis_cluster_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const struct redis_questions q = {
		.v = {{1, {"INFO"}}, {2, {"CLUSTER", "INFO"}}, {2, {"CLUSTER", "NODES"}}}, .n = 3,
		.fill = fill, .silent = "CLUSTER NODES does not name the node itself",
	};
	int64_t until_ns = clock_mono_ns() + timeout_ns;

	redis_probe_ask(&p->redis, &q, s, until_ns, until_ns);
}

/* ---- the settings in force ---- */

static const struct redis_setting settings[] = {
	{"cluster-node-timeout", "ms"}, {"cluster-require-full-coverage", "bool"},
	{"cluster-migration-barrier", "count"}, {"cluster-replica-validity-factor", "count"},
	{"cluster-allow-replica-migration", "bool"}, {"cluster-preferred-endpoint-type", "word"},
	{"cluster-announce-ip", "word"}, {"cluster-announce-hostname", "word"},
	{"repl-ping-replica-period", "s"}, {"repl-timeout", "s"}, {"repl-backlog-size", "bytes"},
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"maxmemory", "bytes"},
	{"maxmemory-policy", "word"}, {"maxclients", "count"}, {NULL, NULL},
};

int redis_cluster_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	return redis_inforce(acc, settings, clock_mono_ns() + 5 * NS_PER_S, out, e);
}
