#ifndef ORDEAL_FAULT_SWEEP_H
#define ORDEAL_FAULT_SWEEP_H

#include "base/err.h"
#include "fault/node.h"

/* SIGKILL to every process of a pod, its sandbox's among them. How many were hit;
 * -1 with an error. */
int pod_sweep(struct node *n, const char *uid, struct err *e);

#endif
