#ifndef ORDEAL_APISERVER_CERTIFICATE_H
#define ORDEAL_APISERVER_CERTIFICATE_H

#include "base/buf.h"
#include "base/err.h"

/* What an in-cluster client checks the API server by: a certificate for the names
 * and the address that it goes by in a pod (kubernetes.default.svc and its longer and
 * shorter forms), and the authority that signed it, whose key nobody keeps. All PEM. */
struct certificate {
	struct buf ca, cert, key;
};

/* Both are new; `address` is IPv4. They are good for a day before now, for clocks
 * that are not quite right, and a year from now. */
int certificate_make(const char *address, struct certificate *out, struct err *e);
/* The key is wiped. */
void certificate_free(struct certificate *c);

#endif
