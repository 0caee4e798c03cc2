/* One trial: a fault is injected, followed, healed and recovered from, while one of
 * the calls that it makes fails. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/procs.h"
#include "engine/docker/docker.h"
#include "fault/fill.h"
#include "node/env.h"
#include "node/live.h"
#include "test/failpoints/room.h"
#include "test/lib/fault_help.h"

#define TRIAL_WITHIN_NS (60 * NS_PER_S)

static int open_node(struct node *n, struct err *e)
{
	if (v->at)
		return v->at->open(n, &ground, e);
	if (!v->local)
		return docker_node_open(n, NODE, m.state, e);
	snprintf(n->name, sizeof(n->name), NODE);
	snprintf(n->state_dir, sizeof(n->state_dir), "%s", m.state);
	return node_env_local.open(n, e);
}

static void close_node(struct node *n)
{
	if (v->at)
		v->at->close(n);
	else if (v->local)
		node_env_local.close(n);
	else
		docker_node_close(n);
}

static cJSON *plan_of(void)
{
	cJSON *plan = help_plan("f1", v->fault, "db-0", UID, v->params), *peers, *p;

	json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(plan, "targets"), 0), "node", NODE);
	peers = cJSON_AddArrayToObject(plan, "peers");
	for (int i = 1; i <= 2; i++) {
		char cidr[32], node[32];

		snprintf(cidr, sizeof(cidr), "10.201.%d.0/24", i);
		snprintf(node, sizeof(node), "ordeal-node%d", i);
		json_push(peers, p = cJSON_CreateObject());
		json_set_str(p, "node", node);
		json_set_str(p, "cidr", cidr);
	}
	return plan;
}

/* Whether it is there, seen without failures. */
static void look(bool claimed)
{
	int64_t end_ns = clock_mono_ns() + NS_PER_S;

	failpoints->armed = 0;
	/* A killed process takes a moment to go. */
	while (claimed && !(said->seen = applied()) && v->kills && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	if (claimed && !said->seen)
		snprintf(said->why, sizeof(said->why), "called on, but it is not there");
	failpoints->armed = getpid();
}

/* The pod's sandbox ends and is made anew; who follows is given time, as the
 * agent gives it. */
static void restart(struct node *n, struct live *l)
{
	struct err e = {0};
	int r = -1;

	failpoints->armed = 0;
	kill(m.pod, SIGKILL);
	while (!strchr("Z-", state_of(m.pod)))
		clock_sleep_until(clock_mono_ns() + NS_PER_MS / 4);
	said->restarted = start_pod();
	if (v->at && v->at->restart && v->at->restart(&ground, &e))
		snprintf(said->why, sizeof(said->why), "the pod is not made anew: %.500s", e.msg);
	failpoints->armed = getpid();
	for (int i = 0; i < 4 && r; i++)
		r = l->ops->follow(n, &l->j, &e);
	look(r == 0);
}

static void inject_and_heal(struct node *n, struct live *l)
{
	struct err e = {0};
	bool kills = !l->ops->lasting;

	if (live_begin(n, l, &e) == 0) {
		said->on = true;
		failpoints->armed = 0;
		if (!strcmp(v->fault, "partition-node"))
			packet_dropped();
		/* A process takes a moment to stop: what the first trial calls is not to hang on
		 * that. */
		for (int i = 0; failpoints->how == FAIL_NONE && !kills && i < 500 && !applied();
		     i++)
			clock_sleep_until(clock_mono_ns() + NS_PER_MS);
		failpoints->armed = getpid();
		for (int i = 0; i < (kills ? 60 : 2) && !l->bites; i++) {
			live_look(n, l, &e);
			if (kills && !l->bites)
				clock_sleep_until(clock_mono_ns() + NS_PER_MS);
		}
		said->bites = l->bites;
		look(l->bites);
		if (l->ops->follow && !said->why[0])
			l->ops->follow(n, &l->j, &e);
		if (v->restarts && l->bites && !said->why[0])
			restart(n, l);
	}
	for (int i = 0; i < 3 && !l->healed; i++)
		live_heal(n, l, &e);
	said->healed = l->healed;
}

static int make_volume(void)
{
	cJSON *about = cJSON_CreateObject();
	struct err e = {0};
	int r = volume_make(&m.store, "v2", INT64_C(8) << 20, about, &e);

	cJSON_Delete(about);
	return r;
}

static void make_and_remove(void)
{
	struct err e = {0};
	char path[512];

	volume_data_path(&m.store, "v2", path);
	failpoints->armed = getpid();
	if (make_volume() == 0) {
		failpoints->armed = 0;
		said->on = said->bites = true;
		if (!fill_bounded(path, m.dir))
			snprintf(said->why, sizeof(said->why), "called made, but it is not there");
		failpoints->armed = getpid();
	}
	said->healed = volume_remove(&m.store, "v2", &e) == 0;
	failpoints->armed = 0;
	said->done = true;
	_exit(0);
}

static void remove_volumes(void)
{
	const cJSON *it;
	struct err e = {0};
	cJSON *all;

	if (volume_list(&m.store, &all, &e))
		snprintf(said->why, sizeof(said->why), "recover fails: %.500s", e.msg);
	cJSON_ArrayForEach(it, all)
		if (strcmp(json_str(it, "name", ""), "v1") && strcmp(json_str(it, "name", ""), "v3") &&
		    volume_remove(&m.store, json_str(it, "name", ""), &e))
			snprintf(said->why, sizeof(said->why), "recover fails: %.500s", e.msg);
	_exit(0);
}

static void trial(void)
{
	struct live *l = mem_alloc(sizeof(*l));
	cJSON *plan = plan_of();
	struct node n = {0};
	struct err e = {0};

	if (is_volume())
		make_and_remove();
	l->ops = fault_find(v->fault);
	failpoints->armed = getpid();
	if (open_node(&n, &e) == 0) {
		if (journal_begin(n.state_dir, plan, &l->j, &e) == 0)
			inject_and_heal(&n, l);
	}
	failpoints->armed = 0;
	said->done = true;
	_exit(0);
}

/* What a node does that starts where another one was, and `recover`. */
static int recover_node(struct err *e)
{
	struct node n = {0};
	struct node_faults *f;
	cJSON *o = NULL;
	char *text;
	int r;

	if (open_node(&n, e))
		return err_prefix(e, "no node");
	f = node_faults_new(&n, INT64_MAX / 4);
	node_faults_recover(f);
	r = node_faults_heal_all(f, &o, e) ? err_prefix(e, "recover fails") : 0;
	cJSON_Delete(o);
	o = node_faults_residue(f);
	if (!r && !json_bool(o, "clean", false)) {
		text = json_text(o);
		r = err_set(e, ERR_BROKEN, "recover leaves: %.500s", text);
	}
	close_node(&n);
	return r;
}

static void recover(void)
{
	struct err e = {0};

	if (is_volume())
		remove_volumes();
	if (recover_node(&e))
		snprintf(said->why, sizeof(said->why), "%.590s", e.msg);
	_exit(0);
}

/* An agent that dies with its fault on. */
static void leave(void)
{
	struct live *l = mem_alloc(sizeof(*l));
	struct node n = {0};
	struct err e = {0};

	if (is_volume()) {
		said->on = said->bites = make_volume() == 0;
		_exit(0);
	}
	l->ops = fault_find(v->fault);
	said->on = !open_node(&n, &e) && !journal_begin(n.state_dir, plan_of(), &l->j, &e) &&
		   !live_begin(&n, l, &e);
	for (int i = 0; said->on && i < 500 && !applied(); i++)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	said->bites = said->on && applied();
	_exit(0);
}

/* Every entry of the journal is half of itself. */
static void tear(const char *journal)
{
	char path[600];
	const struct dirent *ent;
	struct stat st;
	DIR *d = opendir(journal);

	while (d && (ent = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", journal, ent->d_name);
		if (ent->d_name[0] != '.' && (stat(path, &st) || truncate(path, st.st_size / 2)))
			snprintf(said->why, sizeof(said->why), "%.500s: %s", path, strerror(errno));
	}
	if (d)
		closedir(d);
}

static void tear_journals(void)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/journal", m.state);
	tear(path);
	snprintf(path, sizeof(path), "%s/nodes/" NODE "/journal", m.state);
	tear(path);
}

/* The next one, of whose calls one fails. */
static void recover_failing(void)
{
	struct err e = {0};

	failpoints->armed = getpid();
	said->healed = (is_volume() ? volume_remove(&m.store, "v2", &e) : recover_node(&e)) == 0;
	failpoints->armed = 0;
	said->done = true;
	_exit(0);
}

/* Its exit status; one that hangs is a failure. */
static int in_child(void (*fn)(void))
{
	int64_t left_ns = TRIAL_WITHIN_NS, now_ns = clock_mono_ns(), was_ns;
	pid_t p = branch();
	int status, quiet;

	if (p == 0) {
		quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(quiet, STDERR_FILENO);
		fn();
	}
	while (waitpid(p, &status, WNOHANG) == 0) {
		/* What stands still altogether does not hang. */
		was_ns = now_ns;
		now_ns = clock_mono_ns();
		left_ns -= now_ns - was_ns < NS_PER_S ? now_ns - was_ns : 0;
		if (left_ns < 0) {
			snprintf(said->why, sizeof(said->why), "it hangs");
			kill(p, SIGKILL);
			waitpid(p, &status, 0);
			return -1;
		}
		clock_sleep_until(clock_mono_ns() + NS_PER_MS / 4);
	}
	return status;
}

static void count(void *n, const struct proc_stat *s)
{
	*(int *)n += s->pid != getpid() && s->pid != m.pod;
}

/* Whether processes run that are neither this one nor the pod. */
static bool others(void)
{
	int n = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return procs_each(count, &n) == 0 && n > 0;
}

void attempt(enum phase phase, enum failure how, int at)
{
	const char *left;
	char *why = said->why;
	int status;

	memset(said, 0, sizeof(*said));
	refresh();
	if (phase != WORKING)
		in_child(leave);
	if (phase == SWEEPING)
		tear_journals();
	failpoints->how = how;
	failpoints->at = at;
	failpoints->n = 0;
	status = in_child(phase == WORKING ? trial : recover_failing);
	if (!why[0] && !said->done && !(how == FAIL_KILLED && WIFSIGNALED(status)))
		snprintf(why, sizeof(said->why), "it crashed (status %x)", (unsigned)status);
	if (!why[0] && said->healed && (left = left_over(phase != WORKING)))
		snprintf(why, sizeof(said->why), "called healed, but %.500s", left);
	failpoints->armed = 0;
	/* A mount(8) whose parent was killed goes on for a moment. */
	while ((is_volume() || (v->at && v->at->children)) && others())
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	if (!why[0])
		in_child(recover);
	if (!why[0] && (left = left_over(true)))
		snprintf(why, sizeof(said->why), "after recover %.500s", left);
	m.fresh = !v->kills && !said->restarted && !why[0];
	if (said->restarted) {
		kill(said->restarted, SIGKILL);
		while (waitpid(said->restarted, NULL, 0) < 0 && errno == EINTR)
			;
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

void recover_all(void)
{
	in_child(recover);
}
