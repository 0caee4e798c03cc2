#include "test/fuzz/seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "history/block.h"

struct stream {
	int64_t scenario, group;
	struct block_sum sum;
};

/* One file, read line by line; without blocks it stays as it is. */
struct sealing {
	struct stream *v;
	size_t n, alloc;
	struct block_sum open;
	struct buf *out;
};

static struct block_sum *sum_of(struct sealing *s, const cJSON *o)
{
	int64_t scenario = json_i64(o, "s", 0), group = json_i64(o, "g", 0);

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].scenario == scenario && s->v[i].group == group)
			return &s->v[i].sum;
	*VEC_PUSH(s->v, s->n, s->alloc) = (struct stream){scenario, group, {0}};
	return &s->v[s->n - 1].sum;
}

static void seal_block(struct sealing *s, const cJSON *o, bool events)
{
	struct block_sum *sum = sum_of(s, o);
	struct err unused = {0};
	char line[BLOCK_LINE_MAX];
	struct block b;

	/* One that was made senseless stays so. */
	if (block_from_json(o, &b, &unused)) {
		char *text = json_text(o);

		buf_fmt(s->out, "%s\n", text);
		free(text);
		return;
	}
	b.events = events;
	b.from = sum->lines;
	b.lines = s->open.lines;
	b.crc = s->open.crc;
	buf_add(s->out, line, block_to_line(&b, line));
	block_join(sum, &s->open);
	s->open = (struct block_sum){0};
}

/* What a load agent recorded, as the other file has it now. */
static void seal_history(cJSON *o, struct sealing *history, struct buf *line)
{
	const struct block_sum *sum = sum_of(history, o);
	char crc[12], *text;

	snprintf(crc, sizeof(crc), "%08x", sum->crc);
	json_set_i64(o, "ops", sum->lines);
	json_set_str(o, "sum", crc);
	text = json_text(o);
	buf_fmt(line, "%s\n", text);
	free(text);
}

/* `history` NULL: this is it. */
static void seal_file(const char *p, const char *end, struct sealing *s, struct sealing *history)
{
	const char *next;

	for (; p < end; p = next) {
		struct buf line = {0};
		cJSON *o;

		next = memchr(p, '\n', (size_t)(end - p));
		next = next ? next + 1 : end;
		buf_add(&line, p, (size_t)(next - p));
		o = cJSON_Parse(buf_cstr(&line));
		if (cJSON_IsObject(o) && block_is(o)) {
			seal_block(s, o, history != NULL);
		} else {
			if (history && !strcmp(json_str(o, "k", ""), "history") && json_get(o, "sum")) {
				buf_reset(&line);
				seal_history(o, history, &line);
			}
			block_add(&s->open, buf_cstr(&line), line.len);
			buf_add(s->out, buf_cstr(&line), line.len);
		}
		cJSON_Delete(o);
		buf_free(&line);
	}
}

void fuzz_seal(const char *data, size_t size, struct buf *out)
{
	static const char parting[] = "\n%%\n";
	const char *middle = memmem(data, size, parting, strlen(parting)), *end = data + size;
	struct buf ops = {0};
	struct sealing history = {.out = &ops}, events = {.out = out};

	if (!middle) {
		buf_add(out, data, size);
		return;
	}
	seal_file(middle + strlen(parting), end, &history, NULL);
	seal_file(data, middle + 1, &events, &history);
	buf_str(out, parting + 1);
	buf_add(out, buf_cstr(&ops), ops.len);
	buf_free(&ops);
	free(history.v);
	free(events.v);
}
