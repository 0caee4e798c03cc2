#ifndef ORDEAL_FAULT_TARGET_H
#define ORDEAL_FAULT_TARGET_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/err.h"
#include "fault/node.h"
#include "yaml/yaml.h"

/* Reading a plan, and the words of a step that become its parameters. */

/* True when this target of a plan lives on the node: the same name, or one
 * of the two has none. */
bool target_here(const struct node *n, const cJSON *target);

/* The targets on this node, in a new array of borrowed items that the
 * caller deletes; an error when there is none. */
int targets_here(const struct node *n, const cJSON *plan, cJSON **out, struct err *e);

/* The first half of inject(). For each target on this node an object {member,
 * uid} goes into j->record[list], to which `note` adds what heal will need; then
 * the journal is written and the time noted: changes may begin. */
typedef int target_note_fn(struct node *n, const struct journal_entry *j, const cJSON *target,
			   cJSON *out, struct err *e);
int targets_note(struct node *n, struct journal_entry *j, const char *list, target_note_fn *note,
		 struct err *e);

/* A parameter of the plan as text. */
const char *plan_param(const cJSON *plan, const char *name, const char *dflt);

/* Reads the word of step[key] into params, or its default; an error at the
 * file's place when it is none of `words` (NULL-terminated). */
int param_word(const struct ynode *step, const char *key, const char *const *words,
	       const char *dflt, cJSON *params, struct err *e);

/* The evidence of a heal that has nothing to do: a line for each `member` of
 * the record's list, "pod M: nothing to undo, " and who replaces what went. */
int heal_nothing(const cJSON *list, const char *who, cJSON *evidence);

/* "pod NAME" for sentences. */
const char *target_name(const cJSON *target);

#endif
