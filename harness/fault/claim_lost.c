/* claim-lost: a pod and its volumes are gone, as with a disk that dies: every
 * process gets SIGKILL, and the pod and its claims are deleted. The controller
 * makes both anew, and the member comes back with nothing. Only claims that a run
 * has made, on volumes that a run has made, are ever deleted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/procs.h"
#include "fault/fault.h"
#include "fault/sweep.h"
#include "fault/target.h"

/* A claim goes once its pod has, and the next one is made, bound and mounted. */
#define WITHIN_NS (60 * NS_PER_S)
#define GRAIN_NS (20 * NS_PER_MS) /* of the kernel's time in a file's stamps */

static int64_t takes(const cJSON *params)
{
	(void)params;
	return WITHIN_NS;
}

static void effects(const cJSON *params, struct effects *out)
{
	(void)params;
	out->what = EFFECT_POD_RECREATED | EFFECT_NEW_ADDRESS | EFFECT_STORAGE_EMPTY;
	out->notice = NOTICE_NONE;
}

static const char *ns_of(const cJSON *plan)
{
	return json_str(plan, "namespace", "");
}

/* The claims of a pod, each of which must be ours to delete. */
static int claims_of(struct node *n, const cJSON *plan, const cJSON *target, cJSON *out,
		     struct err *e)
{
	const char *pod = target_name(target);
	const cJSON *c;

	if (n->ops->claims(n, ns_of(plan), pod, out, e))
		return -1;
	if (!cJSON_GetArraySize(out))
		return err_set(e, ERR_UNSUPPORTED, "pod %s has no claim that it could lose", pod);
	cJSON_ArrayForEach(c, out)
		if (!json_bool(c, "ours", false))
			return err_set(e, ERR_UNSUPPORTED, "claim %s of pod %s, or its volume, was not made by a run: it is not "
				       "taken away", json_str(c, "name", ""), pod);
	return 0;
}

static bool supported(struct node *n, const cJSON *plan, char *why, size_t size)
{
	struct err e = {0};
	cJSON *targets;
	const cJSON *t;
	bool ok = true;

	if (!n->ops->claims || !n->ops->claim_delete || !n->ops->volume || !n->ops->pids ||
	    !n->ops->pod_look || !n->ops->pod_delete) {
		snprintf(why, size, "a %s agent knows no claims", n->ops->name);
		return false;
	}
	if (targets_here(n, plan, &targets, &e))
		return true; /* inject says what is wrong */
	cJSON_ArrayForEach(t, targets) {
		cJSON *claims = cJSON_CreateArray();

		if (claims_of(n, plan, t, claims, &e) && e.kind == ERR_UNSUPPORTED) {
			snprintf(why, size, "%s", e.msg);
			ok = false;
		}
		cJSON_Delete(claims);
	}
	cJSON_Delete(targets);
	return ok;
}

/* Which file system this is, of all that were ever made. */
static int file_system(const char *path, char id[32], struct err *e)
{
	struct statvfs v;

	if (statvfs(path, &v))
		return err_set(e, ERR_BROKEN, "cannot look at %s: %s", path, strerror(errno));
	snprintf(id, 32, "%lx", v.f_fsid);
	return 0;
}

static int remember(struct node *n, const struct journal_entry *j, const cJSON *target, cJSON *out,
		    struct err *e)
{
	const char *uid = json_str(target, "uid", "");
	cJSON *claims = cJSON_AddArrayToObject(out, "claims");
	struct node_volume v = {0};
	struct pid_list pids = {0};
	char id[32];

	if (claims_of(n, j->plan, target, claims, e) ||
	    n->ops->volume(n, ns_of(j->plan), target_name(target), &v, e) ||
	    file_system(v.path, id, e) || n->ops->pids(n, uid, true, &pids, e))
		return -1;
	if (!pids.n)
		return err_set(e, ERR_BROKEN, "pod %s (%s) has no process on this node", target_name(target), uid);
	json_set_str(out, "file_system", id);
	json_set(out, "procs", procs_remember(&pids));
	pid_list_free(&pids);
	return 0;
}

/* The claims first: they wait for their pod, and who makes it anew finds them
 * about to go. */
static int lose(struct node *n, struct journal_entry *j, cJSON *pod, struct err *e)
{
	const char *uid = json_str(pod, "uid", "");
	const cJSON *c;
	int killed;

	cJSON_ArrayForEach(c, json_get(pod, "claims"))
		if (n->ops->claim_delete(n, ns_of(j->plan), json_str(c, "name", ""), json_str(c, "uid", ""), e))
			return -1;
	killed = pod_sweep(n, uid, e);
	if (killed < 0)
		return -1;
	json_set_i64(pod, "killed", killed);
	j->effective_ns = clock_mono_ns();
	return n->ops->pod_delete(n, ns_of(j->plan), target_name(pod), uid, 0, e);
}

static int inject(struct node *n, struct journal_entry *j, struct err *e)
{
	cJSON *pod;

	json_set_i64(j->record, "real_ns", clock_real_ns());
	if (targets_note(n, j, "pods", remember, e))
		return -1;
	cJSON_ArrayForEach(pod, json_get(j->record, "pods"))
		if (lose(n, j, pod, e))
			return -1;
	return 0;
}

/* Whether each claim is another one now, on another volume. */
static int look_at_claims(struct node *n, const struct journal_entry *j, const cJSON *pod,
			  cJSON *evidence, bool *bites, struct err *e)
{
	cJSON *now = cJSON_CreateArray();
	const cJSON *was, *is;
	int r = n->ops->claims(n, ns_of(j->plan), target_name(pod), now, e);

	cJSON_ArrayForEach(was, json_get(pod, "claims")) {
		const char *name = json_str(was, "name", ""), *volume = "";
		bool other = false;

		if (r)
			break;
		cJSON_ArrayForEach(is, now)
			if (!strcmp(json_str(is, "name", ""), name)) {
				other = strcmp(json_str(is, "uid", ""), json_str(was, "uid", "")) != 0;
				volume = json_str(is, "volume", "");
			}
		if (other && *volume && strcmp(volume, json_str(was, "volume", ""))) {
			json_pushf(evidence, "claim %s is another one, on volume %s, before %s", name, volume,
				   json_str(was, "volume", ""));
			continue;
		}
		json_pushf(evidence, "claim %s %s", name, other ? "is another one, and has no volume yet" : "is as it was, or not "
			   "made anew yet");
		*bites = false;
	}
	cJSON_Delete(now);
	return r;
}

/* How many entries the folder has, and whether one was there before. */
static int older_than(const char *path, int64_t real_ns, int *n, bool *older, struct err *e)
{
	struct dirent *ent;
	struct stat st;
	DIR *d = opendir(path);

	*n = 0;
	*older = false;
	if (!d)
		return err_set(e, ERR_BROKEN, "cannot look into %s: %s", path, strerror(errno));
	while ((ent = readdir(d))) {
		if (!strcmp(ent->d_name, ".") || !strcmp(ent->d_name, "..") ||
		    fstatat(dirfd(d), ent->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		(*n)++;
		*older = *older ||
			 st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec < real_ns - GRAIN_NS;
	}
	closedir(d);
	return 0;
}

/* Another file system, in which nothing is from before. One on another node is not
 * to be seen from here: a run's volumes are made empty. */
static void look_inside(struct node *n, const struct journal_entry *j, const cJSON *pod,
			const char *node, cJSON *evidence, bool *bites)
{
	const char *name = target_name(pod);
	struct node_volume v = {0};
	struct err e = {0};
	bool older, other;
	char id[32];
	int entries;

	if (*n->name && *node && strcmp(n->name, node)) {
		json_pushf(evidence, "pod %s is on %s now: its volume was made there, and not looked into", name, node);
		return;
	}
	if (n->ops->volume(n, ns_of(j->plan), name, &v, &e) || file_system(v.path, id, &e) ||
	    older_than(v.path, json_i64(j->record, "real_ns", 0), &entries, &older, &e)) {
		json_pushf(evidence, "pod %s: its volume cannot be looked into yet: %s", name, e.msg);
		*bites = false;
		return;
	}
	other = strcmp(id, json_str(pod, "file_system", "")) != 0;
	json_pushf(evidence, "pod %s: its volume is %s file system, and of the %d files in it %s", name,
		   other ? "another" : "the same", entries, older ? "some are from before" : "none is from before");
	*bites = *bites && other && !older;
}

static int observe(struct node *n, struct journal_entry *j, cJSON *evidence, bool *bites,
		   struct err *e)
{
	const cJSON *pod;

	*bites = true;
	cJSON_ArrayForEach(pod, json_get(j->record, "pods")) {
		const char *name = target_name(pod), *uid = json_str(pod, "uid", "");
		int all = cJSON_GetArraySize(json_get(pod, "procs")), left = procs_still_there(json_get(pod, "procs"));
		struct node_pod now;

		if (n->ops->pod_look(n, ns_of(j->plan), name, &now, e))
			return -1;
		json_pushf(evidence, "pod %s: SIGKILL reached %d processes, %d of its %d still run", name,
			   (int)json_i64(pod, "killed", 0), left, all);
		if (left || !now.uid[0] || !strcmp(now.uid, uid)) {
			json_pushf(evidence, "pod %s (UID %s) %s", name, uid, !now.uid[0] ? "is gone, and not made anew yet" :
				   "is still there");
			*bites = false;
			continue;
		}
		json_pushf(evidence, "pod %s is another one: UID %s, before %s", name, now.uid, uid);
		if (look_at_claims(n, j, pod, evidence, bites, e))
			return -1;
		if (*bites)
			look_inside(n, j, pod, now.node, evidence, bites);
	}
	return 0;
}

static int heal(struct node *n, struct journal_entry *j, cJSON *evidence, struct err *e)
{
	(void)n;
	(void)e;
	return heal_nothing(json_get(j->record, "pods"),
			    "its controller makes it and its claims anew; what was on its volumes is gone for good", evidence);
}

const struct fault_ops fault_claim_lost = {
	.name = "claim-lost",
	.summary = "kill a pod and delete its claims: it comes back on empty volumes",
	.place = FAULT_AT_NODE,
	.effects = effects,
	.supported = supported,
	.inject = inject,
	.takes = takes,
	.observe = observe,
	.heal = heal,
};
