#include "test/fuzz/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admit.h"
#include "apiserver/data.h"
#include "apiserver/decode.h"
#include "apiserver/immutable.h"
#include "apiserver/list.h"
#include "apiserver/rbac.h"
#include "apiserver/request.h"
#include "apiserver/same.h"
#include "apiserver/store.h"
#include "base/json.h"
#include "base/mem.h"
#include "manifest/names.h"

static const struct admit_nets NETS = {"10.240.0.0/16", "10.240.96.0/20"};

static void promise(int kept, const char *what)
{
	if (kept)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void nothing(void *arg, const char *path, const char *what)
{
	(void)arg;
	promise(path && *what, "what is refused is told");
}

static int has_bytes(void *arg, const char *key, const struct buf *value)
{
	(void)arg, (void)value;
	promise(name_is_key(key), "keys that are taken are files' names");
	return 0;
}

/* What root writes into rules and files. */
static void check_taken(const struct kind *kind, const cJSON *o)
{
	const char *ip = json_str(json_get(o, "spec"), "clusterIP", "");
	const cJSON *subset, *a;

	promise(*json_str(json_get(o, "metadata"), "name", ""), "what is taken has a name");
	if (kind->id == KIND_SERVICE)
		promise(!*ip || !strcmp(ip, "None") || name_is_address(ip, NETS.services), "Services' addresses are ours");
	if (kind->id == KIND_ENDPOINTS)
		cJSON_ArrayForEach(subset, json_get(o, "subsets"))
			cJSON_ArrayForEach(a, json_get(subset, "addresses"))
				promise(name_is_address(json_str(a, "ip", ""), NETS.pods), "Endpoints are of our network");
	if (kind->id == KIND_CONFIG_MAP || kind->id == KIND_SECRET)
		data_each(o, DATA_FILES, has_bytes, NULL);
}

/* What no decoder takes is looked at all the same, for what else is wrong with it. */
static void settle(const struct kind *kind, const cJSON *o)
{
	cJSON *copy = cJSON_Duplicate(o, 1), *again;

	decode_settle(kind, copy);
	admit(kind, copy, &NETS, nothing, NULL);
	again = cJSON_Duplicate(copy, 1);
	decode_settle(kind, again);
	promise(same_json(copy, again), "what was put right stays so");
	cJSON_Delete(again);
	cJSON_Delete(copy);
}

/* Takes `o` over. */
static void write_object(struct store *s, const struct kind *kind, cJSON *o,
			 const struct account *who)
{
	struct buf why = {0};
	const cJSON *was;
	const struct list_of l = {kind, "app=a,!b,c in (d)", "metadata.name!=x"};
	struct buf text = {0};
	struct store_view view;
	cJSON *list;

	promise(!o || json_size(o).bytes > 0, "everything takes memory");
	if (cJSON_IsObject(o))
		settle(kind, o);
	if (!cJSON_IsObject(o) || !cJSON_IsObject(json_get(o, "metadata")) || decode_check(kind, o, &why) ||
	    data_settle(kind->id, o) || admit(kind, o, &NETS, nothing, NULL)) {
		cJSON_Delete(o);
		buf_free(&why);
		return;
	}
	was = store_get(s, kind->id, json_str(json_get(o, "metadata"), "namespace", NULL),
			json_str(json_get(o, "metadata"), "name", ""));
	if (was)
		immutable_check(kind, was, o, nothing, NULL);
	rbac_may_give(s, who, "ns", kind, NULL, o);
	check_taken(kind, store_put(s, kind->id, o));
	store_view(s, kind, "ns", &view);
	list_text(&l, &view, &text);
	list = cJSON_Parse(buf_cstr(&text));
	promise(list != NULL, "a list is JSON");
	cJSON_Delete(list);
	buf_free(&text);
	store_view_free(&view);
}

void fuzz_api(const uint8_t *data, size_t size)
{
	static const struct account who = {"ns", "sys"};
	char *text = mem_alloc(size + 1), *rest = text, *line, *method, *query;
	const struct kind *kind;
	struct api_request is;
	struct store s;
	cJSON *body, *old, *both;

	if (size)
		memcpy(text, data, size);
	store_init(&s);
	store_lock(&s);
	line = strsep(&rest, "\n");
	method = strsep(&line, " ");
	query = line;
	line = strsep(&query, "?");
	body = cJSON_Parse(rest ? strsep(&rest, "\n") : "");
	old = cJSON_Parse(rest ? rest : "");
	if (line && api_request_read(&is, method, line, query, query)) {
		promise(is.verb && is.kind && is.name && is.ns && is.sub, "a request says what it asks for");
		kind = store_plural(is.kind);
		rbac_allows(&s, &who, &is);
		if (kind) {
			both = cJSON_Duplicate(old, 1);
			write_object(&s, kind, cJSON_Duplicate(old, 1), &who);
			write_object(&s, kind, cJSON_Duplicate(body, 1), &who);
			if (cJSON_IsObject(both) && cJSON_IsObject(body)) {
				store_merge(both, body);
				write_object(&s, kind, cJSON_Duplicate(both, 1), &who);
			}
			cJSON_Delete(both);
			rbac_allows(&s, &who, &is);
		}
	}
	cJSON_Delete(body);
	cJSON_Delete(old);
	store_unlock(&s);
	store_free(&s);
	free(text);
}
