#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "check/gate.h"

/* Metrics that are true or false. */

enum { CHECK_SECONDS = 60, CHECK_MIB = 512 };
#define CLEAR_SHARE 0.9 /* of the failed writes must have got an answer that says so */

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '/' || c == '_';
}

/* The length of an object's name, "Kind/name", at s; 0: none begins there. */
static size_t object_len(const char *s)
{
	size_t kind = 0, n;

	if (!isupper((unsigned char)*s))
		return 0;
	while (isalpha((unsigned char)s[kind]))
		kind++;
	if (s[kind] != '/' || !islower((unsigned char)s[kind + 1]))
		return 0;
	for (n = kind + 1; in_name(s[n]) && s[n] != '/'; n++)
		;
	return s[n - 1] == '.' ? n - 1 : n;
}

/* Whether the words stand in what a text says of this object: behind its name, on
 * the same line, and before the next object's name. */
static bool says_of(const char *text, const char *object, const char *words)
{
	size_t len = strlen(object), n;
	bool of_it = false;

	for (const char *s = text; *s; s += n ? n : 1) {
		bool begins = s == text || !in_name(s[-1]);

		n = 0;
		if (of_it && !strncmp(s, words, strlen(words)))
			return true;
		if (*s == '\n')
			of_it = false;
		if (!begins)
			continue;
		if (!strncmp(s, object, len) &&
		    (!in_name(s[len]) || (s[len] == '.' && !in_name(s[len + 1])))) {
			of_it = true;
			n = len;
		} else if (object_len(s)) {
			of_it = false;
			n = object_len(s);
		}
	}
	return false;
}

/* Told while it was to come up, and not of something later. */
static bool told_in_time(const struct evidence *ev)
{
	int64_t t = ev->stands->t_ns, load = evidence_phase(ev, "load");

	return t >= ev->begin_ns && (!load || t <= load);
}

/* Whether what keeps it from standing is what was expected: it may be an image
 * that could not be pulled. */
static void not_standing(const struct judging *j, struct judged *r)
{
	const char *object = j->expect->object, *reason = j->expect->reason;
	const char *why = j->m->stands_why ? j->m->stands_why : "";
	const struct stands_seen *told = j->ev->stands;

	if (!*object || !*reason)
		judged_as(r, VERDICT_UNKNOWN, "it did not come up, and the expectation does not say which object should "
			  "not and why, so that any mishap would do: %.1800s", why);
	else if (!told_in_time(j->ev))
		judged_as(r, VERDICT_UNKNOWN, "that it does not stand was told %s: %.1800s",
			  told->t_ns < j->ev->begin_ns ? "before the scenario began" :
			  "when it had stood, and its load had begun", why);
	else if (told->ok ||
		 !(strcmp(told->member, object) ? says_of(told->reason, object, reason) :
						  strstr(told->reason, reason) != NULL))
		judged_as(r, VERDICT_UNKNOWN, "it did not come up, but not for what was expected (%.60s, \"%.120s\"): "
			  "%.1800s", object, reason, why);
	else
		judged_as(r, VERDICT_PASS, "%s", why);
}

void judge_stands(const struct judging *j, struct judged *r)
{
	bool want = j->expect->want;
	bool told = j->ev->stands != NULL;

	r->limit = want;
	if (told)
		r->measured = j->m->stands;
	if (told && !want && !j->m->stands)
		not_standing(j, r);
	else
		judged_as(r, !told ? VERDICT_UNKNOWN : j->m->stands == want ? VERDICT_PASS : VERDICT_FAIL, "%s",
			  !told ? "it did not get that far" : j->m->stands_why ? j->m->stands_why : "");
}

/* The line of a text that at stands in, without its end; NULL for NULL. */
static const char *line_at(const char *text, const char *at, int *len)
{
	if (!at)
		return NULL;
	while (at > text && at[-1] != '\n')
		at--;
	*len = (int)strcspn(at, "\n");
	return at;
}

/* What of a failed Job says that it failed for this: a line of its log, its own words, or
 * its exit code; NULL when nothing does. */
static const char *failed_for(const struct job_seen *job, const char *reason, const char *exit,
			      int *len)
{
	const char *texts[] = {job->log, job->reason, job->message}, *line = NULL;

	if (!*reason)
		return NULL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !line; i++)
		line = line_at(texts[i], strstr(texts[i], reason), len);
	if (!line && job->exit >= 0 && !strcmp(exit, reason))
		line = line_at(exit, exit, len);
	return line;
}

/* The last line of a log, without its end. */
static const char *last_line(const char *log, int *len)
{
	const char *end = log + strlen(log);

	while (end > log && end[-1] == '\n')
		end--;
	*len = 0;
	return end > log ? line_at(log, end - 1, len) : log;
}

/* Whether it is the Job that the step of this id asks for: of its CronJob, and one alone. */
static bool is_asked(const struct evidence *ev, const struct job_seen *job, struct judged *r)
{
	const struct step_seen *step = NULL;
	char from[200];

	for (size_t i = 0; i < ev->nsteps && !step; i++)
		if (!strcmp(ev->steps[i].step, "run") && !strcmp(ev->steps[i].id, job->id))
			step = &ev->steps[i];
	snprintf(from, sizeof(from), "cronjob/%.64s", step ? step->run : "");
	if (!step)
		judged_as(r, VERDICT_UNKNOWN, "no run step of the scenario has the id %s", job->id);
	else if (strcmp(from, job->from))
		judged_as(r, VERDICT_UNKNOWN, "the job %s is of \"%.80s\", and its step asks for one of %s", job->id,
			  job->from, from);
	else if (!job->begun)
		judged_as(r, VERDICT_UNKNOWN, "nothing tells when the job %s was begun", job->id);
	else if (job->at_odds)
		judged_as(r, VERDICT_UNKNOWN, "what is told of the job %s is of two Jobs, or of two ends", job->id);
	else
		return true;
	return false;
}

void judge_job(const struct judging *j, struct judged *r)
{
	const char *id = j->expect->run, *reason = j->expect->reason, *line;
	const struct job_seen *job = evidence_job(j->ev, id);
	bool want = j->expect->want, succeeded;
	char exit[40] = "";
	double took;
	int len;

	r->limit = want;
	if (!job) {
		judged_as(r, VERDICT_UNKNOWN, "the job %s was never begun", id);
		return;
	}
	if (!is_asked(j->ev, job, r))
		return;
	took = in_s(job->told_ns - job->begun_ns);
	succeeded = !strcmp(job->state, "succeeded");
	if (!job_over(job)) {
		judged_as(r, VERDICT_UNKNOWN, "the job %s was not over when it was looked at last, after %.1f s", id, took);
		return;
	}
	r->measured = succeeded;
	if (job->exit >= 0)
		snprintf(exit, sizeof(exit), "exit code %lld", (long long)job->exit);
	line = succeeded || want ? NULL : failed_for(job, reason, exit, &len);
	if (line) {
		judged_as(r, VERDICT_PASS, "the job %s failed after %.1f s (%.60s%s%s) for what was expected: %.*s", id, took,
			  job->reason, *exit ? ", " : "", exit, len < 200 ? len : 200, line);
		return;
	}
	line = last_line(job->log, &len);
	if (!succeeded && !want)
		judged_as(r, VERDICT_UNKNOWN, "the job %s failed, but not for what was expected (\"%.120s\"): %.60s%s%s; its log "
			  "ends: %.*s", id, reason, job->reason, *exit ? ", " : "", exit, len < 200 ? len : 200, line);
	else
		judged_as(r, succeeded == want ? VERDICT_PASS : VERDICT_FAIL, "the job %s %s after %.1f s (%.60s%s%s); its log "
			  "ends: %.*s", id, succeeded ? "succeeded" : "failed", took, job->reason, *exit ? ", " : "", exit,
			  len < 200 ? len : 200, line);
}

void judge_errors_clear(const struct judging *j, struct judged *r)
{
	bool want = j->expect->want;
	long failed = 0, silent = 0, untold = 0;
	double share, least;
	size_t i, k;

	r->limit = want;
	for (i = 0; i < j->h->n; i++) {
		const struct op *op = &j->h->ops[i];
		bool during = false;

		if ((int64_t)op->scenario != j->ev->scenario || !op_found_down(op))
			continue;
		for (k = 0; k < j->m->nfaults; k++)
			during = during || (j->m->faults[k].rec->injected_ns &&
					    op->t_return >= j->m->faults[k].rec->injected_ns);
		if (!during)
			continue;
		failed++;
		silent += op_error_class(op) == OP_ERR_TIMEOUT;
		untold += op_error_class(op) == OP_ERR_NONE;
	}
	if (!failed) {
		judged_as(r, VERDICT_UNKNOWN, "no write failed after the fault");
		return;
	}
	if (failed < GATE_SEEN_MIN) {
		judged_as(r, VERDICT_UNKNOWN, "%ld writes failed after the fault, %ld of them in silence: to tell nine "
			  "in ten takes %d", failed, silent, GATE_SEEN_MIN);
		return;
	}
	share = (double)(failed - silent) / (double)failed;
	least = (double)(failed - silent - untold) / (double)failed;
	r->measured = least >= CLEAR_SHARE;
	judged_as(r, (share >= CLEAR_SHARE) != (least >= CLEAR_SHARE) ? VERDICT_UNKNOWN :
		  (share >= CLEAR_SHARE) == want ? VERDICT_PASS : VERDICT_FAIL,
		"of %ld failed writes %ld got an error and %ld waited in silence until their deadline", failed,
		failed - silent - untold, silent);
	if (untold)
		judged_also(r, "; of %ld of them nothing tells why", untold);
}

void judge_check(const struct judging *j, struct judged *r)
{
	const struct check_budget budget = { CHECK_SECONDS * NS_PER_S, (size_t)CHECK_MIB << 20 };
	const struct checker_ops *c = checker_find(j->expect->checker);
	struct check_result res;

	if (!c) {
		judged_as(r, VERDICT_UNKNOWN, "no checker is called \"%.60s\"", j->expect->checker);
		return;
	}
	c->check(j->h, j->ev, j->m, &budget, &res);
	judged_as(r, res.verdict, "%s", res.why);
	if (res.verdict == VERDICT_PASS || res.verdict == VERDICT_FAIL) {
		r->measured = res.verdict == VERDICT_PASS;
		r->limit = 1;
	}
	if (res.witness) {
		r->detail = cJSON_CreateObject();
		json_set(r->detail, "witness", res.witness);
	}
}
