#include "test/lib/redis_server.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "system/redis/conn.h"
#include "test/lib/server_port.h"

#define BIN "/usr/bin/redis-server"
#define LIMIT_NS (30 * NS_PER_S)

const char *redis_server_missing(void)
{
	return file_exists(BIN) ? NULL : "redis-server is not installed";
}

int redis_server_start(struct redis_server *s)
{
	char conf[PATH_MAX], log[PATH_MAX];
	const char *const plain[] = {BIN, conf, NULL}, *const sentinel[] = {BIN, conf, "--sentinel", NULL};
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	struct err e = {0};
	bool up = false;
	struct buf text = {0};

	snprintf(conf, sizeof(conf), "%s/redis.conf", s->dir);
	snprintf(log, sizeof(log), "%s/log", s->dir);
	if (file_read(conf, &text, &e) ||
	    proc_start(strstr(buf_cstr(&text), "\nsentinel ") ? sentinel : plain, log, &s->pid, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		buf_free(&text);
		return -1;
	}
	buf_free(&text);
	while (!up && clock_mono_ns() < end_ns && proc_alive(s->pid)) {
		char *pong = redis_server_call(s, "PING");

		up = pong && !strcmp(pong, "PONG");
		free(pong);
		if (!up)
			clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	if (!up)
		server_tell_log("Redis", log);
	return up ? 0 : -1;
}

int redis_server_new(struct redis_server *s, const char *ip, int port, const char *more)
{
	char path[PATH_MAX], *text;
	struct err e = {0};
	int r;

	memset(s, 0, sizeof(*s));
	mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-redis-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	mem_copy_str(s->ip, sizeof(s->ip), ip);
	s->port = port;
	text = mem_fmt("bind %s\nport %d\ndir %s\nprotected-mode no\n%s%s\n", ip, port, s->dir,
		       strncmp(more, "sentinel", 8) ? "save ''\n" : "", more);
	snprintf(path, sizeof(path), "%s/redis.conf", s->dir);
	r = file_write_atomic(path, text, strlen(text), &e);
	free(text);
	if (r)
		fprintf(stderr, "%s\n", e.msg);
	return r ? -1 : redis_server_start(s);
}

void redis_server_signal(const struct redis_server *s, int sig)
{
	server_signal(s->pid, sig);
}

void redis_server_kill(struct redis_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	proc_stop(s->pid, NS_PER_S);
	s->pid = 0;
}

void redis_server_free(struct redis_server *s)
{
	struct err e = {0};

	redis_server_kill(s);
	if (s->dir[0] && file_remove_tree(s->dir, &e))
		fprintf(stderr, "%s\n", e.msg);
	s->dir[0] = '\0';
}

static void reply_text(const redisReply *r, struct buf *out)
{
	if (r->type == REDIS_REPLY_INTEGER)
		buf_fmt(out, "%lld", r->integer);
	else if (r->type == REDIS_REPLY_ERROR)
		buf_fmt(out, "ERROR %s", r->str);
	else if (r->type == REDIS_REPLY_ARRAY)
		for (size_t i = 0; i < r->elements; i++) {
			if (i)
				buf_char(out, '\n');
			reply_text(r->element[i], out);
		}
	else if (r->str)
		buf_str(out, r->str);
}

char *redis_server_call(const struct redis_server *s, const char *fmt, ...)
{
	char line[1024], why[120], *rest = line, *w;
	int64_t until_ns = clock_mono_ns() + 5 * NS_PER_S;
	redisReply *reply = NULL;
	struct redis_conn *c;
	const char *words[64];
	struct buf out = {0};
	va_list ap;
	int n = 0;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	while (n < 64 && (w = strsep(&rest, " ")))
		words[n++] = w;
	c = redis_open(s->ip, s->port, until_ns, NULL, why, sizeof(why));
	if (c && redis_call(c, n, words, until_ns, &reply, why, sizeof(why)) == REDIS_ANSWERED) {
		reply_text(reply, &out);
		buf_str(&out, "");
		freeReplyObject(reply);
	}
	redis_drop(c);
	if (!reply)
		return NULL;
	return out.s ? out.s : mem_strdup("");
}
