#ifndef ORDEAL_MANIFEST_API_H
#define ORDEAL_MANIFEST_API_H

#include "manifest/api/types.h"
#include "manifest/parts.h"

/* Between the files of this folder and their tests only: what an API server says of an
 * object, without one. */

/* The version in which a kind is served; NULL: no kind of Kubernetes' own. */
const char *api_version_of(const char *kind);
/* Whether all kinds of the version's group ("v1" has none) are Kubernetes' own, or there can be none. */
bool api_group_is_known(const char *version);
/* The word that was meant, or NULL. */
const char *api_nearest_kind(struct arena *a, const char *kind);

struct admission {
	struct arena *a;
	const struct ynode *object;
	const char *kind, *name;
	bool strict; /* fields that the API does not have are refused */
	struct err *e;
};

/* One refusal more: `at` may be NULL (the object), `path` NULL: the words stand alone. */
void api_refuse(struct admission *w, const struct ynode *at, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Types of all values, and with w->strict fields that are none; false: a map or a
 * list is not where it should be, and there is no more to say. */
bool api_decode(struct admission *w);

/* A pod's metadata and spec below `path` ("spec.template."); `claims` are the
 * names of its owner's claims (a list of templates, or NULL). */
void api_check_pod(struct admission *w, const struct ynode *template, const char *path,
		   const struct ynode *claims);

/* variables.c: env and envFrom. */
void api_check_variables(struct admission *w, const struct ynode *container, const char *path);

/* spec.c, of a pod's spec; `path` ends with a dot. */
void api_check_spec(struct admission *w, const struct ynode *spec, const char *path);

/* placement.c, of the same. */
void api_check_placement(struct admission *w, const struct ynode *spec, const char *path);

/* selector.c: labels and expressions of one, and whether a workload's is its own template's. */
void api_check_requirements(struct admission *w, const struct ynode *selector, const char *path);
void api_check_selector(struct admission *w, const struct ynode *spec);

/* data.c, of ConfigMaps and Secrets. */
void api_check_data(struct admission *w);

void api_check_object(struct admission *w);
/* batch.c; the path of the Job's spec ends with a dot. */
void api_check_job(struct admission *w, const struct ynode *spec, const char *path);
void api_check_job_object(struct admission *w);
void api_check_cron_job(struct admission *w);

/* ---- names: NULL when good, or the API server's words ---- */

const char *api_dns_label(const char *name);
const char *api_dns_label_1035(const char *name);
const char *api_dns_subdomain(const char *name);
const char *api_port_name(const char *name);
const char *api_label_key(const char *name);
const char *api_label_value(const char *value);
const char *api_data_key(const char *key);
const char *api_address(const char *text);
/* no white space and nothing that rules a terminal: a word of a file's line */
const char *api_one_word(const char *text);

/* ---- small things ---- */

/* How many items a list has; what is none has none. */
size_t api_items(const struct ynode *list);
/* A map's value, or where there is none the map: where a mistake is told. */
const struct ynode *api_at_or(const struct ynode *map, const char *key);
/* The text of a scalar, "" for anything else. */
const char *api_text(const struct ynode *map, const char *key);
/* -1: not given, or no number. */
int64_t api_number(const struct ynode *map, const char *key);
/* Refuses a text that is given and none of the words (NULL-terminated). */
void api_one_of(struct admission *w, const struct ynode *map, const char *path, const char *key,
		const char *const *words);
/* Refuses a number that is given and below `least`. */
void api_at_least(struct admission *w, const struct ynode *map, const char *path, const char *key,
		  int64_t least);
void api_check_labels(struct admission *w, const struct ynode *map, const char *path);
void api_check_claim(struct admission *w, const struct ynode *spec, const char *path);

#endif
