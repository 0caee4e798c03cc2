#ifndef ORDEAL_NODE_FAULTS_H
#define ORDEAL_NODE_FAULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "fault/fault.h"
#include "fault/node.h"

/* The faults that a node agent has under way: injecting, watching for their
 * effect, following restarted pods, and undoing them, by request or because
 * nobody has been heard of for too long. A thread of its own does what needs
 * no request. Any thread may call; faults are handled one at a time. */
struct node_faults;

/* `n` is borrowed. Nothing runs before node_faults_run(). */
struct node_faults *node_faults_new(struct node *n, int64_t dead_man_ns);

/* Heals what the journal still holds of an earlier agent; what cannot be
 * healed now is tried again later. */
void node_faults_recover(struct node_faults *f);

int node_faults_run(struct node_faults *f, struct err *e);

/* Ends the thread and heals everything; returns -1 with what could not be
 * healed. The faults remain readable. */
int node_faults_stop(struct node_faults *f, struct err *e);
void node_faults_free(struct node_faults *f);

/* Somebody is there: the dead-man timer starts anew. */
void node_faults_renew(struct node_faults *f);
int64_t node_faults_expires_in_ns(const struct node_faults *f); /* negative: it has */
bool node_faults_idle(struct node_faults *f); /* none is on */

/* Each sets *out to an answer of agent.h, which the caller deletes. The same
 * plan again is no second fault. Errors: ERR_INPUT for a bad plan. */
int node_faults_inject(struct node_faults *f, const cJSON *plan, cJSON **out, struct err *e);
int node_faults_observe(struct node_faults *f, const char *id, cJSON **out, struct err *e);
int node_faults_heal(struct node_faults *f, const char *id, cJSON **out, struct err *e);
int node_faults_heal_all(struct node_faults *f, cJSON **out, struct err *e);
cJSON *node_faults_list(struct node_faults *f);
cJSON *node_faults_residue(struct node_faults *f);

/* True when a fault with this id is known. */
bool node_faults_has(struct node_faults *f, const char *id);

#endif
