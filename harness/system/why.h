#ifndef ORDEAL_SYSTEM_WHY_H
#define ORDEAL_SYSTEM_WHY_H

#include <stdbool.h>

#include "history/sample.h"

/* Texts of WHY_BYTES: how something is known, or what is missing. There is room
 * for whole names; what is beyond it is cut off. */

void why_say(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The sentence goes on. */
void why_add(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What is missing: why_say(), and false. */
bool why_not(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
