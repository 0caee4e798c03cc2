#include "system/redis/cluster_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "system/redis/slots.h"

/* Whether every slot has one owner and every owner a replica that follows,
 * and how a member came to follow again. */

enum { WHY_BYTES = 200 };

static const char *x_str(const struct sample *s, const char *key)
{
	return json_str(s->extra, key, "");
}

static bool is_owner(const struct sample *s)
{
	return s->role == ROLE_PRIMARY && s->writable;
}

/* Every slot once. */
static bool covered(const struct sample *s, size_t n, char *why)
{
	bool map[REDIS_SLOTS] = {false};
	int first = -1, missing = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_owner(&s[i]) && !redis_slots_mark(x_str(&s[i], "slots"), map)) {
			snprintf(why, WHY_BYTES, "two writable members own slots of %s",
				 s[i].member);
			return false;
		}
	}
	for (int k = 0; k < REDIS_SLOTS; k++) {
		if (!map[k] && first < 0)
			first = k;
		missing += !map[k];
	}
	if (missing)
		snprintf(why, WHY_BYTES, "%d slots from %d on have no writable owner", missing, first);
	return !missing;
}

static bool follows(const struct sample *s, char *why)
{
	if (s->role != ROLE_REPLICA)
		snprintf(why, WHY_BYTES, "%s neither owns slots nor follows an owner", s->member);
	else if (json_bool(s->extra, "loading", false))
		snprintf(why, WHY_BYTES, "%s is loading its data", s->member);
	else if (json_bool(s->extra, "syncing", false))
		snprintf(why, WHY_BYTES, "%s is copying its master's data", s->member);
	else if (strcmp(x_str(s, "link"), "up"))
		snprintf(why, WHY_BYTES, "%s has no link to its master", s->member);
	else
		return true;
	return false;
}

static bool has_follower(const struct sample *owner, const struct sample *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].role == ROLE_REPLICA && *x_str(owner, "id") &&
		    !strcmp(x_str(&s[i], "of"), x_str(owner, "id")))
			return true;
	return false;
}

/* Nobody takes anybody for failed: a suspicion delays or hinders the next
 * failover. */
static bool trusted(const struct sample *s, char *why)
{
	if (cJSON_GetArraySize(json_get(s->extra, "fail")) ||
	    cJSON_GetArraySize(json_get(s->extra, "pfail"))) {
		snprintf(why, WHY_BYTES, "%s takes another member for failed", s->member);
		return false;
	}
	if (strcmp(x_str(s, "state"), "ok")) {
		snprintf(why, WHY_BYTES, "%s says cluster_state:%s", s->member, x_str(s, "state"));
		return false;
	}
	return true;
}

bool redis_cluster_redundant(const struct sample *s, size_t n, char *why)
{
	size_t i;

	*why = '\0';
	if (!n)
		snprintf(why, WHY_BYTES, "no member is known");
	for (i = 0; i < n; i++) {
		if (!s[i].ok) {
			snprintf(why, WHY_BYTES, "%s does not answer", s[i].member);
			return false;
		}
	}
	if (!n || !covered(s, n, why))
		return false;
	for (i = 0; i < n; i++)
		if (!is_owner(&s[i]) && !follows(&s[i], why))
			return false;
	for (i = 0; i < n; i++) {
		if (is_owner(&s[i]) && !has_follower(&s[i], s, n)) {
			snprintf(why, WHY_BYTES, "%s has no replica", s[i].member);
			return false;
		}
		if (!trusted(&s[i], why))
			return false;
	}
	return true;
}

/* ---- how it came to follow again ---- */

struct counts {
	const char *member, *run;
	int64_t full, partial;
};

/* What one member's counters rose by from one answer to the next; a process
 * that restarted counts from 0 again. */
static void rise(const cJSON *x, struct counts *c, int64_t *full, int64_t *partial)
{
	int64_t f = json_i64(x, "sync_full", -1), p = json_i64(x, "sync_partial", -1);
	const char *run = json_str(x, "run_id", "");

	if (f < 0 || p < 0)
		return;
	if (c->run && !strcmp(c->run, run)) {
		*full += f - c->full;
		*partial += p - c->partial;
	} else if (c->run) {
		*full += f;
		*partial += p;
	}
	c->run = run;
	c->full = f;
	c->partial = p;
}

static struct counts *counts_of(struct counts **v, size_t *n, size_t *alloc, const char *member)
{
	struct counts *c;

	for (size_t i = 0; i < *n; i++)
		if (!strcmp((*v)[i].member, member))
			return &(*v)[i];
	c = VEC_PUSH(*v, *n, *alloc);
	c->member = member;
	return c;
}

/* From the counters of INFO's section "stats": sync_full, sync_partial_ok.
 * How many bytes a copy had is not told there. */
void redis_cluster_resync(const cJSON *events, int64_t from_ns, int64_t to_ns,
			  struct recovery_info *out)
{
	struct counts *v = NULL;
	size_t n = 0, alloc = 0;
	int64_t full = 0, partial = 0;
	const cJSON *e;

	memset(out, 0, sizeof(*out));
	out->bytes = -1;
	cJSON_ArrayForEach(e, events) {
		int64_t t = json_i64(e, "t", 0), f = 0, p = 0;

		if (!event_is(e, "sample") ||
		    !json_bool(e, "ok", false) || t > to_ns)
			continue;
		rise(json_get(e, "x"), counts_of(&v, &n, &alloc, json_str(e, "m", "")), &f, &p);
		if (t >= from_ns) {
			full += f;
			partial += p;
		}
	}
	if (full) {
		snprintf(out->resync, sizeof(out->resync), "full");
		snprintf(out->how, sizeof(out->how),
			 "the masters' counters rose: sync_full by %lld, sync_partial_ok by %lld",
			 (long long)full, (long long)partial);
	} else if (partial) {
		snprintf(out->resync, sizeof(out->resync), "partial");
		snprintf(out->how, sizeof(out->how),
			 "the masters' counter sync_partial_ok rose by %lld, sync_full did not",
			 (long long)partial);
	} else if (n) {
		snprintf(out->resync, sizeof(out->resync), "none");
		snprintf(out->how, sizeof(out->how),
			 "no master served a resynchronisation: links outlived it");
	}
	free(v);
}
