#include "node/live.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define SOON_NS (15 * NS_PER_MS)   /* while an effect is awaited */
#define FOLLOW_NS (100 * NS_PER_MS) /* while a fault is on */
#define RETRY_NS NS_PER_S           /* after a heal that failed */
#define LAPSE_NS (2 * NS_PER_S)     /* a failure to follow that lasts so long counts */
#define EFFECT_WITHIN_NS (60 * NS_PER_S) /* then it is only looked for when asked */

void live_free(struct live *l)
{
	journal_entry_free(&l->j);
	cJSON_Delete(l->evidence);
	cJSON_Delete(l->undone);
	free(l);
}

/* At most one line every five seconds a fault. */
static void complain(struct live *l, const char *what, const struct err *e)
{
	int64_t now = clock_mono_ns();

	if (l->complained_ns && now - l->complained_ns < 5 * NS_PER_S)
		return;
	l->complained_ns = now;
	log_warn("fault %s (%s): %s: %s", l->j.id, l->j.fault, what, e->msg);
}

int live_look(struct node *n, struct live *l, struct err *e)
{
	int64_t now = clock_mono_ns();
	bool bites = false;
	cJSON *evidence;

	/* A kill's first evidence stays: later the place looks different. */
	if (l->bites && !l->ops->lasting)
		return 0;
	evidence = cJSON_CreateArray();
	if (l->ops->observe(n, &l->j, evidence, &bites, e)) {
		cJSON_Delete(evidence);
		return -1;
	}
	cJSON_Delete(l->evidence);
	l->evidence = evidence;
	if (bites && !l->bites) {
		l->bites = true;
		if (!l->j.effective_ns)
			l->j.effective_ns = now;
	}
	return 0;
}

int live_heal(struct node *n, struct live *l, struct err *e)
{
	cJSON *undone;
	int r;

	if (l->healed)
		return 0;
	l->heal_wanted = true;
	l->next_try_ns = clock_mono_ns() + RETRY_NS;
	if (!l->ops)
		return err_set(e, ERR_BROKEN, "the journal holds %s of a fault \"%s\" that this agent "
			       "does not know", l->j.id, l->j.fault);
	undone = cJSON_CreateArray();
	r = l->ops->heal(n, &l->j, undone, e);
	cJSON_Delete(l->undone);
	l->undone = undone;
	if (r || journal_remove(&l->j, e)) {
		complain(l, "cannot be healed yet", e);
		return -1;
	}
	l->healed = true;
	l->heal_wanted = false;
	l->j.healed_ns = clock_mono_ns();
	mem_copy_str(l->j.state, sizeof(l->j.state), "healed");
	return 0;
}

int live_end(struct node *n, struct live *l, const char *why, struct err *e)
{
	if (l->healed)
		return 0;
	if (!l->lapse[0])
		snprintf(l->lapse, sizeof(l->lapse), "its node undid it: %s", why);
	if (live_heal(n, l, e))
		return -1;
	log_warn("fault %s healed: %s", l->j.id, why);
	return 0;
}

/* A pod that is started again has the fault, or it is known that it had not. */
static void follow(struct node *n, struct live *l)
{
	struct err e = {0};
	int64_t now;

	if (l->ops->follow(n, &l->j, &e) == 0) {
		l->failing_ns = 0;
		return;
	}
	complain(l, "cannot follow", &e);
	now = clock_mono_ns();
	if (!l->failing_ns)
		l->failing_ns = now;
	if (now - l->failing_ns > LAPSE_NS && !l->lapse[0])
		snprintf(l->lapse, sizeof(l->lapse), "for more than %lld s it was not on everywhere: %.300s",
			 (long long)(LAPSE_NS / NS_PER_S), e.msg);
}

/* For how long its effect is looked for unasked. */
static int64_t effect_within_ns(const struct live *l)
{
	return l->ops->takes ? l->ops->takes(json_get(l->j.plan, "params")) : EFFECT_WITHIN_NS;
}

int64_t live_tend(struct node *n, struct live *l, int64_t renewed_ns)
{
	int64_t now = clock_mono_ns(), ttl_ms = json_i64(l->j.plan, "ttl_ms", 0);
	bool awaited;
	struct err e = {0};

	if (l->healed)
		return LIVE_CALM_NS;
	if (l->heal_wanted) {
		if (now >= l->next_try_ns)
			live_heal(n, l, &e);
		return FOLLOW_NS;
	}
	if (ttl_ms > 0 && now - renewed_ns > ttl_ms * NS_PER_MS) {
		live_end(n, l, "its time is over, and nobody renewed it", &e);
		return FOLLOW_NS;
	}
	awaited = !l->bites && now - l->started_ns < effect_within_ns(l);
	if (awaited && live_look(n, l, &e))
		complain(l, "cannot be observed", &e);
	if (l->ops->follow && (l->ops->lasting || (awaited && !l->bites)))
		follow(n, l);
	if (awaited && !l->bites)
		return l->ops->takes ? FOLLOW_NS : SOON_NS;
	return l->ops->lasting ? FOLLOW_NS : LIVE_CALM_NS;
}

int live_begin(struct node *n, struct live *l, struct err *e)
{
	struct err later = {0};
	int r;

	l->started_ns = clock_mono_ns();
	r = l->ops->inject(n, &l->j, e);
	if (!r && !journal_on_disk(&l->j))
		r = err_set(e, ERR_BROKEN, "fault %s changed something without a word in the journal",
			    l->j.fault);
	if (!r) {
		if (!l->j.injected_ns)
			l->j.injected_ns = clock_mono_ns();
		mem_copy_str(l->j.state, sizeof(l->j.state), "on");
		r = journal_write(&l->j, e);
	}
	if (r) {
		live_heal(n, l, &later);
		return -1;
	}
	if (live_look(n, l, &later))
		complain(l, "cannot be observed", &later);
	return 0;
}

cJSON *live_summary(const struct live *l)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "id", l->j.id);
	json_set_str(o, "fault", l->j.fault);
	json_set_str(o, "state", l->j.state);
	json_set_i64(o, "injected_ns", l->j.injected_ns);
	json_set_i64(o, "effective_ns", l->j.effective_ns);
	json_set_i64(o, "healed_ns", l->j.healed_ns);
	return o;
}
