#include "run/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define DRAIN_EVERY_NS (NS_PER_S)
#define LEASE_EVERY_NS (2 * NS_PER_S)
#define TICK_NS (20 * NS_PER_MS)
#define MUTE_LIMIT_NS (30 * NS_PER_S)
#define STATUS_TIMEOUT_NS (20 * NS_PER_S)
#define POLL_NS (100 * NS_PER_MS)
#define HOLDS_NS (1500 * NS_PER_MS)

void stage_lease(struct stage *st)
{
	cJSON *body = cJSON_CreateObject();
	struct nodes nodes = {0};
	struct err e = {0};
	char agent[ENGINE_AGENT_BYTES];

	st->leased_ns = clock_mono_ns();
	json_set_str(body, "run_id", st->run_id);
	if (st->ops->nodes(st->en, &nodes, &e) == 0) {
		for (size_t i = 0; i < nodes.n; i++) {
			if (!nodes.v[i].ready)
				continue;
			snprintf(agent, sizeof(agent), "node/%s", nodes.v[i].name);
			/* A node that is down cannot answer, and needs no renewal. */
			stage_call(st, agent, "POST", "/v1/lease", body, NS_PER_S, NULL, &e);
		}
	}
	nodes_free(&nodes);
	if (st->ops->caps & ENGINE_CAP_NODES)
		stage_call(st, "host", "POST", "/v1/lease", body, NS_PER_S, NULL, &e);
	cJSON_Delete(body);
}

int stage_tick(struct stage *st, struct err *e)
{
	int64_t now = clock_mono_ns();

	if (stage_files(st, e))
		return -1;
	if (*st->interrupted)
		return err_set(e, ERR_INTERRUPTED, "interrupted");
	if (now - st->leased_ns > LEASE_EVERY_NS)
		stage_lease(st);
	if (now - st->drained_ns <= DRAIN_EVERY_NS)
		return 0;
	if (stage_drain(st, false, e) == 0) {
		st->mute_since_ns = 0;
		return 0;
	}
	if (stage_files(st, e))
		return -1;
	/* The agent keeps what was not fetched: a pause is no loss. */
	if (!st->mute_since_ns)
		st->mute_since_ns = now;
	return now - st->mute_since_ns < MUTE_LIMIT_NS ? 0 : -1;
}

int stage_sleep_until(struct stage *st, int64_t mono_ns, struct err *e)
{
	for (;;) {
		int64_t now = clock_mono_ns();

		if (stage_tick(st, e))
			return -1;
		if (now >= mono_ns)
			return 0;
		clock_sleep_until(mono_ns - now < TICK_NS ? mono_ns : now + TICK_NS);
	}
}

void stage_broken(struct stage *st, const char *where, const char *what)
{
	cJSON *ev = event_new(st->scenario, "broken");

	log_warn("%s: %s", where, what);
	json_set_str(ev, "where", where);
	json_set_str(ev, "what", what);
	event_emit(&st->events, ev);
}

void stage_unsupported(struct stage *st, const char *what)
{
	cJSON *ev = event_new(st->scenario, "unsupported");

	log_warn("not possible here: %s", what);
	json_set_str(ev, "what", what);
	event_emit(&st->events, ev);
}

void stage_phase(struct stage *st, const char *phase, const char *detail)
{
	cJSON *ev = event_new(st->scenario, "phase");
	char wall[32];

	log_info("%s%s%s", phase, detail && *detail ? ": " : "", detail ? detail : "");
	json_set_str(ev, "phase", phase);
	if (detail && *detail)
		json_set_str(ev, "detail", detail);
	clock_rfc3339(clock_real_ns(), wall);
	json_set_str(ev, "wall", wall);
	event_emit(&st->events, ev);
}

int stage_status(struct stage *st, cJSON **status, struct err *e)
{
	return stage_call(st, "load", "GET", "/v1/status", NULL, STATUS_TIMEOUT_NS, status, e);
}

static const struct pod *ending(const struct pods *pods, const cJSON *status)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(status, "members"))
		for (size_t i = 0; i < pods->n; i++)
			if (pods->v[i].deleting && !strcmp(pods->v[i].name, json_str(m, "m", "")))
				return &pods->v[i];
	return NULL;
}

bool stage_member_ends(struct stage *st, const cJSON *status)
{
	struct pods pods = {0};
	struct err e = {0};
	bool ends = st->ops->pods(st->en, &pods, &e) || ending(&pods, status);

	pods_free(&pods);
	return ends;
}

int stage_await_redundant(struct stage *st, int64_t within_ns, char why[WHY_BYTES], struct err *e)
{
	int64_t end_ns = clock_mono_ns() + within_ns, since_ns = 0;

	for (;;) {
		cJSON *s = NULL;
		bool ok = false;

		if (stage_status(st, &s, e) == 0) {
			ok = json_bool(s, "redundant", false);
			snprintf(why, WHY_BYTES, "%s", json_str(s, "redundant_why", ""));
			if (ok && stage_member_ends(st, s)) {
				ok = false;
				snprintf(why, WHY_BYTES, "the pod of a member is being deleted");
			}
			cJSON_Delete(s);
		} else {
			mem_copy_str(why, WHY_BYTES, e->msg);
		}
		if (!ok)
			since_ns = 0;
		else if (!since_ns)
			since_ns = clock_mono_ns();
		else if (clock_mono_ns() - since_ns >= HOLDS_NS)
			return 0;
		if (clock_mono_ns() > end_ns)
			return 1;
		if (stage_sleep_until(st, clock_mono_ns() + POLL_NS, e))
			return -1;
	}
}

int stage_stop_load(struct stage *st, const char *agent, uint32_t group, int64_t timeout_ns,
		    struct err *e)
{
	cJSON *a = NULL, *ev;

	if (stage_call(st, agent, "POST", "/v1/stop", NULL, timeout_ns, &a, e))
		return -1;
	ev = event_new(st->scenario, "load");
	json_set_str(ev, "source", agent);
	json_set_i64(ev, "g", group);
	json_set_i64(ev, "ops", json_i64(a, "ops", 0));
	event_emit(&st->events, ev);
	cJSON_Delete(a);
	return 0;
}

void stage_emit_inforce(struct stage *st)
{
	cJSON *a = NULL, *ev;
	struct err e = {0};

	if (stage_call(st, "load", "GET", "/v1/inforce", NULL, STATUS_TIMEOUT_NS, &a, &e)) {
		log_warn("settings in force are unknown: %s", e.msg);
		return;
	}
	ev = event_new(st->scenario, "inforce");
	json_set(ev, "settings", cJSON_DetachItemFromObject(a, "settings"));
	event_emit(&st->events, ev);
	cJSON_Delete(a);
}
