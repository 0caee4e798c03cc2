#include "kube/config.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "yaml/yaml.h"

#define SA_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

void kube_conf_free(struct kube_conf *c)
{
	free(c->context);
	free(c->server);
	free(c->server_name);
	free(c->namespace);
	free(c->token);
	free(c->token_file);
	buf_free(&c->ca);
	buf_free(&c->cert);
	buf_free(&c->key);
	memset(c, 0, sizeof(*c));
}

/* The entry of a list of {name: ..., what: {...}} with this name. */
static struct ynode *named(struct ynode *root, const char *list, const char *name,
			   const char *what)
{
	struct ynode *l = yaml_get(root, list), *n;

	for (size_t i = 0; l && l->kind == Y_LIST && i < l->n; i++) {
		n = yaml_get(l->items[i], "name");
		if (n && n->kind == Y_SCALAR && !strcmp(n->text, name))
			return yaml_get(l->items[i], what);
	}
	return NULL;
}

static const char *text_of(struct ynode *map, const char *key)
{
	struct ynode *n = yaml_get(map, key);

	return n && n->kind == Y_SCALAR && *n->text ? n->text : NULL;
}

static char *dup_text(struct ynode *map, const char *key)
{
	const char *s = text_of(map, key);

	return s ? mem_strdup(s) : NULL;
}

/* File names in a kubeconfig are relative to it. */
static void beside(const char *config, const char *name, char out[PATH_MAX])
{
	const char *slash = strrchr(config, '/');

	if (*name == '/' || !slash)
		snprintf(out, PATH_MAX, "%s", name);
	else
		snprintf(out, PATH_MAX, "%.*s/%s", (int)(slash - config), config, name);
}

/* PEM from KEY-data (base64) or the file that KEY names; neither is fine. */
static int read_pem(const char *config, struct ynode *map, const char *key, struct buf *out,
		    struct err *e)
{
	char data_key[80], path[PATH_MAX];
	const char *s;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	s = text_of(map, data_key);
	if (s) {
		if (base64_decode(s, out) || !out->len)
			return yaml_error(yaml_get(map, data_key), e, "%s is no base64", data_key);
		return 0;
	}
	s = text_of(map, key);
	if (!s)
		return 0;
	beside(config, s, path);
	if (file_read(path, out, e))
		return err_prefix(e, "%s: %s", config, key);
	return 0;
}

static bool on_this_machine(const char *server)
{
	static const char *const here[] = {"http://127.", "http://localhost:", "http://[::1]:"};

	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		if (!strncmp(server, here[i], strlen(here[i])))
			return true;
	return false;
}

static int read_cluster(const char *path, struct ynode *cluster, bool allow_insecure,
			struct kube_conf *c, struct err *e)
{
	struct ynode *skip = yaml_get(cluster, "insecure-skip-tls-verify");
	size_t len;

	c->server = dup_text(cluster, "server");
	if (!c->server)
		return yaml_error(cluster, e, "the cluster has no `server`");
	len = strlen(c->server);
	while (len && c->server[len - 1] == '/')
		c->server[--len] = '\0';
	if (strncmp(c->server, "https://", 8) && !on_this_machine(c->server))
		return yaml_error(yaml_get(cluster, "server"), e,
				  "%s: only https, or http on this machine, is accepted", c->server);
	if (text_of(cluster, "proxy-url"))
		return yaml_error(yaml_get(cluster, "proxy-url"), e,
				  "proxy-url is not supported; use a kubeconfig without it");
	c->server_name = dup_text(cluster, "tls-server-name");
	if (skip && yaml_to_bool(skip, &c->insecure, e))
		return -1;
	if (c->insecure && !allow_insecure)
		return yaml_error(skip, e,
				  "this cluster's certificate would not be checked; add "
				  "certificate-authority-data, or set ORDEAL_INSECURE_TLS=1 to accept");
	return read_pem(path, cluster, "certificate-authority", &c->ca, e);
}

static int read_user(const char *path, struct ynode *user, struct kube_conf *c, struct err *e)
{
	static const char *const refused[] = {"exec", "auth-provider", "username", "password", "as"};
	char file[PATH_MAX];
	const char *s;

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (yaml_get(user, refused[i]))
			return yaml_error(yaml_get(user, refused[i]), e,
					  "users with `%s` are not supported; make a kubeconfig with a "
					  "token (kubectl create token) or a client certificate",
					  refused[i]);
	c->token = dup_text(user, "token");
	s = text_of(user, "tokenFile");
	if (s && !c->token) {
		beside(path, s, file);
		c->token_file = mem_strdup(file);
	}
	if (read_pem(path, user, "client-certificate", &c->cert, e) ||
	    read_pem(path, user, "client-key", &c->key, e))
		return -1;
	if (!c->cert.len != !c->key.len)
		return yaml_error(user, e, "client-certificate and client-key must come together");
	return 0;
}

static int choose(const char *path, struct ynode *root, const char *context, bool allow_insecure,
		  struct kube_conf *c, struct err *e)
{
	struct ynode *ctx, *cluster, *user;
	const char *cluster_name, *user_name;

	if (!context)
		context = text_of(root, "current-context");
	if (!context)
		return err_set(e, ERR_INPUT, "%s has no current-context; name one with --context", path);
	ctx = named(root, "contexts", context, "context");
	if (!ctx)
		return err_set(e, ERR_INPUT, "%s has no context \"%s\"", path, context);
	cluster_name = text_of(ctx, "cluster");
	user_name = text_of(ctx, "user");
	if (!cluster_name)
		return yaml_error(ctx, e, "context \"%s\" names no cluster", context);
	cluster = named(root, "clusters", cluster_name, "cluster");
	if (!cluster)
		return yaml_error(ctx, e, "context \"%s\" names the cluster \"%s\", which the file lacks",
				  context, cluster_name);
	user = user_name ? named(root, "users", user_name, "user") : NULL;
	if (user_name && !user)
		return yaml_error(ctx, e, "context \"%s\" names the user \"%s\", which the file lacks",
				  context, user_name);
	c->context = mem_strdup(context);
	c->namespace = dup_text(ctx, "namespace");
	if (read_cluster(path, cluster, allow_insecure, c, e))
		return -1;
	return user ? read_user(path, user, c, e) : 0;
}

int kubeconfig_read(const char *path, const char *context, bool allow_insecure,
		    struct kube_conf *c, struct err *e)
{
	struct arena a = {0};
	struct ynode **docs = NULL;
	size_t n = 0;
	int r;

	memset(c, 0, sizeof(*c));
	r = yaml_read_file(&a, path, &docs, &n, e);
	if (!r && (n != 1 || docs[0]->kind != Y_MAP))
		r = err_set(e, ERR_INPUT, "%s is no kubeconfig", path);
	if (!r)
		r = choose(path, docs[0], context, allow_insecure, c, e);
	arena_free(&a);
	if (r)
		kube_conf_free(c);
	return r;
}

int kubeconfig_in_cluster(struct kube_conf *c, struct err *e)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	bool v6;

	memset(c, 0, sizeof(*c));
	if (!host || !*host || !port || !*port)
		return err_set(e, ERR_INPUT,
			       "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT "
			       "are not set");
	v6 = strchr(host, ':') != NULL;
	if (file_read(SA_DIR "/ca.crt", &c->ca, e)) {
		kube_conf_free(c);
		return err_prefix(e, "the pod's service account");
	}
	c->context = mem_strdup("in-cluster");
	c->server = mem_fmt("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
	c->token_file = mem_strdup(SA_DIR "/token");
	return 0;
}
