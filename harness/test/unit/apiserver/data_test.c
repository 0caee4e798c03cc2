/* Secrets are kept and read as an API server keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "apiserver/data.h"
#include "test/unit/apiserver/place.h"

#define SECRETS "/api/v1/namespaces/ns/secrets"

/* What is stored of it, as JSON; "" when it was refused so. */
static void written(struct place *p, const char *method, const char *url, const char *body,
		    int status, const char *data)
{
	struct buf answer = {0};
	cJSON *o;
	char *text;

	assert_int_equal(ask_for(p, "admin-token", method, url, body, &answer), status);
	if (status < 300) {
		assert_int_equal(ask_for(p, "admin-token", "GET", SECRETS "/s", "", &answer), 200);
		o = cJSON_Parse(strstr(buf_cstr(&answer), "\r\n\r\n"));
		assert_null(json_get(o, "stringData"));
		text = json_text(json_get(o, "data"));
		assert_string_equal(text, data);
		free(text);
		cJSON_Delete(o);
	}
	buf_free(&answer);
}

static void over_the_wire(void **state)
{
	struct place p;

	(void)state;
	begin(&p, 0);
	written(&p, "POST", SECRETS, "{\"metadata\":{\"name\":\"s\"},\"stringData\":{\"k\":\"hush\",\"both\":\"this\"},"
		"\"data\":{\"b\":\"AAE=\",\"both\":\"bm90\"}}", 201,
		"{\"b\":\"AAE=\",\"k\":\"aHVzaA==\",\"both\":\"dGhpcw==\"}");
	written(&p, "PATCH", SECRETS "/s", "{\"stringData\":{\"k\":\"x\"},\"data\":{\"both\":null}}", 200,
		"{\"b\":\"AAE=\",\"k\":\"eA==\"}");
	written(&p, "PUT", SECRETS "/s", "{\"metadata\":{\"name\":\"s\"},\"data\":{\"k\":\"plain text\"}}", 400, "");
	written(&p, "PUT", SECRETS "/s", "{\"metadata\":{\"name\":\"s\"},\"data\":{\"k\":7}}", 400, "");
	written(&p, "PUT", SECRETS "/s", "{\"metadata\":{\"name\":\"s\"},\"data\":{\"k\":\"eQ==\"}}", 200, "{\"k\":\"eQ==\"}");
	/* A ConfigMap's data are text. */
	assert_int_equal(ask(&p, "admin-token", "POST", "/api/v1/namespaces/ns/configmaps",
			     "{\"metadata\":{\"name\":\"m\"},\"data\":{\"k\":\"plain text\"}}"), 201);
	assert_int_equal(ask(&p, "admin-token", "POST", "/api/v1/namespaces/ns/configmaps",
			     "{\"metadata\":{\"name\":\"n\"},\"binaryData\":{\"k\":\"plain text\"}}"), 400);
	end(&p);
}

static int counted(void *arg, const char *key, const struct buf *value)
{
	(void)key, (void)value;
	++*(int *)arg;
	return 0;
}

static void values(void **state)
{
	cJSON *secret = cJSON_Parse("{\"kind\":\"Secret\",\"data\":{\"k\":\"YQBi\"},\"binaryData\":{\"../x\":\"YQBi\"}}");
	int files = 0;
	cJSON *map = cJSON_Parse("{\"kind\":\"ConfigMap\",\"data\":{\"k\":\"YQBi\"},\"binaryData\":{\"b\":\"YQBi\"}}");
	struct buf b = {0};

	(void)state;
	assert_true(data_value(secret, DATA_VARIABLES, "k", &b));
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.s, "a\0b", 3);
	assert_true(data_value(map, DATA_VARIABLES, "k", &b));
	assert_string_equal(buf_cstr(&b), "YQBi");
	assert_false(data_value(map, DATA_VARIABLES, "b", &b));
	assert_true(data_value(map, DATA_FILES, "b", &b));
	assert_int_equal(b.len, 3);
	assert_false(data_value(secret, DATA_FILES, "none", &b));
	/* A field of another kind, of which no key was looked at. */
	assert_false(data_value(secret, DATA_FILES, "../x", &b));
	data_each(secret, DATA_FILES, counted, &files);
	assert_int_equal(files, 1);
	buf_free(&b);
	cJSON_Delete(secret);
	cJSON_Delete(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(over_the_wire),
					   cmocka_unit_test(values)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
