/* What is not ordeal's in a cluster is as it was afterwards: engine kube against
 * an API server in this process, whose objects are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/list.h"
#include "apiserver/serve.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/kube/kube.h"
#include "kube/config.h"
#include "node/volumes_api.h"
#include "test/lib/fault_help.h"

#define RUN_NS "trial"

struct place {
	char top[64], kubeconfig[128];
	struct store store;
	struct serve_conf conf;
	struct serve *serve;
	struct engine_conf engine;
	struct engine *en;
};

static const struct engine_ops *ops(void)
{
	return engine_find("kube");
}

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static void delete_pod(void *arg, const char *ns, const char *name, int grace_s)
{
	struct place *p = arg;

	(void)grace_s;
	store_delete(&p->store, KIND_POD, ns, name);
}

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	struct err e = {0};
	char *text;

	*state = p;
	help_temp(p->top);
	setenv("ORDEAL_CACHE", p->top, 1);
	setenv("ORDEAL_AGENT_IMAGE", "registry.example/agent:1", 1);
	snprintf(p->kubeconfig, sizeof(p->kubeconfig), "%s/kubeconfig", p->top);
	store_init(&p->store);
	p->conf = (struct serve_conf){.store = &p->store, .admin_token = "t", .account = no_account,
				      .delete_pod = delete_pod, .arg = p};
	assert_int_equal(serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &e), 0);
	text = mem_fmt("current-context: c\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		       "users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
		       serve_port(p->serve));
	assert_int_equal(file_write_atomic(p->kubeconfig, text, strlen(text), &e), 0);
	free(text);
	p->engine = (struct engine_conf){.kubeconfig = p->kubeconfig, .context = "c", .namespace = RUN_NS};
	if (ops()->open(&p->engine, &p->en, &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	if (p->en)
		ops()->close(p->en);
	store_close(&p->store);
	serve_stop(p->serve);
	store_free(&p->store);
	help_remove(p->top);
	free(p);
	return 0;
}

/* An object of this YAML-like JSON. */
static void put(struct place *p, enum kind_id id, const char *json)
{
	struct err e = {0};
	cJSON *o = json_parse(json, "the test", &e);

	if (!o)
		fail_msg("%s", e.msg);
	store_lock(&p->store);
	store_put(&p->store, id, o);
	store_unlock(&p->store);
}

#define OURS "\"labels\":{\"ordeal.dev/run\":\"r\"}"

static void put_namespace(struct place *p, const char *name, bool ours)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\"%s}}", name, ours ? "," OURS : "");

	put(p, KIND_NAMESPACE, text);
	free(text);
}

/* A bound volume with the policy Retain; `note` is its annotations. */
static void put_volume(struct place *p, const char *name, const char *note)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\",\"annotations\":{%s}},"
			     "\"spec\":{\"persistentVolumeReclaimPolicy\":\"Retain\",\"storageClassName\":\"manual\","
			     "\"hostPath\":{\"path\":\"/srv/x\"},\"claimRef\":{\"namespace\":\"" RUN_NS
			     "\",\"name\":\"data-0\"}},\"status\":{\"phase\":\"Bound\"}}", name, note);

	put(p, KIND_PERSISTENT_VOLUME, text);
	free(text);
}

/* All objects of a kind, versions included. The caller frees it. */
static char *all_of(struct place *p, enum kind_id id)
{
	const struct list_of l = {.kind = kind_by_id(id)};
	struct store_view view;
	struct buf text = {0};

	store_lock(&p->store);
	store_view(&p->store, l.kind, NULL, &view);
	view.version = 0; /* of the list itself */
	store_unlock(&p->store);
	list_text(&l, &view, &text);
	store_view_free(&view);
	return text.s;
}

static int64_t version(struct place *p)
{
	int64_t v;

	store_lock(&p->store);
	v = p->store.version;
	store_unlock(&p->store);
	return v;
}

static bool there(struct place *p, enum kind_id id, const char *ns, const char *name)
{
	bool yes;

	store_lock(&p->store);
	yes = store_get(&p->store, id, ns, name) != NULL;
	store_unlock(&p->store);
	return yes;
}

static void volumes_stay(void **state)
{
	struct place *p = *state;
	struct err e = {0};
	char *before, *after;

	put_namespace(p, RUN_NS, true);
	put_namespace(p, "shop", false);
	put(p, KIND_PERSISTENT_VOLUME_CLAIM, "{\"metadata\":{\"name\":\"data-0\",\"namespace\":\"" RUN_NS "\"}}");
	put(p, KIND_PERSISTENT_VOLUME_CLAIM, "{\"metadata\":{\"name\":\"data-0\",\"namespace\":\"shop\"}}");
	put_volume(p, "by-hand", "");
	put_volume(p, "by-another", "\"pv.kubernetes.io/provisioned-by\":\"csi.example\"");
	before = all_of(p, KIND_PERSISTENT_VOLUME);
	if (ops()->remove(p->en, clock_mono_ns() + 10 * NS_PER_S, &e))
		fail_msg("%s", e.msg);
	after = all_of(p, KIND_PERSISTENT_VOLUME);
	assert_string_equal(after, before);
	assert_false(there(p, KIND_NAMESPACE, NULL, RUN_NS));
	assert_false(there(p, KIND_PERSISTENT_VOLUME_CLAIM, RUN_NS, "data-0"));
	assert_true(there(p, KIND_NAMESPACE, NULL, "shop"));
	assert_true(there(p, KIND_PERSISTENT_VOLUME_CLAIM, "shop", "data-0"));
	free(before);
	free(after);
}

/* `fn` refuses with this word in its message, gives no advice to delete, and
 * changes nothing. */
static void assert_refused(struct place *p, int (*fn)(struct engine *, struct err *),
			   const char *word)
{
	int64_t before = version(p);
	struct err e = {0};

	assert_int_equal(fn(p->en, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.msg, word));
	assert_non_null(strstr(e.msg, "stays as it is"));
	assert_null(strstr(e.msg, "delete"));
	assert_int_equal(version(p), before);
}

static int apply_nothing(struct engine *en, struct err *e)
{
	const struct manifest none = {0};

	return ops()->apply(en, &none, e);
}

static void namespaces_are_refused_first(void **state)
{
	struct place *p = *state;

	put_namespace(p, RUN_NS, false);
	assert_refused(p, ops()->agents_up, RUN_NS);
	assert_refused(p, apply_nothing, RUN_NS);
}

static int remove_it(struct engine *en, struct err *e)
{
	return ops()->remove(en, clock_mono_ns() + NS_PER_S, e);
}

static void foreign_is_not_removed(void **state)
{
	struct place *p = *state;
	struct err e = {0};
	int64_t before;

	put_namespace(p, RUN_NS, false);
	put(p, KIND_POD, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"" RUN_NS "\"}}");
	before = version(p);
	assert_int_equal(remove_it(p->en, &e), -1);
	assert_non_null(strstr(e.msg, "is not ordeal's"));
	assert_int_equal(version(p), before);
}

static void agents_need_their_namespace(void **state)
{
	struct place *p = *state;

	put_namespace(p, "ordeal-system", false);
	assert_refused(p, ops()->agents_up, "ordeal-system");
}

static void recover_keeps_to_the_mark(void **state)
{
	struct place *p = *state;
	cJSON *found = cJSON_CreateArray();
	struct err e = {0};

	put(p, KIND_STORAGE_CLASS, "{\"metadata\":{\"name\":\"theirs\"}}");
	put(p, KIND_STORAGE_CLASS, "{\"metadata\":{\"name\":\"ours\"," OURS "}}");
	put_volume(p, "by-hand", "");
	put_namespace(p, RUN_NS, false);
	if (ops()->recover(p->en, found, &e))
		fail_msg("%s", e.msg);
	assert_true(there(p, KIND_STORAGE_CLASS, NULL, "theirs"));
	assert_false(there(p, KIND_STORAGE_CLASS, NULL, "ours"));
	assert_true(there(p, KIND_PERSISTENT_VOLUME, NULL, "by-hand"));
	assert_true(there(p, KIND_NAMESPACE, NULL, RUN_NS));
	assert_int_equal(cJSON_GetArraySize(found), 1);
	cJSON_Delete(found);
}

/* Our classes are seen from every namespace. */
static void claims_of_others_are_not_served(void **state)
{
	static const char claim[] = "{\"metadata\":{\"name\":\"data\",\"namespace\":\"%s\",\"annotations\":{"
		"\"volume.kubernetes.io/storage-provisioner\":\"ordeal.dev/loop\","
		"\"volume.kubernetes.io/selected-node\":\"n1\"}},\"spec\":{\"storageClassName\":\"standard\"}}";
	struct place *p = *state;
	struct kube_conf conf = {0};
	struct volumes_api a = {0};
	struct claims c = {0};
	struct err e = {0};
	char *text[] = {mem_fmt(claim, RUN_NS), mem_fmt(claim, "shop")};

	put_namespace(p, RUN_NS, true);
	put_namespace(p, "shop", false);
	for (size_t i = 0; i < 2; i++) {
		put(p, KIND_PERSISTENT_VOLUME_CLAIM, text[i]);
		free(text[i]);
	}
	assert_int_equal(kubeconfig_read(p->kubeconfig, "c", false, &conf, &e), 0);
	assert_int_equal(volumes_api_open(&a, &conf, "n1", &e), 0);
	if (volumes_api_claims(&a, &c, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.v[0].ns, RUN_NS);
	claims_free(&c);
	volumes_api_close(&a);
	kube_conf_free(&conf);
}

static void put_class(struct place *p, const char *name, const char *provisioner, bool usual,
		      bool ours)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\",\"annotations\":{\"storageclass.kubernetes.io/is-default-class\":"
			     "\"%s\"}%s},\"provisioner\":\"%s\"}", name, usual ? "true" : "false", ours ? "," OURS : "",
			     provisioner);

	put(p, KIND_STORAGE_CLASS, text);
	free(text);
}

static void assert_instead(struct place *p, const char *name, const char *provisioner,
			   const char *want)
{
	struct adapt_rules r = {0};
	struct err e = {0};
	const char *to;

	if (ops()->rules(p->en, "x", &r, &e))
		fail_msg("%s", e.msg);
	to = r.storage_class(r.arg, name, provisioner);
	if (!to != !want || (to && strcmp(to, want)))
		fail_msg("%s of %s: %s", name ? name : "no class", provisioner ? provisioner : "nobody", to ? to : "kept");
}

static void classes_that_are_not_there(void **state)
{
	struct place *p = *state;
	struct adapt_rules r = {0};
	struct err e = {0};

	/* The agents' own, and nothing else. */
	put_class(p, "fast-ssd", "ordeal.dev/loop", false, true);
	put_class(p, "standard", "ordeal.dev/loop", false, true);
	assert_instead(p, "fast-ssd", NULL, NULL);
	assert_instead(p, "fast-ssd", "ebs.csi.aws.com", "fast-ssd");
	assert_instead(p, "gp3", "ebs.csi.aws.com", "standard");
	assert_instead(p, "gp3", NULL, "standard");
	assert_instead(p, NULL, NULL, "standard");
	/* A cluster with classes of its own. */
	put_class(p, "usual", "csi.example", true, false);
	put_class(p, "gp2", "other.example", false, false);
	assert_instead(p, "fast-ssd", NULL, NULL);
	assert_instead(p, "fast-ssd", "ebs.csi.aws.com", "usual");
	assert_instead(p, "gp3", NULL, "usual");
	assert_instead(p, "gp3", "other.example", NULL);
	assert_instead(p, "gp2", "ebs.csi.aws.com", NULL);
	assert_instead(p, NULL, NULL, NULL);
	/* Where the name of one is taken, another of ours serves. */
	put_class(p, "usual", "csi.example", false, false);
	assert_instead(p, "gp3", NULL, "standard");
	put_class(p, "standard", "kubernetes.io/no-provisioner", false, false);
	assert_instead(p, "gp3", NULL, "fast-ssd");
	put_class(p, "fast-ssd", "kubernetes.io/no-provisioner", false, false);
	assert_instead(p, "gp3", NULL, NULL);
	put_class(p, "usual", "csi.example", true, false);
	put_class(p, "fast-ssd", "ordeal.dev/loop", false, true);
	/* The user's word goes before all. */
	((struct engine_base *)p->en)->conf.storage_class = "gp2";
	assert_instead(p, "fast-ssd", NULL, "gp2");
	assert_instead(p, "usual", NULL, "gp2");
	assert_instead(p, "gp2", NULL, NULL);
	assert_instead(p, NULL, NULL, "gp2");
	((struct engine_base *)p->en)->conf.storage_class = "none";
	assert_int_equal(ops()->rules(p->en, "x", &r, &e), -1);
	assert_non_null(strstr(e.msg, "\"none\""));
}

/* The policy is the owner's: with Delete the volume would go with the claim. */
static void volumes_that_would_go(void **state)
{
	static const char pv[] = "{\"metadata\":{\"name\":\"theirs\"},\"spec\":{\"storageClassName\":\"manual\","
				 "\"persistentVolumeReclaimPolicy\":\"%s\"}}";
	static const char claim[] = "kind: PersistentVolumeClaim\nspec: {storageClassName: manual}\n";
	struct place *p = *state;
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};
	char *text = mem_fmt(pv, "Delete");
	int64_t before;

	assert_int_equal(yaml_read_text(&a, "t", claim, &m.objects, &m.n, &e), 0);
	put(p, KIND_PERSISTENT_VOLUME, text);
	free(text);
	before = version(p);
	assert_int_equal(ops()->apply(p->en, &m, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.msg, "volume theirs"));
	assert_int_equal(version(p), before);
	text = mem_fmt(pv, "Retain");
	put(p, KIND_PERSISTENT_VOLUME, text);
	free(text);
	memset(&e, 0, sizeof(e));
	assert_int_equal(ops()->apply(p->en, &m, &e), -1); /* no agents are up */
	assert_null(strstr(e.msg, "volume theirs"));
	arena_free(&a);
}

/* By the class that a claim gets in the end, wherever that is written. */
static void volumes_of_the_default_class(void **state)
{
	static const char *const claims[] = {
		"kind: PersistentVolumeClaim\nspec: {accessModes: [ReadWriteOnce]}\n",
		"kind: StatefulSet\nspec: {volumeClaimTemplates: [{spec: {accessModes: [ReadWriteOnce]}}]}\n",
		"kind: PersistentVolumeClaim\nmetadata: {annotations: {volume.beta.kubernetes.io/storage-class: usual}}\nspec: {}\n",
		"kind: Deployment\nspec: {template: {spec: {volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {}}}}]}}}\n",
		"kind: PersistentVolumeClaim\nspec: {storageClassName: ''}\n",
	};
	struct place *p = *state;
	struct adapt_rules rules = {0};
	struct err none = {0};

	put_class(p, "usual", "csi.example", true, false);
	put(p, KIND_PERSISTENT_VOLUME, "{\"metadata\":{\"name\":\"theirs\"},\"spec\":{\"storageClassName\":\"usual\","
				       "\"persistentVolumeReclaimPolicy\":\"Delete\"}}");
	assert_int_equal(ops()->rules(p->en, "x", &rules, &none), 0);
	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		bool doomed = i + 1 < ARRAY_LEN(claims);
		struct manifest m = {0};
		struct arena a = {0};
		struct err e = {0};

		assert_int_equal(yaml_read_text(&a, "t", claims[i], &m.objects, &m.n, &e), 0);
		assert_int_equal(ops()->apply(p->en, &m, &e), -1);
		if (doomed != (strstr(e.msg, "volume theirs was there before") != NULL))
			fail_msg("%s%s", claims[i], e.msg);
		arena_free(&a);
	}
}

static void names_lead_nowhere_else(void **state)
{
	static const char *const bad[] = {"", "../kube-system", "a/b", "A", "-a", "a.b", "ordeal-system",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct engine_conf conf = p->engine;
		struct engine *en = NULL;
		struct err e = {0};

		conf.namespace = bad[i];
		assert_int_equal(ops()->open(&conf, &en, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_null(en);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		IN_PLACE(volumes_stay),
		IN_PLACE(namespaces_are_refused_first),
		IN_PLACE(foreign_is_not_removed),
		IN_PLACE(agents_need_their_namespace),
		IN_PLACE(recover_keeps_to_the_mark),
		IN_PLACE(claims_of_others_are_not_served),
		IN_PLACE(classes_that_are_not_there),
		IN_PLACE(volumes_that_would_go),
		IN_PLACE(volumes_of_the_default_class),
		IN_PLACE(names_lead_nowhere_else),
#undef IN_PLACE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
