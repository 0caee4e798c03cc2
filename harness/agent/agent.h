#ifndef ORDEAL_AGENT_AGENT_H
#define ORDEAL_AGENT_AGENT_H

/* The two agents. Both are HTTP servers (libmicrohttpd) that answer JSON,
 * need "X-Ordeal-Token: TOKEN" (API servers strip Authorization when they proxy) on every request (no or a wrong
 * token: 401), and answer {"error": "..."} with status 400, 404, 405, 409, 413 or
 * 500 when something is wrong. Times are CLOCK_MONOTONIC ns of the agent's own
 * machine; the driver maps them to its own timeline.
 *
 * Both:
 *   GET  /v1/clock    {mono_ns, clock (base/clock.h: clock_id)}
 *   GET  /v1/health   {posture, node, version, pid}
 *
 * Load agent (`ordeal load-agent`; options: --listen ADDR:PORT, token in
 * $ORDEAL_TOKEN):
 *   POST /v1/setup    {system, scenario, access{members[{name,host}], ...}, load{rate, clients,
 *                     deadline_ns, payload_bytes, keys, mix{kind of operation: weight}, group,
 *                     first_process, first_value}, seed, sample_every_ms, probe_timeout_ms,
 *                     sample[names of the members that it asks; absent: all]}
 *                     makes the tables, starts the sampler. {}. May be tried again. With a
 *                     group other than 0 the tables are there already.
 *   POST /v1/start    starts the load at once: {t0_ns}
 *   POST /v1/stop     stops the load, waits for operations under way: {ops}
 *   GET  /v1/history?from=N   lines of history.jsonl from operation N on (at most 20,000),
 *                     text/plain; header X-Next: the next N. Operations in the order in which
 *                     they returned.
 *   GET  /v1/samples?from=N   {"next": M, "samples": [fields of "sample" events with t]}
 *   GET  /v1/status   {running, ops_ok, ops_fail, ops_info, last_write_ok_ns, queued,
 *                     redundant, redundant_why, members[{m, role, writable, ok, ...newest sample}],
 *                     noise{lateness_p50_ms, lateness_p99_ms, lateness_max_ms, cpu_some_pct,
 *                     steal_pct, load1, due, called, given_up}}: of the whole load
 *   GET  /v1/noise?from=N     {"next": M, "noise": [fields of "noise" events with t]}: the
 *                     heartbeat's rows
 *   POST /v1/final    {present[[lo,hi]...], duplicates[[v,n]...], registers{"0": v}, messages[],
 *                     took_ms}
 *   GET  /v1/inforce  {settings[{name,value,unit}]}
 *   POST /v1/reset    stops everything and forgets it: {}
 *
 * Node agent (`ordeal node-agent --mode kube|local|host --state DIR --listen ADDR:PORT
 * [--node NAME] [--dead-man SECONDS]`):
 *   POST   /v1/lease       {run_id}: renews the dead-man timer: {expires_in_ms}. Any authorised
 *                          request renews it as well. When it runs out, every fault is healed.
 *   POST   /v1/faults      {plan}: checks, journals, injects: {id, injected_ns, supported, why}
 *   GET    /v1/faults      {faults[{id, fault, state, injected_ns, effective_ns, healed_ns}]}
 *   GET    /v1/faults/ID   observes: {id, state, bites, effective_ns, evidence[]}
 *   DELETE /v1/faults/ID   heals: {id, healed_ns, evidence[], lapse}; lapse, where it is
 *                          there, says why the fault was not on all the time
 *   DELETE /v1/faults      heals everything: {healed: n, evidence[]}
 *   GET    /v1/residue     what an unclean end would leave here: {clean, found[]}: nft tables,
 *                          frozen cgroups, fill files, stopped nodes, journal entries, loop
 *                          files, mounts
 *
 * Postures run until SIGTERM or SIGINT, heal on the way out, and return an
 * exit code. On start a node agent heals what its journal still holds. */
int load_agent_main(int argc, char **argv);
int node_agent_main(int argc, char **argv);

#endif
