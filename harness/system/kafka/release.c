#include "system/kafka/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/kafka/log.h"
#include "system/prediction.h"

const char *kafka_release_of(int level)
{
	static const struct {
		int last; /* level that carries its name */
		const char *name;
	} releases[] = {{11, NULL},  {14, "3.6"}, {19, "3.7"}, {20, "3.8"}, {21, "3.9"},
			{25, "4.0"}, {27, "4.1"}, {29, "4.2"}, {30, "4.3"}, {33, "4.4"}};

	for (size_t i = 0; i < ARRAY_LEN(releases); i++)
		if (level <= releases[i].last)
			return releases[i].name;
	return NULL;
}

/* "3.6", "3.6.0 (org.apache...": 0: it is no release. */
static int number_of(const char *text)
{
	char *end;
	long major = strtol(text, &end, 10);

	if (major < 1 || major > 99 || *end != '.')
		return 0;
	return (int)(major * 100 + strtol(end + 1, NULL, 10) % 100);
}

struct said {
	int number;
	bool several;
};

static bool read_line(void *arg, const struct log_line *line)
{
	static const char words[] = "Kafka version: ";
	const char *at = memmem(line->text, line->len, words, strlen(words));
	struct said *s = arg;
	char text[16];
	int number;

	if (!at)
		return false;
	at += strlen(words);
	snprintf(text, sizeof(text), "%.*s", (int)(line->text + line->len - at), at);
	number = number_of(text);
	s->several = s->several || (s->number && s->number != number);
	s->number = number;
	return s->several;
}

int kafka_release(const struct evidence *ev)
{
	const char *told = prediction_setting(ev->inforce, "version");
	struct said s = {0};

	if (told)
		return number_of(told);
	evidence_log_each(ev, kafka_log_stamp, INT64_MIN, INT64_MAX, read_line, &s);
	return s.several ? 0 : s.number;
}
