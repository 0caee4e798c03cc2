#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/parts.h"

/* Texts of lines "words value", as redis.conf and sentinel.conf are; leading
 * blanks and comments are the author's. */

static const char *end_of(const char *line)
{
	return line + strcspn(line, "\n");
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

static bool begins(const char *line, const char *words, size_t len)
{
	const char *s = skip_blanks(line);

	return !strncmp(s, words, len) && (s[len] == ' ' || s[len] == '\t');
}

/* The value behind the words in the last line that has them (the last one is
 * what counts to such readers); NULL: there is none. */
static const char *find(const char *text, const char *words, size_t *len, int *line)
{
	const char *s, *value = NULL;
	int n = 1;

	for (s = text; *s; s = end_of(s), s += *s == '\n', n++) {
		const char *end = end_of(s);

		if (!begins(s, words, strlen(words)))
			continue;
		value = skip_blanks(skip_blanks(s) + strlen(words));
		while (end > value && isspace((unsigned char)end[-1]))
			end--;
		*len = (size_t)(end - value);
		*line = n;
	}
	return value;
}

/* Behind the last line that begins with the same word, or at the top. */
static const char *insert(struct arena *a, const char *text, const char *words, const char *value,
			  int *line)
{
	size_t len = strcspn(words, " ");
	const char *s, *at = text, *indent = "";
	int n = 1;

	*line = 1;
	for (s = text; *s; n++) {
		const char *next = end_of(s);

		next += *next == '\n';
		if (begins(s, words, len)) {
			at = next;
			indent = arena_fmt(a, "%.*s", (int)(skip_blanks(s) - s), s);
			*line = n;
		}
		s = next;
	}
	return arena_fmt(a, "%.*s%s%s%s %s\n%s", (int)(at - text), text,
			 at > text && at[-1] != '\n' ? "\n" : "", indent, words, value, at);
}

const char *line_get(struct arena *a, const char *text, const char *words, int *line)
{
	size_t len = 0;
	const char *value = find(text, words, &len, line);

	return value ? arena_fmt(a, "%.*s", (int)len, value) : NULL;
}

const char *line_set(struct arena *a, const char *text, const char *words, const char *value,
		     int *line)
{
	size_t len = 0;
	const char *at = find(text, words, &len, line);

	if (!at)
		return insert(a, text, words, value, line);
	return arena_fmt(a, "%.*s%s%s", (int)(at - text), text, value, at + len);
}
