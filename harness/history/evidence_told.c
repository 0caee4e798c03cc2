/* Reading what a scenario tells once: its load, whether the system stood, the
 * settings in force, the final read. */
#include "history/evidence_told.h"

#include <stdlib.h>
#include <string.h>

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

static const char *setting_text(struct evidence *ev, const cJSON *value)
{
	if (cJSON_IsString(value))
		return value->valuestring;
	return cJSON_IsNumber(value) || cJSON_IsBool(value) ? text_of(ev, value) : NULL;
}

static struct settings_seen *settings_of(struct evidence *ev, const cJSON *e)
{
	const cJSON *list = json_get(e, "settings"), *s;
	struct settings_seen *out = arena_alloc(&ev->arena, sizeof(*out));

	*out = (struct settings_seen){.v = room(ev, list, sizeof(*out->v))};
	cJSON_ArrayForEach(s, list)
		out->v[out->n++] = (struct setting_seen){
			text(s, "name"), setting_text(ev, json_get(s, "value")), text(s, "unit")};
	return out;
}

static void read_inforce(struct evidence *ev, const cJSON *e)
{
	ev->inforce = settings_of(ev, e);
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

static void read_scenario(struct evidence *ev, const cJSON *e)
{
	const cJSON *load = json_get(e, "load"), *mix = json_get(load, "mix");

	if (ev->event)
		return;
	ev->event = e;
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
	ev->unsupported = e;
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
