/* Every system of the list, and the skeleton that new ones are copied from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/system.h"
#include "test/lib/client_trial.h"
#include "test/lib/evidence_help.h"
#include "yaml/yaml.h"

extern const struct client_ops client_skeleton;
extern const struct model_ops model_skeleton;

#define DEADLINE_NS NS_PER_S
/* On a busy machine a thread wakes late. */
#define LATE_NS NS_PER_S
/* Nothing listens there. */
#define NOBODY "127.251.9.9"

static void a_listed_system_is_whole(const struct system *s)
{
	const struct client_ops *c = s->client;

	assert_true(*c->name && *c->summary && c->ops);
	assert_non_null(c->client_new);
	assert_non_null(c->invoke);
	assert_non_null(c->client_free);
	assert_non_null(c->probe_new);
	assert_non_null(c->probe);
	assert_non_null(c->probe_free);
	assert_non_null(c->final_read);
	assert_in_range(c->final_within_s, 0, FINAL_AT_MOST_S);
	assert_non_null(s->model->redundant);
}

static void every_system_is_whole(void **state)
{
	struct system skeleton = {&client_skeleton, &model_skeleton};
	size_t n;
	const struct system *all = system_all(&n);

	(void)state;
	assert_true(n > 0);
	a_listed_system_is_whole(&skeleton);
	for (size_t i = 0; i < n; i++) {
		a_listed_system_is_whole(&all[i]);
		assert_ptr_equal(system_find(all[i].client->name), &all[i]);
	}
	assert_null(system_find("no-such-system"));
}

static bool has_line(const char *path, const char *line)
{
	struct buf b = {0};
	struct err e = {0};
	const char *at;
	bool has;

	if (file_read(path, &b, &e))
		fail_msg("%s", e.msg);
	at = strstr(buf_cstr(&b), line);
	has = at && (at == b.s || at[-1] == '\n') && at[strlen(line)] == '\n';
	buf_free(&b);
	return has;
}

static void every_system_has_a_scenario(void **state)
{
	char root[PATH_MAX], pattern[PATH_MAX + 32], line[128];
	struct err e = {0};
	glob_t g = {0};
	size_t n;
	const struct system *all = system_all(&n);

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(pattern, sizeof(pattern), "%s/scenarios/*.yaml", root);
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		snprintf(line, sizeof(line), "system: %s", all[i].client->name);
		while (k < g.gl_pathc && !has_line(g.gl_pathv[k], line))
			k++;
		if (k == g.gl_pathc)
			fail_msg("no scenario has the line \"%s\"", line);
	}
	globfree(&g);
}

/* A fault of the server alone has to know it from what runs beside it. */
static void every_server_in_a_pod_has_a_process(void **state)
{
	char root[PATH_MAX], pattern[PATH_MAX + 64];
	struct err e = {0};
	size_t n, seen = 0;
	const struct system *all = system_all(&n);

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n; i++) {
		const struct client_ops *c = all[i].client;
		glob_t g = {0};

		if (c->processes_only || !c->fixture)
			continue;
		snprintf(pattern, sizeof(pattern), "%s/fixtures/%s/*/access.yaml", root, c->fixture);
		assert_int_equal(glob(pattern, 0, NULL, &g), 0);
		for (size_t k = 0; k < g.gl_pathc; k++, seen++) {
			struct arena a = {0};
			struct ynode **docs = NULL;
			size_t ndocs = 0;

			if (yaml_read_file(&a, g.gl_pathv[k], &docs, &ndocs, &e))
				fail_msg("%s", e.msg);
			if (ndocs != 1 || !yaml_get(docs[0], "process"))
				fail_msg("%s has no process", g.gl_pathv[k]);
			arena_free(&a);
		}
		globfree(&g);
	}
	assert_true(seen > 0);
}

/* ---- clients ---- */

static void send_to_nobody(cJSON *o)
{
	cJSON *v;

	cJSON_ArrayForEach(v, o) {
		if (cJSON_IsString(v) && (cJSON_IsArray(o) || strstr(v->string, "host")))
			cJSON_SetValuestring(v, NOBODY);
		else
			send_to_nobody(v);
	}
}

/* What clients of the system are told, but that nobody is there. */
static cJSON *access_of(const char *fixture)
{
	struct arena a = {0};
	struct ynode **docs = NULL;
	struct err e = {0};
	char root[PATH_MAX];
	size_t n = 0;
	cJSON *o;

	if (file_project_root(root, &e) ||
	    yaml_read_file(&a, arena_fmt(&a, "%s/fixtures/%s/corrected/access.yaml", root, fixture), &docs, &n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(n, 1);
	o = yaml_to_json(docs[0]);
	send_to_nobody(o);
	arena_free(&a);
	return o;
}

/* Whatever it was to do: it came back in time, and says that it never left. */
static void call_nobody(const struct client_ops *sys, const struct access *acc)
{
	struct client *c = sys->client_new(acc, 3);

	for (int f = OP_INSERT; f <= OP_RECEIVE; f++) {
		struct op op = {.f = (enum op_f)f,
				.key = f == OP_INSERT ? OP_NO_VALUE : 1,
				.value = 7,
				.expect = f == OP_CAS ? 6 : OP_NO_VALUE};
		int64_t from_ns = clock_mono_ns();

		if (!(sys->ops & OP_BIT(f)))
			continue;
		call_make(sys, c, &op, trial_room(), DEADLINE_NS);
		if (op.outcome != OP_FAIL || op.sent || !*op.error)
			fail_msg("%s: %s of nobody: %s, \"%s\"", sys->name, op_f_name(op.f),
				 op_outcome_name(op.outcome), op.error);
		assert_true(op.t_invoke >= from_ns && op.t_return >= op.t_invoke);
		assert_true(clock_mono_ns() - from_ns < DEADLINE_NS + LATE_NS);
	}
	sys->client_free(c);
}

static void probe_nobody(const struct client_ops *sys, const struct access *acc)
{
	struct probe *p = sys->probe_new(acc, acc->members);
	int64_t from_ns = clock_mono_ns();
	struct sample s;

	sample_begin(&s, acc->members);
	sys->probe(p, &s, DEADLINE_NS);
	assert_true(clock_mono_ns() - from_ns < DEADLINE_NS + LATE_NS);
	assert_true(!s.ok && *s.error && s.role == ROLE_UNKNOWN && !s.writable);
	assert_true(s.t_ns >= from_ns && s.took_ns >= 0);
	cJSON_Delete(s.extra);
	sys->probe_free(p);
}

static void nobody_there_is_a_certain_failure(void **state)
{
	struct member m[2] = {{"a-0", NOBODY}, {"a-1", NOBODY}};
	size_t n;
	const struct system *all = system_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct client_ops *sys = all[i].client;
		struct access acc = {
			.members = m, .n = ARRAY_LEN(m), .conf = access_of(sys->fixture)};
		struct final_read f;
		struct err e = {0};

#ifdef __SANITIZE_THREAD__
		/* As test/system/kafka/client_test.c says. */
		if (!strcmp(sys->name, "kafka")) {
			print_message("# kafka is left out: librdkafka's threads\n");
			cJSON_Delete(acc.conf);
			continue;
		}
#endif
		call_nobody(sys, &acc);
		probe_nobody(sys, &acc);
		assert_int_equal(sys->final_read(&acc, 2, &f, DEADLINE_NS, &e), -1);
		assert_true(*e.msg);
		final_read_free(&f);
		cJSON_Delete(acc.conf);
	}
}

/* ---- models ---- */

/* A prediction has a rule with its source, or says why it has none. */
static void predicts(const struct system *s, const struct fault_record *f)
{
	struct evidence ev = {.faults = (struct fault_record *)(uintptr_t)f, .nfaults = 1};
	struct milestones m = {.effective = f->effective_ns,
			       .first_ack = f->effective_ns + 5 * NS_PER_S};
	struct prediction p = {0};

	s->model->predict(&ev, f, &p);
	if (p.known != (p.n > 0) || (!p.known && !*p.note))
		fail_msg("%s says nothing of effects %#x", s->client->name, (unsigned)f->does.what);
	for (size_t i = 0; i < p.n; i++) {
		assert_true(*p.mech[i].name && *p.mech[i].rule && *p.mech[i].source);
		assert_true(p.mech[i].lo_ns >= 0 && p.mech[i].lo_ns <= p.mech[i].hi_ns);
	}
	if (!s->model->explain)
		return;
	/* Without evidence nothing was seen. */
	s->model->explain(&ev, f, &p, &m);
	if (m.detected || m.elected || m.promoted || m.routed)
		fail_msg("%s saw what nobody told, with effects %#x", s->client->name, (unsigned)f->does.what);
}

static void every_effect_is_judged(void **state)
{
	static const enum role roles[] = {ROLE_PRIMARY, ROLE_REPLICA, ROLE_UNKNOWN};
	struct fault_target target = {.member = "a-0", .node = "n", .uid = "", .ip = "", .role_told = ""};
	struct fault_record f = {.id = "f", .name = "f", .how = "", .state = "healed", .targets = &target,
				 .ntargets = 1, .target = "a-0", .role = "", .node = "n", .injected_ns = NS_PER_S,
				 .effective_ns = NS_PER_S + NS_PER_MS, .healed_ns = 9 * NS_PER_S};
	struct system some[64] = {{&client_skeleton, &model_skeleton}};
	size_t n;
	const struct system *all = system_all(&n);

	(void)state;
	memcpy(some + 1, all, n * sizeof(*all));
	for (size_t i = 0; i <= n; i++) {
		for (size_t r = 0; some[i].model->predict && r < ARRAY_LEN(roles); r++) {
			target.role = roles[r];
			f.does = (struct effects){0};
			predicts(&some[i], &f); /* of a fault that nobody knows */
			for (f.does.what = EFFECT_PROCESS_DIES; f.does.what <= EFFECT_ROLLED_BACK;
			     f.does.what <<= 1) {
				f.does.lasts = !effects_die(&f.does);
				f.does.inbound = f.does.outbound = true;
				predicts(&some[i], &f);
			}
		}
	}
}

static void a_silent_member_is_missed(void **state)
{
	struct member m = {"a-0", NOBODY};
	struct sample s;
	size_t n;
	const struct system *all = system_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		char why[WHY_BYTES] = "";

		sample_begin(&s, &m);
		assert_false(all[i].model->redundant(&s, 1, why));
		assert_non_null(strstr(why, "a-0"));
	}
}

/* ---- the skeleton ---- */

static void the_example_judges(void **state)
{
	static const char full[] =
		"[{\"k\":\"fault\",\"id\":\"f1\",\"fault\":\"fill-disk\",\"state\":\"effective\",\"t\":1000000000},"
		"{\"k\":\"fault\",\"id\":\"f1\",\"fault\":\"fill-disk\",\"state\":\"healed\",\"t\":4000000000},"
		"{\"k\":\"fault\",\"id\":\"f2\",\"fault\":\"pause\",\"state\":\"effective\",\"t\":5000000000}]";
	struct milestones m = {.effective = NS_PER_S, .first_ack = 4 * NS_PER_S};
	struct prediction p;
	struct evidence ev;
	cJSON *hold;

	(void)state;
	evidence_of(full, &ev, &hold);
	model_skeleton.predict(&ev, fault_of(&ev, "f1"), &p);
	assert_true(p.known && p.lo_ns <= 3 * NS_PER_S && p.hi_ns == 3 * NS_PER_S);
	model_skeleton.explain(&ev, fault_of(&ev, "f1"), &p, &m);
	assert_string_equal(m.mechanism, "fault ends");
	model_skeleton.predict(&ev, fault_of(&ev, "f2"), &p);
	assert_true(!p.known && *p.note);
	evidence_free(&ev);
	cJSON_Delete(hold);
}

static struct op do_op(struct client *c, enum op_f f, int64_t key, int64_t value)
{
	struct op op = {.f = f, .key = key, .value = value, .expect = OP_NO_VALUE};

	call_make(&client_skeleton, c, &op, trial_room(), DEADLINE_NS);
	assert_true(op.t_return >= op.t_invoke && op.t_invoke > 0);
	return op;
}

static void the_example_works(void **state)
{
	const struct client_ops *sys = &client_skeleton;
	struct member m = {.name = "only"};
	struct access acc = {.members = &m, .n = 1};
	struct client *c = sys->client_new(&acc, 0);
	struct final_read f;
	struct sample s;
	struct err e = {0};
	struct probe *p;
	char why[WHY_BYTES];
	struct op op;

	(void)state;
	snprintf(m.host, sizeof(m.host), "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(m.host));
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, 9).outcome, OP_OK);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, 8).outcome, OP_OK);
	assert_int_equal(sys->final_read(&acc, 0, &f, DEADLINE_NS, &e), 0);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.values[0], 9);
	assert_int_equal(f.values[1], 8);
	assert_int_equal(f.nanswers, 1);
	assert_string_equal(f.answers[0].member, "only");
	final_read_free(&f);
	p = sys->probe_new(&acc, &m);
	sample_begin(&s, &m);
	sys->probe(p, &s, DEADLINE_NS);
	assert_true(model_skeleton.redundant(&s, 1, why));
	sys->client_free(c);

	/* Its folder is gone: nobody answers, and nothing was sent. */
	assert_int_equal(file_remove_tree(m.host, &e), 0);
	c = sys->client_new(&acc, 0);
	op = do_op(c, OP_INSERT, OP_NO_VALUE, 10);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_int_equal(op_error_class(&op), OP_ERR_CONNECT);
	sample_begin(&s, &m);
	sys->probe(p, &s, DEADLINE_NS);
	assert_false(model_skeleton.redundant(&s, 1, why));
	assert_int_equal(sys->final_read(&acc, 2, &f, DEADLINE_NS, &e), -1);
	final_read_free(&f);
	sys->probe_free(p);
	sys->client_free(c);
}

/* Who waits for a lock gives up in time, and has sent nothing. */
static void the_example_keeps_its_deadline(void **state)
{
	struct member m = {.name = "only"};
	struct access acc = {.members = &m, .n = 1};
	struct client *c = client_skeleton.client_new(&acc, 0);
	char path[PATH_MAX];
	struct err e = {0};
	struct op op;
	FILE *other;

	(void)state;
	snprintf(m.host, sizeof(m.host), "/tmp/ordeal-test.XXXXXX");
	assert_non_null(mkdtemp(m.host));
	snprintf(path, sizeof(path), "%s/store", m.host);
	other = fopen(path, "a");
	assert_non_null(other);
	assert_int_equal(flock(fileno(other), LOCK_EX), 0);
	op = do_op(c, OP_INSERT, OP_NO_VALUE, 1);
	assert_int_equal(op.outcome, OP_FAIL);
	assert_false(op.sent);
	assert_int_equal(op_error_class(&op), OP_ERR_TIMEOUT);
	assert_true(op.t_return - op.t_invoke < DEADLINE_NS + LATE_NS);
	fclose(other);
	assert_int_equal(do_op(c, OP_INSERT, OP_NO_VALUE, 1).outcome, OP_OK);
	client_skeleton.client_free(c);
	assert_int_equal(file_remove_tree(m.host, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_system_is_whole),
		cmocka_unit_test(every_system_has_a_scenario),
		cmocka_unit_test(every_server_in_a_pod_has_a_process),
		cmocka_unit_test(nobody_there_is_a_certain_failure),
		cmocka_unit_test(every_effect_is_judged),
		cmocka_unit_test(a_silent_member_is_missed),
		cmocka_unit_test(the_example_works),
		cmocka_unit_test(the_example_keeps_its_deadline),
		cmocka_unit_test(the_example_judges),
	};

	return cmocka_run_group_tests_name("list of systems", tests, NULL, NULL);
}
