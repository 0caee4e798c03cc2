#include "system/redis/replica.h"

#include <string.h>

#include "base/json.h"
#include "system/prediction.h"

/* A master pings its replicas every repl-ping-replica-period, 10 s where it is
 * not set; a link to one that is gone stands for repl-timeout, 60 s. */
enum { LINK_SILENT_S = 21 };

const char *redis_extra(const struct sample *s, const char *key)
{
	return json_str(s->extra, key, "");
}

bool redis_follows(const struct sample *s, const char *is, char *why)
{
	if (s->role != ROLE_REPLICA)
		return why_not(why, "%s %s", s->member, is);
	if (json_bool(s->extra, "loading", false))
		return why_not(why, "%s is loading its data", s->member);
	if (json_bool(s->extra, "syncing", false))
		return why_not(why, "%s is copying its master's data", s->member);
	if (strcmp(redis_extra(s, "link"), "up"))
		return why_not(why, "%s has no link to its master", s->member);
	return json_i64(s->extra, "silent_s", 0) <= LINK_SILENT_S ||
	       why_not(why, "%s has heard nothing from its master for %lld s, over a link that it takes for up",
		       s->member, (long long)json_i64(s->extra, "silent_s", 0));
}

struct counts {
	int64_t full, partial;
};

static struct counts counts_of(const struct sample *s)
{
	return (struct counts){json_i64(s->extra, "sync_full", -1), json_i64(s->extra, "sync_partial", -1)};
}

/* Adds what one member's counters rose by from one answer to the next within
 * [from_ns, to_ns]; a process that restarted counts from 0 again. Returns
 * whether they tell all of that time: each answer in it did, and one before it. */
static bool add_rise(const struct evidence *ev, const char *member, int64_t from_ns, int64_t to_ns,
		     struct counts *sum)
{
	const struct sample *last = NULL;
	bool told = true, any = false;

	for (size_t i = 0; i < ev->nsamples && ev->samples[i].t_ns <= to_ns; i++) {
		const struct sample *s = &ev->samples[i];
		struct counts was = {0}, is = counts_of(s);

		if (!s->ok || s->beside || strcmp(s->member, member))
			continue;
		if (is.full < 0 || is.partial < 0) {
			told = told && s->t_ns < from_ns;
			continue;
		}
		any = any || s->t_ns >= from_ns;
		if (last && !sample_started_anew(last, s))
			was = counts_of(last);
		told = told && (last || s->t_ns < from_ns);
		if (last && s->t_ns >= from_ns) {
			sum->full += is.full - was.full;
			sum->partial += is.partial - was.partial;
		}
		last = s;
	}
	return told && any;
}

void redis_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		  struct recovery_info *out)
{
	const char *untold = NULL;
	struct counts n = {0};

	recovery_begin(out);
	for (size_t i = 0; i < ev->nmembers; i++)
		if (!add_rise(ev, ev->members[i], from_ns, to_ns, &n) && !untold)
			untold = ev->members[i];
	if (n.full)
		recovery_tell(out, "full", "the masters' counters rose: sync_full by %lld, sync_partial_ok by %lld",
			      (long long)n.full, (long long)n.partial);
	else if (untold)
		recovery_tell(out, "", "%s did not tell all the time how many resynchronisations it had served", untold);
	else if (n.partial)
		recovery_tell(out, "partial", "the masters' counter sync_partial_ok rose by %lld, sync_full did not",
			      (long long)n.partial);
	else if (ev->nmembers)
		recovery_tell(out, "none", "no master served a resynchronisation%s", back ? ": links outlived it" : "");
	if (!back)
		*out->resync = '\0';
}
