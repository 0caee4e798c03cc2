#include "run/walk.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define POLL_NS (100 * NS_PER_MS)
#define BREAKS_WITHIN_NS (8 * NS_PER_S)

/* Heals what is due by the clock. */
static int heal_due(void *walk, struct err *e)
{
	struct walk *w = walk;

	for (size_t i = 0; i < w->ninj; i++) {
		if (w->inj[i].on && w->inj[i].heal_at_ns &&
		    clock_mono_ns() >= w->inj[i].heal_at_ns && injection_heal(w->st, &w->inj[i], e))
			return -1;
	}
	return 0;
}

static int wait_until(struct walk *w, int64_t end_ns, struct err *e)
{
	while (clock_mono_ns() < end_ns) {
		int64_t next = clock_mono_ns() + POLL_NS;

		if (stage_sleep_until(w->st, next < end_ns ? next : end_ns, e) || heal_due(w, e))
			return -1;
	}
	return 0;
}

static void remember_primary(struct walk *w, const cJSON *status)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(status, "members")) {
		if (!strcmp(json_str(m, "role", ""), "primary") && json_bool(m, "writable", false))
			snprintf(w->primary, sizeof(w->primary), "%s", json_str(m, "m", ""));
	}
}

/* Only what was seen after the fault had bitten counts; samples may be as old
 * as one round of probing. */
static bool reached(const struct walk *w, enum await_kind what, const cJSON *status,
		    int64_t offset_ns)
{
	int64_t sampled_ns = w->fault_bit_ns +
			     2 * NS_PER_MS * (STAGE_SAMPLE_EVERY_MS + STAGE_PROBE_TIMEOUT_MS);
	const cJSON *m;

	if (what != AWAIT_WRITES && clock_mono_ns() < sampled_ns)
		return false;
	/* A pod that was told to end serves on for seconds. */
	if (what != AWAIT_WRITES && !w->broke &&
	    clock_mono_ns() < w->fault_bit_ns + BREAKS_WITHIN_NS)
		return false;

	switch (what) {
	case AWAIT_WRITES:
		return json_i64(status, "last_write_ok_ns", 0) + offset_ns > w->fault_bit_ns;
	case AWAIT_REDUNDANT:
		return json_bool(status, "redundant", false);
	case AWAIT_FAILOVER:
		cJSON_ArrayForEach(m, json_get(status, "members")) {
			if (!strcmp(json_str(m, "role", ""), "primary") &&
			    json_bool(m, "writable", false) &&
			    strcmp(json_str(m, "m", ""), w->primary) != 0)
				return true;
		}
		return false;
	case AWAIT_READY:
		cJSON_ArrayForEach(m, json_get(status, "members")) {
			if (!json_bool(m, "ok", false))
				return false;
		}
		return true;
	case AWAIT_JOB:
		break; /* no matter of the members' */
	}
	return false;
}

static struct run_job *job_by_id(struct walk *w, const char *id)
{
	for (size_t i = 0; i < w->njobs; i++)
		if (!strcmp(w->jobs[i].step->id, id))
			return &w->jobs[i];
	return NULL;
}

/* Until it is over; that it is not by then is for the expectations. */
static int await_job(struct walk *w, const struct step *s, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + s->duration_ns;
	struct run_job *job = job_by_id(w, s->id);
	char text[160];

	while (job && !job->over && clock_mono_ns() < end_ns) {
		if (wait_until(w, clock_mono_ns() + JOB_EVERY_NS, e) ||
		    run_job_look(w->st, job, false, e))
			return -1;
	}
	if (job && !job->over) {
		snprintf(text, sizeof(text), "the job %s was not over within %g s", s->id, (double)s->duration_ns / 1e9);
		stage_phase(w->st, "await", text);
	}
	return 0;
}

static int start_job(struct walk *w, const struct step *s, struct err *e)
{
	struct run_job *job;

	if (w->njobs == WALK_JOBS_MAX)
		return err_set(e, ERR_INPUT, "a scenario may run at most %d jobs", WALK_JOBS_MAX);
	stage_phase(w->st, "run", s->id);
	job = &w->jobs[w->njobs++];
	if (run_job_start(w->st, s, (int)w->njobs, job, e))
		return -1;
	return s->duration_ns ? await_job(w, s, e) : 0;
}

/* Not reaching it is no error: the expectations judge what was measured. */
static int await(struct walk *w, const struct step *s, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + s->duration_ns;
	struct agent_clock c;
	char text[160];

	stage_phase(w->st, "await", await_word(s->await));
	if (stage_clock(w->st, "load", &c, e))
		return -1;
	for (;;) {
		cJSON *status = NULL;

		if (stage_status(w->st, &status, e) == 0) {
			bool ok;

			w->broke = w->broke || !json_bool(status, "redundant", false);
			ok = reached(w, s->await, status, c.offset_ns) &&
			     (s->await == AWAIT_WRITES || !stage_member_ends(w->st, status));

			cJSON_Delete(status);
			if (ok)
				return 0;
		}
		if (clock_mono_ns() > end_ns) {
			snprintf(text, sizeof(text), "%s not seen within %g s", await_word(s->await),
				 (double)s->duration_ns / 1e9);
			stage_phase(w->st, "await", text);
			return 0;
		}
		if (wait_until(w, clock_mono_ns() + POLL_NS, e))
			return -1;
	}
}

static struct injection *injection_by_id(struct walk *w, const char *id)
{
	for (size_t i = w->ninj; i > 0; i--) {
		if (!strcmp(w->inj[i - 1].step->id, id))
			return &w->inj[i - 1];
	}
	return NULL;
}

static int inject(struct walk *w, const struct step *s, struct err *e)
{
	const struct tending tend = {heal_due, w};
	struct injection *inj;
	cJSON *status = NULL;
	bool bites = false;

	if (w->ninj == WALK_INJECTIONS_MAX)
		return err_set(e, ERR_INPUT, "a scenario may have at most %d faults",
			       WALK_INJECTIONS_MAX);
	if (stage_status(w->st, &status, e))
		return -1;
	remember_primary(w, status);
	cJSON_Delete(status);
	inj = &w->inj[w->ninj++];
	if (injection_plan(w->st, s, ((struct engine_base *)w->st->en)->namespace, &w->rng, inj, e))
		return -1;
	/* What the system calls the process of its servers, for faults of that alone. */
	json_set_str(inj->plan, "server", json_str(w->p->access, "process", ""));
	w->broke = false;
	if (injection_start(w->st, inj, &tend, &bites, e))
		return -1;
	w->fault_bit_ns = clock_mono_ns();
	if (!bites)
		stage_broken(w->st, s->id, "the fault had no effect that could be observed");
	return 0;
}

static int random_phase(struct walk *w, struct err *e)
{
	char text[80];

	if (w->ninj || !w->p->phase_ns)
		return 0;
	snprintf(text, sizeof(text), "random phase of the first fault: %.3f s more",
		 (double)w->p->phase_ns / 1e9);
	stage_phase(w->st, "steady", text);
	return wait_until(w, clock_mono_ns() + w->p->phase_ns, e);
}

int walk_steps(struct walk *w, struct err *e)
{
	for (size_t i = 0; i < w->p->sc.nsteps; i++) {
		const struct step *s = &w->p->sc.steps[i];
		struct injection *inj;
		int r = 0;

		switch (s->kind) {
		case STEP_STEADY:
			stage_phase(w->st, "steady", "");
			r = wait_until(w, clock_mono_ns() + s->duration_ns, e);
			break;
		case STEP_FAULT:
			r = random_phase(w, e) || inject(w, s, e) ? -1 : 0;
			break;
		case STEP_HEAL:
			stage_phase(w->st, "heal", s->id);
			inj = injection_by_id(w, s->id);
			r = inj ? injection_heal(w->st, inj, e) : 0;
			break;
		case STEP_AWAIT:
			if (s->await == AWAIT_JOB)
				stage_phase(w->st, "await", s->id);
			r = s->await == AWAIT_JOB ? await_job(w, s, e) : await(w, s, e);
			break;
		case STEP_RUN:
			r = start_job(w, s, e);
			break;
		}
		if (r)
			return r;
	}
	/* A fault with `for` runs its time even when the steps are over. */
	for (size_t i = 0; i < w->ninj; i++) {
		if (w->inj[i].on && w->inj[i].heal_at_ns && wait_until(w, w->inj[i].heal_at_ns, e))
			return -1;
	}
	if (heal_due(w, e))
		return -1;
	/* Whoever was not waited for is looked at once more. */
	for (size_t i = 0; i < w->njobs; i++)
		if (!w->jobs[i].over && run_job_look(w->st, &w->jobs[i], true, e))
			return -1;
	return 0;
}

int walk_heal_all(struct walk *w, struct err *e)
{
	int r = 0;

	for (size_t i = w->ninj; i > 0; i--) {
		if (injection_heal(w->st, &w->inj[i - 1], e))
			r = -1;
	}
	return r;
}
