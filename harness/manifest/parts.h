#ifndef ORDEAL_MANIFEST_PARTS_H
#define ORDEAL_MANIFEST_PARTS_H

#include "manifest/manifest.h"

/* Shared by manifest.c, place.c, overlay.c, adapt.c and their tests only. */

/* Adds the objects of some documents, checked; empty documents are left
 * out. *alloc belongs to m->objects, which is in the arena. */
int manifest_add(struct arena *a, struct manifest *m, size_t *alloc, struct ynode **docs, size_t n,
		 struct err *e);

/* Adds the objects of a folder's files; there may be none. */
int manifest_read_more(struct arena *a, const char *dir, struct manifest *m, struct err *e);

/* An object without what says nothing to an API server: null is absent (in a
 * map of texts and among texts: an empty text), and what the server fills in is
 * removed and told in `log`. */
void manifest_plain(struct arena *a, struct ynode *object, struct adaptations *log);

/* The text at a path, "" when there is none. */
const char *manifest_text(const struct ynode *object, const char *path);
const char *manifest_kind(const struct ynode *object);

/* The pod's spec in a workload, and its path (NULL allowed); NULL for other
 * objects. */
struct ynode *manifest_pod_spec(const struct ynode *object, const char **path);

/* The provisioner of the manifests' own class of this name; NULL: they have none. */
const char *manifest_provisioner(const struct manifest *m, const char *name);

/* What makes a StorageClass everybody's, at *path; NULL: nothing does. */
struct ynode *manifest_default_note(struct ynode *object, const char **path);

/* The name of the first such class; NULL: there is none. */
const char *manifest_default_class(const struct manifest *m);

/* Bytes in the largest binary unit in which they are whole. */
const char *quantity_text(struct arena *a, int64_t bytes);

/* Records a change; all texts are copied into the arena. */
void adaptation_add(struct arena *a, struct adaptations *log, const struct ynode *object,
		    int line, const char *path, const char *from, const char *to,
		    const char *why);

/* Changes one scalar in a YAML text (of a ConfigMap, say) and nothing else:
 * every other byte stays. `path` leads to the scalar. When it is missing and
 * `create` is set, a line (in a flow map: an entry) is put in front of the
 * first key of its parent, which must exist. Returns the new text in the
 * arena, or the same pointer when the value is already there; NULL with an
 * error. *from is the old value (NULL: was absent). */
const char *inside_set(struct arena *a, const char *what, const char *text, const char *path,
		       const char *value, bool create, const char **from, struct err *e);

/* The line in the text, from 1, of what the path leads to, or, when it is
 * missing, of its parent's first key; 0 when there is no parent either. */
int inside_line(struct arena *a, const char *text, const char *path);

/* True when the text holds YAML in which the path leads to a scalar. */
bool inside_has(struct arena *a, const char *text, const char *path);

/* Of a text of lines "words value" (redis.conf): the value, NULL when no line
 * begins with the words; *line is where, from 1. */
const char *line_get(struct arena *a, const char *text, const char *words, int *line);

/* The text with another value there and every other byte as it was; without
 * such a line, with one more behind the last that begins with the same word,
 * or else at the top. */
const char *line_set(struct arena *a, const char *text, const char *words, const char *value,
		     int *line);

/* "a.b[0].c" into "a.b[0]" (in the arena) and "c"; the parent is "" for a
 * single key. False when the last step is an index. */
bool path_split(struct arena *a, const char *path, const char **parent, const char **leaf);

#endif
