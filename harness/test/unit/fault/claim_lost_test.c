/* A claim is lost when the pod, the claim and the file system are others, and only
 * where a run has made them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/procs.h"
#include "test/lib/fault_help.h"

/* Two folders of two file systems; the pod's volume is one of them. */
static struct world {
	char old[64], new[64];
	pid_t server;
	bool ours, ended, again, same_volume, stays;
	char order[64]; /* of what was asked for */
} w;

static void note(const char *what)
{
	snprintf(w.order + strlen(w.order), sizeof(w.order) - strlen(w.order), "%s", what);
}

static int pids(struct node *n, const char *uid, bool sandbox, struct pid_list *out, struct err *e)
{
	struct proc_stat s;

	(void)n, (void)uid, (void)sandbox, (void)e;
	if (w.server && procs_stat(w.server, &s) == 0 && s.state != 'Z')
		pid_list_add(out, proc_id_of(&s));
	return 0;
}

static int pod_look(struct node *n, const char *ns, const char *pod, struct node_pod *out,
		    struct err *e)
{
	(void)n, (void)ns, (void)pod, (void)e;
	memset(out, 0, sizeof(*out));
	snprintf(out->uid, sizeof(out->uid), "%s", !w.ended ? "u" : w.again ? "u2" : "");
	return 0;
}

static int pod_delete(struct node *n, const char *ns, const char *pod, const char *uid, int grace_s,
		      struct err *e)
{
	(void)n, (void)ns, (void)pod, (void)e;
	assert_string_equal(uid, "u");
	assert_int_equal(grace_s, 0);
	note("pod ");
	w.ended = true;
	return 0;
}

static int claims(struct node *n, const char *ns, const char *pod, cJSON *out, struct err *e)
{
	cJSON *o = cJSON_CreateObject();

	(void)n, (void)ns, (void)pod, (void)e;
	json_set_str(o, "name", "data-db-0");
	json_set_str(o, "uid", w.again && !w.stays ? "c2" : "c");
	json_set_str(o, "volume", w.again && !w.stays ? "pvc-c2" : "pvc-c");
	json_set_bool(o, "ours", w.ours);
	json_push(out, o);
	return 0;
}

static int claim_delete(struct node *n, const char *ns, const char *claim, const char *uid,
			struct err *e)
{
	(void)n, (void)ns, (void)e;
	assert_string_equal(claim, "data-db-0");
	assert_string_equal(uid, "c");
	note("claim ");
	return 0;
}

static int volume(struct node *n, const char *ns, const char *pod, struct node_volume *out,
		  struct err *e)
{
	(void)n, (void)ns, (void)pod, (void)e;
	snprintf(out->path, sizeof(out->path), "%s", w.again && !w.same_volume ? w.new : w.old);
	return 0;
}

static const struct node_ops OPS = {.name = "fake",
				    .pids = pids,
				    .pod_look = pod_look,
				    .pod_delete = pod_delete,
				    .claims = claims,
				    .claim_delete = claim_delete,
				    .volume = volume};

struct trial {
	const struct fault_ops *f;
	struct node node;
	struct journal_entry j;
	cJSON *plan, *evidence;
	char state[64];
};

static void touch(const char *dir, const char *name)
{
	struct err e = {0};
	char path[100];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(path, "x", 1, &e), 0);
}

static void begin(struct trial *t)
{
	struct err e = {0};

	*t = (struct trial){.f = fault_find("claim-lost"), .plan = help_plan("l", "claim-lost", "db-0", "u", NULL),
			    .evidence = cJSON_CreateArray(), .node = {.ops = &OPS}};
	memset(&w, 0, sizeof(w));
	help_temp(t->state);
	help_temp(w.new);
	snprintf(w.old, sizeof(w.old), "/dev/shm/ordeal-test-XXXXXX");
	assert_non_null(mkdtemp(w.old));
	touch(w.old, "data");
	snprintf(t->node.state_dir, sizeof(t->node.state_dir), "%s", t->state);
	w.server = help_sleeper();
	w.ours = true;
	assert_int_equal(journal_begin(t->state, t->plan, &t->j, &e), 0);
}

static void end(struct trial *t)
{
	help_end(w.server);
	journal_entry_free(&t->j);
	cJSON_Delete(t->plan);
	cJSON_Delete(t->evidence);
	help_remove(t->state);
	help_remove(w.old);
	help_remove(w.new);
}

static bool bites(struct trial *t)
{
	struct err e = {0};
	bool yes = true;

	if (t->f->observe(&t->node, &t->j, t->evidence, &yes, &e))
		fail_msg("%s", e.msg);
	return yes;
}

static const char *last(const struct trial *t)
{
	return cJSON_GetArrayItem(t->evidence, cJSON_GetArraySize(t->evidence) - 1)->valuestring;
}

static void lost_with_all(void **state)
{
	struct err e = {0};
	struct trial t;
	char why[200];

	(void)state;
	begin(&t);
	assert_true(t.f->supported(&t.node, t.plan, why, sizeof(why)));
	if (t.f->inject(&t.node, &t.j, &e))
		fail_msg("%s", e.msg);
	/* The pod comes back only when its claim is about to go. */
	assert_string_equal(w.order, "claim pod ");
	assert_true(t.j.effective_ns >= t.j.injected_ns && t.j.injected_ns);
	assert_true(journal_on_disk(&t.j));
	assert_false(bites(&t));
	assert_non_null(strstr(last(&t), "is gone, and not made anew yet"));
	w.again = w.stays = true;
	assert_false(bites(&t));
	assert_non_null(strstr(last(&t), "is as it was"));
	w.stays = false;
	w.same_volume = true;
	assert_false(bites(&t));
	assert_non_null(strstr(last(&t), "the same file system"));
	w.same_volume = false;
	touch(w.new, "fresh");
	assert_true(bites(&t));
	assert_non_null(strstr(last(&t), "another file system, and of the 1 files in it none is from before"));
	/* What had been there before shows by its time. */
	json_set_i64(t.j.record, "real_ns", clock_real_ns() + NS_PER_S);
	assert_false(bites(&t));
	assert_non_null(strstr(last(&t), "some are from before"));
	assert_int_equal(t.f->heal(&t.node, &t.j, t.evidence, &e), 0);
	assert_non_null(strstr(last(&t), "gone for good"));
	end(&t);
}

static void not_somebody_elses(void **state)
{
	struct proc_stat alive;
	struct err e = {0};
	struct trial t;
	char why[200] = "";

	(void)state;
	begin(&t);
	w.ours = false;
	assert_false(t.f->supported(&t.node, t.plan, why, sizeof(why)));
	assert_non_null(strstr(why, "data-db-0"));
	assert_int_equal(t.f->inject(&t.node, &t.j, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_string_equal(w.order, "");
	assert_true(procs_stat(w.server, &alive) == 0 && alive.state != 'Z');
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lost_with_all),
					   cmocka_unit_test(not_somebody_elses)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
