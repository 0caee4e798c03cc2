/* kill-process: SIGKILL to one process; the pod stays.
 *
 * which: server  the server itself: the parent-most process with the name
 *                that `process` gives, or that the system tells of its servers
 *                (for PostgreSQL the postmaster, not Patroni above it)
 *        pid1    PID 1 of the server's container
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "fault/fault.h"
#include "fault/journal.h"
#include "base/procs.h"
#include "fault/target.h"

static const char *const PARAMS[] = {"which", "process", NULL};
static const char *const WHICH[] = {"server", "pid1", NULL};

static int check(const struct ynode *step, cJSON *params, struct err *e)
{
	const struct ynode *at = yaml_get(step, "process");
	const char *name;

	if (param_word(step, "which", WHICH, "server", params, e))
		return -1;
	if (!at)
		return 0;
	if (!strcmp(json_str(params, "which", "server"), "pid1"))
		return yaml_error(at, e, "which: pid1 is one process and process: another: remove one");
	if (yaml_to_string(at, &name, e))
		return -1;
	if (!name[0] || strlen(name) > 15)
		return yaml_error(at, e, "process: a process's name has 1 to 15 characters");
	json_set_str(params, "process", name);
	return 0;
}

static void effects(const cJSON *params, struct effects *out)
{
	out->what = EFFECT_PROCESS_DIES;
	out->whole_container = !strcmp(json_str(params, "which", "server"), "pid1");
	out->by_its_name = *json_str(params, "process", "");
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	(void)plan;
	if (n->ops->pids)
		return true;
	snprintf(why, size, "a %s agent sees no processes", n->ops->name);
	return false;
}

/* Of the processes that fit, the oldest whose parent does not fit. */
static bool find_server(const struct pid_list *pids, const char *name, struct proc_stat *out)
{
	struct proc_stat s, parent;
	bool found = false;

	for (size_t i = 0; i < pids->n && *name; i++) {
		if (procs_stat(pids->v[i].pid, &s) || s.state == 'Z' || strcmp(s.comm, name))
			continue;
		if (procs_stat(s.ppid, &parent) == 0 && !strcmp(parent.comm, name))
			continue;
		if (!found || s.start_ticks < out->start_ticks)
			*out = s;
		found = true;
	}
	return found;
}

/* PID 1 of the container that `like` runs in (0: of any), else the oldest
 * process without a parent among the pod's. */
static bool find_first(const struct pid_list *pids, pid_t like, struct proc_stat *out)
{
	uint64_t ns = like ? procs_pid_ns(like) : 0, own = procs_pid_ns(getpid());
	struct proc_stat s;
	bool found = false;

	for (size_t i = 0; i < pids->n; i++) {
		bool first = false;

		if (procs_stat(pids->v[i].pid, &s) || s.state == 'Z')
			continue;
		if (procs_pid_ns(s.pid) != own) {
			first = procs_inner_pid(s.pid) == 1 && (!ns || procs_pid_ns(s.pid) == ns);
		} else {
			first = true;
			for (size_t k = 0; k < pids->n; k++)
				first = first && pids->v[k].pid != s.ppid;
		}
		if (first && (!found || s.start_ticks < out->start_ticks)) {
			*out = s;
			found = true;
		}
	}
	return found;
}

static int choose(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		  struct err *e)
{
	const char *name = plan_param(j->plan, "process", NULL), *uid = json_str(target, "uid", "");
	const char *server = json_str(j->plan, "server", ""); /* a pod beside the members may have none */
	bool want_first = !strcmp(plan_param(j->plan, "which", "server"), "pid1"), found;
	struct pid_list pids = {0};
	struct proc_stat s;

	if (n->ops->pids(n, uid, false, &pids, e))
		return -1;
	found = find_server(&pids, name ? name : server, &s);
	/* A server whose name nobody tells is its container's first process. */
	if (want_first || (!found && !name))
		found = find_first(&pids, found ? s.pid : 0, &s);
	pid_list_free(&pids);
	if (!found)
		return err_set(e, ERR_BROKEN, "pod %s (%s) has no process %s%son this node",
			       target_name(target), uid, name ? name : "", name ? " " : "");
	json_set_i64(out, "pid", s.pid);
	json_set_i64(out, "start", (int64_t)s.start_ticks);
	json_set_str(out, "comm", s.comm);
	return 0;
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	const cJSON *p;

	if (targets_note(n, j, "procs", choose, e))
		return -1;
	cJSON_ArrayForEach(p, json_get(j->record, "procs")) {
		struct proc_id id = {(pid_t)json_i64(p, "pid", 0), (uint64_t)json_i64(p, "start", 0)};

		if (procs_signal(id, SIGKILL) && errno != ESRCH)
			return err_set(e, ERR_BROKEN, "cannot kill %s (PID %d) of pod %s: %s",
				       json_str(p, "comm", ""), (int)json_i64(p, "pid", 0),
				       json_str(p, "member", ""), strerror(errno));
	}
	return 0;
}

static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	bool first = !strcmp(plan_param(j->plan, "which", "server"), "pid1"), deleting;
	const char *ns = json_str(j->plan, "namespace", "");
	const cJSON *p;
	char now[64];

	*bites = true;
	cJSON_ArrayForEach(p, json_get(j->record, "procs")) {
		const char *name = json_str(p, "member", "");
		bool there = !procs_ended((pid_t)json_i64(p, "pid", 0),
					  (uint64_t)json_i64(p, "start", 0));

		json_pushf(evidence, "pod %s: %s, %s with PID %d on the node, %s", name,
			   json_str(p, "comm", ""), first ? "the container's PID 1" : "the server",
			   (int)json_i64(p, "pid", 0), there ? "still runs" : "is gone");
		*bites = *bites && !there;
		if (there || !n->ops->pod_uid)
			continue;
		if (n->ops->pod_uid(n, ns, name, now, &deleting, e))
			return -1;
		json_pushf(evidence, "pod %s: UID %s", name,
			   strcmp(now, json_str(p, "uid", "")) ? "changed" : "as before");
	}
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	(void)n;
	(void)e;
	return heal_nothing(json_get(j->record, "procs"), "whoever started the process replaces it", evidence);
}

const struct fault_ops fault_kill_process = {
	.name = "kill-process",
	.summary = "SIGKILL to the server or to its container's PID 1; the pod stays",
	.place = FAULT_AT_NODE,
	.params = PARAMS,
	.check = check,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.observe = observe,
	.heal = heal,
};
