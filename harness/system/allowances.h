#ifndef ORDEAL_SYSTEM_ALLOWANCES_H
#define ORDEAL_SYSTEM_ALLOWANCES_H

#include "base/clock.h"

/* What Kubernetes and a client's machine take where no document gives a bound
 * on it, in ns. Each rule that uses one says so in its words. What only one
 * system takes (a promotion, reading a log) stands with its rules. Where it says
 * "seen", that is what stored runs tell, of a two-core machine: an allowance is a
 * multiple of it, for a prediction has to hold on a busier one. */

/* Kubernetes documentation, StatefulSets: the controller makes a pod again once
 * the old one is gone; then its volume is mounted and its container started.
 * Seen, until it runs: 0.9 to 1.6 s on docker, 2.2 to 2.7 s on kind. */
#define ALLOW_RECREATE (10 * NS_PER_S)

/* Kubernetes documentation, Pod Lifecycle (container restarts): at once the
 * first time, after 10 s the second within ten minutes. */
#define ALLOW_BACKOFF (10 * NS_PER_S)
/* Seen, from its end until it runs again: 0.5 s on docker, 1.0 s on kind. */
#define ALLOW_CONTAINER_START (1 * NS_PER_S)

/* A node and the pods on it start again. Seen, until their containers run: 1.5 s
 * on docker, 9.7 s on kind (systemd, containerd, kubelet). */
#define ALLOW_NODE_BOOT (30 * NS_PER_S)

/* Kubernetes documentation, Configure Liveness, Readiness and Startup Probes: the
 * first look initialDelaySeconds after the start, then one every periodSeconds;
 * here for 5 s and 10 s. Seen, from running to ready: up to 7.8 s.
 *
 * The way back, marking a pod unready, takes failureThreshold looks of
 * periodSeconds, each up to timeoutSeconds long (3, 10 s, 1 s by default), and a
 * node's pods node-monitor-grace-period (50 s). Seen: 10 s of a frozen one, 16 s
 * and 33 s of one that was cut off. No rule here rests on it: clients leave a
 * primary that is silent by their own deadline, and find the new one by its
 * Service's address, its label or its word. */
#define ALLOW_READY (15 * NS_PER_S)

/* Clients give dead connections up, by the deadline of the operation that was
 * under way, and open new ones: a plain protocol, and one that starts a server
 * process and authenticates for each. Seen, while all of them connect at once: up to
 * 25 ms (Redis), and 0.6 s on docker and 1.0 s on kind (PostgreSQL). */
#define ALLOW_RECONNECT (2 * NS_PER_S)
#define ALLOW_RECONNECT_LOGIN (5 * NS_PER_S)

/* Kubernetes documentation, Pod Lifecycle (termination): a deletion with grace 0
 * still sends SIGTERM, and so long later SIGKILL (kubelet, kuberuntime_manager.go:
 * minimumGracePeriodInSeconds). */
#define ALLOW_FORCED_GRACE (2 * NS_PER_S)

#endif
