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

static bool fill(const struct redis_peer *me, struct sample *s, redisReply *const *r)
{
	const char *info = redis_text(r[0]);
	char role[16], host[256], name[300];

	if (!redis_field(info, "role", role, sizeof(role)))
		return false;
	redis_info_sample(info, s);
	snprintf(name, sizeof(name), "%s:%d", me->host, me->port);
	json_set_str(s->extra, "me", name);
	if (!strcmp(role, "master")) {
		fill_master(s, info, strtoll(redis_pair(r[1], "min-replicas-to-write"), NULL, 10));
	} else {
		redis_field(info, "master_host", host, sizeof(host));
		snprintf(name, sizeof(name), "%s:%lld", host, (long long)redis_number(info, "master_port", 0));
		redis_info_replica(info, name, s);
	}
	return true;
}

static void say_sentinel(cJSON *o, const redisReply *r)
{
	char names[300];

	if (r->type == REDIS_REPLY_ERROR) {
		json_set_str(o, "error", r->str);
		return;
	}
	snprintf(names, sizeof(names), "%.250s:%.10s", redis_pair(r, "ip"), redis_pair(r, "port"));
	json_set_str(o, "names", names);
	json_set_str(o, "flags", redis_pair(r, "flags"));
	json_set_i64(o, "epoch", strtoll(redis_pair(r, "config-epoch"), NULL, 10));
	json_set_i64(o, "others", strtoll(redis_pair(r, "num-other-sentinels"), NULL, 10));
	json_set_i64(o, "replicas", strtoll(redis_pair(r, "num-slaves"), NULL, 10));
}

static void view_of_sentinel(struct probe *p, struct sample *s, int64_t until_ns)
{
	const char *const words[] = {"SENTINEL", "MASTER", p->sentinels.master};
	int64_t end_ns = clock_mono_ns() + REDIS_SECOND_MAX_NS;
	cJSON *o = cJSON_AddObjectToObject(s->extra, "sentinel");
	char why[96];
	redisReply *r = redis_peer_ask(&p->watch, 3, words, end_ns < until_ns ? end_ns : until_ns, NULL, why, sizeof(why));

	json_set_str(o, "host", p->watch.host);
	json_set_i64(o, "of", (int64_t)p->sentinels.n);
	if (r)
		say_sentinel(o, r);
	else
		json_set_str(o, "error", why);
	freeReplyObject(r);
}

void redis_sentinel_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	static const struct redis_questions q = {
		.v = {{1, {"INFO"}}, {3, {"CONFIG", "GET", "min-replicas-to-write"}}}, .n = 2,
		.fill = fill, .silent = "INFO does not tell the role",
	};
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	/* So that a mute member leaves time for the Sentinel's word about it. */
	bool spare = *p->watch.host && timeout_ns >= 4 * REDIS_SECOND_MAX_NS;

	redis_probe_ask(&p->redis, &q, s, until_ns - (spare ? REDIS_SECOND_MAX_NS : 0), until_ns);
	if (*p->watch.host)
		view_of_sentinel(p, s, until_ns);
}

/* ---- the settings in force ---- */

static const struct redis_setting of_redis[] = {
	{"min-replicas-to-write", "count"}, {"min-replicas-max-lag", "s"}, {"repl-timeout", "s"},
	{"repl-ping-replica-period", "s"}, {"repl-backlog-size", "bytes"}, {"appendonly", "bool"},
	{"appendfsync", "word"}, {"save", "word"}, {"stop-writes-on-bgsave-error", "bool"},
	{"maxmemory", "bytes"}, {"maxmemory-policy", "word"}, {"maxclients", "count"},
	{"shutdown-timeout", "s"}, {NULL, NULL},
}, of_sentinel[] = {
	{"down-after-milliseconds", "ms"}, {"failover-timeout", "ms"}, {"parallel-syncs", "count"},
	{"quorum", "count"}, {"num-other-sentinels", "count"},
};

static int tell_master(struct redis_peer *p, const void *name, int64_t until_ns, cJSON *out, char *why, size_t size)
{
	const char *const words[] = {"SENTINEL", "MASTER", name};
	redisReply *r = redis_peer_ask(p, 3, words, until_ns, NULL, why, size);

	if (!r)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(of_sentinel); i++)
		if (*redis_pair(r, of_sentinel[i].name))
			setting_add(out, of_sentinel[i].name, redis_pair(r, of_sentinel[i].name), of_sentinel[i].unit,
				    "SENTINEL MASTER");
	freeReplyObject(r);
	return 0;
}

int redis_sentinel_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 6 * NS_PER_S;
	struct sentinels s;

	sentinels_init(&s, acc);
	return redis_inforce(acc, of_redis, until_ns, out, e) ||
	       redis_first_to_tell(s.host, s.n, s.port, tell_master, s.master, until_ns, out, e) ? -1 : 0;
}
