#include <string.h>

#include "base/clock.h"
#include "check/gate.h"

/* Whether a Service leads to the primary: its Endpoints, beside what the members behind
 * them said that they were. */

struct routed {
	long asked; /* answers of members that the Service led to when they gave them */
	const struct sample *led; /* the first of a writable primary */
	long leading;
};

/* What the Service led to while this question was asked; NULL: nobody saw, or it changed
 * meanwhile. */
static const struct endpoints_seen *led_to(const struct evidence *ev, const char *service,
					   const struct sample *s)
{
	const struct endpoints_seen *e = NULL;

	for (size_t i = 0; i < ev->nendpoints; i++) {
		const struct endpoints_seen *x = &ev->endpoints[i];

		if (strcmp(x->name, service))
			continue;
		if (x->t_ns > sample_asked(s) - s->te_ns && x->t_ns <= s->t_ns + s->te_ns)
			return NULL;
		if (x->t_ns <= s->t_ns)
			e = x;
	}
	return e;
}

static void look(const struct evidence *ev, const char *service, struct routed *out)
{
	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];
		const struct endpoints_seen *e;
		const char *ip;

		if (s->t_ns < ev->begin_ns || !s->ok || !sample_tells(s))
			continue;
		ip = evidence_address(ev, s->member, s->t_ns);
		e = *ip ? led_to(ev, service, s) : NULL;
		if (!e || !endpoints_hold(e, ip))
			continue;
		out->asked++;
		if (!sample_leads(s))
			continue;
		out->leading++;
		if (!out->led)
			out->led = s;
	}
}

void judge_routes(const struct judging *j, struct judged *r)
{
	const char *service = j->expect->object ? j->expect->object : "";
	bool want = j->expect->want;
	struct routed seen = {0};

	r->limit = want;
	look(j->ev, service, &seen);
	if (!seen.asked) {
		judged_as(r, VERDICT_UNKNOWN, "no member was heard while the Service %.80s was seen to lead to it", service);
		return;
	}
	if (!seen.led && seen.asked < GATE_SEEN_MIN) {
		judged_as(r, VERDICT_UNKNOWN, "of those whom the Service %.80s led to only %ld answers were heard, of no "
			  "primary: to tell takes %d", service, seen.asked, GATE_SEEN_MIN);
		return;
	}
	r->measured = seen.led != NULL;
	if (seen.led)
		judged_as(r, want ? VERDICT_PASS : VERDICT_FAIL, "the Service %.80s led to %s while that was a writable "
			  "primary: %ld of %ld answers of those behind it", service, seen.led->member, seen.leading,
			  seen.asked);
	else
		judged_as(r, want ? VERDICT_FAIL : VERDICT_PASS, "none of %ld answers of those behind the Service %.80s was "
			  "a writable primary's", seen.asked, service);
}
