#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/system.h"
#include "test/lib/shipped.h"

/* Every scenario that is shipped can be run: it fits the lists of this very
 * build, its settings exist and have a place in its variant's manifests. And it judges
 * what it may do harm to. */

static void fits(const char *path, const struct plan *p)
{
	char stem[64];

	snprintf(stem, sizeof(stem), "/%.40s.yaml", p->sc.name);
	if (!strstr(path, stem))
		fail_msg("%s holds the scenario %s", path, p->sc.name);
	assert_true(strlen(p->sc.title) > strlen(p->sc.name) / 2);
}

static void test_shipped(void **state)
{
	(void)state;
	assert_true(shipped_each(fits) >= 9);
}

/* ---- what each judges ---- */

static const struct expectation *judges(const struct scenario *s, enum expect_metric metric)
{
	for (size_t i = 0; i < s->nexpects; i++)
		if (s->expects[i].metric == metric)
			return &s->expects[i];
	return NULL;
}

/* A primary that lives where nobody reaches it. */
static bool cuts_primary_off(const struct scenario *s)
{
	for (size_t i = 0; i < s->nsteps; i++)
		if (s->steps[i].kind == STEP_FAULT && !strcmp(s->steps[i].fault, "partition-node") &&
		    strcmp(s->steps[i].target, "replica"))
			return true;
	return false;
}

/* Another has the same fault with clients beside the primary: "NAME-alone" is
 * about what is left without them. */
static bool is_told_by_another(const struct scenario *s)
{
	char root[4096], path[4400];
	size_t len = strlen(s->name);
	struct err e = {0};

	if (len < 6 || strcmp(s->name + len - 6, "-alone") || file_project_root(root, &e))
		return false;
	snprintf(path, sizeof(path), "%s/scenarios/%.*s.yaml", root, (int)len - 6, s->name);
	return !access(path, R_OK);
}

/* Whatever takes writes says what may be lost of them: a bound, or why it is
 * accepted. Where a primary goes on out of reach, two at once are looked for as
 * well, by clients beside it. No client judges itself. */
static void harm_is_judged(const char *path, const struct plan *p)
{
	const struct scenario *s = &p->sc;
	const struct expectation *stands = judges(s, EXPECT_STANDS), *lost = judges(s, EXPECT_LOST);

	(void)path;
	if (judges(s, EXPECT_DEADLINE))
		fail_msg("%s expects what its clients enforce themselves", s->name);
	if (stands && !stands->want) {
		assert_true(stands->object && stands->reason);
		return;
	}
	if (!lost || (!lost->has_at_most && !lost->accepted))
		fail_msg("%s does not say how much may be lost", s->name);
	if (cuts_primary_off(s) && s->load.minority <= 0 && is_told_by_another(s))
		return;
	if (cuts_primary_off(s) && s->load.minority <= 0)
		fail_msg("%s cuts a primary off and leaves nobody beside it who could tell", s->name);
	if ((cuts_primary_off(s) || s->load.minority > 0) && !judges(s, EXPECT_DUAL_PRIMARY))
		fail_msg("%s does not judge two primaries", s->name);
}

static void test_harm(void **state)
{
	(void)state;
	shipped_each(harm_is_judged);
}

/* Without it nothing that is expected is missed where what the scenario shows never came about.
 * (A share that is served says nothing of that.) */
static bool has_floor(const struct scenario *s)
{
	for (size_t i = 0; i < s->nexpects; i++)
		if (s->expects[i].has_at_least && s->expects[i].metric != EXPECT_AVAILABILITY)
			return true;
	return false;
}

/* A loss that is accepted may be none, and passes: so of what it is accepted for something is
 * asked that has to be there, the loss itself or what goes before it. */
static void acceptance_has_a_floor(const char *path, const struct plan *p)
{
	/* Empty members may lose nothing, and no metric tells that they were empty. */
	static const char *const untold[] = {"rabbitmq-reset-quorum"};
	const struct scenario *s = &p->sc;
	bool accepts = false, told = true;

	(void)path;
	for (size_t i = 0; i < s->nexpects; i++)
		accepts = accepts || (s->expects[i].accepted &&
				      s->expects[i].metric == EXPECT_LOST);
	for (size_t i = 0; i < ARRAY_LEN(untold); i++)
		told = told && strcmp(untold[i], s->name);
	if (accepts && told != has_floor(s))
		fail_msg("%s accepts a loss, and %s", s->name, told ? "passes where nothing came about that could lose anything: "
			 "give an at_least" : "has a floor: take it from the list of those that cannot");
}

static void test_floors(void **state)
{
	(void)state;
	shipped_each(acceptance_has_a_floor);
}

/* The project's folder, and this scenario's file in it. */
static void find_shipped(const char *scenario, char root[4096], char path[4200])
{
	struct err e = {0};

	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(path, 4200, "%s/scenarios/%s.yaml", root, scenario);
}

/* ---- settings ---- */

/* --set goes before the scenario's own, and is checked with it. */
static void test_set(void **state)
{
	static const struct setting_arg off = {"synchronous_mode", "off"}, unknown = {"tll", "20"},
					low = {"ttl", "25"};
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char root[4096], path[4200];

	(void)state;
	find_shipped("postgres-kill-primary", root, path);
	if (plan_read(&a, root, path, &off, 1, &p, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(settings_find(&p.settings, "synchronous_mode")->value, "off");
	assert_string_equal(settings_find(&p.settings, "synchronous_mode")->changed_by, "--set");
	plan_free(&p);
	assert_int_equal(plan_read(&a, root, path, &unknown, 1, &p, &e), -1);
	plan_free(&p);
	assert_non_null(strstr(e.msg, "did you mean \"ttl\"?"));
	assert_int_equal(plan_read(&a, root, path, &low, 1, &p, &e), -1);
	plan_free(&p);
	assert_non_null(strstr(e.msg, "loop_wait + 2 * retry_timeout <= ttl"));
	assert_int_equal(e.kind, ERR_INPUT);
	arena_free(&a);
}

/* What clients do by themselves stands in access.yaml, under each setting's own key. */
static void test_clients_own(void **state)
{
	static const struct setting_arg sets[] = {{"linger", "20ms"}, {"in_flight", "5"}, {"metadata_refresh", "5m"}};
	static const struct setting_arg many = {"in_flight", "6"};
	static const struct {
		const char *key;
		int64_t dflt, set;
	} t[] = {{"linger_ms", 0, 20}, {"in_flight", 1, 5}, {"metadata_refresh_ms", 1000, 300000}};
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char root[4096], path[4200];

	(void)state;
	find_shipped("kafka-kill-leader", root, path);
	for (size_t n = 0; n <= ARRAY_LEN(sets); n += ARRAY_LEN(sets)) {
		if (plan_read(&a, root, path, sets, n, &p, &e))
			fail_msg("%s", e.msg);
		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			assert_int_equal(json_i64(p.access, t[i].key, -1),
					 n ? t[i].set : t[i].dflt);
		plan_free(&p);
	}
	assert_int_equal(plan_read(&a, root, path, &many, 1, &p, &e), -1);
	assert_non_null(strstr(e.msg, "must be at most 5"));
	plan_free(&p);
	arena_free(&a);
}

/* What the system would refuse, or ignore, is told before anything is touched. */
static void test_impossible(void **state)
{
	static const struct {
		const char *scenario;
		struct setting_arg sets[3];
		const char *why; /* NULL: it is possible */
	} t[] = {
		{"rabbitmq-kill-leader", {{"version", "4.3"}}, NULL},
		{"rabbitmq-kill-leader", {{"version", "4.3"}, {"partition_handling", "ignore"}}, "no partition handling"},
		{"rabbitmq-kill-leader", {{"version", "4.3"}, {"partition_handling", "pause_minority"}}, "no partition handling"},
		{"rabbitmq-mirrored-autoheal", {{"version", "4.3"}}, "no partition handling"},
		{"rabbitmq-kill-leader", {{"mirrored", "off"}}, "a quorum queue has members"},
		{"rabbitmq-kill-leader", {{"queue_type", "classic"}}, NULL},
		{"rabbitmq-kill-leader", {{"queue_type", "classic"}, {"mirrored", "on"}}, "4.0 mirrors no queue"},
		{"rabbitmq-kill-leader", {{"queue_type", "classic"}, {"mirrored", "off"}}, NULL},
		{"rabbitmq-kill-leader", {{"queue_type", "classic"}, {"mirrored", "on"}, {"version", "3.10"}}, NULL},
		{"rabbitmq-classic-mandatory", {{"version", "4.3"}, {"mirrored", "on"}}, "4.3 mirrors no queue"},
		{"rabbitmq-classic-not-mandatory", {{"version", "4.0"}}, NULL},
		{"rabbitmq-kill-leader", {{"confirms", "off"}}, NULL},
		{"rabbitmq-kill-leader", {{"confirms", "off"}, {"mandatory", "off"}}, NULL},
		{"rabbitmq-kill-leader", {{"confirms", "off"}, {"mandatory", "on"}}, "heed nothing that comes back"},
		{"kafka-kill-leader", {{"unclean_leader_election", "on"}}, "KAFKA-12670"},
		{"kafka-alone-unclean", {{"version", "3.6.0"}}, "KAFKA-12670"},
		{"kafka-kill-leader", {{"unclean_leader_election", "on"}, {"version", "4.4.0"}}, NULL},
		{"kafka-kill-leader", {{"linger", "500ms"}}, NULL},
		{"kafka-kill-leader", {{"linger", "501ms"}}, "load_deadline_ms = 1000"},
		{"kafka-kill-leader", {{"delivery_timeout", "1s"}}, NULL},
		{"kafka-kill-leader", {{"delivery_timeout", "2s"}}, "give a message up at the load's deadline"},
		{"kafka-kill-leader", {{"delivery_timeout", "300ms"}, {"linger", "150ms"}}, NULL},
		{"kafka-kill-leader", {{"delivery_timeout", "300ms"}, {"linger", "300ms"}}, "not above linger"},
		{"kafka-kill-leader", {{"retries", "3"}}, NULL},
		{"kafka-kill-leader", {{"idempotence", "on"}}, NULL},
		{"kafka-kill-leader", {{"idempotence", "on"}, {"retries", "3"}}, NULL},
		{"kafka-kill-leader", {{"idempotence", "on"}, {"retries", "0"}}, "sends again by itself"},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char root[4096], path[4200];
		struct err e = {0};
		struct plan p;
		size_t n = 0;

		while (n < ARRAY_LEN(t[i].sets) && t[i].sets[n].name)
			n++;
		find_shipped(t[i].scenario, root, path);
		plan_read(&a, root, path, t[i].sets, n, &p, &e);
		plan_free(&p);
		if (!t[i].why != !e.kind || (t[i].why && !strstr(e.msg, t[i].why)))
			fail_msg("%s with %s=%s: \"%s\" instead of \"%s\"", t[i].scenario, t[i].sets[0].name,
				 t[i].sets[0].value, e.msg, t[i].why ? t[i].why : "");
	}
	arena_free(&a);
}

/* What the report says of the brokers' heaps is what they get. */
static void test_heap(void **state)
{
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char root[4096], path[4200];
	bool is = false;

	(void)state;
	find_shipped("kafka-kill-leader", root, path);
	if (plan_read(&a, root, path, NULL, 0, &p, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < p.manifest.n; i++) {
		const struct ynode *heap = yaml_path(p.manifest.objects[i], "spec.template.spec.containers[0].env[1].value");

		is = is || (heap && !strcmp(heap->text, json_str(p.access, "heap", "")));
	}
	assert_true(is);
	plan_free(&p);
	arena_free(&a);
}

/* Other manifests by a setting: another store for Patroni, another way for
 * clients. */
static void test_overlay(void **state)
{
	static const struct setting_arg etcd = {"store", "etcd"}, etcd3 = {"store", "etcd3"};
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	char root[4096], path[4200];
	bool has_etcd = false;

	(void)state;
	find_shipped("postgres-kill-primary", root, path);
	if (plan_read(&a, root, path, &etcd, 1, &p, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < p.manifest.n; i++) {
		const char *name = manifest_object_name(&a, p.manifest.objects[i]);

		has_etcd = has_etcd || !strcmp(name, "StatefulSet/etcd");
		assert_null(strstr(name, "Role"));
		assert_string_not_equal(name, "Service/postgres-master");
	}
	assert_true(has_etcd);
	assert_string_equal(json_str(p.access, "write_host", ""),
			    "postgres-0.postgres,postgres-1.postgres,postgres-2.postgres");
	assert_int_equal(cJSON_GetArraySize(json_get(p.access, "stores")), 3);
	assert_null(json_get(p.access, "leader_object"));
	assert_string_equal(json_str(p.access, "user", ""), "postgres");
	assert_true(p.changes.n > 10);
	plan_free(&p);
	/* One overlay on the other. */
	if (plan_read(&a, root, path, &etcd3, 1, &p, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(json_str(p.access, "store_api", ""), "v3");
	assert_string_equal(json_str(p.access, "write_host", ""),
			    "postgres-0.postgres,postgres-1.postgres,postgres-2.postgres");
	plan_free(&p);
	snprintf(path, sizeof(path), "%s/scenarios/postgres-documented.yaml", root);
	assert_int_equal(plan_read(&a, root, path, &etcd, 1, &p, &e), -1);
	plan_free(&p);
	assert_string_equal(e.msg, "--set store=etcd is an overlay of the variant corrected only; "
			    "postgres-documented is documented");
	plan_free(&p);
	arena_free(&a);
}

/* One that is laid over what was published, and over that alone. */
static void test_overlay_of_the_document(void **state)
{
	static const struct setting_arg left_out = {"xtrabackup", "left-out"};
	struct arena a = {0};
	struct err e = {0};
	struct plan p;
	const char **images = NULL;
	char root[4096], path[4200];
	size_t n = 0;

	(void)state;
	find_shipped("mysql-documented", root, path);
	if (plan_read(&a, root, path, &left_out, 1, &p, &e) ||
	    manifest_images(&a, &p.manifest, &images, &n, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(n, 1);
	assert_string_equal(images[0], "mysql:8.0");
	plan_free(&p);
	snprintf(path, sizeof(path), "%s/scenarios/mysql-kill-primary.yaml", root);
	assert_int_equal(plan_read(&a, root, path, &left_out, 1, &p, &e), -1);
	plan_free(&p);
	assert_string_equal(e.msg, "--set xtrabackup=left-out is an overlay of the variant documented only; "
			    "mysql-kill-primary is corrected");
	plan_free(&p);
	arena_free(&a);
}

/* What the rules allow a primary's freeze of 99 s with these settings; `told`:
 * how the running system calls the one in question. */
static void allowed(const struct plan *p, const char *setting, const char *told,
		    struct prediction *out)
{
	struct fault_target target = {.member = "m-0", .node = "", .role = ROLE_PRIMARY, .role_told = "primary"};
	struct fault_record f = {.id = "f", .name = "pause", .targets = &target, .ntargets = 1,
				 .injected_ns = 1, .effective_ns = 1, .healed_ns = 99 * NS_PER_S,
				 .does = {.what = EFFECT_SILENT, .lasts = true}};
	struct evidence ev = {.faults = &f, .nfaults = 1};
	struct settings_seen inforce = {.v = mem_alloc((p->settings.n + 1) * sizeof(*inforce.v)),
					.n = p->settings.n};

	for (size_t i = 0; i < p->settings.n; i++) {
		const char *name = p->settings.v[i].name;

		inforce.v[i] = (struct setting_seen){.name = strcmp(name, setting) ? name : told,
						     .value = p->settings.v[i].value,
						     .unit = p->settings.v[i].unit};
	}
	ev.inforce = &inforce;
	system_find(p->sc.system)->model->predict(&ev, &f, out);
	assert_true(out->known);
	assert_int_equal(out->n, 1);
	free(inforce.v);
}

/* Two that differ in one setting, so that what it does can be seen: the times
 * that they allow have no moment in common. */
static void test_pairs(void **state)
{
	static const struct {
		const char *setting, *told, *one, *other;
	} pairs[] = {
		{"ttl", "ttl", "postgres-ttl-20", "postgres-ttl-40"},
		{"down_after", "down-after-milliseconds", "redis-sentinel-down-after-3", "redis-sentinel-down-after-10"},
		{"node_timeout", "cluster-node-timeout", "redis-cluster-node-timeout-3", "redis-cluster-node-timeout-9"},
	};
	struct arena a = {0};
	struct err e = {0};
	char root[4096];

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char one[4200], other[4200];
		struct prediction less, more;
		struct plan p, q;

		snprintf(one, sizeof(one), "%s/scenarios/%s.yaml", root, pairs[i].one);
		snprintf(other, sizeof(other), "%s/scenarios/%s.yaml", root, pairs[i].other);
		if (plan_read(&a, root, one, NULL, 0, &p, &e) ||
		    plan_read(&a, root, other, NULL, 0, &q, &e))
			fail_msg("%s", e.msg);
		assert_string_equal(p.sc.compare, q.sc.compare);
		assert_int_equal(p.settings.n, q.settings.n);
		for (size_t k = 0; k < p.settings.n; k++) {
			const struct setting *x = &p.settings.v[k],
					     *y = settings_find(&q.settings, x->name);

			if (!strcmp(x->name, pairs[i].setting))
				assert_string_not_equal(x->value, y->value);
			else
				assert_true(x->value == y->value || !strcmp(x->value, y->value));
		}
		allowed(&p, pairs[i].setting, pairs[i].told, &less);
		allowed(&q, pairs[i].setting, pairs[i].told, &more);
		assert_true(less.hi_ns < more.lo_ns);
		plan_free(&p);
		plan_free(&q);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_harm),
		cmocka_unit_test(test_floors),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_clients_own),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_overlay_of_the_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
