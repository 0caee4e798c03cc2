#include "system/redis/sentinels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

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

void sentinels_drop(struct sentinels *s)
{
	redis_drop(s->news);
	s->news = NULL;
}

static bool take_address(const redisReply *r, char host[256], int *port)
{
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2)
		return false;
	mem_copy_str(host, 256, redis_text(r->element[0]));
	*port = (int)strtol(redis_text(r->element[1]), NULL, 10);
	return *host && *port > 0;
}

static bool ask_one(struct sentinels *s, const char *sentinel, int64_t until_ns, char host[256], int *port,
		    struct redis_cost *cost, char *error, size_t size)
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
	told = take_address(r, host, port);
	if (!told)
		snprintf(error, size, "sentinel: %s %s", sentinel,
			 r->type == REDIS_REPLY_ERROR ? r->str : "knows no such master");
	freeReplyObject(r);
	sentinels_drop(s);
	r = told ? redis_peer_ask(&p, 2, listen, until_ns, cost, error, size) : NULL;
	if (r)
		s->news = p.conn;
	else
		redis_peer_drop(&p);
	freeReplyObject(r);
	return told;
}

bool sentinels_ask(struct sentinels *s, int64_t until_ns, char host[256], int *port, struct redis_cost *cost,
		   char *error, size_t size)
{
	size_t first = s->next;

	if (!s->n)
		snprintf(error, size, "sentinel: none is known");
	for (size_t i = 0; i < s->n; i++) {
		int64_t now = clock_mono_ns();
		/* Something must be left for the others, and for the master. */
		int64_t share = (until_ns - now) / (int64_t)(s->n - i + 1);

		s->next = (first + i) % s->n;
		if (share > 0 && ask_one(s, s->host[s->next], now + share, host, port, cost, error, size))
			return true;
	}
	if (s->n)
		s->next = (first + 1) % s->n;
	return false;
}

/* "message", "+switch-master", "name old-host old-port new-host new-port" */
static bool take_news(const struct sentinels *s, const redisReply *r, char host[256], int *port)
{
	char name[128], new_host[256];
	int new_port;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
	    strcmp(redis_text(r->element[0]), "message") ||
	    sscanf(redis_text(r->element[2]), "%127s %*s %*d %255s %d", name, new_host, &new_port) != 3 ||
	    strcmp(name, s->master))
		return false;
	mem_copy_str(host, 256, new_host);
	*port = new_port;
	return true;
}

bool sentinels_news(struct sentinels *s, char host[256], int *port)
{
	bool told = false;
	char why[96];

	while (s->news && redis_gone(s->news)) {
		redisReply *r = NULL;
		enum redis_end end = redis_get(s->news, clock_mono_ns() + NS_PER_MS, &r, why, sizeof(why));

		if (end == REDIS_ANSWERED) {
			told = take_news(s, r, host, port) || told;
			freeReplyObject(r);
		} else if (end == REDIS_BROKEN) {
			sentinels_drop(s);
		} else {
			break; /* the rest of it is on its way */
		}
	}
	return told;
}
