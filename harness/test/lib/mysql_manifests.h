#ifndef ORDEAL_TEST_LIB_MYSQL_MANIFESTS_H
#define ORDEAL_TEST_LIB_MYSQL_MANIFESTS_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "yaml/yaml.h"

/* What stands in the manifests of MySQL's fixture; `root` is the project's. Include cmocka
 * before: what is not there fails the test. */

/* The object of this kind and name in a file of the fixture; fails without. */
static inline struct ynode *object(struct arena *a, const char *root, const char *file,
				   const char *kind, const char *name)
{
	char path[PATH_MAX];
	struct ynode **docs;
	struct err e = {0};
	size_t n;

	snprintf(path, sizeof(path), "%s/fixtures/mysql/%s", root, file);
	if (yaml_read_file(a, path, &docs, &n, &e))
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < n; i++) {
		struct ynode *k = yaml_get(docs[i], "kind"), *own = yaml_path(docs[i], "metadata.name");

		if (k && own && !strcmp(k->text, kind) && !strcmp(own->text, name))
			return docs[i];
	}
	fail_msg("%s has no %s %s", path, kind, name);
	return NULL;
}

/* All of `from`, which must be there, become `to`; the heap. */
static inline char *replaced(char *text, const char *from, const char *to)
{
	struct buf b = {0};
	char *at, *rest = text, *out;

	if (!strstr(text, from))
		fail_msg("there is no %s", from);
	for (; (at = strstr(rest, from)); rest = at + strlen(from)) {
		buf_add(&b, rest, (size_t)(at - rest));
		buf_str(&b, to);
	}
	buf_str(&b, rest);
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	free(text);
	return out;
}

/* What the overlay of a group makes of a text of a ConfigMap. */
static inline char *edited(const char *root, char *text, const char *key)
{
	char file[PATH_MAX], path[64];
	struct arena a = {0};
	struct ynode **docs;
	const struct ynode *edits;
	struct err e = {0};
	size_t n;

	snprintf(file, sizeof(file), "%s/fixtures/mysql/overlays/group-replication/overlay.yaml", root);
	if (yaml_read_file(&a, file, &docs, &n, &e))
		fail_msg("%s", e.msg);
	snprintf(path, sizeof(path), "data.\"%s\"", key);
	edits = yaml_get(docs[0], "edit");
	for (size_t i = 0; i < edits->n; i++)
		if (!strcmp(yaml_get(edits->items[i], "path")->text, path))
			text = replaced(text, yaml_get(edits->items[i], "replace")->text, yaml_get(edits->items[i], "with")->text);
	arena_free(&a);
	return text;
}

#endif
