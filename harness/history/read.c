#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "history/event.h"
#include "history/op.h"

/* Files of one JSON object a line, written by a process that may have died
 * at any byte. */

typedef int line_fn(void *arg, cJSON *o, struct err *e);

/* Calls fn (which owns `o`) for each full line from byte *from on, which moves
 * to the end of the last one. *torn: lines without their newline. */
static int each_line(const char *path, size_t *from, line_fn *fn, void *arg, size_t *torn,
		     struct err *e)
{
	struct buf b = {0};
	const char *p, *end;
	int line = 0, r = 0;

	*torn = 0;
	if (file_read(path, &b, e))
		r = -1;
	for (p = buf_cstr(&b) + (*from < b.len ? *from : b.len); !r && *p; p = end + 1) {
		cJSON *o;

		line++;
		end = strchr(p, '\n');
		if (!end) {
			*torn = 1;
			break;
		}
		*from += (size_t)(end - p) + 1;
		if (end == p)
			continue;
		o = cJSON_ParseWithLength(p, (size_t)(end - p));
		if (!o)
			r = err_set(e, ERR_INPUT, "%s:%d: not valid JSON", path, line);
		else if (fn(arg, o, e))
			r = err_prefix(e, "%s:%d", path, line);
	}
	buf_free(&b);
	return r;
}

static int add_op(void *arg, cJSON *o, struct err *e)
{
	struct op op;
	int r = op_from_json(o, &op, e);

	if (!r)
		history_add(arg, &op);
	cJSON_Delete(o);
	return r;
}

int history_read_from(const char *path, size_t *from, struct history *h, size_t *torn,
		      struct err *e)
{
	size_t ignored;

	return each_line(path, from, add_op, h, torn ? torn : &ignored, e);
}

int history_read(const char *path, struct history *h, size_t *torn, struct err *e)
{
	size_t from = 0;

	return history_read_from(path, &from, h, torn, e);
}

/* cJSON's own append keeps the last item at hand, so this is linear. */
static int add_event(void *arg, cJSON *o, struct err *e)
{
	if (!cJSON_IsObject(o) || !json_str(o, "k", NULL)) {
		cJSON_Delete(o);
		return err_set(e, ERR_INPUT, "an event must be a JSON object with a \"k\"");
	}
	cJSON_AddItemToArray(arg, o);
	return 0;
}

cJSON *events_read_from(const char *path, size_t *from, struct err *e)
{
	cJSON *events = cJSON_CreateArray();
	size_t torn;

	if (each_line(path, from, add_event, events, &torn, e)) {
		cJSON_Delete(events);
		return NULL;
	}
	return events;
}

cJSON *events_read(const char *path, struct err *e)
{
	size_t from = 0;

	return events_read_from(path, &from, e);
}
