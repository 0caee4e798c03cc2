#ifndef ORDEAL_LOAD_PRESENT_H
#define ORDEAL_LOAD_PRESENT_H

#include <cjson/cJSON.h>

#include "system/client.h"

/* Reads what is there, again after a failure until timeout_ns have passed: the
 * load is over, so trying again hides nothing. A try ends early at first, for
 * a connection may hang where a new one would not (an address translation
 * that outlived its pod holds a reused port for minutes); a later one may take
 * as long as all before it, for there may be much to read. Returns how many
 * tries it took, or -1 with the last one's error. The caller frees `out`
 * (final_read_free()). */
int present_read(const struct client_ops *sys, const struct access *acc, int keys,
		 int64_t timeout_ns, struct final_read *out, struct err *e);

/* A final read as the fields of a "final" event: present [[lo,hi],...] (each
 * value once, ascending), duplicates [[value,count],...], registers
 * {"key": value or null}, when they were read messages [{part, off, redel,
 * val[...]}...], and by [{addr, member, role, shard}...], who answered
 * (doc/HISTORY.md). Sorts f->values. The caller deletes the
 * result. */
cJSON *present_json(struct final_read *f);

#endif
