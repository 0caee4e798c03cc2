#ifndef ORDEAL_TEST_LIB_MARKUP_CHECK_H
#define ORDEAL_TEST_LIB_MARKUP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Is the text well-formed: every tag closed in order, every attribute in
 * double quotes and given once, no stray '<' and no bare '&'? With `html`,
 * elements without content (meta, br) need no end, and <style> holds raw
 * text. `why` says where it is not. */
bool markup_check(const char *text, bool html, char *why, size_t size);

#endif
