/* What an account that we know can make the API hold: each limit is met, told,
 * and given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test/unit/apiserver/place.h"

static struct serve_limits limits;

static void as_usual(void)
{
	limits = serve_limits;
}

/* {"metadata":...,"data":{"k":"xxx..."}} of so many bytes of data; heap. */
static char *map_of(const char *name, size_t bytes)
{
	char *fill = mem_alloc(bytes + 1), *body;

	memset(fill, 'x', bytes);
	body = mem_fmt("{\"metadata\":{\"name\":\"%s\"},\"data\":{\"k\":\"%s\"}}", name, fill);
	free(fill);
	return body;
}

static int create(struct place *p, const char *token, const char *name, size_t bytes)
{
	char *body = map_of(name, bytes);
	int status = ask(p, token, "POST", MAPS, body);

	free(body);
	return status;
}

/* Asks until it is answered so: the server learns a moment later that somebody
 * has hung up. */
static int until(struct place *p, const char *method, const char *url, const char *body, int status)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	int got;

	while ((got = ask(p, "t-sys", method, url, body)) != status && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	return got;
}

static void size_of_an_object(void **state)
{
	struct buf b = {0};
	struct place p;

	(void)state;
	as_usual();
	begin_limited(&p, &limits);
	assert_int_equal(create(&p, "t-sys", "fits", (1 << 20) - 1), 201);
	/* Kubernetes' own limit on data, in its words. */
	assert_int_equal(create(&p, "t-sys", "data", (1 << 20) + 1), 422);
	/* etcd's, on anything. */
	buf_str(&b, "{\"metadata\":{\"name\":\"e\"},\"subsets\":[{\"addresses\":[{\"ip\":\"10.240.11.2\",\"x\":\"");
	for (int i = 0; i < (3 << 19); i++)
		buf_char(&b, 'x');
	buf_str(&b, "\"}]}]}");
	assert_int_equal(ask(&p, "t-sys", "POST", "/api/v1/namespaces/ns/endpoints", buf_cstr(&b)), 413);
	/* What is short to write and long to keep. */
	buf_reset(&b);
	buf_str(&b, "{\"metadata\":{\"name\":\"zeros\"},\"x\":[0");
	for (int i = 0; i < 300000; i++)
		buf_str(&b, ",0");
	buf_str(&b, "]}");
	assert_int_equal(ask(&p, "t-sys", "POST", MAPS, buf_cstr(&b)), 413);
	/* Keys that would be looked for one by one. */
	for (int keys = 4000; keys < 6000; keys += 1000) {
		buf_reset(&b);
		buf_fmt(&b, "{\"metadata\":{\"name\":\"keys%d\"},\"data\":{\"k\":\"\"", keys);
		for (int i = 0; i < keys; i++)
			buf_fmt(&b, ",\"k%d\":\"\"", i);
		buf_str(&b, "}}");
		assert_int_equal(ask(&p, "t-sys", "POST", MAPS, buf_cstr(&b)), keys == 4000 ? 201 : 413);
	}
	buf_reset(&b);
	buf_str(&b, "{\"metadata\":{\"annotations\":{\"a\":\"");
	for (int i = 0; i < 256 << 10; i++)
		buf_char(&b, 'x');
	buf_str(&b, "\"}}}");
	assert_int_equal(ask(&p, "t-sys", "PATCH", MAPS "/fits", buf_cstr(&b)), 422);
	end(&p);
	buf_free(&b);
}

#define SERVICES "/api/v1/namespaces/ns/services"

static int add_service(struct place *p, const char *name, const char *ip, int ports)
{
	struct buf b = {0};
	int status;

	buf_fmt(&b, "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"clusterIP\":\"%s\",\"ports\":[", name, ip);
	for (int i = 1; i <= ports; i++)
		buf_fmt(&b, "%s{\"name\":\"p%d\",\"port\":%d}", i > 1 ? "," : "", i, i);
	buf_str(&b, "]}}");
	status = ask(p, "t-sys", "POST", SERVICES, buf_cstr(&b));
	buf_free(&b);
	return status;
}

/* Whoever had a pod's address, or the API's, would stand between it and all pods. */
static void addresses_of_services(void **state)
{
	struct place p;

	(void)state;
	as_usual();
	begin_limited(&p, &limits);
	assert_int_equal(add_service(&p, "api", "10.240.0.2", 1), 422);
	assert_int_equal(add_service(&p, "pod", "10.240.11.2", 1), 422);
	assert_int_equal(add_service(&p, "next", "10.240.112.1", 1), 422);
	assert_int_equal(add_service(&p, "a", "10.240.96.9", 1), 201);
	assert_int_equal(add_service(&p, "b", "10.240.96.9", 1), 422);
	assert_int_equal(ask(&p, "t-sys", "PATCH", SERVICES "/a", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), 200);
	assert_int_equal(add_service(&p, "c", "None", 1), 201);
	assert_int_equal(add_service(&p, "d", "None", 1), 201);
	end(&p);
}

static int add_endpoints(struct place *p, const char *name, int addresses)
{
	struct buf b = {0};
	int status;

	buf_fmt(&b, "{\"metadata\":{\"name\":\"%s\"},\"subsets\":[{\"ports\":[{\"port\":1}],\"addresses\":[", name);
	for (int i = 0; i < addresses; i++)
		buf_fmt(&b, "%s{\"ip\":\"10.240.%d.%d\"}", i ? "," : "", 11 + i / 250, 2 + i % 250);
	buf_str(&b, "]}]}");
	status = ask(p, "t-sys", "POST", "/api/v1/namespaces/ns/endpoints", buf_cstr(&b));
	buf_free(&b);
	return status;
}

/* Each port with each address is a rule in every pod. */
static void ports_and_addresses(void **state)
{
	struct place p;

	(void)state;
	as_usual();
	begin_limited(&p, &limits);
	assert_int_equal(add_service(&p, "many", "10.240.96.8", 100), 201);
	assert_int_equal(add_service(&p, "more", "10.240.96.9", 101), 422);
	assert_int_equal(add_endpoints(&p, "many", 1000), 201);
	assert_int_equal(add_endpoints(&p, "more", 1001), 422);
	end(&p);
}

static int add_pod(struct place *p, const char *name, const char *spec)
{
	char *text = mem_fmt("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"},\"spec\":{%s,\"containers\":[{\"name\":\"c\","
			     "\"image\":\"i\"}]}}", name, spec);
	int status = ask(p, "admin-token", "POST", "/api/v1/namespaces/ns/pods", text);

	free(text);
	return status;
}

static int add_job(struct place *p, int length)
{
	char *text = mem_fmt("{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"%0*d\"},\"spec\":{\"template\":{\"spec\":{"
			     "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}", length, 1);
	int status = ask(p, "admin-token", "POST", "/apis/batch/v1/namespaces/ns/jobs", text);

	free(text);
	return status;
}

/* What becomes a line of a file has no second one in it; what becomes a label is no
 * longer than one. */
static void lines_and_labels(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 0);
	assert_int_equal(add_pod(&p, "a", "\"hostAliases\":[{\"ip\":\"1.2.3.4\",\"hostnames\":[\"x.y\"]}],\"dnsConfig\":{\"searches\":"
				 "[\"a_b.c.\"],\"options\":[{\"name\":\"ndots\",\"value\":\"2\"}]}"), 201);
	assert_int_equal(add_pod(&p, "b", "\"hostAliases\":[{\"ip\":\"1.2.3.4\\n6.6.6.6\",\"hostnames\":[\"x\"]}]"), 422);
	assert_int_equal(add_pod(&p, "b", "\"hostAliases\":[{\"ip\":\"x\",\"hostnames\":[\"x\"]}]"), 422);
	assert_int_equal(add_pod(&p, "b", "\"hostAliases\":[{\"ip\":\"1.2.3.4\",\"hostnames\":[\"x\\n6.6.6.6 db\"]}]"), 422);
	assert_int_equal(add_pod(&p, "b", "\"dnsConfig\":{\"searches\":[\"x\\nnameserver 6.6.6.6\"]}"), 422);
	assert_int_equal(add_pod(&p, "b", "\"dnsConfig\":{\"options\":[{\"name\":\"x\\nnameserver 6.6.6.6\"}]}"), 422);
	assert_int_equal(add_pod(&p, "b", "\"dnsConfig\":{\"options\":[{\"name\":\"x\",\"value\":\"1 2\"}]}"), 422);
	assert_int_equal(add_job(&p, 63), 201);
	assert_int_equal(add_job(&p, 64), 422);
	end(&p);
}

/* Nor does it grow by patches. */
static void grown_by_patches(void **state)
{
	char patch[60];
	struct place p;
	int status = 200, n;

	(void)state;
	as_usual();
	limits.map_keys = 40;
	begin_limited(&p, &limits);
	assert_int_equal(create(&p, "t-sys", "a", 1), 201);
	for (n = 0; n < 60 && status == 200; n++) {
		snprintf(patch, sizeof(patch), "{\"data\":{\"k%d\":\"\"}}", n);
		status = ask(&p, "t-sys", "PATCH", MAPS "/a", patch);
	}
	assert_int_equal(status, 413);
	assert_int_equal(n, 40);
	end(&p);
}

static void number_of_objects(void **state)
{
	struct place p;
	char name[20];
	int made = 0, status = 201;

	(void)state;
	as_usual();
	limits.objects = 30;
	begin_limited(&p, &limits);
	while (status == 201 && made < 100) {
		snprintf(name, sizeof(name), "m%d", made);
		status = create(&p, "t-sys", name, 10);
		made += status == 201;
	}
	assert_int_equal(status, 403);
	assert_int_equal(made, 28); /* a role and its binding are there */
	/* What is there can be changed, and made room with. */
	assert_int_equal(ask(&p, "t-sys", "PATCH", MAPS "/m0", "{\"data\":{\"k\":\"other\"}}"), 200);
	assert_int_equal(ask(&p, "t-sys", "POST", "/api/v1/namespaces/ns/events", "{\"metadata\":{\"name\":\"e\"}}"), 403);
	assert_int_equal(ask(&p, "t-sys", "DELETE", MAPS "/m0", ""), 200);
	assert_int_equal(ask(&p, "t-sys", "POST", "/api/v1/namespaces/ns/events", "{\"metadata\":{\"name\":\"e\"}}"), 201);
	/* The driver is not held up by them. */
	assert_int_equal(create(&p, "admin-token", "of-the-driver", 10), 201);
	end(&p);
}

static void memory_of_all(void **state)
{
	struct place p;
	char name[20], *body;
	int made = 0, status = 201;

	(void)state;
	as_usual();
	limits.store_memory = 1 << 20;
	begin_limited(&p, &limits);
	while (status == 201 && made < 100) {
		snprintf(name, sizeof(name), "m%d", made);
		status = create(&p, "t-sys", name, 100000);
		made += status == 201;
	}
	assert_int_equal(status, 403);
	assert_in_range(made, 9, 10);
	body = map_of("m0", 300000);
	assert_int_equal(ask(&p, "t-sys", "PUT", MAPS "/m0", body), 403);
	free(body);
	body = map_of("m0", 10);
	assert_int_equal(ask(&p, "t-sys", "PUT", MAPS "/m0", body), 200);
	free(body);
	assert_int_equal(create(&p, "t-sys", "another", 90000), 201);
	end(&p);
}

/* Bodies that are announced and do not come, answers that nobody takes. */
static void what_is_under_way(void **state)
{
	struct buf answer = {0};
	char word[100], *body;
	struct place p;
	ssize_t n;
	int fd;

	(void)state;
	as_usual();
	limits.held_bytes = 200000;
	begin_limited(&p, &limits);
	body = map_of("b", 50000);
	fd = open_socket(&p);
	put(fd, "POST " MAPS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-sys\r\nExpect: 100-continue\r\n"
		"Content-Length: 190000\r\n\r\n");
	n = recv(fd, word, sizeof(word), 0);
	assert_true(n > 12 && !memcmp(word, "HTTP/1.1 100", 12)); /* it is waited for */
	assert_int_equal(ask(&p, "t-sys", "PATCH", MAPS "/none", body), 429);
	assert_int_equal(ask(&p, "t-sys", "GET", MAPS "/none", ""), 404);
	assert_int_equal(create(&p, "admin-token", "of-the-driver", 150000), 201);
	close(fd);
	assert_int_equal(until(&p, "PATCH", MAPS "/none", body, 404), 404);
	assert_int_equal(ask(&p, "t-sys", "POST", MAPS, body), 201);
	free(body);
	/* A list of 200,000 bytes is more than is held for anybody. */
	assert_int_equal(ask_for(&p, "t-sys", "GET", MAPS, "", &answer), 429);
	assert_non_null(strstr(buf_cstr(&answer), "Retry-After: 1\r\n"));
	assert_int_equal(ask(&p, "t-sys", "GET", MAPS "/b", ""), 200);
	assert_int_equal(ask(&p, "admin-token", "GET", MAPS, ""), 200);
	/* Without a length it may become as long as a body may be. */
	fd = open_socket(&p);
	put(fd, "POST " MAPS " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t-sys\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n");
	assert_int_equal(status_of(fd, &answer), 429);
	close(fd);
	end(&p);
	buf_free(&answer);
}

static void watches(void **state)
{
	struct buf answer = {0};
	struct place p;
	int fds[3], status = 0;

	(void)state;
	as_usual();
	limits.watches = ARRAY_LEN(fds);
	begin_limited(&p, &limits);
	assert_int_equal(create(&p, "t-sys", "a", 1), 201);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = send_it(&p, "t-sys", "GET", MAPS "?watch=true", "");
		assert_int_equal(status_of(fds[i], &answer), 200);
	}
	assert_int_equal(ask(&p, "t-sys", "GET", MAPS "?watch=true", ""), 429);
	assert_int_equal(ask(&p, "admin-token", "GET", MAPS "?watch=true", ""), 200);
	assert_int_equal(ask(&p, "t-sys", "GET", MAPS, ""), 200);
	close(fds[0]);
	/* The server sees it when it has something to say to him. */
	for (int i = 0; i < 1000 && status != 200; i++) {
		char name[20];

		snprintf(name, sizeof(name), "b%d", i);
		assert_int_equal(create(&p, "t-sys", name, 1), 201);
		status = ask(&p, "t-sys", "GET", MAPS "?watch=true", "");
	}
	assert_int_equal(status, 200);
	for (size_t i = 1; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	end(&p);
	buf_free(&answer);
}

/* Changes come in pieces, and all of them. */
static void long_watch(void **state)
{
	enum { MAPS_MADE = 60 };
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	struct buf b = {0};
	char chunk[65536], name[20];
	struct place p;
	int fd, seen = 0;
	ssize_t n;

	(void)state;
	as_usual();
	begin_limited(&p, &limits);
	for (int i = 0; i < MAPS_MADE; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		assert_int_equal(create(&p, "admin-token", name, 30000), 201);
	}
	fd = send_it(&p, "t-sys", "GET", MAPS "?watch=true", "");
	while (seen < MAPS_MADE && clock_mono_ns() < end_ns &&
	       (n = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		buf_add(&b, chunk, (size_t)n);
		seen = 0;
		for (const char *at = buf_cstr(&b); (at = strstr(at, "\"type\":\"ADDED\"")); at++)
			seen++;
	}
	assert_int_equal(seen, MAPS_MADE);
	for (int i = 0; i < MAPS_MADE; i++) {
		char text[40];

		snprintf(text, sizeof(text), "\"name\":\"m%d\"", i);
		assert_non_null(strstr(buf_cstr(&b), text));
	}
	close(fd);
	end(&p);
	buf_free(&b);
}

/* What is kept of changes is bounded, whatever they were. */
static void changes_kept(void **state)
{
	char *fill = mem_alloc((1 << 20) + 1);
	struct store s;

	(void)state;
	memset(fill, 'x', 1 << 20);
	store_init(&s);
	store_lock(&s);
	for (int i = 0; i < 200; i++) {
		cJSON *o = cJSON_CreateObject();

		fill[0] = (char)('a' + i % 26);
		json_set_str(cJSON_AddObjectToObject(o, "metadata"), "name", "m");
		json_set_str(o, "x", fill);
		store_put(&s, KIND_NODE, o);
		assert_true(s.changes_bytes < (size_t)66 << 20);
		assert_true(s.bytes < (size_t)2 << 20);
	}
	assert_true(s.nchanges > 10);
	assert_true(s.forgotten > 100);
	assert_int_equal(s.changes[s.nchanges - 1].version, s.version);
	assert_true(store_delete(&s, KIND_NODE, NULL, "m"));
	assert_int_equal(s.bytes, 0);
	store_unlock(&s);
	store_free(&s);
	free(fill);
}

/* One log at a time is in memory, whoever asks. */
static int logs_now, logs_most;

static int slow_log(void *arg, const char *ns, const char *pod, const char *container,
		    bool previous, int lines, bool timestamps, struct buf *out, struct err *e)
{
	int now = __atomic_add_fetch(&logs_now, 1, __ATOMIC_RELAXED);

	(void)arg, (void)ns, (void)pod, (void)container, (void)previous, (void)lines,
		(void)timestamps, (void)e;
	if (now > __atomic_load_n(&logs_most, __ATOMIC_RELAXED))
		__atomic_store_n(&logs_most, now, __ATOMIC_RELAXED);
	clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	buf_str(out, "a log\n");
	__atomic_sub_fetch(&logs_now, 1, __ATOMIC_RELAXED);
	return 0;
}

static void logs(void **state)
{
	struct buf answer = {0};
	struct place p;
	int fds[8];

	(void)state;
	as_usual();
	begin_limited(&p, &limits);
	p.conf.log = slow_log;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = send_it(&p, "t-sys", "GET", "/api/v1/namespaces/ns/pods/p/log", "");
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_int_equal(status_of(fds[i], &answer), 200);
		close(fds[i]);
	}
	assert_int_equal(logs_most, 1);
	end(&p);
	buf_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_services),
		cmocka_unit_test(ports_and_addresses),
		cmocka_unit_test(lines_and_labels),
		cmocka_unit_test(size_of_an_object),
		cmocka_unit_test(grown_by_patches),
		cmocka_unit_test(number_of_objects),
		cmocka_unit_test(memory_of_all),
		cmocka_unit_test(what_is_under_way),
		cmocka_unit_test(watches),
		cmocka_unit_test(long_watch),
		cmocka_unit_test(changes_kept),
		cmocka_unit_test(logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
