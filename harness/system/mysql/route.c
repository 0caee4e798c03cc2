#include "system/mysql/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* Access denied to the table (1142): the account may not ask; then only what
 * every server says of itself is known. */
enum { MAY_NOT_ASK = 1142 };

/* Whom a group has as its primary, by the word of one of its members that sees a
 * majority of it (NULL: nobody); and of how many members it knows at all. */
static const char *const sql_primary =
	"SELECT p.MEMBER_HOST, p.MEMBER_ID, m.known FROM "
	"(SELECT COUNT(*) AS known, 2 * SUM(MEMBER_STATE IN ('ONLINE', 'RECOVERING')) > COUNT(*) AS majority "
	"FROM performance_schema.replication_group_members WHERE MEMBER_STATE <> 'OFFLINE') m "
	"LEFT JOIN performance_schema.replication_group_members p "
	"ON m.majority AND p.MEMBER_ROLE = 'PRIMARY' AND p.MEMBER_STATE = 'ONLINE'";

void my_route_from(struct my_route *r, const struct my_login *l, const char *hosts,
		   enum my_want want)
{
	memset(r, 0, sizeof(*r));
	r->login = *l;
	r->want = want;
	for (; r->n < ARRAY_LEN(r->hosts); hosts += strcspn(hosts, ",") + 1) {
		snprintf(r->hosts[r->n++], sizeof(r->hosts[0]), "%.*s", (int)strcspn(hosts, ","), hosts);
		if (!hosts[strcspn(hosts, ",")])
			break;
	}
}

void my_route_doubt(struct my_route *r)
{
	r->next = (r->next + 1) % r->n;
}

/* Does it take writes, by what it says of itself? */
static bool takes_writes(const struct my_conn *c, char *error, size_t size)
{
	if (c->read_only)
		snprintf(error, size, "connect: %s takes no writes", c->name);
	return !c->read_only;
}

/* Among several, of which each may be a member of a group: is this one its primary? `told`:
 * whom it names instead; "" nobody, or it is not known. */
static bool group_agrees(struct my_conn *c, int64_t until_ns, char *told, size_t told_size,
			 char *error, size_t size)
{
	MYSQL_RES *res = NULL;
	MYSQL_ROW row = NULL;
	bool itself, alone;

	if (my_query(c, sql_primary, until_ns, &res, error, size) == MY_ANSWERED && res)
		row = mysql_fetch_row(res);
	if (!row) {
		mysql_free_result(res);
		return my_errno(c, NULL) == MAY_NOT_ASK && takes_writes(c, error, size);
	}
	alone = !row[2] || *row[2] == '0';
	itself = row[1] && !strcmp(row[1], c->uuid);
	if (!alone && row[0] && !itself)
		mem_copy_str(told, told_size, row[0]);
	mysql_free_result(res);
	if (alone)
		return takes_writes(c, error, size);
	if (*told)
		snprintf(error, size, "connect: %s says that %s is the primary", c->name, told);
	else if (!itself)
		snprintf(error, size, "connect: %s sees no primary with a majority", c->name);
	/* Elected, it may have to apply what it has received first: until then it holds every
	 * statement back, and who gives up leaves a session there that waits on. */
	return itself && takes_writes(c, error, size);
}

static bool is_wanted(const struct my_route *r, struct my_conn *c, int64_t until_ns, char *told,
		      size_t told_size, char *error, size_t size)
{
	if (r->want == MY_WRITES)
		return r->n > 1 ? group_agrees(c, until_ns, told, told_size, error, size) :
				  takes_writes(c, error, size);
	if (!c->read_only)
		snprintf(error, size, "connect: %s is no replica", c->name);
	return c->read_only;
}

/* The place of a host in the list; `n`: it is not there. */
static unsigned place_of(const struct my_route *r, const char *host)
{
	unsigned i = 0;

	while (i < r->n && strcmp(r->hosts[i], host))
		i++;
	return i;
}

struct my_conn *my_route_open(struct my_route *r, int64_t until_ns, struct my_find *find,
			      char *error, size_t size)
{
	memset(find, 0, sizeof(*find));
	for (unsigned left = r->n; left; left--) {
		int64_t now = clock_mono_ns(), share_ns = now + (until_ns - now) / left, asked;
		char told[256] = "";
		struct my_conn *c;
		unsigned place;

		mem_copy_str(r->login.host, sizeof(r->login.host), r->hosts[r->next]);
		c = my_open(&r->login, share_ns, &find->cost, error, size);
		asked = clock_mono_ns();
		if (c && is_wanted(r, c, share_ns, told, sizeof(told), error, size)) {
			find->ask_ns += clock_mono_ns() - asked;
			return c;
		}
		find->ask_ns += clock_mono_ns() - asked;
		my_drop(c);
		place = place_of(r, told);
		r->next = place < r->n ? place : (r->next + 1) % r->n;
	}
	return NULL;
}
