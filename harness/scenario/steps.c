#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "scenario/parts.h"

/* The steps of a scenario, and the contradictions between them. */

enum { STEPS_MAX = 500, FAULTS_MAX = 32 };

const struct step *scenario_fault(const struct scenario *s, const char *id)
{
	size_t i;

	for (i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind == STEP_FAULT && !strcmp(s->steps[i].id, id))
			return &s->steps[i];
	}
	return NULL;
}

const struct step *scenario_run(const struct scenario *s, const char *id)
{
	for (size_t i = 0; i < s->nsteps; i++)
		if (s->steps[i].kind == STEP_RUN && !strcmp(s->steps[i].id, id))
			return &s->steps[i];
	return NULL;
}

/* Every id of such steps so far, for a suggestion. */
static const char *nearest_id(const struct scenario *s, enum step_kind kind, const char *id)
{
	const char *ids[STEPS_MAX + 1];
	size_t i, n = 0;

	for (i = 0; i < s->nsteps; i++) {
		if (s->steps[i].kind == kind)
			ids[n++] = s->steps[i].id;
	}
	ids[n] = NULL;
	return yaml_nearest(id, ids);
}

static int read_duration(const struct ynode *n, const char *what, int64_t *out, struct err *e)
{
	if (yaml_to_duration_ns(n, out, e))
		return -1;
	if (!*out)
		return yaml_error(n, e, "%s must be longer than nothing", what);
	return 0;
}

/* A role, a member's name, or node/NAME. Names of pods end in a number, so a
 * word without one that is close to a role is a slip. */
const char *target_node_name(const char *target)
{
	static const char prefix[] = "node/";

	return strncmp(target, prefix, strlen(prefix)) ? NULL : target + strlen(prefix);
}

static const char *const roles[] = {"primary", "replica", "any", "all", "minority", NULL};

bool target_is_role(const char *target)
{
	for (size_t i = 0; roles[i]; i++)
		if (!strcmp(target, roles[i]))
			return true;
	return false;
}

static int read_target(const struct ynode *n, const char **out, struct err *e)
{
	const char *name, *near, *p;

	if (yaml_to_string(n, out, e))
		return -1;
	name = target_node_name(*out);
	if (!name)
		name = *out;
	for (p = name; islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '-' ||
		       *p == '.'; p++)
		;
	if (*p || p == name || p - name > 63)
		return yaml_error(n, e, "a target is primary, replica, any, all, a member's name, "
				  "or node/NAME, not \"%.60s\"", *out);
	near = yaml_nearest(*out, roles);
	if (name == *out && near && strcmp(near, *out) && !strpbrk(name, "0123456789"))
		return yaml_error(n, e, "unknown target \"%.60s\"; did you mean \"%s\"?", *out,
				  near);
	return 0;
}

/* What others call a step or a key is taken for what it means here. */
static int rename_key(const struct ynode *map, const char *from, const char *to, struct err *e)
{
	for (size_t i = 0; i < map->n; i++) {
		if (strcmp(map->keys[i]->text, from))
			continue;
		if (yaml_get(map, to))
			return yaml_error(map->keys[i], e, "\"%s\" means \"%s\", which is there, too: remove one", from, to);
		map->keys[i]->text = to;
	}
	return 0;
}

/* The keys that a fault's step may have: the common ones and its own. */
static int check_fault_keys(const struct ynode *at, const char *fault,
			    const struct scenario_names *names, struct err *e)
{
	const char *allowed[64] = {"fault", "target", "as", "for"};
	const char *const *own = names->fault_params ? names->fault_params(fault) : NULL;
	char what[96];
	size_t n = 4;

	if (!names->fault_params)
		return 0;
	while (own && *own && n < 62)
		allowed[n++] = *own++;
	if (yaml_get(at, "for"))
		allowed[n++] = "duration"; /* it means the same, which has been told */
	allowed[n] = NULL;
	mem_copy_str(what, sizeof(what), "the fault ");
	mem_copy_str(what + strlen(what), sizeof(what) - strlen(what), fault);
	return yaml_check_keys(at, allowed, what, e);
}

static int read_fault_id(const struct ynode *at, const struct scenario *s, struct step *st,
			 struct err *e)
{
	const struct ynode *id_at = yaml_get(at, "as"), *n = id_at ? id_at : yaml_get(at, "fault");
	const struct step *other;

	/* What refers to it is no mistake for a mistake elsewhere in it. */
	st->id = n->kind == Y_SCALAR ? n->text : "";
	if (!id_at && !st->fault)
		return 0;
	if (yaml_to_string(n, &st->id, e))
		return -1;
	if (!scenario_is_name(st->id))
		return yaml_error(id_at ? id_at : at, e, "a fault's id has lower case letters, "
				  "digits and hyphens, at most 40, not \"%.60s\"", st->id);
	other = scenario_fault(s, st->id);
	if (other)
		return yaml_error(id_at ? id_at : at, e, "two faults have the id \"%s\" (the first "
				  "in line %d); give this one another with as: ...", st->id,
				  other->at->line);
	return 0;
}

/* All that is wrong with it, but what stands at the fault's own keys: that is looked at
 * by whoever knows the fault. */
static int read_fault(const struct ynode *at, const struct scenario_names *names,
		      struct scenario *s, struct step *st, struct err *e)
{
	struct err all = {0}, one = {0};
	const struct ynode *n;
	bool keys = false;

	st->target = "any";
	st->params = at;
	if (rename_key(at, "duration", "for", &one))
		err_add(&all, &one);
	if (scenario_word(yaml_get(at, "fault"), names->faults, "fault", &st->fault, &one)) {
		st->fault = NULL;
		err_add(&all, &one);
		s->nameless = s->nameless || !yaml_get(at, "as");
	} else {
		keys = !check_fault_keys(at, st->fault, names, &one);
	}
	if (one.kind)
		err_add(&all, &one);
	if (!(n = yaml_get(at, "target"))) {
		if (keys && yaml_error(at, &one, "the fault %s has no target; add: target: primary", st->fault))
			err_add(&all, &one);
	} else if (read_target(n, &st->target, &one)) {
		st->target = "any";
		err_add(&all, &one);
	}
	if ((n = yaml_get(at, "for")) && read_duration(n, "for", &st->duration_ns, &one)) {
		st->duration_ns = 0;
		err_add(&all, &one);
	}
	if (read_fault_id(at, s, st, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}

static int read_heal(const struct ynode *at, const struct scenario *s, struct step *st,
		     struct err *e)
{
	static const char *const keys[] = {"heal", NULL};
	const struct ynode *n = yaml_get(at, "heal");
	struct err all = {0}, one = {0};
	const struct step *fault;
	const char *near;

	if (yaml_check_keys(at, keys, "a heal step", &one))
		err_add(&all, &one);
	if (yaml_to_string(n, &st->id, &one)) {
		st->id = NULL;
		err_add(&all, &one);
		return err_all(&all, e);
	}
	fault = scenario_fault(s, st->id);
	if (!fault && !s->nameless) {
		near = nearest_id(s, STEP_FAULT, st->id);
		yaml_error(n, &one, "no fault with the id \"%.60s\" was injected before this step%s%s%s", st->id,
			   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	for (size_t i = 0; fault && !one.kind && i < s->nsteps; i++)
		if (s->steps[i].kind == STEP_HEAL && !strcmp(s->steps[i].id, st->id))
			yaml_error(n, &one, "\"%s\" is already healed in line %d; remove this step", st->id,
				   s->steps[i].at->line);
	if (fault && !one.kind && fault->duration_ns)
		yaml_error(n, &one, "\"%s\" heals by itself (for: ... in line %d); remove the for or this step",
			   st->id, yaml_get(fault->at, "for")->line);
	if (one.kind)
		err_add(&all, &one);
	return err_all(&all, e);
}

#define WORD(id, word) word,
static const char *const await_words[] = {AWAIT_LIST(WORD) NULL};
static const char *const step_words[] = {STEP_LIST(WORD) NULL};
#undef WORD

const char *step_word(enum step_kind k)
{
	return step_words[k];
}

const char *await_word(enum await_kind k)
{
	return k == AWAIT_JOB ? "job" : await_words[k];
}

/* The NAME of a text "PREFIX/NAME". */
static const char *behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return !strncmp(text, prefix, len) && text[len] == '/' ? text + len + 1 : NULL;
}

/* job/ID. */
static int read_await_job(const struct ynode *n, const struct scenario *s, struct step *st,
			  struct err *e)
{
	const char *near;

	st->await = AWAIT_JOB;
	st->id = behind(n->text, "job");
	if (s->nameless || scenario_run(s, st->id))
		return 0;
	near = nearest_id(s, STEP_RUN, st->id);
	return yaml_error(n, e, "no run step with the id \"%.60s\" stands before this one%s%s%s", st->id,
			  near ? "; did you mean \"job/" : "", near ? near : "", near ? "\"?" : "");
}

static int read_cron_job(const struct ynode *n, struct step *st, struct err *e)
{
	const char *text;

	st->cron_job = "";
	if (yaml_to_string(n, &text, e))
		return -1;
	if (!behind(text, "cronjob") || !*behind(text, "cronjob"))
		return yaml_error(n, e, "a run step starts a Job from a CronJob of the manifests: write run: cronjob/NAME, not "
				  "\"%.60s\"", text);
	st->cron_job = behind(text, "cronjob");
	return 0;
}

static int read_run_id(const struct ynode *at, struct scenario *s, struct step *st, struct err *e)
{
	const struct ynode *id_at = yaml_get(at, "as"), *n = id_at ? id_at : yaml_get(at, "run");

	/* What refers to it is no mistake for a mistake elsewhere in it. */
	st->id = st->cron_job;
	s->nameless = s->nameless || (!id_at && !*st->cron_job);
	if (!id_at && !*st->cron_job)
		return 0;
	if (id_at && yaml_to_string(id_at, &st->id, e)) {
		st->id = "";
		return -1;
	}
	if (!scenario_is_name(st->id))
		return yaml_error(n, e, "the id of a run has lower case letters, digits and hyphens, at most 40, not "
				  "\"%.60s\"; give it one with as: ...", st->id);
	if (scenario_run(s, st->id))
		return yaml_error(n, e, "two runs have the id \"%s\" (the first in line %d); give this one another "
				  "with as: ...", st->id, scenario_run(s, st->id)->at->line);
	return 0;
}

/* run: cronjob/NAME. */
static int read_run(const struct ynode *at, struct scenario *s, struct step *st,
		    struct err *e)
{
	static const char *const keys[] = {"run", "as", "within", NULL};
	const struct ynode *within = yaml_get(at, "within");
	struct err all = {0}, one = {0};

	if (yaml_check_keys(at, keys, "a run step", &one))
		err_add(&all, &one);
	if (read_cron_job(yaml_get(at, "run"), st, &one))
		err_add(&all, &one);
	if (read_run_id(at, s, st, &one))
		err_add(&all, &one);
	if (within && read_duration(within, "within", &st->duration_ns, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}

static int read_awaited(const struct ynode *n, const struct scenario *s, struct step *st,
			struct err *e)
{
	const char *word;
	size_t i;

	if (yaml_to_string(n, &word, e))
		return -1;
	if (behind(word, "job"))
		return read_await_job(n, s, st, e);
	if (scenario_word(n, await_words, "thing to await", &word, e))
		return -1;
	for (i = 0; strcmp(await_words[i], word); i++)
		;
	st->await = (enum await_kind)i;
	return 0;
}

static int read_await(const struct ynode *at, const struct scenario *s, struct step *st,
		      struct err *e)
{
	static const char *const keys[] = {"await", "within", NULL};
	const struct ynode *n = yaml_get(at, "within");
	struct err all = {0}, one = {0};
	bool known = !yaml_check_keys(at, keys, "an await step", &one);

	if (!known)
		err_add(&all, &one);
	if (read_awaited(yaml_get(at, "await"), s, st, &one))
		err_add(&all, &one);
	if (n ? read_duration(n, "within", &st->duration_ns, &one) :
		known && yaml_error(at, &one, "an await needs a limit; add: within: 90s"))
		err_add(&all, &one);
	return err_all(&all, e);
}

/* The one key that says what a step is. */
static int step_kind(const struct ynode *at, enum step_kind *out, struct err *e)
{
#define WORD(id, word) word,
	static const char *const all[] = {STEP_LIST(WORD) "target", "as", "for", "within", NULL};
#undef WORD
	int found = -1;
	int i;

	if (at->kind != Y_MAP)
		return yaml_error(at, e, "a step is a map with one of steady, fault, heal, await, run; "
				  "for example: steady: 10s");
	if (rename_key(at, "wait", "steady", e))
		return -1;
	for (i = 0; step_words[i]; i++) {
		if (!yaml_get(at, step_words[i]))
			continue;
		if (found >= 0)
			return yaml_error(at, e, "a step is one thing, this one is both %s and %s: "
					  "put a - before each", step_words[found], step_words[i]);
		found = i;
	}
	if (found < 0) {
		if (yaml_check_keys(at, all, "a step", e))
			return -1;
		return yaml_error(at, e, "a step needs one of steady, fault, heal, await, run");
	}
	*out = (enum step_kind)found;
	return 0;
}

static int read_step(const struct ynode *at, const struct scenario_names *names,
		     struct scenario *s, struct step *st, struct err *e)
{
	static const char *const steady[] = {"steady", NULL};
	struct err all = {0}, one = {0};

	st->at = at;
	if (step_kind(at, &st->kind, e)) {
		s->nameless = true;
		return -1;
	}
	switch (st->kind) {
	case STEP_FAULT:
		return read_fault(at, names, s, st, e);
	case STEP_HEAL:
		return read_heal(at, s, st, e);
	case STEP_AWAIT:
		return read_await(at, s, st, e);
	case STEP_RUN:
		return read_run(at, s, st, e);
	case STEP_STEADY:
		break;
	}
	if (yaml_check_keys(at, steady, "a steady step", &one))
		err_add(&all, &one);
	if (read_duration(yaml_get(at, "steady"), "steady", &st->duration_ns, &one))
		err_add(&all, &one);
	return err_all(&all, e);
}

int scenario_read_steps(struct arena *a, const struct ynode *list,
			const struct scenario_names *names, struct scenario *out, struct err *e)
{
	struct err all = {0}, one = {0};
	size_t i, faults = 0;

	if (list->kind != Y_LIST)
		return yaml_error(list, e, "steps must be a list: a line with - for each step");
	if (!list->n)
		return yaml_error(list, e, "there are no steps; add: - steady: 10s");
	if (list->n > STEPS_MAX)
		return yaml_error(list->items[STEPS_MAX], e, "more than %d steps", STEPS_MAX);
	out->steps = arena_alloc(a, list->n * sizeof(*out->steps));
	for (i = 0; i < list->n; i++) {
		struct step *st = &out->steps[out->nsteps];

		*st = (struct step){.kind = STEP_STEADY};
		if (read_step(list->items[i], names, out, st, &one)) {
			err_add(&all, &one);
			out->partial = true;
		}
		faults += st->kind == STEP_FAULT;
		if (faults == FAULTS_MAX + 1) {
			yaml_error(list->items[i], &one, "a scenario may have at most %d faults: split it", FAULTS_MAX);
			err_add(&all, &one);
		}
		out->nsteps += st->kind != STEP_HEAL || st->id;
	}
	if (all.kind)
		*e = all;
	return all.kind ? -1 : 0;
}
