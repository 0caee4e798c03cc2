#ifndef ORDEAL_SCENARIO_PARTS_H
#define ORDEAL_SCENARIO_PARTS_H

#include "scenario/scenario.h"

/* The pieces that scenario_read() is made of; only scenario/ includes
 * this. Each reads one part of the file into *out and refuses what is wrong
 * in it; they must be called in this order. */

int scenario_read_steps(struct arena *a, const struct ynode *list,
			const struct scenario_names *names, struct scenario *out, struct err *e);
int scenario_read_expects(struct arena *a, const struct ynode *list,
			  const struct scenario_names *names, struct scenario *out,
			  struct err *e);

/* The step that injects fault `id`, or NULL. */
const struct step *scenario_fault(const struct scenario *s, const char *id);

/* A word of a list: sets *out or an error with the nearest one. `kind` is
 * what the words are ("system"). A NULL list takes any word. */
int scenario_word(const struct ynode *n, const char *const *allowed, const char *kind,
		  const char **out, struct err *e);

/* lower case letters, digits and hyphens, at most 40, beginning with a
 * letter or digit: safe in file names, TAP and journals. */
bool scenario_is_name(const char *s);

/* One line for people, in TAP among other places: no control characters. */
int scenario_line(const struct ynode *n, const char **out, struct err *e);

#endif
