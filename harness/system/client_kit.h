#ifndef ORDEAL_SYSTEM_CLIENT_KIT_H
#define ORDEAL_SYSTEM_CLIENT_KIT_H

#include "system/client.h"

/* What the systems' clients and probes have in common. Any thread. */

/* ---- a call (client_ops.invoke) ---- */

/* Notes the instants of the call. Until more is known nothing was sent, nothing
 * answered, no time spent on the way there and no value read: OP_FAIL. By its
 * deadline a call has returned; so it stops waiting a little before, for a thread
 * on a busy machine wakes late. Its texts stand in *room. */
void call_make(const struct client_ops *sys, struct client *c, struct op *op, struct op_room *room,
	       int64_t deadline_ns);

/* Whether there is time left to send; op->error says so when there is none. */
bool call_may_send(struct op *op, int64_t until_ns);

/* Its value comes with the answer: a read or a receive. */
bool call_reads(const struct op *op);

/* The server answered to a compare-and-set that the value is another: of the
 * class that measures and checkers know. */
void call_mismatch(struct op *op, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What an insert carries besides its value: so many characters, which no
 * compression makes fewer bytes. The caller frees it. */
char *payload_make(uint32_t seed, size_t bytes);

/* ---- what is there at the end (client_ops.final_read) ---- */

/* No value yet, and every register absent. final_read_free() ends it. */
void final_read_begin(struct final_read *out, int keys);
void final_read_value(struct final_read *out, int64_t value);
/* A key that nobody asked for is left out. */
void final_read_register(struct final_read *out, int64_t key, int64_t value);
/* Who was read from, and what it says it is after that. `host` is a member's own
 * name or any other (NULL: none is known). */
void final_read_answered(struct final_read *out, const struct access *acc, const char *address,
			 const char *host, enum role role, uint32_t shard);

/* ---- probes and settings ---- */

/* What a probe is handed: an answer of this member of which nothing is known. */
void sample_begin(struct sample *s, const struct member *m);

/* Whether a connection's error says that nothing listens there: the server is shut down,
 * or has not begun to start. As strerror() words it. */
bool error_is_refusal(const char *error);
/* Appends {name, value, unit, source}. Of a "bool" the words are "on" and "off",
 * whatever the system's are. */
void setting_add(cJSON *out, const char *name, const char *value, const char *unit,
		 const char *source);

#endif
