/* From which version on a reader wants to know: answered as kube-apiserver 1.34 does
 * (ValidateListOptions() of apimachinery, storage.ValidateListOptions(), Cacher.Get()). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test/unit/apiserver/place.h"

#define FORBIDDEN "ListOptions.meta.k8s.io \\\"\\\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "

/* Another kind's changes are none of a list's. */
static void put_other(struct store *s)
{
	cJSON *o = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(o, "metadata");

	json_set_str(meta, "name", "other");
	json_set_str(meta, "namespace", "ns");
	store_lock(s);
	store_put(s, KIND_SECRET, o);
	store_unlock(s);
}

struct row {
	const char *query; /* %lld: the newest version, plus... */
	int more;          /* ... so many */
	int status;
	const char *said; /* NULL: whatever */
};

static void hold_to(struct place *p, const char *url, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf answer = {0};
		char *full = mem_fmt("%s?", url), *query, *all;
		int64_t newest;
		int status;

		store_lock(&p->store);
		newest = p->store.version;
		store_unlock(&p->store);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		query = mem_fmt(rows[i].query, (long long)newest + rows[i].more);
#pragma GCC diagnostic pop
		all = mem_fmt("%s%s", full, query);
		status = ask_for(p, "t-sys", "GET", all, "", &answer);
		if (status != rows[i].status ||
		    (rows[i].said && !strstr(buf_cstr(&answer), rows[i].said)))
			fail_msg("%s: %s", all, buf_cstr(&answer));
		free(full);
		free(query);
		free(all);
		buf_free(&answer);
	}
}

static void a_list_is_as_new_as_asked(void **state)
{
	static const struct row rows[] = {
		{"resourceVersion=", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=0", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=0&resourceVersionMatch=NotOlderThan", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=1", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld&resourceVersionMatch=NotOlderThan", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld", 1, 504, "Timeout: Too large resource version: "},
		{"resourceVersion=%lld&resourceVersionMatch=NotOlderThan", 9, 504, "\"reason\":\"ResourceVersionTooLarge\""},
		{"resourceVersion=18446744073709551615", 0, 504, "Retry-After: 1"},
		{"resourceVersion=%lld&resourceVersionMatch=Exact", 1, 504, "\"reason\":\"Timeout\""},
		{"resourceVersion=18446744073709551616", 0, 400, "value out of range"},
		{"resourceVersion=old", 0, 400, "invalid resource version: resourceVersion: Invalid value: \\\"old\\\": "
						"strconv.ParseUint: parsing \\\"old\\\": invalid syntax"},
		{"resourceVersion=-1", 0, 400, "\"reason\":\"BadRequest\""},
		{"resourceVersionMatch=Exact", 0, 422, FORBIDDEN "is forbidden unless resourceVersion is provided"},
		{"resourceVersion=0&resourceVersionMatch=Exact", 0, 422,
		 FORBIDDEN "\\\"exact\\\" is forbidden for resourceVersion \\\"0\\\""},
		{"resourceVersion=1&resourceVersionMatch=exact", 0, 422,
		 "Unsupported value: \\\"exact\\\": supported values: \\\"Exact\\\", \\\"NotOlderThan\\\", \\\"\\\""},
		{"resourceVersionMatch=x", 0, 422, "is invalid: [resourceVersionMatch: Forbidden: "},
		{"sendInitialEvents=true", 0, 422, "sendInitialEvents is forbidden for list"},
	};
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	put_map(&p.store, "a", NULL, 10);
	hold_to(&p, MAPS, rows, ARRAY_LEN(rows));
	end(&p);
}

/* What was so at a version, and is so still; one that is not known any more is expired, and
 * clients ask anew. */
static void exactly_then(void **state)
{
	static const struct row now[] = {
		{"resourceVersion=%lld&resourceVersionMatch=Exact", 0, 200, "\"name\":\"a\""},
		/* The Secret was put between. */
		{"resourceVersion=%lld&resourceVersionMatch=Exact", -1, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld&resourceVersionMatch=Exact", -2, 410, "\"reason\":\"Expired\""},
		{"resourceVersion=%lld&limit=500", -2, 410, "The resourceVersion for the provided list is too old."},
		{"resourceVersion=%lld&limit=0", -2, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld&resourceVersionMatch=NotOlderThan&limit=500", -2, 200, "\"name\":\"a\""},
		{"resourceVersion=0&limit=500", 0, 200, "\"name\":\"a\""},
	};
	struct buf answer = {0};
	char *url, *version;
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	put_map(&p.store, "b", NULL, 10);
	put_map(&p.store, "a", NULL, 10);
	put_other(&p.store);
	hold_to(&p, MAPS, now, ARRAY_LEN(now));
	url = mem_fmt("%s?resourceVersion=%lld&resourceVersionMatch=Exact", MAPS, (long long)p.store.version - 1);
	version = mem_fmt("\"metadata\":{\"resourceVersion\":\"%lld\"}", (long long)p.store.version - 1);
	assert_int_equal(ask_for(&p, "t-sys", "GET", url, "", &answer), 200);
	assert_non_null(strstr(buf_cstr(&answer), version));
	free(url);
	free(version);
	buf_free(&answer);
	end(&p);
}

static void a_get_is_as_new_as_asked(void **state)
{
	static const struct row there[] = {
		{"resourceVersion=0", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=1", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld", 0, 200, "\"name\":\"a\""},
		{"resourceVersion=%lld", 1, 504, "\"reason\":\"ResourceVersionTooLarge\""},
		{"resourceVersion=x", 0, 500, "parsing \\\"x\\\": invalid syntax"},
		/* None of its options. */
		{"resourceVersionMatch=Exact", 0, 200, "\"name\":\"a\""},
	};
	static const struct row not[] = {
		{"resourceVersion=0", 0, 404, NULL},
		{"resourceVersion=%lld", 1, 504, NULL},
	};
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	put_map(&p.store, "a", NULL, 10);
	hold_to(&p, MAPS "/a", there, ARRAY_LEN(there));
	hold_to(&p, MAPS "/none", not, ARRAY_LEN(not));
	/* Who may not read hears nothing of versions. */
	assert_int_equal(ask(&p, "t-none", "GET", MAPS "/a?resourceVersion=x", ""), 403);
	end(&p);
}

/* A client that wants its list by a watch is told that there is none such, or it would wait
 * for a bookmark that never comes. */
static void a_watch_is_no_list(void **state)
{
	static const struct row rows[] = {
		{"watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", 0, 422,
		 "unless the WatchList feature gate is enabled"},
		{"watch=1&sendInitialEvents=true", 0, 422, "requires setting resourceVersionMatch to NotOlderThan"},
		{"watch=1&resourceVersion=1&resourceVersionMatch=NotOlderThan", 0, 422,
		 FORBIDDEN "is forbidden for watch unless sendInitialEvents is provided"},
		{"watch=1&resourceVersion=x", 0, 500, "parsing \\\"x\\\": invalid syntax"},
		{"watch=1&resourceVersion=1&timeoutSeconds=1", 0, 200, NULL},
	};
	struct place p;

	(void)state;
	begin(&p, 0);
	give(&p, "sys", ALL);
	put_map(&p.store, "a", NULL, 10);
	hold_to(&p, MAPS, rows, ARRAY_LEN(rows));
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_as_new_as_asked),
		cmocka_unit_test(exactly_then),
		cmocka_unit_test(a_get_is_as_new_as_asked),
		cmocka_unit_test(a_watch_is_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
