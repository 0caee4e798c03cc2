#include "apiserver/body.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"

/* Our texts end with a NUL: what stands behind one would be cut. */
static bool has_nul(const char *json)
{
	while ((json = strchr(json, '\\'))) {
		if (!strncmp(json + 1, "u0000", 5))
			return true;
		json += json[1] ? 2 : 1;
	}
	return false;
}

cJSON *body_read(struct buf *sent, const char **why)
{
	const char *text = buf_cstr(sent);
	cJSON *o;

	*why = NULL;
	if (!sent->len)
		return NULL;
	if (strlen(text) != sent->len || has_nul(text)) {
		*why = "the body has a NUL character, which is not served here";
		return NULL;
	}
	o = cJSON_ParseWithOpts(text, NULL, true);
	if (!o)
		*why = "the body is no JSON object";
	return o;
}

const char *body_twice(const cJSON *o)
{
	const char *twice = json_key_twice(o);
	const cJSON *v;

	cJSON_ArrayForEach(v, o)
		twice = twice ? twice : body_twice(v);
	return twice;
}
