#include "memoryd/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
	"usage: ordeal memory-server --name NAME --peers NAME,NAME,... --listen ADDR:PORT\n"
	"                            --state DIR --shared DIR [OPTIONS]\n\n"
	"One member of the toy store on which the harness tests itself. Peers are found\n"
	"by name in the file $ORDEAL_HOSTS, on the same port.\n\n"
	"  --ttl-ms N      length of the primary's lease (1500)\n"
	"  --loop-ms N     how often each member looks at it (300)\n"
	"  --sync on|off   acknowledge only what a replica has as well (on)\n"
	"  --fsync on|off  sync the log's file before acknowledging (off)\n"
	"  --restart-ms N  after how long it is started again when it dies (told, not done)\n"
	"  --bug NAME      none, lose-acked, stale-reads, duplicate, phantom, lost-update,\n"
	"                  split-brain, lose-sent, deliver-twice, out-of-order, deliver-refused\n";

static const char *const BUGS[] = {
	[BUG_NONE] = "none", [BUG_LOSE_ACKED] = "lose-acked", [BUG_STALE_READS] = "stale-reads",
	[BUG_DUPLICATE] = "duplicate", [BUG_PHANTOM] = "phantom",
	[BUG_LOST_UPDATE] = "lost-update", [BUG_SPLIT_BRAIN] = "split-brain",
	[BUG_LOSE_SENT] = "lose-sent", [BUG_DELIVER_TWICE] = "deliver-twice",
	[BUG_OUT_OF_ORDER] = "out-of-order", [BUG_DELIVER_REFUSED] = "deliver-refused",
};

static int number(const char *name, const char *text, int64_t *out, struct err *e)
{
	char *end;

	*out = strtoll(text, &end, 10);
	if (!*text || *end || *out < 0 || *out > 3600000)
		return err_set(e, ERR_INPUT, "%s wants milliseconds, not \"%s\"", name, text);
	return 0;
}

static int on_off(const char *name, const char *text, bool *out, struct err *e)
{
	*out = !strcmp(text, "on") || !strcmp(text, "true");
	if (*out || !strcmp(text, "off") || !strcmp(text, "false"))
		return 0;
	return err_set(e, ERR_INPUT, "%s is on or off, not \"%s\"", name, text);
}

static int bug(const char *text, struct memory_options *o, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(BUGS); i++) {
		if (strcmp(BUGS[i], text))
			continue;
		o->bug = (enum memory_bug)i;
		o->bug_name = BUGS[i];
		return 0;
	}
	return err_set(e, ERR_INPUT, "no bug is called \"%s\"", text);
}

static int peers(struct arena *a, const char *text, struct memory_options *o, struct err *e)
{
	char *copy = arena_strdup(a, text), *save = NULL;

	for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		if (o->npeers == MEMORY_MEMBERS_MAX)
			return err_set(e, ERR_INPUT, "at most %d members", MEMORY_MEMBERS_MAX);
		o->peers[o->npeers++] = p;
	}
	return 0;
}

static int listen_at(struct arena *a, const char *text, struct memory_options *o, struct err *e)
{
	char *copy = arena_strdup(a, text), *colon = strrchr(copy, ':'), *end = NULL;
	long port = colon ? strtol(colon + 1, &end, 10) : -1;

	if (!colon || !colon[1] || *end || port < 0 || port > 65535)
		return err_set(e, ERR_INPUT, "--listen wants ADDR:PORT, not \"%s\"", text);
	*colon = '\0';
	o->addr = copy;
	o->port = (int)port;
	return 0;
}

static int one(struct arena *a, const char *name, const char *value, struct memory_options *o,
	       struct err *e)
{
	if (!strcmp(name, "--name"))
		o->name = value;
	else if (!strcmp(name, "--state"))
		o->state_dir = value;
	else if (!strcmp(name, "--shared"))
		o->shared_dir = value;
	else if (!strcmp(name, "--peers"))
		return peers(a, value, o, e);
	else if (!strcmp(name, "--listen"))
		return listen_at(a, value, o, e);
	else if (!strcmp(name, "--ttl-ms"))
		return number(name, value, &o->ttl_ms, e);
	else if (!strcmp(name, "--loop-ms"))
		return number(name, value, &o->loop_ms, e);
	else if (!strcmp(name, "--restart-ms"))
		return number(name, value, &o->restart_ms, e);
	else if (!strcmp(name, "--sync"))
		return on_off(name, value, &o->sync, e);
	else if (!strcmp(name, "--fsync"))
		return on_off(name, value, &o->fsync, e);
	else if (!strcmp(name, "--bug"))
		return bug(value, o, e);
	else
		return err_set(e, ERR_INPUT, "%s is no option; see --help", name);
	return 0;
}

static int check(struct memory_options *o, struct err *e)
{
	if (!o->name || !o->state_dir || !o->shared_dir || !o->addr || !o->npeers)
		return err_set(e, ERR_INPUT, "--name, --peers, --listen, --state and --shared are "
			       "needed; see --help");
	for (o->self = 0; o->self < o->npeers && strcmp(o->peers[o->self], o->name); o->self++)
		;
	if (o->self == o->npeers)
		return err_set(e, ERR_INPUT, "%s is not among its own --peers", o->name);
	if (o->loop_ms < 10 || o->ttl_ms < 2 * o->loop_ms)
		return err_set(e, ERR_INPUT, "--loop-ms is at least 10, and --ttl-ms twice that of "
			       "--loop-ms");
	return 0;
}

int memory_args_read(int argc, char **argv, struct arena *a, struct memory_options *o,
		     struct err *e)
{
	*o = (struct memory_options){.ttl_ms = 1500, .loop_ms = 300, .restart_ms = 2500,
				     .sync = true, .bug_name = BUGS[BUG_NONE]};
	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(USAGE, stdout);
			return 1;
		}
		if (i + 1 == argc)
			return err_set(e, ERR_INPUT, "%s needs a value", argv[i]);
		if (one(a, argv[i], argv[i + 1], o, e))
			return -1;
	}
	return check(o, e);
}
