/* Every call through which faults work (table.h) is made to fail, one at a
 * time, in a process of its own; whatever that does to it,
 *  - what it called on, a look from outside sees;
 *  - what it called healed is as it was before;
 *  - after a fresh process has recovered, everything is.
 * The same of who recovers after one that died with its fault on, by its journal or without.
 * The machine is a small one of its own (PID and mount namespaces; a freezer, a
 * loop device, an API server; surroundings.h has others), so as root only. By
 * default the first and the last time of each line of code, and kill -9 at every
 * one where dies_everywhere(); all of them, in all ways, with
 * ORDEAL_FAILPOINTS=all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "test/failpoints/room.h"

static const struct variant variants[] = {
	{"partition-node", NULL, false, false, true, NULL}, /* the longest */
	{"pause", NULL, true, false, false, NULL},
	{"pause", NULL, false, false, false, NULL},
	{"fill-disk", "{\"to\":\"full\"}", true, false, false, NULL},
	{"fill-disk", "{\"to\":\"60%\"}", false, false, false, NULL},
	{"node-down", NULL, false, true, false, NULL},
	{"kill-process", "{\"which\":\"server\"}", true, true, false, NULL},
	{"kill-pod", "{\"how\":\"crash\"}", true, true, false, NULL},
	{"kill-pod", "{\"how\":\"crash\"}", false, true, false, NULL},
	{"kill-pod", "{\"how\":\"force\"}", false, true, false, NULL},
	{"rolling-restart", NULL, false, true, false, NULL},
	{"claim-lost", NULL, false, true, false, NULL},
	{VOLUME, "", true, false, false, NULL},
	{"partition-node", "{\"api\":\"cut\",\"probes\":\"cut\"}", false, false, true, &kube_surroundings},
	{"pause", NULL, false, false, false, &kube_surroundings},
	{"pause", NULL, false, false, false, &kube_v2_surroundings},
	{"fill-disk", "{\"to\":\"full\"}", false, false, true, &kube_surroundings},
	{"kill-process", "{\"which\":\"server\"}", false, true, false, &kube_surroundings},
	{"kill-pod", "{\"how\":\"crash\"}", false, true, false, &kube_surroundings},
	{"kill-pod", "{\"how\":\"force\"}", false, true, false, &kube_surroundings},
	{"node-down", NULL, true, false, false, &host_surroundings},
	{"node-down", "{\"how\":\"stop\"}", true, false, false, &host_surroundings},
};

/* Where it goes on, for what is told. */
static const char *where(const struct variant *of)
{
	return of->at ? of->at->name : of->local ? "local" : "docker";
}

/* ---- which places ---- */

enum { BAD_MAX = 30 };
static int bad, tried;

static bool all_places(void)
{
	const char *all = getenv("ORDEAL_FAILPOINTS");

	return all && !strcmp(all, "all");
}

/* Quick enough for every day: an agent that dies anywhere in a pause, which stays,
 * or while it kills, which cannot be taken back. A sanitizer learns nothing from one more
 * death, and takes ten times as long over it. */
static bool dies_everywhere(enum phase phase)
{
#ifdef __SANITIZE_ADDRESS__
	return false;
#endif
	if (phase != WORKING)
		return false;
	return !strcmp(v->fault, "pause") || (!strcmp(v->fault, "kill-pod") && strstr(v->params, "crash"));
}

/* The first and the last time of each line, or all: a look around has many alike. */
static bool chosen(enum phase phase, const struct place *p, int n, int i)
{
	bool first = true, last = true;

	for (int k = 0; k < i && first; k++)
		first = p[k].site != p[i].site;
	for (int k = i + 1; k < n && last; k++)
		last = p[k].site != p[i].site;
	return first || last || (phase == WORKING && all_places());
}

static bool chosen_way(const struct place *p, enum failure how)
{
	return failpoint_can(p->call, how) &&
	       (all_places() || (how != FAIL_STUCK && how != FAIL_AFTER));
}

static const char *phase_word(enum phase phase)
{
	static const char *const words[PHASES] = {"", ", recovered from", ", its journal torn"};

	return words[phase];
}

static void try(enum phase phase, enum failure how, const struct place *p, int i)
{
	attempt(phase, how, i);
	tried++;
	if (!said->why[0])
		return;
	if (bad++ < BAD_MAX)
		print_message("# %s %s%s, place %d: %s at %p fails %s: %s\n", where(v), v->fault, phase_word(phase), i,
			      failpoint_name(p[i].call), p[i].site, failure_words[how], said->why);
	/* Nothing of it is to spoil the next. */
	recover_all();
}

static void all_of(enum phase phase)
{
	int64_t start_ns = clock_mono_ns();
	int n, chose = 0, before = tried;
	struct place *p;

	attempt(phase, FAIL_NONE, -1);
	if (said->why[0] || !said->on || !said->bites || !said->healed)
		fail_msg("%s %s%s does not work: on %d, bites %d, healed %d, %s", where(v), v->fault,
			 phase_word(phase), said->on, said->bites, said->healed, said->why);
	n = failpoints->n;
	p = mem_alloc((size_t)n * sizeof(*p));
	memcpy(p, failpoints->v, (size_t)n * sizeof(*p));
	for (int i = 0; i < n; i++) {
		bool one = chosen(phase, p, n, i);

		chose += one || dies_everywhere(phase);
		for (int how = FAIL_ONCE; how < FAILURES; how++)
			if (one ? chosen_way(&p[i], (enum failure)how) :
				  how == FAIL_KILLED && dies_everywhere(phase))
				try(phase, (enum failure)how, p, i);
	}
	print_message("# %s %s %s%s: %d calls, %d of them failed in %d ways, %.1f s\n", where(v), v->fault,
		      v->params ? v->params : "", phase_word(phase), n, chose, tried - before,
		      (double)(clock_mono_ns() - start_ns) / 1e9);
	free(p);
}

/* Without a journal: a volume has none, and engine local bounds no disks. */
static bool sweeps(void)
{
	return !is_volume() && !(v->local && !v->at && !strcmp(v->fault, "fill-disk"));
}

static void every_call_may_fail(void **state)
{
	(void)state;
	build();
	for (int phase = WORKING; phase < PHASES; phase++)
		if (phase != SWEEPING || sweeps())
			all_of((enum phase)phase);
	demolish();
	if (bad)
		fail_msg("%d of %d went wrong", bad, tried);
}

/* One variant on a machine of its own; what it says goes to `out`. */
static pid_t start_variant(const struct variant *variant, int out)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_may_fail)};
	int status = 1, flags = CLONE_NEWNS | CLONE_NEWPID, at;
	char cgroup[100];
	pid_t watcher = branch();

	if (watcher)
		return watcher;
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	v = variant;
	if (v->at && v->at->own_network)
		flags |= CLONE_NEWNET;
	snprintf(cgroup, sizeof(cgroup), "%s/ordeal-failpoints-%d", unified() ? UNIFIED : FREEZER, (int)getpid());
	setenv("FAILPOINTS_CGROUP", cgroup, 1);
	failpoints = mmap(NULL, sizeof(*failpoints), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* By the folder that it is in, which cannot be seen from the namespace. */
	at = open(unified() ? UNIFIED : FREEZER, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdir(cgroup, 0755) || unshare(flags) || failpoints == MAP_FAILED || said == MAP_FAILED)
		_exit(1);
	if (branch() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(cmocka_run_group_tests_name(variant->fault, tests, NULL, NULL));
	}
	wait(&status);
	if (unlinkat(at, strrchr(cgroup, '/') + 1, AT_REMOVEDIR)) {
		print_message("# %s stays: %s\n", cgroup, strerror(errno));
		status = 1;
	}
	_exit(status ? 1 : 0);
}

/* As comments. */
static void tell(int from)
{
	char line[1000];
	FILE *f = fdopen(from, "r");

	rewind(f);
	while (fgets(line, sizeof(line), f))
		printf("# %s", line[0] == '#' ? line + 2 : line);
	fclose(f);
}

enum { AT_ONCE = 4 };

#ifdef __SANITIZE_THREAD__
#define THREAD_SANITIZER true
#else
#define THREAD_SANITIZER false
#endif

int main(int argc, char **argv)
{
	enum { N = ARRAY_LEN(variants) };
	pid_t pids[N] = {0}, pid;
	int outs[N], results[N], failed = 0, status;
	size_t begun = 0, ended = 0, told = 0;

	if (THREAD_SANITIZER) {
		puts("1..0 # SKIP the thread sanitizer has a thread of its own, and bears no threads after a fork");
		return 0;
	}
	if (geteuid() || access("/dev/loop-control", W_OK) || access(FREEZER, W_OK)) {
		puts("1..0 # SKIP needs root, loop devices and a v1 freezer");
		return 0;
	}
	/* One alone, by its number. */
	if (argc == 2) {
		status = (int)strtol(argv[1], NULL, 10);
		assert_in_range(status, 1, N);
		waitpid(start_variant(&variants[status - 1], STDOUT_FILENO), &status, 0);
		return status != 0;
	}
	printf("1..%d\n", (int)N);
	while (told < N) {
		for (; begun < N && begun < ended + AT_ONCE; begun++) {
			outs[begun] = memfd_create("said", MFD_CLOEXEC);
			fflush(NULL);
			pids[begun] = start_variant(&variants[begun], outs[begun]);
		}
		pid = wait(&status);
		for (size_t i = 0; i < begun; i++)
			if (pids[i] == pid) {
				pids[i] = 0;
				results[i] = status;
				ended++;
			}
		for (; told < begun && !pids[told]; told++) {
			const struct variant *of = &variants[told];

			tell(outs[told]);
			failed += results[told] != 0;
			printf("%sok %d - %s %s %s\n", results[told] ? "not " : "", (int)told + 1, where(of), of->fault,
			       of->params ? of->params : "");
		}
	}
	return failed ? 1 : 0;
}
