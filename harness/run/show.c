#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "run/plan.h"
#include "system/system.h"

/* A plan as JSON, for people, and its place among others. */

#define HIDDEN "(hidden)"

static cJSON *settings_json(const struct settings *s)
{
	cJSON *v = cJSON_CreateArray();

	for (size_t i = 0; i < s->n; i++) {
		cJSON *o = cJSON_CreateObject();
		bool secret = setting_is_secret(&s->v[i]);

		json_set_str(o, "name", s->v[i].name);
		json_set_str(o, "value", secret ? HIDDEN : s->v[i].value);
		json_set_str(o, "unit", s->v[i].unit);
		json_set_str(o, "default", secret ? HIDDEN : s->v[i].dflt);
		json_set_str(o, "source", s->v[i].changed_by ? s->v[i].changed_by : s->v[i].source);
		json_push(v, o);
	}
	return v;
}

const char *plan_path(const struct plan *p, const char *path)
{
	size_t len = strlen(p->root);

	return !strncmp(path, p->root, len) && path[len] == '/' ? path + len + 1 : path;
}

cJSON *plan_to_json(const struct plan *p)
{
	cJSON *o = scenario_to_json(&p->sc);

	json_set_str(o, "file", plan_path(p, p->sc.file));
	json_set(o, "settings", settings_json(&p->settings));
	json_set(o, "members", plan_members(p));
	if (p->repetitions) {
		char seed[32];

		snprintf(seed, sizeof(seed), "%llu", (unsigned long long)p->seed);
		json_set_str(o, "seed", seed);
		json_set_i64(o, "repetition", p->repetition);
		json_set_i64(o, "repetitions", p->repetitions);
		json_set_i64(o, "phase_ns", p->phase_ns);
	}
	return o;
}

static bool hides(const struct plan *plans, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < plans[i].settings.n; k++)
			if (!strcmp(plans[i].settings.v[k].name, name) &&
			    setting_is_secret(&plans[i].settings.v[k]))
				return true;
	return false;
}

/* In each place, to the end of the word there. */
static char *without(char *text, const struct setting_arg *set)
{
	char *word = mem_fmt("%s=%s", set->name, set->value), *at = text, *end, *next;
	size_t done;

	while ((at = strstr(at, word))) {
		end = at + strlen(word);
		end += strchr(set->value, ' ') ? 0 : strcspn(end, " ");
		next = mem_fmt("%.*s%s=" HIDDEN "%s", (int)(at - text), text, set->name, end);
		done = (size_t)(at - text) + strlen(set->name) + strlen("=" HIDDEN);
		free(text);
		text = next;
		at = text + done;
	}
	free(word);
	return text;
}

char *plan_command(const struct plan *plans, size_t n, const struct setting_arg *sets, size_t nsets,
		   const char *command)
{
	char *out = mem_strdup(command);

	for (size_t i = 0; i < nsets; i++)
		if (hides(plans, n, sets[i].name))
			out = without(out, &sets[i]);
	return out;
}

static void print_step(const struct step *s, FILE *f)
{
	double seconds = (double)s->duration_ns / 1e9;

	switch (s->kind) {
	case STEP_STEADY:
		fprintf(f, "  steady load for %g s\n", seconds);
		break;
	case STEP_FAULT:
		fprintf(f, "  fault %s: %s on %s", s->id, s->fault, s->target);
		if (s->duration_ns)
			fprintf(f, ", healed after %g s", seconds);
		fputc('\n', f);
		break;
	case STEP_HEAL:
		fprintf(f, "  heal %s\n", s->id);
		break;
	case STEP_AWAIT:
		fprintf(f, "  await %s%s%s, at most %g s\n", await_word(s->await), s->await == AWAIT_JOB ? "/" : "",
			s->await == AWAIT_JOB ? s->id : "", seconds);
		break;
	case STEP_RUN:
		fprintf(f, "  run %s: a job from CronJob %s", s->id, s->cron_job);
		if (s->duration_ns)
			fprintf(f, ", waited for at most %g s", seconds);
		fputc('\n', f);
		break;
	}
}

void plan_print(const struct plan *p, FILE *f)
{
	const struct load_spec *l = &p->sc.load;

	fprintf(f, "%s: %s\n  system %s, variant %s, %zu objects\n", p->sc.name, p->sc.title,
		p->sc.system, p->sc.variant, p->manifest.n);
	fprintf(f, "  load %g operations/s by %d clients, deadline %g s\n", l->rate, l->clients,
		(double)l->deadline_ns / 1e9);
	if (l->minority)
		fprintf(f, "  %d of the clients stand beside the member that is primary then\n", l->minority);
	for (size_t i = 0; i < p->settings.n; i++) {
		const struct setting *s = &p->settings.v[i];

		if (s->changed_by)
			fprintf(f, "  setting %s = %s %s (%s; default %s)\n", s->name,
				setting_is_secret(s) ? HIDDEN : s->value, s->unit, s->changed_by,
				setting_is_secret(s) ? HIDDEN : s->dflt);
	}
	for (size_t i = 0; i < p->sc.nsteps; i++)
		print_step(&p->sc.steps[i], f);
	for (size_t i = 0; i < p->sc.nexpects; i++)
		fprintf(f, "  expect %s\n", p->sc.expects[i].name);
}

static int system_rank(const struct plan *p)
{
	size_t n;
	const struct system *all = system_all(&n);
	int i = 0;

	while ((size_t)i < n && all[i].client != p->system)
		i++;
	return i;
}

/* What its steps take at least. */
static int64_t length_ns(const struct plan *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->sc.nsteps; i++)
		if (p->sc.steps[i].kind != STEP_AWAIT && p->sc.steps[i].kind != STEP_RUN)
			sum += p->sc.steps[i].duration_ns;
	return sum;
}

int plan_order(const void *a, const void *b)
{
	const struct plan *x = a, *y = b;
	int64_t lx = length_ns(x), ly = length_ns(y);
	bool whole_x = !strcmp(x->sc.variant, "corrected"), whole_y = !strcmp(y->sc.variant, "corrected");

	if (system_rank(x) != system_rank(y))
		return system_rank(x) - system_rank(y);
	/* What may never come up is waited for in vain. */
	if (whole_x != whole_y)
		return whole_x ? -1 : 1;
	if (lx != ly)
		return lx < ly ? -1 : 1;
	return strcmp(x->sc.name, y->sc.name);
}
