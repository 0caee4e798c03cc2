#include "agent/load_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "history/load_spec.h"
#include "load/present.h"

#define SETUP_TIMEOUT_NS (15 * NS_PER_S)

static int read_members(struct load_session *s, const cJSON *list, struct err *e)
{
	const cJSON *m;

	s->acc.members = mem_alloc(((size_t)cJSON_GetArraySize(list) + 1) *
				   sizeof(*s->acc.members));
	cJSON_ArrayForEach(m, list) {
		struct member *to = &s->acc.members[s->acc.n++];

		mem_copy_str(to->name, sizeof(to->name), json_str(m, "name", ""));
		mem_copy_str(to->host, sizeof(to->host), json_str(m, "host", ""));
		if (!to->name[0] || !to->host[0])
			return err_set(e, ERR_INPUT, "access.members: each needs name and host");
	}
	if (!s->acc.n)
		return err_set(e, ERR_INPUT, "access.members: at least one is needed");
	return 0;
}

static int read_body(struct load_session *s, struct err *e)
{
	cJSON *access = cJSON_GetObjectItemCaseSensitive(s->body, "access");
	const cJSON *load = json_get(s->body, "load");
	const char *name = json_str(s->body, "system", "");
	struct load_spec spec;

	s->sys = system_find(name);
	if (!s->sys)
		return err_set(e, ERR_INPUT, "unknown system \"%.60s\"", name);
	if (!cJSON_IsObject(access) || !cJSON_IsObject(load))
		return err_set(e, ERR_INPUT, "setup needs access and load");
	if (load_spec_from_json(load, &spec, e))
		return -1;
	if (s->sys->client->keys_max && spec.keys > s->sys->client->keys_max)
		return err_set(e, ERR_INPUT, "load.keys: %s has at most %d", name, s->sys->client->keys_max);
	s->acc.conf = access;
	s->acc.payload_bytes = spec.payload_bytes;
	s->conf = (struct load_conf){
		.sys = s->sys->client,
		.acc = &s->acc,
		.scenario = (uint32_t)json_i64(s->body, "scenario", 0),
		.rate = spec.rate,
		.clients = spec.clients,
		.deadline_ns = spec.deadline_ns,
		.keys = spec.keys,
		.group = (uint32_t)json_i64(load, "group", 0),
		.first_process = (uint32_t)json_i64(load, "first_process", 0),
		.first_value = json_i64(load, "first_value", 0),
		.seed = (uint64_t)json_i64(s->body, "seed", 1),
	};
	memcpy(s->conf.mix, spec.mix, sizeof(spec.mix));
	return read_members(s, json_get(access, "members"), e);
}

/* Whom to ask: all members, or those that "sample" names. */
static void choose_near(struct load_session *s)
{
	const cJSON *names = json_get(s->body, "sample"), *name;

	s->near = s->acc;
	s->near.n = 0;
	s->near.members = mem_alloc((s->acc.n + 1) * sizeof(*s->near.members));
	for (size_t i = 0; i < s->acc.n; i++) {
		bool wanted = !names;

		cJSON_ArrayForEach(name, names)
			wanted = wanted || (cJSON_IsString(name) &&
					    !strcmp(name->valuestring, s->acc.members[i].name));
		if (wanted)
			s->near.members[s->near.n++] = s->acc.members[i];
	}
}

int load_session_new(cJSON *body, struct load_session **out, struct err *e)
{
	struct load_session *s = mem_alloc(sizeof(*s));
	int64_t every_ms = json_i64(body, "sample_every_ms", 100);
	int64_t timeout_ms = json_i64(body, "probe_timeout_ms", 500);
	int r;

	*out = NULL;
	s->body = body;
	s->refs = 1;
	pthread_mutex_init(&s->lock, NULL);
	r = read_body(s, e);
	if (!r && (every_ms < 1 || timeout_ms < 1))
		r = err_set(e, ERR_INPUT, "sample_every_ms and probe_timeout_ms must be at least 1");
	if (!r && !s->conf.group && s->sys->client->setup)
		r = s->sys->client->setup(&s->acc, s->conf.keys, SETUP_TIMEOUT_NS, e);
	if (!r)
		choose_near(s);
	if (!r && s->near.n)
		r = sampler_start(s->sys, &s->near, every_ms * NS_PER_MS, timeout_ms * NS_PER_MS,
				  &s->sampler, e);
	if (r) {
		load_session_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void load_session_free(struct load_session *s)
{
	heartbeat_free(s->heartbeat);
	load_free(s->load);
	sampler_free(s->sampler);
	pthread_mutex_destroy(&s->lock);
	cJSON_Delete(s->noise);
	cJSON_Delete(s->body);
	free(s->near.members);
	free(s->acc.members);
	free(s);
}

struct load *load_session_load(struct load_session *s)
{
	struct load *l;

	pthread_mutex_lock(&s->lock);
	l = s->load;
	pthread_mutex_unlock(&s->lock);
	return l;
}

int load_session_start(struct load_session *s, int64_t *t0_ns, struct err *e)
{
	struct heartbeat *h;
	struct load *l;

	if (load_session_load(s))
		return err_set(e, ERR_UNSUPPORTED, "the load was started before");
	noise_mark(&s->begin);
	if (load_start(&s->conf, &l, t0_ns, e))
		return -1;
	if (heartbeat_start(l, &h, e)) {
		load_free(l);
		return -1;
	}
	pthread_mutex_lock(&s->lock);
	s->load = l;
	s->heartbeat = h;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void load_session_noise(struct load_session *s, int64_t from, struct buf *out)
{
	struct heartbeat *h;

	pthread_mutex_lock(&s->lock);
	h = s->heartbeat;
	pthread_mutex_unlock(&s->lock);
	if (h)
		heartbeat_since(h, from, out);
	else
		buf_str(out, "{\"next\":0,\"noise\":[]}\n");
}

/* Of the whole load, and what became of it. */
static cJSON *noise_of(const struct load_session *s, struct load *l, const struct load_stats *st)
{
	cJSON *o = cJSON_CreateObject();
	struct noise_kernel kernel;
	struct load_sent sent;

	if (st->lateness_max_ms >= 0) {
		json_set_num(o, "lateness_p50_ms", st->lateness_p50_ms);
		json_set_num(o, "lateness_p99_ms", st->lateness_p99_ms);
		json_set_num(o, "lateness_max_ms", st->lateness_max_ms);
	}
	load_sent(l, &sent);
	json_set_i64(o, "due", sent.due);
	json_set_i64(o, "called", sent.called);
	json_set_i64(o, "given_up", sent.given_up);
	noise_since(&s->begin, &kernel);
	noise_json(&kernel, o);
	return o;
}

int64_t load_session_stop(struct load_session *s)
{
	struct load *l = load_session_load(s);
	struct load_stats st;

	if (!l)
		return 0;
	load_stop(l);
	heartbeat_stop(s->heartbeat);
	load_stats(l, &st);
	pthread_mutex_lock(&s->lock);
	if (!s->noise)
		s->noise = noise_of(s, l, &st);
	pthread_mutex_unlock(&s->lock);
	return st.ok + st.fail + st.info;
}

cJSON *load_session_status(struct load_session *s)
{
	struct load *l = load_session_load(s);
	struct load_stats st = {0};
	cJSON *o = cJSON_CreateObject();
	char why[WHY_BYTES] = "";
	bool redundant = false;

	if (l)
		load_stats(l, &st);
	json_set_bool(o, "running", l && load_running(l));
	json_set_i64(o, "ops_ok", st.ok);
	json_set_i64(o, "ops_fail", st.fail);
	json_set_i64(o, "ops_info", st.info);
	json_set_i64(o, "last_write_ok_ns", st.last_write_ok_ns);
	json_set_i64(o, "queued", st.queued);
	json_set(o, "members", s->sampler ? sampler_members(s->sampler, &redundant, why) :
					   cJSON_CreateArray());
	json_set_bool(o, "redundant", redundant);
	json_set_str(o, "redundant_why", why);
	if (l) {
		pthread_mutex_lock(&s->lock);
		json_set(o, "noise", s->noise ? cJSON_Duplicate(s->noise, 1) : noise_of(s, l, &st));
		pthread_mutex_unlock(&s->lock);
	} else {
		json_set(o, "noise", cJSON_CreateObject());
	}
	return o;
}

cJSON *load_session_final(struct load_session *s, struct err *e)
{
	const struct client_ops *client = s->sys->client;
	int within_s = client->final_within_s ? client->final_within_s : FINAL_WITHIN_S;
	int64_t from = clock_mono_ns();
	struct final_read f = {0};
	int tries = present_read(client, &s->acc, s->conf.keys, within_s * NS_PER_S, &f, e);
	cJSON *o = NULL;

	if (tries > 0) {
		o = present_json(&f);
		json_set_i64(o, "tries", tries);
		json_set_num(o, "took_ms", (double)((clock_mono_ns() - from) / 1000) / 1000);
	}
	final_read_free(&f);
	return o;
}
