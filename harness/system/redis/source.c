#include "system/redis/source.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void redis_source_drop(struct redis_source *m)
{
	redis_drop(m->conn);
	m->conn = NULL;
	m->at[0] = '\0';
}

/* Where a replica's master is, by its own word: INFO. */
static bool reach(struct redis_source *m, const char *info, int64_t until_ns)
{
	int port = (int)redis_number(info, "master_port", 0);
	char host[256], at[300], why[96];

	redis_field(info, "master_host", host, sizeof(host));
	snprintf(at, sizeof(at), "%s:%d", host, port);
	if (m->conn && (strcmp(at, m->at) || redis_gone(m->conn)))
		redis_source_drop(m);
	if (m->conn || !*host || !port)
		return m->conn != NULL;
	m->conn = redis_open(host, port, until_ns, NULL, why, sizeof(why));
	mem_copy_str(m->at, sizeof(m->at), at);
	return m->conn != NULL;
}

void redis_source_lag(struct redis_source *m, const char *info, struct sample *s, int64_t until_ns)
{
	static const char *const words[] = {"INFO", "replication"};
	int64_t end_ns = clock_mono_ns() + REDIS_SECOND_MAX_NS, theirs;
	redisReply *reply = NULL;
	char why[96];

	if (end_ns > until_ns)
		end_ns = until_ns;
	if (!reach(m, info, end_ns))
		return;
	if (redis_call(m->conn, 2, words, end_ns, &reply, why, sizeof(why)) != REDIS_ANSWERED) {
		redis_source_drop(m);
		return;
	}
	/* Asked later than the replica, so this is rather too much than too
	 * little. One that is no master any more has no offset to be behind. */
	theirs = redis_number(redis_text(reply), "master_repl_offset", -1);
	if (strstr(redis_text(reply), "role:master") && s->position >= 0 && theirs >= 0)
		s->lag_bytes = theirs > s->position ? theirs - s->position : 0;
	freeReplyObject(reply);
}
