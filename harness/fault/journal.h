#ifndef ORDEAL_FAULT_JOURNAL_H
#define ORDEAL_FAULT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "fault/node.h"

/* The undo journal of an agent: one file a fault, written and fsynced before
 * the first change, rewritten as the fault goes on, removed once it is
 * healed. Whatever kills the agent, the next one finds here what to undo.
 * (fault/node.h has struct journal_entry and journal_write().) */

/* Makes an entry for a plan: `id`, `fault` and `path` are set, `record` is an
 * empty object, the plan is copied. ERR_INPUT when the plan's id is no
 * plain name of at most 63 letters, digits, '.', '_' and '-'. */
int journal_begin(const char *state_dir, const cJSON *plan, struct journal_entry *j,
		  struct err *e);

struct journal_list {
	struct journal_entry *v; /* heap */
	size_t n, alloc;
	char (*torn)[512];       /* paths of files that are no entries; heap */
	size_t ntorn, torn_alloc;
};

/* Reads all entries, in the order of their names. A file that cannot be
 * understood is listed as torn and no error: the others must still be
 * healed. So they must where one cannot be read (-1). */
int journal_read_all(const char *state_dir, struct journal_list *out, struct err *e);
void journal_list_free(struct journal_list *l);

/* Forgets a healed fault; a missing file is fine. */
int journal_remove(const struct journal_entry *j, struct err *e);

bool journal_on_disk(const struct journal_entry *j);
void journal_entry_free(struct journal_entry *j);

#endif
