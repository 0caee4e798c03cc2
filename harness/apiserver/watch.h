#ifndef ORDEAL_APISERVER_WATCH_H
#define ORDEAL_APISERVER_WATCH_H

#include <microhttpd.h>

#include "apiserver/store.h"

/* Answers a request for the changes of a kind, in a namespace (NULL: in all),
 * as a stream of lines ("Efficient detection of changes", Kubernetes API
 * concepts); selectors, the version to begin after and the time limit are the
 * request's. Without the lock. Ends when the store closes. */
enum MHD_Result watch_answer(struct MHD_Connection *conn, struct store *store,
			     const struct kind *kind, const char *ns);

#endif
