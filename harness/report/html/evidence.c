#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"
#include "report/html/page.h"

/* What stands behind the figures, folded: the script, the settings, what was
 * changed in the manifests, noise, everything that happened, and logs. */

enum { EVENTS_SHOWN_MAX = 300, LOG_BYTES_MAX = 12000 };

/* Nothing as a dash. */
static const char *told(struct page *p, const char *text)
{
	return *text ? esc(p, text) : "–";
}

/* Strings as they are, other JSON as text, nothing as a dash. */
static const char *value(struct page *p, const cJSON *o, const char *key)
{
	const cJSON *v = json_get(o, key);
	const char *out;
	char *text;

	if (!v || cJSON_IsNull(v))
		return "–";
	if (cJSON_IsString(v))
		return told(p, v->valuestring);
	text = json_text(v);
	out = esc(p, text);
	cJSON_free(text);
	return out;
}

/* As it was asked for and as the system reports it: either may be NULL; `any` is one of
 * them. */
static void setting_row(struct page *p, const struct setting_seen *any,
			const struct setting_seen *asked, const struct setting_seen *real)
{
	fprintf(p->f, "<tr><td class=\"mono\">%s</td><td data-l=\"In force\">%s</td>"
		"<td data-l=\"Asked for\">%s</td><td data-l=\"Unit\">%s</td><td data-l=\"From\">%s"
		"</td></tr>\n", told(p, any->name),
		real && real->value ? told(p, real->value) : "–",
		asked && asked->value ? told(p, asked->value) : "–", esc(p, any->unit),
		asked ? told(p, asked->source) : "the system");
}

static void settings(struct page *p)
{
	const struct settings_seen *asked = p->s->ev->settings, *real = p->s->ev->inforce;

	if (!asked->n && !(real && real->n))
		return;
	fprintf(p->f, "<details class=\"pr\"><summary>Settings in force <span>(%s)</span></summary>"
		"<table class=\"cards tight\"><thead><tr><th>Setting</th><th>In force</th>"
		"<th>Asked for</th><th>Unit</th><th>From</th></tr></thead><tbody>\n",
		real ? "as the running system reports them" :
		       "as asked for; the system was not asked");
	for (size_t i = 0; i < asked->n; i++)
		setting_row(p, &asked->v[i], &asked->v[i], setting_find(real, asked->v[i].name));
	for (size_t i = 0; real && i < real->n; i++)
		if (!setting_find(asked, real->v[i].name))
			setting_row(p, &real->v[i], NULL, &real->v[i]);
	fputs("</tbody></table></details>\n", p->f);
}

/* From the project's folder on, wherever that is. */
static const char *file_words(struct page *p, const char *file)
{
	const char *from = strstr(file, "/fixtures/");

	return esc(p, from ? from + 1 : file);
}

static void adaptations(struct page *p)
{
	const struct evidence *ev = p->s->ev;

	if (!ev->nadapted)
		return;
	fprintf(p->f, "<details class=\"pr\"><summary>What was changed in the manifests <span>(%zu)</span>"
		"</summary><table class=\"cards tight\"><thead><tr><th>Where</th><th>Before</th>"
		"<th>After</th><th>Why</th></tr></thead><tbody>\n", ev->nadapted);
	for (size_t i = 0; i < ev->nadapted; i++) {
		const struct adapted_seen *a = &ev->adapted[i];

		fprintf(p->f, "<tr><td><b>%s</b><span class=\"why mono\">%s</span><span "
			"class=\"why\">%s:%lld</span></td><td data-l=\"Before\" class=\"mono\">%s"
			"</td><td data-l=\"After\" class=\"mono\">%s</td><td data-l=\"Why\">%s</td>"
			"</tr>\n", told(p, a->object), told(p, a->path), file_words(p, a->file), (long long)a->line,
			told(p, a->from), told(p, a->to), told(p, a->why));
	}
	fputs("</tbody></table></details>\n", p->f);
}

/* What the step says besides what its sentence already holds. */
static const char *step_params(struct page *p, const cJSON *params)
{
	static const char *const said[] = {"fault", "target", "as", "for"};
	struct buf b = {0};
	const char *out;
	const cJSON *v;

	cJSON_ArrayForEach(v, params) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(said); i++)
			known = known || !strcmp(v->string, said[i]);
		if (!known)
			buf_fmt(&b, ", %s: %s", esc(p, v->string), value(p, params, v->string));
	}
	out = arena_strdup(p->a, buf_cstr(&b));
	buf_free(&b);
	return out;
}

static const char *step_words(struct page *p, const struct step_seen *st)
{
	const char *within = text_duration(st->within_ns).s;

	if (!strcmp(st->step, "steady"))
		return arena_fmt(p->a, "load goes on for %s", text_duration(st->steady_ns).s);
	if (!strcmp(st->step, "heal"))
		return arena_fmt(p->a, "%s is undone", told(p, st->id));
	if (!strcmp(st->step, "await"))
		return arena_fmt(p->a, "wait for %s%s%s, at most %s", told(p, st->await), *st->id ? " " : "",
				 *st->id ? told(p, st->id) : "", within);
	if (!strcmp(st->step, "run"))
		return arena_fmt(p->a, "a job <b>%s</b> is started from the CronJob %s%s%s", told(p, st->id),
				 told(p, st->run), st->within_ns ? " and waited for, at most " : "",
				 st->within_ns ? within : "");
	return arena_fmt(p->a, "fault <b>%s</b> (%s) on %s%s%s%s", told(p, st->id), told(p, st->fault),
			 told(p, st->target), st->for_ns ? " for " : "",
			 st->for_ns ? text_duration(st->for_ns).s : "", step_params(p, st->params));
}

static void script(struct page *p)
{
	const struct evidence *ev = p->s->ev;
	const struct load_spec *load = &ev->load;

	if (!ev->nsteps)
		return;
	fprintf(p->f, "<details class=\"pr\"><summary>The script <span>(%s)</span></summary><ol>",
		told(p, ev->script->file));
	if (ev->has_load)
		fprintf(p->f, "<li value=\"0\">load: %g operations a second from %d clients, "
			"deadline %s, mix %s</li>", load->rate, load->clients,
			text_duration(load->deadline_ns).s, told(p, ev->mix));
	for (size_t i = 0; i < ev->nsteps; i++)
		fprintf(p->f, "<li>%s</li>", step_words(p, &ev->steps[i]));
	fputs("</ol></details>\n", p->f);
}

static const char *percent(struct page *p, double v)
{
	return v < 0 ? "unknown" : arena_fmt(p->a, "%.1f %%", v);
}

/* In each fault's own time. */
static void noise_of_faults(struct page *p)
{
	const struct measured *m = p->s->m;

	for (size_t i = 0; i < m->nfaults; i++) {
		const struct noise *n = &m->faults[i].noise[NOISE_OUTAGE];

		if (m->faults[i].rec->injected_ns)
			fprintf(p->f, "<li>while %s was felt: the generator stood still %s, tasks waited for a "
				"processor %s of the time, %s was stolen%s%s</li>\n",
				esc(p, m->faults[i].rec->id), n->stood_ns ?
				arena_fmt(p->a, "for up to %s", text_duration(n->stood_ns).s) : "never",
				percent(p, n->cpu_some_pct), percent(p, n->steal_pct), n->why[0] ? ": " : "",
				esc(p, n->why));
	}
}

static void noise(struct page *p)
{
	const struct noise *n = &p->s->m->noise;
	const struct load_sent *l = &p->s->m->load;

	if (!html_loaded(p->s->m))
		return;
	fprintf(p->f, "<details class=\"pr\"><summary>Noise <span>(%s)</span></summary><ul>"
		"<li>the load generator was late by %s (p99), at most %s</li>"
		"<li>tasks waited for a processor %s of the time</li>"
		"<li>stolen by other machines: %s</li>\n"
		"<li>of %s that were due, %s left the clients%s%s</li>\n",
		n->too_noisy ? "too much for the figures to count" : n->pressed ? "no processor to spare" : "within limits",
		text_figure(n->lateness_p99_ms, "ms").s, text_figure(n->lateness_max_ms, "ms").s,
		percent(p, n->cpu_some_pct), percent(p, n->steal_pct),
		text_plural(l->due, "operation", "operations").s, text_count(l->sent).s, l->why[0] ? ": " : "",
		esc(p, l->why));
	noise_of_faults(p);
	fprintf(p->f, "</ul>%s%s%s</details>\n", n->why[0] ? "<p>" : "", esc(p, n->why), n->why[0] ? "</p>" : "");
}

/* ---- everything that happened ---- */

/* As it was written down: the one listing of the events themselves. */

static const char *object_words(struct page *p, const cJSON *ev)
{
	const char *type = json_str(ev, "type", "object"), *name = value(p, ev, "name");

	if (json_bool(ev, "gone", false))
		return arena_fmt(p->a, "%s %s is gone", esc(p, type), name);
	if (!strcmp(type, "pod"))
		return arena_fmt(p->a, "pod %s: %s, %sready, restarts %lld, on %s%s", name,
				 value(p, ev, "phase"), json_bool(ev, "ready", false) ? "" : "not ",
				 (long long)json_i64(ev, "restarts", 0), value(p, ev, "node"),
				 json_get(ev, "deleted") && !cJSON_IsFalse(json_get(ev, "deleted")) ?
				 ", being deleted" : "");
	if (!strcmp(type, "endpoints"))
		return arena_fmt(p->a, "endpoints %s: ready %s, not ready %s", name,
				 value(p, ev, "addrs"), value(p, ev, "not_ready"));
	return arena_fmt(p->a, "%s %s: %s", esc(p, type), name, value(p, ev, "phase"));
}

/* NULL: not for this list. */
static const char *event_words(struct page *p, const cJSON *ev)
{
	const char *kind = json_str(ev, "k", "");

	if (!strcmp(kind, "phase"))
		return arena_fmt(p->a, "phase %s%s%s", value(p, ev, "phase"),
				 json_str(ev, "detail", "")[0] ? ": " : "",
				 json_str(ev, "detail", "")[0] ? value(p, ev, "detail") : "");
	if (!strcmp(kind, "fault"))
		return arena_fmt(p->a, "<b>fault %s: %s</b>", value(p, ev, "id"),
				 value(p, ev, "state"));
	if (!strcmp(kind, "object"))
		return object_words(p, ev);
	if (!strcmp(kind, "notice"))
		return arena_fmt(p->a, "%s: %s: %s", value(p, ev, "object"),
				 value(p, ev, "reason"), value(p, ev, "message"));
	if (!strcmp(kind, "stands"))
		return json_bool(ev, "ok", false) ? "the system stands" :
		       arena_fmt(p->a, "<b>the system does not stand</b>: %s",
				 value(p, ev, "point"));
	if (!strcmp(kind, "broken"))
		return arena_fmt(p->a, "<b>broken</b>: %s: %s", value(p, ev, "where"),
				 value(p, ev, "what"));
	if (!strcmp(kind, "interrupt"))
		return "<b>interrupted</b>";
	return NULL;
}

static void event_rows(struct page *p, struct buf *rows, int *n)
{
	int64_t zero = html_loaded(p->s->m) ? p->s->m->begin_ns : p->s->ev->begin_ns;
	const cJSON *ev;

	cJSON_ArrayForEach(ev, p->s->events) {
		const char *text;

		if (json_i64(ev, "s", -1) != p->s->index)
			continue;
		text = event_words(p, ev);
		if (!text || ++*n > EVENTS_SHOWN_MAX)
			continue;
		buf_fmt(rows, "<tr><td class=\"n mono\">%.3f s</td><td>%s</td></tr>\n",
			(double)(json_i64(ev, "t", zero) - zero) / 1e9, text);
	}
}

static void events(struct page *p)
{
	struct buf rows = {0};
	int n = 0;

	event_rows(p, &rows, &n);
	if (n) {
		fprintf(p->f, "<details><summary>Everything that happened <span>(%d)</span>"
			"</summary><table class=\"tight\"><thead><tr><th class=\"n\">%s</th>"
			"<th>What</th></tr></thead><tbody>\n%s</tbody></table>", n,
			html_loaded(p->s->m) ? "Since the load began" : "Since the start",
			buf_cstr(&rows));
		if (n > EVENTS_SHOWN_MAX)
			fprintf(p->f, "<p class=\"soft small\">and %d more in events.jsonl</p>",
				n - EVENTS_SHOWN_MAX);
		fputs("</details>\n", p->f);
	}
	buf_free(&rows);
}

/* The end of a log, from the beginning of a line. */
static const char *tail(const char *text)
{
	size_t len = strlen(text);
	const char *from, *line;

	if (len <= LOG_BYTES_MAX)
		return text;
	from = text + len - LOG_BYTES_MAX;
	line = strchr(from, '\n');
	return line ? line + 1 : from;
}

static void logs(struct page *p)
{
	/* Where the system did not come up, its own words are the finding. */
	const char *open = p->s->m->stands ? "" : " class=\"pr\" open";

	for (size_t i = 0; i < p->s->ev->nlogs; i++) {
		const struct log_seen *l = &p->s->ev->logs[i];

		fprintf(p->f, "<details%s><summary>Log of %s%s%s%s <span>(%s)</span></summary><pre "
			"tabindex=\"0\">%s</pre></details>\n", open, told(p, l->member),
			*l->container ? ", container " : "", esc(p, l->container),
			l->previous ? ", before its restart" : "",
			tail(l->text) == l->text ? "excerpt" : "end of the excerpt", esc(p, tail(l->text)));
	}
}

void html_evidence(struct page *p)
{
	fputs("<div class=\"evid\"><h3>Evidence</h3>\n", p->f);
	script(p);
	settings(p);
	adaptations(p);
	noise(p);
	events(p);
	logs(p);
	fputs("</div>\n", p->f);
}
