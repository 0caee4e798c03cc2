#ifndef ORDEAL_YAML_YAML_H
#define ORDEAL_YAML_YAML_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* A YAML document as a tree that remembers where everything stood. Parsed
 * with libyaml. An alias is a copy of what its anchor names, a merge key (<<)
 * is the keys that it brings; a duplicate key is an error. Everything lives in
 * the arena. */

enum ynode_kind { Y_SCALAR, Y_MAP, Y_LIST };

struct ynode {
	enum ynode_kind kind;
	int line, column; /* from 1 */
	const char *file;
	/* Y_SCALAR */
	const char *text;
	bool plain; /* unquoted: true/false/null/numbers count as such */
	bool alias; /* what stands there is an alias or a merge key: not these bytes */
	/* Y_MAP: keys[i] is a scalar; Y_MAP and Y_LIST: items[i] */
	struct ynode **keys;
	struct ynode **items;
	size_t n, alloc;
};

/* Reads all documents of a file. *docs is an array in the arena. */
int yaml_read_file(struct arena *a, const char *path, struct ynode ***docs, size_t *n,
		   struct err *e);
int yaml_read_text(struct arena *a, const char *name, const char *text, struct ynode ***docs,
		   size_t *n, struct err *e);

/* Value of a key in a map; NULL when absent or `map` is no map. */
struct ynode *yaml_get(const struct ynode *map, const char *key);
/* Follows "spec.template.spec.containers[0].image". */
struct ynode *yaml_path(struct ynode *root, const char *path);

/* Changing a tree (for adapting manifests): create or replace. */
struct ynode *yaml_new_scalar(struct arena *a, const char *text, bool plain);
struct ynode *yaml_new_map(struct arena *a);
struct ynode *yaml_new_list(struct arena *a);
void yaml_set(struct arena *a, struct ynode *map, const char *key, struct ynode *value);
void yaml_append(struct arena *a, struct ynode *list, struct ynode *value);
bool yaml_remove(struct ynode *map, const char *key);

/* What a scalar is to kubectl, whose reader is Go's yaml.v2 (its resolve.go,
 * in sigs.k8s.io/yaml): plain y, yes, on, n, no, off in three spellings are
 * booleans as well; 0x1f, 0o17, 017, 0b1 and 1_000 are integers; 1:20 and
 * 2024-01-17 are texts. */
enum yaml_type { YAML_IS_TEXT, YAML_IS_NULL, YAML_IS_BOOL, YAML_IS_INT, YAML_IS_FLOAT };
enum yaml_type yaml_type(const struct ynode *scalar);
/* Absent to Kubernetes: null, ~, or nothing behind the colon. */
bool yaml_is_null(const struct ynode *n);

/* As kubectl makes JSON of YAML, keys that are no texts included. The caller
 * deletes the result. */
cJSON *yaml_to_json(const struct ynode *n);
/* The same with true and false as the only booleans: for files of our own, in
 * which y or on may be a name. */
cJSON *yaml_words_to_json(const struct ynode *n);
/* Makes keys that are no texts the texts that yaml_to_json() makes of them; two that
 * become one are an error. */
int yaml_text_keys(struct arena *a, struct ynode *n, struct err *e);

/* Sets an ERR_INPUT "file:line:column: ..." at this node, harmless and on one
 * line; returns -1. */
int yaml_error(const struct ynode *at, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Every key of a map must be in `allowed` (NULL-terminated), or the error, a
 * line for each (err_add()), suggests the nearest one. */
int yaml_check_keys(const struct ynode *map, const char *const *allowed, const char *what,
		    struct err *e);
/* The allowed word nearest to `word` (edit distance <= 1 + len/4), or NULL. */
const char *yaml_nearest(const char *word, const char *const *allowed);

int yaml_to_i64(const struct ynode *n, int64_t *out, struct err *e);
int yaml_to_num(const struct ynode *n, double *out, struct err *e);
int yaml_to_bool(const struct ynode *n, bool *out, struct err *e);
/* "250ms", "1.5s", "2m", "1h"; a bare number is refused (unit missing). */
int yaml_to_duration_ns(const struct ynode *n, int64_t *out, struct err *e);
int yaml_to_string(const struct ynode *n, const char **out, struct err *e);

#endif
