#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "scenario/parts.h"

/* What a scenario expects: read by the table of metrics (scenario/metrics.h). */

enum { BASELINE_MIN_S = 3 }; /* measure/ takes its normal from this */

static int read_share(const struct ynode *n, const struct metric *m, double *out, struct err *e)
{
	const char *text;
	char *end;

	if (yaml_to_string(n, &text, e))
		return -1;
	*out = strtod(text, &end);
	if (end == text || strcmp(end, "%"))
		return yaml_error(n, e, "%s is a share: write it in per cent, such as 99.5%%", m->name);
	if (!(*out >= 0 && *out <= 100))
		return yaml_error(n, e, "a share is from 0%% to 100%%");
	return 0;
}

/* One bound, in the metric's unit. */
static int read_bound(const struct ynode *n, const struct metric *m, double *out, struct err *e)
{
	int64_t v;
	struct err probe = {0};

	if (m->unit == METRIC_SHARE)
		return read_share(n, m, out, e);
	if (m->unit == METRIC_NS) {
		if (yaml_to_duration_ns(n, &v, e))
			return -1;
		*out = (double)v;
		return 0;
	}
	if (yaml_to_i64(n, &v, &probe)) {
		if (!yaml_to_duration_ns(n, &v, &probe))
			return yaml_error(n, e, "%s is a count: give a whole number, not the "
					  "duration %s", m->name, n->text);
		return yaml_to_i64(n, &v, e);
	}
	if (v < 0)
		return yaml_error(n, e, "%s cannot be negative", m->name);
	*out = (double)v;
	return 0;
}

static int not_predicted(const struct ynode *n, struct err *e)
{
	struct buf who = {.cap = 200};
	int rc;

	for (int i = 0; i < METRICS; i++) {
		const struct metric *m = metric_of((enum expect_metric)i);

		if (m->flags & M_PREDICTED)
			buf_fmt(&who, "%s%s", who.len ? ", " : "", m->name);
	}
	rc = yaml_error(n, e, "only %s can be within: predicted; write at_most: ... here",
			buf_cstr(&who));
	buf_free(&who);
	return rc;
}

static int read_within(const struct ynode *n, const struct metric *m, struct expectation *x,
		       struct err *e)
{
	struct err probe = {0};
	const char *word;
	int64_t ns;

	if (!(m->flags & M_PREDICTED))
		return not_predicted(n, e);
	if (yaml_to_string(n, &word, e))
		return -1;
	if (!strcmp(word, "predicted")) {
		x->within_predicted = true;
		return 0;
	}
	if (!yaml_to_duration_ns(n, &ns, &probe))
		return yaml_error(n, e, "within takes only the word predicted; did you mean at_most: "
				  "%s?", word);
	return yaml_error(n, e, "within takes only the word predicted, not \"%.60s\"", word);
}

static int read_fault_id(const struct ynode *n, const struct scenario *s,
			 const struct metric *m, struct expectation *x, struct err *e)
{
	struct buf ids = {.cap = 300};
	const char *all[512], *near;
	size_t i, count = 0;
	int rc;

	if (yaml_to_string(n, &x->fault, e))
		return -1;
	if (!(m->flags & M_FAULT))
		return yaml_error(n, e, "%s is about the whole scenario, not one fault; remove this "
				  "key", m->name);
	if (s->nameless || scenario_fault(s, x->fault))
		return 0;
	for (i = 0; i < s->nsteps && count < ARRAY_LEN(all) - 1; i++) {
		if (s->steps[i].kind == STEP_FAULT) {
			buf_fmt(&ids, "%s%s", count ? ", " : "", s->steps[i].id);
			all[count++] = s->steps[i].id;
		}
	}
	all[count] = NULL;
	near = yaml_nearest(x->fault, all);
	if (near)
		rc = yaml_error(n, e, "no fault has the id \"%.60s\"; did you mean \"%s\"?",
				x->fault, near);
	else
		rc = yaml_error(n, e, "no fault has the id \"%.60s\"; there are: %s", x->fault,
				count ? buf_cstr(&ids) : "none");
	buf_free(&ids);
	return rc;
}

static bool is_scalar(const struct ynode *n)
{
	return n && n->kind == Y_SCALAR && *n->text;
}

/* accepted: WHY, setting: {NAME: VALUE}. */
static int read_accepted(const struct ynode *n, const struct metric *m, struct expectation *x,
			 struct err *e)
{
	const struct ynode *why = yaml_get(n, "accepted"), *setting = yaml_get(n, "setting");
	struct err all = {0}, one = {0};

	if (!why && !setting)
		return 0;
	if (!(m->flags & M_ACCEPT))
		return yaml_error(why ? why : setting, e, "%s cannot be accepted: give it a limit", m->name);
	if (!why)
		return yaml_error(setting, e, "a setting allows what is accepted: say why, accepted: \"...\"");
	if (scenario_line(why, &x->accepted, &one))
		err_add(&all, &one);
	if (!setting || setting->kind != Y_MAP || setting->n != 1 ||
	    !is_scalar(setting->items[0])) {
		yaml_error(setting ? setting : why, &one, "name the one setting that allows it, with its value; "
			   "write: setting: {synchronous_mode: off}");
		err_add(&all, &one);
		return err_all(&all, e);
	}
	x->setting = setting->keys[0]->text;
	x->setting_value = setting->items[0]->text;
	return err_all(&all, e);
}

static int read_of(const struct ynode *n, const struct scenario *s, const struct metric *m,
		   struct expectation *x, struct err *e)
{
#define WORD(id, word, words) word,
	const char *all[OP_KINDS + 8] = {OF_LIST(WORD)};
#undef WORD
	uint32_t ops = load_spec_ops(&s->load);
	char has[OP_SET_MAX];
	size_t words = 0;

	if (!(m->flags & M_OF))
		return yaml_error(n, e, "%s is not of some operations only; remove this key", m->name);
	while (all[words])
		words++;
	for (int f = 0; f < OP_KINDS; f++)
		all[words + (size_t)f] = op_f_name((enum op_f)f);
	if (scenario_word(n, all, "kind of operations", &x->of, e))
		return -1;
	if (!(ops & of_kinds(x->of)))
		return yaml_error(n, e, "the load's mix has no %s; it has %s", x->of, op_set_text(ops, has));
	return 0;
}

/* A limit that nothing can miss says nothing when it is kept. */
static int can_be_missed(const struct ynode *n, const struct scenario *s, const struct metric *m,
			 const struct expectation *x, struct err *e)
{
	if (x->has_at_least && !(x->at_least > 0))
		return yaml_error(yaml_get(n, "at_least"), e, "%s is never less than that, so nothing could miss this limit: ask "
				  "for more, or remove it", m->name);
	if (!x->has_at_most || metric_most_missable(x->metric, x->at_most, s->load.deadline_ns))
		return 0;
	if (m->unit == METRIC_SHARE)
		return yaml_error(yaml_get(n, "at_most"), e, "%s is never more than that, so nothing could miss this limit: ask "
				  "for less, or remove it", m->name);
	return yaml_error(yaml_get(n, "at_most"), e, "clients wait no longer than twice the load's deadline of %.10g s, so "
			  "nothing could miss this limit: ask for less", in_s(s->load.deadline_ns));
}

static int read_limits(const struct ynode *n, const struct scenario *s, const struct metric *m,
		       struct expectation *x, struct err *e)
{
	static const char *const keys[] = {"at_most", "at_least", "within", "fault", "of", "accepted", "setting",
					  NULL};
	const char *example = m->unit == METRIC_NS ? "{at_most: 45s}" :
			      m->unit == METRIC_SHARE ? "{at_least: 99%}" : "{at_most: 0}";
	struct err all = {0}, one = {0};
	const struct ynode *v;

	if (n->kind != Y_MAP)
		return yaml_error(n, e, "%s needs its limit in a map; write: %s: %s", m->name,
				  m->name, example);
	if (yaml_check_keys(n, keys, m->name, &one))
		err_add(&all, &one);
	x->has_at_most = (v = yaml_get(n, "at_most"));
	if (v && read_bound(v, m, &x->at_most, &one))
		err_add(&all, &one);
	x->has_at_least = (v = yaml_get(n, "at_least"));
	if (v && (m->flags & M_FLOOR ? read_bound(v, m, &x->at_least, &one) :
				       yaml_error(v, &one, "%s has no lower limit; write at_most", m->name)))
		err_add(&all, &one);
	if ((v = yaml_get(n, "within")) && read_within(v, m, x, &one))
		err_add(&all, &one);
	if ((v = yaml_get(n, "fault")) && read_fault_id(v, s, m, x, &one))
		err_add(&all, &one);
	if ((v = yaml_get(n, "of")) && read_of(v, s, m, x, &one))
		err_add(&all, &one);
	if (read_accepted(n, m, x, &one))
		err_add(&all, &one);
	/* What is left was read; now what it says together. */
	if (err_all(&all, e))
		return -1;
	if (!x->has_at_most && !x->has_at_least && !x->within_predicted && !x->accepted)
		return yaml_error(n, e, "%s has no limit; write: %s: %s", m->name, m->name, example);
	if (x->within_predicted && (x->has_at_most || x->has_at_least))
		return yaml_error(n, e, "within: predicted and a limit are two expectations: write "
				  "two, so that each has a verdict");
	if (x->has_at_most && x->has_at_least && x->at_least > x->at_most)
		return yaml_error(n, e, "at_least is above at_most: nothing can fulfil that");
	return can_be_missed(n, s, m, x, e);
}

/* Outage and recovery are seen against what was normal: without a steady
 * phase before the first fault there is no baseline to measure by. */
static int need_baseline(const struct scenario *s, const struct expectation *x, struct err *e)
{
	const struct step *fault = NULL;
	int64_t steady_ns = 0;
	size_t i;

	for (i = 0; i < s->nsteps && !fault; i++) {
		if (s->steps[i].kind == STEP_STEADY)
			steady_ns += s->steps[i].duration_ns;
		if (s->steps[i].kind == STEP_FAULT)
			fault = &s->steps[i];
	}
	if (!fault)
		return yaml_error(x->at, e, "%s needs a fault, and the steps have none",
				  metric_of(x->metric)->name);
	if (steady_ns < BASELINE_MIN_S * NS_PER_S)
		return yaml_error(fault->at, e, "no steady phase of at least 3 s before the first "
				  "fault, so nothing to measure %s against; put before it: - steady: "
				  "10s", metric_of(x->metric)->name);
	return 0;
}

/* Expectations that this scenario can never show. */
static int check_sense(const struct scenario *s, const struct metric *m,
		       const struct expectation *x, struct err *e)
{
	uint32_t ops = load_spec_ops(&s->load);

	if (m->flags & M_BASELINE && !s->partial && need_baseline(s, x, e))
		return -1;
	if (m->flags & M_WRITES && !x->of && !(ops & OP_WRITES))
		return yaml_error(x->at, e, "%s is measured on writes, and the load's mix has none",
				  m->name);
	if (m->flags & M_REPLICAS && !(ops & OP_BIT(OP_READ_REPLICA)))
		return yaml_error(x->at, e, "%s is measured on replicas' answers: give read_replica "
				  "a weight in the load's mix", m->name);
	if (m->flags & M_INSERTS && !(ops & (OP_BIT(OP_INSERT) | OP_BIT(OP_SEND))))
		return yaml_error(x->at, e, "%s is counted on inserts and sends, and the load's mix has "
				  "neither", m->name);
	return 0;
}

static const char *words_of(struct arena *a, const struct scenario *s, const struct metric *m,
			    const struct expectation *x)
{
	struct buf b = {.cap = 160};
	const char *words;

	m->words(&b, s, x);
	words = arena_strdup(a, buf_cstr(&b));
	buf_free(&b);
	return words;
}

/* true, or {want: false, object: NAME, reason: WORDS}. */
static int read_stands(const struct ynode *n, struct expectation *x, struct err *e)
{
	static const char *const keys[] = {"want", "object", "reason", NULL};
	const struct ynode *want, *object, *reason;
	struct err all = {0}, one = {0};

	if (n->kind != Y_MAP)
		return yaml_to_bool(n, &x->want, e);
	want = yaml_get(n, "want");
	object = yaml_get(n, "object");
	reason = yaml_get(n, "reason");
	if (yaml_check_keys(n, keys, "stands", &one))
		err_add(&all, &one);
	if (want && yaml_to_bool(want, &x->want, &one))
		err_add(&all, &one);
	if (object && scenario_line(object, &x->object, &one))
		err_add(&all, &one);
	if (reason && scenario_line(reason, &x->reason, &one))
		err_add(&all, &one);
	if (err_all(&all, e))
		return -1;
	if (!want)
		return yaml_error(n, e, "say what is wanted: want: false");
	if (x->want && (object || reason))
		return yaml_error(object ? object : reason, e, "what is to come up needs no reason; remove this key");
	if (!x->want && (!object || !reason))
		return yaml_error(n, e, "name the object that does not come up and words of the reason; write: stands: "
				  "{want: false, object: StatefulSet/NAME, reason: \"...\"}");
	return 0;
}

/* {run: ID, succeeded: true}, or {run: ID, succeeded: false, reason: ...}. */
static int read_job(const struct ynode *n, const struct scenario *s, struct expectation *x,
		    struct err *e)
{
	static const char *const keys[] = {"run", "succeeded", "reason", NULL};
	const struct ynode *run = yaml_get(n, "run"), *want = yaml_get(n, "succeeded"), *reason = yaml_get(n, "reason");
	struct err all = {0}, one = {0};
	bool known;

	x->want = true;
	if (n->kind != Y_MAP)
		return yaml_error(n, e, "say which run's job; write: job: {run: ID, succeeded: true}");
	known = !yaml_check_keys(n, keys, "job", &one);
	if (!known)
		err_add(&all, &one);
	if (run ? yaml_to_string(run, &x->run, &one) :
		  known && yaml_error(n, &one, "say which run's job; write: job: {run: ID, succeeded: true}"))
		err_add(&all, &one);
	if (run && x->run && !s->nameless && !scenario_run(s, x->run)) {
		yaml_error(run, &one, "no run step has the id \"%.60s\"", x->run);
		err_add(&all, &one);
	}
	if (want && yaml_to_bool(want, &x->want, &one))
		err_add(&all, &one);
	if (reason && scenario_line(reason, &x->reason, &one))
		err_add(&all, &one);
	if (err_all(&all, e))
		return -1;
	if (x->want && reason)
		return yaml_error(reason, e, "what is to succeed needs no reason; remove this key");
	if (!x->want && !reason)
		return yaml_error(n, e, "a job may fail for want of an image: give words of what it is to fail for, in its log or its "
				  "condition; write: job: {run: %s, succeeded: false, reason: \"...\"}", x->run);
	return 0;
}

/* {service: NAME, want: false}. */
static int read_routes(const struct ynode *n, struct expectation *x, struct err *e)
{
	static const char *const keys[] = {"service", "want", NULL};
	const struct ynode *service = yaml_get(n, "service"), *want = yaml_get(n, "want");
	struct err all = {0}, one = {0};

	if (n->kind != Y_MAP || !service || !want)
		return yaml_error(n, e, "say which Service, and what is wanted; write: routes_to_primary: "
				  "{service: NAME, want: false}");
	if (yaml_check_keys(n, keys, "routes_to_primary", &one))
		err_add(&all, &one);
	if (scenario_line(service, &x->object, &one))
		err_add(&all, &one);
	if (yaml_to_bool(want, &x->want, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}

/* The one metric of the map: x->metric, and its value in *value. */
static int find_metric(const struct ynode *at, struct expectation *x, const struct ynode **value,
		       struct err *e)
{
#define NAME(id, name, unit, flags, shows, words, judge) name,
#define LISTED(id, name, unit, flags, shows, words, judge) ", " name
	static const char *const keys[] = {METRIC_LIST(NAME) "name", NULL};
	static const char listed[] = METRIC_LIST(LISTED);
#undef NAME
#undef LISTED

	if (at->kind != Y_MAP)
		return yaml_check_keys(at, keys, "an expectation", e);
	for (int i = 0; i < METRICS; i++) {
		const struct ynode *n = yaml_get(at, keys[i]);

		if (n && *value)
			return yaml_error(at, e, "an expectation is one thing, this one is both %s "
					  "and %s: put a - before each", keys[x->metric], keys[i]);
		if (n) {
			x->metric = (enum expect_metric)i;
			*value = n;
		}
	}
	if (yaml_check_keys(at, keys, "an expectation", e))
		return -1;
	if (!*value)
		return yaml_error(at, e, "an expectation needs one of %s", listed + strlen(", "));
	return 0;
}

static int read_expect(struct arena *a, const struct ynode *at,
		       const struct scenario_names *names, const struct scenario *s,
		       struct expectation *x, struct err *e)
{
	const struct ynode *value = NULL, *name = yaml_get(at, "name");
	struct err all = {0}, one = {0};
	const struct metric *m;
	int rc = 0;

	x->at = at;
	if (find_metric(at, x, &value, &one))
		err_add(&all, &one);
	if (!value)
		return err_all(&all, e);
	m = metric_of(x->metric);
	switch (m->unit) {
	case METRIC_BOOL:
		rc = x->metric == EXPECT_STANDS ? read_stands(value, x, &one) :
		     x->metric == EXPECT_JOB ? read_job(value, s, x, &one) :
		     x->metric == EXPECT_ROUTES ? read_routes(value, x, &one) :
		     yaml_to_bool(value, &x->want, &one);
		break;
	case METRIC_CHECKER:
		rc = scenario_word(value, names->checkers, "checker", &x->checker, &one);
		break;
	case METRIC_NS:
	case METRIC_COUNT:
	case METRIC_SHARE:
		rc = read_limits(value, s, m, x, &one);
		break;
	}
	if (rc || check_sense(s, m, x, &one))
		err_add(&all, &one);
	if (!all.kind)
		x->name = words_of(a, s, m, x);
	if (name && scenario_line(name, &x->name, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}

int scenario_read_expects(struct arena *a, const struct ynode *list,
			  const struct scenario_names *names, struct scenario *out,
			  struct err *e)
{
	struct err all = {0}, one = {0};
	size_t i, k;

	if (list->kind != Y_LIST)
		return yaml_error(list, e, "expect must be a list: a line with - for each "
				  "expectation");
	if (!list->n)
		return yaml_error(list, e, "the scenario expects nothing; add: - lost: {at_most: 0}");
	if (list->n > 200)
		return yaml_error(list->items[200], e, "more than 200 expectations");
	out->expects = arena_alloc(a, list->n * sizeof(*out->expects));
	for (i = 0; i < list->n; i++) {
		struct expectation *x = &out->expects[out->nexpects];

		*x = (struct expectation){0};
		if (read_expect(a, list->items[i], names, out, x, &one)) {
			err_add(&all, &one);
			continue;
		}
		for (k = 0; k < out->nexpects && strcmp(out->expects[k].name, x->name); k++)
			;
		if (k < out->nexpects) {
			yaml_error(list->items[i], &one, "this expectation (%.80s) is already in line %d; remove one, "
				   "or name them: name: ...", x->name, out->expects[k].at->line);
			err_add(&all, &one);
			continue;
		}
		out->nexpects++;
	}
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
