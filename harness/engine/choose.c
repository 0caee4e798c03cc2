#include "engine/choose.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "system/system.h"

/* Docker may be slow to answer on a machine that has just booted. */
#define ASK_WITHIN_NS (60 * NS_PER_S)

const struct engine_ops *engine_choose(char *why, size_t size, struct err *e)
{
	char root[PATH_MAX], script[PATH_MAX + 20];
	const char *const argv[] = {script, NULL};
	const char *name, *other, *reason;
	struct proc_result res;
	bool soon;

	if (file_project_root(root, e))
		return NULL;
	snprintf(script, sizeof(script), "%s/kind/soon.sh", root);
	if (proc_run(argv, NULL, ASK_WITHIN_NS, &res, e)) {
		err_prefix(e, "cannot choose an engine (name one with --engine)");
		return NULL;
	}
	soon = res.exit_code == 0;
	reason = buf_cstr(&res.out);
	if (!*reason)
		reason = "no kind cluster is known here";
	/* The engine docker mounts volumes and enters networks by itself. */
	name = soon || geteuid() != 0 ? "kind" : "docker";
	other = strcmp(name, "kind") ? "kind" : "docker";
	snprintf(why, size, "engine %s, for %.*s%s; --engine %s (ENGINE=%s) for the other", name,
		 (int)strcspn(reason, "\n"), reason,
		 soon || geteuid() == 0 ? "" : ", but without it one has to be root", other, other);
	proc_result_free(&res);
	return engine_find(name);
}

bool engine_runs(const struct engine_ops *ops, const char *system, struct err *e)
{
	const struct system *sys = system_find(system);
	bool processes = sys && sys->client->processes_only;

	if ((ops->caps & ENGINE_CAP_CONTAINERS) ? !processes : processes)
		return true;
	if (processes)
		err_set(e, ERR_INPUT, "the system %s is plain processes: it runs on engine local only, "
			"not on %s", system, ops->name);
	else
		err_set(e, ERR_INPUT, "engine %s runs no containers, and so no %s: take --engine docker or "
			"--engine kind", ops->name, system);
	return false;
}
