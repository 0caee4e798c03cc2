/* What is asked, and what comes back: metadata, offsets, the quorum, the topic, settings. */
#include <stdio.h>
#include <string.h>

#include "system/kafka/wire.h"

static const char METADATA_LOG[] = "__cluster_metadata";

/* ---- metadata ---- */

void kafka_put_metadata(struct buf *b, const char *topic)
{
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i8(b, 0); /* it is not to be made */
}

static int get_ids(struct kafka_reader *r, int32_t *ids)
{
	int32_t n = kafka_get_count(r, 4);
	int kept = 0;

	for (int32_t i = 0; i < n; i++) {
		int32_t id = (int32_t)kafka_get(r, 4);

		if (kept < KAFKA_BROKERS_MAX)
			ids[kept++] = id;
	}
	return kept;
}

static void get_partition(struct kafka_reader *r, struct kafka_metadata *out)
{
	struct kafka_partition p = {.code = kafka_get_int(r, 2)};
	int number = kafka_get_int(r, 4);

	p.leader = (int32_t)kafka_get(r, 4);
	p.epoch = (int32_t)kafka_get(r, 4);
	p.nreplicas = get_ids(r, p.replicas);
	p.nisr = get_ids(r, p.isr);
	p.noffline = get_ids(r, p.offline);
	if (number < 0 || number >= KAFKA_PARTITIONS_MAX)
		return;
	out->partitions[number] = p;
	if (number >= out->npartitions)
		out->npartitions = number + 1;
}

bool kafka_read_metadata(struct kafka_reader *r, struct kafka_metadata *out)
{
	int32_t n;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < KAFKA_PARTITIONS_MAX; i++)
		out->partitions[i].leader = out->partitions[i].epoch = -1;
	kafka_get(r, 4); /* throttled for so long */
	n = kafka_get_count(r, 12);
	for (int32_t i = 0; i < n; i++) {
		struct kafka_broker x = {.id = (int32_t)kafka_get(r, 4)};

		kafka_get_str(r, x.host, sizeof(x.host));
		x.port = (int32_t)kafka_get(r, 4);
		kafka_drop_str(r); /* rack */
		if (out->nbrokers < KAFKA_BROKERS_MAX)
			out->brokers[out->nbrokers++] = x;
	}
	kafka_drop_str(r);     /* cluster's id */
	kafka_get(r, 4); /* "controller": in KRaft any live broker */
	n = kafka_get_count(r, 9);
	for (int32_t i = 0; i < n; i++) {
		out->code = kafka_get_int(r, 2);
		kafka_drop_str(r);
		kafka_get(r, 1);
		for (int32_t k = kafka_get_count(r, 26); k > 0 && !r->bad; k--)
			get_partition(r, out);
	}
	return !r->bad && n == 1;
}

/* ---- offsets ---- */

void kafka_put_list_offsets(struct buf *b, const char *topic, int n, int64_t at, int32_t replica)
{
	kafka_put_i32(b, replica);
	kafka_put_i8(b, 0);
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i32(b, n);
	for (int i = 0; i < n; i++) {
		kafka_put_i32(b, i);
		kafka_put_i32(b, -1);
		kafka_put_i64(b, at);
	}
}

bool kafka_read_list_offsets(struct kafka_reader *r, struct kafka_offset *out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (struct kafka_offset){.code = -1, .offset = -1, .epoch = -1};
	kafka_get(r, 4);
	for (int32_t t = kafka_get_count(r, 6); t > 0 && !r->bad; t--) {
		kafka_drop_str(r);
		for (int32_t k = kafka_get_count(r, 26); k > 0 && !r->bad; k--) {
			int number = kafka_get_int(r, 4);
			struct kafka_offset x = {.code = kafka_get_int(r, 2)};

			kafka_get(r, 8);
			x.offset = kafka_get(r, 8);
			x.epoch = (int32_t)kafka_get(r, 4);
			if (number >= 0 && number < n)
				out[number] = x;
		}
	}
	return !r->bad;
}

void kafka_put_epoch_end(struct buf *b, const char *topic, int partition, int32_t epoch)
{
	kafka_put_i32(b, -1); /* a consumer */
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i32(b, 1);
	kafka_put_i32(b, partition);
	kafka_put_i32(b, -1); /* the leader's own may be any */
	kafka_put_i32(b, epoch);
}

bool kafka_read_epoch_end(struct kafka_reader *r, struct kafka_offset *out)
{
	*out = (struct kafka_offset){.code = -1, .offset = -1, .epoch = -1};
	kafka_get(r, 4);
	if (kafka_get_count(r, 6) != 1)
		return false;
	kafka_drop_str(r);
	if (kafka_get_count(r, 18) != 1)
		return false;
	out->code = kafka_get_int(r, 2);
	kafka_get(r, 4);
	out->epoch = (int32_t)kafka_get(r, 4);
	out->offset = kafka_get(r, 8);
	return !r->bad;
}

void kafka_put_offset_commit(struct buf *b, const char *group, const char *topic, int partition,
			     int64_t offset, int32_t epoch)
{
	kafka_put_str(b, group);
	kafka_put_i32(b, -1);
	kafka_put_str(b, "");
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i32(b, 1);
	kafka_put_i32(b, partition);
	kafka_put_i64(b, offset);
	kafka_put_i32(b, epoch);
	kafka_put_str(b, "");
}

bool kafka_read_offset_commit(struct kafka_reader *r, int *code)
{
	kafka_get(r, 4);
	if (kafka_get_count(r, 6) != 1)
		return false;
	kafka_drop_str(r);
	if (kafka_get_count(r, 6) != 1)
		return false;
	kafka_get(r, 4);
	*code = kafka_get_int(r, 2);
	return !r->bad;
}

void kafka_put_offset_fetch(struct buf *b, const char *group, const char *topic, int partition)
{
	kafka_put_str(b, group);
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i32(b, 1);
	kafka_put_i32(b, partition);
}

bool kafka_read_offset_fetch(struct kafka_reader *r, struct kafka_offset *out)
{
	int code;

	*out = (struct kafka_offset){.offset = -1, .epoch = -1};
	kafka_get(r, 4);
	for (int32_t t = kafka_get_count(r, 6); t > 0 && !r->bad; t--) {
		kafka_drop_str(r);
		for (int32_t k = kafka_get_count(r, 20); k > 0 && !r->bad; k--) {
			kafka_get(r, 4);
			out->offset = kafka_get(r, 8);
			out->epoch = (int32_t)kafka_get(r, 4);
			kafka_drop_str(r);
			out->code = kafka_get_int(r, 2);
		}
	}
	code = kafka_get_int(r, 2);
	out->code = code ? code : out->code;
	return !r->bad;
}

void kafka_put_find_coordinator(struct buf *b, const char *group)
{
	kafka_put_str(b, group);
	kafka_put_i8(b, 0);
}

bool kafka_read_find_coordinator(struct kafka_reader *r, int *code, struct kafka_broker *out)
{
	kafka_get(r, 4);
	*code = kafka_get_int(r, 2);
	kafka_drop_str(r);
	out->id = (int32_t)kafka_get(r, 4);
	kafka_get_str(r, out->host, sizeof(out->host));
	out->port = (int32_t)kafka_get(r, 4);
	return !r->bad;
}

/* ---- the quorum ---- */

void kafka_put_describe_quorum(struct buf *b)
{
	kafka_put_i8(b, 2); /* one topic */
	kafka_put_i8(b, (int)sizeof(METADATA_LOG)); /* its length, and one */
	buf_str(b, METADATA_LOG);
	kafka_put_i8(b, 2);
	kafka_put_i32(b, 0);
	kafka_put_i8(b, 0);
	kafka_put_i8(b, 0);
	kafka_put_i8(b, 0);
}

static void get_voters(struct kafka_reader *r, struct kafka_quorum *out)
{
	for (int64_t k = kafka_get_compact(r, 29); k > 0 && !r->bad; k--) {
		struct kafka_voter v = {.id = (int32_t)kafka_get(r, 4)};

		v.end = kafka_get(r, 8);
		kafka_get(r, 8); /* when it asked last */
		v.whole_ms = kafka_get(r, 8);
		kafka_drop_tags(r);
		if (out->nvoters < KAFKA_BROKERS_MAX)
			out->voters[out->nvoters++] = v;
	}
}

bool kafka_read_describe_quorum(struct kafka_reader *r, struct kafka_quorum *out)
{
	memset(out, 0, sizeof(*out));
	kafka_drop_tags(r); /* the head's */
	out->code = kafka_get_int(r, 2);
	if (out->code)
		return !r->bad;
	if (kafka_get_compact(r, 3) != 1)
		return false;
	kafka_skip(r, kafka_get_compact(r, 1));
	if (kafka_get_compact(r, 25) != 1)
		return false;
	kafka_get(r, 4);
	out->code = kafka_get_int(r, 2);
	out->leader = (int32_t)kafka_get(r, 4);
	out->epoch = (int32_t)kafka_get(r, 4);
	out->high = kafka_get(r, 8);
	get_voters(r, out);
	return !r->bad;
}

/* ---- what a broker can ---- */

static void put_compact(struct buf *b, const char *s)
{
	kafka_put_i8(b, (int)strlen(s) + 1);
	buf_str(b, s);
}

void kafka_put_api_versions(struct buf *b)
{
	put_compact(b, "ordeal");
	put_compact(b, "1"); /* whoever asks has to have a version */
	kafka_put_i8(b, 0);
}

static void get_features(struct kafka_reader *r, int *level)
{
	static const char version[] = "metadata.version";

	for (int64_t k = kafka_get_compact(r, 6); k > 0 && !r->bad; k--) {
		int64_t n = kafka_get_compact(r, 1);
		const unsigned char *name = kafka_skip(r, n);
		bool is = !r->bad && n == (int64_t)strlen(version) &&
			  !memcmp(name, version, strlen(version));
		int newest;

		kafka_get(r, 2); /* the oldest */
		newest = kafka_get_int(r, 2);
		kafka_drop_tags(r);
		if (is && !r->bad)
			*level = newest;
	}
}

bool kafka_read_api_versions(struct kafka_reader *r, int *level)
{
	int code = kafka_get_int(r, 2);

	*level = 0;
	for (int64_t k = kafka_get_compact(r, 7); k > 0 && !r->bad; k--) {
		kafka_skip(r, 6);
		kafka_drop_tags(r);
	}
	kafka_get(r, 4); /* throttled for so long */
	for (uint64_t tags = kafka_get_varint(r); tags && !r->bad; tags--) {
		uint64_t tag = kafka_get_varint(r);
		int64_t n = (int64_t)(kafka_get_varint(r) & INT64_MAX);
		struct kafka_reader part = {kafka_skip(r, n), (size_t)n, false};

		if (tag || r->bad)
			continue;
		get_features(&part, level);
		r->bad = part.bad;
	}
	return !r->bad && !code;
}

/* ---- the topic, the settings ---- */

void kafka_put_create_topic(struct buf *b, const char *topic, int partitions, int replicas,
			    const struct kafka_broker *brokers, int nbrokers)
{
	kafka_put_i32(b, 1);
	kafka_put_str(b, topic);
	kafka_put_i32(b, -1);
	kafka_put_i16(b, -1);
	kafka_put_i32(b, partitions);
	for (int p = 0; p < partitions; p++) {
		kafka_put_i32(b, p);
		kafka_put_i32(b, replicas);
		for (int i = 0; i < replicas; i++)
			kafka_put_i32(b, brokers[(p + i) % nbrokers].id);
	}
	kafka_put_i32(b, 0);
	kafka_put_i32(b, 10000);
	kafka_put_i8(b, 0);
}

bool kafka_read_create_topic(struct kafka_reader *r, int *code, char *why, size_t size)
{
	kafka_get(r, 4);
	if (kafka_get_count(r, 6) != 1)
		return false;
	kafka_drop_str(r);
	*code = kafka_get_int(r, 2);
	kafka_get_str(r, why, size);
	return !r->bad;
}

void kafka_put_describe_broker(struct buf *b, int32_t id)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", id);
	kafka_put_i32(b, 1);
	kafka_put_i8(b, 4); /* a broker */
	kafka_put_str(b, name);
	kafka_put_i32(b, -1);
	kafka_put_i8(b, 0);
}

bool kafka_read_describe_configs(struct kafka_reader *r, int *code, kafka_config_fn *fn, void *arg)
{
	char name[128], value[512];

	kafka_get(r, 4);
	if (kafka_get_count(r, 11) != 1)
		return false;
	*code = kafka_get_int(r, 2);
	kafka_drop_str(r);
	kafka_get(r, 1);
	kafka_drop_str(r);
	for (int32_t k = kafka_get_count(r, 11); k > 0 && !r->bad; k--) {
		kafka_get_str(r, name, sizeof(name));
		kafka_get_str(r, value, sizeof(value));
		kafka_skip(r, 3);
		for (int32_t i = kafka_get_count(r, 5); i > 0 && !r->bad; i--) {
			kafka_drop_str(r);
			kafka_drop_str(r);
			kafka_get(r, 1);
		}
		if (!r->bad)
			fn(arg, name, value);
	}
	return !r->bad;
}
