/* The two agents as processes beside the driver, and calls to them. */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "engine/agents.h"
#include "engine/local/local.h"

#define HEAL_WITHIN_NS (60 * NS_PER_S)
#define DEAD_MAN "8" /* seconds without a word from the driver; it renews every 2 */

static int start(struct local *l, struct local_agent *a, const char *what, const char *const argv[],
		 bool dies_with_us, struct err *e)
{
	char log[PATH_MAX], hosts[PATH_MAX + 8];
	struct arena arena = {0};
	uint64_t ticks;
	int r;

	local_log_path(l, what, false, log, sizeof(log));
	for (char *p = strrchr(log, '/'); *p; p++)
		if (*p == ' ')
			*p = '-';
	unlink(log);
	snprintf(hosts, sizeof(hosts), "%s/hosts", l->state);
	r = local_spawn(l, what, argv, agents_env(&arena, &l->base.conf, what, hosts), log,
			dies_with_us, &a->pid, &ticks, e);
	arena_free(&arena);
	if (r)
		a->pid = 0;
	return r ? -1 : agents_await(what, log, a->pid, a->addr, sizeof(a->addr), e);
}

int local_agents_up(struct engine *en, struct err *e)
{
	struct local *l = (struct local *)en;
	const char *node[] = {l->self, "node-agent", "--mode", "local", "--state", l->state, "--listen",
			      "127.0.0.1:0", "--node", LOCAL_NODE, "--dead-man", DEAD_MAN, NULL};
	const char *load[] = {l->self, "load-agent", "--listen", "127.0.0.1:0", NULL};

	if (start(l, &l->node, "node agent", node, false, e))
		return -1;
	return start(l, &l->load, "load agent", load, !l->base.conf.keep, e);
}

/* There is but one node: these clients only stand apart from the others. */
int local_load_beside(struct engine *en, const char *group, const char *node, int64_t deadline_ns,
		      struct err *e)
{
	struct local *l = (struct local *)en;
	const char *argv[] = {l->self, "load-agent", "--listen", "127.0.0.1:0", NULL};

	(void)node, (void)deadline_ns;
	snprintf(l->beside_name, sizeof(l->beside_name), "load/%s", group);
	return start(l, &l->beside, "load agent beside", argv, !l->base.conf.keep, e);
}

void local_beside_down(struct local *l)
{
	if (l->beside.pid > 0) {
		proc_stop(l->beside.pid, 2 * NS_PER_S);
		local_forget(l, l->beside.pid);
	}
	l->beside.pid = 0;
	l->beside.addr[0] = '\0';
}

/* One that does not end is left to heal: never killed. */
static int end_node_agent(struct local *l, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + HEAL_WITHIN_NS;
	int status;

	if (l->node.pid <= 0)
		return 0;
	kill(l->node.pid, SIGTERM);
	while (waitpid(l->node.pid, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > end_ns)
			return err_set(e, ERR_BROKEN, "the node agent (process %d) does not end; what its "
				       "journal in %s holds may not be healed", (int)l->node.pid, l->state);
		clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	}
	local_forget(l, l->node.pid);
	l->node.pid = 0;
	return 0;
}

int local_agents_down(struct engine *en, struct err *e)
{
	struct local *l = (struct local *)en;
	int r = end_node_agent(l, e);

	local_beside_down(l);
	if (l->load.pid > 0) {
		proc_stop(l->load.pid, 2 * NS_PER_S);
		local_forget(l, l->load.pid);
		l->load.pid = 0;
	}
	l->node.addr[0] = l->load.addr[0] = '\0';
	return r;
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, data, size * n);
	return b->over ? 0 : size * n;
}

static const struct local_agent *find_agent(const struct local *l, const char *agent)
{
	if (!strcmp(agent, "load"))
		return &l->load;
	if (l->beside.pid > 0 && !strcmp(agent, l->beside_name))
		return &l->beside;
	return !strcmp(agent, "node/" LOCAL_NODE) ? &l->node : NULL;
}

static int perform(CURL *c, const char *agent, const char *url, int *status, struct err *e)
{
	CURLcode r = curl_easy_perform(c);
	long code = 0;

	if (r)
		return err_set(e, ERR_BROKEN, "agent %s does not answer at %s: %s", agent, url,
			       curl_easy_strerror(r));
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	*status = (int)code;
	return 0;
}

int local_call(struct engine *en, const char *agent, const char *method, const char *path,
	       const char *body, int64_t timeout_ns, struct buf *answer, int *status, struct err *e)
{
	struct local *l = (struct local *)en;
	const struct local_agent *a = find_agent(l, agent);
	struct curl_slist *headers = NULL;
	char url[600], token[100];
	CURL *c;
	int r;

	if (!a || !a->addr[0])
		return err_set(e, ERR_BROKEN, "engine local has no agent %s%s", agent,
			       a ? " now" : "");
	c = curl_easy_init();
	if (!c)
		return err_set(e, ERR_BROKEN, "no libcurl handle");
	snprintf(url, sizeof(url), "http://%s%s", a->addr, path);
	snprintf(token, sizeof(token), "X-Ordeal-Token: %s", engine_agent_token(&l->base.conf, agent));
	headers = curl_slist_append(headers, token);
	headers = curl_slist_append(headers, "Expect:");
	if (body)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	if (body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	else if (!strcmp(method, "POST"))
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(timeout_ns / NS_PER_MS) + 1);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	/* A proxy of the user's environment has no business on loopback. */
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	r = perform(c, agent, url, status, e);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	return r;
}
