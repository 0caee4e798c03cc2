#include "system/redis/cluster_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/redis/conn.h"
#include "system/redis/slots.h"
#include "system/redis/source.h"

/* Three questions in one round trip: INFO, CLUSTER INFO, CLUSTER NODES. */

enum { NODES_MAX = 64, ID_SHOWN = 8 };

struct probe {
	const struct member *m;
	int port;
	struct redis_conn *conn;
	struct redis_source source; /* of a replica: its master */
};

struct probe *redis_cluster_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	p->m = m;
	p->port = (int)json_i64(acc->conf, "port", 6379);
	return p;
}

void redis_cluster_probe_free(struct probe *p)
{
	redis_drop(p->conn);
	redis_source_drop(&p->source);
	free(p);
}

static void set_id(cJSON *o, const char *key, const char *id)
{
	char shown[ID_SHOWN + 1];

	snprintf(shown, sizeof(shown), "%.*s", ID_SHOWN, id);
	json_set_str(o, key, shown);
}

static void push_id(cJSON *array, const char *id)
{
	json_pushf(array, "%.*s", ID_SHOWN, id);
}

static void copy_number(cJSON *x, const char *key, const char *info, const char *name)
{
	int64_t n = redis_number(info, name, -1);

	if (n >= 0)
		json_set_i64(x, key, n);
}

static void say_others(cJSON *x, const struct redis_node *v, size_t n)
{
	cJSON *pfail = cJSON_CreateArray(), *fail = cJSON_CreateArray(), *map = cJSON_CreateObject();

	for (size_t i = 0; i < n; i++) {
		if (v[i].fail)
			push_id(fail, v[i].id);
		else if (v[i].pfail)
			push_id(pfail, v[i].id);
		if (v[i].is_master && *v[i].slots)
			set_id(map, v[i].slots, v[i].id);
	}
	json_set(x, "map", map);
	/* Left out while there is nothing to say. */
	if (cJSON_GetArraySize(pfail))
		json_set(x, "pfail", pfail);
	else
		cJSON_Delete(pfail);
	if (cJSON_GetArraySize(fail))
		json_set(x, "fail", fail);
	else
		cJSON_Delete(fail);
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

static void fill_replica(struct sample *s, const char *info, const struct redis_node *me)
{
	char text[40];

	s->role = ROLE_REPLICA;
	s->position = redis_number(info, "slave_repl_offset", -1);
	set_id(s->extra, "of", me->master);
	redis_field(info, "master_link_status", text, sizeof(text));
	json_set_str(s->extra, "link", text);
	if (redis_number(info, "master_sync_in_progress", 0))
		json_set_bool(s->extra, "syncing", true);
}

/* Would it take a write now: it owns slots, the cluster is well by its word,
 * its data is read, and its AOF can be written (else MISCONF). */
static void fill_master(struct sample *s, const char *info, const struct redis_node *me, bool ok)
{
	char aof[16];

	s->position = redis_number(info, "master_repl_offset", -1);
	json_set_str(s->extra, "slots", me->slots);
	if (!*me->slots)
		return;
	s->role = ROLE_PRIMARY;
	redis_field(info, "aof_last_write_status", aof, sizeof(aof));
	s->writable = ok && !redis_number(info, "loading", 0) && strcmp(aof, "err");
	if (!strcmp(aof, "err"))
		json_set_bool(s->extra, "misconf", true);
}

static bool fill(struct sample *s, const char *info, const char *cluster, const char *nodes)
{
	struct redis_node *v = mem_alloc(NODES_MAX * sizeof(*v));
	size_t n = redis_nodes(nodes, v, NODES_MAX);
	const struct redis_node *me = myself(v, n);
	char state[16], run[48];

	if (me) {
		s->ok = true;
		redis_field(cluster, "cluster_state", state, sizeof(state));
		redis_field(info, "run_id", run, sizeof(run));
		s->timeline = me->epoch;
		s->shard = (uint32_t)shard_of(v, n, me);
		set_id(s->extra, "id", me->id);
		set_id(s->extra, "run_id", run);
		json_set_str(s->extra, "state", state);
		if (redis_number(info, "loading", 0))
			json_set_bool(s->extra, "loading", true);
		if (me->is_master)
			fill_master(s, info, me, !strcmp(state, "ok"));
		else
			fill_replica(s, info, me);
		copy_number(s->extra, "sync_full", info, "sync_full");
		copy_number(s->extra, "sync_partial", info, "sync_partial_ok");
		copy_number(s->extra, "evicted_keys", info, "evicted_keys");
		copy_number(s->extra, "memory", info, "used_memory");
		say_others(s->extra, v, n);
	}
	free(v);
	return me != NULL;
}

static bool opened(struct probe *p, struct sample *s, int64_t until_ns)
{
	struct redis_cost cost;

	if (p->conn && redis_gone(p->conn)) {
		redis_drop(p->conn);
		p->conn = NULL;
	}
	if (p->conn)
		return true;
	p->conn = redis_open(p->m->host, p->port, until_ns, &cost, s->error, sizeof(s->error));
	json_set_num(s->extra, "dns_ms", (double)(cost.dns_ns / 1000) / 1000);
	s->closed = !p->conn && redis_closed(s->error);
	return p->conn != NULL;
}

static const char *error_of(const redisReply *r)
{
	return r->type == REDIS_REPLY_ERROR ? r->str : NULL;
}

void redis_cluster_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const char *const info[] = {"INFO"}, *const cluster[] = {"CLUSTER", "INFO"},
				 *const nodes[] = {"CLUSTER", "NODES"};
	int64_t from = clock_mono_ns(), until_ns = from + timeout_ns;
	redisReply *r[3] = {NULL};
	bool good = false;

	s->extra = cJSON_CreateObject();
	if (opened(p, s, until_ns)) {
		redis_put(p->conn, 1, info);
		redis_put(p->conn, 2, cluster);
		redis_put(p->conn, 2, nodes);
		good = true;
		for (size_t i = 0; i < ARRAY_LEN(r) && good; i++) {
			good = redis_get(p->conn, until_ns, &r[i], s->error, sizeof(s->error)) ==
			       REDIS_ANSWERED;
			if (good && error_of(r[i]))
				snprintf(s->error, sizeof(s->error), "refused: %.80s", error_of(r[i]));
		}
	}
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	if (good && !s->error[0] &&
	    !fill(s, redis_text(r[0]), redis_text(r[1]), redis_text(r[2])))
		mem_copy_str(s->error, sizeof(s->error), "CLUSTER NODES does not name the node itself");
	if (s->ok && s->role == ROLE_REPLICA)
		redis_source_lag(&p->source, redis_text(r[0]), s, until_ns);
	else
		redis_source_drop(&p->source);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		if (r[i])
			freeReplyObject(r[i]);
	if (!good) {
		redis_drop(p->conn);
		p->conn = NULL;
	}
}

/* ---- the settings in force ---- */

static const struct {
	const char *name, *unit;
} settings[] = {
	{"cluster-node-timeout", "ms"}, {"cluster-require-full-coverage", "bool"},
	{"cluster-migration-barrier", "count"}, {"cluster-replica-validity-factor", "count"},
	{"cluster-allow-replica-migration", "bool"}, {"cluster-preferred-endpoint-type", "word"},
	{"cluster-announce-ip", "word"}, {"cluster-announce-hostname", "word"},
	{"repl-ping-replica-period", "s"}, {"repl-timeout", "s"}, {"repl-backlog-size", "bytes"},
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"maxmemory", "bytes"},
	{"maxmemory-policy", "word"}, {"maxclients", "count"},
};

static void add_setting(cJSON *out, const char *name, const char *value, const char *unit)
{
	bool yes = !strcmp(value, "yes"), is_bool = !strcmp(unit, "bool");
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "name", name);
	json_set_str(o, "value", is_bool ? (yes ? "on" : "off") : value);
	json_set_str(o, "unit", unit);
	json_set_str(o, "source", "Redis' CONFIG GET");
	json_push(out, o);
}

static int ask_settings(struct redis_conn *c, cJSON *out, int64_t until_ns, char *why, size_t size)
{
	static const char *const info[] = {"INFO", "server"};
	char version[32] = "";
	redisReply *r = NULL;

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const char *const words[] = {"CONFIG", "GET", settings[i].name};

		redis_put(c, 3, words);
	}
	redis_put(c, 2, info);
	for (size_t i = 0; i <= ARRAY_LEN(settings); i++) {
		if (redis_get(c, until_ns, &r, why, size) != REDIS_ANSWERED)
			return -1;
		if (i == ARRAY_LEN(settings) &&
		    redis_field(redis_text(r), "redis_version", version, sizeof(version)))
			add_setting(out, "redis_version", version, "word");
		else if (r->type == REDIS_REPLY_ARRAY && r->elements == 2)
			add_setting(out, settings[i].name, redis_text(r->element[1]), settings[i].unit);
		freeReplyObject(r);
	}
	return 0;
}

/* The members are configured alike; any one tells. */
int redis_cluster_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 5 * NS_PER_S;
	int port = (int)json_i64(acc->conf, "port", 6379);
	char why[120] = "there is no member";

	for (size_t i = 0; i < acc->n && clock_mono_ns() < until_ns; i++) {
		struct redis_conn *c = redis_open(acc->members[i].host, port,
						  clock_mono_ns() + NS_PER_S, NULL, why, sizeof(why));
		int r = c ? ask_settings(c, out, until_ns, why, sizeof(why)) : -1;

		redis_drop(c);
		if (!r)
			return 0;
	}
	return err_set(e, ERR_BROKEN, "the settings in force: %s", why);
}
