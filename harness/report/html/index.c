#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "report/html/page.h"

/* The page that lists all runs below a folder, newest first. What it says of
 * a run is what the run's result.json says. */

struct entry {
	char folder[NAME_MAX + 1];
	cJSON *result;
};

struct entries {
	struct entry *v;
	size_t n, alloc;
};

/* Folders only: "latest" is a link to one of them. */
static void add(struct entries *l, const char *reports_dir, const char *name)
{
	char path[PATH_MAX];
	struct err e = {0};
	struct entry *entry;
	struct stat st;
	cJSON *result;

	snprintf(path, sizeof(path), "%s/%s", reports_dir, name);
	if (name[0] == '.' || lstat(path, &st) || !S_ISDIR(st.st_mode))
		return;
	snprintf(path, sizeof(path), "%s/%s/result.json", reports_dir, name);
	if (!file_exists(path))
		return;
	result = json_read_file(path, &e);
	if (!result)
		return;
	entry = VEC_PUSH(l->v, l->n, l->alloc);
	mem_copy_str(entry->folder, sizeof(entry->folder), name);
	entry->result = result;
}

static int newest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = strcmp(json_str(y->result, "started", ""), json_str(x->result, "started", ""));

	return c ? c : strcmp(y->folder, x->folder);
}

static enum verdict verdict_of(const cJSON *o)
{
	const char *name = json_str(o, "verdict", "");

	for (int v = VERDICT_PASS; v <= VERDICT_SKIP; v++) {
		if (!strcmp(name, verdict_name((enum verdict)v)))
			return (enum verdict)v;
	}
	return VERDICT_BROKEN;
}

static int64_t ns_of(const cJSON *o, const char *key)
{
	double ms = json_num(o, key, -1);

	return ms < 0 ? -1 : json_whole(ms * 1e6 + 0.5);
}

/* A folder's name in a link: RFC 3986, section 2.3. */
static const char *href(struct arena *a, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~";
	static const char hex[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, 3 * strlen(name) + 1), *o = out;

	for (; *name; name++) {
		if (strchr(plain, *name)) {
			*o++ = *name;
			continue;
		}
		*o++ = '%';
		*o++ = hex[(unsigned char)*name >> 4];
		*o++ = hex[*name & 15];
	}
	return out;
}

static const char *outage_words(struct arena *a, const cJSON *s)
{
	const cJSON *o = json_get(s, "outage");
	int64_t lo = ns_of(o, "lo_ms"), hi = ns_of(o, "hi_ms");

	if (lo < 0 || !cJSON_IsBool(json_get(o, "any")))
		return "–";
	if (!json_bool(o, "any", false))
		return "none seen";
	if (hi < 0)
		return arena_fmt(a, "more than %s", text_duration(lo).s);
	return arena_fmt(a, "%s", text_interval(lo, hi).s);
}

static const char *lost_words(struct arena *a, const cJSON *loss)
{
	int64_t lost = json_i64(loss, "lost", -1);

	return arena_fmt(a, "%s%s", json_i64(loss, "lost_at_most", lost) > lost ? "at least " : "",
			 text_count(lost).s);
}

static void scenario_row(FILE *f, struct arena *a, const struct entry *entry, const cJSON *s,
			 int i)
{
	const cJSON *loss = json_get(s, "loss");
	int64_t redundant = ns_of(json_get(s, "recovery"), "redundant_ms");
	bool figures = json_num(s, "longest_op_ms", -1) >= 0;

	fprintf(f, "<tr><td>");
	html_chip(f, verdict_of(s));
	fprintf(f, "</td><td><a href=\"%s/report.html#s%d\">%s</a></td>"
		"<td data-l=\"Writes down\">%s</td><td data-l=\"Lost\">%s</td>"
		"<td data-l=\"Redundant again\">%s</td></tr>\n", href(a, entry->folder), i,
		text_xml(a, json_str(s, "name", "?")), outage_words(a, s),
		figures ? lost_words(a, loss) : "–",
		!figures ? "–" : redundant < 0 ? "not seen" :
		arena_fmt(a, "after %s", text_duration(redundant).s));
}

static void run_block(FILE *f, struct arena *a, const struct entry *entry)
{
	const cJSON *r = entry->result, *list = json_get(r, "scenarios"), *s;
	const char *started = arena_fmt(a, "%s", text_date(json_str(r, "started", "")).s);
	int i = 0;

	fprintf(f, "<section class=\"sc\">\n<div class=\"head\"><h2><a href=\"%s/report.html\">"
		"%s</a></h2>", href(a, entry->folder), started[0] ? started : "at an unknown time");
	html_chip(f, verdict_of(r));
	fprintf(f, "</div>\n<p class=\"meta\">engine %s, seed %s · <span class=\"mono\">%s</span>%s"
		"</p>\n<p>%s</p>\n", text_xml(a, json_str(r, "engine", "?")),
		text_xml(a, json_str(r, "seed", "?")), text_xml(a, json_str(r, "run_id", "?")),
		json_bool(r, "interrupted", false) ? " · interrupted" : "",
		text_xml(a, json_str(r, "summary", "")));
	if (list && list->child)
		fputs("<table class=\"cards runs\"><thead><tr><th>Verdict</th><th>Scenario</th>"
		      "<th>Writes down</th><th>Lost</th><th>Redundant again</th></tr></thead>"
		      "<tbody>\n", f);
	cJSON_ArrayForEach(s, list)
		scenario_row(f, a, entry, s, i++);
	if (list && list->child)
		fputs("</tbody></table>\n", f);
	fputs("</section>\n", f);
}

static void page(FILE *f, void *arg)
{
	const struct entries *l = arg;
	struct arena a = {0};

	html_open(f, &a, "Ordeal: runs");
	fprintf(f, "<header class=\"top\"><div class=\"brand\"><b>Ordeal</b></div>\n<h1>%s</h1>"
		"</header>\n<main>\n", l->n ? text_plural((int64_t)l->n, "run", "runs").s :
		"No run yet");
	for (size_t i = 0; i < l->n; i++)
		run_block(f, &a, &l->v[i]);
	fputs("</main>\n", f);
	html_close(f);
	arena_free(&a);
}

int report_index(const char *reports_dir, struct err *e)
{
	DIR *d = opendir(reports_dir);
	struct entries l = {0};
	struct dirent *entry;
	char path[PATH_MAX];
	int r;

	if (!d)
		return err_set(e, ERR_BROKEN, "cannot list %s: %s", reports_dir, strerror(errno));
	while ((entry = readdir(d)))
		add(&l, reports_dir, entry->d_name);
	closedir(d);
	if (l.n)
		qsort(l.v, l.n, sizeof(l.v[0]), newest_first);
	snprintf(path, sizeof(path), "%s/index.html", reports_dir);
	r = file_write_told(path, page, &l, e);
	for (size_t i = 0; i < l.n; i++)
		cJSON_Delete(l.v[i].result);
	free(l.v);
	return r;
}
