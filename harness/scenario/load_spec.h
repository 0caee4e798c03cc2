#ifndef ORDEAL_SCENARIO_LOAD_SPEC_H
#define ORDEAL_SCENARIO_LOAD_SPEC_H

#include "base/err.h"
#include "history/load_spec.h"
#include "yaml/yaml.h"

/* The load as a scenario's file has it: `n` is the value of the key `load`, NULL when
 * the file has none: all defaults. */
int load_spec_read(const struct ynode *n, struct load_spec *out, struct err *e);

#endif
