#ifndef ORDEAL_SYSTEM_MYSQL_MODEL_H
#define ORDEAL_SYSTEM_MYSQL_MODEL_H

#include "system/model.h"

/* What MySQL is allowed to do, and how to read from the evidence what it did:
 * model_mysql (model.c) and its large parts. What is read of sample.extra is in
 * system/mysql/probe.h; all of it is optional, and what is absent is not assumed.
 *
 * Of inforce: failover (none, runbook, group-replication), semi_sync, semi_sync_timeout,
 * member_expel_timeout, unreachable_majority_timeout and others (settings.c). */

/* Of model_ops. */
void mysql_predict(const struct evidence *ev, const struct fault_record *fault,
		   struct prediction *out);
void mysql_explain(const struct evidence *ev, const struct fault_record *fault,
		   const struct prediction *pred, struct milestones *m);
/* The same window, from the instant of the first look that failed (a runbook) or of the
 * suspicion (a group). */
void mysql_count_from(const struct evidence *ev, const struct fault_record *fault, int64_t seen_ns,
		      struct rule_window *out);
void mysql_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		  struct recovery_info *out);
enum loss_cause mysql_loss_cause(const struct evidence *ev, const struct op *op,
				 const struct fault_record *fault, char *why);
bool mysql_put_back(const struct evidence *ev, const struct fault_record *fault,
		    const char *const *tx, size_t n, bool *has, char *how);
void mysql_errant(const struct evidence *ev, const char *const *lost, size_t nlost,
		  struct errant_told *out);

/* Whether what a replica said to lack, or to have alone, is held against one that led then: its
 * source may be gone, and another server on an empty volume in its place. */
bool mysql_held(const struct evidence *ev, const struct sample *s);

/* A set as a member or its agent told it, as gtid_brief() has it: `out`. */
const char *my_errant_brief(const char *gtids, char *out, size_t size);

#endif
