#include "history/event.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

int event_log_open(struct event_log *l, const char *path, struct err *e)
{
	l->f = fopen(path, "we");
	if (!l->f)
		return err_set(e, ERR_BROKEN, "cannot write %s: %s", path, strerror(errno));
	pthread_mutex_init(&l->lock, NULL);
	return 0;
}

void event_log_close(struct event_log *l)
{
	if (!l->f)
		return;
	if (fclose(l->f))
		log_warn("the last events may be lost: %s", strerror(errno));
	pthread_mutex_destroy(&l->lock);
	l->f = NULL;
}

cJSON *event_new(int scenario, const char *kind)
{
	cJSON *o = cJSON_CreateObject();

	json_set_i64(o, "t", clock_mono_ns());
	if (scenario >= 0)
		json_set_i64(o, "s", scenario);
	json_set_str(o, "k", kind);
	return o;
}

void event_emit(struct event_log *l, cJSON *event)
{
	if (l->f) {
		pthread_mutex_lock(&l->lock);
		if (json_write_line(l->f, event) || fflush(l->f))
			log_warn("an event could not be written: %s", strerror(errno));
		pthread_mutex_unlock(&l->lock);
	}
	cJSON_Delete(event);
}

int64_t event_t(const cJSON *event)
{
	return json_i64(event, "t", 0);
}

bool event_is(const cJSON *event, const char *kind)
{
	return !strcmp(json_str(event, "k", ""), kind);
}

cJSON *events_of(const cJSON *events, int scenario)
{
	cJSON *own = cJSON_CreateArray();
	cJSON *e;

	cJSON_ArrayForEach(e, events) {
		int64_t s = json_i64(e, "s", -1);

		if (s < 0 || s == scenario)
			cJSON_AddItemReferenceToArray(own, e);
	}
	return own;
}
