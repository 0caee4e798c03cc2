#ifndef ORDEAL_SYSTEM_MYSQL_ROUTE_H
#define ORDEAL_SYSTEM_MYSQL_ROUTE_H

#include "system/mysql/conn.h"

/* How an application finds the server that it wants: behind a name that leads
 * there (a Service), or among several, of which each is asked what it is. */

enum my_want { MY_WRITES, MY_REPLICA };

struct my_route {
	enum my_want want;
	struct my_login login; /* of each of them */
	char hosts[16][256];
	unsigned n, next;      /* the one that was right last comes first */
};

/* `hosts`: one name, or several with commas between. */
void my_route_from(struct my_route *r, const struct my_login *l, const char *hosts,
		   enum my_want want);

struct my_find {
	struct my_cost cost;
	int64_t ask_ns; /* spent on asking servers who serves */
};

/* A connection to one that takes writes (or, MY_REPLICA, to one that takes none): the
 * hosts are tried one after the other, each for its share of the time that is
 * left. A member of a group that is not its primary tells who is; that one comes
 * next. A primary that sees no majority is none, nor is one that takes no writes yet.
 * NULL with an error as my_open() has it, of the last that was tried; nothing of the
 * caller's was sent. */
struct my_conn *my_route_open(struct my_route *r, int64_t until_ns, struct my_find *find,
			      char *error, size_t size);

/* It was silent, or no longer what it was: next time another one is asked first. */
void my_route_doubt(struct my_route *r);

#endif
