#ifndef ORDEAL_LOAD_LOAD_H
#define ORDEAL_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "history/op.h"
#include "system/client.h"

/* An open-loop generator: operation i is meant for t0 + i / rate whatever
 * happened to those before it, and its latency counts from there (as wrk2's;
 * "coordinated omission" otherwise hides every outage). Each client is a
 * thread with one connection.
 *
 * An operation whose turn comes while all clients are busy waits. One that
 * has waited for longer than the deadline is given up: outcome fail, not
 * sent, error class "client". What it waited while a client was free is the
 * generator's own lateness, and stands in the operation (slip_ns).
 *
 * When more than half of the clients wait, and the longest of them for more
 * than twice what answers usually take, the free ones are held back so that
 * they last until the next hanging one must come back: otherwise all would be
 * used up within a moment, and nobody would try until the first deadline ends.
 * While all hang, clients / deadline operations a second are tried, evenly:
 * with 64 clients and a deadline of 1 s one every 15 ms on average, 30 ms at
 * worst. What is due beyond that waits for its turn, and is given up unsent
 * once it has waited for a deadline: so there is a backlog of one deadline as
 * long as nothing answers, and the latencies say so. With few clients the gaps
 * between attempts, and with them the error of an outage, are as long as
 * deadline / clients.
 *
 * While nothing but failures comes back, an attempt starts every 15 ms at
 * most, hanging or not: more would tell no more about when the service is
 * back, and on a small machine connecting 200 times a second is a load that
 * by itself keeps a server from coming back. */

struct load_conf {
	const struct client_ops *sys;
	const struct access *acc; /* must outlive the load */
	uint32_t scenario;
	double rate;              /* operations a second, all clients together */
	int clients;
	int64_t deadline_ns;
	int keys;                 /* registers, and partitions */
	int mix[OP_KINDS];        /* weights by kind */
	/* Of several loads on one system each is a group: its number in every
	 * operation (0: the only or the main one), the number of its first
	 * client, and what its values count up from. */
	uint32_t group, first_process;
	int64_t first_value;
	uint64_t seed;            /* of the order of kinds and keys */
};

struct load_stats {
	int64_t ok, fail, info;
	int64_t last_write_ok_ns; /* when a write was last acknowledged; 0: never */
	int64_t queued;           /* due, and waiting for a client */
	/* How late the generator itself was: of the time from when an operation
	 * was due to when it was called, that during which a client was free and
	 * nothing held it back. -1: nothing handed out yet. */
	double lateness_p50_ms, lateness_p99_ms, lateness_max_ms;
};

/* What became of the load that was asked for, so far. What is neither called
 * nor given up still waits, or waited at the end. */
struct load_sent {
	int64_t due, called, given_up; /* operations */
	int64_t free_ns; /* of the time since the start during which a client was free */
};

struct load;

/* Starts at once; *t0_ns is the intended time of the first operation. */
int load_start(const struct load_conf *conf, struct load **out, int64_t *t0_ns, struct err *e);

/* No new operation; waits for those under way (at most a deadline). What was
 * recorded stays readable. May be called again. */
void load_stop(struct load *l);

/* Stops and forgets. NULL is fine. */
void load_free(struct load *l);

/* Any thread may call these. */
void load_stats(struct load *l, struct load_stats *out);
void load_sent(struct load *l, struct load_sent *out);
bool load_running(struct load *l);

/* Appends lines of history.jsonl from operation `from` on, at most `max`, in
 * the order in which they returned, and their block (history/block.h), which
 * says so when nothing more will come; nothing when nothing is new. Returns the
 * number of the next one. */
int64_t load_history(struct load *l, int64_t from, int64_t max, struct buf *out);

#endif
