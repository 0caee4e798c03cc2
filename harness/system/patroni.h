#ifndef ORDEAL_SYSTEM_PATRONI_H
#define ORDEAL_SYSTEM_PATRONI_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Patroni's REST API over a plain socket, in two halves, so that one thread
 * can ask PostgreSQL in between and both share one deadline. until_ns is
 * CLOCK_MONOTONIC. */

struct patroni_call {
	int fd; /* -1: none; error says why */
	struct buf answer;
	char error[96];
};

/* Connects and asks "GET path"; waits for the connection only. `address` is
 * numeric. patroni_end() must follow. */
void patroni_begin(struct patroni_call *c, const char *address, int port, const char *path,
		   int64_t until_ns);

/* Waits for the answer, takes what is there already even when the time is
 * over, and closes. NULL with c->error, or an object for the caller to delete. */
cJSON *patroni_end(struct patroni_call *c, int64_t until_ns);

/* From an answer to GET /patroni, the fields of a sample's extra that say
 * what Patroni believes: patroni_ok, patroni_state, patroni_role, patroni_tl,
 * cluster_unlocked, dcs_last_seen, pending_restart, pause. `answer` NULL:
 * patroni_ok is false, with patroni_err. */
void patroni_to_extra(const cJSON *answer, const char *error, cJSON *extra);

/* From an answer to GET /config (the dynamic configuration), {name, value,
 * unit} for each knob, with Patroni's own default where it is silent. */
void patroni_to_settings(const cJSON *config, cJSON *settings);

#endif
