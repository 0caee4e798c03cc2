#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "report/html/page.h"
#include "report/report.h"
#include "test/lib/report_room.h"
#include "test/lib/report_synth.h"
#include "test/lib/validate.h"

/* The page that a person reads, and the list of runs. With a folder as its
 * only argument this program writes a pretended run and its reports there. */

#define EVERYTHING (RUN_KILL | RUN_KINDS | RUN_DOCUMENTED | RUN_SPLIT | RUN_NO_EFFECT | \
		    RUN_INTERRUPTED)

struct pages {
	struct report_room room;
	struct buf html;
};

static int setup(void **state)
{
	struct pages *p = mem_alloc(sizeof(*p));

	report_room_open(&p->room, EVERYTHING);
	report_room_read(&p->room, "report.html", &p->html);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pages *p = *state;

	report_room_close(&p->room);
	buf_free(&p->html);
	free(p);
	return 0;
}

static int times(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static const char *html_of(void **state)
{
	return buf_cstr(&((struct pages *)*state)->html);
}

static void is_well_formed(void **state)
{
	must_be_well_formed(html_of(state), true);
}

/* The check itself must be able to fail. */
static void the_check_notices(void **state)
{
	static const char *const bad[] = {
		"<div>no end", "</div>", "<b><i>crossed</b></i>", "<svg><g><rect/></svg>",
		"<ul><li>no end</ul>", "a & b", "&x", "&lt b", "a < b", "<kube>",
		"<p class=\"a\" class=\"b\">twice</p>", "<p class=x>no quotes</p>",
		"<p class=\"no end>a</p>", "<p title=\"a<b\">a</p>", "<p id=\"a\">an id twice</p>",
		"a control character: \1",
	};
	static const char page[] =
		"<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"></head>\n"
		"<body><details id=\"a\" open><br>%s</details></body>\n</html>\n";
	struct buf text = {0}, why = {0};

	(void)state;
	buf_fmt(&text, page, "a &amp; b");
	must_be_well_formed(buf_cstr(&text), true);
	assert_false(validate_markup(strchr(buf_cstr(&text), '\n') + 1, true, &why));
	assert_false(validate_markup(buf_cstr(&text), false, &why));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_reset(&text);
		buf_reset(&why);
		buf_fmt(&text, page, bad[i]);
		if (validate_markup(buf_cstr(&text), true, &why) || !why.len)
			fail_msg("not noticed: %s", bad[i]);
	}
	buf_free(&text);
	buf_free(&why);
}

/* One file: nothing is fetched and nothing is run. */
static void stands_alone(void **state)
{
	static const char *const none[] = {"<script", "<link", "<img", "<iframe", "http://",
					   "https://", "url(", "@import", "src=", " onload", "//"};
	const char *html = html_of(state);

	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		if (strstr(html, none[i]))
			fail_msg("%s: %.80s", none[i], strstr(html, none[i]));
	}
	assert_non_null(strstr(html, "default-src 'none'"));
	assert_true(strlen(html) < 1500000);
}

static void verdict_comes_first(void **state)
{
	const char *html = html_of(state), *h1 = strstr(html, "<h1>");

	assert_non_null(h1);
	assert_int_equal(strncmp(h1, "<h1>73 of ", 10), 0);
	assert_non_null(strstr(html, "Of 6 scenarios, 3 failed, 1 broke, 1 stayed undecided, 1 passed; the run was "
			       "interrupted."));
	assert_true(h1 < strstr(html, "<svg"));
	assert_non_null(strstr(html, "Writes were down 31.24 s"));
	assert_non_null(strstr(html, "after the primary was killed; nothing acknowledged was lost"));
	assert_int_equal(times(html, "<section class=\"sc\""), 6);
}

/* A verdict is a word, never colour alone. */
static void verdicts_are_words(void **state)
{
	const char *html = html_of(state);

	assert_true(times(html, "</i>PASS</span>") >= 8);
	assert_true(times(html, "</i>FAIL</span>") >= 4);
	assert_true(times(html, "</i>UNKNOWN</span>") >= 2);
	assert_true(times(html, "</i>BROKEN</span>") >= 4);
	assert_int_equal(times(html, "class=\"chip "), times(html, "</i>PASS</span>") +
			 times(html, "</i>FAIL</span>") + times(html, "</i>UNKNOWN</span>") +
			 times(html, "</i>BROKEN</span>") + times(html, "</i>SKIP</span>"));
}

static void plots_have_words(void **state)
{
	const char *html = html_of(state), *svg = html;
	int plots = 0;

	while ((svg = strstr(svg, "<figure"))) {
		const char *tag = strstr(svg, "<svg"), *end = strchr(tag, '>');
		const char *label = strstr(tag, "aria-label");

		assert_non_null(strstr(tag, "role=\"img\""));
		assert_true(label && label < end);
		svg = end;
		plots++;
	}
	assert_true(plots >= 8);
	assert_int_equal(times(html, "The same in words"), 5);
	assert_non_null(strstr(html, "postgres-1: replica from"));
}

static void kinds_are_in_one_table(void **state)
{
	const char *html = html_of(state), *table = strstr(html, "Each fault by itself");
	const char *end = strstr(table, "</table>");
	static const char *const kinds[] = {"kill-pod, graceful", "kill-pod, force",
					    "kill-pod, crash", "kill-process, server",
					    "kill-process, pid1", "node-down, power-cut"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *at = strstr(table, kinds[i]);

		if (!at || at > end)
			fail_msg("%s is not in the table", kinds[i]);
	}
	assert_non_null(strstr(html, "<td data-l=\"Ended by\">lease expires</td>"));
	assert_non_null(strstr(html, "<td data-l=\"Lost\">7</td>"));
}

static void lost_writes_are_listed(void **state)
{
	const char *html = html_of(state);

	assert_non_null(strstr(html, "9 of 36,"));
	assert_non_null(strstr(html, "and 14 more; history.jsonl has them all"));
}

/* What a log says stays text. */
static void logs_are_text(void **state)
{
	const char *html = html_of(state);

	assert_non_null(strstr(html, "ERROR &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; "
				     "&quot;quoted&quot;"));
	assert_non_null(strstr(html, "At the point \xe2\x80\x9cworkloads ready\xe2\x80\x9d, first "
				     "postgres-0"));
}

static void tells_how_to_run_it_again(void **state)
{
	const char *html = html_of(state);

	assert_non_null(strstr(html, "--seed 8245317716012334412"));
	assert_non_null(strstr(html, "patroni:3.0.2, run as ordeal/postgres-patroni:15"));
	assert_non_null(strstr(html, "100Gi"));
}

static void compare(const struct report_room *r, const char *name, const struct buf *before)
{
	struct buf after = {0};

	report_room_read(r, name, &after);
	if (after.len != before->len || memcmp(after.s, before->s, after.len))
		fail_msg("%s is not the same again", name);
	buf_free(&after);
}

static void the_same_bytes_again(void **state)
{
	static const char *const names[] = {"report.html", "result.json", "junit.xml"};
	struct pages *p = *state;
	struct buf before[ARRAY_LEN(names)] = {{0}};
	char *tap = mem_strdup(p->room.tap);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		report_room_read(&p->room, names[i], &before[i]);
	report_room_again(&p->room);
	assert_string_equal(tap, p->room.tap);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		compare(&p->room, names[i], &before[i]);
		buf_free(&before[i]);
	}
	free(tap);
}

static void runs_are_listed_newest_first(void **state)
{
	struct pages *p = *state;
	struct buf index = {0};
	char path[200], link[200];
	struct err e = {0};
	const char *html;

	snprintf(path, sizeof(path), "%s/run-b", p->room.reports);
	assert_int_equal(file_mkdirs(path, &e), 0);
	snprintf(path, sizeof(path), "%s/run-b/result.json", p->room.reports);
	html = "{\"run_id\":\"run-b\",\"started\":\"2026-11-25T00:00:00Z\",\"engine\":\"<kube>\","
	       "\"verdict\":\"PASS\",\"seed\":\"7\",\"summary\":\"All & well.\",\"scenarios\":[]}";
	assert_int_equal(file_write_atomic(path, html, strlen(html), &e), 0);
	snprintf(path, sizeof(path), "%s/run-b", p->room.reports);
	snprintf(link, sizeof(link), "%s/latest", p->room.reports);
	assert_int_equal(symlink(path, link), 0);
	if (report_index(p->room.reports, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "%s/index.html", p->room.reports);
	assert_int_equal(file_read(path, &index, &e), 0);
	html = buf_cstr(&index);
	assert_non_null(strstr(html, "<h1>2 runs</h1>"));
	assert_true(strstr(html, "run-b/report.html") < strstr(html, "run-a/report.html"));
	assert_non_null(strstr(html, "engine &lt;kube&gt;"));
	assert_non_null(strstr(html, "<td data-l=\"Writes down\">31.24 s"));
	assert_non_null(strstr(html, "<td data-l=\"Lost\">9</td>"));
	assert_null(strstr(html, "latest"));
	must_be_well_formed(html, true);
	buf_free(&index);
}

/* A folder without a single whole event is an error or a broken run, never a
 * report that looks well. */
static void an_empty_run_is_broken(void **state)
{
	static const char torn[] = "{\"t\":1,\"k\":\"run\"}\n{\"t\":2,";
	struct report_room *r = &((struct pages *)*state)->room;
	enum verdict v = VERDICT_PASS;
	char dir[160], path[200];
	struct err e = {0};

	snprintf(dir, sizeof(dir), "%s/none", r->reports);
	assert_int_equal(report_make(dir, NULL, &v, &e), -1);
	assert_non_null(strstr(e.msg, dir));
	assert_int_equal(v, VERDICT_BROKEN);
	snprintf(path, sizeof(path), "%s/.empty", r->reports);
	assert_int_equal(file_mkdirs(path, &e), 0);
	snprintf(dir, sizeof(dir), "%s/.empty", r->reports);
	snprintf(path, sizeof(path), "%s/.empty/events.jsonl", r->reports);
	assert_int_equal(file_write_atomic(path, torn, strlen(torn), &e), 0);
	assert_int_equal(report_make(dir, NULL, &v, &e), 0);
	assert_int_equal(v, VERDICT_BROKEN);
}

/* The pieces of a system's table make one sentence; nothing is said of none. */
static void redirections_make_a_sentence(void **state)
{
	static const struct redirection table[] = {
		{"AWAY", "away", "Sent on: ", " for good"}, {"LATER", "later", "; ", " <later>"}, {0}};
	struct arena a = {0};
	struct measured m = {.redirections = table, .redirected = {0, 1200}};
	struct scenario_report s = {.m = &m};
	struct page p = {.a = &a, .s = &s};
	char *text = NULL;
	size_t len;

	(void)state;
	p.f = open_memstream(&text, &len);
	assert_non_null(p.f);
	html_redirected(&p);
	m.redirected[1] = 0;
	html_redirected(&p);
	m.redirections = NULL;
	html_redirected(&p);
	fclose(p.f);
	assert_string_equal(text, "<p>Sent on: 0 for good; 1,200 &lt;later&gt;. That is in these operations' "
				  "latency.</p>\n");
	free(text);
	arena_free(&a);
}

/* Where no verdict could tell that writes went on, no picture does. */
static void went_on_where_it_is_known(void **state)
{
	struct fault_record rec = {.id = "f", .name = "kill-pod", .how = "", .target = "m-0", .role = "primary",
				   .node = "", .state = "", .injected_ns = 1, .effective_ns = 1, .bites = true};
	struct fault_seen f[2] = {{.rec = &rec, .predicted.known = true, .redundant_ns = -1},
				  {.rec = &rec, .predicted.known = true, .redundant_ns = -1}};
	struct measured_counts of_fault[2] = {0};
	struct measured m = {.faults = f, .nfaults = 2, .stands = true};
	struct scenario_report s = {.m = &m, .of_fault = of_fault};
	struct arena a = {0};
	struct page p = {.a = &a, .s = &s};

	(void)state;
	for (int known = 0; known < 2; known++) {
		char *text = NULL;
		size_t len;

		of_fault[0].of[EXPECT_OUTAGE].absent = of_fault[1].of[EXPECT_OUTAGE].absent = known;
		p.f = open_memstream(&text, &len);
		assert_non_null(p.f);
		html_kinds(&p);
		html_breakdown(&p, &f[0]);
		fclose(p.f);
		assert_int_equal(strstr(text, "writes never stopped") != NULL, known);
		assert_int_equal(strstr(text, "nothing stopped") != NULL, known);
		assert_int_equal(strstr(text, "too little to say that there was none") != NULL, !known);
		free(text);
	}
	arena_free(&a);
}

static int write_example(const char *dir)
{
	struct err e = {0};
	enum verdict v;

	report_synth(dir, EVERYTHING & ~(unsigned)RUN_INTERRUPTED);
	if (report_make(dir, NULL, &v, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return 3;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_well_formed),
		cmocka_unit_test(the_check_notices),
		cmocka_unit_test(stands_alone),
		cmocka_unit_test(verdict_comes_first),
		cmocka_unit_test(verdicts_are_words),
		cmocka_unit_test(plots_have_words),
		cmocka_unit_test(kinds_are_in_one_table),
		cmocka_unit_test(lost_writes_are_listed),
		cmocka_unit_test(logs_are_text),
		cmocka_unit_test(tells_how_to_run_it_again),
		cmocka_unit_test(the_same_bytes_again),
		cmocka_unit_test(runs_are_listed_newest_first),
		cmocka_unit_test(an_empty_run_is_broken),
		cmocka_unit_test(redirections_make_a_sentence),
		cmocka_unit_test(went_on_where_it_is_known),
	};

	if (argc == 2)
		return write_example(argv[1]);
	return cmocka_run_group_tests(tests, setup, teardown);
}
