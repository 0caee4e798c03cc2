#ifndef ORDEAL_APISERVER_IMMUTABLE_H
#define ORDEAL_APISERVER_IMMUTABLE_H

#include "apiserver/admit.h"

/* What an update may not change: fields that Kubernetes' own validation keeps
 * (Validate...Update in pkg/apis), in its words, and what nobody would follow
 * here. Tells everything; how many that was. */
int immutable_check(const struct kind *kind, const cJSON *was, const cJSON *now, admit_fn *fn,
		    void *arg);

#endif
