#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"
#include "system/redis/sentinel_rules.h"

/* A master of Redis has no term that tells an old one from its successor. So:
 * who acknowledged the write, by its address; and had another member begun to
 * serve as master after that one did, and before the write was sent? Then it
 * went to a master that had been replaced. */

/* The member whose pod had the address of `via` at t; "" unknown. */
static const char *member_of(const cJSON *events, const char *via, int64_t t)
{
	size_t len = strcspn(via, ":");
	const char *who = "";
	const cJSON *e;

	cJSON_ArrayForEach(e, events) {
		const char *ip = json_str(e, "ip", "");

		if (event_is(e, "object") &&
		    !strcmp(json_str(e, "type", ""), "pod") && json_i64(e, "t", 0) <= t && len &&
		    strlen(ip) == len && !strncmp(ip, via, len))
			who = json_str(e, "name", "");
	}
	return who;
}

/* Since when a member has been a writable master, as its last answers tell;
 * -1: it was none. Answers that failed do not interrupt it. */
struct reign {
	const char *member;
	int64_t since_ns;
};

enum { MEMBERS_MAX = 16 };

static struct reign *reign_of(struct reign *v, size_t *n, const char *member)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(v[i].member, member))
			return &v[i];
	if (*n == MEMBERS_MAX)
		return NULL;
	v[*n] = (struct reign){member, -1};
	return &v[(*n)++];
}

static void answered(struct reign *r, const cJSON *e)
{
	if (strcmp(json_str(e, "role", ""), "primary"))
		r->since_ns = -1;
	else if (r->since_ns < 0 && json_bool(e, "writable", false))
		r->since_ns = json_i64(e, "t", 0);
}

enum loss_cause redis_sentinel_loss_cause(const cJSON *events, const struct op *op,
					  const cJSON *fault, char *why)
{
	const char *by = member_of(events, op->via, op->t_return);
	struct reign v[MEMBERS_MAX], *mine;
	const cJSON *e;
	size_t n = 0;

	(void)fault;
	if (!*by)
		return LOSS_UNKNOWN;
	mine = reign_of(v, &n, by);
	cJSON_ArrayForEach(e, events) {
		int64_t t = json_i64(e, "t", 0);
		struct reign *r;

		if (t > op->t_return || !event_is(e, "sample") || !json_bool(e, "ok", false))
			continue;
		r = reign_of(v, &n, json_str(e, "m", ""));
		if (r && (r == mine || t <= op->t_invoke))
			answered(r, e);
	}
	for (size_t i = 0; i < n && mine->since_ns >= 0; i++) {
		if (v[i].since_ns <= mine->since_ns)
			continue;
		snprintf(why, 160, "%.40s acknowledged it when %.40s had been the master for %.1f s", by,
			 v[i].member, in_s(op->t_invoke - v[i].since_ns));
		return LOSS_MINORITY;
	}
	return LOSS_UNKNOWN;
}
