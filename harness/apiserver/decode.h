#ifndef ORDEAL_APISERVER_DECODE_H
#define ORDEAL_APISERVER_DECODE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "kube/kinds.h"

/* What an API server's decoder refuses of a body: a value of another type than
 * its field's, on which everything behind it relies. 0, or -1 with its words, as
 * of the first. Fields that it does not know are let be, as there without
 * fieldValidation=Strict. */
int decode_check(const struct kind *kind, const cJSON *body, struct buf *why);

/* For what is told of the rest, once decode_check() has refused it: a number or a word
 * where a text is wanted is that text, and no map or list is where it should not be. */
void decode_settle(const struct kind *kind, cJSON *body);

#endif
