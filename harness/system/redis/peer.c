#include "system/redis/peer.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void redis_peer_drop(struct redis_peer *p)
{
	redis_drop(p->conn);
	p->conn = NULL;
}

bool redis_peer_gone(const struct redis_peer *p)
{
	return p->conn && redis_gone(p->conn);
}

void redis_peer_move(struct redis_peer *p, const char *host, int port)
{
	if (!strcmp(host, p->host) && port == p->port)
		return;
	redis_peer_drop(p);
	mem_copy_str(p->host, sizeof(p->host), host);
	p->port = port;
}

static bool say_readonly(struct redis_conn *c, int64_t until_ns, char *error, size_t size)
{
	static const char *const words[] = {"READONLY"};
	redisReply *r = NULL;
	bool good = redis_call(c, 1, words, until_ns, &r, error, size) == REDIS_ANSWERED &&
		    r->type != REDIS_REPLY_ERROR;

	if (r && r->type == REDIS_REPLY_ERROR)
		snprintf(error, size, "connect: %.250s", r->str);
	if (r)
		freeReplyObject(r);
	return good;
}

const char *redis_role(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements ? redis_text(r->element[0]) : "";
}

static bool has_role(struct redis_conn *c, const char *role, int64_t until_ns, char *error,
		     size_t size)
{
	static const char *const words[] = {"ROLE"};
	redisReply *r = NULL;
	bool has;

	if (redis_call(c, 1, words, until_ns, &r, error, size) != REDIS_ANSWERED)
		return false;
	has = !strcmp(redis_role(r), role);
	if (!has)
		snprintf(error, size, "role: %s says %.250s", redis_address(c),
			 r->type == REDIS_REPLY_ERROR ? r->str : redis_role(r));
	freeReplyObject(r);
	return has;
}

struct redis_conn *redis_peer_conn(struct redis_peer *p, int64_t until_ns, struct redis_cost *cost,
				   char *error, size_t size)
{
	if (redis_peer_gone(p))
		redis_peer_drop(p);
	if (p->conn)
		return p->conn;
	p->conn = redis_open(p->host, p->port, until_ns, cost, error, size);
	if (p->conn && ((p->readonly && !say_readonly(p->conn, until_ns, error, size)) ||
			(p->role && !has_role(p->conn, p->role, until_ns, error, size))))
		redis_peer_drop(p);
	return p->conn;
}

redisReply *redis_peer_ask(struct redis_peer *p, int argc, const char *const *argv,
			   int64_t until_ns, struct redis_cost *cost, char *error, size_t size)
{
	redisReply *r = NULL;

	if (redis_peer_conn(p, until_ns, cost, error, size) &&
	    redis_call(p->conn, argc, argv, until_ns, &r, error, size) != REDIS_ANSWERED)
		redis_peer_drop(p);
	return r;
}
