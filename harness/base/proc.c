#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { OUTPUT_CAP_BYTES = 16 << 20 };

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* As under nohup(1). */
static bool hangup_ignored(void)
{
	struct sigaction now;

	return sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* Children start with no blocked and no ignored signals, but for a hang-up that
 * whoever started us wants to be ignored. */
static int spawn(const char *const argv[], const char *const env[],
		 posix_spawn_file_actions_t *fa, short flags, pid_t *pid, struct err *e)
{
	posix_spawnattr_t at;
	sigset_t none, all;
	int r;

	posix_spawnattr_init(&at);
	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	if (hangup_ignored())
		sigdelset(&all, SIGHUP);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setflags(&at,
				 (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flags));
	r = posix_spawnp(pid, argv[0], fa, &at, (char *const *)argv,
			 env ? (char *const *)env : environ);
	posix_spawnattr_destroy(&at);
	if (r)
		return err_set(e, ERR_BROKEN, "cannot start %s: %s", argv[0], strerror(r));
	return 0;
}

struct streams {
	int in, out, err; /* our ends; -1 closed */
	const char *input;
	size_t left;
	int problem; /* errno where an output could not be read to its end */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void take(struct streams *s, int *fd, struct buf *b)
{
	char chunk[16384];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n > 0)
		buf_add(b, chunk, (size_t)n);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		s->problem = errno;
	if (!n || s->problem)
		close_fd(fd);
}

static void feed(struct streams *s)
{
	ssize_t n = write(s->in, s->input, s->left);

	if (n > 0) {
		s->input += n;
		s->left -= (size_t)n;
	}
	if (!s->left || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&s->in);
}

/* Moves data until both outputs are closed; -1 when the time is over. */
static int pump(struct streams *s, struct proc_result *res, int64_t end_ns)
{
	while (s->out >= 0 || s->err >= 0) {
		struct pollfd p[3] = {
			{s->out, POLLIN, 0}, {s->err, POLLIN, 0}, {s->in, POLLOUT, 0}};
		int64_t left = end_ns - clock_mono_ns();

		if (left <= 0)
			return -1;
		if (poll(p, 3, (int)(left / NS_PER_MS) + 1) < 0 && errno != EINTR)
			return -1;
		if (s->out >= 0 && p[0].revents)
			take(s, &s->out, &res->out);
		if (s->err >= 0 && p[1].revents)
			take(s, &s->err, &res->err);
		if (s->in >= 0 && p[2].revents)
			feed(s);
	}
	return 0;
}

/* Waits for the child until end_ns; -1 when the time is over. */
static int reap(pid_t pid, int64_t end_ns, int *status)
{
	int64_t step_ns = NS_PER_MS;
	pid_t r;

	for (;;) {
		r = waitpid(pid, status, WNOHANG);
		if (r == pid)
			return 0;
		if (r < 0 && errno != EINTR)
			return -1;
		if (clock_mono_ns() >= end_ns)
			return -1;
		clock_sleep_until(clock_mono_ns() + step_ns);
		if (step_ns < 20 * NS_PER_MS)
			step_ns *= 2;
	}
}

int proc_run(const char *const argv[], const char *input, int64_t timeout_ns,
	     struct proc_result *res, struct err *e)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errp[2] = {-1, -1};
	int64_t end_ns = clock_mono_ns() + timeout_ns;
	posix_spawn_file_actions_t fa;
	struct streams s;
	int status = 0, r = -1;
	pid_t pid;

	memset(res, 0, sizeof(*res));
	res->out.cap = res->err.cap = OUTPUT_CAP_BYTES;
	if (pipe2(out, O_CLOEXEC) || pipe2(errp, O_CLOEXEC) || (input && pipe2(in, O_CLOEXEC))) {
		err_set(e, ERR_BROKEN, "cannot make a pipe for %s: %s", argv[0], strerror(errno));
		goto out;
	}
	posix_spawn_file_actions_init(&fa);
	if (input)
		posix_spawn_file_actions_adddup2(&fa, in[0], 0);
	else
		posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out[1], 1);
	posix_spawn_file_actions_adddup2(&fa, errp[1], 2);
	r = spawn(argv, NULL, &fa, 0, &pid, e);
	posix_spawn_file_actions_destroy(&fa);
	if (r)
		goto out;
	close_fd(&out[1]);
	close_fd(&errp[1]);
	close_fd(&in[0]);
	if (in[1] >= 0)
		fcntl(in[1], F_SETFL, O_NONBLOCK);
	s = (struct streams){in[1], out[0], errp[0], input, input ? strlen(input) : 0, 0};
	in[1] = out[0] = errp[0] = -1;
	if (input && !s.left)
		close_fd(&s.in);
	r = pump(&s, res, end_ns);
	close_fd(&s.in);
	close_fd(&s.out);
	close_fd(&s.err);
	if (r || reap(pid, end_ns, &status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		r = err_set(e, ERR_BROKEN, "%s did not end within %lld ms and was killed", argv[0],
			    (long long)(timeout_ns / NS_PER_MS));
		goto out;
	}
	res->exit_code = exit_code(status);
	if (s.problem)
		r = err_set(e, ERR_BROKEN, "cannot read what %s says: %s", argv[0], strerror(s.problem));
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&in[i]);
		close_fd(&out[i]);
		close_fd(&errp[i]);
	}
	return r;
}

void proc_result_free(struct proc_result *res)
{
	buf_free(&res->out);
	buf_free(&res->err);
}

int proc_must(const char *const argv[], const char *input, int64_t timeout_ns, struct buf *out,
	      struct err *e)
{
	struct proc_result res;
	int r = proc_run(argv, input, timeout_ns, &res, e);

	if (!r && res.exit_code) {
		const char *said = buf_cstr(&res.err);
		size_t len = strlen(said);

		while (len && (said[len - 1] == '\n' || said[len - 1] == ' '))
			len--;
		if (len > 600) {
			said += len - 600;
			len = 600;
		}
		r = err_set(e, ERR_BROKEN, "%s%s%s failed with exit code %d: %.*s", argv[0],
			    argv[1] ? " " : "", argv[1] ? argv[1] : "", res.exit_code, (int)len,
			    said);
	}
	if (!r && out)
		buf_add(out, buf_cstr(&res.out), res.out.len);
	proc_result_free(&res);
	return r;
}

int proc_foreground(const char *const argv[], struct err *e)
{
	posix_spawn_file_actions_t fa;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	r = spawn(argv, NULL, &fa, 0, &pid, e);
	posix_spawn_file_actions_destroy(&fa);
	if (r)
		return -1;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_set(e, ERR_BROKEN, "cannot wait for %s: %s", argv[0],
				       strerror(errno));
	}
	return exit_code(status);
}

int proc_start(const char *const argv[], const char *log_path, pid_t *pid, struct err *e)
{
	return proc_start_env(argv, NULL, log_path, pid, e);
}

int proc_start_env(const char *const argv[], const char *const env[], const char *log_path,
		   pid_t *pid, struct err *e)
{
	posix_spawn_file_actions_t fa;
	int r;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (log_path) {
		posix_spawn_file_actions_addopen(&fa, 1, log_path, O_WRONLY | O_CREAT | O_APPEND,
						 0644);
		posix_spawn_file_actions_adddup2(&fa, 1, 2);
	}
	r = spawn(argv, env, &fa, POSIX_SPAWN_SETSID, pid, e);
	posix_spawn_file_actions_destroy(&fa);
	return r;
}

void proc_stop(pid_t pid, int64_t grace_ns)
{
	int status;

	if (pid <= 0)
		return;
	if (kill(pid, SIGTERM) == 0 && reap(pid, clock_mono_ns() + grace_ns, &status) == 0)
		return;
	kill(pid, SIGKILL);
	reap(pid, clock_mono_ns() + 5 * NS_PER_S, &status);
}

bool proc_alive(pid_t pid)
{
	char path[64], line[512];
	const char *state;
	FILE *f;
	bool alive = false;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	/* The command in parentheses may itself hold ')' and spaces. */
	if (fgets(line, sizeof(line), f) && (state = strrchr(line, ')')) && state[1])
		alive = state[2] != 'Z' && state[2] != 'X';
	fclose(f);
	return alive;
}

void proc_cmdline(pid_t pid, struct buf *out)
{
	char path[64];
	struct err e = {0};

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (pid <= 1 || file_read(path, out, &e))
		buf_reset(out);
}

pid_t proc_read_pid(const char *path)
{
	struct buf b = {0};
	struct err e = {0};
	pid_t pid = 0;

	if (file_exists(path) && file_read(path, &b, &e) == 0)
		pid = (pid_t)strtol(buf_cstr(&b), NULL, 10);
	buf_free(&b);
	return pid;
}

void proc_block_ends(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	if (!hangup_ignored())
		sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}
