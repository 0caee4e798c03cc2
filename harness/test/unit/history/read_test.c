/* What is read strictly: lines, fields and their types, and what a history says
 * twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/read.h"

struct fixture {
	char path[64];
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	int fd;

	mem_copy_str(f->path, sizeof(f->path), "/tmp/ordeal-read-XXXXXX");
	fd = mkstemp(f->path);
	*state = f;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int r = unlink(f->path);

	free(f);
	return r;
}

static void put(struct fixture *f, const char *text, size_t len)
{
	struct err e = {0};

	if (file_write_atomic(f->path, text, len, &e))
		fail_msg("%s", e.msg);
}

static void refused(const char *what, const struct err *e, const char *why)
{
	assert_int_equal(e->kind, ERR_INPUT);
	if (!strstr(e->msg, why))
		fail_msg("%s: \"%s\" instead of \"%s\"", what, e->msg, why);
}

/* why: NULL: it is read, and holds n operations. */
static void ops_are(struct fixture *f, const char *text, size_t n, const char *why)
{
	struct history h = {0};
	struct err e = {0};
	int r;

	put(f, text, strlen(text));
	r = history_read(f->path, &h, &e);
	if (why && !r)
		fail_msg("read: %s", text);
	if (why)
		refused(text, &e, why);
	else if (r)
		fail_msg("%s: %s", text, e.msg);
	else
		assert_int_equal(h.n, n);
	history_free(&h);
}

#define OP(more, tc) "{\"p\":1,\"f\":\"read\",\"o\":\"ok\",\"key\":3,\"tc\":" #tc ",\"tr\":9" more "}"

static void test_lines(void **state)
{
	struct fixture *f = *state;

	ops_are(f, OP("", 1) "\r\n\r\n" OP("", 2) " \r\n", 2, NULL);
	ops_are(f, "\xef\xbb\xbf" OP("", 1) "\n" OP("", 2) "\n", 2, NULL);
	ops_are(f, OP("", 1) "\n\xef\xbb\xbf" OP("", 2) "\n", 0, ":2: not valid JSON");
	ops_are(f, OP("", 1) OP("", 2) "\n", 0, ":1: more than one JSON value in a line");
	ops_are(f, OP("", 1) "\n" OP("", 2) "]\n", 0, ":2: more than one");
	ops_are(f, OP("", 1) "\n{\"p\":1\n" OP("", 2) "\n", 0, ":2: not valid JSON");
	ops_are(f, OP("", 1) "\n\n{\"p\":1}\n", 0, ":3: an operation needs");
}

static void test_nul(void **state)
{
	static const char nul[] = OP("", 1) "\n" OP("", 2) "\0\n" OP("", 3) "\n", tail[] = OP("", 1) "\n\0\0\0\0";
	struct fixture *f = *state;
	struct history h = {0};
	struct err e = {0};

	put(f, nul, sizeof(nul) - 1);
	assert_int_equal(history_read(f->path, &h, &e), -1);
	refused("a NUL", &e, ":2: a NUL byte");
	history_free(&h);
	/* As a file system may leave it after a power cut. */
	put(f, tail, sizeof(tail) - 1);
	assert_int_equal(history_read(f->path, &h, &e), -1);
	refused("NULs at the end", &e, ":2: a NUL byte");
	history_free(&h);
}

/* A reader stops at a limit. */
static void test_limits(void **state)
{
	struct fixture *f = *state;
	struct history h = {0};
	struct err e = {0};
	size_t len = 20 << 20;
	char *line = mem_alloc(len + 1);

	memset(line, '[', len);
	put(f, line, len);
	assert_int_equal(history_read(f->path, &h, &e), -1);
	refused("a long line", &e, ":1: a line of more than 65536 bytes");
	assert_null(events_read(f->path, &e));
	refused("a long line", &e, ":1: a line of more than 16777216 bytes");
	free(line);
	assert_int_equal(truncate(f->path, (off_t)1 << 40), 0);
	assert_int_equal(history_read(f->path, &h, &e), -1);
	refused("a large file", &e, "is larger than");
	assert_int_equal(history_read("/dev/zero", &h, &e), -1);
	refused("a device", &e, "/dev/zero is no regular file");
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_null(events_read(f->path, &e));
	refused("a pipe", &e, "is no regular file");
	assert_int_equal(history_read("/tmp", &h, &e), -1);
	refused("a folder", &e, "is no regular file");
}

static void test_fields(void **state)
{
	struct fixture *f = *state;

	ops_are(f, OP(",\"val\":-1,\"exp\":null", 1) "\n", 1, NULL);
	ops_are(f, OP(",\"val\":\"5\"", 1) "\n", 0, ":1: \"val\" must be a whole number");
	ops_are(f, OP(",\"val\":1.5", 1) "\n", 0, "\"val\" must be a whole number");
	ops_are(f, OP(",\"val\":[5]", 1) "\n", 0, "\"val\" must be a whole number");
	ops_are(f, OP(",\"val\":1e300", 1) "\n", 0, "at most 2^53");
	ops_are(f, OP(",\"val\":9007199254740994", 1) "\n", 0, "at most 2^53");
	ops_are(f, OP(",\"val\":1,\"val\":2", 1) "\n", 0, "\"val\" is there twice");
	ops_are(f, OP(",\"o\":\"fail\"", 1) "\n", 0, "\"o\" is there twice");
	ops_are(f, OP(",\"ti\":null", 1) "\n", 0, "\"ti\" must be a whole number");
	ops_are(f, OP(",\"s\":\"0\"", 1) "\n", 0, "\"s\" must be a number from 0");
	ops_are(f, OP(",\"s\":-1", 1) "\n", 0, "\"s\" must be a number from 0");
	ops_are(f, OP(",\"g\":70000", 1) "\n", 0, "\"g\" must be a number from 0 to 65535");
	ops_are(f, OP(",\"sent\":0", 1) "\n", 0, "\"sent\" must be true or false");
	ops_are(f, OP(",\"err\":7", 1) "\n", 0, "\"err\" must be a text");
	ops_are(f, OP(",\"find\":-1", 1) "\n", 0, "\"find\" must be a number from 0 up");
	ops_are(f, OP(",\"others\":{\"x\":1}", 1) "\n", 1, NULL);
}

#define INSERT(v, tc) "{\"p\":1,\"f\":\"insert\",\"o\":\"ok\",\"val\":" #v ",\"tc\":" #tc ",\"tr\":9,\"via\":\"a\"}\n"

/* A write of nothing, or to no register. */
static void test_writes_of_nothing(void **state)
{
#define DOES(f, o, more) OP("", 1) "\n{\"p\":1,\"f\":\"" f "\",\"o\":\"" o "\",\"tc\":3,\"tr\":9" more "}\n"
	struct fixture *f = *state;

	ops_are(f, DOES("insert", "ok", ""), 0, ":2: an acknowledged insert needs \"val\"");
	ops_are(f, DOES("insert", "ok", ",\"val\":null"), 0, ":2: an acknowledged insert needs \"val\"");
	ops_are(f, DOES("cas", "ok", ",\"key\":1,\"exp\":2"), 0, ":2: an acknowledged cas needs \"val\"");
	ops_are(f, DOES("cas", "info", ",\"val\":1"), 0, ":2: a cas needs \"key\"");
	ops_are(f, DOES("write", "ok", ",\"val\":1"), 0, ":2: a write needs \"key\"");
	ops_are(f, DOES("cas", "ok", ",\"key\":1,\"val\":2"), 2, NULL);
	ops_are(f, DOES("insert", "info", ""), 0, ":2: an unknown insert needs \"val\"");
	ops_are(f, DOES("insert", "fail", ""), 2, NULL);
}

/* An answer of no register. Whoever got none asked for nothing that matters. */
static void test_answers_of_nothing(void **state)
{
	struct fixture *f = *state;

	ops_are(f, DOES("read", "ok", ",\"val\":1"), 0, ":2: an answered read needs \"key\"");
	ops_are(f, DOES("read", "ok", ",\"val\":1,\"key\":null"), 0, ":2: an answered read needs \"key\"");
	ops_are(f, DOES("read_replica", "ok", ""), 0, ":2: an answered read_replica needs \"key\"");
	ops_are(f, DOES("read", "ok", ",\"key\":0"), 2, NULL);
	ops_are(f, DOES("read", "info", ""), 2, NULL);
	ops_are(f, DOES("receive", "ok", ""), 2, NULL);
}

static void test_doubled(void **state)
{
	struct fixture *f = *state;

	ops_are(f, INSERT(1, 1) INSERT(2, 2), 2, NULL);
	ops_are(f, INSERT(1, 1) INSERT(2, 2) INSERT(1, 1), 0, ":3: the operation of line 1 once more");
	ops_are(f, INSERT(1, 1) INSERT(2, 2) INSERT(1, 3), 0, ":3: the value 1 was inserted before, in line 1");
	ops_are(f, OP(",\"ti\":0", 1) "\n" OP(",\"ti\":0", 1) "\n", 0, ":2: the operation of line 1 once more");
	/* Another tool's clients may have done the same thing at the same time. */
	ops_are(f, OP("", 1) "\n" OP("", 1) "\n", 2, NULL);
}

static void event_is_refused(struct fixture *f, const char *line, const char *why)
{
	struct err e = {0};
	cJSON *events;

	put(f, line, strlen(line));
	events = events_read(f->path, &e);
	if (events)
		fail_msg("read: %s", line);
	refused(line, &e, why);
}

#define RUN "{\"t\":1,\"k\":\"run\"}\n"
#define BEGUN RUN "{\"t\":2,\"s\":0,\"k\":\"scenario\",\"name\":\"x\"}\n"
#define EVENT(k, more) BEGUN "{\"t\":3,\"s\":0,\"k\":\"" k "\"" more "}\n"

static void test_event_fields(void **state)
{
	static const struct {
		const char *line, *why;
	} t[] = {
		{"[1]\n", ":1: an event must be a JSON object with a \"k\""},
		{BEGUN "{\"s\":0,\"k\":\"phase\",\"phase\":\"load\"}\n", ":3: an event \"phase\" needs \"t\", a whole number"},
		{BEGUN "{\"t\":\"3\",\"k\":\"end\"}\n", ":3: \"t\" of an event \"end\" must be a whole number"},
		{BEGUN "{\"t\":3,\"k\":\"sample\",\"m\":\"a\",\"ok\":true}\n", ":3: an event \"sample\" needs \"s\""},
		{BEGUN "{\"t\":3,\"s\":-1,\"k\":\"end\"}\n", "needs \"s\", the scenario's index, from 0 up"},
		{BEGUN "{\"t\":3,\"s\":1,\"k\":\"stands\",\"ok\":true}\n", ":3: an event of scenario 1, of which there is no"},
		{EVENT("brokn", ""), ":3: no kind of event is called \"brokn\""},
		{"{\"t\":1,\"s\":0,\"k\":\"scenario\",\"name\":\"a\",\"load\":{\"rate\":\"200\"}}\n",
		 ":1: \"rate\" of load of an event \"scenario\" must be a number from 0 up"},
		{"{\"t\":1,\"s\":0,\"k\":\"scenario\",\"name\":\"a\",\"load\":{\"mix\":{\"cas\":\"1\"}}}\n", "\"mix\" of load of an event"},
		{"{\"t\":1,\"s\":0,\"k\":\"scenario\",\"name\":\"a\",\"steps\":[{\"step\":\"fault\"},{\"step\":\"fault\",\"target\":7}]}\n", "\"target\" of steps of an event"},
		{"{\"t\":1,\"s\":0,\"k\":\"scenario\",\"name\":\"a\",\"expect\":[{\"metric\":\"lost\",\"at_most\":\"0\"}]}\n",
		 "\"at_most\" of expect of an event \"scenario\" must be a number"},
		{EVENT("fault", ",\"fault\":\"pause\",\"state\":\"planned\",\"targets\":[{\"member\":\"a\",\"role\":1}]"), "\"role\" of targets of an event"},
		{EVENT("final", ",\"present\":[],\"by\":[{\"member\":3}]"), "\"member\" of by of an event \"final\" must be a text"},
		{EVENT("final", ",\"present\":[]") "{\"t\":4,\"s\":0,\"k\":\"final\",\"present\":[[1,2]]}\n", "a second \"final\" of scenario 0"},
		{EVENT("fault", ",\"fault\":\"pause\",\"state\":\"effective\"") "{\"t\":4,\"k\":\"end\"}\n{\"t\":3,\"s\":0,\"k\":\"fault\",\"fault\":\"pause\","
		 "\"state\":\"effective\"}\n", "an event of a fault once more"},
		{EVENT("phase", ""), "an event \"phase\" needs \"phase\", a text"},
		{EVENT("sample", ",\"ok\":true"), "an event \"sample\" needs \"m\", a text"},
		{EVENT("sample", ",\"m\":\"a\""), "an event \"sample\" needs \"ok\", true or false"},
		{EVENT("sample", ",\"m\":\"a\",\"ok\":1"), "\"ok\" of an event \"sample\" must be true or false"},
		{EVENT("witness", ",\"m\":\"a\",\"ok\":true,\"role\":\"Primary\""), "\"role\" of an event \"witness\" must be \"primary\""},
		{EVENT("sample", ",\"m\":\"a\",\"ok\":true,\"took_ms\":-1"), "must be a number from 0 up"},
		{EVENT("sample", ",\"m\":\"a\",\"ok\":true,\"m\":\"b\""), "\"m\" is there twice"},
		{EVENT("fault", ",\"fault\":\"pause\""), "an event \"fault\" needs \"state\""},
		{EVENT("fault", ",\"fault\":\"pause\",\"state\":\"effectve\""), "must be planned, injecting"},
		{EVENT("fault", ",\"fault\":\"pause\",\"state\":\"planned\",\"targets\":{}"), "must be a list of objects with a"},
		{EVENT("fault", ",\"fault\":\"pause\",\"state\":\"planned\",\"targets\":[{}]"), "with a \"member\" or a \"node\""},
		{EVENT("final", ""), "an event \"final\" needs \"present\", a list of [first, last]"},
		{EVENT("final", ",\"present\":[[\"1\",\"2\"]]"), ":3: \"present\" of an event \"final\" must be a list of"},
		{EVENT("final", ",\"present\":[1,2]"), "\"present\" of an event \"final\" must be"},
		{EVENT("final", ",\"present\":[[2,1]]"), "ascending"},
		{EVENT("final", ",\"present\":[[1,5],[3,9]]"), "ascending"},
		{EVENT("final", ",\"present\":[],\"registers\":{\"0\":\"7\"}"), "an object of whole numbers, or null, by key"},
		{EVENT("final", ",\"present\":[],\"duplicates\":[[1]]"), "a list of [value, count]"},
		{EVENT("final", ",\"present\":[],\"messages\":[{\"val\":[\"1\"]}]"), "in \"val\""},
		{EVENT("inforce", ""), "needs \"settings\", a list of objects"},
		{EVENT("group", ",\"g\":\"1\""), "must be a whole number from 0 up"},
		{EVENT("stands", ",\"ok\":\"true\""), "\"ok\" of an event \"stands\" must be true or false"},
		{EVENT("broken", ""), "an event \"broken\" needs \"what\", a text"},
		{EVENT("log", ",\"member\":\"a\",\"text\":null"), "\"text\" of an event \"log\" must be a text"},
		{EVENT("object", ",\"type\":\"pod\",\"name\":\"a\",\"restarts\":1.5"), "must be a whole number from 0 up"},
		{BEGUN RUN, ":3: a second \"run\" begins"},
		{BEGUN "{\"t\":3,\"s\":0,\"k\":\"scenario\",\"name\":\"x\"}\n", ":3: scenario 0 begins once more"},
		{BEGUN "{\"t\":3,\"k\":\"end\"}\n{\"t\":3,\"k\":\"end\"}\n", ":4: the line before once more"},
		{"{\"t\":1,\"k\":\"run\",\"format\":99}\n", "a newer ordeal wrote this"},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		event_is_refused(*state, t[i].line, t[i].why);
}

/* A value of another type inside of what a scenario asks for is none that was not given. */
static void test_scenario_fields(void **state)
{
#define SCENARIO(more) "{\"t\":1,\"s\":0,\"k\":\"scenario\",\"name\":\"a\"," more "}\n"
#define EXPECT(more) SCENARIO("\"expect\":[{\"metric\":\"lost\"," more "}]")
	static const struct {
		const char *line, *why;
	} t[] = {
		{EXPECT("\"accepted\":true"), "\"accepted\" of expect of an event \"scenario\" must be a text"},
		{EXPECT("\"setting\":\"x\""), "\"setting\" of expect of an event \"scenario\" must be an object"},
		{EXPECT("\"setting\":{\"name\":\"x\",\"value\":0}"), "\"value\" of setting of expect of an event"},
		{EXPECT("\"setting\":{\"name\":\"x\"}"), "setting of expect of an event \"scenario\" needs \"value\""},
		{EXPECT("\"run\":1"), "\"run\" of expect of an event"},
		{EXPECT("\"at_most\":0,\"at_most\":9"), "\"at_most\" is there twice"},
		{SCENARIO("\"steps\":[{\"step\":\"run\",\"run\":1}]"), "\"run\" of steps of an event"},
		{SCENARIO("\"steps\":[{\"fault\":\"pause\"}]"), "steps of an event \"scenario\" needs \"step\", steady, fault"},
		{SCENARIO("\"steps\":[{\"step\":\"fualt\"}]"), "\"step\" of steps of an event \"scenario\" must be steady, fault"},
		{SCENARIO("\"settings\":[{\"name\":\"x\",\"value\":[1]}]"), "\"value\" of settings of an event \"scenario\" must be a text, a number"},
		{SCENARIO("\"load\":{\"mix\":{\"cas\":0.5}}"), "\"mix\" of load of an event"},
		{SCENARIO("\"members\":[{\"host\":\"x\"}]"), "members of an event \"scenario\" needs \"name\""},
		{SCENARIO("\"repetition\":\"2\""), "\"repetition\" of an event \"scenario\" must be a whole number"},
		{SCENARIO("\"seed\":7"), "\"seed\" of an event \"scenario\" must be a text"},
		{"{\"t\":1,\"k\":\"run\",\"host\":{\"cores\":\"2\"}}\n", "\"cores\" of host of an event \"run\""},
		{EVENT("inforce", ",\"settings\":[{\"name\":\"x\",\"value\":{}}]"), "\"value\" of settings of an event \"inforce\""},
		{EVENT("object", ",\"type\":\"endpoints\",\"name\":\"a\",\"annotations\":{\"leader\":1}"), "must be an object of texts"},
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		event_is_refused(*state, t[i].line, t[i].why);
}

static void test_event_log(void **state)
{
	struct fixture *f = *state;
	struct event_log l = {0};
	struct err e = {0};
	cJSON *ev, *all;
	FILE *out;

	assert_int_equal(event_log_open(&l, f->path, &e), 0);
	ev = event_new(-1, "run");
	json_set_str(ev, "run_id", "x");
	event_emit(&l, ev);
	ev = event_new(3, "scenario");
	json_set_str(ev, "name", "x");
	event_emit(&l, ev);
	assert_int_equal(event_log_check(&l, &e), 0);
	assert_int_equal(event_log_close(&l, &e), 0);
	assert_int_equal(event_log_close(&l, &e), 0);
	out = fopen(f->path, "ae");
	fputs("{\"t\":1,\"k\":\"to", out);
	fclose(out);
	all = events_read(f->path, &e);
	if (!all)
		fail_msg("%s", e.msg);
	assert_int_equal(cJSON_GetArraySize(all), 2);
	ev = cJSON_GetArrayItem(all, 0);
	assert_string_equal(json_str(ev, "k", ""), "run");
	assert_null(json_get(ev, "s"));
	assert_true(json_i64(ev, "t", 0) > 0);
	assert_int_equal(json_i64(cJSON_GetArrayItem(all, 1), "s", -1), 3);
	cJSON_Delete(all);
	assert_int_equal(event_log_open(&l, "/nonexistent/e", &e), -1);
}

static void emit_log(struct event_log *l, size_t len)
{
	char *text = mem_alloc(len + 1);
	cJSON *ev = event_new(0, "log");

	memset(text, 'x', len);
	json_set_str(ev, "member", "a");
	json_set_str(ev, "text", text);
	event_emit(l, ev);
	free(text);
}

/* A disk that is full: what is there stays whole, and ends by saying what
 * happened. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	struct rlimit was, little;
	struct event_log l = {0};
	struct err e = {0};
	cJSON *ev, *all;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	little = (struct rlimit){20000, was.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(event_log_open(&l, f->path, &e), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	ev = event_new(0, "scenario");
	json_set_str(ev, "name", "x");
	event_emit(&l, ev);
	emit_log(&l, 8000);
	assert_int_equal(event_log_check(&l, &e), 0);
	emit_log(&l, 15000);
	assert_int_equal(event_log_check(&l, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	assert_non_null(strstr(e.msg, "File too large"));
	emit_log(&l, 100); /* there would be room, but a hole before it */
	assert_int_equal(event_log_close(&l, &e), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	all = events_read(f->path, &e);
	if (!all)
		fail_msg("%s", e.msg);
	assert_int_equal(cJSON_GetArraySize(all), 3);
	ev = cJSON_GetArrayItem(all, 2);
	assert_string_equal(json_str(ev, "k", ""), "broken");
	assert_int_equal(json_i64(ev, "s", -1), 0);
	assert_non_null(strstr(json_str(ev, "what", ""), "File too large"));
	cJSON_Delete(all);

	assert_int_equal(event_log_open(&l, "/dev/full", &e), 0);
	event_emit(&l, event_new(-1, "end"));
	assert_int_equal(event_log_check(&l, &e), -1);
	assert_non_null(strstr(e.msg, "No space left on device"));
	assert_int_equal(event_log_close(&l, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nul, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writes_of_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_of_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_doubled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scenario_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
