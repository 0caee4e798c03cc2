#ifndef ORDEAL_MEMORYD_MEMBER_H
#define ORDEAL_MEMORYD_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "memoryd/lease.h"
#include "memoryd/store.h"

/* Between the files of the memory server only: one member, one thread. */

/* Switchable faults, by which checkers and measures can be shown to fail. */
enum memory_bug {
	BUG_NONE,
	BUG_LOSE_ACKED, /* acknowledges before replicating, and replicates late */
	BUG_STALE_READS, /* a read sees what a register was a while ago */
	BUG_DUPLICATE, /* every 20th insert is done twice */
	BUG_PHANTOM, /* every 20th insert is refused, and done all the same */
	BUG_LOST_UPDATE, /* every 20th compare-and-set is acknowledged, and not done */
	BUG_SPLIT_BRAIN, /* a primary goes on for a while after it lost its lease */
	BUG_LOSE_SENT, /* every 20th send is acknowledged, and not done */
	BUG_DELIVER_TWICE, /* every 20th acknowledgement of a message is confirmed, and forgotten */
	BUG_OUT_OF_ORDER, /* every 20th message of a partition is handed out long after later ones
			   */
	BUG_DELIVER_REFUSED, /* every 20th send is refused, and done all the same */
};

enum { BUG_EVERY = 20, PAYLOAD_MAX_BYTES = 1000000 };

struct memory_options {
	const char *name, *addr, *state_dir, *shared_dir;
	int port;
	const char *peers[MEMORY_MEMBERS_MAX];
	int npeers, self; /* self: index of name in peers */
	int64_t ttl_ms, loop_ms, restart_ms;
	bool sync, fsync;
	enum memory_bug bug;
	const char *bug_name;
};

enum conn_kind {
	CONN_CLIENT,   /* asks */
	CONN_FOLLOWER, /* a replica that we stream to */
	CONN_SOURCE,   /* the primary that we follow */
};

struct conn {
	int fd;
	enum conn_kind kind;
	bool dead, connecting;
	bool waits;         /* client: its answer waits for a replica ... */
	size_t need;        /* ... to have this many entries */
	char answer[96];
	bool holds;         /* client: a message that it has not acknowledged */
	int64_t hold_key;
	size_t hold_offset;
	struct buf in, out;
	size_t sent;        /* follower: entries sent, and acknowledged */
	size_t acked;
	int member;         /* follower: its index */
	bool streaming;     /* follower, source: both logs agree up to here */
};

/* Instants in CLOCK_MONOTONIC ns; 0: never. */
struct memory_member {
	struct memory_options o;
	struct memory_store store;
	struct memory_lease *lease;
	int listen_fd, signal_fd;
	struct conn **conns; /* heap */
	size_t nconns, alloc;

	bool primary;
	uint64_t epoch;       /* primary: its own; replica: of the primary it follows */
	int64_t expires_ms;   /* primary: its lease */
	int64_t deposed_ns;   /* when it saw that it had lost it (BUG_SPLIT_BRAIN) */
	int64_t tick_ns;      /* when it looks at the lease next */
	int64_t source_ns;    /* when it may try to connect to the primary again */
	size_t source_end;    /* entries that the primary says it has */
	/* Its start; when it became primary; its first client's call as such;
	 * when it saw that a lease (of expired_epoch) had run out; since when it
	 * is behind. */
	int64_t started_ns, primary_ns, client_ns, expired_ns, behind_ns;
	uint64_t expired_epoch;
	bool resumed; /* primary within the lease of its earlier life */
	uint64_t inserts;
	uint64_t updates; /* compare-and-sets that matched */
	uint64_t sends, acks;

	/* The last time this member caught up with a primary. */
	struct {
		const char *kind; /* "none", "partial", "full" */
		int64_t bytes, cut_bytes, done_ns;
		size_t goal;      /* under way until so many entries are there */
		bool on;
	} resync;
};

/* memoryd/conn.c */
/* Takes `fd` over; it goes with the connection. */
struct conn *member_add_conn(struct memory_member *m, int fd, enum conn_kind kind);
void conn_free(struct conn *c);
void conn_line(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The answer goes out once all that the log has now is safe. */
void conn_answer_later(const struct memory_member *m, struct conn *c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int64_t now_ms(void);

/* memoryd/role.c: the lease, seen every loop_ms. */
void role_tick(struct memory_member *m);
bool role_writable(const struct memory_member *m);
/* On SIGTERM: gives the lease up. */
void role_resign(struct memory_member *m);
void role_leader(const struct memory_member *m, struct conn *c);
void role_status(const struct memory_member *m, struct conn *c);
void role_settings(const struct memory_member *m, struct conn *c);
void role_tell(struct memory_member *m);

/* memoryd/queue.c: messages. */
bool queue_line(struct memory_member *m, struct conn *c,
		const char *line); /* false: no line of its */
/* Takes back what the connection holds, to be handed out again. */
void queue_release(struct memory_member *m, struct conn *c);
void queue_dump(const struct memory_member *m, struct conn *c);

/* memoryd/repl.c: the log on its way from the primary to the replicas. */
void repl_follow(struct memory_member *m, struct conn *c, const char *args);
void repl_follower_line(struct memory_member *m, struct conn *c, const char *line);
void repl_source_line(struct memory_member *m, struct conn *c, const char *line);
void repl_source_connected(struct memory_member *m, struct conn *c);
/* Connects to the primary when there is one and no connection yet. */
void repl_seek(struct memory_member *m);
/* Sends followers what they lack; tells the source what we have. */
void repl_push(struct memory_member *m);
void repl_drop_source(struct memory_member *m);
/* The most entries that any follower has. */
size_t repl_acked(const struct memory_member *m);

#endif
