#include "system/redis/sentinels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

void sentinels_init(struct sentinels *s, const struct access *acc)
{
	const cJSON *h;

	memset(s, 0, sizeof(*s));
	cJSON_ArrayForEach(h, json_get(acc->conf, "sentinels"))
		if (cJSON_IsString(h) && s->n < SENTINELS_MAX)
			s->host[s->n++] = h->valuestring;
	s->port = (int)json_i64(acc->conf, "sentinel_port", 26379);
	s->master = json_str(acc->conf, "master_name", "mymaster");
}

static bool take_address(const redisReply *r, struct redis_peer *master)
{
	long port = r->type == REDIS_REPLY_ARRAY && r->elements == 2 ?
			    strtol(redis_text(r->element[1]), NULL, 10) : 0;

	if (port <= 0 || !*redis_text(r->element[0]))
		return false;
	redis_peer_move(master, redis_text(r->element[0]), (int)port);
	return true;
}

static bool ask_one(struct sentinels *s, const char *sentinel, struct redis_peer *master,
		    int64_t until_ns, struct redis_cost *cost, char *error, size_t size)
{
	const char *const words[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", s->master};
	static const char *const listen[] = {"SUBSCRIBE", "+switch-master"};
	struct redis_peer p = {0};
	redisReply *r;
	bool told;

	redis_peer_move(&p, sentinel, s->port);
	r = redis_peer_ask(&p, 3, words, until_ns, cost, error, size);
	if (!r)
		return false;
	told = take_address(r, master);
	if (!told)
		snprintf(error, size, "sentinel: %s %s", sentinel,
			 r->type == REDIS_REPLY_ERROR ? r->str : "knows no such master");
	freeReplyObject(r);
	redis_peer_drop(&s->news);
	r = told ? redis_peer_ask(&p, 2, listen, until_ns, cost, error, size) : NULL;
	if (r)
		s->news = p;
	else
		redis_peer_drop(&p);
	freeReplyObject(r);
	return told;
}

bool sentinels_ask(struct sentinels *s, struct redis_peer *master, int64_t until_ns,
		   struct redis_cost *cost, char *error, size_t size)
{
	size_t first = s->next;

	if (!s->n)
		snprintf(error, size, "sentinel: none is known");
	for (size_t i = 0; i < s->n; i++) {
		int64_t now = clock_mono_ns();
		/* Something must be left for the others, and for the master. */
		int64_t share = (until_ns - now) / (int64_t)(s->n - i + 1);

		s->next = (first + i) % s->n;
		if (share > 0 &&
		    ask_one(s, s->host[s->next], master, now + share, cost, error, size))
			return true;
	}
	if (s->n)
		s->next = (first + 1) % s->n;
	return false;
}

/* "message", "+switch-master", "name old-host old-port new-host new-port" */
static bool take_news(const struct sentinels *s, const redisReply *r, struct redis_peer *master)
{
	char name[128], host[256];
	int port;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
	    strcmp(redis_text(r->element[0]), "message") ||
	    sscanf(redis_text(r->element[2]), "%127s %*s %*d %255s %d", name, host, &port) != 3 ||
	    strcmp(name, s->master))
		return false;
	redis_peer_move(master, host, port);
	return true;
}

bool sentinels_news(struct sentinels *s, struct redis_peer *master)
{
	enum redis_end end = REDIS_ANSWERED;
	bool told = false;
	char why[96];

	while (end == REDIS_ANSWERED && redis_peer_gone(&s->news)) {
		redisReply *r = NULL;

		end = redis_get(s->news.conn, clock_mono_ns() + NS_PER_MS, &r, why, sizeof(why));
		if (end == REDIS_ANSWERED)
			told = take_news(s, r, master) || told;
		else if (end == REDIS_BROKEN)
			redis_peer_drop(&s->news); /* else the rest of it is on its way */
		freeReplyObject(r);
	}
	return told;
}
