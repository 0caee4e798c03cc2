/* Lines of the logs that a run kept. */
#include <string.h>

#include "history/evidence.h"

bool evidence_log_each(const struct evidence *ev, log_stamp_fn *stamp, int64_t from_ns,
		       int64_t to_ns, bool (*fn)(void *arg, const struct log_line *line), void *arg)
{
	for (size_t i = 0; ev->has_wall && i < ev->nlogs; i++) {
		const char *s = ev->logs[i].text;

		while (*s) {
			size_t len = strcspn(s, "\n");
			struct log_line line = {.member = ev->logs[i].member,
						.container = ev->logs[i].container,
						.text = s,
						.len = len};

			if (stamp(&line)) {
				line.t_ns -= ev->wall_ns;
				if (line.t_ns >= from_ns && line.t_ns <= to_ns && fn(arg, &line))
					return true;
			}
			s += len + (s[len] == '\n');
		}
	}
	return false;
}

static bool has(const struct log_line *line, const char *word)
{
	return !word || memmem(line->text, line->len, word, strlen(word));
}

static bool begins(const struct log_line *line, const char *word)
{
	return !word || (line->len >= strlen(word) && !strncmp(line->text, word, strlen(word)));
}

struct search {
	const struct log_wanted *want;
	struct log_line *out;
	bool found;
};

/* Logs stand one member after the other: all must be looked at. */
static bool earliest(void *arg, const struct log_line *line)
{
	struct search *s = arg;
	const struct log_wanted *w = s->want;

	if ((w->member && strcmp(line->member, w->member)) ||
	    (w->not &&!strcmp(line->member, w->not )) || (w->mark && line->mark != w->mark) ||
	    !begins(line, w->begins) || !has(line, w->has) || !has(line, w->and))
		return false;
	if (!s->found || line->t_ns < s->out->t_ns)
		*s->out = *line;
	s->found = true;
	return false;
}

bool evidence_log_first(const struct evidence *ev, log_stamp_fn *stamp,
			const struct log_wanted *want, int64_t from_ns, int64_t to_ns,
			struct log_line *out)
{
	struct search s = {.want = want, .out = out};

	evidence_log_each(ev, stamp, from_ns, to_ns, earliest, &s);
	return s.found;
}

static bool is_of(void *arg, const struct log_line *line)
{
	return !strcmp(line->member, arg) && !*line->container;
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; n++) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return n;
}

bool evidence_log_reaches(const struct evidence *ev, log_stamp_fn *stamp, const char *member,
			  int64_t t_ns)
{
	for (size_t i = 0; i < ev->nlogs; i++) {
		const struct log_seen *l = &ev->logs[i];

		if (!strcmp(l->member, member) && !*l->container && !l->previous &&
		    (int64_t)lines_of(l->text) < l->most)
			return true;
	}
	return evidence_log_each(ev, stamp, INT64_MIN, t_ns, is_of, (void *)(uintptr_t)member);
}
