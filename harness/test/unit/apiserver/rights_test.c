/* Who may do what at the API that pods are served, and what a caller can make
 * it hold, by requests as they go over the wire. The table is Kubernetes' own
 * answers: test/e2e/kind/rights.sh asks a real API server the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "test/unit/apiserver/place.h"

static void set_objects(struct place *p)
{
	static const char *const objects[][2] = {
		{"configmaps", "{\"metadata\":{\"name\":\"a\"}}"}, {"configmaps", "{\"metadata\":{\"name\":\"b\"}}"},
		{"secrets", "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"k\":\"hush\"}}"},
		{"pods", "{\"metadata\":{\"name\":\"p\"}}"},
	};
	char url[100];

	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		snprintf(url, sizeof(url), "/api/v1/namespaces/ns/%s", objects[i][0]);
		ask(p, "admin-token", "POST", url, objects[i][1]);
	}
}

/* {ns} and {other} filled in; heap. */
static char *fill(const char *url)
{
	struct buf b = {0};
	char *out;

	while (*url) {
		bool ns = !strncmp(url, "{ns}", 4), other = !strncmp(url, "{other}", 7);

		if (ns || other) {
			buf_str(&b, ns ? "ns" : "other");
			url += ns ? 4 : 7;
		} else {
			buf_char(&b, *url++);
		}
	}
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return out;
}

static void table(void **state)
{
	char root[PATH_MAX], path[PATH_MAX + 60], role[64] = "", token[80] = "", *rest, *line;
	struct buf text = {0};
	int rows = 0, wrong = 0, number = 0;
	struct err e = {0};
	struct place p;

	(void)state;
	if (file_project_root(root, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "%s/harness/test/unit/apiserver/rights.tsv", root);
	if (file_read(path, &text, &e))
		fail_msg("%s", e.msg);
	begin(&p, 0);
	for (rest = text.s; (line = strsep(&rest, "\n"));) {
		char *first = strsep(&line, "\t"), *second = strsep(&line, "\t"), *url;
		int status;

		number++;
		if (!*first || *first == '#')
			continue;
		assert_non_null(line);
		if (!strcmp(first, "role")) {
			mem_copy_str(role, sizeof(role), second);
			snprintf(token, sizeof(token), "t-%s", role);
			give(&p, role, line);
			continue;
		}
		set_objects(&p);
		url = fill(line);
		status = ask(&p, token, second, url, "{}");
		rows++;
		if (status < 200 || status == 401 || (status != 403) != !strcmp(first, "yes")) {
			wrong++;
			print_message("# rights.tsv:%d: as %s: %s %s: %d, want %s\n", number, role, second, url, status,
				      first);
		}
		free(url);
	}
	end(&p);
	buf_free(&text);
	assert_true(rows > 100);
	assert_int_equal(wrong, 0);
}

/* Rights that let a request through do not make another of it. */
static void verbs_do_what_they_say(void **state)
{
	static const char *const types[] = {"application/json-patch+json", "application/apply-patch+yaml",
					    "application/merge-patch+json; charset=utf-8",
					    "application/strategic-merge-patch+json"};
	struct buf answer = {0};
	struct place p;
	int fd;

	(void)state;
	begin(&p, 0);
	give(&p, "creator", "[{\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],\"verbs\":[\"create\"]}]");
	give(&p, "core", ALL);
	/* A POST that says watch is a POST. */
	assert_int_equal(ask(&p, "t-creator", "POST", MAPS "?watch=true", "{\"metadata\":{\"name\":\"c\"}}"), 201);
	/* Rights in a namespace reach nothing outside of it, whatever the path looks like. */
	store_lock(&p.store);
	store_put(&p.store, KIND_NODE, cJSON_Parse("{\"metadata\":{\"name\":\"n\"}}"));
	store_unlock(&p.store);
	assert_int_equal(ask(&p, "t-core", "GET", "/api/v1/namespaces/ns/nodes/n", ""), 404);
	assert_int_equal(ask(&p, "t-core", "PATCH", "/api/v1/namespaces/ns/nodes/n", "{\"x\":1}"), 404);
	assert_int_equal(ask(&p, "t-core", "POST", "/api/v1/configmaps", "{\"metadata\":{\"name\":\"c\","
			     "\"namespace\":\"other\"}}"), 403);
	assert_int_equal(ask(&p, "t-creator", "POST", MAPS, "{\"metadata\":{\"name\":\"d\",\"namespace\":\"other\"}}"), 400);
	assert_int_equal(ask(&p, "t-core", "PUT", MAPS "/c", "{\"metadata\":{\"name\":\"d\"}}"), 400);
	assert_int_equal(ask(&p, "t-creator", "POST", MAPS, "{\"METADATA\":{\"name\":\"e\"},\"metadata\":{\"name\":\"f\"}}"),
			 422);
	assert_int_equal(ask(&p, "t-core", "PATCH", MAPS "/c", "{\"metadata\":\"none\"}"), 400);
	assert_int_equal(ask(&p, "t-core", "POST", MAPS "/c", "{\"metadata\":{\"name\":\"c\"}}"), 405);
	/* A name is made up where only its beginning is given. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask(&p, "t-creator", "POST", MAPS, "{\"metadata\":{\"generateName\":\"made-\"}}"), 201);
	assert_int_equal(ask(&p, "t-creator", "POST", MAPS, "{\"metadata\":{\"generateName\":\"Made_\"}}"), 422);
	assert_int_equal(ask_for(&p, "t-core", "GET", MAPS, "", &answer), 200);
	assert_non_null(strstr(buf_cstr(&answer), "\"name\":\"made-"));
	/* A patch of a kind that is not served is not taken for another. */
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		char *text = mem_fmt("PATCH " MAPS "/c HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-core\r\nContent-Type: %s\r\n"
				     "Content-Length: 18\r\n\r\n{\"data\":{\"a\":\"b\"}}", types[i]);

		fd = open_socket(&p);
		put(fd, text);
		assert_int_equal(status_of(fd, &answer), i < 2 ? 415 : 200);
		close(fd);
		free(text);
	}
	buf_free(&answer);
	end(&p);
}

/* What the server says of an object stays the server's. */
static void what_is_not_theirs(void **state)
{
	const cJSON *o;
	struct place p;
	char uid[64];

	(void)state;
	begin(&p, 0);
	give(&p, "sys", "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"endpoints\",\"services\"],\"verbs\":[\"*\"]}]");
	store_lock(&p.store);
	o = store_put(&p.store, KIND_POD, cJSON_Parse("{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"},\"spec\":"
		      "{\"nodeName\":\"n1\"},\"status\":{\"podIP\":\"10.240.11.2\"}}"));
	mem_copy_str(uid, sizeof(uid), json_str(json_get(o, "metadata"), "uid", ""));
	store_unlock(&p.store);
	assert_int_equal(ask(&p, "t-sys", "PATCH", "/api/v1/namespaces/ns/pods/p",
			     "{\"metadata\":{\"labels\":{\"role\":\"master\"}},\"status\":{\"podIP\":\"1.2.3.4\"}}"), 200);
	assert_int_equal(ask(&p, "t-sys", "PATCH", "/api/v1/namespaces/ns/pods/p",
			     "{\"metadata\":{\"uid\":\"00000000-0000-4000-8000-000000000000\"}}"), 409);
	assert_int_equal(ask(&p, "t-sys", "PATCH", "/api/v1/namespaces/ns/pods/p", "{\"spec\":{\"nodeName\":\"n2\"}}"), 422);
	store_lock(&p.store);
	o = store_get(&p.store, KIND_POD, "ns", "p");
	assert_string_equal(json_str(json_get(o, "metadata"), "uid", ""), uid);
	assert_string_equal(json_str(json_get(o, "status"), "podIP", ""), "10.240.11.2");
	assert_string_equal(json_str(json_get(o, "spec"), "nodeName", ""), "n1");
	assert_string_equal(json_str(json_path(o, "metadata.labels"), "role", ""), "master");
	store_unlock(&p.store);
	end(&p);
}

static void no_more_than_one_has(void **state)
{
	static const char *const rules = "[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"verbs\":[\"get\"]}]";
	struct place p;
	char *body;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", "[{\"apiGroups\":[\"rbac.authorization.k8s.io\"],\"resources\":[\"roles\",\"rolebindings\"],"
	     "\"verbs\":[\"create\",\"update\",\"patch\"]},{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]");
	give(&p, "secrets", rules);
	body = mem_fmt("{\"metadata\":{\"name\":\"more\"},\"rules\":%s}", rules);
	assert_int_equal(ask(&p, "t-sys", "POST", RBAC "roles", body), 403);
	free(body);
	body = mem_fmt("{\"rules\":%s}", rules);
	assert_int_equal(ask(&p, "t-sys", "PATCH", RBAC "roles/sys", body), 403);
	free(body);
	assert_int_equal(ask(&p, "t-sys", "POST", RBAC "rolebindings", "{\"metadata\":{\"name\":\"more\"},\"roleRef\":{\"kind\":"
			     "\"Role\",\"name\":\"secrets\"},\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"sys\"}]}"), 403);
	assert_int_equal(ask(&p, "t-sys", "GET", "/api/v1/namespaces/ns/secrets/s", ""), 403);
	/* What one has, one may give. */
	assert_int_equal(ask(&p, "t-sys", "POST", RBAC "roles", "{\"metadata\":{\"name\":\"same\"},\"rules\":[{\"apiGroups\":"
			     "[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"p\"],\"verbs\":[\"get\"]}]}"), 201);
	end(&p);
}

/* Endpoints and the like, which Patroni may write, end up in rules and files
 * that root writes. */
static void refused_at_each_write(void **state)
{
	static const char *const bodies[][2] = {
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.1.1 }; flush ruleset\"}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.241.1.1\"}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{\"ip\":\"127.0.0.1\"}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"notReadyAddresses\":[{\"ip\":\"::1\"}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.11.2\",\"hostname\":"
			      "\"a\\n10.240.0.9 evil\"}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.11.2\"}],\"ports\":"
			      "[{\"port\":70000}]}]}"},
		{"endpoints", "{\"metadata\":{\"name\":\"../e\"}}"},
		{"services", "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"clusterIP\":\"10.240.96.1; drop\"}}"},
		{"services", "{\"metadata\":{\"name\":\"s.t\"},\"spec\":{}}"},
		{"configmaps", "{\"metadata\":{\"name\":\"c\"},\"data\":{\"../../etc/passwd\":\"x\"}}"},
		{"configmaps", "{\"metadata\":{\"name\":\"c\",\"labels\":{\"a b\":\"x\"}}}"},
	};
	static const char *const specs[] = {
		"{\"volumes\":[{\"name\":\"../../..\",\"emptyDir\":{}}]}",
		"{\"volumes\":[{\"name\":\"h\",\"hostPath\":{\"path\":\"/\"}}]}",
		"{\"volumes\":[{\"name\":\"c\",\"persistentVolumeClaim\":{\"claimName\":\"../x\"}}]}",
		"{\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"m\",\"items\":[{\"key\":\"k\",\"path\":\"../k\"}]}}]}",
		"{\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"m\",\"items\":[{\"key\":\"k\",\"path\":\"/k\"}]}}]}",
		"{\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"m\",\"defaultMode\":2048}}]}",
		"{\"hostname\":\"a b\"}", "{\"subdomain\":\"a\\nb\"}",
		"{\"containers\":[{\"name\":\"c/d\"}]}",
		"{\"containers\":[{\"name\":\"c\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/a:/etc\"}]}]}",
		"{\"containers\":[{\"name\":\"c\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/a\",\"subPath\":\"b/../../c\"}]}]}",
		"{\"containers\":[{\"name\":\"c\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/a\",\"subPath\":\"/etc\"}]}]}",
		"{\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"A=B\"}]}]}",
		"{\"containers\":[{\"name\":\"c\",\"securityContext\":{\"capabilities\":{\"add\":[\"SYS_ADMIN\"]}}}]}",
		"{\"initContainers\":[{\"name\":\"c\",\"securityContext\":{\"capabilities\":{\"add\":[\"NET_ADMIN\"]}}}]}",
	};
	struct place p;
	char url[100];

	(void)state;
	begin(&p, 0);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		snprintf(url, sizeof(url), "/api/v1/namespaces/ns/%s", bodies[i][0]);
		if (ask(&p, "admin-token", "POST", url, bodies[i][1]) != 422)
			fail_msg("taken: %s", bodies[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		char *body = mem_fmt("{\"metadata\":{\"name\":\"w\"},\"spec\":{\"template\":{\"spec\":%s}}}", specs[i]);

		if (ask(&p, "admin-token", "POST", "/apis/apps/v1/namespaces/ns/statefulsets", body) != 422)
			fail_msg("taken: %s", specs[i]);
		free(body);
	}
	/* And when a good one is changed. */
	assert_int_equal(ask(&p, "admin-token", "POST", "/api/v1/namespaces/ns/endpoints", "{\"metadata\":{\"name\":\"e\"},"
			     "\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.11.2\",\"hostname\":\"pg-0\"}],\"ports\":"
			     "[{\"name\":\"sql\",\"port\":5432,\"protocol\":\"TCP\"}]}]}"), 201);
	assert_int_equal(ask(&p, "admin-token", "PATCH", "/api/v1/namespaces/ns/endpoints/e",
			     "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.11.2 }\"}]}]}"), 422);
	assert_int_equal(ask(&p, "admin-token", "PUT", "/api/v1/namespaces/ns/endpoints/e",
			     "{\"subsets\":[{\"addresses\":[{\"ip\":\"8.8.8.8\"}]}]}"), 422);
	end(&p);
}

/* Names are whole, or refused. */
static void long_names(void **state)
{
	static const struct {
		const char *plural;
		int bytes, status;
	} rows[] = {
		{"/api/v1/namespaces/ns/persistentvolumeclaims", 253, 201},
		{"/api/v1/namespaces/ns/persistentvolumeclaims", 254, 422},
		{"/api/v1/namespaces/ns/pods", 253, 201}, {"/api/v1/namespaces/ns/pods", 254, 422},
		{"/api/v1/namespaces/ns/services", 63, 201}, {"/api/v1/namespaces/ns/services", 64, 422},
		{"/apis/apps/v1/namespaces/ns/statefulsets", 61, 201}, {"/apis/apps/v1/namespaces/ns/statefulsets", 62, 422},
		{"/api/v1/namespaces/ns/configmaps", 253, 201},
	};
	struct place p;

	(void)state;
	begin(&p, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[300], *body;
		struct buf url = {0};

		memset(name, 'a', sizeof(name));
		name[rows[i].bytes] = '\0';
		body = mem_fmt("{\"metadata\":{\"name\":\"%s\"}}", name);
		assert_int_equal(ask(&p, "admin-token", "POST", rows[i].plural, body), rows[i].status);
		buf_fmt(&url, "%s/%s", rows[i].plural, name);
		assert_int_equal(ask(&p, "admin-token", "GET", buf_cstr(&url), ""), rows[i].status == 201 ? 200 : 404);
		if (rows[i].status != 201) {
			buf_free(&url);
			free(body);
			continue;
		}
		name[rows[i].bytes - 1] = '\0';
		buf_reset(&url);
		buf_fmt(&url, "%s/%s", rows[i].plural, name);
		assert_int_equal(ask(&p, "admin-token", "GET", buf_cstr(&url), ""), 404);
		buf_free(&url);
		free(body);
	}
	end(&p);
}

/* ---- what a caller whom nobody knows can make it hold ---- */

static void nothing_for_strangers(void **state)
{
	char *headers = mem_alloc(80 << 10);
	struct buf answer = {0};
	struct place p;
	int fd;

	(void)state;
	begin(&p, 0);
	/* It is told at once, not after its body. */
	fd = open_socket(&p);
	put(fd, "POST " MAPS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer nobody\r\nContent-Length: 1000000\r\n\r\n{");
	assert_int_equal(status_of(fd, &answer), 401);
	close(fd);
	fd = open_socket(&p);
	put(fd, "POST " MAPS " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":");
	assert_int_equal(status_of(fd, &answer), 401);
	close(fd);
	/* Nor is more of its headers kept than a request has. */
	fd = open_socket(&p);
	memset(headers, 'x', (80 << 10) - 1);
	put(fd, "GET " MAPS " HTTP/1.1\r\nHost: x\r\nX-Long: ");
	put(fd, headers);
	put(fd, "\r\n\r\n");
	assert_int_not_equal(status_of(fd, &answer), 200);
	close(fd);
	/* Too much is told before it is sent, to whom we know. */
	fd = open_socket(&p);
	put(fd, "POST " MAPS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-x\r\nContent-Length: 99000000\r\n\r\n");
	assert_int_equal(status_of(fd, &answer), 413);
	close(fd);
	/* Who says nothing is left. */
	fd = open_socket(&p);
	put(fd, "GET " MAPS " HTTP/1.1\r\n");
	assert_int_equal(recv(fd, headers, 100, 0), 0);
	close(fd);
	end(&p);
	free(headers);
	buf_free(&answer);
}

/* An address that takes all connections it can get does not get all. */
static void not_all_for_one(void **state)
{
	struct buf answer = {0};
	struct place p;
	int fds[12], open = 0;

	(void)state;
	begin(&p, 8);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = open_socket(&p);
		put(fds[i], "GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-x\r\n\r\n");
		open += status_of(fds[i], &answer) == 404;
	}
	assert_int_equal(open, 8);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	end(&p);
	buf_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(verbs_do_what_they_say),
		cmocka_unit_test(what_is_not_theirs),
		cmocka_unit_test(no_more_than_one_has),
		cmocka_unit_test(refused_at_each_write),
		cmocka_unit_test(long_names),
		cmocka_unit_test(nothing_for_strangers),
		cmocka_unit_test(not_all_for_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
