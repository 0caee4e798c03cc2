#include "base/procs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

/* A process that ends meanwhile is told of in two ways. */
static int vanished(int why)
{
	errno = why == ENOENT ? ESRCH : why;
	return -1;
}

static int read_stat(const char *path, pid_t pid, struct proc_stat *out)
{
	unsigned long long start = 0;
	char line[1024];
	char *open, *close;
	size_t len;
	FILE *f = fopen(path, "re");
	int got = 0, why;

	if (!f)
		return vanished(errno);
	errno = 0;
	len = fread(line, 1, sizeof(line) - 1, f);
	why = ferror(f) ? errno : len ? EIO : ESRCH;
	fclose(f);
	line[len] = '\0';
	memset(out, 0, sizeof(*out));
	out->pid = pid;
	/* The command stands in parentheses and may itself hold any byte. */
	open = strchr(line, '(');
	close = strrchr(line, ')');
	if (!open || !close || close < open)
		return vanished(why);
	*close = '\0';
	mem_copy_str(out->comm, sizeof(out->comm), open + 1);
	got = sscanf(close + 1,
		     " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		     &out->state, &out->ppid, &start);
	out->start_ticks = start;
	return got == 3 ? 0 : vanished(why);
}

int procs_stat(pid_t pid, struct proc_stat *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return read_stat(path, pid, out);
}

pid_t procs_inner_pid(pid_t pid)
{
	char path[64], line[512];
	pid_t inner = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!inner && fgets(line, sizeof(line), f)) {
		char *last;

		if (strncmp(line, "NSpid:", 6))
			continue;
		line[strcspn(line, "\n")] = '\0';
		last = strrchr(line, '\t');
		inner = last ? (int)strtol(last + 1, NULL, 10) : 0;
	}
	fclose(f);
	return inner;
}

uint64_t procs_pid_ns(pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat(path, &st) ? 0 : st.st_ino;
}

static bool over(const struct proc_stat *s, uint64_t start_ticks)
{
	return s->start_ticks != start_ticks || s->state == 'Z' || s->state == 'X';
}

bool procs_same(pid_t pid, uint64_t start_ticks)
{
	struct proc_stat s;

	return procs_stat(pid, &s) == 0 && !over(&s, start_ticks);
}

bool procs_ended(pid_t pid, uint64_t start_ticks)
{
	struct proc_stat s;

	return procs_stat(pid, &s) ? errno == ESRCH : over(&s, start_ticks);
}

/* What holds the descriptor cannot be replaced between the look and the signal
 * (pidfd_open(2)). */
int procs_signal(struct proc_id id, int sig)
{
	struct proc_stat s;
	int fd = pidfd_open(id.pid, 0), r, why;

	if (fd < 0)
		return -1;
	r = procs_stat(id.pid, &s);
	if (!r && s.start_ticks != id.start_ticks) {
		errno = ESRCH;
		r = -1;
	}
	if (!r)
		r = pidfd_send_signal(fd, sig, NULL, 0);
	why = errno;
	close(fd);
	errno = why;
	return r;
}

int procs_each(void (*fn)(void *arg, const struct proc_stat *s), void *arg)
{
	DIR *d = opendir("/proc");
	const struct dirent *ent;
	struct proc_stat s;
	int why = 0;

	if (!d)
		return -1;
	while (errno = 0, (ent = readdir(d))) {
		if (!isdigit((unsigned char)ent->d_name[0]))
			continue;
		if (procs_stat((int)strtol(ent->d_name, NULL, 10), &s) == 0)
			fn(arg, &s);
		else if (errno != ESRCH)
			why = errno;
	}
	why = errno ? errno : why;
	closedir(d);
	errno = why;
	return why ? -1 : 0;
}

struct snapshot {
	struct proc_stat *v;
	size_t n, alloc;
};

static void snap(void *arg, const struct proc_stat *st)
{
	struct snapshot *s = arg;

	*VEC_PUSH(s->v, s->n, s->alloc) = *st;
}

int procs_tree(struct proc_id root, struct pid_list *out)
{
	struct snapshot s = {0};
	size_t first = out->n;
	int r = procs_each(snap, &s), why = errno;

	for (size_t i = 0; i < s.n; i++)
		if (s.v[i].pid == root.pid && s.v[i].start_ticks == root.start_ticks)
			pid_list_add(out, proc_id_of(&s.v[i]));
	for (size_t at = first; at < out->n && out->n - first <= s.n; at++)
		for (size_t i = 0; i < s.n; i++)
			if (s.v[i].ppid == out->v[at].pid)
				pid_list_add(out, proc_id_of(&s.v[i]));
	free(s.v);
	errno = why;
	return r;
}

int procs_count_stopped(pid_t pid, int *stopped, int *all)
{
	char path[300];
	const struct dirent *ent;
	struct proc_stat s;
	DIR *d;
	int why = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	if (!d)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	while (errno = 0, (ent = readdir(d))) {
		if (!isdigit((unsigned char)ent->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, ent->d_name);
		if (read_stat(path, pid, &s)) {
			why = errno == ESRCH ? why : errno;
			continue;
		}
		if (s.state == 'Z' || s.state == 'X')
			continue;
		++*all;
		*stopped += strchr("DTt", s.state) != NULL;
	}
	why = errno && errno != ENOENT && errno != ESRCH ? errno : why;
	closedir(d);
	errno = why;
	return why ? -1 : 0;
}

cJSON *procs_remember(const struct pid_list *l)
{
	cJSON *a = cJSON_CreateArray();

	for (size_t i = 0; i < l->n; i++) {
		cJSON *pair = cJSON_CreateArray();

		json_push(pair, cJSON_CreateNumber(l->v[i].pid));
		json_push(pair, cJSON_CreateNumber((double)l->v[i].start_ticks));
		json_push(a, pair);
	}
	return a;
}

int procs_still_there(const cJSON *remembered)
{
	const cJSON *pair;
	int n = 0;

	cJSON_ArrayForEach(pair, remembered) {
		const cJSON *pid = cJSON_GetArrayItem(pair, 0),
			    *start = cJSON_GetArrayItem(pair, 1);

		if (pid && start)
			n += !procs_ended((pid_t)pid->valuedouble, (uint64_t)start->valuedouble);
	}
	return n;
}

void pid_list_add(struct pid_list *l, struct proc_id id)
{
	*VEC_PUSH(l->v, l->n, l->alloc) = id;
}

void pid_list_free(struct pid_list *l)
{
	free(l->v);
	*l = (struct pid_list){0};
}
