#ifndef ORDEAL_APISERVER_REQUEST_H
#define ORDEAL_APISERVER_REQUEST_H

#include <stdbool.h>

/* What a request asks for, as kube-apiserver resolves it before it asks for
 * rights (apiserver/pkg/endpoints/request, RequestInfoFactory): so one verb,
 * one resource and one name are what is judged and what is done. */

enum { API_PATH_MAX = 600 };

struct api_request {
	const char *verb;  /* get list watch create update patch delete deletecollection, "" for none */
	bool resource; /* else a URL such as /healthz; then the verb is the method in lower case */
	const char *group, *version, *ns, *kind, *sub; /* "" where not given; kind is the plural */
	const char *name;  /* in the path */
	const char *asked; /* the name that rights are asked for: or the only one that a list is to
			      have */
	bool odd;           /* below .../watch/, or deeper than what is served: only judged */
	char method[12], path[API_PATH_MAX], url[API_PATH_MAX], selected[256];
};

/* `watch` and `fields` are the query's watch and fieldSelector, NULL: not
 * given; "" for a bare "?watch". False when the path is too long. Pointers go
 * into `r`, which must not move. */
bool api_request_read(struct api_request *r, const char *method, const char *url, const char *watch,
		      const char *fields);

#endif
