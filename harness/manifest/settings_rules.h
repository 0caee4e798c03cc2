#ifndef ORDEAL_MANIFEST_SETTINGS_RULES_H
#define ORDEAL_MANIFEST_SETTINGS_RULES_H

#include "manifest/settings.h"

/* Between the files manifest/settings*.c only. */

/* Whether a unit's values are numbers ("s", "ms", "bytes", "count"). */
bool settings_numeric(const char *unit);

/* The one form of a value, in the arena; NULL with the reason in `why` when the
 * setting cannot have it. */
const char *settings_value(struct arena *a, const struct setting *st, const char *value,
			   char why[200]);

/* Checks the shape of `impossible:` and that every name in it exists. */
int settings_rules_load(struct arena *a, struct settings *s, struct err *e);

/* A value in its one form ("20", "on"), in the arena; NULL with an error at
 * the node when the setting cannot have it. */
const char *settings_normal(struct arena *a, const struct setting *st, const struct ynode *value,
			    struct err *e);

#endif
