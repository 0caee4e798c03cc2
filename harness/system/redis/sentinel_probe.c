#include "system/redis/sentinel_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/redis/conn.h"
#include "system/redis/sentinels.h"
#include "system/redis/source.h"

/* A member is asked INFO, and what it requires of its replicas. Besides, each
 * member's probe asks a Sentinel, member i Sentinel i, for its view: a Sentinel
 * holds no data and is no member, so it cannot be the target of a role. That
 * question is a short one, so that a mute Sentinel does not delay the next. */

enum { ID_SHOWN = 8 };

struct probe {
	const struct member *m;
	int port;
	char me[300];
	struct redis_conn *conn;
	struct redis_source source; /* of a replica: its master */
	struct sentinels sentinels;
	const char *sentinel; /* NULL: none for this member */
	struct redis_conn *watch; /* to it */
};

struct probe *redis_sentinel_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));
	size_t i = (size_t)(m - acc->members);

	p->m = m;
	p->port = (int)json_i64(acc->conf, "port", 6379);
	snprintf(p->me, sizeof(p->me), "%s:%d", m->host, p->port);
	sentinels_init(&p->sentinels, acc);
	if (i < acc->n && i < p->sentinels.n)
		p->sentinel = p->sentinels.host[i];
	return p;
}

static void drop(struct redis_conn **c)
{
	redis_drop(*c);
	*c = NULL;
}

void redis_sentinel_probe_free(struct probe *p)
{
	drop(&p->conn);
	redis_source_drop(&p->source);
	drop(&p->watch);
	sentinels_free(&p->sentinels);
	free(p);
}

static void copy_number(cJSON *x, const char *key, const char *info, const char *name)
{
	int64_t n = redis_number(info, name, -1);

	if (n >= 0)
		json_set_i64(x, key, n);
}

/* "slave0:ip=...,port=6379,state=online,offset=1,lag=0" */
static int followers(const char *info)
{
	int64_t n = redis_number(info, "connected_slaves", 0);
	char key[32], line[300];
	int online = 0;

	for (int64_t i = 0; i < n && i < 64; i++) {
		snprintf(key, sizeof(key), "slave%lld", (long long)i);
		online += redis_field(info, key, line, sizeof(line)) && strstr(line, "state=online");
	}
	return online;
}

static bool is_err(const char *info, const char *key)
{
	char status[16];

	return redis_field(info, key, status, sizeof(status)) && !strcmp(status, "err");
}

/* Would it take a write now: its data is read, its AOF and its snapshots can
 * be written (else MISCONF), and enough replicas answer (else NOREPLICAS). */
static void fill_master(struct sample *s, const char *info, int64_t min_replicas)
{
	int64_t good = redis_number(info, "min_slaves_good_slaves", -1);
	bool misconf = is_err(info, "aof_last_write_status") || is_err(info, "rdb_last_bgsave_status");
	bool few = min_replicas > 0 && good >= 0 && good < min_replicas;

	s->role = ROLE_PRIMARY;
	s->position = redis_number(info, "master_repl_offset", -1);
	s->writable = !redis_number(info, "loading", 0) && !misconf && !few;
	json_set_i64(s->extra, "followers", followers(info));
	if (misconf)
		json_set_bool(s->extra, "misconf", true);
	if (few)
		json_set_bool(s->extra, "noreplicas", true);
}

static void fill_replica(struct sample *s, const char *info)
{
	char link[16], host[256], of[300];

	s->role = ROLE_REPLICA;
	s->position = redis_number(info, "slave_repl_offset", -1);
	redis_field(info, "master_link_status", link, sizeof(link));
	redis_field(info, "master_host", host, sizeof(host));
	snprintf(of, sizeof(of), "%s:%lld", host, (long long)redis_number(info, "master_port", 0));
	json_set_str(s->extra, "of", of);
	json_set_str(s->extra, "link", link);
	if (redis_number(info, "master_sync_in_progress", 0))
		json_set_bool(s->extra, "syncing", true);
}

static bool fill(struct probe *p, struct sample *s, const char *info, int64_t min_replicas)
{
	char role[16], run[48], shown[ID_SHOWN + 1];

	if (!redis_field(info, "role", role, sizeof(role)))
		return false;
	s->ok = true;
	redis_field(info, "run_id", run, sizeof(run));
	snprintf(shown, sizeof(shown), "%.*s", ID_SHOWN, run);
	json_set_str(s->extra, "run_id", shown);
	json_set_str(s->extra, "me", p->me);
	if (redis_number(info, "loading", 0))
		json_set_bool(s->extra, "loading", true);
	copy_number(s->extra, "sync_full", info, "sync_full");
	copy_number(s->extra, "sync_partial", info, "sync_partial_ok");
	copy_number(s->extra, "evicted_keys", info, "evicted_keys");
	copy_number(s->extra, "memory", info, "used_memory");
	if (!strcmp(role, "master"))
		fill_master(s, info, min_replicas);
	else
		fill_replica(s, info);
	return true;
}

static bool opened(struct redis_conn **c, const char *host, int port, int64_t until_ns,
		   struct redis_cost *cost, char *error, size_t size)
{
	if (*c && redis_gone(*c))
		drop(c);
	if (!*c)
		*c = redis_open(host, port, until_ns, cost, error, size);
	return *c != NULL;
}

static int64_t soon(int64_t until_ns)
{
	int64_t end_ns = clock_mono_ns() + REDIS_SECOND_MAX_NS;

	return end_ns < until_ns ? end_ns : until_ns;
}

/* Of a flat list of names and values. */
static const char *pair(const redisReply *r, const char *name)
{
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
		if (!strcmp(redis_text(r->element[i]), name))
			return redis_text(r->element[i + 1]);
	return "";
}

static void say_sentinel(cJSON *o, const redisReply *r)
{
	char names[300];

	if (r->type == REDIS_REPLY_ERROR) {
		json_set_str(o, "error", r->str);
		return;
	}
	snprintf(names, sizeof(names), "%.250s:%.10s", pair(r, "ip"), pair(r, "port"));
	json_set_str(o, "names", names);
	json_set_str(o, "flags", pair(r, "flags"));
	json_set_i64(o, "epoch", atoll(pair(r, "config-epoch")));
	json_set_i64(o, "others", atoll(pair(r, "num-other-sentinels")));
	json_set_i64(o, "replicas", atoll(pair(r, "num-slaves")));
}

static void view_of_sentinel(struct probe *p, struct sample *s, int64_t until_ns)
{
	const char *const words[] = {"SENTINEL", "MASTER", p->sentinels.master};
	int64_t end_ns = soon(until_ns);
	cJSON *o = cJSON_AddObjectToObject(s->extra, "sentinel");
	redisReply *r = NULL;
	char why[96];

	json_set_str(o, "host", p->sentinel);
	json_set_i64(o, "of", (int64_t)p->sentinels.n);
	if (!opened(&p->watch, p->sentinel, p->sentinels.port, end_ns, NULL, why, sizeof(why))) {
		json_set_str(o, "error", why);
	} else if (redis_call(p->watch, 3, words, end_ns, &r, why, sizeof(why)) != REDIS_ANSWERED) {
		json_set_str(o, "error", why);
		drop(&p->watch);
	} else {
		say_sentinel(o, r);
		freeReplyObject(r);
	}
}

static bool ask(struct probe *p, struct sample *s, redisReply *r[2], int64_t until_ns)
{
	static const char *const info[] = {"INFO"}, *const min[] = {"CONFIG", "GET", "min-replicas-to-write"};
	struct redis_cost cost = {0};

	if (!opened(&p->conn, p->m->host, p->port, until_ns, &cost, s->error, sizeof(s->error))) {
		s->closed = redis_closed(s->error);
		return false;
	}
	if (cost.dns_ns)
		json_set_num(s->extra, "dns_ms", (double)(cost.dns_ns / 1000) / 1000);
	redis_put(p->conn, 1, info);
	redis_put(p->conn, 3, min);
	for (size_t i = 0; i < 2; i++) {
		if (redis_get(p->conn, until_ns, &r[i], s->error, sizeof(s->error)) != REDIS_ANSWERED) {
			drop(&p->conn);
			return false;
		}
		if (r[i]->type == REDIS_REPLY_ERROR)
			snprintf(s->error, sizeof(s->error), "refused: %.80s", r[i]->str);
	}
	return !s->error[0];
}

void redis_sentinel_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t from = clock_mono_ns(), until_ns = from + timeout_ns, min_replicas = 0;
	/* So that a mute member leaves time for the Sentinel's word about it. */
	bool spare = p->sentinel && timeout_ns >= 4 * REDIS_SECOND_MAX_NS;
	redisReply *r[2] = {NULL};
	bool good;

	s->extra = cJSON_CreateObject();
	good = ask(p, s, r, until_ns - (spare ? REDIS_SECOND_MAX_NS : 0));
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	if (good && r[1]->type == REDIS_REPLY_ARRAY && r[1]->elements == 2)
		min_replicas = atoll(redis_text(r[1]->element[1]));
	if (good && !fill(p, s, redis_text(r[0]), min_replicas))
		mem_copy_str(s->error, sizeof(s->error), "INFO does not tell the role");
	if (s->ok && s->role == ROLE_REPLICA)
		redis_source_lag(&p->source, redis_text(r[0]), s, until_ns);
	else
		redis_source_drop(&p->source);
	if (p->sentinel)
		view_of_sentinel(p, s, until_ns);
	for (size_t i = 0; i < 2; i++)
		if (r[i])
			freeReplyObject(r[i]);
}

/* ---- the settings in force ---- */

static const struct {
	const char *name, *unit;
} of_redis[] = {
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"repl-timeout", "s"},
	{"repl-ping-replica-period", "s"}, {"repl-backlog-size", "bytes"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"stop-writes-on-bgsave-error", "bool"},
	{"maxmemory", "bytes"}, {"maxmemory-policy", "word"}, {"maxclients", "count"},
	{"shutdown-timeout", "s"},
}, of_sentinel[] = {
	{"down-after-milliseconds", "ms"}, {"failover-timeout", "ms"}, {"parallel-syncs", "count"},
	{"quorum", "count"}, {"num-other-sentinels", "count"},
};

static void add_setting(cJSON *out, const char *name, const char *value, const char *unit,
			const char *source)
{
	bool yes = !strcmp(value, "yes"), is_bool = !strcmp(unit, "bool");
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "name", name);
	json_set_str(o, "value", is_bool ? (yes ? "on" : "off") : value);
	json_set_str(o, "unit", unit);
	json_set_str(o, "source", source);
	json_push(out, o);
}

static int ask_redis(struct redis_conn *c, cJSON *out, int64_t until_ns, char *why, size_t size)
{
	static const char *const info[] = {"INFO", "server"};
	char version[32];
	redisReply *r = NULL;

	for (size_t i = 0; i < ARRAY_LEN(of_redis); i++) {
		const char *const words[] = {"CONFIG", "GET", of_redis[i].name};

		redis_put(c, 3, words);
	}
	redis_put(c, 2, info);
	for (size_t i = 0; i <= ARRAY_LEN(of_redis); i++) {
		if (redis_get(c, until_ns, &r, why, size) != REDIS_ANSWERED)
			return -1;
		if (i == ARRAY_LEN(of_redis)) {
			if (redis_field(redis_text(r), "redis_version", version, sizeof(version)))
				add_setting(out, "redis_version", version, "word", "Redis' INFO");
		} else if (r->type == REDIS_REPLY_ARRAY && r->elements == 2) {
			add_setting(out, of_redis[i].name, redis_text(r->element[1]), of_redis[i].unit,
				    "Redis' CONFIG GET");
		}
		freeReplyObject(r);
	}
	return 0;
}

static int ask_sentinel(const struct sentinels *s, struct redis_conn *c, cJSON *out, int64_t until_ns,
			char *why, size_t size)
{
	const char *const words[] = {"SENTINEL", "MASTER", s->master};
	redisReply *r = NULL;

	if (redis_call(c, 3, words, until_ns, &r, why, size) != REDIS_ANSWERED)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(of_sentinel); i++)
		if (*pair(r, of_sentinel[i].name))
			add_setting(out, of_sentinel[i].name, pair(r, of_sentinel[i].name),
				    of_sentinel[i].unit, "SENTINEL MASTER");
	freeReplyObject(r);
	return 0;
}

/* The members are configured alike, the Sentinels too; any one of each tells. */
int redis_sentinel_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 6 * NS_PER_S;
	int port = (int)json_i64(acc->conf, "port", 6379), left = 2;
	char why[120] = "there is no member";
	struct sentinels s;

	sentinels_init(&s, acc);
	for (size_t i = 0; i < acc->n + s.n && left && clock_mono_ns() < until_ns; i++) {
		bool redis = i < acc->n;
		struct redis_conn *c;

		if (redis != (left == 2))
			continue;
		c = redis_open(redis ? acc->members[i].host : s.host[i - acc->n], redis ? port : s.port,
			       clock_mono_ns() + NS_PER_S, NULL, why, sizeof(why));
		if (c && !(redis ? ask_redis(c, out, until_ns, why, sizeof(why)) :
				   ask_sentinel(&s, c, out, until_ns, why, sizeof(why))))
			left--;
		redis_drop(c);
	}
	return left ? err_set(e, ERR_BROKEN, "the settings in force: %s", why) : 0;
}
