#include "apiserver/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { SELECTOR_BYTES = 4096, SELECTOR_TERMS = 100 };

static bool too_long(const char *selector)
{
	size_t terms = 1;

	if (!selector)
		return false;
	for (const char *p = selector; (p = strchr(p, ',')); p++)
		terms++;
	return terms > SELECTOR_TERMS || strlen(selector) > SELECTOR_BYTES;
}

const char *list_too_long(const struct list_of *l)
{
	return too_long(l->labels) || too_long(l->fields) ? "the selector has more terms than are served here" : NULL;
}

bool list_has(const struct list_of *l, const cJSON *object)
{
	return store_labels_fit(l->labels, json_get(json_get(object, "metadata"), "labels")) &&
	       store_fields_fit(l->fields, object);
}

void list_text(const struct list_of *l, const struct store_view *view, struct buf *out)
{
	const char *comma = "";

	buf_fmt(out, "{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%lld\"},\"items\":[",
		l->kind->name, l->kind->api, (long long)view->version);
	for (size_t i = 0; i < view->n; i++) {
		char *text;

		if (!list_has(l, view->v[i]->object))
			continue;
		text = json_text(view->v[i]->object);
		buf_str(out, comma);
		buf_str(out, text);
		free(text);
		comma = ",";
	}
	buf_str(out, "]}");
}
