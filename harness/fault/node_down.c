/* node-down: a whole node stops, with everything on it, and is started again
 * when healed. Done from the machine that runs the nodes.
 *
 * how: power-cut  all at once, nobody is told. What was written but not
 *                 fsynced survives all the same: the host's page cache does
 *                 not go with a container
 *      stop       an orderly shutdown with ten seconds' notice
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "fault/target.h"

static const char *const PARAMS[] = {"how", NULL};
static const char *const HOWS[] = {"power-cut", "stop", NULL};

static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	return param_word(step, "how", HOWS, "power-cut", params, e);
}

static void effects(const cJSON *params, struct effects *out)
{
	out->what = EFFECT_NODE_GONE;
	out->whole_node = out->told_at_once = true;
	out->notice = strcmp(json_str(params, "how", "power-cut"), "stop") ? NOTICE_NONE : NOTICE_FULL;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->node_stop && n->ops->node_start && n->ops->node_running)
		return true;
	snprintf(why, size, "a %s agent cannot stop whole nodes", n->ops->name);
	return false;
}

static bool listed(const cJSON *names, const char *name)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, names)
		if (!strcmp(it->valuestring, name))
			return true;
	return false;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	bool cut = !strcmp(plan_param(j->plan, "how", "power-cut"), "power-cut"), running;
	cJSON *nodes = cJSON_AddArrayToObject(j->record, "nodes");
	const cJSON *t, *name;

	cJSON_ArrayForEach(t, json_get(j->plan, "targets")) {
		const char *node = json_str(t, "node", "");

		if (!node[0] || listed(nodes, node))
			continue;
		if (n->ops->node_running(n, node, &running, e))
			return -1;
		if (!running)
			return err_set(e, ERR_BROKEN, "node %s is not running as it is", node);
		json_push(nodes, cJSON_CreateString(node));
	}
	if (!cJSON_GetArraySize(nodes))
		return err_set(e, ERR_INPUT, "fault %s names no node", j->id);
	if (journal_write(j, e))
		return -1;
	j->injected_ns = clock_mono_ns();
	cJSON_ArrayForEach(name, nodes)
		if (n->ops->node_stop(n, name->valuestring, cut, e))
			return -1;
	return 0;
}

static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	const cJSON *name;
	bool running;

	*bites = true;
	cJSON_ArrayForEach(name, json_get(j->record, "nodes")) {
		if (n->ops->node_running(n, name->valuestring, &running, e))
			return -1;
		*bites = *bites && !running;
		json_pushf(evidence, "node %s %s", name->valuestring,
			   running ? "still runs" : "does not run");
	}
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	const cJSON *name;
	int r = 0;

	cJSON_ArrayForEach(name, json_get(j->record, "nodes")) {
		const char *node = name->valuestring;
		struct err unseen = {0};
		bool running = false;

		n->ops->node_running(n, node, &running, &unseen);
		if (n->ops->node_start(n, node, e))
			r = -1;
		else
			json_pushf(evidence, running ? "node %s runs" : "node %s was started", node);
	}
	return r;
}

const struct fault_ops fault_node_down = {
	.name = "node-down",
	.summary = "stop a whole node, start it again when healed",
	.place = FAULT_AT_HOST,
	.lasting = true,
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.heal = heal,
};
