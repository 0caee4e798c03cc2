#ifndef ORDEAL_SCENARIO_LOAD_SPEC_H
#define ORDEAL_SCENARIO_LOAD_SPEC_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/err.h"
#include "history/op.h"
#include "yaml/yaml.h"

/* The load of a scenario: its fields, their defaults and limits, as a file has
 * them and as JSON: in the "scenario" event, and in what a load agent is told. */
struct load_spec {
	double rate;         /* operations a second, all clients together */
	int clients;
	int64_t deadline_ns;
	int keys;            /* registers for read and cas, partitions for send and receive */
	int payload_bytes;   /* carried by each insert or send besides its value; 0: nothing */
	int mix[OP_KINDS];   /* weights by kind of operation */
	/* This many of `clients`, with their share of the rate, stand beside the
	 * member that is primary when the load starts; 0: none. */
	int minority;
};

/* `n` is the value of the key `load`, NULL when the file has none: all defaults. */
int load_spec_read(const struct ynode *n, struct load_spec *out, struct err *e);

/* {rate, clients, deadline_ns, payload_bytes, keys, mix{kind: weight}, minority};
 * a minority of 0 is left out. The caller deletes it. */
cJSON *load_spec_to_json(const struct load_spec *l);
/* What is absent is as by default; a kind that is absent in mix has no weight.
 * Other keys are nobody's business here. */
int load_spec_from_json(const cJSON *o, struct load_spec *out, struct err *e);

/* The kinds of operation that have a weight: OP_BIT() of each. */
uint32_t load_spec_ops(const struct load_spec *l);

#endif
