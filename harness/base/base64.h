#ifndef ORDEAL_BASE_BASE64_H
#define ORDEAL_BASE_BASE64_H

#include "base/buf.h"

/* RFC 4648, section 4. Both add to `out`. */

/* As Go's encoding/base64, by which Kubernetes reads it: line breaks are skipped,
 * and the padding has to be there. Returns 0; -1: it is no base64. */
int base64_decode(const char *s, struct buf *out);

void base64_encode(const char *s, struct buf *out);

#endif
