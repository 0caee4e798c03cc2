#include "system/postgres/patroni.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"

static void copy_item(cJSON *to, const char *key, const cJSON *from, const char *what)
{
	const cJSON *v = json_get(from, what);

	if (v)
		json_set(to, key, cJSON_Duplicate(v, 1));
}

void patroni_to_extra(const cJSON *answer, const char *error, cJSON *extra)
{
	json_set_bool(extra, "patroni_ok", answer != NULL);
	if (!answer) {
		json_set_str(extra, "patroni_err", error);
		return;
	}
	copy_item(extra, "patroni_state", answer, "state");
	copy_item(extra, "patroni_role", answer, "role");
	copy_item(extra, "patroni_tl", answer, "timeline");
	copy_item(extra, "dcs_last_seen", answer, "dcs_last_seen");
	copy_item(extra, "pending_restart", answer, "pending_restart");
	copy_item(extra, "pause", answer, "pause");
	/* Patroni mentions it only while it is so. */
	json_set_bool(extra, "cluster_unlocked", json_bool(answer, "cluster_unlocked", false));
}

/* Patroni 3.0, documentation "Dynamic Configuration Settings". */
static const struct knob {
	const char *name, *path, *old_path, *unit, *dflt;
} knobs[] = {
	{"ttl", "ttl", NULL, "s", "30"},
	{"loop_wait", "loop_wait", NULL, "s", "10"},
	{"retry_timeout", "retry_timeout", NULL, "s", "10"},
	{"maximum_lag_on_failover", "maximum_lag_on_failover", NULL, "bytes", "1048576"},
	{"primary_start_timeout", "primary_start_timeout", "master_start_timeout", "s", "300"},
	{"primary_stop_timeout", "primary_stop_timeout", "master_stop_timeout", "s", "0"},
	{"synchronous_mode", "synchronous_mode", NULL, "bool", "off"},
	{"synchronous_mode_strict", "synchronous_mode_strict", NULL, "bool", "off"},
	{"synchronous_node_count", "synchronous_node_count", NULL, "count", "1"},
	{"maximum_lag_on_syncnode", "maximum_lag_on_syncnode", NULL, "bytes", "-1"},
	{"failsafe_mode", "failsafe_mode", NULL, "bool", "off"},
	{"check_timeline", "check_timeline", NULL, "bool", "off"},
	{"pause", "pause", NULL, "bool", "off"},
	{"use_pg_rewind", "postgresql.use_pg_rewind", NULL, "bool", "off"},
	{"use_slots", "postgresql.use_slots", NULL, "bool", "on"},
};

static void value_text(const cJSON *v, char *out, size_t size)
{
	if (cJSON_IsBool(v))
		snprintf(out, size, "%s", cJSON_IsTrue(v) ? "on" : "off");
	else if (cJSON_IsString(v))
		snprintf(out, size, "%s", v->valuestring);
	else
		snprintf(out, size, "%.15g", v->valuedouble);
}

void patroni_to_settings(const cJSON *config, cJSON *settings)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		const struct knob *k = &knobs[i];
		const cJSON *v = json_path(config, k->path);
		bool set;
		char text[80];

		if ((!v || cJSON_IsNull(v)) && k->old_path)
			v = json_path(config, k->old_path);
		set = v && !cJSON_IsNull(v);
		if (set)
			value_text(v, text, sizeof(text));
		setting_add(settings, k->name, set ? text : k->dflt, k->unit,
			    set ? "Patroni's configuration" : "Patroni's default");
	}
}
