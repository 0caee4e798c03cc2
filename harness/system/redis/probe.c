#include "system/redis/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"

static int port_of(const struct access *acc)
{
	return (int)json_i64(acc->conf, "port", 6379);
}

struct probe *redis_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	p->acc = acc;
	p->number = (size_t)(m - acc->members);
	redis_peer_move(&p->member, m->host, port_of(acc));
	return p;
}

void redis_probe_free(struct probe *p)
{
	redis_peer_drop(&p->member);
	redis_peer_drop(&p->source);
	redis_peer_drop(&p->watch);
	free(p);
}

static bool opened(struct redis_peer *p, struct sample *s, int64_t until_ns)
{
	struct redis_cost cost = {0};
	bool is = redis_peer_conn(p, until_ns, &cost, s->error, sizeof(s->error));

	if (cost.dns_ns)
		json_set_num(s->extra, "dns_ms", (double)(cost.dns_ns / 1000) / 1000);
	s->closed = !is && error_is_refusal(s->error);
	return is;
}

/* Whether each was answered, and none with an error. */
static bool ask(struct redis_peer *p, const struct redis_questions *q, redisReply **r,
		struct sample *s, int64_t until_ns)
{
	if (!opened(p, s, until_ns))
		return false;
	for (size_t i = 0; i < q->n; i++)
		redis_put(p->conn, q->v[i].argc, q->v[i].argv);
	for (size_t i = 0; i < q->n; i++) {
		if (redis_get(p->conn, until_ns, &r[i], s->error, sizeof(s->error)) !=
		    REDIS_ANSWERED) {
			redis_peer_drop(p);
			return false;
		}
		if (r[i]->type == REDIS_REPLY_ERROR)
			snprintf(s->error, sizeof(s->error), "refused: %.250s", r[i]->str);
	}
	return !s->error[0];
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

void redis_info_master(const char *info, bool misconf, bool else_well, struct sample *s)
{
	s->role = ROLE_PRIMARY;
	s->position = redis_number(info, "master_repl_offset", -1);
	s->writable = !redis_number(info, "loading", 0) && !misconf && else_well;
	if (misconf)
		json_set_bool(s->extra, "misconf", true);
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

int64_t redis_second_ns(int64_t until_ns)
{
	int64_t end_ns = clock_mono_ns() + REDIS_SECOND_MAX_NS;

	return end_ns < until_ns ? end_ns : until_ns;
}

/* Fills lag_bytes of a replica whose INFO is given; leaves it when its master
 * does not tell in time. Of anybody else it asks nothing. */
static void fill_lag(struct probe *p, const char *info, struct sample *s, int64_t until_ns)
{
	static const char *const words[] = {"INFO", "replication"};
	int64_t theirs;
	char host[256] = "", why[96];
	redisReply *reply;

	if (s->ok && s->role == ROLE_REPLICA)
		redis_field(info, "master_host", host, sizeof(host));
	redis_peer_move(&p->source, host, *host ? (int)redis_number(info, "master_port", 0) : 0);
	if (!p->source.port)
		return;
	reply = redis_peer_ask(&p->source, 2, words, redis_second_ns(until_ns), NULL, why,
			       sizeof(why));
	if (!reply)
		return;
	/* Asked later than the replica, so this is rather too much than too
	 * little. One that is no master any more has no offset to be behind. */
	theirs = redis_number(redis_text(reply), "master_repl_offset", -1);
	if (strstr(redis_text(reply), "role:master") && s->position >= 0 && theirs >= 0)
		s->lag_bytes = theirs > s->position ? theirs - s->position : 0;
	freeReplyObject(reply);
}

void redis_probe_ask(struct probe *p, const struct redis_questions *q, struct sample *s,
		     int64_t member_until_ns, int64_t until_ns)
{
	redisReply *r[REDIS_QUESTIONS_MAX] = {NULL};
	int64_t from = clock_mono_ns();
	bool answered;

	s->extra = cJSON_CreateObject();
	answered = ask(&p->member, q, r, s, member_until_ns);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - from;
	if (answered && !q->fill(&p->member, s, r))
		mem_copy_str(s->error, sizeof(s->error), q->silent);
	fill_lag(p, redis_text(r[0]), s, until_ns);
	for (size_t i = 0; i < q->n; i++)
		freeReplyObject(r[i]);
}

const char *redis_pair(const redisReply *r, const char *name)
{
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
		if (!strcmp(redis_text(r->element[i]), name))
			return redis_text(r->element[i + 1]);
	return "";
}

/* ---- the settings in force ---- */

int redis_first_to_tell(const char *const *hosts, size_t n, int port, redis_tell_fn *tell,
			const void *arg, int64_t until_ns, cJSON *out, struct err *e)
{
	char why[120] = "there is nobody to ask";
	int r = -1;

	for (size_t i = 0; i < n && r && clock_mono_ns() < until_ns; i++) {
		int64_t now = clock_mono_ns(), end_ns = now + (until_ns - now) / (int64_t)(n - i);
		struct redis_peer p = {0};

		redis_peer_move(&p, hosts[i], port);
		if (redis_peer_conn(&p, end_ns, NULL, why, sizeof(why)))
			r = tell(&p, arg, end_ns, out, why, sizeof(why));
		redis_peer_drop(&p);
	}
	return r ? err_set(e, ERR_BROKEN, "the settings in force: %s", why) : 0;
}

static int tell_config(struct redis_peer *p, const void *arg, int64_t until_ns, cJSON *out,
		       char *why, size_t size)
{
	static const char *const info[] = {"INFO", "server"};
	static const char version[] = "redis_version";
	const struct redis_setting *v;
	char number[32];
	redisReply *r;

	for (v = arg; v->name; v++) {
		const char *const words[] = {"CONFIG", "GET", v->name};

		redis_put(p->conn, 3, words);
	}
	redis_put(p->conn, 2, info);
	for (v = arg; redis_get(p->conn, until_ns, &r, why, size) == REDIS_ANSWERED; v++) {
		if (v->name && r->type == REDIS_REPLY_ARRAY && r->elements == 2)
			setting_add(out, v->name, redis_text(r->element[1]), v->unit, "Redis' CONFIG GET");
		else if (!v->name && redis_field(redis_text(r), version, number, sizeof(number)))
			setting_add(out, version, number, "word", "Redis' INFO");
		freeReplyObject(r);
		if (!v->name)
			return 0;
	}
	return -1;
}

int redis_inforce(const struct access *acc, const struct redis_setting *v, int64_t until_ns,
		  cJSON *out, struct err *e)
{
	const char **hosts = mem_alloc((acc->n + 1) * sizeof(*hosts));
	int r;

	for (size_t i = 0; i < acc->n; i++)
		hosts[i] = acc->members[i].host;
	r = redis_first_to_tell(hosts, acc->n, port_of(acc), tell_config, v, until_ns, out, e);
	free(hosts);
	return r;
}
