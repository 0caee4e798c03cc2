#ifndef ORDEAL_SYSTEM_MYSQL_ROLE_H
#define ORDEAL_SYSTEM_MYSQL_ROLE_H

#include "system/mysql/conn.h"

/* What a server is, by its own word. */
struct my_role {
	bool read_only, super_read_only, offline;
	bool channel;          /* it has a source to replicate from */
	char group_state[16];  /* MEMBER_STATE of replication_group_members; "" it is in no group */
	char group_role[16];   /* MEMBER_ROLE there */
	bool majority;         /* in a group: it sees one */
};

/* The columns of struct my_role, in its order, for a SELECT without FROM. */
#define MY_ROLE_COLUMNS \
	"@@GLOBAL.read_only, @@GLOBAL.super_read_only, @@GLOBAL.offline_mode, " \
	"(SELECT COUNT(*) FROM performance_schema.replication_connection_configuration " \
	"WHERE CHANNEL_NAME NOT IN ('group_replication_applier', 'group_replication_recovery') AND HOST <> ''), " \
	"(SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid), " \
	"(SELECT MEMBER_ROLE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid), " \
	"(SELECT 2 * SUM(MEMBER_STATE IN ('ONLINE', 'RECOVERING')) > COUNT(*) " \
	"FROM performance_schema.replication_group_members)"
enum { MY_ROLE_COLUMNS_N = 7 };
void my_role_read(struct my_role *r, char *const *row);

/* Primary or replica: in a group as that has it; else one with a source is a
 * replica, and one that has none and takes writes a primary. A server that has
 * neither (fenced, or waiting to be told) is neither. */
enum role my_role_of(const struct my_role *r);

/* It would take an application's write now. One of a group that sees no majority
 * takes it and never answers. */
bool my_role_writable(const struct my_role *r);

#endif
