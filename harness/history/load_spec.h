#ifndef ORDEAL_HISTORY_LOAD_SPEC_H
#define ORDEAL_HISTORY_LOAD_SPEC_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/err.h"
#include "history/op.h"

/* The load of a scenario: its fields, their defaults and limits, and as JSON: in the
 * "scenario" event, and in what a load agent is told. */
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

enum { LOAD_KEYS_MAX = 100000, LOAD_PAYLOAD_MAX = 1000000 };

extern const struct load_spec load_spec_defaults;

/* {rate, clients, deadline_ns, payload_bytes, keys, mix{kind: weight}, minority};
 * a minority of 0 is left out. The caller deletes it. */
cJSON *load_spec_to_json(const struct load_spec *l);
/* For what is to be done. What is absent is as by default; a kind that is absent in
 * mix has no weight. Other keys are nobody's business here. */
int load_spec_from_json(const cJSON *o, struct load_spec *out, struct err *e);
/* Of what was done, as a run's files tell it: what is absent, or no number from 0 up
 * that could be meant, is 0. */
void load_spec_told(const cJSON *o, struct load_spec *out);

/* The kinds of operation that have a weight: OP_BIT() of each. */
uint32_t load_spec_ops(const struct load_spec *l);

#endif
