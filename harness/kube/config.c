#include "kube/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/config_parts.h"
#include "yaml/yaml.h"

/* Far more than any authority is long. */
enum { TOKEN_MAX = 1024 * 1024 };
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

/* The files of one reading, the first before the others. */
struct files {
	struct ynode *v[64];
	size_t n;
};

static int dup_text(const struct ynode *map, const char *key, char **out, struct err *e)
{
	const char *s;

	if (config_text(map, key, &s, e))
		return -1;
	*out = s ? mem_strdup(s) : NULL;
	return 0;
}

/* Of a list of {name: ..., what: {...}}: no name stands there twice, for
 * nobody could say which is meant. */
static int check_names(const struct ynode *root, const char *list, struct err *e)
{
	const struct ynode *l = yaml_get(root, list), *a, *b;

	if (!l || yaml_is_null(l))
		return 0;
	if (l->kind != Y_LIST)
		return yaml_error(l, e, "%s must be a list", list);
	for (size_t i = 0; i < l->n; i++) {
		a = yaml_get(l->items[i], "name");
		for (size_t k = 0; a && a->kind == Y_SCALAR && k < i; k++) {
			b = yaml_get(l->items[k], "name");
			if (b && b->kind == Y_SCALAR && !strcmp(a->text, b->text))
				return yaml_error(a, e, "duplicate name \"%s\" in %s (first in line %d): which one is "
						  "meant, nobody can tell", a->text, list, b->line);
		}
	}
	return 0;
}

/* The first entry with this name; *entry is NULL when there is none, and a map
 * otherwise. A user without a word is one (client-go decodes a null as it). */
static int named(const struct files *f, const char *list, const char *name, const char *what,
		 const struct ynode **entry, struct err *e)
{
	static const struct ynode nobody = {.kind = Y_MAP};

	*entry = NULL;
	for (size_t k = 0; k < f->n; k++) {
		const struct ynode *l = yaml_get(f->v[k], list), *n;

		for (size_t i = 0; l && l->kind == Y_LIST && i < l->n; i++) {
			n = yaml_get(l->items[i], "name");
			if (!n || n->kind != Y_SCALAR || strcmp(n->text, name))
				continue;
			*entry = yaml_get(l->items[i], what);
			if (!strcmp(what, "user") && (!*entry || yaml_is_null(*entry)))
				*entry = &nobody;
			if (*entry && (*entry)->kind == Y_MAP)
				return 0;
			return yaml_error(n, e, "\"%s\" of %s has no `%s`", name, list, what);
		}
	}
	return 0;
}

/* A name may lead anywhere, 127.example.org too, and the token with it. */
static bool on_this_machine(const char *server)
{
	static const char scheme[] = "http://";
	const char *host = server + strlen(scheme), *end;
	struct in6_addr v6_ip;
	struct in_addr ip;
	char name[64];
	bool v6;

	if (strncmp(server, scheme, strlen(scheme)))
		return false;
	v6 = *host == '[';
	host += v6;
	end = host + strcspn(host, v6 ? "]" : ":/?#@");
	if (end - host >= (long)sizeof(name) || (v6 && *end != ']') || !strchr(":/", end[v6]) || strchr(host, '@'))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(end - host), host);
	if (v6)
		return inet_pton(AF_INET6, name, &v6_ip) == 1 && IN6_IS_ADDR_LOOPBACK(&v6_ip);
	return !strcasecmp(name, "localhost") || (inet_pton(AF_INET, name, &ip) == 1 && ntohl(ip.s_addr) >> 24 == 127);
}

/* Without a scheme it is https where TLS is spoken of (client-go's
 * DefaultServerURL); a scheme has no case. */
static char *with_scheme(const char *server, bool tls)
{
	size_t len = strlen(server);
	char *out;

	while (len && server[len - 1] == '/')
		len--;
	if (!strstr(server, "://"))
		return mem_fmt("%s://%.*s", tls ? "https" : "http", (int)len, server);
	out = mem_fmt("%.*s", (int)len, server);
	for (char *p = out; *p && *p != ':'; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

/* A host, a port or none, a path or none, as they stand in a request's head. */
static bool is_address(const char *s)
{
	const char *end = s + (*s == '[' ? strcspn(s, "]") : strcspn(s, ":/"));
	long port;

	for (const char *p = s; *p; p++)
		if (*p <= ' ' || *p == 0x7f || strchr("?#@\\\"<>^`{|}", *p))
			return false;
	if (end == s || (*s == '[' && *end++ != ']'))
		return false;
	if (*end == ':') {
		port = strspn(end + 1, "0123456789") <= 5 ? strtol(end + 1, NULL, 10) : 0;
		end += 1 + strspn(end + 1, "0123456789");
		if (port < 1 || port > UINT16_MAX)
			return false;
	}
	return !*end || *end == '/';
}

static int read_insecure(const struct ynode *cluster, bool allow, struct kube_conf *c,
			 struct err *e)
{
	const struct ynode *skip = yaml_get(cluster, "insecure-skip-tls-verify");
	cJSON *v;

	if (!skip || yaml_is_null(skip))
		return 0;
	if (skip->kind != Y_SCALAR || yaml_type(skip) != YAML_IS_BOOL)
		return yaml_error(skip, e, "insecure-skip-tls-verify must be true or false, without quotes");
	v = yaml_to_json(skip);
	c->insecure = cJSON_IsTrue(v);
	cJSON_Delete(v);
	if (c->insecure && c->ca.len)
		return yaml_error(skip, e, "a certificate-authority beside insecure-skip-tls-verify is a contradiction: "
				  "leave one of them out");
	if (c->insecure && !allow)
		return yaml_error(skip, e,
				  "this cluster's certificate would not be checked; add "
				  "certificate-authority-data, or set ORDEAL_INSECURE_TLS=1 to accept");
	return 0;
}

static int read_cluster(const struct ynode *cluster, bool allow_insecure, struct kube_conf *c,
			struct err *e)
{
	const char *server, *proxy, *host, *shown;

	if (config_text(cluster, "server", &server, e) || config_text(cluster, "proxy-url", &proxy, e) ||
	    dup_text(cluster, "tls-server-name", &c->server_name, e) ||
	    config_pem(cluster, "certificate-authority", &c->ca, e) ||
	    read_insecure(cluster, allow_insecure, c, e))
		return -1;
	if (!server)
		return yaml_error(cluster, e, "the cluster has no `server`");
	c->server = with_scheme(server, c->ca.len || c->insecure);
	host = strstr(c->server, "://");
	host = host ? host + 3 : c->server;
	/* A name and a password in front of the host are told to nobody. */
	shown = strrchr(host, '@') ? strrchr(host, '@') : host;
	if (strncmp(c->server, "https://", 8) && !on_this_machine(c->server))
		return yaml_error(yaml_get(cluster, "server"), e, "%.*s%s: only https, or http on this machine, is accepted",
				  (int)(host - c->server), c->server, shown);
	if (!is_address(host))
		return yaml_error(yaml_get(cluster, "server"), e, "%.*s%s is no address of a server",
				  (int)(host - c->server), c->server, shown);
	if (proxy)
		return yaml_error(yaml_get(cluster, "proxy-url"), e,
				  "proxy-url is not supported; use a kubeconfig without it");
	return 0;
}

/* Something is there, if only a map without keys; an empty text is nothing. */
static bool given(const struct ynode *n)
{
	return n && !yaml_is_null(n) && (n->kind != Y_SCALAR || *n->text) &&
	       (n->kind != Y_LIST || n->n);
}

/* Of impersonation an empty map says nothing (clientcmd's validateAuthInfo). */
static bool has_items(const struct ynode *n)
{
	return n->kind == Y_SCALAR || n->n;
}

static int refuse_user(const struct ynode *user, struct err *e)
{
	static const char *const refused[] = {"exec", "auth-provider", "username", "password", "as"};
	static const char *const with_as[] = {"as-uid", "as-groups", "as-user-extra"};

	for (size_t i = 0; i < ARRAY_LEN(with_as); i++)
		if (given(yaml_get(user, with_as[i])) && has_items(yaml_get(user, with_as[i])) &&
		    !given(yaml_get(user, "as")))
			return yaml_error(yaml_get(user, with_as[i]), e, "`%s` without `as`: nobody is impersonated; "
					  "remove it", with_as[i]);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (given(yaml_get(user, refused[i])))
			return yaml_error(yaml_get(user, refused[i]), e,
					  "users with `%s` are not supported; make a kubeconfig with a "
					  "token (kubectl create token) or a client certificate",
					  refused[i]);
	return 0;
}

int kube_token_trim(char *token)
{
	size_t len = strlen(token), lead = strspn(token, " \t\r\n");

	while (len > lead && strchr(" \t\r\n", token[len - 1]))
		len--;
	memmove(token, token + lead, len - lead);
	token[len - lead] = '\0';
	/* It becomes a line of a request's head. */
	for (const char *p = token; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return -1;
	return 0;
}

int kube_token_read(const char *path, struct buf *out, struct err *e)
{
	out->cap = TOKEN_MAX;
	if (file_read(path, out, e))
		return -1;
	if (strlen(buf_cstr(out)) != out->len || kube_token_trim(out->s))
		return err_set(e, ERR_INPUT, "%s holds no token: there are blanks or line breaks inside of it", path);
	out->len = strlen(out->s);
	return out->len ? 0 : err_set(e, ERR_INPUT, "%s holds no token: it is empty", path);
}

/* What is told once it is asked for is told now; a pipe is read but once. */
static int check_token_file(const char *path, struct err *e)
{
	struct buf token = {0};
	struct stat st;
	int r;

	if (stat(path, &st))
		return err_set(e, ERR_INPUT, "cannot read %s: %s", path, strerror(errno));
	r = S_ISFIFO(st.st_mode) ? 0 : kube_token_read(path, &token, e);
	buf_free(&token);
	return r;
}

static int read_user(const struct ynode *user, struct kube_conf *c, struct err *e)
{
	struct err why = {0};
	char file[PATH_MAX];
	const char *s;

	if (refuse_user(user, e) || dup_text(user, "token", &c->token, e) || config_text(user, "tokenFile", &s, e))
		return -1;
	if (s) { /* it goes before the token (client-go's clientcmd) */
		config_beside(user, s, file);
		if (check_token_file(file, &why))
			return yaml_error(yaml_get(user, "tokenFile"), e, "%s", why.msg);
		c->token_file = mem_strdup(file);
		free(c->token);
		c->token = NULL;
	}
	if (c->token && kube_token_trim(c->token))
		return yaml_error(yaml_get(user, "token"), e, "the token has blanks or line breaks inside of it");
	if (c->token && !*c->token)
		return yaml_error(yaml_get(user, "token"), e, "the token is nothing but blanks");
	if (config_pem(user, "client-certificate", &c->cert, e) ||
	    config_pem(user, "client-key", &c->key, e))
		return -1;
	if (!c->cert.len != !c->key.len)
		return yaml_error(user, e, "client-certificate and client-key must come together");
	if (c->cert.len && config_pair(&c->cert, &c->key, &why))
		return yaml_error(user, e, "client-certificate and client-key are no pair: %s", why.msg);
	return 0;
}

/* The first file that says one. */
static int current_context(const struct files *f, const char **out, struct err *e)
{
	*out = NULL;
	for (size_t i = 0; i < f->n && !*out; i++)
		if (config_text(f->v[i], "current-context", out, e))
			return -1;
	return 0;
}

static int choose(const char *path, const struct files *f, const char *context, bool allow_insecure,
		  struct kube_conf *c, struct err *e)
{
	const struct ynode *ctx, *cluster, *user = NULL;
	const char *cluster_name, *user_name;

	if (!context && current_context(f, &context, e))
		return -1;
	if (!context)
		return err_set(e, ERR_INPUT, "%s has no current-context; name one with --context", path);
	if (named(f, "contexts", context, "context", &ctx, e))
		return -1;
	if (!ctx)
		return err_set(e, ERR_INPUT, "%s has no context \"%s\"", path, context);
	if (config_text(ctx, "cluster", &cluster_name, e) || config_text(ctx, "user", &user_name, e) ||
	    dup_text(ctx, "namespace", &c->namespace, e))
		return -1;
	if (!cluster_name)
		return yaml_error(ctx, e, "context \"%s\" names no cluster", context);
	if (named(f, "clusters", cluster_name, "cluster", &cluster, e) ||
	    (user_name && named(f, "users", user_name, "user", &user, e)))
		return -1;
	if (!cluster)
		return yaml_error(ctx, e, "context \"%s\" names the cluster \"%s\", which the file lacks",
				  context, cluster_name);
	if (user_name && !user)
		return yaml_error(ctx, e, "context \"%s\" names the user \"%s\", which the file lacks",
				  context, user_name);
	c->context = mem_strdup(context);
	if (read_cluster(cluster, allow_insecure, c, e))
		return -1;
	return user ? read_user(user, c, e) : 0;
}

/* One file more. Documents that hold nothing do not count. */
static int add_file(struct arena *a, const char *path, struct files *f, struct err *e)
{
	static const char *const lists[] = {"clusters", "contexts", "users"};
	static const char *const head[][2] = {{"apiVersion", "v1"}, {"kind", "Config"}}; /* if they are there */
	struct ynode **docs = NULL, *root = NULL;
	const char *s;
	size_t n = 0;

	if (yaml_read_file(a, path, &docs, &n, e))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (yaml_is_null(docs[i]))
			continue;
		if (root || docs[i]->kind != Y_MAP)
			return yaml_error(docs[i], e, "this is no kubeconfig: one map is expected in the file");
		root = docs[i];
	}
	if (!root)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		if (config_text(root, head[i][0], &s, e))
			return -1;
		else if (s && strcmp(s, head[i][1]))
			return yaml_error(yaml_get(root, head[i][0]), e, "this is no kubeconfig: %s is %s there, not %.60s",
					  head[i][0], head[i][1], s);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (check_names(root, lists[i], e))
			return -1;
	if (f->n >= ARRAY_LEN(f->v))
		return err_set(e, ERR_INPUT, "more than %zu kubeconfigs", ARRAY_LEN(f->v));
	f->v[f->n++] = root;
	return 0;
}

static int read_files(const char *what, const struct files *f, const char *context,
		      bool allow_insecure, struct kube_conf *c, struct err *e)
{
	int r;

	memset(c, 0, sizeof(*c));
	if (!f->n)
		return err_set(e, ERR_INPUT, "%s is no kubeconfig", what);
	r = choose(what, f, context, allow_insecure, c, e);
	if (r)
		kube_conf_free(c);
	return r;
}

int kubeconfig_read(const char *path, const char *context, bool allow_insecure,
		    struct kube_conf *c, struct err *e)
{
	struct arena a = {0};
	struct files f = {0};
	int r;

	memset(c, 0, sizeof(*c));
	r = add_file(&a, path, &f, e) ||
	    read_files(path, &f, context, allow_insecure, c, e) ? -1 : 0;
	arena_free(&a);
	return r;
}

int kubeconfig_read_list(const char *paths, const char *context, bool allow_insecure,
			 struct kube_conf *c, struct err *e)
{
	struct arena a = {0};
	struct files f = {0};
	char *copy = arena_strdup(&a, paths), *path;
	int r = 0;

	memset(c, 0, sizeof(*c));
	while (!r && (path = strsep(&copy, ":")))
		if (*path && file_exists(path))
			r = add_file(&a, path, &f, e);
	if (!r && !f.n)
		r = err_set(e, ERR_INPUT, "KUBECONFIG=%s: there is no kubeconfig", paths);
	if (!r)
		r = read_files(paths, &f, context, allow_insecure, c, e);
	arena_free(&a);
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
