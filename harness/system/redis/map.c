#include "system/redis/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/redis/slots.h"

/* One silent member must not take the time of all. */
#define ASK_ONE_NS (200 * NS_PER_MS)

void redis_map_init(struct redis_map *m, const struct access *acc)
{
	memset(m, 0, sizeof(*m));
	m->acc = acc;
	m->port = (int)json_i64(acc->conf, "port", 6379);
	m->stale = true;
}

void redis_map_free(struct redis_map *m)
{
	for (size_t i = 0; i < m->npeers; i++) {
		redis_peer_drop(m->peers[i]);
		free(m->peers[i]);
	}
	free(m->peers);
	free(m->ranges);
	memset(m, 0, sizeof(*m));
}

struct redis_peer *redis_map_peer(struct redis_map *m, const char *host, int port, bool readonly)
{
	struct redis_peer *p;

	for (size_t i = 0; i < m->npeers; i++)
		if (!strcmp(m->peers[i]->host, host) && m->peers[i]->port == port &&
		    m->peers[i]->readonly == readonly)
			return m->peers[i];
	p = mem_alloc(sizeof(*p));
	mem_copy_str(p->host, sizeof(p->host), host);
	p->port = port;
	p->readonly = readonly;
	*VEC_PUSH(m->peers, m->npeers, m->peers_alloc) = p;
	return p;
}

const struct redis_range *redis_range_of(const struct redis_range *v, size_t n, int slot)
{
	for (size_t i = 0; i < n; i++)
		if (slot >= v[i].lo && slot <= v[i].hi)
			return &v[i];
	return NULL;
}

struct redis_peer *redis_map_owner(const struct redis_map *m, int slot, int *shard)
{
	const struct redis_range *r = redis_range_of(m->ranges, m->nranges, slot);

	*shard = r ? (int)(r - m->ranges) + 1 : 0;
	return r ? r->owner : NULL;
}

struct redis_peer *redis_map_replica(struct redis_map *m, int slot)
{
	const struct redis_range *r = redis_range_of(m->ranges, m->nranges, slot);

	return r && r->nreplicas ? r->replicas[m->turn++ % r->nreplicas] : NULL;
}

static int by_lo(const void *a, const void *b)
{
	return ((const struct redis_range *)a)->lo - ((const struct redis_range *)b)->lo;
}

/* [endpoint, port, id, ...]; the endpoint is NULL for "the address that you
 * asked" (CLUSTER SLOTS). */
static struct redis_peer *take_peer(struct redis_map *m, const redisReply *r,
				    const struct redis_peer *asked, bool readonly)
{
	const char *host = asked->host;

	if (r->type != REDIS_REPLY_ARRAY || r->elements < 2 ||
	    r->element[1]->type != REDIS_REPLY_INTEGER)
		return NULL;
	if (r->element[0]->type == REDIS_REPLY_STRING && r->element[0]->len)
		host = r->element[0]->str;
	return redis_map_peer(m, host, (int)r->element[1]->integer, readonly);
}

/* An element: from, to, the owner, its replicas. */
static bool take_range(struct redis_map *m, const redisReply *r, const struct redis_peer *asked)
{
	struct redis_range *x;
	struct redis_peer *p;

	if (r->type != REDIS_REPLY_ARRAY || r->elements < 3 ||
	    r->element[0]->type != REDIS_REPLY_INTEGER ||
	    r->element[1]->type != REDIS_REPLY_INTEGER)
		return false;
	p = take_peer(m, r->element[2], asked, false);
	if (!p)
		return false;
	x = VEC_PUSH(m->ranges, m->nranges, m->ranges_alloc);
	x->lo = (int)r->element[0]->integer;
	x->hi = (int)r->element[1]->integer;
	x->owner = p;
	x->nreplicas = 0;
	for (size_t i = 3; i < r->elements && x->nreplicas < REDIS_REPLICAS_MAX; i++) {
		p = take_peer(m, r->element[i], asked, true);
		if (p)
			x->replicas[x->nreplicas++] = p;
	}
	return true;
}

static int take_map(struct redis_map *m, const redisReply *r, const struct redis_peer *asked,
		    char *error, size_t size)
{
	if (r->type != REDIS_REPLY_ARRAY) {
		snprintf(error, size, "map: %.250s", r->type == REDIS_REPLY_ERROR ? r->str : "no list of slots");
		return -1;
	}
	m->nranges = 0;
	for (size_t i = 0; i < r->elements; i++) {
		if (!take_range(m, r->element[i], asked)) {
			snprintf(error, size, "map: CLUSTER SLOTS answered something else");
			m->nranges = 0;
			return -1;
		}
	}
	if (m->nranges)
		qsort(m->ranges, m->nranges, sizeof(*m->ranges), by_lo);
	m->stale = false;
	m->learnt_ns = clock_mono_ns();
	return 0;
}

static int ask(struct redis_map *m, struct redis_peer *p, int64_t until_ns, char *error,
	       size_t size)
{
	static const char *const words[] = {"CLUSTER", "SLOTS"};
	int64_t one_ns = clock_mono_ns() + ASK_ONE_NS;
	redisReply *reply = redis_peer_ask(p, 2, words, one_ns < until_ns ? one_ns : until_ns, NULL,
					   error, size);
	int r = reply ? take_map(m, reply, p, error, size) : -1;

	freeReplyObject(reply);
	return r;
}

int redis_map_learn(struct redis_map *m, int64_t until_ns, char *error, size_t size)
{
	snprintf(error, size, "map: there is no member to ask");
	for (size_t i = 0; i < m->acc->n && clock_mono_ns() < until_ns; i++) {
		const struct member *who = &m->acc->members[m->next++ % m->acc->n];

		if (!ask(m, redis_map_peer(m, who->host, m->port, false), until_ns, error, size))
			return 0;
	}
	return -1;
}
