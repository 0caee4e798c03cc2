#include "run/beside.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define UP_WITHIN_NS (90 * NS_PER_S)
#define SETUP_TIMEOUT_NS (20 * NS_PER_S)
#define CALL_TIMEOUT_NS (10 * NS_PER_S)

struct load_spec beside_main(const struct load_spec *l)
{
	struct load_spec main = *l;

	main.rate = l->rate * (l->clients - l->minority) / l->clients;
	main.clients = l->clients - l->minority;
	main.minority = 0;
	return main;
}

static struct load_spec minority_of(const struct load_spec *l)
{
	struct load_spec minority = *l;

	minority.rate = l->rate - beside_main(l).rate;
	minority.clients = l->minority;
	minority.minority = 0;
	return minority;
}

/* Of several primaries the first: `target: minority` finds it again. */
static const char *primary_of(const cJSON *status)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, json_get(status, "members"))
		if (!strcmp(json_str(m, "role", ""), "primary") && json_bool(m, "writable", false))
			return json_str(m, "m", "");
	return NULL;
}

/* The member's node, and the names of all pods there. */
static int node_of(struct stage *st, const char *member, char node[MEMBER_NAME_BYTES], cJSON *there,
		   struct err *e)
{
	struct pods pods = {0};
	int r = st->ops->pods(st->en, &pods, e);

	node[0] = '\0';
	for (size_t i = 0; i < pods.n; i++)
		if (!strcmp(pods.v[i].name, member))
			mem_copy_str(node, MEMBER_NAME_BYTES, pods.v[i].node);
	for (size_t i = 0; i < pods.n; i++)
		if (!strcmp(pods.v[i].node, node))
			json_push(there, cJSON_CreateString(pods.v[i].name));
	pods_free(&pods);
	if (!r && !node[0])
		r = err_set(e, ERR_BROKEN, "the node of %s is not known: the minority of the clients "
			    "has no place", member);
	return r;
}

/* The members beside it are asked from there as well: behind a partition
 * nobody else can say what they were. */
static cJSON *setup_body(const struct load_spec *l, const cJSON *setup, cJSON *there)
{
	struct load_spec minority = minority_of(l);
	cJSON *body = cJSON_Duplicate(setup, 1), *load = load_spec_to_json(&minority);

	json_set_i64(load, "group", 1);
	json_set_i64(load, "first_process", l->clients - l->minority);
	json_set_i64(load, "first_value", BESIDE_FIRST_VALUE);
	json_set(body, "load", load);
	/* Another order of kinds and keys than the others have. */
	json_set_i64(body, "seed", json_i64(setup, "seed", 0) ^ 0x5eed);
	json_set(body, "sample", there);
	return body;
}

static void emit_group(struct stage *st, const struct load_spec *l, const char *node,
		       const struct agent_clock *c)
{
	cJSON *ev = event_new(st->scenario, "group");

	if (c->error_ns)
		json_set_i64(ev, "te", c->error_ns);
	json_set_i64(ev, "g", 1);
	json_set_str(ev, "name", STAGE_BESIDE);
	json_set_str(ev, "node", node);
	json_set_str(ev, "member", st->beside_member);
	json_set_i64(ev, "clients", l->minority);
	json_set_num(ev, "rate", minority_of(l).rate);
	event_emit(&st->events, ev);
}

int beside_up(struct stage *st, const struct plan *p, const cJSON *setup, const cJSON *status,
	      struct err *e)
{
	const struct load_spec *l = &p->sc.load;
	const char *member = primary_of(status);
	struct agent_clock c;
	char node[MEMBER_NAME_BYTES];
	cJSON *body, *there;
	int r;

	if (!l->minority)
		return 0;
	if (!member)
		return err_set(e, ERR_BROKEN, "no member is primary: the minority of the clients has no "
			       "place");
	mem_copy_str(st->beside_member, sizeof(st->beside_member), member);
	there = cJSON_CreateArray();
	body = setup_body(l, setup, there);
	r = -1;
	if (node_of(st, member, node, there, e) ||
	    st->ops->load_beside(st->en, STAGE_BESIDE, node, clock_mono_ns() + UP_WITHIN_NS, e))
		goto out;
	log_info("%d of %d clients stand on %s, beside %s", l->minority, l->clients, node, member);
	if (stage_clock(st, STAGE_BESIDE_AGENT, &c, e) ||
	    stage_call(st, STAGE_BESIDE_AGENT, "POST", "/v1/setup", body, SETUP_TIMEOUT_NS, NULL, e))
		goto out;
	emit_group(st, l, node, &c);
	st->beside = true;
	st->beside_got = (struct fetched){0};
	st->beside_next_sample = st->beside_next_noise = st->beside_retry_ns = 0;
	r = 0;
out:
	cJSON_Delete(body);
	return r;
}

int beside_start(struct stage *st, struct err *e)
{
	return st->beside ? stage_call(st, STAGE_BESIDE_AGENT, "POST", "/v1/start", NULL,
				       SETUP_TIMEOUT_NS, NULL, e) : 0;
}

static void tell(struct stage *st, const char *path)
{
	struct err e = {0};

	if (st->beside &&
	    stage_call(st, STAGE_BESIDE_AGENT, "POST", path, NULL, CALL_TIMEOUT_NS, NULL, &e))
		log_warn("%s", e.msg);
}

static void emit_noise(struct stage *st)
{
	cJSON *status = NULL, *ev;
	struct err e = {0};

	if (stage_call(st, STAGE_BESIDE_AGENT, "GET", "/v1/status", NULL, CALL_TIMEOUT_NS, &status, &e))
		return;
	ev = event_new(st->scenario, "noise");
	json_merge(ev, cJSON_DetachItemFromObject(status, "noise"));
	json_set_str(ev, "source", STAGE_BESIDE_AGENT);
	event_emit(&st->events, ev);
	cJSON_Delete(status);
}

void beside_stop(struct stage *st, int64_t within_ns)
{
	struct err e = {0};

	if (!st->beside)
		return;
	if (stage_stop_load(st, STAGE_BESIDE_AGENT, 1, within_ns, &e))
		log_warn("%s", e.msg);
	emit_noise(st);
}

void beside_reset(struct stage *st)
{
	tell(st, "/v1/reset");
	st->beside = false;
	st->beside_member[0] = '\0';
	stage_forget_clocks(st);
}
