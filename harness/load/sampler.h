#ifndef ORDEAL_LOAD_SAMPLER_H
#define ORDEAL_LOAD_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "system/system.h"

/* Asks every member directly, each in a thread of its own, at absolute
 * times (start + i * every_ns). A question that takes longer than that skips
 * the times it missed: it never asks twice in a row to make up. */

struct sampler;

int sampler_start(const struct system *sys, const struct access *acc, int64_t every_ns,
		  int64_t timeout_ns, struct sampler **out, struct err *e);

/* Waits for questions under way (at most timeout_ns). NULL is fine. */
void sampler_free(struct sampler *s);

/* {"next": M, "samples": [...]} from sample `from` on, each the fields of a
 * "sample" event with t, in the order in which they came. Any thread. */
void sampler_since(struct sampler *s, int64_t from, struct buf *out);

/* What is known now: an array with the newest sample of every member, and
 * whether the system is redundant; an answer older than a second is none.
 * `why` holds WHY_BYTES. The caller deletes the array. Any thread. */
cJSON *sampler_members(struct sampler *s, bool *redundant, char *why);

#endif
