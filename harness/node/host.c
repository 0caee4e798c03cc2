/* The machine that runs kind's nodes as containers: whole nodes go down and
 * come back by way of the docker command. Containers of other clusters, or of
 * none, are never touched. */
#include <stdio.h>
#include <string.h>

#include "node/env.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"

#define CLUSTER "ordeal"
#define CLUSTER_LABEL "io.x-k8s.kind.cluster"
#define DOCKER_TIMEOUT_NS (40 * NS_PER_S)
#define STOP_GRACE_S "10"

/* Runs docker with arguments; its output without the last newline. */
static int docker(const char *const argv[], char *out, size_t size, struct err *e)
{
	struct buf b = {0};
	int r = proc_must(argv, NULL, DOCKER_TIMEOUT_NS, &b, e);

	if (!r && out) {
		mem_copy_str(out, size, buf_cstr(&b));
		out[strcspn(out, "\n")] = '\0';
	}
	buf_free(&b);
	return r;
}

static int host_node_running(struct node *n, const char *name, bool *running, struct err *e)
{
	const char *argv[] = {"docker", "inspect", "--type", "container", "--format",
			      "{{.State.Running}} {{index .Config.Labels \"" CLUSTER_LABEL "\"}}",
			      name, NULL};
	char said[200];
	const char *label;

	(void)n;
	if (name[0] == '-')
		return err_set(e, ERR_INPUT, "no node is called %s", name);
	if (docker(argv, said, sizeof(said), e))
		return err_prefix(e, "looking at node %s", name);
	label = strchr(said, ' ');
	if (!label || strcmp(label + 1, CLUSTER))
		return err_set(e, ERR_INPUT, "%s is no node of kind's cluster \"" CLUSTER "\"", name);
	*running = !strncmp(said, "true ", 5);
	return 0;
}

static int host_node_stop(struct node *n, const char *name, bool power_cut, struct err *e)
{
	const char *kill[] = {"docker", "kill", name, NULL};
	const char *stop[] = {"docker", "stop", "-t", STOP_GRACE_S, name, NULL};
	bool running;

	if (host_node_running(n, name, &running, e))
		return -1;
	return running ? docker(power_cut ? kill : stop, NULL, 0, e) : 0;
}

static int host_node_start(struct node *n, const char *name, struct err *e)
{
	const char *argv[] = {"docker", "start", name, NULL};
	bool running;

	if (host_node_running(n, name, &running, e))
		return -1;
	return running ? 0 : docker(argv, NULL, 0, e);
}

/* Nodes of the cluster that do not run, whoever stopped them. */
static int host_residue(struct node *n, bool remove, cJSON *found, struct err *e)
{
	const char *argv[] = {"docker", "ps", "--all", "--filter", "label=" CLUSTER_LABEL "=" CLUSTER,
			      "--filter", "status=exited", "--format", "{{.Names}}", NULL};
	struct buf names = {0};
	int r = proc_must(argv, NULL, DOCKER_TIMEOUT_NS, &names, e);
	char *rest = names.s, *name;

	while (!r && rest && (name = strsep(&rest, "\n"))) {
		if (!name[0])
			continue;
		json_pushf(found, "node %s does not run", name);
		if (remove)
			r = host_node_start(n, name, e);
	}
	buf_free(&names);
	return r;
}

static const struct node_ops HOST_OPS = {
	.name = "host",
	.node_stop = host_node_stop,
	.node_start = host_node_start,
	.node_running = host_node_running,
	.residue = host_residue,
};

static int host_open(struct node *n, struct err *e)
{
	(void)e;
	n->ops = &HOST_OPS;
	return 0;
}

static void host_close(struct node *n)
{
	(void)n;
}

const struct node_env node_env_host = {
	.mode = "host",
	.ends_with_parent = true,
	.open = host_open,
	.close = host_close,
};
