#include "system/kafka/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/kafka/conn.h"
#include "system/kafka/release.h"

struct probe {
	const struct access *acc;
	struct member m;
	struct kafka_conn *broker, *controller;
	int32_t id;        /* as the brokers name it; -1: not told yet */
	int least;         /* min.insync.replicas; 0: not told yet */
	bool all;          /* writes wait for all in sync */
	struct kafka_metadata md;
	/* Of each partition, and what they were when it was asked before. */
	struct kafka_offset end[KAFKA_PARTITIONS_MAX], high[KAFKA_PARTITIONS_MAX];
	int64_t was[KAFKA_PARTITIONS_MAX];
};

struct probe *kafka_probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	p->acc = acc;
	p->m = *m;
	p->id = -1;
	p->all = strcmp(json_str(acc->conf, "acks", "all"), "1") != 0;
	return p;
}

static void drop(struct kafka_conn **c)
{
	kafka_drop(*c);
	*c = NULL;
}

void kafka_probe_free(struct probe *p)
{
	if (p) {
		kafka_drop(p->broker);
		kafka_drop(p->controller);
	}
	free(p);
}

static void note_least(void *arg, const char *name, const char *value)
{
	struct probe *p = arg;

	if (!strcmp(name, "min.insync.replicas"))
		p->least = (int)strtol(value, NULL, 10);
}

static bool answer(struct probe *p, int64_t until_ns, struct kafka_reader *r, struct sample *s)
{
	if (kafka_answer(p->broker, until_ns, r, NULL, s->error, sizeof(s->error)))
		return true;
	drop(&p->broker);
	return false;
}

static bool unreadable(struct probe *p, struct sample *s)
{
	snprintf(s->error, sizeof(s->error), "broken: its answer cannot be read");
	drop(&p->broker);
	return false;
}

static bool ask_metadata(struct probe *p, int64_t until_ns, struct sample *s)
{
	struct kafka_reader r;

	kafka_put_metadata(kafka_ask(p->broker, KAFKA_METADATA), KAFKA_TOPIC);
	if (!answer(p, until_ns, &r, s))
		return false;
	if (!kafka_read_metadata(&r, &p->md))
		return unreadable(p, s);
	for (int i = 0; i < p->md.nbrokers; i++)
		if (!strcmp(p->md.brokers[i].host, p->m.host))
			p->id = p->md.brokers[i].id;
	return true;
}

static bool ask_least(struct probe *p, int64_t until_ns, struct sample *s)
{
	struct kafka_reader r;
	int code;

	if (p->least || p->id < 0)
		return true;
	kafka_put_describe_broker(kafka_ask(p->broker, KAFKA_DESCRIBE_CONFIGS), p->id);
	if (!answer(p, until_ns, &r, s))
		return false;
	return kafka_read_describe_configs(&r, &code, note_least, p) || unreadable(p, s);
}

static bool ask_offsets(struct probe *p, struct kafka_offset *out, int32_t replica,
			int64_t until_ns, struct sample *s)
{
	struct kafka_reader r;

	kafka_put_list_offsets(kafka_ask(p->broker, KAFKA_LIST_OFFSETS), KAFKA_TOPIC,
			       p->md.npartitions, -1, replica);
	if (!answer(p, until_ns, &r, s))
		return false;
	return kafka_read_list_offsets(&r, out, p->md.npartitions) || unreadable(p, s);
}

static bool ask_broker(struct probe *p, int64_t until_ns, struct sample *s)
{
	if (!p->broker)
		p->broker = kafka_open(p->m.host, kafka_port(p->acc), until_ns, NULL, s->error,
				       sizeof(s->error));
	if (!p->broker || !ask_metadata(p, until_ns, s) || !ask_least(p, until_ns, s))
		return false;
	for (int i = 0; i < KAFKA_PARTITIONS_MAX; i++)
		p->was[i] = p->high[i].offset;
	return ask_offsets(p, p->end, -2, until_ns, s) && ask_offsets(p, p->high, -1, until_ns, s);
}

/* How far each is behind the active controller's own log, and for how long it has been. */
static void list_voters(cJSON *out, const struct kafka_quorum *q)
{
	int64_t end = q->high, now_ms = -1;

	for (int i = 0; i < q->nvoters; i++) {
		if (q->voters[i].id != q->leader)
			continue;
		end = q->voters[i].end;
		now_ms = q->voters[i].whole_ms;
	}
	for (int i = 0; i < q->nvoters; i++) {
		const struct kafka_voter *v = &q->voters[i];
		cJSON *o = cJSON_CreateObject();

		json_set_i64(o, "id", v->id);
		/* One that it has not heard yet since it leads. */
		if (v->end >= 0)
			json_set_i64(o, "behind", end > v->end ? end - v->end : 0);
		if (v->whole_ms >= 0 && now_ms >= 0)
			json_set_i64(o, "lag_ms", now_ms > v->whole_ms ? now_ms - v->whole_ms : 0);
		json_push(out, o);
	}
}

/* Only the active controller knows; the others say that they are not. */
static void ask_quorum(struct probe *p, int64_t until_ns, cJSON *x)
{
	char why[OP_ERROR_MAX];
	struct kafka_quorum q;
	struct kafka_reader r;

	if (!p->controller)
		p->controller = kafka_open(p->m.host, kafka_controller_port(p->acc), until_ns, NULL,
					   why, sizeof(why));
	if (!p->controller)
		return;
	kafka_put_describe_quorum(kafka_ask(p->controller, KAFKA_DESCRIBE_QUORUM));
	if (!kafka_answer(p->controller, until_ns, &r, NULL, why, sizeof(why)) ||
	    !kafka_read_describe_quorum(&r, &q)) {
		drop(&p->controller);
		return;
	}
	json_set_bool(x, "controller", !q.code);
	if (q.code)
		return;
	json_set_i64(x, "quorum_leader", q.leader);
	json_set_i64(x, "quorum_epoch", q.epoch);
	json_set_i64(x, "quorum_high", q.high);
	list_voters(cJSON_AddArrayToObject(x, "voters"), &q);
}

/* Whether its writes go through: see probe.h. */
static bool serves(const struct probe *p, int i)
{
	const struct kafka_partition *t = &p->md.partitions[i];

	if (t->leader != p->id || p->high[i].code)
		return false;
	return !p->all || (t->nisr >= p->least && (p->high[i].offset >= p->end[i].offset ||
						   p->high[i].offset > p->was[i]));
}

static void list(cJSON *x, const char *key, const struct probe *p,
		 int64_t (*of)(const struct probe *p, int i))
{
	cJSON *v = cJSON_AddArrayToObject(x, key);

	for (int i = 0; i < p->md.npartitions; i++)
		json_push(v, cJSON_CreateNumber((double)of(p, i)));
}

static int64_t leader_of(const struct probe *p, int i)
{
	return p->md.partitions[i].leader;
}

static int64_t epoch_of(const struct probe *p, int i)
{
	return p->md.partitions[i].epoch;
}

static int64_t isr_of(const struct probe *p, int i)
{
	return p->md.partitions[i].nisr;
}

/* Copies on brokers that are fenced, or that the controller knows no more. */
static int64_t offline_of(const struct probe *p, int i)
{
	return p->md.partitions[i].noffline;
}

/* Whom of those that have copies: a fenced broker is in no list of brokers. */
static void list_fenced(cJSON *x, const struct probe *p)
{
	cJSON *v = cJSON_AddArrayToObject(x, "fenced");

	for (int i = 0; i < p->md.npartitions; i++) {
		for (int k = 0; k < p->md.partitions[i].noffline; k++) {
			int32_t id = p->md.partitions[i].offline[k];
			const cJSON *it;
			bool told = false;

			cJSON_ArrayForEach(it, v)
				told = told || it->valueint == id;
			if (!told)
				json_push(v, cJSON_CreateNumber(id));
		}
	}
}

static int64_t end_of(const struct probe *p, int i)
{
	return p->end[i].code ? -1 : p->end[i].offset;
}

static int64_t high_of(const struct probe *p, int i)
{
	return p->high[i].code ? -1 : p->high[i].offset;
}

static void fill(const struct probe *p, struct sample *s)
{
	s->ok = true;
	s->role = ROLE_REPLICA;
	for (int i = 0; i < p->md.npartitions; i++) {
		if (p->id < 0 || p->md.partitions[i].leader != p->id)
			continue;
		s->role = ROLE_PRIMARY;
		s->shards |= shard_bit((uint32_t)i + 1);
		s->writable = s->writable || serves(p, i);
	}
	json_set_i64(s->extra, "id", p->id);
	json_set_i64(s->extra, "brokers", p->md.nbrokers);
	json_set_i64(s->extra, "replicas", p->md.partitions[0].nreplicas);
	list(s->extra, "leaders", p, leader_of);
	list(s->extra, "epochs", p, epoch_of);
	list(s->extra, "isr", p, isr_of);
	list(s->extra, "offline", p, offline_of);
	list_fenced(s->extra, p);
	list(s->extra, "end", p, end_of);
	list(s->extra, "high", p, high_of);
}

void kafka_probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t began = clock_mono_ns(), until_ns = began + timeout_ns;

	s->extra = cJSON_CreateObject();
	if (ask_broker(p, until_ns, s))
		fill(p, s);
	else
		s->closed = error_is_refusal(s->error);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - began;
	ask_quorum(p, until_ns, s->extra);
}

/* ---- settings ---- */

static const struct {
	const char *theirs, *name, *unit;
} knobs[] = {
	{"broker.session.timeout.ms", "session_timeout", "ms"},
	{"broker.heartbeat.interval.ms", "heartbeat_interval", "ms"},
	{"controller.quorum.fetch.timeout.ms", "quorum_fetch_timeout", "ms"},
	{"controller.quorum.election.timeout.ms", "quorum_election_timeout", "ms"},
	{"replica.lag.time.max.ms", "replica_lag_time_max", "ms"},
	{"min.insync.replicas", "min_insync_replicas", "count"},
	{"unclean.leader.election.enable", "unclean_leader_election", "bool"},
	{"auto.leader.rebalance.enable", "auto_leader_rebalance", "bool"},
};

static void add_setting(void *arg, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++)
		if (!strcmp(knobs[i].theirs, name))
			setting_add(arg, knobs[i].name, value, knobs[i].unit, "DescribeConfigs of a broker");
}

/* What one broker says of itself: 0: it does not answer; below 0: not so that it can be read. */
static int newest_level(const struct access *acc, const struct member *m)
{
	int64_t until_ns = clock_mono_ns() + NS_PER_S;
	char why[OP_ERROR_MAX];
	struct kafka_conn *c;
	struct kafka_reader r;
	int level = 0;

	c = kafka_open(m->host, kafka_port(acc), until_ns, NULL, why, sizeof(why));
	if (c) {
		kafka_put_api_versions(kafka_ask(c, KAFKA_API_VERSIONS));
		if (kafka_answer(c, until_ns, &r, NULL, why, sizeof(why)) &&
		    (!kafka_read_api_versions(&r, &level) || level < 1))
			level = -1;
	}
	kafka_drop(c);
	return level;
}

/* The release that all brokers run who answer; of several nothing is told. */
static void add_version(const struct access *acc, cJSON *out)
{
	const char *version = NULL;
	bool same = true;

	for (size_t i = 0; i < acc->n && same; i++) {
		int level = newest_level(acc, &acc->members[i]);
		const char *its = kafka_release_of(level);

		if (!level)
			continue;
		same = its && (!version || !strcmp(its, version));
		version = its;
	}
	if (version && same)
		setting_add(out, "version", version, "word", "ApiVersions of the brokers");
}

static void add_clients(const struct access *acc, cJSON *out)
{
	static const char theirs[] = "the clients' configuration";
	static const struct {
		const char *name, *key, *unit;
		int64_t dflt;
	} numbers[] = {{"retries", "retries", "count", 0},
		       {"delivery_timeout", "delivery_timeout_ms", "ms", 0},
		       {"linger", "linger_ms", "ms", 0},
		       {"in_flight", "in_flight", "count", 1},
		       {"metadata_refresh", "metadata_refresh_ms", "ms", KAFKA_REFRESH_MS}};
	char text[24];

	/* By the setting's own words. */
	setting_add(out, "acks", strcmp(json_str(acc->conf, "acks", "all"), "1") ? "all" : "leader", "word", theirs);
	if (json_get(acc->conf, "heap"))
		setting_add(out, "heap", json_str(acc->conf, "heap", ""), "word", "the manifests");
	setting_add(out, "idempotence", json_str(acc->conf, "idempotence", "off"), "bool", theirs);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		snprintf(text, sizeof(text), "%" PRId64, json_i64(acc->conf, numbers[i].key, numbers[i].dflt));
		setting_add(out, numbers[i].name, text, numbers[i].unit, theirs);
	}
}

int kafka_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + 3 * NS_PER_S;
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	struct kafka_conn *c = NULL;
	struct kafka_reader r;
	char why[OP_ERROR_MAX] = "no broker is known";
	int code = -1;

	if (kafka_any_metadata(acc, 0, until_ns, md, why, sizeof(why)) && md->nbrokers)
		c = kafka_open(md->brokers[0].host, md->brokers[0].port, until_ns, NULL, why,
			       sizeof(why));
	if (c) {
		kafka_put_describe_broker(kafka_ask(c, KAFKA_DESCRIBE_CONFIGS), md->brokers[0].id);
		if (kafka_answer(c, until_ns, &r, NULL, why, sizeof(why)) &&
		    !kafka_read_describe_configs(&r, &code, add_setting, out))
			code = -1;
	}
	kafka_drop(c);
	free(md);
	add_version(acc, out);
	add_clients(acc, out);
	return code ? err_set(e, ERR_BROKEN, "the brokers' settings cannot be read: %s", why) : 0;
}
