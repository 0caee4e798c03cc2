#include "apiserver/request.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "manifest/names.h"

enum { WORDS = 12 };

static const char *verb_of(const char *method)
{
	static const char *const verbs[][2] = {{"POST", "create"}, {"GET", "get"}, {"HEAD", "get"}, {"PUT", "update"},
					       {"PATCH", "patch"}, {"DELETE", "delete"}};

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strcmp(verbs[i][0], method))
			return verbs[i][1];
	return "";
}

/* As URL queries become booleans: all but these is true. */
static bool is_true(const char *word)
{
	return word && strcasecmp(word, "false") && strcmp(word, "0");
}

/* "metadata.name=x" among the terms of a field selector. */
static void read_selected(struct api_request *r, const char *fields)
{
	static const char key[] = "metadata.name=";

	r->selected[0] = '\0';
	if (!fields || strpbrk(fields, "()\\ "))
		return;
	for (;;) {
		size_t len = strcspn(fields, ",");

		if (!strncmp(fields, key, sizeof(key) - 1)) {
			const char *name = fields + sizeof(key) - 1;

			name += *name == '=';
			snprintf(r->selected, sizeof(r->selected), "%.*s", (int)(fields + len - name), name);
			if ((size_t)(fields + len - name) >= sizeof(r->selected) ||
			    !name_is_segment(r->selected))
				r->selected[0] = '\0';
			return;
		}
		if (!fields[len])
			return;
		fields += len + 1;
	}
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return !strcmp(word, a) || !strcmp(word, b);
}

static bool not_a_resource(struct api_request *r)
{
	for (char *c = r->method; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	r->verb = r->method;
	return true;
}

bool api_request_read(struct api_request *r, const char *method, const char *url, const char *watch,
		      const char *fields)
{
	char *words[WORDS] = {NULL}, *rest = r->path, *end;
	size_t n = 0, at;

	memset(r, 0, sizeof(*r));
	r->group = r->version = r->ns = r->kind = r->sub = r->name = r->asked = "";
	r->verb = verb_of(method);
	snprintf(r->method, sizeof(r->method), "%s", method);
	if ((size_t)snprintf(r->url, sizeof(r->url), "%s", url) >= sizeof(r->url))
		return false;
	mem_copy_str(r->path, sizeof(r->path), url + strspn(url, "/"));
	for (end = r->path + strlen(r->path); end > r->path && end[-1] == '/';)
		*--end = '\0';
	while (n < WORDS && rest)
		words[n++] = strsep(&rest, "/");
	at = n && !strcmp(words[0], "apis") ? 3 : 2;
	if (rest || n < 3 || n <= at || (strcmp(words[0], "api") && at == 2))
		return not_a_resource(r);
	r->resource = true;
	r->group = at == 3 ? words[1] : "";
	r->version = words[at - 1];
	if (is_one_of(words[at], "watch", "proxy")) {
		if (n <= at + 1)
			return not_a_resource(r);
		r->odd = true;
		r->verb = words[at++];
	}
	if (!strcmp(words[at], "namespaces") && n > at + 1) {
		r->ns = words[at + 1];
		if (n > at + 2 && !is_one_of(words[at + 2], "status", "finalize"))
			at += 2;
	}
	r->kind = words[at];
	r->name = r->asked = n > at + 1 ? words[at + 1] : "";
	r->sub = n > at + 2 ? words[at + 2] : "";
	if (n > at + 3)
		r->odd = true;
	if (!*r->name && !strcmp(r->verb, "get")) {
		r->verb = is_true(watch) ? "watch" : "list";
		read_selected(r, fields);
		r->asked = r->selected;
	} else if (!*r->name && !strcmp(r->verb, "delete")) {
		r->verb = "deletecollection";
	}
	return true;
}
