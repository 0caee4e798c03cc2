#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/rng.h"
#include "base/version.h"
#include "engine/choose.h"
#include "report/live.h"
#include "report/report.h"
#include "run/beforehand.h"
#include "run/run.h"

#define LOCK_WITHIN_NS (600 * NS_PER_S)

struct suite {
	const struct run_options *o;
	struct arena arena;
	const struct engine_ops *engine;
	struct plan *plans; /* the files once, then once more for each repetition */
	size_t n;
	char root[PATH_MAX];
	char reports[PATH_MAX];
	char dir[PATH_MAX + 80];
	struct stage st;
	struct engine_conf conf;
	struct report_live *live;
};

/* A plan's manifests are adapted in place, so that each repetition has its
 * own. Round by round, so that what drifts on the machine meets all
 * scenarios alike. */
static int repeat_plans(struct suite *s, struct err *e)
{
	const struct run_options *o = s->o;
	struct rng rng = {o->seed};

	for (size_t i = 0; i < s->n; i++) {
		struct plan *p = &s->plans[i], *first = &s->plans[i % o->nfiles];

		if (i >= o->nfiles &&
		    plan_read(&s->arena, s->root, first->sc.file, o->sets, o->nsets, p, e))
			return -1;
		p->seed = o->seed;
		if (!o->repeat)
			continue;
		p->repetition = (int)(i / o->nfiles) + 1;
		p->repetitions = o->repeat;
		p->seed = rng_next(&rng);
		if (o->phase_max_ns)
			p->phase_ns = (int64_t)rng_below(&rng, (uint64_t)o->phase_max_ns);
	}
	return 0;
}

static int read_plans(struct suite *s, struct err *e)
{
	const struct run_options *o = s->o;
	struct err all = {0}, one = {0};

	s->n = o->nfiles * (o->repeat ? (size_t)o->repeat : 1);
	s->plans = arena_alloc(&s->arena, s->n * sizeof(*s->plans));
	for (size_t i = 0; i < o->nfiles; i++) {
		if (plan_read(&s->arena, s->root, o->files[i], o->sets, o->nsets, &s->plans[i],
			      &one))
			err_add(&all, &one);
		for (size_t j = 0; j < i && s->plans[i].sc.name; j++) {
			if (s->plans[j].sc.name &&
			    !strcmp(s->plans[j].sc.name, s->plans[i].sc.name) &&
			    err_set(&one, ERR_INPUT, "%s and %s have the same name \"%s\"",
				    o->files[j], o->files[i], s->plans[i].sc.name))
				err_add(&all, &one);
		}
	}
	if (all.kind) {
		*e = all;
		return -1;
	}
	if (o->by_length)
		qsort(s->plans, o->nfiles, sizeof(*s->plans), plan_order);
	return repeat_plans(s, e);
}

/* Settles where it runs, before anything is made or started. */
static int choose_engine(struct suite *s, struct err *e)
{
	char why[400];

	s->engine = s->o->engine;
	if (!s->engine) {
		s->engine = engine_choose(why, sizeof(why), e);
		if (!s->engine)
			return -1;
		log_info("%s", why);
	}
	for (size_t i = 0; i < s->o->nfiles; i++) {
		if (!engine_runs(s->engine, s->plans[i].sc.system, e))
			return err_prefix(e, "%s", plan_path(&s->plans[i], s->plans[i].sc.file));
	}
	return 0;
}

static void name_run(struct suite *s)
{
	char now[32], rnd[5];

	clock_rfc3339(clock_real_ns(), now);
	now[19] = '\0';
	for (char *p = now; *p; p++) {
		if (*p == ':' || *p == 'T')
			*p = *p == 'T' ? '-' : '.';
	}
	random_hex(rnd, 4);
	/* Part of Kubernetes labels: letters, digits, '-' and '.' only. */
	snprintf(s->conf.run_id, sizeof(s->conf.run_id), "%s-%s", now, rnd);
	engine_make_tokens(&s->conf);
}

static int open_folder(struct suite *s, struct err *e)
{
	char path[PATH_MAX + 120];

	snprintf(s->dir, sizeof(s->dir), "%s/%s", s->reports, s->conf.run_id);
	if (file_mkdirs(s->dir, e))
		return -1;
	snprintf(path, sizeof(path), "%s/events.jsonl", s->dir);
	if (event_log_open(&s->st.events, path, e))
		return -1;
	snprintf(path, sizeof(path), "%s/history.jsonl", s->dir);
	return append_open(&s->st.history, path, e);
}

static void emit_run(struct suite *s)
{
	cJSON *ev = event_new(-1, "run"), *host;
	char now[32], text[32], *command;

	command = plan_command(s->plans, s->o->nfiles, s->o->sets, s->o->nsets, s->o->command);
	clock_rfc3339(clock_real_ns(), now);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)s->o->seed);
	json_set_str(ev, "run_id", s->conf.run_id);
	json_set_str(ev, "seed", text);
	json_set_str(ev, "engine", s->engine->name);
	json_set_str(ev, "version", ORDEAL_VERSION);
	json_set_str(ev, "started", now);
	json_set_str(ev, "command", command);
	free(command);
	json_set_i64(ev, "tap", report_tap_version());
	json_set_i64(ev, "planned", (int64_t)s->n);
	json_set_i64(ev, "format", BLOCKS_FORMAT);
	host = cJSON_AddObjectToObject(ev, "host");
	json_set_i64(host, "cores", sysconf(_SC_NPROCESSORS_ONLN));
	json_set_i64(host, "memory_bytes",
		     (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
	event_emit(&s->st.events, ev);
}

/* reports/latest: a link that moves in one step. */
static void point_latest(const struct suite *s)
{
	char tmp[PATH_MAX + 64], link[PATH_MAX + 64];

	snprintf(tmp, sizeof(tmp), "%s/.latest.%d", s->reports, (int)getpid());
	snprintf(link, sizeof(link), "%s/latest", s->reports);
	if (symlink(s->conf.run_id, tmp) || rename(tmp, link))
		log_warn("cannot point %s at this run: %s", link, strerror(errno));
}

/* Why the run's files do not tell all; NULL: they do. */
static const char *unwritten(struct suite *s, struct err *e)
{
	return stage_files(&s->st, e) ? e->msg : NULL;
}

/* Its lines of TAP, as soon as it is over. */
static void print_scenario(struct suite *s, int scenario)
{
	struct err e = {0}, files = {0};

	if (report_live_scenario(s->live, scenario, unwritten(s, &files), &e))
		log_warn("the scenario's lines cannot be made: %s", e.msg);
}

static int run_all(struct suite *s, struct err *e)
{
	const struct run_options *o = s->o;

	for (size_t i = 0; i < s->n; i++) {
		struct err one = {0};
		int r;

		s->st.scenario = (int)i;
		log_info("scenario %zu of %zu: %s", i + 1, s->n, s->plans[i].sc.name);
		r = run_scenario(&s->st, &s->arena, &s->plans[i], o->keep, &one);
		print_scenario(s, (int)i);
		/* Of what comes now nothing could be kept. */
		if (stage_files(&s->st, e))
			return -1;
		/* One broken scenario leaves the others their chance. */
		if (r && one.kind == ERR_INTERRUPTED) {
			*e = one;
			return -1;
		}
	}
	return 0;
}

static int with_agents(struct suite *s, struct err *e)
{
	struct stage *st = &s->st;
	struct err down = {0};
	int r;

	stage_phase(st, "agents", "up");
	r = st->ops->agents_up(st->en, e);
	if (r)
		stage_broken(st, "agents", e->msg);
	else
		r = run_all(s, e);
	st->scenario = -1;
	stage_phase(st, "agents", "down");
	if (!s->o->keep && st->ops->agents_down(st->en, &down)) {
		stage_broken(st, "clean-up of the agents", down.msg);
		if (!r)
			*e = down;
		r = -1;
	}
	return r;
}

static int on_engine(struct suite *s, struct err *e)
{
	struct stage *st = &s->st;
	int r;

	st->ops = s->engine;
	stage_phase(st, "engine", st->ops->name);
	r = st->ops->open(&s->conf, &st->en, e);
	if (!r)
		r = st->ops->lock(st->en, clock_mono_ns() + LOCK_WITHIN_NS, e) ||
		    st->ops->up(st->en, e) ||
		    beforehand_nodes(st->ops, st->en, s->plans, s->o->nfiles, e) ? -1 : 0;
	if (!r)
		r = with_agents(s, e);
	else if (e->kind != ERR_INTERRUPTED)
		stage_broken(st, st->ops->name, e->msg);
	if (st->en)
		st->ops->close(st->en);
	return r;
}

/* Whether everything that happened is in the two files. */
static int close_files(struct suite *s, struct err *e)
{
	struct err later = {0};
	int r = stage_files(&s->st, e);

	if (event_log_close(&s->st.events, r ? &later : e))
		r = -1;
	return append_close(&s->st.history, r ? &later : e) ? -1 : r;
}

static int report(struct suite *s, const char *broken, enum verdict *verdict, struct err *e)
{
	if (report_live_end(s->live, broken, verdict, e) || report_index(s->reports, e))
		return -1;
	point_latest(s);
	log_info("report: %s/report.html", s->dir);
	return 0;
}

static void configure(struct suite *s)
{
	const struct run_options *o = s->o;

	s->conf.interrupted = o->interrupted;
	s->conf.kubeconfig = o->kubeconfig;
	s->conf.context = o->context;
	s->conf.namespace = o->namespace;
	s->conf.storage_class = o->storage_class;
	s->conf.claim_max_bytes = o->claim_max_bytes;
	s->conf.image_prefixes = o->image_prefixes;
	s->conf.nimage_prefixes = o->nimage_prefixes;
	s->conf.keep = o->keep;
}

/* Plans; where they are wrong, or nothing else is done, also whether it is known how to
 * reach the engine, and what it says of them: all that is wrong at once. (A run tells in
 * its report that it could not reach it.) */
static int prepare(struct suite *s, struct err *e)
{
	const struct engine_ops *ops = s->o->engine;
	struct err all = {0}, one = {0};
	bool ask;

	if (file_project_root(s->root, e))
		return -1;
	configure(s);
	if (read_plans(s, &one))
		err_add(&all, &one);
	ask = s->o->dry_run || all.kind;
	if (ask && ops && ops->reach && ops->reach(&s->conf, &one))
		err_add(&all, &one);
	if (ask && beforehand(&s->arena, ops, s->plans, s->o->nfiles, &one))
		err_add(&all, &one);
	if (!all.kind)
		return 0;
	*e = all;
	return -1;
}

static void tell_plans(const struct suite *s)
{
	const struct run_options *o = s->o;

	for (size_t i = 0; i < o->nfiles; i++)
		beforehand_warn(o->engine, o->claim_max_bytes, &s->plans[i]);
	for (size_t i = 0; i < o->nfiles; i++)
		plan_print(&s->plans[i], stdout);
	if (o->repeat)
		printf("each %d times, the first fault up to %g s later than written\n", o->repeat,
		       (double)o->phase_max_ns / 1e9);
	printf("seed %llu\n", (unsigned long long)o->seed);
}

/* Of several things that went wrong the run's own error comes first, but for what was
 * lost on the way to the files: without that nothing it tells is whole. */
static int finish(struct suite *s, int r, enum verdict *verdict, struct err *e)
{
	struct err rep = {0}, files = {0};
	int lost;

	event_emit(&s->st.events, event_new(-1, "end"));
	lost = close_files(s, &files);
	if (lost && (!r || e->kind != ERR_INTERRUPTED)) {
		*e = files;
		r = -1;
	}
	if (report(s, lost ? files.msg : NULL, verdict, &rep)) {
		if (r)
			log_warn("%s", rep.msg);
		else
			*e = rep;
		r = -1;
	}
	return r;
}

static int try_all(struct suite *s, enum verdict *verdict, struct err *e)
{
	const struct run_options *o = s->o;

	if (choose_engine(s, e))
		return -1;
	for (size_t i = 0; i < o->nfiles; i++)
		beforehand_warn(s->engine, o->claim_max_bytes, &s->plans[i]);
	if (o->reports_dir)
		snprintf(s->reports, sizeof(s->reports), "%s", o->reports_dir);
	else
		snprintf(s->reports, sizeof(s->reports), "%.4000s/reports", s->root);
	name_run(s);
	snprintf(s->st.run_id, sizeof(s->st.run_id), "%s", s->conf.run_id);
	if (open_folder(s, e))
		return -1;
	emit_run(s);
	s->live = report_live_begin(s->dir, stdout);
	log_info("run %s, engine %s, seed %llu", s->conf.run_id, s->engine->name,
		 (unsigned long long)o->seed);
	return finish(s, on_engine(s, e), verdict, e);
}

int run_suite(const struct run_options *o, enum verdict *verdict, struct err *e)
{
	struct suite s = {.o = o, .st = {.scenario = -1, .interrupted = o->interrupted}};
	int r = -1;

	*verdict = VERDICT_BROKEN;
	if (prepare(&s, e))
		goto out;
	if (o->dry_run) {
		tell_plans(&s);
		*verdict = VERDICT_PASS;
		r = 0;
	} else {
		r = try_all(&s, verdict, e);
	}
out:
	for (size_t i = 0; s.plans && i < s.n; i++)
		plan_free(&s.plans[i]);
	arena_free(&s.arena);
	return r;
}
