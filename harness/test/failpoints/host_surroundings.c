#include "test/failpoints/surroundings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "node/env.h"

/* What the agent asks of docker, and no more: a node is a file beside it. */
static const char DOCKER[] =
	"#!/bin/sh\n"
	"cd \"${0%/*}\" || exit 1\n"
	"for last; do :; done\n"
	/* It may be killed at any moment, and leaves no half of it. */
	"put() { echo $1 >\"new-$$\" && mv \"new-$$\" \"node-$last\"; }\n"
	"case $1 in\n"
	"inspect) read -r runs <\"node-$last\" || exit 1; echo \"$runs ordeal\";;\n"
	"kill|stop) put false;;\n"
	"start) put true;;\n"
	"ps) for n in node-*; do read -r runs <\"$n\"; test \"$runs\" = true || echo \"${n#node-}\"; done;;\n"
	"*) exit 1;;\n"
	"esac\n";

static void node_path(const struct ground *g, char out[300])
{
	snprintf(out, 300, "%s/bin/node-%s", g->dir, g->node);
}

static int refresh(const struct ground *g, struct err *e)
{
	char path[300];

	node_path(g, path);
	return file_write_atomic(path, "true\n", 5, e);
}

static int build(const struct ground *g, struct err *e)
{
	char path[300], *search;

	snprintf(path, sizeof(path), "%s/bin", g->dir);
	if (file_mkdirs(path, e))
		return -1;
	search = mem_fmt("%s:%s", path, getenv("PATH"));
	setenv("PATH", search, 1);
	free(search);
	snprintf(path, sizeof(path), "%s/bin/docker", g->dir);
	if (file_write_atomic(path, DOCKER, strlen(DOCKER), e) || chmod(path, 0755))
		return -1;
	return refresh(g, e);
}

static int open_node(struct node *n, const struct ground *g, struct err *e)
{
	snprintf(n->name, sizeof(n->name), "host");
	snprintf(n->state_dir, sizeof(n->state_dir), "%s", g->state);
	return node_env_host.open(n, e);
}

static void close_node(struct node *n)
{
	node_env_host.close(n);
}

static bool runs(const struct ground *g)
{
	struct buf b = {0};
	struct err e = {0};
	char path[300];
	bool yes;

	node_path(g, path);
	yes = file_read(path, &b, &e) == 0 && !strcmp(buf_cstr(&b), "true\n");
	buf_free(&b);
	return yes;
}

static bool applied(const struct ground *g)
{
	return !runs(g);
}

static const char *left(const struct ground *g)
{
	return runs(g) ? NULL : "the node does not run";
}

const struct surroundings host_surroundings = {
	.name = "host",
	.children = true,
	.build = build,
	.refresh = refresh,
	.open = open_node,
	.close = close_node,
	.applied = applied,
	.left = left,
};
