/* What a kubelet makes of a pod, as far as it takes no Docker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "test/lib/one_answer.h"

static cJSON *object(const char *text)
{
	struct arena a = {0};
	struct ynode **docs;
	struct err e = {0};
	cJSON *o;
	size_t n;

	if (yaml_read_text(&a, "test", text, &docs, &n, &e) || n != 1)
		fail_msg("%s", e.msg);
	o = yaml_to_json(docs[0]);
	arena_free(&a);
	return o;
}

static void mounts(void **state)
{
	cJSON *binds = cJSON_CreateArray();

	(void)state;
	plan_bind(binds, "/from", "/to", false);
	plan_bind(binds, "/from", "data/x", true);
	assert_string_equal(cJSON_GetArrayItem(binds, 0)->valuestring, "/from:/to");
	assert_string_equal(cJSON_GetArrayItem(binds, 1)->valuestring, "/from:/data/x:ro");
	cJSON_Delete(binds);
}

static void probe_numbers(void **state)
{
	cJSON *zeros = object("{timeoutSeconds: 0, periodSeconds: 0, successThreshold: 0, failureThreshold: 0}");
	cJSON *none = object("{}"), *some = object("{periodSeconds: 7, initialDelaySeconds: 3, failureThreshold: 1}");

	(void)state;
	assert_int_equal(plan_probe_number(zeros, "timeoutSeconds"), 1);
	assert_int_equal(plan_probe_number(zeros, "periodSeconds"), 10);
	assert_int_equal(plan_probe_number(zeros, "successThreshold"), 1);
	assert_int_equal(plan_probe_number(zeros, "failureThreshold"), 3);
	assert_int_equal(plan_probe_number(zeros, "initialDelaySeconds"), 0);
	assert_int_equal(plan_probe_number(none, "periodSeconds"), 10);
	assert_int_equal(plan_probe_number(some, "periodSeconds"), 7);
	assert_int_equal(plan_probe_number(some, "initialDelaySeconds"), 3);
	assert_int_equal(plan_probe_number(some, "failureThreshold"), 1);
	cJSON_Delete(zeros);
	cJSON_Delete(none);
	cJSON_Delete(some);
}

/* runAsNonRoot, as verifyRunAsNonRoot() of a kubelet has it. */
static void who_may_run(void **state)
{
#define ROOT " has runAsNonRoot and image will run as root (pod: \"p_ns(u)\", container: c)"
	static const struct {
		const char *pod, *container, *image, *said; /* said NULL: it may */
	} t[] = {
		{"{}", "{}", "", NULL},
		{"{}", "{runAsNonRoot: false}", "0", NULL},
		{"{runAsNonRoot: true}", "{runAsNonRoot: false}", "root", NULL},
		{"{runAsNonRoot: true}", "{}", "", ROOT},
		{"{}", "{runAsNonRoot: true}", "0", ROOT},
		{"{}", "{runAsNonRoot: true}", "0:1000", ROOT},
		{"{}", "{runAsNonRoot: true}", ":1000", ROOT},
		{"{}", "{runAsNonRoot: true}", "00", ROOT},
		{"{}", "{runAsNonRoot: true}", "999", NULL},
		{"{}", "{runAsNonRoot: true}", "999:0", NULL},
		{"{}", "{runAsNonRoot: true}", "redis:redis", " has runAsNonRoot and image has non-numeric user (redis), cannot verify "
						    "user is non-root (pod: \"p_ns(u)\", container: c)"},
		{"{}", "{runAsNonRoot: true}", "root", "non-numeric user (root)"},
		{"{}", "{runAsNonRoot: true}", "-1", "an invalid user id (-1)"},
		{"{}", "{runAsNonRoot: true}", "2147483648", "an invalid user id (2147483648)"},
		{"{runAsUser: 5}", "{runAsNonRoot: true}", "0", NULL},
		{"{runAsUser: 5}", "{runAsNonRoot: true, runAsUser: 0}", "5", "container's runAsUser breaks non-root policy (pod: \"p_ns(u)\""},
		{"{runAsUser: 0, runAsNonRoot: true}", "{}", "5", "container's runAsUser breaks non-root policy"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *text = mem_fmt("{metadata: {name: p, namespace: ns, uid: u}, spec: {securityContext: %s, containers: [{name: c, "
				     "securityContext: %s}]}}", t[i].pod, t[i].container);
		cJSON *pod = object(text);
		struct err e = {0};
		int r = plan_user(pod, json_path(pod, "spec.containers")->child, t[i].image, &e);

		if (r != (t[i].said ? -1 : 0) || (t[i].said && !strstr(e.msg, t[i].said)))
			fail_msg("%s with %s: %d %s", text, t[i].image, r, e.msg);
		cJSON_Delete(pod);
		free(text);
	}
}

/* A probe's words are replaced by what env says as it is written. */
static void probe_words(void **state)
{
	cJSON *c = object("{env: [{name: A, value: x}, {name: B, value: '$(A)'}, {name: C, valueFrom: {fieldRef: "
			  "{fieldPath: metadata.name}}}]}");
	cJSON *argv = object("[t, '$(A)', '$(B)', '<$(C)>', '$$(A)', '$(D)']"), *got = plan_static_words(c, argv);
	char *text = cJSON_PrintUnformatted(got);

	(void)state;
	assert_string_equal(text, "[\"t\",\"x\",\"$(A)\",\"<>\",\"$(A)\",\"$(D)\"]");
	free(text);
	cJSON_Delete(got);
	cJSON_Delete(argv);
	cJSON_Delete(c);
}

/* $(NAME) of commands, arguments and env is what came before it. */
static void order_of_variables(void **state)
{
	cJSON *pod = object("{metadata: {name: p, namespace: ns}, spec: {}}");
	cJSON *c = object("{command: ['$(B)', '$$(B)', '$(NONE)'], args: ['$(A)$(A)'], env: ["
			  "{name: A, value: '$(B)'}, {name: B, value: b}, {name: C, value: '$(B)-$(A)'}, {name: B, value: '$(B)$(B)'}]}");
	struct store s;
	struct err e = {0};
	cJSON *env, *body;

	(void)state;
	store_init(&s);
	store_lock(&s);
	env = plan_env(&s, pod, c, "", "", &e);
	assert_string_equal(json_str(env, "A", ""), "$(B)");
	assert_string_equal(json_str(env, "C", ""), "b-$(B)");
	assert_string_equal(json_str(env, "B", ""), "bb");
	body = plan_container(pod, c, env);
	assert_string_equal(json_path(body, "Entrypoint.0")->valuestring, "bb");
	assert_string_equal(json_path(body, "Entrypoint.1")->valuestring, "$(B)");
	assert_string_equal(json_path(body, "Entrypoint.2")->valuestring, "$(NONE)");
	assert_string_equal(json_path(body, "Cmd.0")->valuestring, "$(B)$(B)");
	store_unlock(&s);
	store_free(&s);
	cJSON_Delete(env);
	cJSON_Delete(body);
	cJSON_Delete(pod);
	cJSON_Delete(c);
}

#define POD "{metadata: {name: cache-0, namespace: ns, uid: u, labels: {app: x}}, spec: {hostname: cache-0, subdomain: cache}, " \
	    "status: {podIP: 10.240.11.2, conditions: [{type: Ready, status: 'True'}]}}"

static void expect_names(const char *service, const char *names)
{
	struct store s;
	cJSON *svc, *ep;
	char *got;

	store_init(&s);
	store_lock(&s);
	store_put(&s, KIND_POD, object(POD));
	svc = object(service);
	ep = object(service);
	json_set(ep, "subsets", plan_subsets(&s, svc));
	store_put(&s, KIND_SERVICE, svc);
	store_put(&s, KIND_ENDPOINTS, ep);
	got = docker_dns_names(&s);
	assert_string_equal(strchr(got, '\n') + 1, names);
	free(got);
	store_unlock(&s);
	store_free(&s);
}

/* pod.service is a name below the headless Service that the pod's subdomain
 * names, and below no other. */
static void names_of_pods(void **state)
{
	(void)state;
	expect_names("{metadata: {name: cache, namespace: ns}, spec: {clusterIP: None, selector: {app: x}}}",
		     "10.240.11.2 cache.ns.svc.cluster.local\n10.240.11.2 cache-0.cache.ns.svc.cluster.local\n");
	expect_names("{metadata: {name: cache-headless, namespace: ns}, spec: {clusterIP: None, selector: {app: x}}}",
		     "10.240.11.2 cache-headless.ns.svc.cluster.local\n");
	expect_names("{metadata: {name: cache, namespace: ns}, spec: {clusterIP: 10.240.96.1, selector: {app: x}}}",
		     "10.240.96.1 cache.ns.svc.cluster.local\n");
}

static const cJSON *published(struct docker_pod *p)
{
	docker_pod_publish(p);
	return json_get(store_get(&p->d->store, KIND_POD, "ns", "cache-0"), "status");
}

static const char *ready_of(const cJSON *status)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, json_get(status, "conditions"))
		if (!strcmp(json_str(c, "type", ""), "Ready"))
			return json_str(c, "status", "");
	return "";
}

/* While a postStart hook runs the container is neither started nor ready, no
 * probe asks it, and nobody is told the pod's address. */
static void hooks(void **state)
{
	struct docker *d = mem_alloc(sizeof(*d));
	cJSON *spec = object("{name: c, image: i, lifecycle: {postStart: {exec: {command: [x]}}}}");
	struct docker_container c = {.spec = spec, .name = "c", .exit_code = -1};
	struct docker_pod p = {.d = d, .name = "cache-0", .ns = "ns", .uid = "u", .c = &c, .nc = 1, .sandbox = true,
			       .initialized = true};
	struct docker_probe liveness = {.pod = &p, .c = &c, .kind = PROBE_LIVENESS};
	const cJSON *status;

	(void)state;
	mem_copy_str(p.ip, sizeof(p.ip), "10.240.11.2");
	store_init(&d->store);
	store_lock(&d->store);
	store_put(&d->store, KIND_POD, object(POD));
	assert_null(json_get(published(&p), "podIP"));
	c.running = c.ever = c.started = c.ready = c.hooking = true;
	status = published(&p);
	assert_null(json_get(status, "podIP"));
	assert_non_null(json_path(status, "containerStatuses.0.state.waiting"));
	assert_false(json_bool(json_path(status, "containerStatuses.0"), "ready", true));
	assert_string_equal(ready_of(status), "False");
	assert_false(docker_probe_active(&liveness));
	c.hooking = false;
	c.hooked = true;
	status = published(&p);
	assert_string_equal(json_str(status, "podIP", ""), "10.240.11.2");
	assert_non_null(json_path(status, "containerStatuses.0.state.running"));
	assert_string_equal(ready_of(status), "True");
	assert_true(docker_probe_active(&liveness));
	/* Started once more: the address is known by now. */
	c.hooking = true;
	c.restarts = 1;
	status = published(&p);
	assert_string_equal(json_str(status, "podIP", ""), "10.240.11.2");
	assert_string_equal(ready_of(status), "False");
	store_unlock(&d->store);
	store_free(&d->store);
	cJSON_Delete(spec);
	free(d);
}

static void expect_file(void (*make)(const cJSON *, const char *, struct buf *), const char *pod,
			const char *text)
{
	cJSON *o = object(pod);
	struct buf b = {0};

	make(o, "10.0.0.9", &b);
	assert_string_equal(buf_cstr(&b), text);
	buf_free(&b);
	cJSON_Delete(o);
}

static void files(void **state)
{
	(void)state;
	expect_file(plan_resolv_conf, "{metadata: {namespace: ns}, spec: {}}",
		    "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.9\noptions ndots:5\n");
	expect_file(plan_resolv_conf, "{metadata: {namespace: ns}, spec: {dnsConfig: {searches: [a.b], options: [{name: ndots, "
		    "value: '2'}, {name: edns0}]}}}",
		    "search ns.svc.cluster.local svc.cluster.local cluster.local a.b\nnameserver 10.0.0.9\noptions ndots:2 edns0\n");
	expect_file(plan_hosts, "{metadata: {name: p, namespace: ns}, spec: {}}", "127.0.0.1\tlocalhost\n10.0.0.9\tp\n");
	expect_file(plan_hosts, "{metadata: {name: p, namespace: ns}, spec: {hostname: h, subdomain: s, hostAliases: [{ip: 10.1.1.1, "
		    "hostnames: [a, b.c]}]}}",
		    "127.0.0.1\tlocalhost\n10.0.0.9\th.s.ns.svc.cluster.local\th\n10.1.1.1\ta\tb.c\n");
}

static void tokens_and_graces(void **state)
{
	cJSON *no = object("{automountServiceAccountToken: false}"), *plain = object("{spec: {}}");
	cJSON *yes = object("{spec: {automountServiceAccountToken: true, terminationGracePeriodSeconds: 7}}");
	cJSON *c = object("{livenessProbe: {terminationGracePeriodSeconds: 3}, startupProbe: {}}");

	(void)state;
	assert_true(plan_mounts_token(plain, NULL));
	assert_false(plan_mounts_token(plain, no));
	assert_true(plan_mounts_token(yes, no));
	assert_int_equal(plan_probe_grace(yes, c, true), 3);
	assert_int_equal(plan_probe_grace(yes, c, false), 7);
	assert_int_equal(plan_probe_grace(plain, c, false), 30);
	cJSON_Delete(no);
	cJSON_Delete(plain);
	cJSON_Delete(yes);
	cJSON_Delete(c);
}

/* An HTTP probe asks for what is written, all of it. */
static void long_probe(void **state)
{
	struct one_answer server = {0};
	struct docker d = {0};
	struct docker_container c = {.name = "c", .running = true, .started = true};
	struct docker_pod p = {.d = &d, .name = "p", .ns = "ns", .uid = "u", .c = &c, .nc = 1, .sandbox = true,
			       .initialized = true, .ip = "127.0.0.1"};
	char path[900], value[700], *text;
	cJSON *spec;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	one_answer_listen(&server);
	text = mem_fmt("{\"readinessProbe\":{\"timeoutSeconds\":20,\"httpGet\":{\"path\":\"%s\",\"port\":%d,\"httpHeaders\":"
		       "[{\"name\":\"X-Long\",\"value\":\"%s\"}]}}}", path, server.port, value);
	spec = cJSON_Parse(text);
	assert_non_null(spec);
	c.spec = spec;
	c.pod = &p;
	store_init(&d.store);
	docker_probes_start(&p);
	one_answer_give(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "");
	store_lock(&d.store);
	for (int64_t end_ns = clock_mono_ns() + 20 * NS_PER_S;
	     !c.ready && clock_mono_ns() < end_ns;)
		store_wait(&d.store, clock_mono_ns() + 10 * NS_PER_MS);
	assert_true(c.ready);
	p.deleting = true;
	store_wake(&d.store);
	store_unlock(&d.store);
	docker_probes_join(&p);
	assert_int_equal(strncmp(server.question, "GET /ppp", 8), 0);
	assert_non_null(strstr(server.question, path));
	assert_non_null(strstr(server.question, value));
	store_free(&d.store);
	cJSON_Delete(spec);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts),
		cmocka_unit_test(probe_numbers),
		cmocka_unit_test(probe_words),
		cmocka_unit_test(who_may_run),
		cmocka_unit_test(order_of_variables),
		cmocka_unit_test(names_of_pods),
		cmocka_unit_test(hooks),
		cmocka_unit_test(files),
		cmocka_unit_test(tokens_and_graces),
		cmocka_unit_test(long_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
