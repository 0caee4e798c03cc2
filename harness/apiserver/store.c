#include "apiserver/store.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apiserver/same.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

/* A watcher that is further behind has to list again, as on a cluster. */
enum { CHANGES_KEPT = 4096 };
#define CHANGES_BYTES ((size_t)64 << 20)

/* Not those that only a real cluster makes something of. */
static const struct kind *served(const struct kind *k)
{
	if (!k || k->id == KIND_DAEMON_SET || k->id == KIND_CLUSTER_ROLE ||
	    k->id == KIND_CLUSTER_ROLE_BINDING)
		return NULL;
	return k;
}

const struct kind *store_kind(const char *name)
{
	return served(kind_by_name(name));
}

const struct kind *store_plural(const char *plural)
{
	return served(kind_by_plural(plural));
}

/* The one store whose lock this thread holds. */
static _Thread_local const struct store *held;

static void must(bool good, const char *rule)
{
	if (good)
		return;
	fprintf(stderr, "ordeal: a store's lock: %s\n", rule);
	abort();
}

void store_assert_locked(const struct store *s)
{
	must(held == s, "it has to be held here");
}

void store_assert_unlocked(void)
{
	must(!held, "it must not be held here");
}

void store_init(struct store *s)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	cond_init(&s->changed);
	cond_init(&s->taken);
}

/* Takes `object` over. */
static struct store_kept *keep(cJSON *object)
{
	struct store_kept *k = mem_alloc(sizeof(*k));

	k->object = object;
	k->refs = 1;
	return k;
}

struct store_kept *store_hold_it(struct store_kept *k)
{
	__atomic_add_fetch(&k->refs, 1, __ATOMIC_RELAXED);
	return k;
}

void store_let_go(struct store_kept *k)
{
	if (!k || __atomic_sub_fetch(&k->refs, 1, __ATOMIC_ACQ_REL))
		return;
	cJSON_Delete(k->object);
	free(k);
}

static void drop_change(struct store_change *c)
{
	store_let_go(c->kept);
	cJSON_Delete(c->labels);
}

void store_free(struct store *s)
{
	must(held != s, "it is held by whoever frees it");
	for (size_t i = 0; i < s->n; i++)
		store_let_go(s->v[i].kept);
	for (size_t i = 0; i < s->nchanges; i++)
		drop_change(&s->changes[i]);
	free(s->changes);
	free(s->v);
	pthread_cond_destroy(&s->taken);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	memset(s, 0, sizeof(*s));
}

void store_lock(struct store *s)
{
	store_assert_unlocked();
	__atomic_add_fetch(&s->waiting, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&s->lock);
	__atomic_sub_fetch(&s->waiting, 1, __ATOMIC_RELAXED);
	s->turns++;
	pthread_cond_broadcast(&s->taken);
	held = s;
}

void store_unlock(struct store *s)
{
	store_assert_locked(s);
	held = NULL;
	pthread_mutex_unlock(&s->lock);
}

void store_yield(struct store *s)
{
	uint64_t turn;

	store_assert_locked(s);
	turn = s->turns;
	held = NULL;
	/* Those whom a change woke do not count as waiting. */
	pthread_mutex_unlock(&s->lock);
	sched_yield();
	pthread_mutex_lock(&s->lock);
	while (s->turns == turn && __atomic_load_n(&s->waiting, __ATOMIC_RELAXED))
		pthread_cond_wait(&s->taken, &s->lock);
	held = s;
}

void store_wait(struct store *s, int64_t mono_ns)
{
	store_assert_locked(s);
	cond_wait(&s->changed, &s->lock, mono_ns);
}

void store_wake(struct store *s)
{
	store_assert_locked(s);
	pthread_cond_broadcast(&s->changed);
}

void store_now(char out[32])
{
	clock_rfc3339(clock_real_ns(), out);
	/* Without the fraction. */
	mem_copy_str(out + 19, 2, "Z");
}

static bool is(const struct store_item *it, enum kind_id id, const char *ns, const char *name)
{
	const cJSON *meta = json_get(it->object, "metadata");

	return it->kind->id == id && !strcmp(json_str(meta, "name", ""), name) &&
	       (!it->kind->namespaced || !strcmp(json_str(meta, "namespace", ""), ns ? ns : ""));
}

static struct store_item *find(const struct store *s, enum kind_id id, const char *ns,
			       const char *name)
{
	store_assert_locked(s);
	for (size_t i = 0; i < s->n; i++)
		if (is(&s->v[i], id, ns, name))
			return &s->v[i];
	return NULL;
}

const cJSON *store_get(const struct store *s, enum kind_id id, const char *ns, const char *name)
{
	const struct store_item *it = find(s, id, ns, name);

	return it ? it->object : NULL;
}

cJSON *store_copy(const struct store *s, enum kind_id id, const char *ns, const char *name)
{
	const struct store_item *it = find(s, id, ns, name);

	return it ? cJSON_Duplicate(it->object, 1) : NULL;
}

size_t store_bytes_of(const struct store *s, enum kind_id id, const char *ns, const char *name)
{
	const struct store_item *it = find(s, id, ns, name);

	return it ? it->bytes : 0;
}

static void forget_half(struct store *s)
{
	size_t half = (s->nchanges + 1) / 2;

	s->forgotten = s->changes[half - 1].version;
	for (size_t i = 0; i < half; i++) {
		s->changes_bytes -= s->changes[i].bytes;
		drop_change(&s->changes[i]);
	}
	s->nchanges -= half;
	memmove(s->changes, s->changes + half, s->nchanges * sizeof(*s->changes));
}

/* Takes `labels` over: those that it had, NULL for the same. */
static void record(struct store *s, const char *type, const struct store_item *it, cJSON *labels)
{
	size_t bytes = it->bytes + (labels ? json_size(labels).bytes : 0);
	struct store_change *c;

	while (s->nchanges == CHANGES_KEPT ||
	       (s->nchanges && s->changes_bytes + bytes > CHANGES_BYTES))
		forget_half(s);
	c = VEC_PUSH(s->changes, s->nchanges, s->achanges);
	*c = (struct store_change){s->version, type,   it->kind, store_hold_it(it->kept),
				   it->object, labels, bytes};
	s->changes_bytes += bytes;
	store_wake(s);
}

/* The labels that an object had, as far as they are others now. */
static cJSON *labels_before(const cJSON *old, const cJSON *new)
{
	const cJSON *was = json_get(old, "labels"), *is = json_get(new, "labels");

	if (same_json(was, is) || (!was && !is))
		return NULL;
	return cJSON_IsObject(was) ? cJSON_Duplicate(was, 1) : cJSON_CreateObject();
}

struct store_kept *store_hold(const struct store *s, enum kind_id id, const char *ns,
			      const char *name)
{
	const struct store_item *it = find(s, id, ns, name);

	return it ? store_hold_it(it->kept) : NULL;
}

void store_view(const struct store *s, const struct kind *kind, const char *ns,
		struct store_view *out)
{
	store_assert_locked(s);
	*out = (struct store_view){.v = mem_alloc((s->n + 1) * sizeof(struct store_kept *)),
				   .version = s->version};
	for (size_t i = 0; i < s->n; i++) {
		const cJSON *m = json_get(s->v[i].object, "metadata");

		if (s->v[i].kind == kind && (!ns || !kind->namespaced || !strcmp(json_str(m, "namespace", ""), ns)))
			out->v[out->n++] = store_hold_it(s->v[i].kept);
	}
}

void store_view_free(struct store_view *v)
{
	for (size_t i = 0; i < v->n; i++)
		store_let_go(v->v[i]);
	free(v->v);
	*v = (struct store_view){0};
}

static void set_version(struct store *s, cJSON *meta)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)++s->version);
	json_set_str(meta, "resourceVersion", text);
}

static cJSON *meta_of(cJSON *object)
{
	cJSON *meta = cJSON_GetObjectItem(object, "metadata");

	return meta ? meta : cJSON_AddObjectToObject(object, "metadata");
}

const cJSON *store_put(struct store *s, enum kind_id id, cJSON *object)
{
	const struct kind *kind = kind_by_id(id);
	cJSON *meta = meta_of(object);
	struct store_item *it = find(s, id, json_str(meta, "namespace", NULL), json_str(meta, "name", ""));
	const cJSON *old = it ? json_get(it->object, "metadata") : NULL;
	char uid[RANDOM_UUID_SIZE], now[32];
	cJSON *before = NULL;

	json_set_str(object, "apiVersion", kind->api);
	json_set_str(object, "kind", kind->name);
	random_uuid(uid);
	store_now(now);
	if (!json_str(meta, "uid", NULL))
		json_set_str(meta, "uid", json_str(old, "uid", uid));
	if (!json_str(meta, "creationTimestamp", NULL))
		json_set_str(meta, "creationTimestamp", json_str(old, "creationTimestamp", now));
	if (it) {
		json_set_str(meta, "resourceVersion", json_str(old, "resourceVersion", ""));
		if (same_json(object, it->object)) {
			cJSON_Delete(object);
			return it->object;
		}
		before = labels_before(old, meta);
		store_let_go(it->kept);
		s->bytes -= it->bytes;
	} else {
		it = VEC_PUSH(s->v, s->n, s->alloc);
		it->kind = kind;
	}
	set_version(s, meta);
	it->kept = keep(object);
	it->object = object;
	it->bytes = json_size(object).bytes;
	s->bytes += it->bytes;
	record(s, old ? "MODIFIED" : "ADDED", it, before);
	return object;
}

bool store_delete(struct store *s, enum kind_id id, const char *ns, const char *name)
{
	struct store_item *it = find(s, id, ns, name);
	cJSON *gone;

	if (!it)
		return false;
	/* Who holds it reads it as it was. */
	gone = cJSON_Duplicate(it->object, 1);
	set_version(s, meta_of(gone));
	store_let_go(it->kept);
	it->kept = keep(gone);
	it->object = gone;
	record(s, "DELETED", it, NULL);
	s->bytes -= it->bytes;
	store_let_go(it->kept);
	/* In their order: lists and services are read in it. */
	memmove(it, it + 1, (size_t)(s->v + s->n - it - 1) * sizeof(*it));
	s->n--;
	return true;
}

bool store_map_fits(const cJSON *map, const cJSON *labels)
{
	const cJSON *l;

	if (!map || !map->child)
		return false;
	cJSON_ArrayForEach(l, map)
		if (strcmp(json_str(labels, l->string, "\n"), cJSON_IsString(l) ? l->valuestring : ""))
			return false;
	return true;
}

/* Is `value` among "a,b" of "(a,b)"? */
static bool in_set(const char *set, const char *value)
{
	size_t len = strlen(value);

	while (*set) {
		set += strspn(set, "(), ");
		if (strcspn(set, "(), ") == len && !strncmp(set, value, len) && len)
			return true;
		set += strcspn(set, "(), ");
	}
	return false;
}

static bool term_fits(char *term, const char *(*get)(const void *arg, const char *key),
		      const void *arg)
{
	char *op, *value;
	const char *have;
	bool not;

	term += strspn(term, " ");
	if ((op = strstr(term, " notin ")) || (op = strstr(term, " in "))) {
		not = op[1] == 'n';
		value = op + (not ? 7 : 4);
		*op = '\0';
		have = get(arg, term);
		return have && in_set(value, have) ? !not : not;
	}
	op = strchr(term, '=');
	if (!op)
		return term[0] == '!' ? !get(arg, term + 1) : get(arg, term) != NULL;
	value = op + 1 + (op[1] == '=');
	not = op > term && op[-1] == '!';
	op[not ? -1 : 0] = '\0';
	have = get(arg, term);
	return not ? !have || strcmp(have, value) : have && !strcmp(have, value);
}

static bool selector_fits(const char *selector,
			  const char *(*get)(const void *arg, const char *key), const void *arg)
{
	char *copy, *term, *p;
	bool fits = true;
	int depth = 0;

	if (!selector || !*selector)
		return true;
	copy = mem_strdup(selector);
	for (term = p = copy; fits; p++) {
		bool end = !*p;

		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if (!end && (*p != ',' || depth))
			continue;
		*p = '\0';
		fits = term_fits(term, get, arg);
		term = p + 1;
		if (end)
			break;
	}
	free(copy);
	return fits;
}

static const char *get_label(const void *labels, const char *key)
{
	return json_str(labels, key, NULL);
}

static const char *get_field(const void *object, const char *key)
{
	const cJSON *v = json_path(object, key);

	/* A field that is not set is empty, as for the API server. */
	return cJSON_IsString(v) ? v->valuestring : "";
}

bool store_labels_fit(const char *selector, const cJSON *labels)
{
	return selector_fits(selector, get_label, labels);
}

bool store_fields_fit(const char *selector, const cJSON *object)
{
	return selector_fits(selector, get_field, object);
}

void store_merge(cJSON *into, const cJSON *patch)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, patch) {
		cJSON *have = cJSON_GetObjectItemCaseSensitive(into, p->string);

		if (cJSON_IsNull(p)) {
			cJSON_DeleteItemFromObjectCaseSensitive(into, p->string);
		} else if (cJSON_IsObject(p)) {
			if (!cJSON_IsObject(have)) {
				cJSON_DeleteItemFromObjectCaseSensitive(into, p->string);
				have = cJSON_AddObjectToObject(into, p->string);
			}
			store_merge(have, p);
		} else {
			json_set(into, p->string, cJSON_Duplicate(p, 1));
		}
	}
}

void store_close(struct store *s)
{
	store_lock(s);
	s->closing = true;
	store_wake(s);
	store_unlock(s);
}
