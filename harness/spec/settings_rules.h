#ifndef ORDEAL_SPEC_SETTINGS_RULES_H
#define ORDEAL_SPEC_SETTINGS_RULES_H

#include "spec/settings.h"

/* Between settings.c and settings_rules.c only. */

/* Checks the shape of `impossible:` and that every name in it exists. */
int settings_rules_load(struct arena *a, struct settings *s, struct err *e);

/* A value in its one form ("20", "on"), in the arena; NULL with an error at
 * the node when the setting cannot have it. */
const char *settings_normal(struct arena *a, const struct setting *st, const struct ynode *value,
			    struct err *e);

#endif
