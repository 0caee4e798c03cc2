/* What each kind of event must have: doc/HISTORY.md as a table. A value of
 * another type would be read as none, and the figures made without it. */
#include "history/schema.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum type {
	WHOLE,     /* a whole number */
	COUNT,     /* the same from 0 up */
	NUMBER,
	LENGTH,    /* a number from 0 up */
	TEXT, FLAG, OBJECT,
	NUMBERS, TEXTS, OBJECTS, /* lists of them */
	TARGETS,   /* of a fault: objects that name a member or a node */
	ROLE, STATE, /* words */
	RANGES,    /* [[first, last], ...] of whole numbers, ascending */
	COUNTS,    /* [[value, count], ...] */
	REGISTERS, /* {key: whole number or null} */
	MESSAGES,
	SHARES,    /* {word: whole number from 0 up} */
	WORDS,     /* {word: text} */
	SETTING,   /* what a setting may be */
	STEP,      /* a word */
};

static const char *const wanted[] = {
	[WHOLE] = "a whole number", [COUNT] = "a whole number from 0 up", [NUMBER] = "a number",
	[LENGTH] = "a number from 0 up", [TEXT] = "a text", [FLAG] = "true or false",
	[OBJECT] = "an object", [NUMBERS] = "a list of whole numbers from 0 up",
	[TEXTS] = "a list of texts", [OBJECTS] = "a list of objects",
	[TARGETS] = "a list of objects with a \"member\" or a \"node\"",
	[ROLE] = "\"primary\", \"replica\" or \"unknown\"",
	[STATE] = "planned, injecting, effective, no-effect, healing, healed or heal-failed",
	[RANGES] = "a list of [first, last], whole numbers, ascending",
	[COUNTS] = "a list of [value, count], whole numbers",
	[REGISTERS] = "an object of whole numbers, or null, by key",
	[SHARES] = "an object of whole numbers from 0 up",
	[WORDS] = "an object of texts",
	[SETTING] = "a text, a number, true or false",
	[STEP] = "steady, fault, heal, await or run",
	[MESSAGES] = "a list of runs of messages, each with its values, whole numbers, in \"val\"",
};

struct field {
	const char *key;
	enum type type;
	bool needed;
	const struct field *below; /* of an object, or of each of a list */
};

#define FIELDS(name, ...) static const struct field name[] = {__VA_ARGS__, {NULL, 0, false, NULL}}
#define MUST true, NULL
#define MAY false, NULL
#define HOLDS(fields) false, fields

FIELDS(common, {"t", WHOLE, MUST}, {"te", COUNT, MAY});

/* What is read inside of them: a value of another type would be none there, too. */
FIELDS(of_load_spec, {"rate", LENGTH, MAY}, {"clients", COUNT, MAY}, {"deadline_ns", COUNT, MAY}, {"keys", COUNT, MAY},
       {"payload_bytes", COUNT, MAY}, {"minority", COUNT, MAY}, {"mix", SHARES, MAY});
FIELDS(of_step, {"step", STEP, MUST}, {"run", TEXT, MAY}, {"fault", TEXT, MAY}, {"id", TEXT, MAY}, {"target", TEXT, MAY}, {"await", TEXT, MAY},
       {"duration_ns", COUNT, MAY}, {"for_ns", COUNT, MAY}, {"within_ns", COUNT, MAY}, {"params", OBJECT, MAY});
FIELDS(of_allows, {"name", TEXT, MUST}, {"value", TEXT, MUST});
FIELDS(of_expect, {"name", TEXT, MAY}, {"metric", TEXT, MAY}, {"at_most", NUMBER, MAY}, {"at_least", NUMBER, MAY},
       {"within_predicted", FLAG, MAY}, {"want", FLAG, MAY}, {"fault", TEXT, MAY}, {"checker", TEXT, MAY}, {"of", TEXT, MAY},
       {"object", TEXT, MAY}, {"reason", TEXT, MAY}, {"run", TEXT, MAY}, {"accepted", TEXT, MAY},
       {"setting", OBJECT, HOLDS(of_allows)});
FIELDS(of_setting, {"name", TEXT, MAY}, {"value", SETTING, MAY}, {"unit", TEXT, MAY}, {"source", TEXT, MAY});
FIELDS(of_target, {"member", TEXT, MAY}, {"node", TEXT, MAY}, {"uid", TEXT, MAY}, {"ip", TEXT, MAY}, {"role", TEXT, MAY});
FIELDS(of_answerer, {"addr", TEXT, MAY}, {"member", TEXT, MAY}, {"role", TEXT, MAY}, {"shard", COUNT, MAY});
FIELDS(of_member, {"name", TEXT, MUST}, {"host", TEXT, MAY});
FIELDS(of_host, {"cores", COUNT, MAY}, {"memory_bytes", COUNT, MAY});

FIELDS(of_run, {"run_id", TEXT, MAY}, {"seed", TEXT, MAY}, {"engine", TEXT, MAY}, {"version", TEXT, MAY}, {"started", TEXT, MAY},
       {"command", TEXT, MAY}, {"tap", COUNT, MAY}, {"planned", COUNT, MAY}, {"format", COUNT, MAY},
       {"host", OBJECT, HOLDS(of_host)}, {"images", WORDS, MAY});
FIELDS(of_scenario, {"name", TEXT, MUST}, {"title", TEXT, MAY}, {"file", TEXT, MAY}, {"system", TEXT, MAY},
       {"variant", TEXT, MAY}, {"settings", OBJECTS, HOLDS(of_setting)}, {"load", OBJECT, HOLDS(of_load_spec)},
       {"steps", OBJECTS, HOLDS(of_step)}, {"expect", OBJECTS, HOLDS(of_expect)}, {"members", OBJECTS, HOLDS(of_member)},
       {"seed", TEXT, MAY}, {"compare", TEXT, MAY}, {"repetition", COUNT, MAY}, {"repetitions", COUNT, MAY},
       {"phase_ns", COUNT, MAY});
FIELDS(of_adapt, {"file", TEXT, MAY}, {"line", COUNT, MAY}, {"object", TEXT, MAY}, {"path", TEXT, MAY},
       {"why", TEXT, MAY});
FIELDS(of_phase, {"phase", TEXT, MUST}, {"detail", TEXT, MAY}, {"wall", TEXT, MAY});
FIELDS(of_sample, {"m", TEXT, MUST}, {"ok", FLAG, MUST}, {"closed", FLAG, MAY}, {"role", ROLE, MAY},
       {"writable", FLAG, MAY}, {"shard", COUNT, MAY}, {"shards", NUMBERS, MAY}, {"tl", WHOLE, MAY},
       {"pos", WHOLE, MAY},
       {"lag_bytes", WHOLE, MAY}, {"lag_tx", WHOLE, MAY}, {"lag_ms", NUMBER, MAY}, {"took_ms", LENGTH, MAY}, {"err", TEXT, MAY},
       {"x", OBJECT, MAY});
FIELDS(of_group, {"g", COUNT, MUST}, {"name", TEXT, MAY}, {"node", TEXT, MAY}, {"member", TEXT, MAY},
       {"clients", COUNT, MAY}, {"rate", LENGTH, MAY});
FIELDS(of_fault, {"fault", TEXT, MUST}, {"state", STATE, MUST}, {"id", TEXT, MAY}, {"how", TEXT, MAY},
       {"targets", TARGETS, HOLDS(of_target)}, {"params", OBJECT, MAY}, {"evidence", TEXTS, MAY}, {"rule", TEXT, MAY},
       {"silences", FLAG, MAY}, {"injected_ns", WHOLE, MAY}, {"effective_ns", WHOLE, MAY},
       {"healed_ns", WHOLE, MAY});
FIELDS(of_object, {"type", TEXT, MUST}, {"name", TEXT, MUST}, {"uid", TEXT, MAY}, {"node", TEXT, MAY},
       {"ip", TEXT, MAY}, {"phase", TEXT, MAY}, {"ready", FLAG, MAY}, {"restarts", COUNT, MAY},
       {"deleted", FLAG, MAY}, {"gone", FLAG, MAY}, {"addrs", TEXTS, MAY}, {"not_ready", TEXTS, MAY},
       {"annotations", WORDS, MAY});
FIELDS(of_notice, {"object", TEXT, MAY}, {"reason", TEXT, MAY}, {"message", TEXT, MAY}, {"type", TEXT, MAY},
       {"count", COUNT, MAY});
FIELDS(of_log, {"member", TEXT, MUST}, {"text", TEXT, MUST}, {"container", TEXT, MAY}, {"previous", FLAG, MAY},
       {"most", COUNT, MAY});
FIELDS(of_job, {"id", TEXT, MUST}, {"state", TEXT, MUST}, {"job", TEXT, MAY}, {"from", TEXT, MAY}, {"reason", TEXT, MAY},
       {"message", TEXT, MAY}, {"log", TEXT, MAY}, {"pods", OBJECTS, MAY}, {"exit", WHOLE, MAY});
FIELDS(of_inforce, {"settings", OBJECTS, true, of_setting});
FIELDS(of_final, {"present", RANGES, MUST}, {"duplicates", COUNTS, MAY}, {"registers", REGISTERS, MAY},
       {"messages", MESSAGES, MAY}, {"by", OBJECTS, HOLDS(of_answerer)}, {"took_ms", LENGTH, MAY}, {"tries", COUNT, MAY});
FIELDS(of_noise, {"source", TEXT, MAY}, {"span_ms", LENGTH, MAY}, {"late_max_ms", LENGTH, MAY},
       {"late_sum_ms", LENGTH, MAY}, {"due", COUNT, MAY}, {"called", WHOLE, MAY}, /* agents were once a few short */
       {"given_up", COUNT, MAY},
       {"free_ms", LENGTH, MAY}, {"lateness_p50_ms", LENGTH, MAY}, {"lateness_p99_ms", LENGTH, MAY},
       {"lateness_max_ms", LENGTH, MAY}, {"cpu_some_pct", LENGTH, MAY}, {"steal_pct", LENGTH, MAY},
       {"load1", LENGTH, MAY});
FIELDS(of_history, {"g", COUNT, MUST}, {"ops", COUNT, MUST}, {"sum", TEXT, MUST});
FIELDS(of_load, {"ops", COUNT, MUST}, {"source", TEXT, MAY}, {"g", COUNT, MAY});
FIELDS(of_stands, {"ok", FLAG, MUST}, {"point", TEXT, MAY}, {"reason", TEXT, MAY}, {"member", TEXT, MAY});
FIELDS(of_unsupported, {"what", TEXT, MUST});
FIELDS(of_broken, {"what", TEXT, MUST}, {"where", TEXT, MAY});
FIELDS(of_interrupt, {"signal", TEXT, MAY});
FIELDS(of_end, {"ok", FLAG, MAY});

static const struct kind {
	const char *name;
	const struct field *fields;
	bool of_scenario; /* needs "s": without it nobody would see it */
} kinds[] = {
	{"sample", of_sample, true}, {"witness", of_sample, true}, {"object", of_object, true}, {"fault", of_fault, true},
	{"phase", of_phase, false}, {"notice", of_notice, true}, {"adapt", of_adapt, true},
	{"log", of_log, true}, {"job", of_job, true}, {"run", of_run, false}, {"scenario", of_scenario, true}, {"group", of_group, true},
	{"inforce", of_inforce, true}, {"final", of_final, true}, {"noise", of_noise, true}, {"history", of_history, true},
	{"load", of_load, true}, {"stands", of_stands, true}, {"unsupported", of_unsupported, true}, {"broken", of_broken, false},
	{"interrupt", of_interrupt, false}, {"end", of_end, false},
};

#define EXACT 9007199254740992.0 /* 2^53 */

static bool is_whole(const cJSON *v)
{
	return cJSON_IsNumber(v) && fabs(v->valuedouble) <= (double)JSON_I64_MOST &&
	       floor(v->valuedouble) == v->valuedouble;
}

/* One that no other number is read as. */
static bool is_value(const cJSON *v)
{
	return is_whole(v) && fabs(v->valuedouble) <= EXACT;
}

static bool all(const cJSON *list, bool (*fits)(const cJSON *item))
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
		if (!fits(item))
			return false;
	return true;
}

static bool is_text(const cJSON *v)
{
	return cJSON_IsString(v);
}

static bool is_object(const cJSON *v)
{
	return cJSON_IsObject(v);
}

static bool is_target(const cJSON *v)
{
	return cJSON_IsObject(v) && (json_str(v, "member", NULL) || json_str(v, "node", NULL));
}

static bool is_length(const cJSON *v)
{
	return cJSON_IsNumber(v) && isfinite(v->valuedouble) && v->valuedouble >= 0;
}

static bool is_pair(const cJSON *v)
{
	return cJSON_IsArray(v) && cJSON_GetArraySize(v) == 2 && is_value(v->child) &&
	       is_value(v->child->next);
}

static bool is_register(const cJSON *v)
{
	return cJSON_IsNull(v) || is_value(v);
}

static bool is_run_of_messages(const cJSON *v)
{
	const cJSON *part = json_get(v, "part"), *off = json_get(v, "off"), *redelivered = json_get(v, "redel");

	return cJSON_IsObject(v) && cJSON_IsArray(json_get(v, "val")) &&
	       all(json_get(v, "val"), is_value) && (!part || is_value(part)) &&
	       (!off || is_value(off)) && (!redelivered || cJSON_IsBool(redelivered));
}

static bool is_setting(const cJSON *v)
{
	return cJSON_IsString(v) || cJSON_IsBool(v) ||
	       (cJSON_IsNumber(v) && isfinite(v->valuedouble));
}

static bool ascending(const cJSON *list)
{
	const cJSON *pair;
	double last = -INFINITY;

	cJSON_ArrayForEach(pair, list) {
		if (pair->child->valuedouble <= last ||
		    pair->child->next->valuedouble < pair->child->valuedouble)
			return false;
		last = pair->child->next->valuedouble;
	}
	return true;
}

static bool is_one_of(const cJSON *v, const char *const *words)
{
	for (; cJSON_IsString(v) && *words; words++)
		if (!strcmp(v->valuestring, *words))
			return true;
	return false;
}

static bool is_count(const cJSON *v)
{
	return is_whole(v) && v->valuedouble >= 0;
}

static bool fits(enum type type, const cJSON *v)
{
	static const char *const roles[] = {"primary", "replica", "unknown", NULL};
	static const char *const steps[] = {"steady", "fault", "heal", "await", "run", NULL};
	static const char *const states[] = {"planned", "injecting", "effective", "no-effect", "healing",
					     "healed", "heal-failed", NULL};

	switch (type) {
	case WHOLE: return is_whole(v);
	case COUNT: return is_count(v);
	case NUMBER: return cJSON_IsNumber(v) && isfinite(v->valuedouble);
	case LENGTH: return is_length(v);
	case TEXT: return is_text(v);
	case FLAG: return cJSON_IsBool(v);
	case OBJECT: return is_object(v);
	case NUMBERS: return cJSON_IsArray(v) && all(v, is_count);
	case TEXTS: return cJSON_IsArray(v) && all(v, is_text);
	case OBJECTS: return cJSON_IsArray(v) && all(v, is_object);
	case TARGETS: return cJSON_IsArray(v) && all(v, is_target);
	case ROLE: return is_one_of(v, roles);
	case STATE: return is_one_of(v, states);
	case RANGES: return cJSON_IsArray(v) && all(v, is_pair) && ascending(v);
	case COUNTS: return cJSON_IsArray(v) && all(v, is_pair);
	case REGISTERS: return cJSON_IsObject(v) && all(v, is_register);
	case SHARES: return cJSON_IsObject(v) && all(v, is_count);
	case WORDS: return cJSON_IsObject(v) && all(v, is_text);
	case SETTING: return is_setting(v);
	case STEP: return is_one_of(v, steps);
	case MESSAGES: return cJSON_IsArray(v) && all(v, is_run_of_messages);
	}
	return false;
}

/* Of two values of one key the first would be read. */
static int no_key_twice(const cJSON *event, struct err *e)
{
	const char *key = json_key_twice(event);

	return key ? err_set(e, ERR_INPUT, "\"%.40s\" is there twice", key) : 0;
}

static int check_fields(const cJSON *o, const char *where, const struct field *f, struct err *e);

static int check_below(const cJSON *v, const char *where, const struct field *f, struct err *e)
{
	const cJSON *item;
	char inside[100];
	int r = 0;

	if (!f->below)
		return 0;
	snprintf(inside, sizeof(inside), "%s of %s", f->key, where);
	if (cJSON_IsObject(v))
		return check_fields(v, inside, f->below, e) || no_key_twice(v, e) ? -1 : 0;
	cJSON_ArrayForEach(item, v)
		if (!r && (check_fields(item, inside, f->below, e) || no_key_twice(item, e)))
			r = -1;
	return r;
}

static int check_fields(const cJSON *o, const char *where, const struct field *f, struct err *e)
{
	for (; f->key; f++) {
		const cJSON *v = json_get(o, f->key);

		if (f->needed && !v)
			return err_set(e, ERR_INPUT, "%s needs \"%s\", %s", where, f->key, wanted[f->type]);
		if (!v || (!f->needed && cJSON_IsNull(v)))
			continue;
		if (!fits(f->type, v))
			return err_set(e, ERR_INPUT, "\"%s\" of %s must be %s", f->key, where, wanted[f->type]);
		if (check_below(v, where, f, e))
			return -1;
	}
	return 0;
}

int event_check(const cJSON *event, struct err *e)
{
	const cJSON *s = json_get(event, "s");
	const char *kind = json_str(event, "k", NULL);
	char where[60];
	size_t i = 0;

	if (!cJSON_IsObject(event) || !kind)
		return err_set(e, ERR_INPUT, "an event must be a JSON object with a \"k\"");
	while (i < ARRAY_LEN(kinds) && strcmp(kinds[i].name, kind))
		i++;
	if (i == ARRAY_LEN(kinds))
		return err_set(e, ERR_INPUT, "no kind of event is called \"%.40s\"", kind);
	if (s ? !fits(COUNT, s) || s->valuedouble > INT32_MAX : kinds[i].of_scenario)
		return err_set(e, ERR_INPUT, "an event \"%s\" needs \"s\", the scenario's index, from 0 up", kind);
	snprintf(where, sizeof(where), "an event \"%s\"", kind);
	return check_fields(event, where, common, e) ||
	       check_fields(event, where, kinds[i].fields, e) || no_key_twice(event, e) ? -1 : 0;
}
