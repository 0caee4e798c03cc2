/* `ordeal node-agent`: the posture that brings faults about and undoes them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/http_server.h"
#include "node/api.h"
#include "node/env.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"

enum { DEAD_MAN_S = 15, EXIT_BAD_USAGE = 2, EXIT_BROKE = 3 };

struct options {
	const char *mode, *state, *listen, *node;
	long dead_man_s;
};

struct agent {
	struct node node;
	const struct node_env *env;
	struct node_api api;
};

static const char USAGE[] =
	"usage: ordeal node-agent --mode kube|local|host --state DIR --listen ADDR:PORT\n"
	"                         [--node NAME] [--dead-man SECONDS]\n\n"
	"Injects and undoes faults where it runs. The token that every request must\n"
	"carry is taken from $ORDEAL_TOKEN. Without a request for SECONDS (15) all\n"
	"faults are undone; on SIGTERM as well, and on the next start after a crash.\n";

/* 0 go on, 1 end with success, -1 end with an error. */
static int read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		const char **to = NULL;
		char *end = NULL;

		if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
			fputs(USAGE, stdout);
			return 1;
		}
		if (i + 1 == argc) {
			fprintf(stderr, "ordeal node-agent: %s needs a value or is unknown\n%s", arg, USAGE);
			return -1;
		}
		if (!strcmp(arg, "--mode"))
			to = &o->mode;
		else if (!strcmp(arg, "--state"))
			to = &o->state;
		else if (!strcmp(arg, "--listen"))
			to = &o->listen;
		else if (!strcmp(arg, "--node"))
			to = &o->node;
		i++;
		if (to) {
			*to = argv[i];
			continue;
		}
		if (!strcmp(arg, "--dead-man"))
			o->dead_man_s = strtol(argv[i], &end, 10);
		if (!end || *end || o->dead_man_s < 1 || o->dead_man_s > 3600) {
			fprintf(stderr, "ordeal node-agent: cannot make sense of %s %s\n%s", arg, argv[i],
				USAGE);
			return -1;
		}
	}
	if (o->mode && o->state && o->listen)
		return 0;
	fputs(USAGE, stderr);
	return -1;
}

static const struct node_env *find_env(const char *mode)
{
	static const struct node_env *const all[] = {&node_env_kube, &node_env_local,
						     &node_env_host};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!strcmp(all[i]->mode, mode))
			return all[i];
	return NULL;
}

/* Until a signal, or until the driver is gone and nothing is left to undo. */
static void serve(struct agent *a, const sigset_t *signals)
{
	const struct timespec second = {.tv_sec = 1};
	pid_t parent = getppid();

	for (;;) {
		int sig = sigtimedwait(signals, NULL, &second);

		if (sig > 0) {
			log_info("node agent: ending on signal %d", sig);
			return;
		}
		if (a->env->ends_with_parent && getppid() != parent &&
		    node_faults_expires_in_ns(a->api.faults) < 0 &&
		    node_faults_idle(a->api.faults)) {
			log_info("node agent: ending, its driver is gone");
			return;
		}
	}
}

static int run(struct agent *a, const struct options *o, struct err *e)
{
	const char *given = getenv("ORDEAL_TOKEN");
	char *token = mem_strdup(given ? given : "");
	struct http_conf conf = {.listen = o->listen, .token = token, .routes = node_api_routes,
				 .arg = &a->api, .authorised = node_api_renew};
	struct http_server *server = NULL;
	sigset_t signals;
	int r = -1;

	unsetenv("ORDEAL_TOKEN"); /* no child of ours shall see it */
	signal(SIGPIPE, SIG_IGN);
	proc_block_ends(&signals);
	if (file_mkdirs(o->state, e) || a->env->open(&a->node, e)) {
		free(token);
		return -1;
	}
	a->api = (struct node_api){.mode = a->env->mode, .node = &a->node,
				   .faults = node_faults_new(&a->node, o->dead_man_s * NS_PER_S)};
	node_faults_recover(a->api.faults);
	if (node_faults_run(a->api.faults, e) || http_server_start(&conf, &server, e))
		goto out;
	http_server_announce(server);
	serve(a, &signals);
	r = 0;
out:
	http_server_stop(server);
	if (node_faults_stop(a->api.faults, e))
		r = -1;
	node_faults_free(a->api.faults);
	a->env->close(&a->node);
	free(token);
	return r;
}

int node_agent_main(int argc, char **argv)
{
	struct options o = {.dead_man_s = DEAD_MAN_S};
	struct agent a = {0};
	struct err e = {0};
	int r = read_options(argc, argv, &o);

	if (r)
		return r < 0 ? EXIT_BAD_USAGE : 0;
	a.env = find_env(o.mode);
	if (!a.env) {
		fprintf(stderr, "ordeal node-agent: --mode is kube, local or host, not %s\n", o.mode);
		return EXIT_BAD_USAGE;
	}
	if (strlen(o.state) >= sizeof(a.node.state_dir) ||
	    (o.node && strlen(o.node) >= sizeof(a.node.name))) {
		fputs("ordeal node-agent: --state or --node is too long\n", stderr);
		return EXIT_BAD_USAGE;
	}
	mem_copy_str(a.node.state_dir, sizeof(a.node.state_dir), o.state);
	mem_copy_str(a.node.name, sizeof(a.node.name), o.node ? o.node : "");
	if (run(&a, &o, &e)) {
		fprintf(stderr, "ordeal node-agent: %s\n", e.msg);
		return e.kind == ERR_INPUT ? EXIT_BAD_USAGE : EXIT_BROKE;
	}
	return 0;
}
