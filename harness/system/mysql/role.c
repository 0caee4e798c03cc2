#include "system/mysql/role.h"

#include <string.h>

#include "base/mem.h"

static bool is_on(const char *text)
{
	return text && *text != '0';
}

void my_role_read(struct my_role *r, char *const *row)
{
	memset(r, 0, sizeof(*r));
	r->read_only = is_on(row[0]);
	r->super_read_only = is_on(row[1]);
	r->offline = is_on(row[2]);
	r->channel = is_on(row[3]);
	mem_copy_str(r->group_state, sizeof(r->group_state), row[4] ? row[4] : "");
	mem_copy_str(r->group_role, sizeof(r->group_role), row[5] ? row[5] : "");
	r->majority = is_on(row[6]);
	/* Of a group that was configured and never started. */
	if (!strcmp(r->group_state, "OFFLINE"))
		r->group_state[0] = r->group_role[0] = '\0';
}

enum role my_role_of(const struct my_role *r)
{
	if (*r->group_state)
		return !strcmp(r->group_role, "PRIMARY") ? ROLE_PRIMARY :
		       !strcmp(r->group_role, "SECONDARY") ? ROLE_REPLICA : ROLE_UNKNOWN;
	if (r->channel)
		return ROLE_REPLICA;
	return r->read_only || r->super_read_only || r->offline ? ROLE_UNKNOWN : ROLE_PRIMARY;
}

bool my_role_writable(const struct my_role *r)
{
	return !r->read_only && !r->super_read_only && !r->offline &&
	       (!*r->group_state || (!strcmp(r->group_state, "ONLINE") && r->majority));
}
