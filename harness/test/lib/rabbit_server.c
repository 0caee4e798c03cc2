#include "test/lib/rabbit_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "system/rabbitmq/queues.h"
#include "test/lib/server_port.h"

#define LIMIT_NS (120 * NS_PER_S)
#define COOKIE "ordeal-test"

static bool program(const char *name, char out[PATH_MAX])
{
	char root[PATH_MAX - 64];
	struct err e = {0};

	if (file_project_root(root, &e))
		return false;
	snprintf(out, PATH_MAX, "%s/build/rabbitmq/bin/%s", root, name);
	return file_exists(out);
}

const char *rabbit_server_missing(void)
{
	char path[PATH_MAX];

	return program("rabbitmq-server", path) ? NULL : "there is no build/rabbitmq (make build/rabbitmq)";
}

/* Its whole environment: nothing of this machine's own broker. */
static char **environment(const struct rabbit_server *s)
{
	char **env = mem_alloc(20 * sizeof(*env));
	size_t n = 0;

	env[n++] = mem_fmt("PATH=%s", getenv("PATH"));
	env[n++] = mem_fmt("HOME=%s", s->dir);
	env[n++] = mem_fmt("ERL_EPMD_PORT=%d", s->epmd_port);
	env[n++] = mem_strdup("ERL_EPMD_ADDRESS=127.0.0.1");
	env[n++] = mem_strdup("RUNNING_UNDER_SYSTEMD=1"); /* it becomes the broker itself */
	env[n++] = mem_strdup("RABBITMQ_USE_LONGNAME=true");
	env[n++] = mem_strdup("RABBITMQ_NODENAME=rabbit@127.0.0.1");
	env[n++] = mem_strdup("RABBITMQ_NODE_IP_ADDRESS=127.0.0.1");
	env[n++] = mem_fmt("RABBITMQ_NODE_PORT=%d", s->port);
	env[n++] = mem_fmt("RABBITMQ_DIST_PORT=%d", s->distribution_port);
	env[n++] = mem_fmt("RABBITMQ_MNESIA_BASE=%s/data", s->dir);
	env[n++] = mem_fmt("RABBITMQ_CONFIG_FILE=%s/rabbitmq", s->dir);
	env[n++] = mem_fmt("RABBITMQ_CONF_ENV_FILE=%s/none", s->dir);
	env[n++] = mem_fmt("RABBITMQ_ENABLED_PLUGINS_FILE=%s/plugins", s->dir);
	env[n++] = mem_strdup("RABBITMQ_LOGS=-");
	env[n++] = mem_strdup("RABBITMQ_ERLANG_COOKIE=" COOKIE);
	env[n++] = mem_strdup("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-noinput -kernel inet_dist_use_interface {127,0,0,1}");
	return env;
}

static void env_free(char **env)
{
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
}

static int run(const struct rabbit_server *s, const char *const argv[], const char *log, pid_t *pid)
{
	char **env = environment(s);
	struct err e = {0};
	int r = proc_start_env(argv, (const char *const *)env, log, pid, &e);

	if (r)
		fprintf(stderr, "%s\n", e.msg);
	env_free(env);
	return r;
}

static bool takes_clients(const struct rabbit_server *s)
{
	struct rabbit_login l = {
		.port = s->port, .host = "127.0.0.1", .user = "guest", .password = "guest", .vhost = "/",
	};
	char why[OP_ERROR_MAX];
	struct rabbit_conn *c;

	c = rabbit_open(&l, clock_mono_ns() + 5 * NS_PER_S, NULL, why, sizeof(why));
	rabbit_drop(c);
	return c;
}

/* It listens a moment before it has started. */
static bool has_started(const struct rabbit_server *s)
{
	char *state = rabbit_server_eval(s, "atom_to_binary(rabbit_boot_state:get()).");
	bool ready = state && !strcmp(state, "ready");

	free(state);
	return ready;
}

int rabbit_server_start(struct rabbit_server *s)
{
	char path[PATH_MAX], log[PATH_MAX];
	const char *const argv[] = {path, NULL};
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	bool up = false;

	snprintf(log, sizeof(log), "%s/log", s->dir);
	if (!program("rabbitmq-server", path) || run(s, argv, log, &s->pid))
		return -1;
	while (!up && clock_mono_ns() < end_ns && proc_alive(s->pid)) {
		up = takes_clients(s) && has_started(s);
		if (!up)
			clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	}
	if (!up)
		server_tell_log("RabbitMQ", log);
	return up ? 0 : -1;
}

int rabbit_server_new(struct rabbit_server *s)
{
	static const char conf[] = "loopback_users.guest = true\nlog.console = true\n";
	char path[PATH_MAX], port[16], log[PATH_MAX];
	const char *const epmd[] = {path, "-port", port, "-address", "127.0.0.1", NULL};
	struct err e = {0};

	memset(s, 0, sizeof(*s));
	mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-rabbit-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	s->port = server_port();
	s->distribution_port = server_port();
	s->epmd_port = server_port();
	snprintf(path, sizeof(path), "%s/rabbitmq.conf", s->dir);
	if (file_write_atomic(path, conf, strlen(conf), &e))
		return -1;
	snprintf(path, sizeof(path), "%s/plugins", s->dir);
	if (file_write_atomic(path, "[].\n", 4, &e))
		return -1;
	snprintf(port, sizeof(port), "%d", s->epmd_port);
	snprintf(log, sizeof(log), "%s/epmd", s->dir);
	/* One of our own: what a broker starts would outlive it. */
	return !program("epmd", path) || run(s, epmd, log, &s->epmd) ? -1 : rabbit_server_start(s);
}

void rabbit_server_signal(const struct rabbit_server *s, int sig)
{
	server_signal(s->pid, sig);
}

void rabbit_server_kill(struct rabbit_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	proc_stop(s->pid, NS_PER_S);
	s->pid = 0;
}

void rabbit_server_free(struct rabbit_server *s)
{
	struct err e = {0};

	rabbit_server_kill(s);
	if (s->epmd > 0)
		proc_stop(s->epmd, 0);
	s->epmd = 0;
	if (s->dir[0] && file_remove_tree(s->dir, &e))
		fprintf(stderr, "%s\n", e.msg);
	s->dir[0] = '\0';
}

char *rabbit_server_eval(const struct rabbit_server *s, const char *expr)
{
	struct erl_login l = {.port = s->distribution_port, .host = "127.0.0.1", .cookie = COOKIE};
	int64_t until_ns = clock_mono_ns() + 20 * NS_PER_S;
	char why[OP_ERROR_MAX];
	struct buf b = {0};
	struct erl *c = erl_open(&l, until_ns, why, sizeof(why));
	bool usable, ok = c && erl_eval(c, expr, until_ns, &b, &usable, why, sizeof(why));
	char *out = ok ? mem_strdup(buf_cstr(&b)) : NULL;

	if (!ok)
		fprintf(stderr, "%s: %s\n", expr, why);
	erl_drop(c);
	buf_free(&b);
	return out;
}

void rabbit_server_access(const struct rabbit_server *s, const char *more, struct member *m,
			  struct access *acc)
{
	cJSON *o = cJSON_Parse(more), *it;

	memset(m, 0, sizeof(*m));
	mem_copy_str(m->name, sizeof(m->name), "127.0.0.1");
	mem_copy_str(m->host, sizeof(m->host), "127.0.0.1");
	memset(acc, 0, sizeof(*acc));
	acc->members = m;
	acc->n = 1;
	acc->conf = cJSON_CreateObject();
	json_set_i64(acc->conf, "port", s->port);
	json_set_i64(acc->conf, "distribution_port", s->distribution_port);
	json_set_str(acc->conf, "cookie", COOKIE);
	while (o && (it = o->child)) {
		char *name = mem_strdup(it->string);

		json_set(acc->conf, name, cJSON_DetachItemViaPointer(o, it));
		free(name);
	}
	cJSON_Delete(o);
}
