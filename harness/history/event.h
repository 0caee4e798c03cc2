#ifndef ORDEAL_HISTORY_EVENT_H
#define ORDEAL_HISTORY_EVENT_H

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/append.h"
#include "base/err.h"
#include "history/block.h"

/* Everything that happened in a run besides the operations, one JSON object
 * a line in events.jsonl, in the order of writing. Reports are made from
 * these two files alone. Every event has
 *   t   CLOCK_MONOTONIC ns on the driver's timeline
 *   te  error bound of t in ns (absent: 0)
 *   s   scenario index (absent for events of the whole run)
 *   k   its kind, one of the names below
 *
 * kinds and their fields (doc/HISTORY.md says more):
 *  run       run_id, seed, engine, version, started (RFC 3339), images{stock:used}, host{}, format
 *  scenario  name, title, file, system, variant, settings[{name,value,unit,default,source,where}],
 *            load{}, steps[], expect[{name, metric, ...}], plan[]
 *  adapt     file, line, object, path, from, to, why
 *  phase     phase: "engine" "agents" (of the run), "apply" "ready" "setup" "converge" "load" "steady" "await" "heal"
 *            "settle" "final" "cleanup" "done"; detail
 *  sample    m (member), ok, role ("primary" "replica" "unknown"), writable, shard or shards[], tl, pos, lag_bytes,
 *            lag_tx, lag_ms, took_ms, err, x{} (what only this system has)
 *  group     g (number in operations), name, node, member (beside whom), clients, rate
 *  witness   as sample: asked by the load agent that stands beside the member
 *  fault     id, fault, how, state ("planned" "injecting" "effective" "no-effect" "healing" "healed"
 *            "heal-failed"), targets[{member,node,uid,role,...}], params{}, evidence[], rule, silences
 *  object    type ("pod" "endpoints" "service" "node"), name, and for pods: uid, node, ip, phase, ready,
 *            restarts, deleted; for endpoints: addrs[], not_ready[], annotations{}; "gone": true when deleted
 *  notice    an event object of Kubernetes: object, reason, message, type, count
 *  log       member, container, previous, text: an excerpt
 *  inforce   settings[{name, value, unit}]: as the running system reports them
 *  final     present [[lo,hi],...], duplicates [[value,count],...], registers {key: value},
 *            messages [{part, off, redel, val[]}...], by [{addr, member, role, shard}...], took_ms
 *  load      source, g, ops: how many operations a load agent says that it did
 *  noise     source, cpu_some_pct, steal_pct, load1, due, called, given_up; of the span_ms
 *            before t: late_max_ms, late_sum_ms, free_ms; of the whole load: lateness_p50_ms,
 *            lateness_p99_ms, lateness_max_ms
 *  history   g, ops, sum: all that the load agent of group g recorded is in history.jsonl
 *  stands    ok, member (first that failed), point, reason: did the fixture come up as written
 *  unsupported what: the engine cannot do what the scenario asks
 *  broken    what, where: the harness failed or a fault did not bite
 *  interrupt signal
 *  end       ok
 *  block     from, n, sum: of the lines before (history/block.h); never among what is read
 *
 * Which of them are needed, and of what type each is, says schema.c.
 */
struct event_log {
	struct append file;
	pthread_mutex_t lock;
	struct block_sum open; /* what no block covers yet */
	int64_t written;       /* events that blocks cover */
	bool failed;           /* nothing is written any more */
	struct err why;
};

/* No line is longer; a run whose log has a longer one is broken. */
enum { EVENT_LINE_MOST = 16 << 20 };

int event_log_open(struct event_log *l, const char *path, struct err *e);
/* -1: the last events may be lost. */
int event_log_close(struct event_log *l, struct err *e);

/* Starts an event: {t: now, s: scenario (left out when negative), k: kind}. */
cJSON *event_new(int scenario, const char *kind);

/* Writes one event and deletes it. Any thread may call. Once an event could not
 * be written (the disk is full) nothing more is, so that no event is missing
 * among those that are there; event_log_check() tells. */
void event_emit(struct event_log *l, cJSON *event);

/* -1 with the error when an event could not be written: nobody may go on, for
 * what happens is not told any more. Any thread may call. */
int event_log_check(struct event_log *l, struct err *e);

/* Of an event that was read: its instant, in ns, and whether it is of a kind. */
int64_t event_t(const cJSON *event);
bool event_is(const cJSON *event, const char *kind);

/* The events of one scenario and those of the whole run, in their order: what
 * searches them again and again has only these to pass. The caller deletes
 * the array; what is in the items stays with `events`, which must live
 * longer. */
cJSON *events_of(const cJSON *events, int scenario);

/* Puts all of them behind those of `to`; `from` is empty then. */
void events_move(cJSON *from, cJSON *to);
/* Deletes those that belong to scenarios. */
void events_keep_run(cJSON *events);

/* The last event of a kind in an array; NULL: none. */
const cJSON *events_last(const cJSON *events, const char *kind);

#endif
