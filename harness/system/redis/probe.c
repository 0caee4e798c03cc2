#include "system/redis/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "system/client_kit.h"

static int port_of(const struct access *acc)
{
	return (int)json_i64(acc->conf, "port", 6379);
}

void redis_probe_init(struct redis_probe *p, const struct access *acc, const struct member *m)
{
	redis_peer_move(&p->member, m->host, port_of(acc));
}

void redis_probe_drop(struct redis_probe *p)
{
	redis_peer_drop(&p->member);
	redis_peer_drop(&p->source);
}

static bool opened(struct redis_peer *p, struct sample *s, int64_t until_ns)
{
	struct redis_cost cost = {0};
	bool is = redis_peer_conn(p, until_ns, &cost, s->error, sizeof(s->error));

	if (cost.dns_ns)
		json_set_num(s->extra, "dns_ms", (double)(cost.dns_ns / 1000) / 1000);
	s->closed = !is && redis_closed(s->error);
	return is;
}

static bool ask(struct redis_peer *p, const struct redis_question *q, redisReply **r, size_t n,
		struct sample *s, int64_t until_ns)
{
	if (!opened(p, s, until_ns))
		return false;
	for (size_t i = 0; i < n; i++)
		redis_put(p->conn, q[i].argc, q[i].argv);
	for (size_t i = 0; i < n; i++) {
		if (redis_get(p->conn, until_ns, &r[i], s->error, sizeof(s->error)) != REDIS_ANSWERED) {
			redis_peer_drop(p);
			return false;
		}
		if (r[i]->type == REDIS_REPLY_ERROR)
			snprintf(s->error, sizeof(s->error), "refused: %.80s", r[i]->str);
	}
	return !s->error[0];
}

bool redis_probe_ask(struct redis_probe *p, const struct redis_question *q, redisReply **r, size_t n,
		     struct sample *s, int64_t until_ns)
{
	int64_t from = clock_mono_ns();
	bool answered;

	s->extra = cJSON_CreateObject();
	answered = ask(&p->member, q, r, n, s, until_ns);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	return answered;
}

void redis_replies_free(redisReply **r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r[i])
			freeReplyObject(r[i]);
}

static void copy_number(cJSON *x, const char *key, const char *info, const char *name)
{
	int64_t n = redis_number(info, name, -1);

	if (n >= 0)
		json_set_i64(x, key, n);
}

static void copy_flag(cJSON *x, const char *key, const char *info, const char *name)
{
	if (redis_number(info, name, 0))
		json_set_bool(x, key, true);
}

void redis_info_sample(const char *info, struct sample *s)
{
	char run[48];

	s->ok = true;
	redis_field(info, "run_id", run, sizeof(run));
	run[REDIS_ID_SHOWN] = '\0';
	json_set_str(s->extra, "run_id", run);
	copy_flag(s->extra, "loading", info, "loading");
	copy_number(s->extra, "sync_full", info, "sync_full");
	copy_number(s->extra, "sync_partial", info, "sync_partial_ok");
	copy_number(s->extra, "evicted_keys", info, "evicted_keys");
	copy_number(s->extra, "memory", info, "used_memory");
}

void redis_info_replica(const char *info, const char *of, struct sample *s)
{
	char link[16];

	s->role = ROLE_REPLICA;
	s->position = redis_number(info, "slave_repl_offset", -1);
	redis_field(info, "master_link_status", link, sizeof(link));
	json_set_str(s->extra, "of", of);
	json_set_str(s->extra, "link", link);
	copy_flag(s->extra, "syncing", info, "master_sync_in_progress");
	if (redis_number(info, "master_last_io_seconds_ago", 0) > 1)
		copy_number(s->extra, "silent_s", info, "master_last_io_seconds_ago");
}

bool redis_info_err(const char *info, const char *status)
{
	char text[16];

	return redis_field(info, status, text, sizeof(text)) && !strcmp(text, "err");
}

void redis_probe_lag(struct redis_probe *p, const char *info, struct sample *s, int64_t until_ns)
{
	static const char *const words[] = {"INFO", "replication"};
	int64_t end_ns = clock_mono_ns() + REDIS_SECOND_MAX_NS, theirs;
	redisReply *reply = NULL;
	char host[256] = "", why[96];

	if (s->ok && s->role == ROLE_REPLICA)
		redis_field(info, "master_host", host, sizeof(host));
	redis_peer_move(&p->source, host, *host ? (int)redis_number(info, "master_port", 0) : 0);
	if (end_ns > until_ns)
		end_ns = until_ns;
	if (!p->source.port || !redis_peer_conn(&p->source, end_ns, NULL, why, sizeof(why)))
		return;
	if (redis_call(p->source.conn, 2, words, end_ns, &reply, why, sizeof(why)) != REDIS_ANSWERED) {
		redis_peer_drop(&p->source);
		return;
	}
	/* Asked later than the replica, so this is rather too much than too
	 * little. One that is no master any more has no offset to be behind. */
	theirs = redis_number(redis_text(reply), "master_repl_offset", -1);
	if (strstr(redis_text(reply), "role:master") && s->position >= 0 && theirs >= 0)
		s->lag_bytes = theirs > s->position ? theirs - s->position : 0;
	freeReplyObject(reply);
}

/* ---- the settings in force ---- */

static int ask_settings(struct redis_conn *c, const struct redis_setting *v, size_t n, cJSON *out,
			int64_t until_ns, char *why, size_t size)
{
	static const char *const info[] = {"INFO", "server"};
	static const char version[] = "redis_version";
	char number[32];
	redisReply *r = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *const words[] = {"CONFIG", "GET", v[i].name};

		redis_put(c, 3, words);
	}
	redis_put(c, 2, info);
	for (size_t i = 0; i <= n; i++) {
		if (redis_get(c, until_ns, &r, why, size) != REDIS_ANSWERED)
			return -1;
		if (i < n && r->type == REDIS_REPLY_ARRAY && r->elements == 2)
			setting_add(out, v[i].name, redis_text(r->element[1]), v[i].unit, "Redis' CONFIG GET");
		else if (i == n && redis_field(redis_text(r), version, number, sizeof(number)))
			setting_add(out, version, number, "word", "Redis' INFO");
		freeReplyObject(r);
	}
	return 0;
}

int redis_inforce(const struct access *acc, const struct redis_setting *v, size_t n, int64_t until_ns,
		  cJSON *out, struct err *e)
{
	char why[120] = "there is no member";

	for (size_t i = 0; i < acc->n && clock_mono_ns() < until_ns; i++) {
		struct redis_conn *c = redis_open(acc->members[i].host, port_of(acc),
						  clock_mono_ns() + NS_PER_S, NULL, why, sizeof(why));
		int r = c ? ask_settings(c, v, n, out, until_ns, why, sizeof(why)) : -1;

		redis_drop(c);
		if (!r)
			return 0;
	}
	return err_set(e, ERR_BROKEN, "the settings in force: %s", why);
}
