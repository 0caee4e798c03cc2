#ifndef ORDEAL_APISERVER_VERSION_H
#define ORDEAL_APISERVER_VERSION_H

#include "apiserver/call.h"

/* What a reader says of the version that he wants to read (resourceVersion,
 * resourceVersionMatch, sendInitialEvents), as kube-apiserver 1.34 takes it: "Resource
 * versions" in the API concepts of Kubernetes' documentation. What is read is the newest
 * here, whatever older one would do. */

enum version_had {
	VERSION_HAD,
	VERSION_AHEAD, /* nothing is as new as that */
	VERSION_GONE,  /* exactly that one is asked for, and what was so then is forgotten */
};

/* Whether it makes no sense, whatever there is; then that is answered, in *answered. */
bool version_wrong(struct call *rq, enum MHD_Result *answered);

/* Of a get or a list, with the store's lock; *of gets the version that a list is of. */
enum version_had version_had(struct call *rq, int64_t *of);
/* How it is answered that it is not to be had; `newest`: the version that there is. */
enum MHD_Result version_refuse(struct call *rq, enum version_had had, int64_t newest);

#endif
