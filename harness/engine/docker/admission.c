/* What the API that we serve would refuse, told of manifests before anything
 * starts. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit.h"
#include "apiserver/decode.h"
#include "base/buf.h"
#include "base/json.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"
#include "manifest/manifest.h"
#include "manifest/parts.h"

const struct admit_nets docker_nets = {DOCKER_SUBNET, DOCKER_SERVICES};

struct finding {
	struct arena *a;
	struct ynode *object;
	const char *told; /* by plan_check() */
	struct buf *out;
	int n;
};

static bool above(const char *path, size_t len, const char *other)
{
	return !strncmp(path, other, len) && (!other[len] || strchr(": .[", other[len]));
}

/* A key in quotes as an API server writes it: data."a b" is data[a b]. */
static const char *with_brackets(struct arena *a, const char *path)
{
	const char *key = strstr(path, ".\"");
	size_t len = strlen(path);

	return key && path[len - 1] == '"' && len - (size_t)(key - path) > 3 ?
	       arena_fmt(a, "%.*s[%.*s]", (int)(key - path), path, (int)(len - (size_t)(key - path) - 3), key + 2) : path;
}

/* Whether words that begin so were told for the field, or for one above or below it. */
static bool told_of(const struct finding *f, const char *says, const char *path)
{
	for (const char *p = f->told; (p = strstr(p, says));) {
		p += strlen(says);
		if (above(path, strlen(path), p) || above(p, strcspn(p, ": "), path))
			return true;
	}
	return false;
}

/* By an API server's own words, or as something that this engine does not have. */
static bool refused(const struct finding *f, const char *path)
{
	return told_of(f, arena_fmt(f->a, "the %s \"%s\" is invalid: ", manifest_kind(f->object),
				    manifest_text(f->object, "metadata.name")), with_brackets(f->a, path)) ||
	       told_of(f, arena_fmt(f->a, "%s: ", manifest_object_name(f->a, f->object)), path);
}

/* The field, or the nearest one above it that is written. */
static const struct ynode *place_of(struct arena *a, struct ynode *object, const char *path)
{
	char *p = arena_strdup(a, path), *last;
	const struct ynode *n;

	while (!(n = yaml_path(object, p))) {
		last = strrchr(p, '.');
		if (strrchr(p, '[') > last)
			last = strrchr(p, '[');
		if (!last)
			return object;
		*last = '\0';
	}
	return n;
}

/* Whether it was told that the value there, or what should be a map or a list, has another
 * type. */
static bool mistyped(const struct finding *f, const struct ynode *at)
{
	const char *says = arena_fmt(f->a, "%s:%d:%d: ", at->file, at->line, at->column);
	const char *type = arena_fmt(f->a, "%s in version ", manifest_kind(f->object));

	for (const char *p = f->told; (p = strstr(p, says)); p++)
		if ((p == f->told || p[-1] == '\n') &&
		    !strncmp(p + strlen(says), type, strlen(type)))
			return true;
	return false;
}

static void on_finding(void *arg, const char *path, const char *what)
{
	struct finding *f = arg;
	const struct ynode *at = place_of(f->a, f->object, path);
	struct err e = {0};

	/* It need not be told in our own words as well. */
	if (refused(f, path) || mistyped(f, at))
		return;
	f->n++;
	yaml_error(at, &e, "%s: %s: %s", manifest_object_name(f->a, f->object), path,
		   what);
	buf_fmt(f->out, "%s%s", f->out->len ? "\n" : "", e.msg);
}

/* By a Service that stands before the i-th object? */
static void address_taken(struct finding *f, const struct manifest *m, size_t i, const cJSON *o)
{
	const char *ip = json_str(json_get(o, "spec"), "clusterIP", "");
	bool taken = false;

	for (size_t k = 0; k < i && !taken; k++) {
		cJSON *other = yaml_to_json(m->objects[k]);

		taken = !strcmp(json_str(other, "kind", ""), "Service") && admit_same_address(o, other);
		cJSON_Delete(other);
	}
	if (taken)
		on_finding(f, "spec.clusterIP", arena_fmt(f->a, ADMIT_ALLOCATED, ip, ip));
}

static int served(struct arena *a, const struct manifest *m, const char *told, struct err *e)
{
	struct buf all = {0};
	int n = 0;

	for (size_t i = 0; i < m->n; i++) {
		struct finding f = {a, m->objects[i], told, &all, 0};
		cJSON *o = yaml_to_json(m->objects[i]);
		const struct kind *kind = manifest_is_custom(m->objects[i]) ? NULL : store_kind(json_str(o, "kind", ""));

		if (kind) {
			decode_settle(kind, o);
			admit(kind, o, &docker_nets, on_finding, &f);
		}
		if (kind && kind->id == KIND_SERVICE)
			address_taken(&f, m, i, o);
		n += f.n;
		cJSON_Delete(o);
	}
	if (n)
		err_set(e, ERR_INPUT, "%s", buf_cstr(&all));
	buf_free(&all);
	return n ? -1 : 0;
}

int docker_admit(struct arena *a, const struct manifest *m, struct adaptations *log, struct err *e)
{
	struct err all = {0}, one = {0};
	bool refuses;

	if (plan_check(a, m, true, log, &one))
		err_add(&all, &one);
	refuses = all.kind == ERR_REFUSED;
	if (served(a, m, all.msg, &one))
		err_add(&all, &one);
	if (!all.kind)
		return 0;
	/* What no API server takes does not stand, whatever else is wrong. */
	if (refuses)
		all.kind = ERR_REFUSED;
	*e = all;
	return -1;
}

int docker_check(struct arena *a, const struct manifest *m, struct err *e)
{
	struct adaptations unused = {0};

	return docker_admit(a, m, &unused, e);
}

/* What its writer says of it, without what is filled in. */
static char *as_manifest(const cJSON *object, const struct kind *kind)
{
	static const char *const keys[] = {"name", "namespace", "labels", "annotations"};
	const cJSON *meta = json_get(object, "metadata");
	cJSON *o = cJSON_CreateObject(), *m;
	char *text;

	json_set_str(o, "apiVersion", kind->api);
	json_set_str(o, "kind", kind->name);
	m = cJSON_AddObjectToObject(o, "metadata");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (json_get(meta, keys[i]))
			json_set(m, keys[i], cJSON_Duplicate(json_get(meta, keys[i]), 1));
	if (json_get(object, "spec"))
		json_set(o, "spec", cJSON_Duplicate(json_get(object, "spec"), 1));
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	return text;
}

/* Its lines without "FILE:LINE:COLUMN: ", which the writer knows nothing of. */
static void without_places(const char *text, struct buf *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *end = strstr(text, ": ");
		size_t place = end && (size_t)(end - text) < len ? (size_t)(end - text) + 2 : 0;

		buf_add(out, text + place, len - place);
		text += len + (text[len] == '\n');
		buf_str(out, *text ? "; " : "");
	}
}

bool docker_drops(void *d, const struct kind *kind, const cJSON *object, struct buf *why)
{
	static const enum kind_id makers[] = {KIND_STATEFUL_SET, KIND_DEPLOYMENT, KIND_JOB,
					       KIND_CRON_JOB};
	struct adaptations unused = {0};
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};
	bool checked = false;
	char *text;

	(void)d;
	for (size_t i = 0; i < ARRAY_LEN(makers); i++)
		checked = checked || kind->id == makers[i];
	if (!checked)
		return false;
	text = as_manifest(object, kind);
	if (yaml_read_text(&a, "the object", text, &m.objects, &m.n, &e) || plan_check(&a, &m, false, &unused, &e))
		without_places(e.msg, why);
	free(text);
	arena_free(&a);
	return e.kind;
}
