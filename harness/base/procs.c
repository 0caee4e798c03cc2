#include "base/procs.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"

static int read_stat(const char *path, pid_t pid, struct proc_stat *out)
{
	unsigned long long start = 0;
	char line[1024];
	char *open, *close;
	size_t len;
	FILE *f = fopen(path, "re");
	int got = 0;

	if (!f)
		return -1;
	len = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[len] = '\0';
	memset(out, 0, sizeof(*out));
	out->pid = pid;
	/* The command stands in parentheses and may itself hold any byte. */
	open = strchr(line, '(');
	close = strrchr(line, ')');
	if (!open || !close || close < open)
		return -1;
	*close = '\0';
	mem_copy_str(out->comm, sizeof(out->comm), open + 1);
	got = sscanf(close + 1,
		     " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		     &out->state, &out->ppid, &start);
	out->start_ticks = start;
	return got == 3 ? 0 : -1;
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

bool procs_same(pid_t pid, uint64_t start_ticks)
{
	struct proc_stat s;

	return procs_stat(pid, &s) == 0 && s.start_ticks == start_ticks && s.state != 'Z' &&
	       s.state != 'X';
}

void procs_each(void (*fn)(void *arg, pid_t pid), void *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		if (isdigit((unsigned char)ent->d_name[0]))
			fn(arg, (int)strtol(ent->d_name, NULL, 10));
	}
	if (d)
		closedir(d);
}

struct snapshot {
	struct proc_stat *v;
	size_t n, alloc;
};

static void snap(void *arg, pid_t pid)
{
	struct snapshot *s = arg;
	struct proc_stat st;

	if (procs_stat(pid, &st) == 0)
		*VEC_PUSH(s->v, s->n, s->alloc) = st;
}

void procs_tree(pid_t root, struct pid_list *out)
{
	struct snapshot s = {0};
	size_t first = out->n;

	procs_each(snap, &s);
	for (size_t i = 0; i < s.n; i++)
		if (s.v[i].pid == root)
			pid_list_add(out, root);
	for (size_t at = first; at < out->n && out->n - first <= s.n; at++)
		for (size_t i = 0; i < s.n; i++)
			if (s.v[i].ppid == out->pids[at])
				pid_list_add(out, s.v[i].pid);
	free(s.v);
}

void procs_count_stopped(pid_t pid, int *stopped, int *all)
{
	char path[300];
	struct dirent *ent;
	struct proc_stat s;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d && (ent = readdir(d))) {
		if (!isdigit((unsigned char)ent->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, ent->d_name);
		if (read_stat(path, pid, &s) || s.state == 'Z' || s.state == 'X')
			continue;
		++*all;
		*stopped += strchr("DTt", s.state) != NULL;
	}
	if (d)
		closedir(d);
}

cJSON *procs_remember(const struct pid_list *l)
{
	cJSON *a = cJSON_CreateArray();

	for (size_t i = 0; i < l->n; i++) {
		struct proc_stat s;
		cJSON *pair;

		if (procs_stat(l->pids[i], &s))
			continue;
		pair = cJSON_CreateArray();
		json_push(pair, cJSON_CreateNumber(s.pid));
		json_push(pair, cJSON_CreateNumber((double)s.start_ticks));
		json_push(a, pair);
	}
	return a;
}

int procs_still_there(const cJSON *remembered)
{
	const cJSON *pair;
	int n = 0;

	cJSON_ArrayForEach(pair, remembered) {
		const cJSON *pid = cJSON_GetArrayItem(pair, 0), *start = cJSON_GetArrayItem(pair, 1);

		if (pid && start)
			n += procs_same((pid_t)pid->valuedouble, (uint64_t)start->valuedouble);
	}
	return n;
}

void pid_list_add(struct pid_list *l, pid_t pid)
{
	*VEC_PUSH(l->pids, l->n, l->alloc) = pid;
}

void pid_list_free(struct pid_list *l)
{
	free(l->pids);
	*l = (struct pid_list){0};
}
