#include "system/redis/redirections.h"

#include <stddef.h>

const struct redirection redis_redirections[] = {
	{"MOVED", "moved", "Servers sent clients on to another one: ", " operations for good (MOVED)"},
	{"ASK", "ask", ", ", " this once (ASK)"},
	{"TRYAGAIN", "tryagain", "; ", " were told to come again a little later (TRYAGAIN)"},
	{NULL, NULL, NULL, NULL},
};
