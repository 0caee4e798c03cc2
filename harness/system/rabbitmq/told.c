#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "system/rabbitmq/model.h"

/* What members and their logs tell, as the model's parts read it. */

const cJSON *rabbit_first_queue(const struct sample *s)
{
	return cJSON_GetArrayItem(json_get(s->extra, "queues"), 0);
}

/* "rabbit@rabbitmq-0.rabbitmq-headless..." is rabbitmq-0's. */
static bool is_node_of(const char *node, const char *pod)
{
	const char *host = strchr(node, '@');
	size_t len = strlen(pod);

	return host && !strncmp(host + 1, pod, len) && (host[1 + len] == '.' || !host[1 + len]);
}

bool rabbit_lists(const cJSON *o, const char *list, const char *pod)
{
	const cJSON *it;

	cJSON_ArrayForEach(it, json_get(o, list))
		if (cJSON_IsString(it) && is_node_of(it->valuestring, pod))
			return true;
	return false;
}

bool rabbit_log_stamp(struct log_line *line)
{
	char stamp[40];
	size_t n = 0, at;

	while (n < line->len && n + 1 < sizeof(stamp) && line->text[n] != '[')
		n++;
	if (n < 27 || n >= line->len || line->text[n] != '[')
		return false;
	snprintf(stamp, sizeof(stamp), "%.*s", (int)n - 1, line->text);
	stamp[10] = 'T';
	if (clock_parse_rfc3339(stamp, &line->t_ns))
		return false;
	for (at = n; at + 1 < line->len && memcmp(line->text + at, "> ", 2) != 0; at++)
		;
	at = at + 1 < line->len ? at + 2 : n;
	line->text += at;
	line->len -= at;
	return true;
}
