#ifndef ORDEAL_MEMORYD_STORE_H
#define ORDEAL_MEMORYD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What a member keeps: a log of inserted values and changed registers, in
 * memory and in one file, and the registers that follow from it. */

/* ENTRY_PAD holds nothing: an insert's payload is so many of them. */
enum { ENTRY_INSERT = 1, ENTRY_SET = 2, ENTRY_PAD = 3 };
enum { MEMORY_KEYS_MAX = 4096, MEMORY_ENTRY_BYTES = 32 };

struct memory_entry {
	uint32_t sum;  /* of the rest; tells a torn write */
	uint32_t kind;
	int64_t key, value;
	uint64_t epoch; /* of the primary that made it; never falls along the log */
};

struct memory_register {
	int64_t value;      /* OP_NO_VALUE: absent */
	int64_t before;     /* what it was until ... */
	int64_t changed_ns; /* CLOCK_MONOTONIC */
};

struct memory_store {
	struct memory_entry *log; /* heap */
	int64_t *added_ns;        /* when each entry came to this process */
	size_t n, alloc, added_alloc;
	size_t written;           /* entries that are in the file */
	bool dirty;               /* written, but not yet synced */
	struct memory_register *regs; /* MEMORY_KEYS_MAX of them */
	int fd;
	bool sync;                /* fdatasync what is written */
};

/* Reads the log of folder `dir` (made when missing); what follows the first
 * torn entry is cut off. */
int memory_store_open(struct memory_store *s, const char *dir, bool sync, struct err *e);
void memory_store_close(struct memory_store *s);

bool memory_store_kind(uint32_t kind); /* is one of the above */

/* In memory only, until memory_store_flush(). */
void memory_store_add(struct memory_store *s, uint32_t kind, int64_t key, int64_t value,
		      uint64_t epoch);

/* Writes what is new to the file. */
int memory_store_flush(struct memory_store *s, struct err *e);

/* Forgets all entries from n on. */
int memory_store_truncate(struct memory_store *s, size_t n, struct err *e);

/* Epoch of the last entry of the first n; 0 when there is none. */
uint64_t memory_store_epoch(const struct memory_store *s, size_t n);

/* How many entries have an epoch of at most this. */
size_t memory_store_until(const struct memory_store *s, uint64_t epoch);

#endif
