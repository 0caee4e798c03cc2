#include "fault/target.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

bool target_here(const struct node *n, const cJSON *target)
{
	const char *node = json_str(target, "node", "");

	return !n->name[0] || !node[0] || !strcmp(n->name, node);
}

int targets_here(const struct node *n, const cJSON *plan, cJSON **out, struct err *e)
{
	const cJSON *t;

	*out = cJSON_CreateArray();
	cJSON_ArrayForEach(t, json_get(plan, "targets")) {
		if (target_here(n, t))
			cJSON_AddItemReferenceToArray(*out, (cJSON *)(uintptr_t)t);
	}
	if (cJSON_GetArraySize(*out))
		return 0;
	cJSON_Delete(*out);
	*out = NULL;
	return err_set(e, ERR_INPUT, "fault %s has no target on node %s",
		       json_str(plan, "id", "?"), n->name[0] ? n->name : "(unnamed)");
}

int targets_note(struct node *n, struct journal_entry *j, const char *list, target_note_fn *note,
		 struct err *e)
{
	cJSON *targets, *notes = cJSON_AddArrayToObject(j->record, list);
	const cJSON *t;
	int r = 0;

	if (targets_here(n, j->plan, &targets, e))
		return -1;
	cJSON_ArrayForEach(t, targets) {
		cJSON *o = cJSON_CreateObject();

		json_set_str(o, "member", target_name(t));
		json_set_str(o, "uid", json_str(t, "uid", ""));
		r = note(n, j, t, o, e);
		if (r) {
			cJSON_Delete(o);
			break;
		}
		json_push(notes, o);
	}
	cJSON_Delete(targets);
	if (r || journal_write(j, e))
		return -1;
	j->injected_ns = clock_mono_ns();
	return 0;
}

const char *plan_param(const cJSON *plan, const char *name, const char *dflt)
{
	return json_str(json_get(plan, "params"), name, dflt);
}

int param_word(const struct ynode *step, const char *key, const char *const *words,
	       const char *dflt, cJSON *params, struct err *e)
{
	const struct ynode *at = yaml_get(step, key);
	const char *word = dflt, *near;
	struct buf all = {0};

	if (at && yaml_to_string(at, &word, e))
		return -1;
	for (size_t i = 0; words[i]; i++) {
		if (!strcmp(words[i], word)) {
			json_set_str(params, key, word);
			buf_free(&all);
			return 0;
		}
		buf_fmt(&all, "%s%s", i ? ", " : "", words[i]);
	}
	near = yaml_nearest(word, words);
	yaml_error(at, e, "%s: \"%s\" is none of %s%s%s%s", key, word, buf_cstr(&all),
		   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	buf_free(&all);
	return -1;
}

const char *target_name(const cJSON *target)
{
	return json_str(target, "member", "?");
}

int heal_nothing(const cJSON *list, const char *who, cJSON *evidence)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, list)
		json_pushf(evidence, "pod %s: nothing to undo, %s", target_name(it), who);
	return 0;
}
