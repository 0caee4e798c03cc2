/* A container's environment, as a kubelet makes it. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/data.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"

char *plan_expand(const char *text, const cJSON *env)
{
	struct buf b = {0};
	char *out;

	while (*text) {
		const char *end = !strncmp(text, "$(", 2) ? strchr(text, ')') : NULL;
		const char *value;
		char *name;

		if (!strncmp(text, "$$", 2)) {
			buf_char(&b, '$');
			text += 2;
			continue;
		}
		if (!end) {
			buf_char(&b, *text++);
			continue;
		}
		/* Up to the first bracket, whatever is between; unknown, all of it stays. */
		name = mem_fmt("%.*s", (int)(end - text - 2), text + 2);
		value = json_str(env, name, NULL);
		free(name);
		if (value)
			buf_str(&b, value);
		else
			buf_add(&b, text, (size_t)(end + 1 - text));
		text = end + 1;
	}
	out = mem_strdup(buf_cstr(&b));
	buf_free(&b);
	return out;
}

static void env_fmt(cJSON *env, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void env_fmt(cJSON *env, const char *name, const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	json_set_str(env, name, buf_cstr(&b));
	buf_free(&b);
}

/* "redis-master" -> "REDIS_MASTER" */
static void variable_name(const char *service, char *out, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1 && service[i]; i++)
		out[i] = service[i] == '-' ? '_' : (char)toupper((unsigned char)service[i]);
	out[i] = '\0';
}

/* As the kubelet does for every Service of the namespace that has an address
 * ("Environment variables", Service documentation). */
static void add_service(cJSON *env, const cJSON *svc)
{
	const char *ip = json_str(json_get(svc, "spec"), "clusterIP", "");
	const cJSON *port;
	char n[128], name[300], p[64];
	bool first = true;

	if (!*ip || !strcmp(ip, "None"))
		return;
	variable_name(json_str(json_get(svc, "metadata"), "name", ""), n, sizeof(n));
	snprintf(name, sizeof(name), "%s_SERVICE_HOST", n);
	json_set_str(env, name, ip);
	cJSON_ArrayForEach(port, json_path(svc, "spec.ports")) {
		int64_t num = json_i64(port, "port", 0);
		bool udp = !strcmp(json_str(port, "protocol", "TCP"), "UDP");
		const char *proto = udp ? "udp" : "tcp";

		if (first) {
			snprintf(name, sizeof(name), "%s_SERVICE_PORT", n);
			env_fmt(env, name, "%lld", (long long)num);
			snprintf(name, sizeof(name), "%s_PORT", n);
			env_fmt(env, name, "%s://%s:%lld", proto, ip, (long long)num);
		}
		first = false;
		if (json_str(port, "name", NULL)) {
			variable_name(json_str(port, "name", ""), p, sizeof(p));
			snprintf(name, sizeof(name), "%s_SERVICE_PORT_%s", n, p);
			env_fmt(env, name, "%lld", (long long)num);
		}
		snprintf(p, sizeof(p), "%lld_%s", (long long)num, udp ? "UDP" : "TCP");
		snprintf(name, sizeof(name), "%s_PORT_%s", n, p);
		env_fmt(env, name, "%s://%s:%lld", proto, ip, (long long)num);
		snprintf(name, sizeof(name), "%s_PORT_%s_PROTO", n, p);
		json_set_str(env, name, proto);
		snprintf(name, sizeof(name), "%s_PORT_%s_PORT", n, p);
		env_fmt(env, name, "%lld", (long long)num);
		snprintf(name, sizeof(name), "%s_PORT_%s_ADDR", n, p);
		json_set_str(env, name, ip);
	}
}

/* PATH['KEY'], "" for a key that there is not; NULL: it is another path. */
static const char *of_map(const cJSON *map, const char *name, const char *path)
{
	size_t n = strlen(name), len = strlen(path);
	const char *value;
	char *key;

	if (len < n + 4 || strncmp(path, name, n) || strncmp(path + n, "['", 2) || strcmp(path + len - 2, "']"))
		return NULL;
	key = mem_fmt("%.*s", (int)(len - n - 4), path + n + 2);
	value = json_str(map, key, "");
	free(key);
	return value;
}

static const char *field(const cJSON *pod, const char *path, const char *ip, const char *host_ip)
{
	const cJSON *v, *meta = json_get(pod, "metadata");
	const char *value;

	if (!strcmp(path, "status.podIP") || !strcmp(path, "status.podIPs"))
		return ip;
	if (!strcmp(path, "status.hostIP") || !strcmp(path, "status.hostIPs"))
		return host_ip;
	value = of_map(json_get(meta, "labels"), "metadata.labels", path);
	if (!value)
		value = of_map(json_get(meta, "annotations"), "metadata.annotations", path);
	if (value)
		return value;
	v = json_path(pod, path);
	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static int missing(enum kind_id kind, const char *name, struct err *e)
{
	return err_set(e, ERR_BROKEN, "%s \"%s\" not found", kind == KIND_SECRET ? "secret" : "configmap",
		       name);
}

/* Of a variable no byte is NUL, as the kernel has them. */
static int set_value(cJSON *env, const char *name, const struct buf *value, struct err *e)
{
	if (value->len != strlen(buf_cstr(value)))
		return err_set(e, ERR_BROKEN, "the value of %s has a NUL byte, which no environment variable can have", name);
	json_set_str(env, name, buf_cstr(value));
	return 0;
}

static int from_key(const struct store *s, const char *ns, enum kind_id kind, const cJSON *ref,
		    const char *name, cJSON *env, struct err *e)
{
	const char *of = json_str(ref, "name", ""), *key = json_str(ref, "key", "");
	const cJSON *o = store_get(s, kind, ns, of);
	bool optional = json_bool(ref, "optional", false);
	struct buf value = {0};
	int r = 0;

	if (!o)
		return optional ? 0 : missing(kind, of, e);
	if (data_value(o, DATA_VARIABLES, key, &value))
		r = set_value(env, name, &value, e);
	else if (!optional)
		r = err_set(e, ERR_BROKEN, "couldn't find key %s in %s %s/%s", key, kind_by_id(kind)->name, ns, of);
	buf_free(&value);
	return r;
}

struct all {
	const char *prefix;
	cJSON *env;
	struct err *e;
};

static int add_key(void *arg, const char *key, const struct buf *value)
{
	const struct all *all = arg;
	char *name = mem_fmt("%s%s", all->prefix, key);
	int r = set_value(all->env, name, value, all->e);

	free(name);
	return r;
}

static int add_all(const struct store *s, const char *ns, const cJSON *from, cJSON *env,
		   struct err *e)
{
	const cJSON *ref = json_get(from, "configMapRef"), *o;
	const enum kind_id kind = ref ? KIND_CONFIG_MAP : KIND_SECRET;
	struct all all = {json_str(from, "prefix", ""), env, e};

	if (!ref)
		ref = json_get(from, "secretRef");
	o = store_get(s, kind, ns, json_str(ref, "name", ""));
	if (!o)
		return json_bool(ref, "optional", false) ? 0 : missing(kind, json_str(ref, "name", ""), e);
	return data_each(o, DATA_VARIABLES, add_key, &all);
}

static int add_one(const struct store *s, const cJSON *pod, const cJSON *var, const char *ip,
		   const char *host_ip, cJSON *env, struct err *e)
{
	const char *ns = json_str(json_get(pod, "metadata"), "namespace", ""), *value = NULL;
	const cJSON *from = json_get(var, "valueFrom"), *ref;
	const char *name = json_str(var, "name", "");
	char *text;

	if (!from) {
		text = plan_expand(json_str(var, "value", ""), env);
		json_set_str(env, name, text);
		free(text);
		return 0;
	}
	if ((ref = json_get(from, "fieldRef"))) {
		value = field(pod, json_str(ref, "fieldPath", ""), ip, host_ip);
		if (!value)
			return err_set(e, ERR_BROKEN, "fieldPath %s is not supported",
				       json_str(ref, "fieldPath", ""));
	} else if ((ref = json_get(from, "secretKeyRef"))) {
		return from_key(s, ns, KIND_SECRET, ref, name, env, e);
	} else if ((ref = json_get(from, "configMapKeyRef"))) {
		return from_key(s, ns, KIND_CONFIG_MAP, ref, name, env, e);
	}
	if (value)
		json_set_str(env, name, value);
	return 0;
}

/* The one Service that a kubelet tells of in every namespace, whether links are wanted or not. */
static void add_api(cJSON *env)
{
	cJSON *svc = cJSON_CreateObject(), *spec, *port = cJSON_CreateObject();

	json_set_str(cJSON_AddObjectToObject(svc, "metadata"), "name", "kubernetes");
	spec = cJSON_AddObjectToObject(svc, "spec");
	json_set_str(spec, "clusterIP", DOCKER_API_IP);
	json_set_str(port, "name", "https");
	json_set_i64(port, "port", DOCKER_API_PORT_OF_PODS);
	json_push(cJSON_AddArrayToObject(spec, "ports"), port);
	add_service(env, svc);
	cJSON_Delete(svc);
}

/* Each is looked for among those before, with the lock; a program that gets so many does
 * not start. */
static int too_many(const cJSON *env, struct err *e)
{
	enum { MOST = 8192 };

	return cJSON_GetArraySize(env) > MOST ? err_set(e, ERR_BROKEN, "envFrom makes more than %d variables", MOST) : 0;
}

cJSON *plan_env(const struct store *s, const cJSON *pod, const cJSON *container, const char *ip,
		const char *host_ip, struct err *e)
{
	const char *ns = json_str(json_get(pod, "metadata"), "namespace", "");
	cJSON *env = cJSON_CreateObject();
	const cJSON *it;

	store_assert_locked(s);
	add_api(env);
	if (json_bool(json_get(pod, "spec"), "enableServiceLinks", true))
		for (size_t i = 0; i < s->n; i++)
			if (s->v[i].kind->id == KIND_SERVICE &&
			    !strcmp(json_str(json_get(s->v[i].object, "metadata"), "namespace", ""), ns))
				add_service(env, s->v[i].object);
	cJSON_ArrayForEach(it, json_get(container, "envFrom"))
		if (add_all(s, ns, it, env, e) || too_many(env, e))
			goto fail;
	cJSON_ArrayForEach(it, json_get(container, "env"))
		if (add_one(s, pod, it, ip, host_ip, env, e))
			goto fail;
	return env;
fail:
	cJSON_Delete(env);
	return NULL;
}

/* ---- files ---- */

static const char *option_name(const cJSON *o)
{
	return json_str(o, "name", "");
}

/* dnsConfig is laid over what the cluster gives: searches are added, an option
 * of the same name is replaced ("DNS for Services and Pods"). */
void plan_resolv_conf(const cJSON *pod, const char *server, struct buf *out)
{
	const cJSON *more = json_path(pod, "spec.dnsConfig"), *it;
	bool ndots = true;

	buf_fmt(out, "search %s.svc.cluster.local svc.cluster.local cluster.local",
		json_str(json_get(pod, "metadata"), "namespace", ""));
	cJSON_ArrayForEach(it, json_get(more, "searches"))
		if (cJSON_IsString(it))
			buf_fmt(out, " %s", it->valuestring);
	buf_fmt(out, "\nnameserver %s\noptions", server);
	cJSON_ArrayForEach(it, json_get(more, "options"))
		ndots = ndots && strcmp(option_name(it), "ndots") != 0;
	if (ndots)
		buf_str(out, " ndots:5");
	cJSON_ArrayForEach(it, json_get(more, "options"))
		buf_fmt(out, " %s%s%s", option_name(it), json_str(it, "value", NULL) ? ":" : "", json_str(it, "value", ""));
	buf_char(out, '\n');
}

void plan_hosts(const cJSON *pod, const char *ip, struct buf *out)
{
	const cJSON *meta = json_get(pod, "metadata"), *spec = json_get(pod, "spec"), *alias, *name;
	const char *host = json_str(spec, "hostname", json_str(meta, "name", ""));
	const char *sub = json_str(spec, "subdomain", NULL);

	buf_str(out, "127.0.0.1\tlocalhost\n");
	if (sub)
		buf_fmt(out, "%s\t%s.%s.%s.svc.cluster.local\t%s\n", ip, host, sub, json_str(meta, "namespace", ""), host);
	else
		buf_fmt(out, "%s\t%s\n", ip, host);
	cJSON_ArrayForEach(alias, json_get(spec, "hostAliases")) {
		buf_str(out, json_str(alias, "ip", ""));
		cJSON_ArrayForEach(name, json_get(alias, "hostnames"))
			if (cJSON_IsString(name))
				buf_fmt(out, "\t%s", name->valuestring);
		buf_char(out, '\n');
	}
}

bool plan_mounts_token(const cJSON *pod, const cJSON *account)
{
	static const char key[] = "automountServiceAccountToken";

	return json_bool(json_get(pod, "spec"), key, json_bool(account, key, true));
}

/* ---- whom a container runs as, where its pod says that this may not be root ----
 * As a kubelet looks at it: verifyRunAsNonRoot() of kuberuntime. */

const cJSON *plan_security(const cJSON *container, const cJSON *pod, const char *key)
{
	const cJSON *v = json_get(json_get(container, "securityContext"), key);

	return v ? v : json_get(json_path(pod, "spec.securityContext"), key);
}

static int breaks(const cJSON *pod, const cJSON *container, const char *how, struct err *e)
{
	const cJSON *m = json_get(pod, "metadata");

	return err_set(e, ERR_BROKEN, "container%s (pod: \"%s_%s(%s)\", container: %s)", how, json_str(m, "name", ""),
		       json_str(m, "namespace", ""), json_str(m, "uid", ""), json_str(container, "name", ""));
}

/* "1000", "1000:1000", "redis", ":0", or nothing, which is root. */
static int image_user(const cJSON *pod, const cJSON *container, const char *given, struct err *e)
{
	char user[160], how[400], *end;
	long long id;

	snprintf(user, sizeof(user), "%.*s", (int)strcspn(given, ":"), given);
	errno = 0;
	id = strtoll(user, &end, 10);
	if (!*user || (!*end && !errno && !id))
		return breaks(pod, container, " has runAsNonRoot and image will run as root", e);
	if (*end || errno)
		snprintf(how, sizeof(how), " has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root", user);
	else if (id < 0 || id > INT32_MAX)
		snprintf(how, sizeof(how), " has runAsNonRoot and image has an invalid user id (%lld). (Must be 1-(2147483647)): must be "
			 "between 0 and 2147483647, inclusive", id);
	else
		return 0;
	return breaks(pod, container, how, e);
}

int plan_user(const cJSON *pod, const cJSON *container, const char *image, struct err *e)
{
	const cJSON *user = plan_security(container, pod, "runAsUser");

	if (!cJSON_IsTrue(plan_security(container, pod, "runAsNonRoot")))
		return 0;
	if (cJSON_IsNumber(user))
		return user->valuedouble != 0 ? 0 : breaks(pod, container, "'s runAsUser breaks non-root policy", e);
	return image ? image_user(pod, container, image, e) : PLAN_USER_IS_THE_IMAGES;
}

int docker_user_check(const struct docker_pod *p, const struct docker_container *c, struct err *e)
{
	int r = plan_user(p->object, c->spec, NULL, e);
	char user[256];

	if (r != PLAN_USER_IS_THE_IMAGES)
		return r;
	r = docker_image_user(&p->d->api, json_str(c->spec, "image", ""), user, e);
	/* Without the image there will be no container: its making says so. */
	return r ? (r < 0 ? -1 : 0) : plan_user(p->object, c->spec, user, e);
}
