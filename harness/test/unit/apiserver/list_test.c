/* Whoever lists all that there is holds nobody up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "apiserver/call.h"
#include "apiserver/list.h"
#include "test/unit/apiserver/place.h"

/* By what the rest of the process computed meanwhile: a machine that is busy keeps anybody
 * waiting. */
struct waiting {
	struct store *s;
	int stop; /* atomic */
	int64_t most_ns;
};

static int64_t cpu_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t others_ns(void)
{
	return cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* The driver, as it were. */
static void *wait_for_lock(void *arg)
{
	struct waiting *w = arg;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		int64_t t = others_ns();

		store_lock(w->s);
		t = others_ns() - t;
		store_unlock(w->s);
		if (t > w->most_ns)
			w->most_ns = t;
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	}
	return NULL;
}

static void nobody_waits_for_a_list(void **state)
{
	enum { TRIES = 10 };
	struct buf answer = {0};
	struct place p;
	bool good = false;
	char name[20];

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		put_map(&p.store, name, NULL, 1 << 20);
	}
	/* A machine that is busy may keep anybody waiting for once. */
	for (int i = 0; i < TRIES && !good; i++) {
		struct waiting w = {.s = &p.store};
		int64_t t = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, &w), 0);
		assert_int_equal(ask_for(&p, "t-sys", "GET", MAPS, "", &answer), 200);
		__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		t = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - t;
		assert_true(answer.len > (size_t)60 << 20);
		good = w.most_ns < t / 5;
	}
	assert_true(good);
	end(&p);
	buf_free(&answer);
}

static int asked; /* atomic */

static bool counted(void *arg, const char *token, const char **ns, const char **account)
{
	__atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
	return account_of(arg, token, ns, account);
}

/* Each of many who wait would hold the objects of another moment. */
static void who_waits_holds_nothing(void **state)
{
	int64_t end_ns = clock_mono_ns() + SOON_NS;
	struct buf answer = {0};
	char chunk[4096];
	struct place p;
	ssize_t n;
	int fd;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	p.conf.account = counted;
	put_map(&p.store, "old", NULL, 10);
	pthread_mutex_lock(&p.serve->listing);
	fd = send_it(&p, "t-sys", "GET", MAPS, "");
	while (!__atomic_load_n(&asked, __ATOMIC_RELAXED) && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + NS_PER_MS);
	/* Nothing tells that it waits; whoever is late here sees nothing wrong. */
	clock_sleep_until(clock_mono_ns() + 100 * NS_PER_MS);
	put_map(&p.store, "new", NULL, 10);
	pthread_mutex_unlock(&p.serve->listing);
	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		buf_add(&answer, chunk, (size_t)n);
	close(fd);
	assert_non_null(strstr(buf_cstr(&answer), "\"name\":\"old\""));
	assert_non_null(strstr(buf_cstr(&answer), "\"name\":\"new\""));
	end(&p);
	buf_free(&answer);
}

/* Each is looked for in each object, and in each change by each watch. */
static void selectors_have_an_end(void **state)
{
	static const char *const urls[] = {MAPS "?labelSelector=", MAPS "?fieldSelector=",
					   MAPS "?watch=true&labelSelector="};
	struct buf b = {0};
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		for (int terms = 100; terms <= 101; terms++) {
			buf_reset(&b);
			buf_str(&b, urls[i]);
			for (int k = 0; k < terms; k++)
				buf_fmt(&b, "%sa!=b", k ? "," : "");
			assert_int_equal(ask(&p, "t-sys", "GET", buf_cstr(&b), ""), terms == 100 ? 200 : 400);
			assert_int_equal(ask(&p, "admin-token", "GET", buf_cstr(&b), ""), 200);
		}
	}
	assert_int_equal(ask(&p, "t-sys", "DELETE", buf_cstr(&b), ""), 400);
	buf_reset(&b);
	buf_str(&b, MAPS "?labelSelector=");
	for (int k = 0; k < 4097; k++)
		buf_char(&b, 'a');
	assert_int_equal(ask(&p, "t-sys", "GET", buf_cstr(&b), ""), 400);
	end(&p);
	buf_free(&b);
}

static void put_labelled(struct store *s, int i)
{
	cJSON *o = cJSON_CreateObject(), *m = cJSON_AddObjectToObject(o, "metadata"), *labels;
	char name[20];

	snprintf(name, sizeof(name), "l%d", i);
	json_set_str(m, "name", name);
	json_set_str(m, "namespace", "ns");
	labels = cJSON_AddObjectToObject(m, "labels");
	for (int k = 0; k < 100; k++) {
		snprintf(name, sizeof(name), "label-%d", k);
		json_set_str(labels, name, "x");
	}
	store_lock(s);
	store_put(s, KIND_CONFIG_MAP, o);
	store_unlock(s);
}

/* Nor for a watch whose selector takes long, and selects nothing. */
static void nobody_waits_for_a_watch(void **state)
{
	enum { TRIES = 10, OBJECTS = 2000, TERMS = 100 };
	struct buf url = {0}, selector = {0}, answer = {0};
	struct place p;
	bool good = false;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	for (int i = 0; i < OBJECTS; i++)
		put_labelled(&p.store, i);
	for (int i = 1; i < TERMS; i++)
		buf_str(&selector, "label-z!=a,");
	buf_str(&selector, "label-z=a");
	buf_fmt(&url, MAPS "?watch=true&timeoutSeconds=1&labelSelector=%s", buf_cstr(&selector));
	for (int i = 0; i < TRIES && !good; i++) {
		const struct list_of l = {kind_by_id(KIND_CONFIG_MAP), buf_cstr(&selector), NULL};
		struct waiting w = {.s = &p.store};
		int64_t all_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
		pthread_t thread;

		for (size_t k = 0; k < p.store.n; k++)
			assert_false(list_has(&l, p.store.v[k].object));
		all_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - all_ns;
		assert_int_equal(pthread_create(&thread, NULL, wait_for_lock, &w), 0);
		assert_int_equal(ask_for(&p, "t-sys", "GET", buf_cstr(&url), "", &answer), 200);
		__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		good = w.most_ns < all_ns / 3;
	}
	assert_true(good);
	end(&p);
	buf_free(&url);
	buf_free(&selector);
	buf_free(&answer);
}

/* What somebody reads stays as it was. */
static void what_is_held_stays(void **state)
{
	struct store_view view;
	struct store s;

	(void)state;
	store_init(&s);
	put_map(&s, "a", NULL, 10);
	put_map(&s, "b", NULL, 10);
	store_lock(&s);
	store_view(&s, kind_by_id(KIND_CONFIG_MAP), "ns", &view);
	assert_true(store_delete(&s, KIND_CONFIG_MAP, "ns", "a"));
	store_unlock(&s);
	put_map(&s, "b", NULL, 20);
	store_free(&s);
	assert_int_equal(view.n, 2);
	assert_int_equal(view.version, 2);
	assert_string_equal(json_str(json_get(view.v[0]->object, "metadata"), "resourceVersion", ""), "1");
	assert_string_equal(json_str(json_get(view.v[1]->object, "data"), "k", ""), "xxxxxxxxxx");
	store_view_free(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits_for_a_list),
		cmocka_unit_test(who_waits_holds_nothing),
		cmocka_unit_test(nobody_waits_for_a_watch),
		cmocka_unit_test(selectors_have_an_end),
		cmocka_unit_test(what_is_held_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
