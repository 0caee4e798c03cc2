#include "test/fuzz/targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "history/event.h"
#include "history/op.h"
#include "history/read.h"
#include "history/schema.h"
#include "manifest/parts.h"
#include "manifest/schedule.h"
#include "scenario/scenario.h"
#include "manifest/settings.h"
#include "system/kafka/wire.h"
#include "system/mysql/gtid.h"
#include "test/fuzz/api.h"
#include "test/fuzz/report.h"
#include "yaml/yaml.h"

static void promise(int kept, const char *what)
{
	if (kept)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* A refusal is the user's fault and says something. */
static void refused(const struct err *e)
{
	promise(e->kind == ERR_INPUT && *e->msg, "a refused input has ERR_INPUT and a message");
}

static char *text_of(const uint8_t *data, size_t size)
{
	char *s = mem_alloc(size + 1);

	if (size)
		memcpy(s, data, size);
	return s;
}

/* The bytes as a file that has a name; close() the result. */
static int file_of(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	promise(fd >= 0 && write(fd, data, size) == (ssize_t)size, "memfd");
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_tree(const struct ynode *n, int depth)
{
	size_t i;

	promise(n->file && n->line >= 1 && n->column >= 1, "every node has a place");
	promise(depth <= 65, "the depth is capped");
	promise(n->kind != Y_SCALAR || n->text, "every scalar has a text");
	for (i = 0; n->kind != Y_SCALAR && i < n->n; i++) {
		if (n->kind == Y_MAP)
			promise(n->keys[i]->kind == Y_SCALAR, "keys are scalars");
		check_tree(n->items[i], depth + 1);
	}
}

static void read_values(const struct ynode *n)
{
	struct err e = {0};
	const char *s;
	int64_t v;
	double d;
	bool b;

	if (!yaml_to_duration_ns(n, &v, &e))
		promise(v >= 0, "a duration is not negative");
	yaml_to_i64(n, &v, &e);
	yaml_to_num(n, &d, &e);
	yaml_to_bool(n, &b, &e);
	yaml_to_string(n, &s, &e);
	if (n->kind == Y_SCALAR) {
		promise(quantity_bytes(n->text) >= -1, "quantities");
		promise(quantity_millicores(n->text) >= -1, "quantities");
	}
}

static void fuzz_yaml(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"steady", "fault", "at_most", NULL};
	struct arena a = {0};
	struct err e = {0};
	struct ynode **docs;
	char path[64], *json;
	cJSON *o;
	size_t n, i;
	int fd = file_of(data, size, path);

	if (yaml_read_file(&a, path, &docs, &n, &e)) {
		refused(&e);
		n = 0;
	}
	for (i = 0; i < n; i++) {
		check_tree(docs[i], 0);
		read_values(docs[i]);
		yaml_check_keys(docs[i], words, "x", &e);
		o = yaml_to_json(docs[i]);
		json = cJSON_PrintUnformatted(o);
		promise(json != NULL, "the tree has a JSON text");
		free(json);
		cJSON_Delete(o);
	}
	close(fd);
	arena_free(&a);
}

/* Paths, names and units: one text is all of them. */
static void fuzz_words(const uint8_t *data, size_t size)
{
	static const char *const words[] = {"steady", "fault", "at_most", "a", NULL};
	char *text = text_of(data, size);
	struct ynode scalar = {
		.kind = Y_SCALAR, .text = text, .plain = true, .line = 1, .column = 1};
	const char *parent, *leaf;
	struct arena a = {0};
	struct err e = {0};
	struct ynode **docs;
	cJSON *o;
	size_t n;

	promise(!yaml_read_text(&a, "t", "a: {b.c: [x, {name: y, v: 1}]}\n", &docs, &n, &e),
		"a good text is read");
	yaml_path(docs[0], text);
	path_split(&a, text, &parent, &leaf);
	yaml_nearest(text, words);
	read_values(&scalar);
	o = yaml_to_json(&scalar);
	cJSON_Delete(o);
	arena_free(&a);
	free(text);
}

static void fuzz_scenario(const uint8_t *data, size_t size)
{
	static const char *const systems[] = {"postgres", "memory", NULL};
	static const char *const faults[] = {"kill-pod", "pause", "partition-node", NULL};
	static const char *const checkers[] = {"linearizable", NULL};
	struct scenario_names names = {systems, faults, checkers, NULL};
	struct arena a = {0};
	struct err e = {0};
	struct scenario s;
	char path[64];
	size_t i, k;
	int fd = file_of(data, size, path);

	if (scenario_read(&a, path, &names, &s, &e)) {
		refused(&e);
	} else {
		promise(s.nexpects > 0 && s.nsteps > 0, "a scenario does and expects something");
		promise(s.load.clients > 0 && s.load.rate > 0, "there is load");
		for (i = 0; i < s.nexpects; i++) {
			promise(*s.expects[i].name != '\0', "expectations have names");
			for (k = 0; k < i; k++)
				promise(strcmp(s.expects[i].name, s.expects[k].name), "names differ");
		}
		cJSON_Delete(scenario_to_json(&s));
	}
	close(fd);
	arena_free(&a);
}

static void fuzz_settings(const uint8_t *data, size_t size)
{
	struct arena a = {0};
	struct settings s;
	struct err e = {0};
	char path[64];
	size_t i;
	int fd = file_of(data, size, path);

	if (settings_load(&a, path, &s, &e)) {
		refused(&e);
	} else {
		for (i = 0; i < s.n; i++) {
			promise(!settings_set(&a, &s, s.v[i].name, s.v[i].dflt, "x", NULL, &e),
				"a default can be set");
			if (settings_set(&a, &s, s.v[i].name, "7", "x", NULL, &e))
				refused(&e);
		}
		settings_check(&s, &e);
	}
	close(fd);
	arena_free(&a);
}

static const char *other_image(void *arg, const char *image)
{
	(void)arg;
	return strlen(image) % 2 ? "other:1" : NULL;
}

static void fuzz_manifest(const uint8_t *data, size_t size)
{
	static const struct adapt_rules rules = {
		.namespace = "run", .max_cpu_request_m = 100, .max_memory_request_bytes = 1 << 20,
		.max_claim_bytes = 1 << 20, .image = other_image, .provisioner = "ours",
	};
	struct adaptations log = {0}, again = {0};
	struct manifest m = {0};
	struct arena a = {0};
	struct err e = {0};
	struct ynode **docs;
	const char **images;
	size_t n, i, alloc = 0;
	char *text = text_of(data, size);

	if (yaml_read_text(&a, "m.yaml", text, &docs, &n, &e) ||
	    manifest_add(&a, &m, &alloc, docs, n, &e)) {
		refused(&e);
		free(text);
		arena_free(&a);
		return;
	}
	if (manifest_admit(&a, &m, true, &e))
		promise(e.kind == ERR_REFUSED && *e.msg, "what a server refuses has a message");
	e = (struct err){0};
	if (manifest_images(&a, &m, &images, &n, &e) ||
	    manifest_adapt(&a, &m, &rules, &log, &e)) {
		refused(&e);
	} else {
		for (i = 0; i < log.n; i++)
			promise(log.v[i].line >= 1 && *log.v[i].why &&
					(log.v[i].from || log.v[i].to),
				"every change is recorded whole");
		promise(!manifest_adapt(&a, &m, &rules, &again, &e), "adapting can be repeated");
	}
	free(text);
	arena_free(&a);
}

/* The first line is a path, the second a value, the rest the text. */
static void fuzz_inside(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size), *value, *body;
	const char *from, *out;
	struct arena a = {0};
	struct err e = {0};

	value = strchr(text, '\n');
	body = value ? strchr(value + 1, '\n') : NULL;
	if (body) {
		*value++ = '\0';
		*body++ = '\0';
		out = inside_set(&a, "t", body, text, value, true, &from, &e);
		if (!out) {
			refused(&e);
		} else {
			promise(inside_line(&a, body, text) >= 1, "a change has a line");
			promise(inside_has(&a, out, text), "what was set is there");
			promise(inside_set(&a, "t", out, text, value, true, &from, &e) == out,
				"setting it again changes nothing");
		}
	}
	free(text);
	arena_free(&a);
}

/* Beyond 2^53 a JSON number is rounded, which is known and no surprise. */
static int exact(int64_t v)
{
	return v > -(INT64_C(1) << 53) && v < INT64_C(1) << 53;
}

static void write_and_read(const struct op *op)
{
	char line[OP_LINE_MAX];
	struct err e = {0};
	struct op_room room;
	struct op again;
	cJSON *o;

	promise(op_to_line(op, line, sizeof(line)) == strlen(line), "a line's length");
	promise(strchr(line, '\n') == line + strlen(line) - 1, "a line is one line");
	o = json_parse(line, "line", &e);
	promise(o != NULL, "a written line is JSON");
	if (exact(op->t_invoke) && exact(op->t_return) && exact(op->value) && exact(op->key)) {
		promise(!op_from_json(o, &room, &again, &e), "a written line is read");
		promise(again.f == op->f && again.outcome == op->outcome &&
			again.process == op->process && again.t_invoke == op->t_invoke &&
			again.t_return == op->t_return && again.value == op->value &&
			again.key == op->key && again.sent == op->sent,
			"what is read is what was written");
		promise(!(OP_BIT(op->f) & OP_MESSAGES) || !exact(op->partition) ||
				!exact(op->offset) || !exact(op->tag) ||
				(again.partition == op->partition && again.offset == op->offset &&
				 again.tag == op->tag && again.acked == op->acked &&
				 again.redelivered == op->redelivered),
			"and so is a message");
	}
	cJSON_Delete(o);
}

static void fuzz_history(const uint8_t *data, size_t size)
{
	struct history h = {0};
	struct err e = {0};
	const cJSON *event;
	cJSON *events;
	char path[64];
	size_t i;
	int fd = file_of(data, size, path);
	bool good = !history_read(path, &h, &e);

	if (!good)
		refused(&e);
	for (i = 0; i < h.n && i < 100; i++)
		write_and_read(&h.ops[i]);
	/* What was read before a mistake is in the file's order. */
	for (i = 1; good && i < h.n; i++)
		promise(h.ops[i - 1].t_invoke <= h.ops[i].t_invoke, "sorted");
	history_free(&h);
	e = (struct err){0};
	events = events_read(path, &e);
	if (!events)
		refused(&e);
	cJSON_ArrayForEach(event, events)
		promise(!event_check(event, &e) && strcmp(json_str(event, "k", ""), "block"),
			"what is read is an event that has what it needs");
	cJSON_Delete(events);
	close(fd);
}

/* A CronJob's schedule, and after a line's end its time zone. */
static void fuzz_schedule(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size), *zone = strchr(text, '\n');
	int64_t t_s = 1767225599, next_s; /* the end of 2025 */
	struct zone *z = NULL;
	struct schedule s;
	struct err e = {0};

	if (zone)
		*zone++ = '\0';
	if (zone && zone_load(zone, &z, &e))
		refused(&e);
	e = (struct err){0};
	if (schedule_parse(text, &s, &e)) {
		refused(&e);
	} else {
		for (int i = 0; i < 3 && t_s; i++, t_s = next_s) {
			next_s = schedule_next(&s, z, t_s);
			promise(!next_s || next_s > t_s, "the next time is later");
			promise(s.every_s || next_s % 60 == 0 || z, "and a minute begins then");
		}
	}
	zone_free(z);
	free(text);
}

static void promise_same(const struct gtid_set *a, const struct gtid_set *b, const char *what)
{
	promise(gtid_within(a, b) && gtid_within(b, a) && gtid_count(a) == gtid_count(b), what);
}

/* Two sets with a bar between. */
static void fuzz_gtid(const uint8_t *data, size_t size)
{
	struct gtid_set a, b = {0}, again, rest, twice;
	char *text = text_of(data, size), *bar = strchr(text, '|'), *printed;

	if (bar)
		*bar++ = '\0';
	if (gtid_parse(text, &a) && gtid_parse(bar ? bar : "", &b)) {
		printed = gtid_text(&a);
		promise(gtid_parse(printed, &again), "a printed set is one");
		promise_same(&a, &again, "and the same");
		gtid_subtract(&a, &b, &rest);
		gtid_subtract(&rest, &b, &twice);
		promise_same(&rest, &twice, "what is left has nothing of what was taken");
		promise(gtid_within(&rest, &a), "and nothing else");
		gtid_add(&rest, &b);
		promise(gtid_within(&a, &rest), "and with it, all");
		gtid_free(&again);
		gtid_free(&rest);
		gtid_free(&twice);
		free(printed);
	}
	gtid_free(&a);
	gtid_free(&b);
	free(text);
}

static bool kafka_record(void *arg, int64_t offset, const unsigned char *value, size_t n)
{
	const struct kafka_fetched *f = arg;

	(void)offset;
	promise(value >= f->records && n <= f->nrecords && value + n <= f->records + f->nrecords,
		"a record lies within what came");
	return true;
}

static void kafka_config(void *arg, const char *name, const char *value)
{
	(void)arg;
	promise(strlen(name) < 128 && strlen(value) < 512, "a setting has an end");
}

/* The first byte says which answer the rest is. */
static void fuzz_kafka(const uint8_t *data, size_t size)
{
	struct kafka_reader r = {size ? data + 1 : data, size ? size - 1 : 0, false};
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	struct kafka_offset at[KAFKA_PARTITIONS_MAX];
	struct kafka_fetched f;
	struct kafka_quorum q;
	struct kafka_broker b;
	int64_t next = 0;
	char why[32];
	int code;

	switch (size ? data[0] % 10 : 10) {
	case 0:
		if (kafka_read_metadata(&r, md))
			promise(md->nbrokers <= KAFKA_BROKERS_MAX &&
					md->npartitions <= KAFKA_PARTITIONS_MAX,
				"metadata keeps to its bounds");
		break;
	case 1: kafka_read_list_offsets(&r, at, KAFKA_PARTITIONS_MAX); break;
	case 2: promise(!kafka_read_describe_quorum(&r, &q) || q.nvoters <= KAFKA_BROKERS_MAX, "so do voters"); break;
	case 3:
		if (kafka_read_fetch(&r, &f))
			kafka_each_record(&f, kafka_record, &f, &next);
		break;
	case 4: kafka_read_find_coordinator(&r, &code, &b); break;
	case 5: kafka_read_offset_fetch(&r, at); break;
	case 6: kafka_read_describe_configs(&r, &code, kafka_config, NULL); break;
	case 7: kafka_read_create_topic(&r, &code, why, sizeof(why)); break;
	case 8: kafka_read_api_versions(&r, &code); break;
	case 9: kafka_read_epoch_end(&r, at); break;
	default: break;
	}
	free(md);
}

const struct fuzz_target fuzz_targets[] = {
	{"yaml", fuzz_yaml, NULL},
	{"words", fuzz_words, NULL},
	{"scenario", fuzz_scenario, NULL},
	{"settings", fuzz_settings, NULL},
	{"manifest", fuzz_manifest, NULL},
	{"inside", fuzz_inside, NULL},
	{"history", fuzz_history, NULL},
	{"schedule", fuzz_schedule, NULL},
	{"gtid", fuzz_gtid, NULL},
	{"kafka", fuzz_kafka, NULL},
	{"report", fuzz_report, fuzz_report_mutate},
	{"api", fuzz_api, NULL},
	{NULL, NULL, NULL},
};

int fuzz_run(const char *name, const uint8_t *data, size_t size)
{
	const struct fuzz_target *t;

	for (t = fuzz_targets; t->name; t++) {
		if (!strcmp(t->name, name))
			t->run(data, size);
	}
	return 0;
}
