#include "system/redis/sentinel_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/redis/probe.h"
#include "system/redis/sentinels.h"

/* A member is asked INFO, and what it requires of its replicas. Besides, each
 * member's probe asks a Sentinel, member i Sentinel i, for its view: a Sentinel
 * holds no data and is no member, so it cannot be the target of a role. That
 * question is a short one, so that a mute Sentinel does not delay the next. */

struct probe {
	struct redis_probe redis;
	struct sentinels sentinels;
	struct redis_peer watch; /* a Sentinel; host "": none for this member */
};

struct probe *redis_sentinel_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));
	size_t i = (size_t)(m - acc->members);

	redis_probe_init(&p->redis, acc, m);
	sentinels_init(&p->sentinels, acc);
	if (i < acc->n && i < p->sentinels.n)
		redis_peer_move(&p->watch, p->sentinels.host[i], p->sentinels.port);
	return p;
}

void redis_sentinel_probe_free(struct probe *p)
{
	redis_probe_drop(&p->redis);
	redis_peer_drop(&p->watch);
	free(p);
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

/* Would it take a write now: its data is read, its AOF and its snapshots can
 * be written (else MISCONF), and enough replicas answer (else NOREPLICAS). */
static void fill_master(struct sample *s, const char *info, int64_t min_replicas)
{
	int64_t good = redis_number(info, "min_slaves_good_slaves", -1);
	bool misconf = redis_info_err(info, "aof_last_write_status") ||
		       redis_info_err(info, "rdb_last_bgsave_status");
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

static bool fill(const struct redis_peer *me, struct sample *s, const char *info, int64_t min_replicas)
{
	char role[16], host[256], name[300];

	if (!redis_field(info, "role", role, sizeof(role)))
		return false;
	redis_info_sample(info, s);
	snprintf(name, sizeof(name), "%s:%d", me->host, me->port);
	json_set_str(s->extra, "me", name);
	if (!strcmp(role, "master")) {
		fill_master(s, info, min_replicas);
	} else {
		redis_field(info, "master_host", host, sizeof(host));
		snprintf(name, sizeof(name), "%s:%lld", host, (long long)redis_number(info, "master_port", 0));
		redis_info_replica(info, name, s);
	}
	return true;
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
	json_set_i64(o, "epoch", strtoll(pair(r, "config-epoch"), NULL, 10));
	json_set_i64(o, "others", strtoll(pair(r, "num-other-sentinels"), NULL, 10));
	json_set_i64(o, "replicas", strtoll(pair(r, "num-slaves"), NULL, 10));
}

static bool ask_sentinel(struct redis_peer *p, const char *master, redisReply **r, int64_t until_ns,
			 char *why, size_t size)
{
	const char *const words[] = {"SENTINEL", "MASTER", master};

	if (!redis_peer_conn(p, until_ns, NULL, why, size))
		return false;
	if (redis_call(p->conn, 3, words, until_ns, r, why, size) == REDIS_ANSWERED)
		return true;
	redis_peer_drop(p);
	return false;
}

static void view_of_sentinel(struct probe *p, struct sample *s, int64_t until_ns)
{
	int64_t end_ns = clock_mono_ns() + REDIS_SECOND_MAX_NS;
	cJSON *o = cJSON_AddObjectToObject(s->extra, "sentinel");
	redisReply *r = NULL;
	char why[96];

	json_set_str(o, "host", p->watch.host);
	json_set_i64(o, "of", (int64_t)p->sentinels.n);
	if (ask_sentinel(&p->watch, p->sentinels.master, &r, end_ns < until_ns ? end_ns : until_ns, why,
			 sizeof(why)))
		say_sentinel(o, r);
	else
		json_set_str(o, "error", why);
	redis_replies_free(&r, 1);
}

void redis_sentinel_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const struct redis_question q[] = {
		{1, {"INFO"}}, {3, {"CONFIG", "GET", "min-replicas-to-write"}},
	};
	int64_t until_ns = clock_mono_ns() + timeout_ns, min_replicas = 0;
	/* So that a mute member leaves time for the Sentinel's word about it. */
	bool spare = *p->watch.host && timeout_ns >= 4 * REDIS_SECOND_MAX_NS;
	redisReply *r[ARRAY_LEN(q)] = {NULL};
	bool good = redis_probe_ask(&p->redis, q, r, ARRAY_LEN(q), s,
				    until_ns - (spare ? REDIS_SECOND_MAX_NS : 0));

	if (good && r[1]->type == REDIS_REPLY_ARRAY && r[1]->elements == 2)
		min_replicas = strtoll(redis_text(r[1]->element[1]), NULL, 10);
	if (good && !fill(&p->redis.member, s, redis_text(r[0]), min_replicas))
		mem_copy_str(s->error, sizeof(s->error), "INFO does not tell the role");
	redis_probe_lag(&p->redis, redis_text(r[0]), s, until_ns);
	if (*p->watch.host)
		view_of_sentinel(p, s, until_ns);
	redis_replies_free(r, ARRAY_LEN(q));
}

/* ---- the settings in force ---- */

static const struct redis_setting of_redis[] = {
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"repl-timeout", "s"},
	{"repl-ping-replica-period", "s"}, {"repl-backlog-size", "bytes"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"stop-writes-on-bgsave-error", "bool"},
	{"maxmemory", "bytes"}, {"maxmemory-policy", "word"}, {"maxclients", "count"},
	{"shutdown-timeout", "s"},
}, of_sentinel[] = {
	{"down-after-milliseconds", "ms"}, {"failover-timeout", "ms"}, {"parallel-syncs", "count"},
	{"quorum", "count"}, {"num-other-sentinels", "count"},
};

static int sentinel_settings(const struct sentinels *s, cJSON *out, int64_t until_ns, struct err *e)
{
	char why[120] = "there is no Sentinel";
	redisReply *r = NULL;

	for (size_t i = 0; i < s->n && !r && clock_mono_ns() < until_ns; i++) {
		struct redis_peer p = {0};

		redis_peer_move(&p, s->host[i], s->port);
		ask_sentinel(&p, s->master, &r, clock_mono_ns() + NS_PER_S, why, sizeof(why));
		redis_peer_drop(&p);
	}
	if (!r)
		return err_set(e, ERR_BROKEN, "the settings in force: %s", why);
	for (size_t i = 0; i < ARRAY_LEN(of_sentinel); i++)
		if (*pair(r, of_sentinel[i].name))
			setting_add(out, of_sentinel[i].name, pair(r, of_sentinel[i].name),
				    of_sentinel[i].unit, "SENTINEL MASTER");
	freeReplyObject(r);
	return 0;
}

/* The members are configured alike, the Sentinels too; any one of each tells. */
int redis_sentinel_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 6 * NS_PER_S;
	struct sentinels s;

	sentinels_init(&s, acc);
	return redis_inforce(acc, of_redis, ARRAY_LEN(of_redis), until_ns, out, e) ||
	       sentinel_settings(&s, out, until_ns, e) ? -1 : 0;
}
