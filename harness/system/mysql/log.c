#include "system/mysql/log.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

/* "YYYY-MM-DDTHH:MM:SS..." up to a Z. */
static bool read_stamp(const char *text, size_t len, int64_t *t_ns)
{
	char stamp[40];
	size_t n = 0;

	while (n < len && n + 1 < sizeof(stamp) && text[n] != ' ' && text[n] != '"')
		n++;
	if (n < 20 || text[n - 1] != 'Z')
		return false;
	snprintf(stamp, sizeof(stamp), "%.*s", (int)n, text);
	return !clock_parse_rfc3339(stamp, t_ns);
}

static bool stamp_object(struct log_line *line)
{
	static const char key[] = "\"time\"";
	const char *end = line->text + line->len,
		   *at = memmem(line->text, line->len, key, sizeof(key) - 1);

	for (at = at ? at + sizeof(key) - 1 : end; at < end && (*at == ' ' || *at == ':'); at++)
		;
	line->mark = 'J';
	return at < end && *at == '"' && read_stamp(at + 1, (size_t)(end - at - 1), &line->t_ns);
}

bool my_log_stamp(struct log_line *line)
{
	const char *space;

	if (line->len && *line->text == '{')
		return stamp_object(line);
	space = memchr(line->text, ' ', line->len);
	if (!space || !read_stamp(line->text, line->len, &line->t_ns))
		return false;
	line->mark = 'M';
	line->len -= (size_t)(space + 1 - line->text);
	line->text = space + 1;
	return true;
}

struct search {
	const char *member, *code; /* of mysqld's */
	const char *by, *event, *key, *text; /* of objects */
	bool found;
	struct log_line line;
};

static bool earlier(const struct search *s, const struct log_line *line)
{
	return !s->found || line->t_ns < s->line.t_ns;
}

/* "0 [System] [MY-010931] ..." */
static bool by_code(void *arg, const struct log_line *line)
{
	struct search *s = arg;

	if (line->mark == 'M' && (!s->member || !strcmp(line->member, s->member)) &&
	    earlier(s, line) &&
	    memmem(line->text, line->len < 64 ? line->len : 64, s->code, strlen(s->code))) {
		s->line = *line;
		s->found = true;
	}
	return false;
}

bool my_log_code(const struct evidence *ev, const char *member, const char *code, int64_t from_ns,
		 int64_t to_ns, struct log_line *out)
{
	struct search s = {.member = member, .code = code};

	evidence_log_each(ev, my_log_stamp, from_ns, to_ns, by_code, &s);
	*out = s.line;
	return s.found;
}

static bool is_event(const struct search *s, const struct log_line *line)
{
	cJSON *o;
	bool is;

	if (line->mark != 'J' || (s->by && strncmp(line->member, s->by, strlen(s->by))) ||
	    !memmem(line->text, line->len, s->event, strlen(s->event)))
		return false;
	o = cJSON_ParseWithLength(line->text, line->len);
	is = !strcmp(json_str(o, "event", ""), s->event) && (!s->key || !strcmp(json_str(o, s->key, ""), s->text));
	cJSON_Delete(o);
	return is;
}

static bool by_event(void *arg, const struct log_line *line)
{
	struct search *s = arg;

	if (earlier(s, line) && is_event(s, line)) {
		s->line = *line;
		s->found = true;
	}
	return false;
}

bool my_log_spans(const struct evidence *ev, const char *member, int64_t from_ns, int64_t to_ns)
{
	for (size_t i = 0; ev->has_wall && i < ev->nlogs; i++) {
		const char *s = ev->logs[i].text;
		bool begun = false;

		for (; !strcmp(ev->logs[i].member, member) && *s; s += strcspn(s, "\n"), s += *s == '\n') {
			struct log_line line = {.text = s, .len = strcspn(s, "\n")};

			if (!my_log_stamp(&line) || line.mark != 'M')
				continue;
			begun = begun || line.t_ns - ev->wall_ns <= from_ns;
			if (begun && line.t_ns - ev->wall_ns >= to_ns)
				return true;
			if (!begun)
				break;
		}
	}
	return false;
}

bool my_log_told(const struct evidence *ev, const char *by, const char *event, const char *key,
		 const char *text, int64_t from_ns, int64_t to_ns, struct my_told *out)
{
	struct search s = {.by = by, .event = event, .key = key, .text = text};

	memset(out, 0, sizeof(*out));
	evidence_log_each(ev, my_log_stamp, from_ns, to_ns, by_event, &s);
	if (!s.found)
		return false;
	*out = (struct my_told){.t_ns = s.line.t_ns, .by = s.line.member,
				.o = cJSON_ParseWithLength(s.line.text, s.line.len)};
	return true;
}

bool my_log_of_controller(const char *pod)
{
	static const char begins[] = "mysql-failover-";

	return !strncmp(pod, begins, strlen(begins));
}

void my_told_free(struct my_told *t)
{
	cJSON_Delete(t->o);
	t->o = NULL;
}
