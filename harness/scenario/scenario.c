#include "scenario/scenario.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "scenario/parts.h"

#define READY_WITHIN_NS (240 * NS_PER_S)

/* A scenario file as a whole: its head and its load. Steps are read in
 * scenario/steps.c, expectations in scenario/expect.c. */

static int read_weight(const struct ynode *mix, const char *key, int *out, struct err *e)
{
	const struct ynode *n = yaml_get(mix, key);
	int64_t v;

	*out = 0;
	if (!n)
		return 0;
	if (yaml_to_i64(n, &v, e))
		return -1;
	if (v < 0 || v > 1000000)
		return yaml_error(n, e, "a weight is between 0 and 1000000, not %lld",
				  (long long)v);
	*out = (int)v;
	return 0;
}

static int read_mix(const struct ynode *n, struct load_spec *l, struct err *e)
{
	const char *keys[OP_KINDS + 1] = {0};
	char all[OP_SET_MAX];
	int f;

	for (f = 0; f < OP_KINDS; f++)
		keys[f] = op_f_name((enum op_f)f);
	if (yaml_check_keys(n, keys, "mix", e))
		return -1;
	for (f = 0; f < OP_KINDS; f++)
		if (read_weight(n, keys[f], &l->mix[f], e))
			return -1;
	if (!load_spec_ops(l))
		return yaml_error(n, e, "the mix has no operations: give one of %s a weight above 0",
				  op_set_text(UINT32_MAX, all));
	if (l->mix[OP_READ_REPLICA] && !(l->mix[OP_WRITE] + l->mix[OP_CAS]))
		return yaml_error(yaml_get(n, "read_replica"), e, "how far a replica is behind shows on "
				  "registers that change: give write or cas a weight above 0, too");
	if (l->mix[OP_RECEIVE] && !l->mix[OP_SEND])
		return yaml_error(yaml_get(n, "receive"), e, "there is nothing to receive but what is "
				  "sent: give send a weight above 0, too");
	return 0;
}

static int read_int(const struct ynode *map, const char *key, int lo, int hi, int *out,
		    struct err *e)
{
	const struct ynode *n = yaml_get(map, key);
	int64_t v;

	if (!n)
		return 0;
	if (yaml_to_i64(n, &v, e))
		return -1;
	if (v < lo || v > hi)
		return yaml_error(n, e, "%s is between %d and %d, not %lld", key, lo, hi,
				  (long long)v);
	*out = (int)v;
	return 0;
}

/* A share of the clients, kept as their number. */
static int read_minority(const struct ynode *n, struct load_spec *l, struct err *e)
{
	double share;

	if (yaml_to_num(n, &share, e))
		return -1;
	if (!(share > 0 && share < 1))
		return yaml_error(n, e, "minority is the share of the clients that stand beside the "
				  "primary, above 0 and below 1 (0.25: a quarter), not %s", n->text);
	l->minority = (int)(share * l->clients + 0.5);
	if (l->minority < 1 || l->minority >= l->clients)
		return yaml_error(n, e, "of %d clients a minority of %s is %s: give more clients",
				  l->clients, n->text, l->minority < 1 ? "none" : "all");
	return 0;
}

static int read_load(const struct ynode *n, struct load_spec *l, struct err *e)
{
	static const char *const keys[] = {"rate", "clients", "deadline", "keys", "mix", "payload",
					   "minority", NULL};
	const struct ynode *v;

	*l = (struct load_spec){.rate = 200, .clients = 64, .deadline_ns = NS_PER_S, .keys = 8,
				.mix = {[OP_INSERT] = 70, [OP_READ] = 15, [OP_CAS] = 15}};
	if (!n)
		return 0;
	if (yaml_check_keys(n, keys, "load", e))
		return -1;
	if ((v = yaml_get(n, "rate"))) {
		if (yaml_to_num(v, &l->rate, e))
			return -1;
		if (l->rate < 0.1 || l->rate > 100000)
			return yaml_error(v, e, "rate is between 0.1 and 100000 operations a "
					  "second, not %s", v->text);
	}
	if (read_int(n, "clients", 1, 4096, &l->clients, e) ||
	    read_int(n, "keys", 0, 100000, &l->keys, e) ||
	    read_int(n, "payload", 0, 1000000, &l->payload_bytes, e))
		return -1;
	if ((v = yaml_get(n, "deadline"))) {
		if (yaml_to_duration_ns(v, &l->deadline_ns, e))
			return -1;
		if (l->deadline_ns < 10 * NS_PER_MS || l->deadline_ns > 60 * NS_PER_S)
			return yaml_error(v, e, "deadline is between 10ms and 60s, not %s",
					  v->text);
	}
	if ((v = yaml_get(n, "mix")) && read_mix(v, l, e))
		return -1;
	if ((v = yaml_get(n, "minority")) && read_minority(v, l, e))
		return -1;
	if (!l->keys && load_spec_ops(l) & OP_REGISTERS)
		return yaml_error(n, e, "reads, writes and cas need registers: keys must be at "
				  "least 1, or their weights 0");
	if (!l->keys && load_spec_ops(l) & OP_MESSAGES)
		return yaml_error(n, e, "send and receive need a partition: keys must be at least 1");
	return 0;
}

static int read_settings(const struct ynode *n, struct err *e)
{
	const char *text;
	size_t i;

	if (n->kind != Y_MAP)
		return yaml_error(n, e, "settings must be a map of a setting's name to its value");
	for (i = 0; i < n->n; i++) {
		if (yaml_to_string(n->items[i], &text, e))
			return -1;
	}
	return 0;
}

static int need_text(const struct ynode *root, const char *key, const char *example,
		     const char **out, struct err *e)
{
	const struct ynode *n = yaml_get(root, key);

	if (!n)
		return yaml_error(root, e, "the scenario has no %s; add: %s", key, example);
	return yaml_to_string(n, out, e);
}

static int read_head(const struct ynode *root, const struct scenario_names *names,
		     struct scenario *out, struct err *e)
{
	static const char *const keys[] = {"name", "title", "about", "compare", "system", "variant",
					   "settings", "ready_within", "load", "steps",
					   "expect", NULL};
	static const char *const variants[] = {"documented", "corrected", NULL};
	const struct ynode *n;

	if (root->kind != Y_MAP)
		return yaml_error(root, e, "a scenario is a map (name: ..., system: ..., steps: "
				  "...)");
	if (yaml_check_keys(root, keys, "the scenario", e) ||
	    need_text(root, "name", "name: system-what-happens", &out->name, e))
		return -1;
	if (!scenario_is_name(out->name))
		return yaml_error(yaml_get(root, "name"), e, "a name has lower case letters, "
				  "digits and hyphens, at most 40, not \"%.60s\"", out->name);
	out->title = out->name;
	if ((n = yaml_get(root, "title")) && scenario_line(n, &out->title, e))
		return -1;
	if ((n = yaml_get(root, "about")) && yaml_to_string(n, &out->about, e))
		return -1;
	if ((n = yaml_get(root, "compare")) && scenario_line(n, &out->compare, e))
		return -1;
	if (need_text(root, "system", "system: postgres", &out->system, e) ||
	    scenario_word(yaml_get(root, "system"), names->systems, "system", &out->system, e))
		return -1;
	out->variant = "corrected";
	if ((n = yaml_get(root, "variant")) &&
	    scenario_word(n, variants, "variant", &out->variant, e))
		return -1;
	out->ready_within_ns = READY_WITHIN_NS;
	if ((n = yaml_get(root, "ready_within"))) {
		if (yaml_to_duration_ns(n, &out->ready_within_ns, e))
			return -1;
		if (out->ready_within_ns < NS_PER_S || out->ready_within_ns > 3600 * NS_PER_S)
			return yaml_error(n, e, "ready_within is between 1s and 1h, not %s", n->text);
	}
	out->settings = yaml_get(root, "settings");
	if (out->settings && read_settings(out->settings, e))
		return -1;
	return read_load(yaml_get(root, "load"), &out->load, e);
}

int scenario_read(struct arena *a, const char *path, const struct scenario_names *names,
		  struct scenario *out, struct err *e)
{
	const struct ynode *root, *steps, *expects;
	struct ynode **docs;
	size_t n;

	*out = (struct scenario){.file = arena_strdup(a, path)};
	if (yaml_read_file(a, path, &docs, &n, e))
		return -1;
	if (!n || (docs[0]->kind == Y_SCALAR && docs[0]->plain && !*docs[0]->text))
		return err_set(e, ERR_INPUT, "%s:1:1: the file is empty: a scenario needs at least "
			       "name, system, steps and expect", path);
	if (n > 1)
		return yaml_error(docs[1], e, "a second document begins here: one scenario a "
				  "file");
	root = out->root = docs[0];
	if (read_head(root, names, out, e))
		return -1;
	steps = yaml_get(root, "steps");
	expects = yaml_get(root, "expect");
	if (!expects)
		return yaml_error(root, e, "the scenario expects nothing; add: expect: [{lost: "
				  "{at_most: 0}}]");
	if (!steps)
		return yaml_error(root, e, "the scenario has no steps; add: steps: [{steady: 10s}]");
	if (scenario_read_steps(a, steps, names, out, e))
		return -1;
	return scenario_read_expects(a, expects, names, out, e);
}
