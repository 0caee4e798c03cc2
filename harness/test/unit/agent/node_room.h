#ifndef ORDEAL_TEST_UNIT_AGENT_NODE_ROOM_H
#define ORDEAL_TEST_UNIT_AGENT_NODE_ROOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"

/* The node agent as a process, with real processes as pods. Include cmocka before. */

#define TOKEN "a-token-for-tests"
#define UID "aaaaaaaa-0000-1111-2222-333333333333"

struct fixture {
	char dir[64], log[100];
	pid_t agent, member;
	int port;
};

static inline void write_member(struct fixture *f, const char *uid)
{
	cJSON *o = cJSON_CreateObject();
	struct err e = {0};
	char path[200], *text;

	snprintf(path, sizeof(path), "%s/pods", f->dir);
	assert_int_equal(file_mkdirs(path, &e), 0);
	json_set_str(o, "name", "db-0");
	json_set_str(o, "uid", uid);
	json_set_i64(o, "pid", f->member);
	json_set_str(o, "data_dir", f->dir);
	json_set_str(o, "ip", "127.0.0.1");
	text = json_text(o);
	snprintf(path, sizeof(path), "%s/pods/db-0.json", f->dir);
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	free(text);
	cJSON_Delete(o);
}

static inline bool announced(void *arg)
{
	struct fixture *f = arg;
	struct buf b = {0};
	struct err e = {0};
	const char *at;
	char *end;

	f->port = 0;
	if (file_read(f->log, &b, &e) == 0 && (at = strstr(buf_cstr(&b), "listening 127.0.0.1:"))) {
		f->port = (int)strtol(at + strlen("listening 127.0.0.1:"), &end, 10);
		if (*end != '\n')
			f->port = 0;
	}
	buf_free(&b);
	return f->port > 0;
}

static inline const char *program(void)
{
	const char *p = getenv("ORDEAL");

	return p && *p ? p : "build/ordeal";
}

static inline void start_mode(struct fixture *f, const char *mode, const char *dead_man)
{
	const char *argv[] = {program(), "node-agent", "--mode", mode, "--state", f->dir,
			      "--listen", "127.0.0.1:0", "--dead-man", dead_man, NULL};
	struct err e = {0};

	unlink(f->log);
	setenv("ORDEAL_TOKEN", TOKEN, 1);
	assert_int_equal(proc_start(argv, f->log, &f->agent, &e), 0);
	if (!help_wait(announced, f))
		fail_msg("the agent (%s) does not start", program());
}

static inline void start_agent(struct fixture *f, const char *dead_man)
{
	start_mode(f, "local", dead_man);
}

static inline int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	*state = f;
	help_temp(f->dir);
	snprintf(f->log, sizeof(f->log), "%s/log", f->dir);
	f->member = help_sleeper();
	write_member(f, UID);
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	proc_stop(f->agent, 20 * NS_PER_S);
	help_end(f->member);
	help_remove(f->dir);
	free(f);
	return 0;
}

static inline cJSON *ask(struct fixture *f, const char *method, const char *path, const cJSON *body,
		  long want)
{
	char *text = body ? json_text(body) : NULL;
	struct buf b = {0};
	struct err e = {0};
	long status = help_http(f->port, method, path, TOKEN, text, &b);
	cJSON *o = json_parse(buf_cstr(&b), path, &e);

	if (status != want)
		fail_msg("%s %s: %ld instead of %ld: %s", method, path, status, want, buf_cstr(&b));
	assert_non_null(o);
	free(text);
	buf_free(&b);
	return o;
}

static inline void expect(struct fixture *f, const char *method, const char *path,
			  const cJSON *body, long want)
{
	cJSON_Delete(ask(f, method, path, body, want));
}

static inline char member_state(struct fixture *f)
{
	struct proc_stat s;

	return procs_stat(f->member, &s) ? '-' : s.state;
}

static inline bool runs(void *arg)
{
	return strchr("SR", member_state(arg)) != NULL;
}

/* Told to stop, it runs on for a moment on a busy machine. */
static inline bool stopped(void *arg)
{
	return member_state(arg) == 'T';
}

static inline void inject(struct fixture *f, const char *id, const char *fault, const char *params)
{
	cJSON *plan = help_plan(id, fault, "db-0", UID, params), *a;

	a = ask(f, "POST", "/v1/faults", plan, 200);
	assert_true(json_bool(a, "supported", false));
	assert_true(json_i64(a, "injected_ns", 0) > 0);
	assert_string_equal(json_str(a, "id", ""), id);
	cJSON_Delete(a);
	cJSON_Delete(plan);
}

struct bite {
	struct fixture *f;
	const char *path;
	cJSON *last;
};

static inline bool bites(void *arg)
{
	struct bite *b = arg;

	cJSON_Delete(b->last);
	b->last = ask(b->f, "GET", b->path, NULL, 200);
	return json_bool(b->last, "bites", false);
}

/* Waits for the evidence; the caller deletes it. */
static inline cJSON *await_bite(struct fixture *f, const char *path)
{
	struct bite b = {f, path, NULL};

	if (!help_wait(bites, &b))
		fail_msg("%s does not bite", path);
	assert_true(json_i64(b.last, "effective_ns", 0) > 0);
	assert_true(cJSON_GetArraySize(json_get(b.last, "evidence")) > 0);
	return b.last;
}

static inline void assert_clean(struct fixture *f)
{
	cJSON *a = ask(f, "GET", "/v1/residue", NULL, 200);
	char *text = json_text(a);

	if (!json_bool(a, "clean", false))
		fail_msg("not clean: %s", text);
	free(text);
	cJSON_Delete(a);
}

static inline bool journal_empty(void *arg)
{
	struct fixture *f = arg;
	struct journal_list l;
	struct err e = {0};
	bool empty;

	assert_int_equal(journal_read_all(f->dir, &l, &e), 0);
	empty = l.n + l.ntorn == 0;
	journal_list_free(&l);
	return empty;
}

/* The driver was killed: nobody renews the lease. */
static inline void dead_man(void **state)
{
	struct fixture *f = *state;
	const cJSON *one;
	cJSON *a;

	/* More than it takes to inject it, on a busy machine. */
	start_agent(f, "3");
	inject(f, "p", "pause", NULL);
	assert_true(help_wait(journal_empty, f));
	assert_true(help_wait(runs, f));
	a = ask(f, "GET", "/v1/faults", NULL, 200);
	one = cJSON_GetArrayItem(json_get(a, "faults"), 0);
	assert_string_equal(json_str(one, "state", ""), "healed");
	assert_true(json_i64(one, "effective_ns", 0) > 0);
	assert_true(json_i64(one, "healed_ns", 0) - json_i64(one, "injected_ns", 0) > NS_PER_S / 2);
	cJSON_Delete(a);
	assert_clean(f);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
