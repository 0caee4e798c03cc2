/* StatefulSets as processes: of a pod's spec, what a process can have is
 * taken (command, args, environment, volumes as folders, the port of the
 * readiness probe); what only a container has (image, limits) is passed by.
 *
 * A process sees no mounts, so an argument or a variable that is a volume's
 * mount path, or begins with one and a slash, gets the folder instead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/local/local.h"

enum { VARS_MAX = 64, MOUNTS_MAX = 16, ARGS_MAX = 128 };
#define RESTART_DEFAULT_MS 1000

struct var {
	const char *name, *value;
};

struct mount {
	const char *path, *dir;
	bool scratch, own; /* emptyDir; of a claim template */
};

struct reading {
	struct local *l;
	const struct manifest *m;
	struct ynode *set, *container;
	struct local_pod *pod;
	struct var vars[VARS_MAX];
	size_t nvars;
	struct mount mounts[MOUNTS_MAX];
	size_t nmounts;
};

static const char *text_at(struct ynode *n, const char *path)
{
	struct ynode *x = n ? yaml_path(n, path) : NULL;

	return x && x->kind == Y_SCALAR ? x->text : "";
}

static struct ynode *find(const struct manifest *m, const char *kind, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(text_at(m->objects[i], "kind"), kind) &&
		    !strcmp(text_at(m->objects[i], "metadata.name"), name))
			return m->objects[i];
	return NULL;
}

static int set_var(struct reading *r, const struct ynode *at, const char *name, const char *value,
		   struct err *e)
{
	for (size_t i = 0; i < r->nvars; i++) {
		if (!strcmp(r->vars[i].name, name)) {
			r->vars[i].value = value;
			return 0;
		}
	}
	if (r->nvars == VARS_MAX)
		return yaml_error(at, e, "engine local takes at most %d variables", VARS_MAX);
	r->vars[r->nvars++] = (struct var){name, value};
	return 0;
}

/* Kubernetes' $(NAME): a known variable is put in, an unknown one stays, and
 * $$ is a plain $ ("Define Dependent Environment Variables"). */
static const char *expand(const struct reading *r, const char *text)
{
	struct buf b = {0};
	const char *out;

	while (*text) {
		size_t len = strcspn(text, "$"), name = 0, i = 0;

		buf_add(&b, text, len);
		text += len;
		if (text[0] == '$' && text[1] == '$') {
			buf_char(&b, '$');
			text += 2;
			continue;
		}
		if (text[0] == '$' && text[1] == '(')
			name = strcspn(text + 2, ")");
		for (; name && text[2 + name] && i < r->nvars; i++)
			if (!strncmp(r->vars[i].name, text + 2, name) && !r->vars[i].name[name])
				break;
		if (name && text[2 + name] && i < r->nvars) {
			buf_str(&b, r->vars[i].value);
			text += name + 3;
		} else if (*text) {
			buf_char(&b, *text++);
		}
	}
	out = arena_strdup(&r->l->arena, buf_cstr(&b));
	buf_free(&b);
	return out;
}

static const char *unmount(const struct reading *r, const char *text)
{
	for (size_t i = 0; i < r->nmounts; i++) {
		size_t len = strlen(r->mounts[i].path);

		if (!strncmp(text, r->mounts[i].path, len) && (!text[len] || text[len] == '/'))
			return arena_fmt(&r->l->arena, "%s%s", r->mounts[i].dir, text + len);
	}
	return text;
}

static int from_map(struct reading *r, struct ynode *ref, struct err *e)
{
	const char *name = text_at(ref, "configMapRef.name");
	struct ynode *map = find(r->m, "ConfigMap", name), *data = map ? yaml_get(map, "data") : NULL;

	if (!data)
		return yaml_error(ref, e, "no ConfigMap \"%s\" is in the manifests", name);
	for (size_t i = 0; i < data->n; i++)
		if (set_var(r, data->keys[i], data->keys[i]->text, data->items[i]->text, e))
			return -1;
	return 0;
}

static int field_value(struct reading *r, struct ynode *var, const char **out, struct err *e)
{
	const char *path = text_at(var, "valueFrom.fieldRef.fieldPath");
	char key[128];
	struct ynode *notes;

	if (!strcmp(path, "metadata.name")) {
		*out = r->pod->name;
	} else if (!strcmp(path, "status.podIP")) {
		*out = r->pod->ip;
	} else if (sscanf(path, "metadata.annotations['%127[^']']", key) == 1) {
		notes = yaml_path(r->set, "spec.template.metadata.annotations");
		*out = notes && yaml_get(notes, key) ? yaml_get(notes, key)->text : "";
	} else {
		return yaml_error(var, e, "engine local knows value, configMapKeyRef, and of fieldRef "
				  "metadata.name, metadata.annotations['KEY'] and status.podIP");
	}
	return 0;
}

static int one_var(struct reading *r, struct ynode *var, struct err *e)
{
	struct ynode *value = yaml_get(var, "value"), *map, *key;
	const char *text = "";

	if (value) {
		text = expand(r, value->text);
	} else if (yaml_path(var, "valueFrom.configMapKeyRef")) {
		map = find(r->m, "ConfigMap", text_at(var, "valueFrom.configMapKeyRef.name"));
		key = map ? yaml_get(yaml_get(map, "data"),
				     text_at(var, "valueFrom.configMapKeyRef.key")) : NULL;
		if (!key)
			return yaml_error(var, e, "the ConfigMap or its key is not in the manifests");
		text = key->text;
	} else if (field_value(r, var, &text, e)) {
		return -1;
	}
	return set_var(r, var, text_at(var, "name"), text, e);
}

static int read_env(struct reading *r, struct err *e)
{
	struct ynode *from = yaml_get(r->container, "envFrom"), *env = yaml_get(r->container, "env");

	for (size_t i = 0; from && i < from->n; i++)
		if (from_map(r, from->items[i], e))
			return -1;
	for (size_t i = 0; env && i < env->n; i++)
		if (one_var(r, env->items[i], e))
			return -1;
	return 0;
}

/* The folder of a volume; the volume's kind decides who shares it. */
static int volume_dir(struct reading *r, const struct ynode *at, const char *name,
		      struct mount *out, struct err *e)
{
	struct ynode *list = yaml_path(r->set, "spec.volumeClaimTemplates"), *v;
	const char *claim;

	for (size_t i = 0; list && i < list->n; i++) {
		if (strcmp(text_at(list->items[i], "metadata.name"), name))
			continue;
		out->own = true;
		out->dir = arena_fmt(&r->l->arena, "%s/volumes/%s-%s", r->l->state, name, r->pod->name);
		return 0;
	}
	list = yaml_path(r->set, "spec.template.spec.volumes");
	for (size_t i = 0; list && i < list->n; i++) {
		v = list->items[i];
		if (strcmp(text_at(v, "name"), name))
			continue;
		claim = text_at(v, "persistentVolumeClaim.claimName");
		out->scratch = yaml_get(v, "emptyDir") != NULL;
		if (out->scratch)
			out->dir = arena_fmt(&r->l->arena, "%s/volumes/%s-empty-%s", r->l->state,
					     r->pod->name, name);
		else if (*claim && find(r->m, "PersistentVolumeClaim", claim))
			out->dir = arena_fmt(&r->l->arena, "%s/volumes/claim-%s", r->l->state, claim);
		else
			return yaml_error(v, e, "engine local knows emptyDir and claims that are in the "
					  "manifests");
		return 0;
	}
	return yaml_error(at, e, "no volume is called \"%s\"", name);
}

static int read_mounts(struct reading *r, struct err *e)
{
	struct ynode *list = yaml_get(r->container, "volumeMounts");
	size_t scratch = 0;

	r->pod->scratch = arena_alloc(&r->l->arena, (MOUNTS_MAX + 1) * sizeof(char *));
	for (size_t i = 0; list && i < list->n; i++) {
		struct mount *mt = &r->mounts[r->nmounts];

		if (r->nmounts == MOUNTS_MAX)
			return yaml_error(list->items[i], e, "engine local takes at most %d volumes",
					  MOUNTS_MAX);
		mt->path = text_at(list->items[i], "mountPath");
		if (volume_dir(r, list->items[i], text_at(list->items[i], "name"), mt, e) ||
		    file_mkdirs(mt->dir, e))
			return -1;
		if (mt->scratch)
			r->pod->scratch[scratch++] = mt->dir;
		if (mt->own && !r->pod->data_dir[0])
			mem_copy_str(r->pod->data_dir, sizeof(r->pod->data_dir), mt->dir);
		r->nmounts++;
	}
	return 0;
}

static int add_args(struct reading *r, const char *key, size_t *n, struct err *e)
{
	struct ynode *list = yaml_get(r->container, key);

	for (size_t i = 0; list && i < list->n; i++) {
		if (*n == ARGS_MAX)
			return yaml_error(list->items[i], e, "engine local takes at most %d arguments",
					  ARGS_MAX);
		r->pod->argv[(*n)++] = unmount(r, expand(r, list->items[i]->text));
	}
	return 0;
}

static bool installed(struct arena *a, const char *program)
{
	const char *at = getenv("PATH");

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	for (size_t len; at && *at; at += len + (at[len] == ':')) {
		len = strcspn(at, ":");
		if (access(arena_fmt(a, "%.*s/%s", (int)len, at, program), X_OK) == 0)
			return true;
	}
	return false;
}

/* An image says nothing of what runs in it. */
static int read_command(struct reading *r, struct err *e)
{
	size_t n = 0;

	r->pod->argv = arena_alloc(&r->l->arena, (ARGS_MAX + 1) * sizeof(char *));
	if (add_args(r, "command", &n, e))
		return -1;
	if (!n || (strcmp(r->pod->argv[0], "ordeal") && !installed(&r->l->arena, r->pod->argv[0]))) {
		yaml_error(r->container, e, n ? "engine local runs programs that are installed, and no \"%s\" is; "
			   "install it, or use engine kind" : "engine local runs a container's command, "
			   "and this one has none; use engine kind", n ? r->pod->argv[0] : "");
		e->kind = ERR_UNSUPPORTED;
		return -1;
	}
	if (!strcmp(r->pod->argv[0], "ordeal"))
		r->pod->argv[0] = r->l->self;
	return add_args(r, "args", &n, e);
}

static void make_env(struct reading *r)
{
	size_t n = 0;

	r->pod->env = arena_alloc(&r->l->arena, (r->nvars + 3) * sizeof(char *));
	for (size_t i = 0; i < r->nvars; i++)
		r->pod->env[n++] = arena_fmt(&r->l->arena, "%s=%s", r->vars[i].name,
					     unmount(r, r->vars[i].value));
	r->pod->env[n++] = arena_fmt(&r->l->arena, "ORDEAL_HOSTS=%s/hosts", r->l->state);
	if (getenv("PATH"))
		r->pod->env[n++] = arena_fmt(&r->l->arena, "PATH=%s", getenv("PATH"));
}

static int read_pod(struct local *l, const struct manifest *m, struct ynode *set, int index,
		    struct err *e)
{
	struct ynode *list = yaml_path(set, "spec.template.spec.containers"), *restart;
	struct reading r = {.l = l, .m = m, .set = set};
	int64_t ms = RESTART_DEFAULT_MS;
	const char *port;
	char *end;

	if (!list || list->kind != Y_LIST || list->n != 1)
		return yaml_error(set, e, "engine local wants exactly one container");
	if (l->npods == LOCAL_PODS_MAX)
		return yaml_error(set, e, "engine local runs at most %d pods", LOCAL_PODS_MAX);
	r.container = list->items[0];
	r.pod = &l->pods[l->npods];
	snprintf(r.pod->name, sizeof(r.pod->name), "%.50s-%d", text_at(set, "metadata.name"), index);
	snprintf(r.pod->ip, sizeof(r.pod->ip), "%s%zu", l->subnet, 10 + l->npods);
	if (read_env(&r, e) || read_mounts(&r, e) || read_command(&r, e))
		return -1;
	make_env(&r);
	port = text_at(r.container, "readinessProbe.tcpSocket.port");
	if (!*port)
		port = text_at(r.container, "ports[0].containerPort");
	r.pod->ready_port = (int)strtol(port, NULL, 10);
	restart = yaml_path(set, "spec.template.metadata.annotations.ordeal-restart-ms");
	if (restart && restart->kind == Y_SCALAR) {
		ms = strtoll(restart->text, &end, 10);
		if (!*restart->text || *end || ms < 0)
			return yaml_error(restart, e, "milliseconds are needed here");
	}
	r.pod->restart_ns = ms * NS_PER_MS;
	l->npods++;
	return 0;
}

int local_read_manifest(struct local *l, const struct manifest *m, struct err *e)
{
	l->pods = arena_alloc(&l->arena, LOCAL_PODS_MAX * sizeof(*l->pods));
	l->npods = 0;
	for (size_t i = 0; i < m->n; i++) {
		const char *kind = text_at(m->objects[i], "kind");
		struct ynode *n = yaml_path(m->objects[i], "spec.replicas");
		int64_t replicas = 1;

		if (!strcmp(kind, "Deployment") || !strcmp(kind, "DaemonSet") || !strcmp(kind, "Pod")) {
			yaml_error(m->objects[i], e, "engine local runs StatefulSets only, no %s", kind);
			e->kind = ERR_UNSUPPORTED;
			return -1;
		}
		if (strcmp(kind, "StatefulSet"))
			continue;
		if (n && yaml_to_i64(n, &replicas, e))
			return -1;
		for (int k = 0; k < replicas; k++)
			if (read_pod(l, m, m->objects[i], k, e))
				return -1;
	}
	if (!l->npods)
		return err_set(e, ERR_UNSUPPORTED, "the manifests hold no StatefulSet that engine local "
			       "could run");
	return 0;
}
