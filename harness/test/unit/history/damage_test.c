/* Whatever is done to a run's two files afterwards is an error that names the
 * line, or a history that is not whole with the reason: never another figure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/read.h"
#include "report/evaluate.h"

#define MS NS_PER_MS
#define SEC NS_PER_S

enum { PIECES = 4, OPS = 10, GROUPS = 2 };

struct run {
	char dir[64];
	struct buf history, events; /* as they were written */
};

static void at(const struct run *r, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s.jsonl", r->dir, name);
}

static void put(const struct run *r, const char *name, const char *data, size_t len)
{
	struct err e = {0};
	char path[128];

	at(r, name, path);
	if (file_write_atomic(path, data, len, &e))
		fail_msg("%s", e.msg);
}

static int64_t late_ns; /* by which one of an agent's operations returns later ... */
static int late_piece = PIECES - 1; /* ... the last one of this piece */

/* One load agent's piece, as load_history() makes it. */
static void piece(struct run *r, uint32_t group, int n, struct block_sum *all)
{
	struct block b = {.group = group, .from = all->lines, .end = n == PIECES - 1};
	char line[OP_LINE_MAX];
	struct block_sum sum = {0};

	for (int i = 0; i < OPS; i++) {
		int64_t t = 10 * SEC + (all->lines + i) * 100 * MS;
		struct op op = {.process = group,
				.group = group,
				.f = i % 3 ? OP_INSERT : OP_READ,
				.key = i % 3 ? OP_NO_VALUE : 0,
				.value = i % 3 ? (int64_t)group * 1000 + all->lines + i :
						 OP_NO_VALUE,
				.expect = OP_NO_VALUE,
				.t_intended = t,
				.t_invoke = t + 5,
				.t_return = t + MS,
				.sent = true,
				.via = "10.0.0.1"};
		size_t len;

		op.t_return += n == late_piece && i == OPS - 1 ? late_ns : 0;
		len = op_to_line(&op, line, sizeof(line));
		block_add(&sum, line, len);
		buf_add(&r->history, line, len);
	}
	b.lines = sum.lines;
	b.crc = sum.crc;
	block_join(all, &sum);
	buf_add(&r->history, line, block_to_line(&b, line));
}

static void tell(struct event_log *l, int scenario, int64_t t_ns, const char *json)
{
	cJSON *o = cJSON_Parse(json);

	assert_non_null(o);
	json_set_i64(o, "t", t_ns);
	if (scenario >= 0)
		json_set_i64(o, "s", scenario);
	event_emit(l, o);
}

static void write_events(struct run *r, const struct block_sum all[GROUPS])
{
	struct event_log l;
	struct err e = {0};
	char path[128], text[120];

	at(r, "events", path);
	assert_int_equal(event_log_open(&l, path, &e), 0);
	tell(&l, -1, 1 * SEC, "{\"k\":\"run\",\"planned\":1,\"format\":2}");
	tell(&l, 0, 2 * SEC, "{\"k\":\"scenario\",\"name\":\"x\",\"load\":{\"rate\":10},\"expect\":[{\"name\":\"none lost\","
			     "\"metric\":\"lost\",\"at_most\":0}]}");
	tell(&l, 0, 9 * SEC, "{\"k\":\"stands\",\"ok\":true}");
	tell(&l, 0, 9 * SEC, "{\"k\":\"group\",\"g\":1}");
	tell(&l, 0, 10 * SEC, "{\"k\":\"phase\",\"phase\":\"load\"}");
	for (int i = 0; i < 100; i++) /* more than one block */
		tell(&l, 0, 10 * SEC + i * 40 * MS, "{\"k\":\"sample\",\"m\":\"a\",\"ok\":true,\"role\":\"primary\",\"writable\":true}");
	tell(&l, 0, 14 * SEC, "{\"k\":\"phase\",\"phase\":\"settle\"}");
	for (int g = 0; g < GROUPS; g++) {
		snprintf(text, sizeof(text), "{\"k\":\"history\",\"g\":%d,\"ops\":%d,\"sum\":\"%08x\"}", g, PIECES * OPS, all[g].crc);
		tell(&l, 0, 15 * SEC, text);
	}
	tell(&l, 0, 16 * SEC, "{\"k\":\"final\",\"present\":[[0,2000]]}");
	tell(&l, 0, 17 * SEC, "{\"k\":\"phase\",\"phase\":\"done\"}");
	tell(&l, -1, 18 * SEC, "{\"k\":\"end\"}");
	if (event_log_close(&l, &e) || file_read(path, &r->events, &e))
		fail_msg("%s", e.msg);
}

static int setup(void **state)
{
	struct run *r = mem_alloc(sizeof(*r));
	struct block_sum all[GROUPS] = {{0}};

	mem_copy_str(r->dir, sizeof(r->dir), "/tmp/ordeal-damage-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	for (int n = 0; n < PIECES; n++)
		for (uint32_t g = 0; g < GROUPS; g++)
			piece(r, g, n, &all[g]);
	put(r, "history", r->history.s, r->history.len);
	write_events(r, all);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct run *r = *state;
	struct err e = {0};

	buf_free(&r->history);
	buf_free(&r->events);
	assert_int_equal(file_remove_tree(r->dir, &e), 0);
	free(r);
	return 0;
}

/* What a report of the folder would say. 0: it is sound; 1: not whole, or cut
 * short; -1: refused. `why` is what is said. */
static int weigh(const struct run *r, char why[1024])
{
	struct evaluation ev = {0};
	struct err e = {0};
	int verdict;

	why[0] = '\0';
	if (evaluation_read(r->dir, &ev, &e)) {
		assert_int_equal(e.kind, ERR_INPUT);
		mem_copy_str(why, 1024, e.msg);
		verdict = -1;
	} else if (ev.run.n == 1 && ev.scenarios[0].ev->incomplete) {
		assert_int_equal(ev.scenarios[0].judged[0].verdict, VERDICT_UNKNOWN);
		assert_int_equal(ev.run.verdict, VERDICT_UNKNOWN);
		mem_copy_str(why, 1024, ev.scenarios[0].ev->incomplete);
		verdict = 1;
	} else {
		/* Cut behind the scenario. */
		verdict = !ev.run.n || !events_last(ev.events, "end");
		if (verdict)
			assert_int_not_equal(ev.run.verdict, VERDICT_PASS);
	}
	evaluation_free(&ev);
	return verdict;
}

static void sound(const struct run *r)
{
	char why[1024];

	if (weigh(r, why))
		fail_msg("%s", why);
}

/* An error names a file and a line. */
static void not_sound(const struct run *r, const char *name, const char *deed, size_t where)
{
	char why[1024];
	int v = weigh(r, why);

	if (!v)
		fail_msg("%s: %s at %zu was not noticed", name, deed, where);
	if (v < 0 && !strstr(why, ".jsonl:"))
		fail_msg("%s: %s at %zu: %s", name, deed, where, why);
}

struct line {
	size_t at, len;
};

static size_t lines_of(const struct buf *b, struct line *v, size_t max)
{
	size_t n = 0, p = 0;

	while (p < b->len && n < max) {
		size_t len =
			(size_t)((const char *)memchr(b->s + p, '\n', b->len - p) - (b->s + p)) + 1;

		v[n++] = (struct line){p, len};
		p += len;
	}
	return n;
}

static void join(const struct run *r, const char *name, const char *parts[3], const size_t len[3])
{
	struct buf b = {0};

	for (int i = 0; i < 3; i++)
		buf_add(&b, parts[i], len[i]);
	put(r, name, buf_cstr(&b), b.len);
	buf_free(&b);
}

/* One line is lost, doubled, has moved, holds a NUL or another digit; the file
 * ends before it, or within it. */
static void damage_line(const struct run *r, const char *name, const struct buf *b,
			const struct line *l, bool last)
{
	const char *line = b->s + l->at, *rest = line + l->len;
	size_t left = b->len - l->at - l->len, next = left ? strcspn(rest, "\n") + 1 : 0;
	char *copy = mem_alloc(b->len + 1), *digit;

	join(r, name, (const char *[]){b->s, rest, ""}, (size_t[]){l->at, left, 0});
	not_sound(r, name, "a lost line", l->at);
	join(r, name, (const char *[]){b->s, line, rest}, (size_t[]){l->at + l->len, l->len, left});
	not_sound(r, name, "a doubled line", l->at);
	if (!last) {
		join(r, name, (const char *[]){b->s, rest, line}, (size_t[]){l->at, next, l->len});
		not_sound(r, name, "a moved line", l->at);
	}
	memcpy(copy, b->s, b->len);
	copy[l->at + l->len / 2] = '\0';
	put(r, name, copy, b->len);
	not_sound(r, name, "a NUL", l->at);
	memcpy(copy, b->s, b->len);
	digit = copy + l->at + strcspn(copy + l->at, "0123456789");
	*digit = *digit == '9' ? '8' : (char)(*digit + 1);
	put(r, name, copy, b->len);
	not_sound(r, name, "another digit", l->at);
	put(r, name, b->s, l->at);
	not_sound(r, name, "an end before a line", l->at);
	put(r, name, b->s, l->at + l->len / 2);
	not_sound(r, name, "an end within a line", l->at);
	free(copy);
}

static void damage_each(const struct run *r, const char *name, const struct buf *b)
{
	struct line v[200];
	size_t n = lines_of(b, v, 200);

	assert_true(n > 80 && n < 200);
	for (size_t i = 0; i < n; i++)
		damage_line(r, name, b, &v[i], i + 1 == n);
	put(r, name, b->s, b->len);
	sound(r);
}

static void test_history(void **state)
{
	const struct run *r = *state;

	sound(r);
	damage_each(r, "history", &r->history);
}

static void test_events(void **state)
{
	const struct run *r = *state;

	damage_each(r, "events", &r->events);
}

static void says(const struct run *r, int verdict, const char *what)
{
	char why[1024];

	assert_int_equal(weigh(r, why), verdict);
	if (!strstr(why, what))
		fail_msg("\"%s\" instead of \"%s\"", why, what);
}

static void test_words(void **state)
{
	const struct run *r = *state;
	const char *block = strstr(r->history.s, "{\"k\":\"block\"");
	size_t first = (size_t)(block - r->history.s) + strcspn(block, "\n") + 1;
	char path[128];

	put(r, "history", r->history.s, r->history.len - 1);
	says(r, 1, "is torn and was left out");
	put(r, "history", r->history.s + first, r->history.len - first);
	says(r, -1, "history.jsonl:22: a block begins at number 10 where 0 was next: lines are missing");
	put(r, "history", r->history.s, first);
	says(r, 1, "history.jsonl has 10 of the 40 operations that the load agent recorded");
	put(r, "history", r->history.s, (size_t)(block - r->history.s));
	says(r, 1, "history.jsonl has 0 of the 40 operations");
	put(r, "history", "", 0);
	says(r, 1, "history.jsonl has no operation of this scenario");
	at(r, "history", path);
	assert_int_equal(unlink(path), 0);
	says(r, 1, "history.jsonl has no operation of this scenario");
	put(r, "events", r->events.s, (size_t)(strrchr(r->events.s, '{') - r->events.s));
	says(r, -1, "the run ended, but not this file");
}

/* What counts its lines says so from its first event on. */
static void test_format(void **state)
{
	const struct run *r = *state;
	const char *run = strchr(r->events.s, '\n') + 1, *told = strstr(r->events.s, ",\"format\":2");
	const size_t head = (size_t)(told - r->events.s), tail = r->events.len - head - strlen(",\"format\":2");
	struct buf b = {0};

	put(r, "events", run, r->events.len - (size_t)(run - r->events.s));
	says(r, -1, "a block, though no \"run\" event before it has \"format\" 2");
	join(r, "events", (const char *[]){r->events.s, r->events.s + r->events.len - tail, ""}, (size_t[]){head, tail, 0});
	says(r, -1, "a block, though no \"run\" event before it has \"format\" 2");
	/* Nor is its history another tool's. */
	for (const char *s = r->events.s, *next; *s; s = next) {
		next = strchr(s, '\n') + 1;
		if (strncmp(s, "{\"k\":\"block\"", 12) != 0)
			buf_add(&b, s, (size_t)(next - s));
	}
	told = strstr(buf_cstr(&b), ",\"format\":2");
	join(r, "events", (const char *[]){b.s, told + strlen(",\"format\":2"), ""},
	     (size_t[]){(size_t)(told - b.s), b.len - (size_t)(told - b.s) - strlen(",\"format\":2"), 0});
	says(r, -1, "history.jsonl has blocks, and events.jsonl no \"run\" event with \"format\" 2");
	buf_free(&b);
}

/* A whole history, but of another run. */
static void test_another_run(void **state)
{
	struct run *r = *state, other = {.history = {0}};
	struct block_sum all[GROUPS] = {{0}};
	char *via;

	mem_copy_str(other.dir, sizeof(other.dir), r->dir);
	for (int n = 0; n < PIECES; n++)
		for (uint32_t g = 0; g < GROUPS; g++) {
			size_t from = other.history.len, ops;
			struct block b = {.group = g,
					  .from = all[g].lines,
					  .lines = OPS,
					  .end = n == PIECES - 1};
			struct block_sum sum = {0};
			char line[BLOCK_LINE_MAX];

			piece(&other, g, n, &all[g]);
			via = strstr(other.history.s + from, "10.0.0.1");
			*via = '2';
			ops = (size_t)(strstr(other.history.s + from, "{\"k\":\"block\"") - other.history.s);
			block_add(&sum, other.history.s + from, ops - from);
			b.crc = sum.crc;
			other.history.len = ops;
			buf_add(&other.history, line, block_to_line(&b, line));
		}
	put(r, "history", other.history.s, other.history.len);
	buf_free(&other.history);
	says(r, 1, "history.jsonl is not this run's");
}

/* A run whose sums are right, and whose operation is not. */
static void late(struct run *r, int of_piece, int64_t ns)
{
	struct block_sum all[GROUPS] = {{0}};

	late_ns = ns;
	late_piece = of_piece;
	r->history.len = r->events.len = 0;
	for (int n = 0; n < PIECES; n++)
		for (uint32_t g = 0; g < GROUPS; g++)
			piece(r, g, n, &all[g]);
	late_ns = 0;
	put(r, "history", r->history.s, r->history.len);
	write_events(r, all);
}

/* It cannot return when all that was recorded has been fetched: 15 s, and a second
 * for the clocks. */
static void test_returned_later(void **state)
{
	struct run *r = *state;

	late(r, PIECES - 1, SEC);
	sound(r);
	late(r, PIECES - 1, 3 * SEC);
	says(r, -1, "an operation returned (\"tr\") 1.9 s after all operations of its load had been written down");
}

/* Nor when its client did something else. */
static void test_two_at_once(void **state)
{
	struct run *r = *state;

	late(r, 1, SEC);
	sound(r);
	late(r, 1, SEC + 200 * MS);
	says(r, -1, "history.jsonl:32: an operation returned (\"tr\") when its client had called the next one already, "
		    "that of line 45");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_history, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_format, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_returned_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_at_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
