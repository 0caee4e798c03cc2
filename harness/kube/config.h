#ifndef ORDEAL_KUBE_CONFIG_H
#define ORDEAL_KUBE_CONFIG_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* How to reach one API server, and as whom. All strings are on the heap;
 * NULL or empty: not given. A zeroed struct is empty. */
struct kube_conf {
	char *context;    /* the context's name, for messages */
	char *server;     /* "https://host:port", without a slash at the end */
	char *server_name;/* tls-server-name */
	char *namespace;  /* the context's default namespace */
	struct buf ca, cert, key; /* PEM */
	char *token;
	char *token_file; /* read anew for each request: the kubelet renews it */
	bool insecure;    /* do not check the server's certificate */
};

/* Reads a kubeconfig file (client-go's api/v1 types): client certificates,
 * tokens and token files, inline or as files beside it. `context` NULL: the
 * current one. A cluster that says insecure-skip-tls-verify is refused
 * unless allow_insecure; plain http is accepted from this machine only. What
 * is not supported (exec plugins, passwords, proxies) is refused by name. */
int kubeconfig_read(const char *path, const char *context, bool allow_insecure,
		    struct kube_conf *c, struct err *e);

/* The same of KUBECONFIG's value, paths with a : between: files that are not
 * there are passed over, and of a name, as of the current context, the first
 * file's counts. In one file no name may stand twice. */
int kubeconfig_read_list(const char *paths, const char *context, bool allow_insecure,
			 struct kube_conf *c, struct err *e);

/* Takes the white space around a token away; -1: there is some inside of it. */
int kube_token_trim(char *token);

/* The token that a file holds; an error when there is none. */
int kube_token_read(const char *path, struct buf *out, struct err *e);

/* What a pod is given: service account token, authority and the address in
 * its environment. */
int kubeconfig_in_cluster(struct kube_conf *c, struct err *e);

void kube_conf_free(struct kube_conf *c);

#endif
