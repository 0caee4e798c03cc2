/* Reading what a scenario tells once: its load, whether the system stood, the
 * settings in force, the final read. */
#include "history/evidence_told.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "history/event.h"

static const char *text(const cJSON *e, const char *key)
{
	return json_str(e, key, "");
}

static void *room(struct evidence *ev, const cJSON *list, size_t each)
{
	return arena_alloc(&ev->arena, ((size_t)cJSON_GetArraySize(list) + 1) * each);
}

static const char *text_of(struct evidence *ev, const cJSON *value)
{
	char *text = json_text(value);
	const char *out = arena_strdup(&ev->arena, text);

	free(text);
	return out;
}

/* ---- settings ---- */

bool setting_same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

static const char *setting_text(struct evidence *ev, const cJSON *value)
{
	if (cJSON_IsString(value))
		return value->valuestring;
	return cJSON_IsNumber(value) || cJSON_IsBool(value) ? text_of(ev, value) : NULL;
}

/* Of one that is told twice, with different values, nobody knows which it has. */
static void twice(struct settings_seen *all)
{
	struct setting_seen *last = &all->v[all->n - 1];

	for (struct setting_seen *s = all->v; s < last; s++) {
		if (!setting_same(s->name, last->name))
			continue;
		if (!s->value || !last->value || strcmp(s->value, last->value))
			s->value = last->value = NULL;
	}
}

static struct settings_seen *settings_of(struct evidence *ev, const cJSON *e)
{
	const cJSON *list = json_get(e, "settings"), *s;
	struct settings_seen *out = arena_alloc(&ev->arena, sizeof(*out));

	*out = (struct settings_seen){.v = room(ev, list, sizeof(*out->v))};
	cJSON_ArrayForEach(s, list) {
		out->v[out->n++] = (struct setting_seen){
			text(s, "name"), setting_text(ev, json_get(s, "value")), text(s, "unit"),
			text(s, "source")};
		twice(out);
	}
	return out;
}

static void read_inforce(struct evidence *ev, const cJSON *e)
{
	struct settings_seen *now = settings_of(ev, e);

	now->before = ev->inforce;
	ev->inforce = now;
}

static void read_steps(struct evidence *ev, const cJSON *steps)
{
	const cJSON *s;

	ev->steps = room(ev, steps, sizeof(*ev->steps));
	cJSON_ArrayForEach(s, steps)
		ev->steps[ev->nsteps++] = (struct step_seen){
			.step = text(s, "step"), .id = json_str(s, "id", text(s, "fault")), .fault = text(s, "fault"),
			.target = text(s, "target"), .await = text(s, "await"), .run = text(s, "run"),
			.steady_ns = json_i64(s, "duration_ns", 0), .for_ns = json_i64(s, "for_ns", 0),
			.within_ns = json_i64(s, "within_ns", 0), .params = json_get(s, "params")};
}

static void read_listed(struct evidence *ev, const cJSON *members)
{
	const cJSON *m;

	ev->listed = room(ev, members, sizeof(*ev->listed));
	cJSON_ArrayForEach(m, members)
		ev->listed[ev->nlisted++] = text(m, "name");
}

static struct expect_seen expectation(const cJSON *x)
{
	const cJSON *most = json_get(x, "at_most"), *least = json_get(x, "at_least");
	const cJSON *setting = json_get(x, "setting");

	return (struct expect_seen){
		.name = json_str(x, "name", text(x, "metric")), .metric = text(x, "metric"),
		.fault = json_str(x, "fault", NULL), .of = json_str(x, "of", NULL),
		.checker = text(x, "checker"), .run = text(x, "run"),
		.object = text(x, "object"), .reason = text(x, "reason"),
		.accepted = json_str(x, "accepted", NULL), .setting = text(setting, "name"),
		.setting_value = text(setting, "value"),
		.within_predicted = json_bool(x, "within_predicted", false),
		.want = json_bool(x, "want", true),
		.has_at_most = cJSON_IsNumber(most), .has_at_least = cJSON_IsNumber(least),
		.at_most = cJSON_IsNumber(most) ? most->valuedouble : 0,
		.at_least = cJSON_IsNumber(least) ? least->valuedouble : 0};
}

static void read_script(struct evidence *ev, const cJSON *e)
{
	const cJSON *expects = json_get(e, "expect"), *x;
	struct script_seen *s = arena_alloc(&ev->arena, sizeof(*s));

	*s = (struct script_seen){
		.name = json_str(e, "name", "?"), .system = json_str(e, "system", "?"),
		.variant = json_str(e, "variant", "?"), .title = text(e, "title"),
		.file = text(e, "file"), .seed = json_str(e, "seed", NULL),
		.compare = json_str(e, "compare", NULL),
		.repetition = json_i64(e, "repetition", 1),
		.repetitions = json_i64(e, "repetitions", 0),
		.phase_ns = json_i64(e, "phase_ns", 0),
		.expects = room(ev, expects, sizeof(*s->expects))};
	cJSON_ArrayForEach(x, expects)
		s->expects[s->nexpects++] = expectation(x);
	ev->script = s;
}

static void read_scenario(struct evidence *ev, const cJSON *e)
{
	const cJSON *load = json_get(e, "load"), *mix = json_get(load, "mix");

	if (ev->script)
		return;
	ev->begin_ns = event_t(e);
	read_script(ev, e);
	ev->settings = settings_of(ev, e);
	read_steps(ev, json_get(e, "steps"));
	read_listed(ev, json_get(e, "members"));
	ev->has_load = load != NULL;
	load_spec_told(load, &ev->load);
	if (mix)
		ev->mix = text_of(ev, mix);
}

static void read_stands(struct evidence *ev, const cJSON *e)
{
	if (ev->stands && ev->stands->ok)
		return; /* what stood once stood */
	ev->stands = arena_alloc(&ev->arena, sizeof(*ev->stands));
	*ev->stands = (struct stands_seen){.t_ns = event_t(e), .ok = json_bool(e, "ok", false),
					   .point = text(e, "point"), .member = text(e, "member"),
					   .reason = text(e, "reason")};
}

static void read_unsupported(struct evidence *ev, const cJSON *e)
{
	ev->unsupported = json_str(e, "what", "this engine cannot do it");
}

const struct setting_seen *setting_find(const struct settings_seen *inforce, const char *name)
{
	for (size_t i = 0; inforce && i < inforce->n; i++)
		if (!strcmp(inforce->v[i].name, name))
			return &inforce->v[i];
	return NULL;
}

/* ---- the final read ---- */

static bool whole_of(const cJSON *n, int64_t *out)
{
	if (!cJSON_IsNumber(n))
		return false;
	*out = json_whole(n->valuedouble);
	return true;
}

static bool pair_of(const cJSON *pair, int64_t *a, int64_t *b)
{
	return whole_of(cJSON_GetArrayItem(pair, 0), a) && whole_of(cJSON_GetArrayItem(pair, 1), b);
}

static void read_present(struct evidence *ev, struct final_seen *f, const cJSON *e)
{
	const cJSON *ranges = json_get(e, "present"), *x;
	int64_t value, count;

	f->has_present = cJSON_IsArray(ranges);
	f->has_duplicates = cJSON_IsArray(json_get(e, "duplicates"));
	f->present = room(ev, ranges, sizeof(*f->present));
	cJSON_ArrayForEach(x, ranges) {
		struct value_range *r = &f->present[f->npresent];

		f->npresent += pair_of(x, &r->lo, &r->hi) && r->lo <= r->hi;
	}
	cJSON_ArrayForEach(x, json_get(e, "duplicates"))
		if (pair_of(x, &value, &count) && count > 1)
			f->duplicates += count - 1;
}

static void read_registers(struct evidence *ev, struct final_seen *f, const cJSON *registers)
{
	const cJSON *r;
	char *end;

	f->has_registers = registers != NULL;
	f->registers = room(ev, registers, sizeof(*f->registers));
	cJSON_ArrayForEach(r, registers) {
		struct register_seen *x = &f->registers[f->nregisters];

		x->key = strtoll(r->string, &end, 10);
		if (!whole_of(r, &x->value))
			x->value = OP_NO_VALUE;
		f->nregisters += *r->string && !*end;
	}
}

const struct register_seen *final_register(const struct final_seen *final, int64_t key)
{
	for (size_t i = 0; final && i < final->nregisters; i++)
		if (final->registers[i].key == key)
			return &final->registers[i];
	return NULL;
}

static void read_messages(struct evidence *ev, struct final_seen *f, const cJSON *runs)
{
	const cJSON *run, *value;
	size_t n = 1;

	f->has_messages = cJSON_IsArray(runs);
	cJSON_ArrayForEach(run, runs)
		n += (size_t)cJSON_GetArraySize(json_get(run, "val"));
	f->messages = arena_alloc(&ev->arena, n * sizeof(*f->messages));
	cJSON_ArrayForEach(run, runs) {
		struct final_message m = {.partition = json_i64(run, "part", OP_NO_VALUE),
					  .offset = json_i64(run, "off", OP_NO_VALUE),
					  .redelivered = json_bool(run, "redel", false)};

		cJSON_ArrayForEach(value, json_get(run, "val")) {
			if (!whole_of(value, &m.value))
				continue;
			f->messages[f->nmessages++] = m;
			m.offset += m.offset != OP_NO_VALUE;
		}
	}
}

static void read_final(struct evidence *ev, const cJSON *e)
{
	const cJSON *by = json_get(e, "by"), *a;
	struct final_seen *f = arena_alloc(&ev->arena, sizeof(*f));

	*f = (struct final_seen){.t_ns = event_t(e),
				 .answerers = room(ev, by, sizeof(*f->answerers))};
	read_present(ev, f, e);
	read_registers(ev, f, json_get(e, "registers"));
	read_messages(ev, f, json_get(e, "messages"));
	cJSON_ArrayForEach(a, by)
		f->answerers[f->nanswerers++] = (struct answerer){
			.address = text(a, "addr"), .role = role_from_name(text(a, "role")),
			.shard = (uint32_t)json_i64(a, "shard", 0), .member = text(a, "member")};
	ev->final = f;
}

void evidence_run(struct evidence *ev, const cJSON *e)
{
	const cJSON *host = json_get(e, "host"), *images = json_get(e, "images"), *i;
	struct run_seen *run = &ev->run;

	*run = (struct run_seen){
		.run_id = json_str(e, "run_id", "?"), .seed = json_str(e, "seed", "?"),
		.engine = json_str(e, "engine", "?"), .version = json_str(e, "version", "?"),
		.started = text(e, "started"), .command = text(e, "command"),
		.format = json_i64(e, "format", 1), .tap = (int)json_i64(e, "tap", 14),
		.planned = json_i64(e, "planned", -1), .cores = json_i64(host, "cores", -1),
		.memory_bytes = json_i64(host, "memory_bytes", -1),
		.has_images = cJSON_IsObject(images),
		.images = room(ev, images, sizeof(*run->images)),
	};
	json_each_member(i, images)
		run->images[run->nimages++] = (struct image_seen){
			i->string, cJSON_IsString(i) ? i->valuestring : "?"};
}

void evidence_told(struct evidence *ev, const cJSON *event)
{
	static const struct {
		const char *kind;
		void (*read)(struct evidence *ev, const cJSON *e);
	} kinds[] = {
		{"scenario", read_scenario}, {"inforce", read_inforce}, {"final", read_final},
		{"stands", read_stands},     {"unsupported", read_unsupported},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (event_is(event, kinds[i].kind))
			kinds[i].read(ev, event);
}

int64_t evidence_real(const cJSON *event)
{
	int64_t real;

	return clock_parse_rfc3339(json_str(event, "wall", ""), &real) ? 0 : real;
}

/* What was told in the second before it was written is within this, and clocks that are
 * disciplined are set by less. */
enum { SET_MS = 500 };

void evidence_clock(struct evidence *ev)
{
	for (size_t i = 0; ev->has_wall && i < ev->nphases; i++) {
		const struct phase_seen *p = &ev->phases[i];
		int64_t set = p->real_ns ? p->real_ns - p->t_ns - ev->wall_ns : 0;

		if (llabs(set) > llabs(ev->set_ns))
			ev->set_ns = set;
	}
	if (llabs(ev->set_ns) <= SET_MS * NS_PER_MS)
		ev->set_ns = 0;
	else
		ev->has_wall = false;
}
