#include "engine/agents.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"

#define START_WITHIN_NS (20 * NS_PER_S)
#define LOOK_EVERY_NS (10 * NS_PER_MS)

static bool is_ours(const char *entry)
{
	return !strncmp(entry, "ORDEAL_TOKEN=", 13) || !strncmp(entry, "ORDEAL_HOSTS=", 13);
}

const char **agents_env(struct arena *a, const struct engine_conf *conf, const char *agent,
			const char *hosts)
{
	size_t n = 0, k = 0;
	const char **env;

	while (environ[n])
		n++;
	env = arena_alloc(a, (n + 3) * sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (!is_ours(environ[i]))
			env[k++] = environ[i];
	env[k++] = arena_fmt(a, "ORDEAL_TOKEN=%s", engine_agent_token(conf, agent));
	if (hosts)
		env[k++] = arena_fmt(a, "ORDEAL_HOSTS=%s", hosts);
	env[k] = NULL;
	return env;
}

int agents_await(const char *what, const char *log, pid_t pid, char *out, size_t size,
		 struct err *e)
{
	int64_t end_ns = clock_mono_ns() + START_WITHIN_NS;
	struct buf b = {0};
	const char *line;
	int r = 1;

	while (r > 0) {
		bool ended = !proc_alive(pid);

		buf_reset(&b);
		if (file_read(log, &b, e)) {
			r = -1;
			break;
		}
		line = strstr(buf_cstr(&b), "listening ");
		if (line && strchr(line, '\n')) {
			line += strlen("listening ");
			snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
			r = 0;
		} else if (ended || clock_mono_ns() > end_ns) {
			r = err_set(e, ERR_BROKEN, "the %s does not start: %.500s", what, buf_cstr(&b));
		} else {
			clock_sleep_until(clock_mono_ns() + LOOK_EVERY_NS);
		}
	}
	buf_free(&b);
	return r;
}
