/* The part of a controller and a kubelet that a trial needs: pods are started,
 * watched, and started again under a new UID when they have died. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/random.h"
#include "engine/local/local.h"

#define TURN_NS (10 * NS_PER_MS)
#define LOOK_NS (500 * NS_PER_MS)   /* how often a ready pod is asked again */
#define PROBE_NS (100 * NS_PER_MS)
#define SHORT_LIFE_NS NS_PER_S      /* a pod that lives less is in a crash loop */
#define LONGEST_BACKOFF_NS (5 * NS_PER_S)

void local_log_path(const struct local *l, const char *name, bool previous, char *path, size_t size)
{
	snprintf(path, size, "%.4000s/logs/%s%s.log", l->state, name, previous ? ".previous" : "");
}

static void pod_path(const struct local *l, const struct local_pod *p, char *path, size_t size)
{
	snprintf(path, size, "%.4000s/pods/%s.json", l->state, p->name);
}

/* With the lock held; the callback only writes. */
static void tell(struct local *l, const struct local_pod *p, bool gone)
{
	cJSON *o;

	if (!l->watch)
		return;
	o = cJSON_CreateObject();
	json_set_str(o, "type", "pod");
	json_set_str(o, "name", p->name);
	json_set_str(o, "uid", p->uid);
	json_set_str(o, "node", LOCAL_NODE);
	json_set_str(o, "ip", p->ip);
	json_set_str(o, "phase", gone ? "Failed" : p->ready || p->pid ? "Running" : "Pending");
	json_set_bool(o, "ready", p->ready && !gone);
	json_set_i64(o, "restarts", p->restarts);
	json_set_bool(o, "deleted", gone);
	if (gone)
		json_set_bool(o, "gone", true);
	l->watch(l->watch_arg, "object", o);
}

void local_tell_all(struct local *l)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->npods; i++)
		if (l->pods[i].pid)
			tell(l, &l->pods[i], false);
	pthread_mutex_unlock(&l->lock);
}

static int write_pod(struct local *l, const struct local_pod *p, struct err *e)
{
	cJSON *o = cJSON_CreateObject();
	char path[PATH_MAX], *text;
	int r;

	json_set_str(o, "name", p->name);
	json_set_str(o, "uid", p->uid);
	json_set_i64(o, "pid", p->pid);
	json_set_i64(o, "start", (int64_t)p->start_ticks);
	json_set_str(o, "data_dir", p->data_dir);
	json_set_str(o, "ip", p->ip);
	text = json_text(o);
	cJSON_Delete(o);
	pod_path(l, p, path, sizeof(path));
	r = file_write_atomic(path, text, strlen(text), e);
	free(text);
	return r;
}

static void empty_scratch(const struct local_pod *p)
{
	struct err e = {0};

	for (size_t i = 0; p->scratch && p->scratch[i]; i++)
		if (file_remove_tree(p->scratch[i], &e) || file_mkdirs(p->scratch[i], &e))
			log_warn("%s", e.msg);
}

/* A failure is tried again after the back-off, as by a kubelet. */
static void start_pod(struct local *l, struct local_pod *p)
{
	char log[PATH_MAX], before[PATH_MAX];
	struct err e = {0};
	int r;

	local_log_path(l, p->name, false, log, sizeof(log));
	local_log_path(l, p->name, true, before, sizeof(before));
	if (p->ever)
		rename(log, before);
	empty_scratch(p);
	r = local_spawn(l, p->name, p->argv, p->env, log, !l->base.conf.keep, &p->pid,
			&p->start_ticks, &e);
	p->started_ns = clock_mono_ns();
	p->look_at_ns = 0;
	if (!r) {
		p->restarts += p->ever;
		p->ever = true;
		random_uuid(p->uid);
		r = write_pod(l, p, &e);
	} else {
		p->pid = 0;
	}
	if (r) {
		log_warn("%s: %s", p->name, e.msg);
		p->start_at_ns = p->started_ns + p->restart_ns + TURN_NS;
		return;
	}
	tell(l, p, false);
}

static void on_death(struct local *l, struct local_pod *p, int status)
{
	int64_t now = clock_mono_ns(), wait = p->restart_ns;
	char path[PATH_MAX];

	p->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	pod_path(l, p, path, sizeof(path));
	unlink(path);
	local_forget(l, p->pid);
	tell(l, p, true);
	p->uid[0] = '\0';
	p->pid = 0;
	p->ready = false;
	if (now - p->started_ns < SHORT_LIFE_NS && wait < LONGEST_BACKOFF_NS)
		wait = wait < NS_PER_S ? NS_PER_S : wait;
	p->start_at_ns = now + wait;
}

/* What a tcpSocket probe does. */
static bool answers(const struct local_pod *p)
{
	int fd = dial(p->ip, p->ready_port, clock_mono_ns() + PROBE_NS);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void attend(struct local *l, struct local_pod *p)
{
	int64_t now = clock_mono_ns();
	bool ready;
	int status;

	if (!p->pid) {
		if (now >= p->start_at_ns)
			start_pod(l, p);
		return;
	}
	if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
		on_death(l, p, status);
		return;
	}
	if (now < p->look_at_ns)
		return;
	ready = !p->ready_port || answers(p);
	p->look_at_ns = clock_mono_ns() + (ready ? LOOK_NS : 2 * TURN_NS);
	if (ready != p->ready) {
		p->ready = ready;
		tell(l, p, false);
	}
}

static void *supervise(void *arg)
{
	struct local *l = arg;
	bool stop = false;

	while (!stop) {
		pthread_mutex_lock(&l->lock);
		for (size_t i = 0; !l->stop && i < l->npods; i++)
			attend(l, &l->pods[i]);
		stop = l->stop;
		pthread_mutex_unlock(&l->lock);
		if (!stop)
			clock_sleep_until(clock_mono_ns() + TURN_NS);
	}
	return NULL;
}

int local_supervise(struct local *l, struct err *e)
{
	sigset_t all, before;
	int r;

	l->stop = false;
	/* Ctrl-C is the main thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&l->supervisor, NULL, supervise, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return err_set(e, ERR_BROKEN, "cannot start a thread: %s", strerror(r));
	l->supervised = true;
	return 0;
}

void local_unsupervise(struct local *l, bool end)
{
	int status;

	if (l->supervised) {
		pthread_mutex_lock(&l->lock);
		l->stop = true;
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->supervisor, NULL);
		l->supervised = false;
	}
	for (size_t i = 0; end && i < l->npods; i++) {
		struct local_pod *p = &l->pods[i];

		if (!p->pid)
			continue;
		/* SIGKILL reaches stopped ones as well, and spares no state that
		 * matters: the volumes go next. */
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
			;
		on_death(l, p, status);
	}
}

static void last_line(const struct local *l, const struct local_pod *p, char *out, size_t size)
{
	char path[PATH_MAX];
	struct buf b = {0};
	struct err e = {0};
	const char *at;

	*out = '\0';
	local_log_path(l, p->name, false, path, sizeof(path));
	if (file_exists(path) && file_read(path, &b, &e) == 0) {
		while (b.len && b.s[b.len - 1] == '\n')
			b.s[--b.len] = '\0';
		at = b.len ? strrchr(b.s, '\n') : NULL;
		snprintf(out, size, "%s", at ? at + 1 : buf_cstr(&b));
	}
	buf_free(&b);
}

bool local_all_ready(struct local *l, struct err *e)
{
	char said[400];
	bool all = true;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; all && i < l->npods; i++) {
		const struct local_pod *p = &l->pods[i];

		all = p->ready;
		if (all)
			continue;
		last_line(l, p, said, sizeof(said));
		if (p->pid)
			err_set(e, ERR_BROKEN, "pod %s runs but does not answer on %s:%d; its last words: %s",
				p->name, p->ip, p->ready_port, said);
		else
			err_set(e, ERR_BROKEN, "pod %s ended with exit code %d; its last words: %s", p->name,
				p->exit_code, said);
	}
	pthread_mutex_unlock(&l->lock);
	return all;
}
