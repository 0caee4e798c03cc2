/* What Kafka's brokers' answers mean. Samples carry in their extra, of every partition, who
 * leads it, how many copies are in sync and where this broker's own ends (probe.c). */
#include "system/model.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "system/kafka/model.h"
#include "system/redundancy.h"

/* Whether this broker's own copies of what it leads are whole and in sync everywhere. */
static bool whole(const struct sample *s, size_t n, char *why)
{
	for (int p = 0; p < kafka_partitions(s); p++) {
		if (kafka_told(s, "leaders", p) < 0)
			return why_not(why, "partition %d has no leader, says %s", p, s->member);
		if (kafka_told(s, "isr", p) < json_i64(s->extra, "replicas", (int64_t)n))
			return why_not(why, "of partition %d %" PRId64 " of %" PRId64 " copies are in sync, says %s", p,
				       kafka_told(s, "isr", p), json_i64(s->extra, "replicas", (int64_t)n), s->member);
	}
	return kafka_partitions(s) || why_not(why, "%s knows no partition", s->member);
}

/* Records that a voter may lack: those of five seconds in which nothing else happens. */
enum { VOTER_BEHIND = 10 };

/* Whether every controller has the metadata log, where the active one tells of them. */
static bool voters_follow(const struct sample *s, char *why)
{
	const cJSON *v;

	cJSON_ArrayForEach(v, json_get(s->extra, "voters"))
		if (json_i64(v, "behind", INT64_MAX) > VOTER_BEHIND)
			return why_not(why, "controller %" PRId64 " is behind in the metadata log, says %s",
				       json_i64(v, "id", -1), s->member);
	return true;
}

static bool redundant(const struct sample *s, size_t n, char *why)
{
	uint64_t led = 0;

	*why = '\0';
	if (!redundancy_all_answer(s, n, why))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (json_i64(s[i].extra, "brokers", 0) < (int64_t)n)
			return why_not(why, "%s knows %" PRId64 " of %zu brokers%s", s[i].member,
				       json_i64(s[i].extra, "brokers", 0), n,
				       cJSON_GetArraySize(json_get(s[i].extra, "fenced")) ? ": another one is fenced" : "");
		if (!whole(&s[i], n, why) || !voters_follow(&s[i], why))
			return false;
		led |= sample_leads(&s[i]) ? s[i].shards : 0;
	}
	for (int p = 0; p < kafka_partitions(&s[0]); p++)
		if (!(led & shard_bit((uint32_t)p + 1)))
			return why_not(why, "nobody serves partition %d", p);
	return true;
}

/* producer.c marks it: with `retries` or `idempotence` the library does so by itself. */
static const struct redirection redirections[] = {
	{"resent", "resent", "The clients' library sent ", " messages again by itself"},
	{NULL, NULL, NULL, NULL},
};

const struct model_ops model_kafka = {
	.redirections = redirections,
	.redundant = redundant,
	.predict = kafka_predict,
	.explain = kafka_explain,
	.one_consumer = true,
	.cut_back = kafka_cut_back,
};
