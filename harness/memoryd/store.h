#ifndef ORDEAL_MEMORYD_STORE_H
#define ORDEAL_MEMORYD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What a member keeps: a log of inserted values, changed registers and sent
 * messages, in memory and in one file, and the registers and partitions that
 * follow from it. */

enum {
	ENTRY_INSERT = 1,
	ENTRY_SET = 2,
	ENTRY_PAD = 3,  /* holds nothing: the payload of a value is so many of them */
	ENTRY_SEND = 4, /* message `value` at the end of partition `key` */
	ENTRY_TAKE = 5, /* the message at offset `value` of partition `key` was handed out, */
	ENTRY_ACK = 6,  /* and acknowledged by whom it was handed to */
};
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

struct memory_message {
	int64_t value;
	bool taken, acked;
	bool held; /* by a connection to this member: queue.c's, not in the log */
};

struct memory_partition {
	struct memory_message *m; /* heap; by offset */
	size_t n, alloc;
	size_t low; /* all before this offset are acknowledged */
};

struct memory_store {
	struct memory_entry *log; /* heap */
	int64_t *added_ns;        /* when each entry came to this process */
	size_t n, alloc, added_alloc;
	size_t written;           /* entries that are in the file */
	bool dirty;               /* written, but not yet synced */
	struct memory_register *regs;   /* MEMORY_KEYS_MAX of them */
	struct memory_partition *parts; /* MEMORY_KEYS_MAX of them */
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
