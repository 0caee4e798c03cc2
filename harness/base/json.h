#ifndef ORDEAL_BASE_JSON_H
#define ORDEAL_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* Small helpers around cJSON. A missing key or a wrong type gives the
 * default. cJSON keeps numbers as doubles, so integers that were parsed are
 * exact to 2^53 (monotonic ns: 104 days of uptime). It prints them with 15
 * digits when that is within DBL_EPSILON of the number, which from 2^52 on may
 * be off by one or two; so json_set_i64 keeps those as text, which json_i64 and
 * json_num read as well. json_i64 also accepts a string of digits. */
const char *json_str(const cJSON *o, const char *key, const char *dflt);
int64_t json_i64(const cJSON *o, const char *key, int64_t dflt);
/* A number as a whole one, cut; what is beyond JSON_I64_MOST is that, NaN is 0.
 * json_i64() takes what is beyond for no number: a few of them can be added, as
 * times are, without an overflow. 2^61 ns are 73 years. */
#define JSON_I64_MOST (INT64_C(1) << 61)
int64_t json_whole(double v);
double json_num(const cJSON *o, const char *key, double dflt);
bool json_bool(const cJSON *o, const char *key, bool dflt);
const cJSON *json_get(const cJSON *o, const char *key);

/* The members of `map`, in order; what is no map has none (a list's items have no keys). */
#define json_each_member(v, map) \
	for ((v) = cJSON_IsObject(map) ? (map)->child : NULL; v; (v) = (v)->next)

/* A key that it has twice, of which everybody reads another value; NULL: none. Looks for each
 * key among all of its own, not below: the caller has bounded them. */
const char *json_key_twice(const cJSON *o);

/* Follows "a.b.0.c"; NULL when a step is missing. */
const cJSON *json_path(const cJSON *o, const char *path);

void json_set_str(cJSON *o, const char *key, const char *value); /* NULL: null */
void json_set_i64(cJSON *o, const char *key, int64_t value);
void json_set_num(cJSON *o, const char *key, double value);
void json_set_bool(cJSON *o, const char *key, bool value);
/* Takes ownership of value. */
void json_set(cJSON *o, const char *key, cJSON *value);
void json_push(cJSON *array, cJSON *value);
/* Before the item that is the at-th now; at the end if there is none. */
void json_insert(cJSON *array, int at, cJSON *value);
/* Moves every item of `from` into `to` and deletes `from` (may be NULL). */
void json_merge(cJSON *to, cJSON *from);
/* printf into a new string item of an array. */
void json_pushf(cJSON *array, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Parses text; the caller deletes the result. `what` names it in errors. */
cJSON *json_parse(const char *text, const char *what, struct err *e);
cJSON *json_read_file(const char *path, struct err *e);

/* JSON text on the heap; free(). */
char *json_text(const cJSON *o);

/* What a tree takes of memory, in bytes, and how many keys its largest map has:
 * these are looked for one by one. */
struct json_size {
	size_t bytes, keys;
};
struct json_size json_size(const cJSON *o);

#endif
