#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "scenario/parts.h"

/* What a scenario expects, and names for it that can be read alone. */

enum unit { UNIT_BOOL, UNIT_NS, UNIT_COUNT, UNIT_CHECKER };

struct metric {
	const char *name;
	enum unit unit;
	bool at_least;  /* may have a lower bound */
	bool fault;     /* may be about one fault */
	bool predicted; /* may say within: predicted */
	bool inserts;   /* is counted on inserted values and sent messages */
};

/* In the order of enum expect_metric. */
static const struct metric metrics[] = {
	[EXPECT_STANDS] = {"stands", UNIT_BOOL, false, false, false, false},
	[EXPECT_OUTAGE] = {"outage", UNIT_NS, true, true, true, false},
	[EXPECT_LOST] = {"lost", UNIT_COUNT, true, true, false, true},
	[EXPECT_PHANTOM] = {"phantom", UNIT_COUNT, true, false, false, true},
	[EXPECT_DUPLICATE] = {"duplicate", UNIT_COUNT, true, false, false, true},
	[EXPECT_RECOVERY] = {"recovery", UNIT_NS, true, true, false, false},
	[EXPECT_DUAL_PRIMARY] = {"dual_primary", UNIT_NS, true, false, false, false},
	[EXPECT_DEADLINE] = {"deadline", UNIT_NS, false, false, false, false},
	[EXPECT_DEMOTED] = {"demoted", UNIT_NS, false, true, false, false},
	[EXPECT_ERRORS_CLEAR] = {"errors_clear", UNIT_BOOL, false, false, false, false},
	[EXPECT_CHECK] = {"check", UNIT_CHECKER, false, false, false, false},
	[EXPECT_STALENESS] = {"staleness", UNIT_NS, false, false, false, false},
	[EXPECT_EVICTED] = {"evicted", UNIT_COUNT, true, false, false, true},
};

enum { BASELINE_MIN_S = 3 }; /* measure/ takes its normal from this */

const char *expect_metric_name(enum expect_metric m)
{
	return (size_t)m < ARRAY_LEN(metrics) ? metrics[m].name : "?";
}

static void add_duration(struct buf *b, double ns)
{
	if (ns >= (double)NS_PER_S || !(ns > 0))
		buf_fmt(b, "%.10g s", ns / (double)NS_PER_S);
	else
		buf_fmt(b, "%.10g ms", ns / (double)NS_PER_MS);
}

static void add_bounds(struct buf *b, const struct expectation *x)
{
	if (x->within_predicted)
		buf_str(b, " within the predicted window");
	if (x->has_at_least) {
		buf_str(b, " at least ");
		add_duration(b, x->at_least);
	}
	if (x->has_at_most) {
		if (x->has_at_least)
			buf_str(b, " and at most ");
		else if (x->metric == EXPECT_RECOVERY || x->metric == EXPECT_DEMOTED)
			buf_str(b, " within ");
		else
			buf_str(b, " at most ");
		add_duration(b, x->at_most);
	}
}

static void name_count(struct buf *b, const struct expectation *x, const char *none,
		       const char *some)
{
	if (x->has_at_most && !(x->at_most > 0)) {
		buf_str(b, none);
		return;
	}
	if (x->has_at_least)
		buf_fmt(b, "at least %.0f ", x->at_least);
	if (x->has_at_most)
		buf_fmt(b, "%sat most %.0f ", x->has_at_least ? "and " : "", x->at_most);
	buf_str(b, some);
}

static void name_durations(struct buf *b, const struct scenario *s, const struct expectation *x)
{
	const char *only = x->fault;
	size_t i, faults = 0;

	for (i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind != STEP_FAULT)
			continue;
		if (!faults++ && !x->fault)
			only = s->steps[i].id;
		else if (!x->fault)
			only = NULL; /* several: the worst of them */
	}
	switch (x->metric) {
	case EXPECT_OUTAGE:
		buf_fmt(b, only ? "outage of %s" : "worst outage", only);
		break;
	case EXPECT_RECOVERY:
		buf_str(b, "redundant again");
		add_bounds(b, x);
		buf_fmt(b, only ? " of %s" : " of every fault", only);
		return;
	case EXPECT_DEMOTED:
		buf_str(b, "old primary demoted");
		add_bounds(b, x);
		buf_fmt(b, only ? " of healing %s" : " of every healing", only);
		return;
	case EXPECT_DUAL_PRIMARY:
		if (x->has_at_most && !(x->at_most > 0)) {
			buf_str(b, "never two writable primaries");
			return;
		}
		buf_str(b, "time with two writable primaries");
		break;
	case EXPECT_STALENESS:
		buf_str(b, "replicas' answers behind by");
		break;
	default:
		buf_str(b, "longest client operation");
		break;
	}
	add_bounds(b, x);
}

static const char *default_name(struct arena *a, const struct scenario *s,
				const struct expectation *x)
{
	struct buf b = {.cap = 160};
	const char *name;

	switch (x->metric) {
	case EXPECT_STANDS:
		buf_str(&b, x->want ? "comes up as written and takes a write" :
				      "does not come up as written");
		break;
	case EXPECT_ERRORS_CLEAR:
		buf_str(&b, x->want ? "clients get clear errors, not silence" :
				      "clients get silence, not clear errors");
		break;
	case EXPECT_CHECK:
		buf_fmt(&b, "checker %s finds no violation", x->checker);
		break;
	case EXPECT_LOST:
		name_count(&b, x, "no acknowledged write lost", "acknowledged writes lost");
		break;
	case EXPECT_PHANTOM:
		name_count(&b, x, "no refused write present", "refused writes present");
		break;
	case EXPECT_DUPLICATE:
		name_count(&b, x, "no write present twice", "writes present twice");
		break;
	case EXPECT_EVICTED:
		name_count(&b, x, "no acknowledged write evicted", "acknowledged writes evicted");
		break;
	default:
		name_durations(&b, s, x);
		break;
	}
	if (x->metric == EXPECT_LOST && x->fault)
		buf_fmt(&b, " by %s", x->fault);
	name = arena_strdup(a, buf_cstr(&b));
	buf_free(&b);
	return name;
}

/* One bound, in the metric's unit. */
static int read_bound(const struct ynode *n, const struct metric *m, double *out, struct err *e)
{
	int64_t v;
	struct err probe = {0};

	if (m->unit == UNIT_NS) {
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

static int read_within(const struct ynode *n, const struct metric *m, struct expectation *x,
		       struct err *e)
{
	struct err probe = {0};
	const char *word;
	int64_t ns;

	if (!m->predicted)
		return yaml_error(n, e, "only outage can be within: predicted; write at_most: ... "
				  "here");
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
	if (!m->fault)
		return yaml_error(n, e, "%s is about the whole scenario, not one fault; remove this "
				  "key", m->name);
	if (scenario_fault(s, x->fault))
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

static int read_limits(const struct ynode *n, const struct scenario *s, const struct metric *m,
		       struct expectation *x, struct err *e)
{
	static const char *const keys[] = {"at_most", "at_least", "within", "fault", NULL};
	const struct ynode *v;
	const char *example = m->unit == UNIT_NS ? "{at_most: 45s}" : "{at_most: 0}";

	if (n->kind != Y_MAP)
		return yaml_error(n, e, "%s needs its limit in a map; write: %s: %s", m->name,
				  m->name, example);
	if (yaml_check_keys(n, keys, m->name, e))
		return -1;
	if ((v = yaml_get(n, "at_most"))) {
		x->has_at_most = true;
		if (read_bound(v, m, &x->at_most, e))
			return -1;
	}
	if ((v = yaml_get(n, "at_least"))) {
		if (!m->at_least)
			return yaml_error(v, e, "%s has no lower limit; write at_most", m->name);
		x->has_at_least = true;
		if (read_bound(v, m, &x->at_least, e))
			return -1;
	}
	if ((v = yaml_get(n, "within")) && read_within(v, m, x, e))
		return -1;
	if ((v = yaml_get(n, "fault")) && read_fault_id(v, s, m, x, e))
		return -1;
	if (!x->has_at_most && !x->has_at_least && !x->within_predicted)
		return yaml_error(n, e, "%s has no limit; write: %s: %s", m->name, m->name, example);
	if (x->within_predicted && (x->has_at_most || x->has_at_least))
		return yaml_error(n, e, "within: predicted and a limit are two expectations: write "
				  "two, so that each has a verdict");
	if (x->has_at_most && x->has_at_least && x->at_least > x->at_most)
		return yaml_error(n, e, "at_least is above at_most: nothing can fulfil that");
	return 0;
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
				  expect_metric_name(x->metric));
	if (steady_ns < BASELINE_MIN_S * NS_PER_S)
		return yaml_error(fault->at, e, "no steady phase of at least 3 s before the first "
				  "fault, so nothing to measure %s against; put before it: - steady: "
				  "10s", expect_metric_name(x->metric));
	return 0;
}

/* Expectations that this scenario can never show. */
static int check_sense(const struct scenario *s, const struct metric *m,
		       const struct expectation *x, struct err *e)
{
	const struct load_spec *l = &s->load;

	switch (x->metric) {
	case EXPECT_OUTAGE:
	case EXPECT_RECOVERY:
	case EXPECT_DEMOTED:
		if (need_baseline(s, x, e))
			return -1;
		break;
	default:
		break;
	}
	if (x->metric == EXPECT_OUTAGE && !(load_spec_ops(l) & OP_WRITES))
		return yaml_error(x->at, e, "an outage is one of writes, and the load's mix has "
				  "none");
	if (x->metric == EXPECT_STALENESS && !l->mix[OP_READ_REPLICA])
		return yaml_error(x->at, e, "staleness is measured on replicas' answers: give read_replica "
				  "a weight in the load's mix");
	if (m->inserts && !(load_spec_ops(l) & (OP_BIT(OP_INSERT) | OP_BIT(OP_SEND))))
		return yaml_error(x->at, e, "%s is counted on inserts and sends, and the load's mix has "
				  "neither", m->name);
	return 0;
}

static int read_expect(struct arena *a, const struct ynode *at,
		       const struct scenario_names *names, const struct scenario *s,
		       struct expectation *x, struct err *e)
{
	static const char *const keys[] = {"stands", "outage", "lost", "phantom", "duplicate",
					   "recovery", "dual_primary", "deadline", "demoted",
					   "errors_clear", "check", "staleness", "evicted", "name",
					   NULL};
	const struct ynode *value = NULL, *n;
	const struct metric *m = NULL;
	size_t i;
	int rc;

	x->at = at;
	if (yaml_check_keys(at, keys, "an expectation", e))
		return -1;
	for (i = 0; i < ARRAY_LEN(metrics); i++) {
		n = yaml_get(at, metrics[i].name);
		if (n && m)
			return yaml_error(at, e, "an expectation is one thing, this one is both %s "
					  "and %s: put a - before each", m->name, metrics[i].name);
		if (n) {
			m = &metrics[i];
			value = n;
			x->metric = (enum expect_metric)i;
		}
	}
	if (!m)
		return yaml_error(at, e, "an expectation needs one of stands, outage, lost, phantom, "
				  "duplicate, recovery, dual_primary, deadline, demoted, "
				  "errors_clear, check, staleness, evicted");
	if (m->unit == UNIT_BOOL)
		rc = yaml_to_bool(value, &x->want, e);
	else if (m->unit == UNIT_CHECKER)
		rc = scenario_word(value, names->checkers, "checker", &x->checker, e);
	else
		rc = read_limits(value, s, m, x, e);
	if (rc || check_sense(s, m, x, e))
		return -1;
	x->name = default_name(a, s, x);
	n = yaml_get(at, "name");
	return n ? scenario_line(n, &x->name, e) : 0;
}

int scenario_read_expects(struct arena *a, const struct ynode *list,
			  const struct scenario_names *names, struct scenario *out,
			  struct err *e)
{
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
		if (read_expect(a, list->items[i], names, out, &out->expects[i], e))
			return -1;
		for (k = 0; k < i; k++) {
			if (!strcmp(out->expects[k].name, out->expects[i].name))
				return yaml_error(list->items[i], e, "this expectation (%.80s) is "
						  "already in line %d; remove one, or name them: name: "
						  "...", out->expects[i].name,
						  out->expects[k].at->line);
		}
		out->nexpects++;
	}
	return 0;
}
