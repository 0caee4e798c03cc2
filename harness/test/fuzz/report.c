#include "test/fuzz/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/tame.h"
#include "report/compare.h"
#include "test/fuzz/seal.h"

#define PARTING "%%\n"

static char folder[64]; /* of this process */

static void remove_folder(void)
{
	struct err e = {0};

	file_remove_tree(folder, &e);
}

static void promise(int kept, const char *what)
{
	if (kept)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	promise(f && fwrite(data, 1, size, f) == size && fclose(f) == 0, "a file can be written");
}

static const uint8_t *parting(const uint8_t *data, size_t size)
{
	const uint8_t *p = memmem(data, size, "\n" PARTING, strlen(PARTING) + 1);

	return p ? p + 1 : NULL;
}

/* What no reader may be sent: what steers a terminal or turns the writing
 * around, what is no UTF-8. Frees it. */
static void check_text(char *text, size_t len, const char *name)
{
	promise(strlen(text) == len, "a report has no NUL");
	if (!tame_is(text, "\n\t")) {
		fprintf(stderr, "%s: ", name);
		promise(0, "what is written steers no terminal");
	}
	if (!strcmp(name, "result.json")) {
		cJSON *o = cJSON_Parse(text);

		promise(o != NULL, "result.json is JSON");
		cJSON_Delete(o);
	}
	free(text);
}

static void report(const struct reporter_ops *ops, const struct run_report *run)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct reporter *r;

	promise(f != NULL, "memory");
	r = ops->begin(f, run);
	for (size_t i = 0; i < run->n; i++)
		ops->scenario(r, run, &run->scenarios[i]);
	ops->end(r, run);
	fclose(f);
	check_text(text, len, ops->file);
}

static void compare(void)
{
	static void (*const ways[])(struct comparison *, FILE *) = {comparison_text,
								    comparison_html};
	struct comparison c = {0};
	struct err e = {0};

	if (!comparison_make(folder, folder, NULL, &c, &e)) {
		for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
			char *text = NULL;
			size_t len = 0;
			FILE *f = open_memstream(&text, &len);

			promise(f != NULL, "memory");
			ways[i](&c, f);
			fclose(f);
			check_text(text, len, "comparison");
		}
	}
	comparison_free(&c);
}

void fuzz_report(const uint8_t *data, size_t size)
{
	const uint8_t *middle = parting(data, size);
	struct evaluation ev = {0};
	struct err e = {0};

	if (!middle)
		return;
	if (!folder[0]) {
		mem_copy_str(folder, sizeof(folder), "/tmp/ordeal-fuzz-XXXXXX");
		promise(mkdtemp(folder) != NULL, "a folder can be made");
		atexit(remove_folder);
	}
	write_file("events.jsonl", data, (size_t)(middle - data));
	middle += strlen(PARTING);
	write_file("history.jsonl", middle, size - (size_t)(middle - data));
	if (evaluation_read(folder, &ev, &e)) {
		promise(e.kind == ERR_INPUT && *e.msg, "a refused input has ERR_INPUT and a message");
	} else {
		for (size_t i = 0; reporter_all()[i]; i++)
			report(reporter_all()[i], &ev.run);
		compare();
	}
	evaluation_free(&ev);
}

/* ---- mutating ---- */

static double extreme(struct rng *r, double now)
{
	static const double numbers[] = {0,
					 1,
					 -1,
					 2,
					 63,
					 64,
					 65535,
					 65536,
					 2147483647,
					 2147483648.0,
					 4294967295.0,
					 4294967296.0,
					 9007199254740991.0,
					 9007199254740993.0,
					 2305843009213693952.0,
					 9223372036854774784.0,
					 9223372036854775808.0,
					 -9223372036854775808.0,
					 1e19,
					 1e300,
					 -1e300,
					 1.5,
					 1e-300,
					 86400e9,
					 1e18,
					 2.3e18};

	if (rng_below(r, 3) == 0)
		return now + (double)rng_below(r, 2000000001) - 1e9;
	return numbers[rng_below(r, ARRAY_LEN(numbers))];
}

static char *hostile(struct rng *r, const char *now)
{
	static const char *const texts[] = {"", "\x1b[31m\x07", "\xc2\x9b" "31m", "\xe2\x80\xae" "x", "<b>&\"'", "a\nb\tc\r",
					    "\xff\xfe", "%s%n", "primary", "replica", "unknown", "healed", "effective",
					    "../../etc", "memory-0", "kill", "not ok 1 - x", "...", "# SKIP"};
	static const size_t lengths[] = {31, 63, 64, 127, 128, 253, 254, 400, 599, 600, 4000};
	size_t n;
	char *s;

	if (rng_below(r, 3))
		return mem_strdup(texts[rng_below(r, ARRAY_LEN(texts))]);
	n = lengths[rng_below(r, ARRAY_LEN(lengths))];
	s = mem_alloc(n + 1);
	for (size_t i = 0; i < n; i++)
		s[i] = *now ? now[i % strlen(now)] : 'm';
	return s;
}

static cJSON *other(struct rng *r, const cJSON *now)
{
	char *text;
	cJSON *o;

	switch (cJSON_IsNumber(now) ? rng_below(r, 9) % 6 :
		cJSON_IsString(now) ? 6 - rng_below(r, 8) % 7 :
				      rng_below(r, 8)) {
	case 0: case 1: case 2: case 3:
		return cJSON_CreateNumber(extreme(r, cJSON_IsNumber(now) ? now->valuedouble : 0));
	case 4:
		return rng_below(r, 2) ? cJSON_CreateNull() :
					 cJSON_CreateBool((cJSON_bool)rng_below(r, 2));
	case 5: case 6:
		text = hostile(r, cJSON_IsString(now) ? now->valuestring : "m");
		o = cJSON_CreateString(text);
		free(text);
		return o;
	default:
		return rng_below(r, 2) ? cJSON_CreateArray() : cJSON_CreateObject();
	}
}

/* A field somewhere below becomes another, goes, or is there twice. */
static void change(cJSON *o, struct rng *r)
{
	cJSON *at;
	int n;

	while ((n = cJSON_GetArraySize(o)) > 0) {
		at = cJSON_GetArrayItem(o, (int)rng_below(r, (uint64_t)n));
		if (at->child && rng_below(r, 4)) {
			o = at;
			continue;
		}
		switch (rng_below(r, 6)) {
		case 0:
			cJSON_Delete(cJSON_DetachItemViaPointer(o, at));
			break;
		case 1:
			if (cJSON_IsArray(o))
				cJSON_AddItemToArray(o, cJSON_Duplicate(at, 1));
			else
				cJSON_AddItemToObject(o, at->string, cJSON_Duplicate(at, 1));
			break;
		default:
			if (cJSON_IsArray(o)) {
				int i = 0;

				for (const cJSON *c = o->child; c != at; c = c->next)
					i++;
				cJSON_ReplaceItemInArray(o, i, other(r, at));
			} else {
				char *key = mem_strdup(at->string);

				cJSON_ReplaceItemInObjectCaseSensitive(o, key, other(r, at));
				free(key);
			}
		}
		return;
	}
}

static void changed_line(const char *line, size_t len, struct rng *r, struct buf *out)
{
	char *copy = mem_fmt("%.*s", (int)len, line), *text;
	cJSON *o = cJSON_Parse(copy);
	uint64_t how = rng_below(r, 12);

	free(copy);
	if (!o || how == 0) {
		buf_add(out, line, o ? 0 : len); /* the line goes */
	} else {
		for (uint64_t i = 0; i <= rng_below(r, 3); i++)
			change(o, r);
		text = json_text(o);
		buf_str(out, text);
		buf_char(out, '\n');
		free(text);
		if (how == 1)
			buf_add(out, line, len);
	}
	cJSON_Delete(o);
}

size_t fuzz_report_mutate(uint8_t *data, size_t size, size_t room, struct rng *r)
{
	struct buf out = {0}, sealed = {0};
	size_t lines = 0, one, other_one, n = 0;
	const char *p, *end, *next;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (!lines)
		return size;
	one = rng_below(r, lines);
	/* Of few kinds there are many lines: the head is worth as much. */
	other_one = rng_below(r, 3) ? rng_below(r, lines < 12 ? lines : 12) : lines;
	end = (const char *)data + size;
	for (p = (const char *)data; p < end; p = next, n++) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next ? next + 1 : end;
		if (n == one || n == other_one)
			changed_line(p, (size_t)(next - p), r, &out);
		else
			buf_add(&out, p, (size_t)(next - p));
	}
	/* Now and then what was changed is noticed. */
	if (rng_below(r, 8))
		fuzz_seal(buf_cstr(&out), out.len, &sealed);
	else
		buf_add(&sealed, buf_cstr(&out), out.len);
	if (sealed.len && sealed.len <= room) {
		memcpy(data, sealed.s, sealed.len);
		size = sealed.len;
	}
	buf_free(&out);
	buf_free(&sealed);
	return size;
}
