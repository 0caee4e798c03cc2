/* The client of the Kubernetes API against a server of the test's own: what
 * it asks, and what it makes of the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/object.h"
#include "kube/watch.h"

#define SOON_NS (20 * NS_PER_S)

/* What the server saw last, and what it answers. */
struct fake {
	struct MHD_Daemon *d;
	struct kube_conf conf;
	struct kube_client *k;
	pthread_mutex_t lock;
	char method[16], url[256], type[64], query[256], auth[64];
	struct buf body;
	int status;
	const char *answer;
	/* A watched collection: answers to lists and streams, in turn. */
	const char *const *lists, *const *streams;
	int nlists, nstreams, lists_asked, streams_asked;
	char versions[8][32]; /* resourceVersion of each stream */
	volatile int stop, hang;
	/* What a watch told. */
	struct buf told;
};

static enum MHD_Result reply(struct MHD_Connection *c, int status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok = MHD_queue_response(c, (unsigned)status, r);

	MHD_destroy_response(r);
	return ok;
}

static const char *arg_of(struct MHD_Connection *c, enum MHD_ValueKind kind, const char *key)
{
	const char *v = MHD_lookup_connection_value(c, kind, key);

	return v ? v : "";
}

static void wait_while(struct fake *f, const volatile int *flag)
{
	(void)f;
	while (__atomic_load_n(flag, __ATOMIC_RELAXED))
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
}

static enum MHD_Result watched(struct fake *f, struct MHD_Connection *c)
{
	const char *text;
	int i;

	pthread_mutex_lock(&f->lock);
	if (*arg_of(c, MHD_GET_ARGUMENT_KIND, "watch")) {
		i = f->streams_asked++;
		if (i < 8)
			mem_copy_str(f->versions[i], 32,
				     arg_of(c, MHD_GET_ARGUMENT_KIND, "resourceVersion"));
		text = i < f->nstreams ? f->streams[i] : NULL;
	} else {
		i = f->lists_asked++;
		text = f->lists[i < f->nlists ? i : f->nlists - 1];
	}
	pthread_mutex_unlock(&f->lock);
	/* Nothing more to tell: an open stream in which nothing happens. */
	if (!text)
		wait_while(f, &f->hang);
	return reply(c, 200, text ? text : "");
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *len, void **state)
{
	struct fake *f = arg;

	(void)version;
	if (!*state) {
		*state = f;
		buf_reset(&f->body);
		return MHD_YES;
	}
	if (*len) {
		buf_add(&f->body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	if (f->lists)
		return watched(f, c);
	pthread_mutex_lock(&f->lock);
	mem_copy_str(f->method, sizeof(f->method), method);
	mem_copy_str(f->url, sizeof(f->url), url);
	mem_copy_str(f->type, sizeof(f->type), arg_of(c, MHD_HEADER_KIND, "Content-Type"));
	mem_copy_str(f->auth, sizeof(f->auth), arg_of(c, MHD_HEADER_KIND, "Authorization"));
	snprintf(f->query, sizeof(f->query), "fieldManager=%s force=%s",
		 arg_of(c, MHD_GET_ARGUMENT_KIND, "fieldManager"),
		 arg_of(c, MHD_GET_ARGUMENT_KIND, "force"));
	pthread_mutex_unlock(&f->lock);
	wait_while(f, &f->hang);
	return reply(c, f->status, f->answer);
}

static int setup(void **state)
{
	struct fake *f = mem_alloc(sizeof(*f));
	struct err e = {0};

	pthread_mutex_init(&f->lock, NULL);
	f->d = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0,
				NULL, NULL, handle, f, MHD_OPTION_END);
	if (!f->d)
		return -1;
	f->conf.server = mem_fmt("http://127.0.0.1:%d",
				 (int)MHD_get_daemon_info(f->d, MHD_DAEMON_INFO_BIND_PORT)->port);
	f->conf.token = mem_strdup("t0ken");
	f->status = 200;
	f->answer = "{}";
	*state = f;
	return kube_client_new(&f->conf, &f->stop, &f->k, &e);
}

static int teardown(void **state)
{
	struct fake *f = *state;

	__atomic_store_n(&f->hang, 0, __ATOMIC_RELAXED);
	kube_client_free(f->k);
	MHD_stop_daemon(f->d);
	kube_conf_free(&f->conf);
	buf_free(&f->body);
	buf_free(&f->told);
	free(f);
	return 0;
}

static void says(const struct err *e, const char *text)
{
	if (!strstr(e->msg, text))
		fail_msg("\"%s\" does not say \"%s\"", e->msg, text);
}

static void apply_is_server_side(void **state)
{
	struct fake *f = *state;
	struct err e = {0};
	cJSON *o = cJSON_Parse("{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\","
			       "\"metadata\":{\"name\":\"pg\"}}"), *sent;

	assert_int_equal(kube_apply(f->k, "prod", o, &e), 0);
	assert_string_equal(f->method, "PATCH");
	assert_string_equal(f->url, "/apis/apps/v1/namespaces/prod/statefulsets/pg");
	assert_string_equal(f->type, "application/apply-patch+yaml");
	assert_string_equal(f->query, "fieldManager=ordeal force=true");
	assert_string_equal(f->auth, "Bearer t0ken");
	sent = cJSON_Parse(buf_cstr(&f->body));
	assert_true(cJSON_Compare(sent, o, 1));
	cJSON_Delete(sent);
	cJSON_Delete(o);
}

static void apply_says_what_the_server_says(void **state)
{
	struct fake *f = *state;
	struct err e = {0};
	cJSON *o = cJSON_Parse("{\"apiVersion\":\"v1\",\"kind\":\"Service\","
			       "\"metadata\":{\"name\":\"x\",\"namespace\":\"n\"}}");

	f->status = 422;
	f->answer = "{\"kind\":\"Status\",\"message\":\"spec.ports: Required value\"}";
	assert_int_equal(kube_apply(f->k, "prod", o, &e), -1);
	says(&e, "Service/x");
	says(&e, "422");
	assert_int_equal(e.kind, ERR_REFUSED);
	says(&e, "spec.ports: Required value");
	assert_string_equal(f->url, "/api/v1/namespaces/n/services/x");
	/* A field that there is not has no status of its own (structured-merge-diff). */
	f->status = 500;
	f->answer = "{\"kind\":\"Status\",\"message\":\"failed to create typed patch object (n/x; /v1, Kind=Service): .spec.a: field not declared "
		    "in schema\"}";
	assert_int_equal(kube_apply(f->k, "prod", o, &e), -1);
	assert_int_equal(e.kind, ERR_REFUSED);
	f->answer = "{\"kind\":\"Status\",\"message\":\"etcdserver: no leader\"}";
	assert_int_equal(kube_apply(f->k, "prod", o, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	cJSON_Delete(o);
}

static void unknown_kinds_are_looked_up(void **state)
{
	struct fake *f = *state;
	struct kube_kind kk;
	struct err e = {0};
	char path[512];

	f->answer = "{\"resources\":[{\"name\":\"rules/status\",\"kind\":\"Rule\",\"namespaced\":false},"
		    "{\"name\":\"rules\",\"kind\":\"Rule\",\"namespaced\":true}]}";
	assert_int_equal(kube_kind_find(f->k, "mon.io/v1", "Rule", &kk, &e), 0);
	assert_string_equal(f->url, "/apis/mon.io/v1");
	kube_kind_path(&kk, "ns", "r", path);
	assert_string_equal(path, "/apis/mon.io/v1/namespaces/ns/rules/r");
	assert_int_equal(kube_kind_find(f->k, "mon.io/v1", "Gone", &kk, &e), -1);
	says(&e, "no Gone of mon.io/v1");
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_int_equal(kube_kind_find(f->k, "../v1", "X y", &kk, &e), -1);
}

static void absence_is_no_error(void **state)
{
	struct fake *f = *state;
	struct err e = {0};
	cJSON *o;
	bool found = true;

	f->status = 404;
	f->answer = "{\"kind\":\"Status\",\"message\":\"not found\"}";
	assert_int_equal(kube_get(f->k, "/api/v1/namespaces/n/pods/p", &o, &e), 0);
	assert_null(o);
	assert_int_equal(kube_delete(f->k, "/api/v1/namespaces/n/pods/p", "Background", 0, "u1", &found,
				     &e), 0);
	assert_false(found);
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(f->method, "DELETE");
	assert_non_null(strstr(buf_cstr(&f->body), "\"gracePeriodSeconds\":0"));
	assert_non_null(strstr(buf_cstr(&f->body), "\"uid\":\"u1\""));
	f->status = 403;
	assert_int_equal(kube_get(f->k, "/api/v1/namespaces/n/pods/p", &o, &e), -1);
	says(&e, "pods/p in n");
	says(&e, "403");
}

static void a_dead_server_is_named(void **state)
{
	struct fake *f = *state;
	struct kube_conf conf = {.server = (char *)(uintptr_t)"http://127.0.0.1:1"};
	struct kube_client *k;
	struct err e = {0};
	cJSON *o;

	(void)f;
	assert_int_equal(kube_client_new(&conf, NULL, &k, &e), 0);
	assert_int_equal(kube_get(k, "/version", &o, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	says(&e, "http://127.0.0.1:1/version");
	kube_client_free(k);
}

static void requests_have_a_limit(void **state)
{
	struct fake *f = *state;
	struct kube_request q = {.path = "/slow", .timeout_ns = 50 * NS_PER_MS};
	struct buf b = {0};
	struct err e = {0};
	int status;

	f->hang = 1;
	assert_int_equal(kube_http(f->k, &q, &b, &status, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	says(&e, "/slow");
	buf_free(&b);
}

static void *interrupt(void *arg)
{
	struct fake *f = arg;
	bool asked = false;

	while (!asked) {
		pthread_mutex_lock(&f->lock);
		asked = f->url[0] != '\0';
		pthread_mutex_unlock(&f->lock);
	}
	__atomic_store_n(&f->stop, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void an_interruption_ends_a_request(void **state)
{
	struct fake *f = *state;
	struct kube_request q = {.path = "/slow", .timeout_ns = 600 * NS_PER_S};
	struct buf b = {0};
	struct err e = {0};
	pthread_t t;
	int status;

	f->hang = 1;
	assert_int_equal(pthread_create(&t, NULL, interrupt, f), 0);
	assert_int_equal(kube_http(f->k, &q, &b, &status, &e), -1);
	assert_int_equal(e.kind, ERR_INTERRUPTED);
	pthread_join(t, NULL);
	__atomic_store_n(&f->hang, 0, __ATOMIC_RELAXED);
	/* Cleaning up afterwards works; a second interruption ends that too. */
	kube_client_ignore(f->k, true);
	assert_int_equal(kube_http(f->k, &q, &b, &status, &e), 0);
	f->stop = 2;
	assert_int_equal(kube_http(f->k, &q, &b, &status, &e), -1);
	buf_free(&b);
}

/* ---- watches ---- */

static void tell(void *arg, const char *type, const cJSON *o)
{
	struct fake *f = arg;
	const cJSON *m = json_get(o, "metadata");

	pthread_mutex_lock(&f->lock);
	buf_fmt(&f->told, "%s %s@%s\n", type, json_str(m, "name", "?"),
		json_str(m, "resourceVersion", "-"));
	pthread_mutex_unlock(&f->lock);
}

#define OBJ(name, rv) \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" rv "\"}}"
#define LIST(rv, items) "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

/* Until the watch has told exactly this. */
static void await_told(struct fake *f, const char *want)
{
	int64_t end = clock_mono_ns() + SOON_NS;
	char *got = NULL;
	bool same = false;

	while (!same && clock_mono_ns() < end) {
		free(got);
		pthread_mutex_lock(&f->lock);
		got = mem_strdup(buf_cstr(&f->told));
		pthread_mutex_unlock(&f->lock);
		same = !strcmp(got, want);
		if (!same)
			clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
	if (!same)
		fail_msg("told:\n%s\nnot:\n%s", got, want);
	free(got);
}

static void await_streams(struct fake *f, int n)
{
	int64_t end = clock_mono_ns() + SOON_NS;
	int seen = 0;

	while (seen < n && clock_mono_ns() < end) {
		pthread_mutex_lock(&f->lock);
		seen = f->streams_asked;
		pthread_mutex_unlock(&f->lock);
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
	assert_true(seen >= n);
}

static struct kube_watch *watch(struct fake *f)
{
	struct kube_watch *w;
	struct err e = {0};

	f->hang = 1;
	assert_int_equal(kube_watch_start(&f->conf, "/api/v1/namespaces/n/pods", NULL, tell, f, &w, &e),
			 0);
	return w;
}

static void end(struct fake *f, struct kube_watch *w)
{
	kube_watch_stop(w);
	kube_watch_free(w);
	__atomic_store_n(&f->hang, 0, __ATOMIC_RELAXED);
}

static void a_watch_lists_then_follows(void **state)
{
	static const char *const lists[] = {LIST("10", OBJ("a", "5"))};
	static const char *const streams[] = {
		EVENT("MODIFIED", OBJ("a", "11")) EVENT("BOOKMARK", OBJ("", "12"))
			EVENT("ADDED", OBJ("b", "13")) EVENT("DELETED", OBJ("a", "14"))};
	struct fake *f = *state;
	struct kube_watch *w;

	f->lists = lists;
	f->nlists = 1;
	f->streams = streams;
	f->nstreams = 1;
	w = watch(f);
	await_told(f, "ADDED a@5\nMODIFIED a@11\nADDED b@13\nDELETED a@14\n");
	/* The stream has ended: the next one goes on where it was. */
	await_streams(f, 2);
	assert_string_equal(f->versions[0], "10");
	assert_string_equal(f->versions[1], "14");
	assert_int_equal(f->lists_asked, 1);
	end(f, w);
}

static void a_forgotten_version_is_listed_anew(void **state)
{
	static const char *const lists[] = {LIST("10", OBJ("a", "5") "," OBJ("b", "6")),
					    LIST("30", OBJ("b", "6") "," OBJ("c", "25"))};
	static const char *const streams[] = {
		EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}")};
	struct fake *f = *state;
	struct kube_watch *w;

	f->lists = lists;
	f->nlists = 2;
	f->streams = streams;
	f->nstreams = 1;
	w = watch(f);
	/* Only what changed meanwhile is told. */
	await_told(f, "ADDED a@5\nADDED b@6\nADDED c@25\nDELETED a@-\n");
	await_streams(f, 2);
	assert_string_equal(f->versions[1], "30");
	end(f, w);
}

static void a_torn_line_is_not_told(void **state)
{
	static const char *const lists[] = {LIST("10", "")};
	static const char *const streams[] = {EVENT("ADDED", OBJ("a", "11")) "{\"type\":\"ADD",
					      EVENT("ADDED", OBJ("b", "12"))};
	struct fake *f = *state;
	struct kube_watch *w;

	f->lists = lists;
	f->nlists = 1;
	f->streams = streams;
	f->nstreams = 2;
	w = watch(f);
	await_told(f, "ADDED a@11\nADDED b@12\n");
	end(f, w);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(apply_is_server_side),
		T(apply_says_what_the_server_says),
		T(unknown_kinds_are_looked_up),
		T(absence_is_no_error),
		T(a_dead_server_is_named),
		T(requests_have_a_limit),
		T(an_interruption_ends_a_request),
		T(a_watch_lists_then_follows),
		T(a_forgotten_version_is_listed_anew),
		T(a_torn_line_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
