#ifndef ORDEAL_SYSTEM_MYSQL_OUTCOME_H
#define ORDEAL_SYSTEM_MYSQL_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "history/op.h"

/* What an error says of the fate of a statement that was sent as a transaction
 * of its own (autocommit). */
struct my_verdict {
	unsigned number;
	enum op_outcome outcome;
	bool drop;          /* of no use any more, or another server is to be asked */
	const char *source; /* where that is written */
};

/* For one that is not in the table: OP_INFO, and to be dropped. */
struct my_verdict my_judge(unsigned number);

/* The table, in the order of numbers, for whoever tests or prints it. */
const struct my_verdict *my_verdicts(size_t *n);

#endif
