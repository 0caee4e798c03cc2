#include "test/lib/markup_check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 64, NAME_MAX_LEN = 32, ATTRIBUTES_MAX = 24 };

struct markup {
	const char *text, *at;
	bool html;
	char open[DEPTH_MAX][NAME_MAX_LEN];
	size_t depth;
	char *why;
	size_t size;
};

static bool fault(struct markup *m, const char *what)
{
	snprintf(m->why, m->size, "at byte %zu: %s: %.60s", (size_t)(m->at - m->text), what, m->at);
	return false;
}

static bool name(struct markup *m, char out[NAME_MAX_LEN])
{
	size_t n = 0;

	while (isalnum((unsigned char)*m->at) || (n && strchr("-_:", *m->at) && *m->at)) {
		if (n + 1 == NAME_MAX_LEN)
			return fault(m, "a long name");
		out[n++] = *m->at++;
	}
	out[n] = '\0';
	return n || fault(m, "a name is missing");
}

/* &name; or &#number; at m->at. */
static bool entity(struct markup *m)
{
	size_t n = 1;

	while (isalnum((unsigned char)m->at[n]) || (n == 1 && m->at[n] == '#'))
		n++;
	if (n < 2 || n > 10 || m->at[n] != ';')
		return fault(m, "a bare '&'");
	m->at += n + 1;
	return true;
}

static bool value(struct markup *m)
{
	if (*m->at != '"')
		return fault(m, "a value without quotes");
	for (m->at++; *m->at != '"';) {
		if (!*m->at || *m->at == '<')
			return fault(m, "a value without an end");
		if (*m->at == '&') {
			if (!entity(m))
				return false;
		} else {
			m->at++;
		}
	}
	m->at++;
	return true;
}

static bool attributes(struct markup *m)
{
	char seen[ATTRIBUTES_MAX][NAME_MAX_LEN];
	size_t n = 0;

	while (isspace((unsigned char)*m->at)) {
		while (isspace((unsigned char)*m->at))
			m->at++;
		if (strchr("/>?", *m->at))
			break;
		if (n == ATTRIBUTES_MAX || !name(m, seen[n]))
			return fault(m, "too many attributes, or none");
		for (size_t i = 0; i < n; i++) {
			if (!strcmp(seen[i], seen[n]))
				return fault(m, "an attribute twice");
		}
		n++;
		if (*m->at == '=') {
			m->at++;
			if (!value(m))
				return false;
		} else if (!m->html) {
			return fault(m, "an attribute without a value");
		}
	}
	return true;
}

static bool empty_element(const char *tag)
{
	return !strcmp(tag, "meta") || !strcmp(tag, "br") || !strcmp(tag, "link") ||
	       !strcmp(tag, "img") || !strcmp(tag, "hr") || !strcmp(tag, "input");
}

static bool end_tag(struct markup *m)
{
	char tag[NAME_MAX_LEN];

	m->at += 2;
	if (!name(m, tag))
		return false;
	if (!m->depth || strcmp(m->open[m->depth - 1], tag))
		return fault(m, "an end tag that closes another element");
	m->depth--;
	if (*m->at++ != '>')
		return fault(m, "an end tag without '>'");
	return true;
}

static bool start_tag(struct markup *m)
{
	char tag[NAME_MAX_LEN];

	m->at++;
	if (!name(m, tag) || !attributes(m))
		return false;
	if (!strncmp(m->at, "/>", 2)) {
		m->at += 2;
		return true;
	}
	if (*m->at++ != '>')
		return fault(m, "a tag without '>'");
	if (m->html && empty_element(tag))
		return true;
	if (m->depth == DEPTH_MAX)
		return fault(m, "too deep");
	snprintf(m->open[m->depth++], NAME_MAX_LEN, "%s", tag);
	if (m->html && !strcmp(tag, "style")) {
		const char *end = strstr(m->at, "</style>");

		if (!end)
			return fault(m, "a style without an end");
		m->at = end;
	}
	return true;
}

/* <?xml ...?> or <!doctype html> at the very beginning. */
static bool prologue(struct markup *m)
{
	const char *end = strchr(m->at, '>');

	if (!end || (m->html ? strncmp(m->at, "<!doctype html>", 15) : strncmp(m->at, "<?xml ", 6)))
		return fault(m, "no prologue");
	m->at = end + 1;
	return true;
}

bool markup_check(const char *text, bool html, char *why, size_t size)
{
	struct markup m = {.text = text, .at = text, .html = html, .why = why, .size = size};
	bool ok = prologue(&m);

	while (ok && *m.at) {
		if (*m.at == '<')
			ok = m.at[1] == '/' ? end_tag(&m) : start_tag(&m);
		else if (*m.at == '&')
			ok = entity(&m);
		else if ((unsigned char)*m.at < 0x20 && !strchr("\n\t", *m.at))
			ok = fault(&m, "a control character");
		else
			m.at++;
	}
	return ok && (!m.depth || fault(&m, "an element without an end"));
}
