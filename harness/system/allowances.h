#ifndef ORDEAL_SYSTEM_ALLOWANCES_H
#define ORDEAL_SYSTEM_ALLOWANCES_H

#include "base/clock.h"

/* What Kubernetes and a client's machine take where no document gives a bound
 * on it, in ns. Each rule that uses one says so in its words. What only one
 * system takes (a promotion, reading a log) stands with its rules. */

/* Kubernetes documentation, StatefulSets: the controller makes a pod again once
 * the old one is gone; then its volume is mounted and its container started. */
#define ALLOW_RECREATE (10 * NS_PER_S)

/* Kubernetes documentation, Pod Lifecycle (container restarts): at once the
 * first time, after 10 s the second within ten minutes. */
#define ALLOW_BACKOFF (10 * NS_PER_S)
#define ALLOW_CONTAINER_START (1 * NS_PER_S)

/* A node and the pods on it start again. */
#define ALLOW_NODE_BOOT (30 * NS_PER_S)

/* Clients give dead connections up and open new ones: a plain protocol, and one
 * that starts a server process and authenticates for each. */
#define ALLOW_RECONNECT (2 * NS_PER_S)
#define ALLOW_RECONNECT_LOGIN (5 * NS_PER_S)

/* Kubernetes documentation, Pod termination: a deletion with grace 0 still sends
 * SIGTERM, and about so long later SIGKILL. */
#define ALLOW_FORCED_GRACE (2 * NS_PER_S)

#endif
