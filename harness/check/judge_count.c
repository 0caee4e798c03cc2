#include <string.h>

#include "base/json.h"
#include "check/judge.h"

/* Metrics that are numbers of writes. */

static void count(const struct judging *j, struct judged *r, int64_t n, const char *what)
{
	const struct loss *l = &j->m->loss;

	r->limit = judging_limit(j, 1);
	if (!l->known) {
		judged_as(r, VERDICT_UNKNOWN, "no final read was made, so nobody knows what is there");
		return;
	}
	if (!l->acked) {
		judged_as(r, VERDICT_UNKNOWN, "no %s was acknowledged", l->of);
		return;
	}
	r->measured = (double)n;
	judged_as(r, judging_within(j, (double)n, (double)n), "%lld of %lld acknowledged %ss %s",
		(long long)n, (long long)l->acked, l->of, what);
}

static void lost_detail(const struct loss *l, const char *fault, struct judged *r)
{
	cJSON *a = cJSON_CreateArray();
	size_t i;

	for (i = 0; i < l->n && cJSON_GetArraySize(a) < 20; i++)
		if (!fault || !strcmp(l->writes[i].fault, fault))
			json_pushf(a, "%lld%s%s", (long long)l->writes[i].value,
				   l->writes[i].cause ? ": " : "",
				   loss_cause_name(l->writes[i].cause));
	if (cJSON_GetArraySize(a)) {
		r->detail = cJSON_CreateObject();
		json_set(r->detail, "first_lost", a);
	} else {
		cJSON_Delete(a);
	}
}

/* A register that holds an overwritten value lost an acknowledged write too. */
void judge_lost(const struct judging *j, struct judged *r)
{
	const char *fault = json_str(j->expect, "fault", NULL);
	const struct loss *l = &j->m->loss;
	int64_t n = fault ? 0 : l->lost + l->stale_registers;
	size_t i;

	for (i = 0; fault && i < l->n; i++)
		n += !strcmp(l->writes[i].fault, fault);
	count(j, r, n, "are missing at the end");
	if (!l->known || !l->acked)
		return;
	if (!fault && l->stale_registers)
		judged_as(r, r->verdict,
			"%lld of %lld acknowledged %ss are missing, and %lld registers hold a value that was overwritten or never written",
			(long long)l->lost, (long long)l->acked, l->of, (long long)l->stale_registers);
	if (l->unknown)
		judged_also(r, "; of %lld writes of unknown fate %lld are there", (long long)l->unknown,
		     (long long)l->unknown_present);
	lost_detail(l, fault, r);
}

void judge_phantom(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	count(j, r, l->phantom, "");
	if (l->known && l->acked)
		judged_as(r, r->verdict, "%lld values are there that were refused or never sent", (long long)l->phantom);
}

void judge_duplicate(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	count(j, r, l->duplicate, "");
	if (l->known && l->acked)
		judged_as(r, r->verdict, "%lld values are there more often than once", (long long)l->duplicate);
}

void judge_evicted(const struct judging *j, struct judged *r)
{
	const struct loss *l = &j->m->loss;

	r->limit = judging_limit(j, 1);
	if (!l->known || !l->acked) {
		judged_as(r, VERDICT_UNKNOWN, l->known ? "no write was acknowledged" : "there is no final read");
		return;
	}
	r->measured = (double)l->evicted;
	judged_as(r, judging_within(j, (double)l->evicted, (double)l->evicted),
		"%lld of %lld acknowledged writes were evicted", (long long)l->evicted, (long long)l->acked);
}
