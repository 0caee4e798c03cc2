/* The API server of a trial, and what its controllers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/serve.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/procs.h"
#include "engine/docker/docker.h"
#include "node/kube.h"
#include "test/failpoints/room.h"

static bool no_account(void *arg, const char *token, const char **ns, const char **name)
{
	(void)arg, (void)token, (void)ns, (void)name;
	return false;
}

static void put(struct store *s, enum kind_id kind, const char *text)
{
	cJSON *o = cJSON_Parse(text);

	assert_non_null(o);
	store_put(s, kind, o);
}

static void put_pod(struct store *s, const char *uid)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"db-0\",\"namespace\":\"trial\",\"uid\":\"%s\",\"ownerReferences\":["
			     "{\"kind\":\"StatefulSet\",\"name\":\"db\",\"uid\":\"set\"}]},"
			     "\"spec\":{\"nodeName\":\"" NODE "\",\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]},"
			     "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.201.1.2\",\"conditions\":[{\"type\":\"Ready\","
			     "\"status\":\"True\"}]}}", uid);

	put(s, KIND_POD, text);
	free(text);
}

static void put_volume(struct store *s, const char *name, const char *path)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"%s\",\"annotations\":{\"pv.kubernetes.io/provisioned-by\":"
			     "\"ordeal.dev/loop\"}},\"spec\":{\"local\":{\"path\":\"%s\"}}}", name, path);

	put(s, KIND_PERSISTENT_VOLUME, text);
	free(text);
}

static void put_claim(struct store *s, const char *volume)
{
	char *text = mem_fmt("{\"metadata\":{\"name\":\"c\",\"namespace\":\"trial\"},\"spec\":{\"volumeName\":\"%s\"}}", volume);

	put(s, KIND_PERSISTENT_VOLUME_CLAIM, text);
	free(text);
}

/* What the engine does: its processes end, and its object goes. */
static void delete_pod(void *arg, const char *ns, const char *name, int grace_s)
{
	struct pid_list pids = {0};
	struct err e = {0};

	(void)grace_s;
	kube_pids(NULL, UID, true, &pids, &e);
	for (size_t i = 0; i < pids.n; i++)
		procs_signal(pids.v[i], SIGKILL);
	pid_list_free(&pids);
	store_delete(arg, KIND_POD, ns, name);
}

/* What the controller of the pod's set does with these faults: a changed template, or
 * a claim that is lost, makes another pod. */
static void control(struct store *s)
{
	const cJSON *set = store_get(s, KIND_STATEFUL_SET, "trial", "db"), *pod = store_get(s, KIND_POD, "trial", "db-0");
	bool changed = json_path(set, "spec.template.metadata.annotations");

	if (changed && pod && !strcmp(kube_meta(pod, "uid"), UID)) {
		delete_pod(s, "trial", "db-0", 0);
		put_pod(s, NEXT_UID);
	} else if (!strcmp(v->fault, "claim-lost") && !pod && !store_get(s, KIND_PERSISTENT_VOLUME_CLAIM, "trial", "c")) {
		put_claim(s, "v3");
		put_pod(s, NEXT_UID);
	}
}

pid_t start_server(void)
{
	static struct store store;
	struct serve_conf conf = {.store = &store, .admin_token = "t", .account = no_account,
				  .delete_pod = delete_pod, .arg = &store};
	struct serve *serve;
	struct err e = {0};
	char path[200], *text;
	int ready[2];
	char c;
	pid_t p;

	assert_int_equal(pipe(ready), 0);
	p = branch();
	if (p) {
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		return p;
	}
	store_init(&store);
	store_lock(&store);
	put(&store, KIND_NAMESPACE, "{\"metadata\":{\"name\":\"trial\",\"labels\":{\"ordeal.dev/run\":\"r\"}}}");
	put(&store, KIND_STATEFUL_SET, "{\"metadata\":{\"name\":\"db\",\"namespace\":\"trial\",\"uid\":\"set\"},"
	    "\"spec\":{\"replicas\":1,\"template\":{\"metadata\":{}}}}");
	put_pod(&store, UID);
	put_claim(&store, "v1");
	put_volume(&store, "v1", m.data);
	if (v->at && v->at->volume) {
		text = mem_fmt("{\"metadata\":{\"name\":\"v1\"},\"spec\":{%s}}", v->at->volume);
		put(&store, KIND_PERSISTENT_VOLUME, text);
		free(text);
	}
	put_volume(&store, "v3", m.other);
	put(&store, KIND_NODE, "{\"metadata\":{\"name\":\"" NODE "\",\"labels\":{\"node-role.kubernetes.io/control-plane\":"
	    "\"\"}},\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.201.3.1\"}]}}");
	store_unlock(&store);
	if (serve_start(&conf, "127.0.0.1", 0, &serve, &e))
		_exit(1);
	text = mem_fmt("current-context: c\nclusters: [{name: c, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
		       "users: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n",
		       serve_port(serve));
	snprintf(path, sizeof(path), "%s/" DOCKER_KUBECONFIG, m.state);
	if (!write_file(path, text) || write(ready[1], "x", 1) != 1)
		_exit(1);
	for (;;) {
		store_lock(&store);
		control(&store);
		store_unlock(&store);
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
}
