#ifndef ORDEAL_MEASURE_MEASURE_H
#define ORDEAL_MEASURE_MEASURE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history/op.h"
#include "measure/stat.h"
#include "history/evidence.h"
#include "system/system.h"

/* Figures of one scenario, computed from its history and events alone:
 * pure, so that a report can be made again from the stored files. All
 * instants are ns on the driver's timeline; lengths are ns; -1: unknown. */

/* All outages of a fault's window together; one that was running before may be
 * none of its work, so it does not count for lo. */
struct downtime {
	int times;
	bool ended;     /* false: the last one was not over: hi is no bound */
	int64_t lo_ns, hi_ns;
	int64_t own_lo_ns; /* of lo_ns what was before the next fault */
};

enum { OUTAGE_FLOOR_MS = 20 }; /* no gap that is shorter is one by its length */

/* Writes were down from when the last one took effect that was acknowledged
 * before, in [down_lo, down_hi], until the first one after it did, in
 * [up_lo, up_hi]. See measure/outage/gaps.c for what is an outage, bounds.c for
 * how each is bounded. */
struct outage {
	bool any;       /* writes failed in a row, or a gap beyond the baseline was seen */
	bool ended;     /* false: writes never came back: lo/hi are lower bounds (censored) */
	/* They were down already when the fault was injected, from where it counts:
	 * how much of it is this fault's work is not known. */
	bool running;
	const struct fault_record *met; /* injected before this was over; NULL: none */
	int times;      /* gaps that it is made of, with next to no service between */
	int64_t down_lo, down_hi, up_lo, up_hi;
	int64_t lo_ns, hi_ns;  /* length: at least, at most */
	/* last acknowledged write before to first after, as a client saw it */
	int64_t seen_ns;
	int64_t client_min_ns, client_median_ns, client_max_ns; /* each client's own gap */
	int more;              /* further outages in the same window ... */
	int64_t more_ns;       /* ... and their total length as seen */
	struct downtime down;  /* it and those together */
	struct milestones m;
};

/* What of it is certainly its fault's own work, ns: not what was running before,
 * nor what came after the next fault. */
int64_t outage_own_lo(const struct outage *o);

/* Whether it was down for longer in all than another (`than` NULL: than none). */
bool outage_downer(const struct outage *o, const struct outage *than);

/* The outage of some of the writes, or of a kind of reads: see
 * measure/outage/parts.c. */
struct partial_outage {
	char what[8];   /* "shard", "kind", "group", "clients" */
	char name[32];  /* "2", "insert", "minority", "32 of 64" */
	bool reads;
	struct outage outage; /* its milestones are not filled */
	bool proven;    /* by enough writes that failed while others did not */
};

/* How the generator and its machine were in some stretch of time: see
 * measure/noise.c, which has the limits. -1: not known. */
struct noise {
	double lateness_p99_ms, lateness_max_ms; /* of calls, while a client was free */
	double cpu_some_pct, steal_pct;
	/* the longest time for which it stood still, and when that began */
	int64_t stood_ns, stood_at_ns;
	int64_t stood_sum_ns;
	bool too_noisy; /* lengths of time in it tell of the generator or the hypervisor */
	/* they may have been longer than on a machine with processors to spare, ... */
	bool pressed;
	double waited;  /* ... by this share of them at most: 0 to 1 */
	char why[200];  /* of either; "" */
};

/* Which of a fault's lengths of time: each has a time of its own. */
enum noise_of {
	/* from the injection until the outage was over and the system whole again */
	NOISE_OUTAGE,
	NOISE_RECOVERY, /* from the effect until redundancy was back */
	NOISE_DEMOTION, /* from the healing until the old primary was none */
	NOISE_DOWNTIME, /* the fault's window, against the time down in it */
	NOISE_SERVED,   /* the fault's window, of which one in a hundred calls makes a p99 */
	NOISE_KINDS
};

/* Of the operations that were due in a fault's window: see measure/served.c. */
struct served_row {
	char what[8];    /* "all", "writes", "reads", "kind", "shard", "group", "client" (the worst one) */
	char name[32];   /* "insert", "2", "minority"; "" */
	int64_t due, served;
	int64_t unsent;  /* of the others: no client was free for them in time */
	/* of a shard's: so many more were due that may have been its, for they never left
	 * their clients, and nothing tells of which they were */
	int64_t untold;
	/* a cut held some of them apart from the others: only a group's row counts those */
	bool apart;
	int64_t p50_ns, p99_ns; /* of what was served, from when it was due; -1: nothing was */
};

enum { CLIENTS_DOWN_MOST = 16 };

/* How far back what survived a fault ends. */
struct recovery_point {
	/* acknowledged writes that it lost; 0: all are there, and all that follows is 0 */
	int64_t lost;
	/* From the first of them until the fault was injected, at least and at most:
	 * from its acknowledgement, from its call. */
	int64_t lo_ns, hi_ns;
	/* Inserts and writes of registers that are there although they were called after that
	 * one had been acknowledged, and acknowledged before the fault. Above 0: no single
	 * moment. */
	int64_t beyond;
	/* Lost ones that were called when it had taken effect, so that they were in no state
	 * before it: say, on a side that went on alone. */
	int64_t after;
	/* Of the last fault, where it took all members' volumes: whether the position at which
	 * the system was put back is that of its data, and in words ("consistent with ...",
	 * "not consistent with ...: value 17 ...", why nobody knows). */
	enum { POINT_NOT_PUT_BACK, POINT_UNTOLD, POINT_CONSISTENT, POINT_INCONSISTENT } put_back;
	char how[WHY_BYTES];
};

struct fault_seen {
	const struct fault_record *rec; /* what the evidence has of it; borrowed */
	int64_t window_end_ns;  /* until the next fault or the end of the load */
	const struct fault_record *next; /* that ends it; NULL: none */
	struct outage outage;   /* of the clients that stand with the others (group 0) */
	/* Whose outage that is, when one part was down for longer than all writes
	 * together: "shard 2", "kind insert", "clients 32 of 64", "group g1"; "" all writes. */
	char outage_of[48];
	struct partial_outage *parts; /* heap; shards, kinds, groups, a share of the clients */
	size_t nparts, parts_alloc;
	/* of the one client that fared worst while others were served; none: any is false */
	struct outage client;
	char client_name[12];
	/* Of so many clients these, the worst among them, failed too often in a row for
	 * bad luck; at most CLIENTS_DOWN_MOST are counted. */
	size_t clients, clients_down;
	struct served_row *served; /* heap */
	size_t nserved, served_alloc;
	struct prediction predicted;
	struct recovery_info resync;
	int64_t redundant_ns, lag_zero_ns; /* after effective; -1: not seen */
	/* Less than redundant_ns when another fault came before it was reached:
	 * until then it was this fault alone that kept the system from it. */
	int64_t redundant_lo_ns;
	/* By so much it was perhaps redundant sooner (not seen: than the end of the
	 * watch), for nobody was asked then, or not all members were. */
	int64_t redundant_unasked_ns;
	bool apart_before; /* it was not whole when this fault was injected */
	char redundant_why[WHY_BYTES]; /* not seen: what was missing last, as the members say; "" */
	int64_t told_te_ns; /* by which clocks may be apart in what members said after the fault */
	bool was_primary;   /* a lasting fault that was healed hit a primary: of it: */
	int64_t demoted_ns; /* after fault_healing(): old primary seen as no primary; -1 */
	/* after healed: until then it was last heard to be one; 0: not at all */
	int64_t demoted_lo_ns;
	int64_t demoted_watched_ns; /* not seen so: how long members were asked after healed */
	bool still_primary; /* at the end it and another were both writable */
	/* where the loss is known and the fault was injected; else all 0 */
	struct recovery_point point;
	/* called after it took effect, answered and judged (struct staleness) */
	int64_t replica_reads;
	struct noise noise[NOISE_KINDS];
};

struct lost_write {
	enum op_f f;      /* insert, send, write or cas */
	int64_t key, value; /* as in struct op */
	uint32_t process, group, shard;
	int64_t t_call, t_return; /* when it was called, and acknowledged */
	char fault[64];   /* the fault that caused it ("" none) */
	enum loss_cause cause;
	char how[WHY_BYTES]; /* how that is known; "" */
	char via[64];
	char tx[OP_TX_MAX]; /* as in struct op */
};

struct loss {
	bool known;      /* a final read was made, of a system in which it tells what is there */
	char why_unknown[240]; /* a clause; "" when known */
	const char *of;  /* what was counted: "insert", "send", "register write", or "write" for several */
	/* All that follows but acked, acked_late and unknown is 0 when it is not known.
	 * `lost` is certain, its three parts add up to it; so many more may
	 * be lost as maybe_lost says. */
	int64_t acked, lost, lost_inserts, lost_messages, lost_register_writes, maybe_lost;
	int64_t acked_late; /* of the acknowledged: after the call had returned without an answer */
	int64_t phantom, duplicate, unknown;
	/* Acknowledged messages that somebody received, and that the log, which keeps what was
	 * received, has no more: they count as there. */
	int64_t truncated;
	/* Messages that were given out as new twice, though the first receipt was acknowledged, by
	 * a system that marks what it delivers again: no ordinary duplicates. Of these so many
	 * after a member was left without what it had. */
	int64_t back, back_reset;
	bool once_untold; /* the final read does not tell of inserts whether any is there twice */
	/* Of the phantoms: values that no operation of the history sent. Where nothing
	 * counts its lines, they may be missing from it instead. */
	int64_t unsent;
	/* Keys of values and of registers that are not there, as many as the
	 * system says it threw out at most (`evictions`). They are a loss of
	 * their own kind, for the settings ask for it: neither among the lost
	 * nor in `writes`. more_missing: more were missing than it evicted, and
	 * nothing tells which of them those were. */
	int64_t evicted, evictions;
	bool more_missing;
	/* Acknowledged writes of registers that nothing is told of: perhaps
	 * overwritten, perhaps lost. */
	int64_t untold;
	int64_t unread; /* writes to registers of which the final read tells nothing */
	int64_t by_cause[LOSS_EVICTED + 1]; /* of `writes` */
	int64_t unknown_present; /* info operations that turned out applied */
	int64_t span_ns;         /* acknowledgement time from first to last lost write */
	int64_t bytes;           /* 0 when nothing was lost; -1: the evidence does not tell */
	struct lost_write *writes; /* heap, `lost` of them */
	size_t n;
	/* Acknowledged writes of registers that are in the past of what is there, of the
	 * history; heap. */
	const struct op **kept;
	size_t nkept;
	int64_t odd_registers; /* that went back, or hold what nobody wrote */
	cJSON *odd;            /* sentences about them, owned; NULL none */
};

/* "value 17", "value 817 to register 3", and " as " what the system calls its
 * transaction: into `out`, which it returns. */
enum { LOST_WRITE_NAME_MAX = 80 + OP_TX_MAX };
const char *lost_write_name(const struct lost_write *w, char out[LOST_WRITE_NAME_MAX]);

/* How far replicas' answers were behind, from reads of registers against the
 * acknowledged writes of them: see measure/staleness.c. Lower bounds, true
 * whatever ran at the same time, but for the last. */
struct staleness {
	size_t reads;       /* that a replica answered and that could be judged */
	size_t unjudged;    /* whose value's place among the writes is not certain */
	size_t behind;      /* reads that were certainly behind */
	int64_t versions_p50, versions_p99, versions_max; /* -1: no reads */
	int64_t p50_ns, p99_ns, max_ns;                   /* -1: no reads */
	int64_t max_hi_ns;  /* no judged read was behind by more than this */
};

/* [from_ns, to_ns]: operations were due and clients free, but nobody called. */
struct standstill {
	int64_t from_ns, to_ns;
};

/* What became of the load that was asked for: see measure/sent.c. */
struct load_sent {
	double rate;                   /* asked for, operations a second; 0: unknown */
	int64_t due, sent, given_up;   /* operations */
	int64_t calm_due, calm_sent;   /* before the first fault */
	bool not_as_asked;
	char why[200];                 /* "" */
};

struct latency_bucket { /* one second of the scenario, for the timeline */
	int64_t t_ns;
	int ok, fail, info; /* by t_return; a CAS answered with "mismatch" is ok here */
	int64_t p50_ns, p99_ns, max_ns; /* of ok operations, from the intended send; -1 none */
};

/* Two members that acknowledged writes of one part at the same time, by the
 * clients' histories alone: see measure/dual_history.c. */
struct dual_history {
	int64_t ns;        /* both certainly were primaries for so long; 0: none */
	int64_t turns;     /* so often the one answered after the other ... */
	int64_t within_ns; /* ... within so long */
	char a[MEMBER_NAME_BYTES], b[MEMBER_NAME_BYTES];
};

/* One led, another one did, and the first one again, and nobody can tell whether both
 * did at once: see measure/dual_doubt.c. */
struct dual_doubt {
	int64_t ns;         /* for so long at most; 0: there is none */
	int64_t times;
	int64_t longest_ns; /* the longest of them ... */
	char a[MEMBER_NAME_BYTES], b[MEMBER_NAME_BYTES]; /* ... and whose it is */
};

struct measured {
	int scenario;
	int64_t begin_ns, end_ns;   /* of the load */
	/* Before the first fault: p50 and p99 of answered operations from the
	 * intended send; p999 of acknowledged writes from the call itself. */
	int64_t baseline_p50_ns, baseline_p99_ns, baseline_p999_ns;
	int64_t longest_op_ns;      /* invoke to return */
	int64_t longest_own_ns;     /* the same without late_ns of each */
	/* Operations that servers sent on or told to come again, which clients
	 * did, by the model's table (NULL: it has none). */
	const struct redirection *redirections;
	int64_t redirected[REDIRECTIONS_MAX];
	const struct model_ops *model; /* of the system; NULL: it has none */
	struct fault_seen *faults;
	size_t nfaults;
	struct outage *worst;       /* of the faults', NULL when none */
	/* that no fault was there for: up to the first one, or the end */
	struct outage before;
	struct loss loss;
	int64_t redundant_ns, lag_zero_ns; /* worst of the faults' */
	const struct fault_seen *slowest;  /* whose recovery that is; NULL: none */
	/* By answers to the sampler and by acknowledged writes together: at
	 * least so long. Answers of a primary, and writes that one took, while
	 * another certainly was one. */
	int64_t dual_primary_ns;
	int dual_primary_samples;
	int64_t dual_primary_acks;
	struct dual_history dual_history; /* of the two of whom it tells most */
	struct dual_doubt dual_doubt;
	int dual_primary_keys_unseen;   /* queues of which nobody told who leads them */
	int64_t dual_primary_unseen_ns; /* a second one cannot be excluded: see recovery.c */
	size_t nsamples;            /* answers of members that all this rests on */
	struct staleness staleness;
	/* Of a system that names them (model_ops.errant); else not known. */
	struct errant_told errant;
	struct noise noise;         /* of the whole load */
	struct noise calm_noise;    /* before the first fault */
	struct standstill *stood;   /* heap, in the order of time; of the clients of group 0 */
	size_t nstood;
	struct load_sent load;
	struct latency_bucket *buckets;
	size_t nbuckets;
	int64_t bucket_ns;          /* a second, or more of them in a load of days */
	bool broken;                /* with the first reason */
	const char *broken_why;
	const char *unsupported;    /* why the engine cannot do the scenario; NULL: it can */
	bool stands;                /* the fixture came up and took a write */
	const char *stands_why;     /* NULL: it did not get that far, or nothing is told */
	struct arena texts;         /* of these */
};

/* What the events of one scenario tell, with what each fault does (evidence.h). */
void evidence_load(const cJSON *events, int scenario, struct evidence *ev);

/* `h` and `ev` must outlive *out, which measured_free() ends. */
void measure_scenario(const struct history *h, const struct evidence *ev, struct measured *out);
/* What it holds; the struct is as it was. */
void loss_free(struct loss *l);
void measured_free(struct measured *m);

/* Operations that were redirected so; 0 for keys that the system does not have. */
int64_t measured_redirected(const struct measured *m, const char *key);

/* The row of this name (NULL: the one of these of which the smallest share was
 * served); NULL when there is none. */
const struct served_row *fault_served(const struct fault_seen *f, const char *what,
				      const char *name);

/* The part of this name, NULL when there is none. */
const struct partial_outage *fault_part(const struct fault_seen *f, const char *what,
					const char *name);

#endif
