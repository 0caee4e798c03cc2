#ifndef ORDEAL_SYSTEM_KAFKA_WIRE_H
#define ORDEAL_SYSTEM_KAFKA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Kafka's own protocol, as far as librdkafka 2.0.2 does not speak it, or does not end
 * when its caller must: requests and answers as bytes (kafka.apache.org, "Protocol
 * guide"; the versions are those that both 3.6 and 4.x have). What arrives is not to
 * be trusted: every reader checks the bounds, and ends with false at the first byte
 * that cannot be. */

enum kafka_api {
	KAFKA_FETCH = 1, KAFKA_LIST_OFFSETS = 2, KAFKA_METADATA = 3, KAFKA_OFFSET_COMMIT = 8,
	KAFKA_OFFSET_FETCH = 9, KAFKA_FIND_COORDINATOR = 10, KAFKA_API_VERSIONS = 18,
	KAFKA_CREATE_TOPICS = 19, KAFKA_OFFSET_FOR_LEADER_EPOCH = 23,
	KAFKA_DESCRIBE_CONFIGS = 32, KAFKA_DESCRIBE_QUORUM = 55,
};

/* Codes of the broker's that somebody here decides by ("Error codes"). */
enum kafka_code {
	KAFKA_NONE = 0, KAFKA_OFFSET_OUT_OF_RANGE = 1, KAFKA_UNKNOWN_TOPIC = 3,
	KAFKA_LEADER_NOT_AVAILABLE = 5, KAFKA_NOT_LEADER = 6, KAFKA_TOPIC_EXISTS = 36,
};
/* "not leader", "error 77"; a constant or written into `out`. */
const char *kafka_code_text(int code, char out[24]);

/* Numbers are big-endian. */
void kafka_put_i8(struct buf *b, int v);
void kafka_put_i16(struct buf *b, int v);
void kafka_put_i32(struct buf *b, int32_t v);
void kafka_put_i64(struct buf *b, int64_t v);
void kafka_put_str(struct buf *b, const char *s); /* NULL: null */

/* The head of a request with this correlation id; kafka_request_end() puts its length
 * before it. */
void kafka_request_begin(struct buf *b, enum kafka_api api, int32_t id);
void kafka_request_end(struct buf *b);

struct kafka_reader {
	const unsigned char *p;
	size_t n;
	bool bad; /* something did not fit: all that follows reads as 0 */
};
int64_t kafka_get(struct kafka_reader *r, size_t bytes); /* 1, 2, 4 or 8 */
/* How many elements follow, null being none; bad when they cannot fit at `least`
 * bytes each. */
int32_t kafka_get_count(struct kafka_reader *r, size_t least);
int kafka_get_int(struct kafka_reader *r, size_t bytes);
void kafka_get_str(struct kafka_reader *r, char *out, size_t size); /* null is "" */
void kafka_drop_str(struct kafka_reader *r);
/* Passes over so many bytes; where they began. */
const unsigned char *kafka_skip(struct kafka_reader *r, int64_t n);
/* An unsigned number in groups of seven bits, the lowest first; one with its sign in the lowest
 * bit. */
uint64_t kafka_get_varint(struct kafka_reader *r);
int64_t kafka_get_zigzag(struct kafka_reader *r);
/* Of the flexible versions: as kafka_get_count(), and the tags that end a struct. */
int64_t kafka_get_compact(struct kafka_reader *r, size_t least);
void kafka_drop_tags(struct kafka_reader *r);

/* ---- answers ---- */

enum { KAFKA_BROKERS_MAX = 16, KAFKA_PARTITIONS_MAX = 63, KAFKA_HOST_MAX = 256 };

struct kafka_broker {
	int32_t id;
	char host[KAFKA_HOST_MAX];
	int32_t port;
};
/* Of brokers, by their ids. */
struct kafka_partition {
	int code;
	int32_t leader, epoch; /* -1 none */
	int nreplicas, nisr, noffline;
	int32_t replicas[KAFKA_BROKERS_MAX], isr[KAFKA_BROKERS_MAX], offline[KAFKA_BROKERS_MAX];
};
struct kafka_metadata {
	struct kafka_broker brokers[KAFKA_BROKERS_MAX];
	int nbrokers;
	int code; /* of the topic */
	struct kafka_partition partitions[KAFKA_PARTITIONS_MAX]; /* by number */
	int npartitions;
};
/* Metadata 7, of one topic. */
void kafka_put_metadata(struct buf *b, const char *topic);
bool kafka_read_metadata(struct kafka_reader *r, struct kafka_metadata *out);

/* ListOffsets 4, of partitions 0 to n-1: `at` -2 the earliest, -1 the end that consumers
 * see (the high watermark); with replica -2 the end of this broker's own log, be it the
 * leader or not. */
void kafka_put_list_offsets(struct buf *b, const char *topic, int n, int64_t at, int32_t replica);
/* Each by its number; code and offset, -1 where there is none. `epoch`: of the leader under
 * whom what stands before the offset was appended, where the answer tells it. */
struct kafka_offset {
	int code;
	int64_t offset;
	int32_t epoch;
};
bool kafka_read_list_offsets(struct kafka_reader *r, struct kafka_offset *out, int n);

/* DescribeQuorum 1 of the metadata log, which the active controller alone answers. A voter's
 * `whole_ms`, by the active controller's clock: when it last had all (KIP-836); -1 unknown. */
struct kafka_quorum {
	int code;
	int32_t leader, epoch;
	int64_t high;
	struct kafka_voter {
		int32_t id;
		int64_t end, whole_ms;
	} voters[KAFKA_BROKERS_MAX];
	int nvoters;
};
void kafka_put_describe_quorum(struct buf *b);
bool kafka_read_describe_quorum(struct kafka_reader *r, struct kafka_quorum *out);

/* ApiVersions 3: the newest metadata.version that this broker itself has, whatever the cluster's
 * is (KIP-584, SupportedFeatures); 0: it tells of none. */
void kafka_put_api_versions(struct buf *b);
bool kafka_read_api_versions(struct kafka_reader *r, int *level);

/* Fetch 4 of one partition, without waiting; the least that makes progress: one batch
 * where `bytes` is small. */
void kafka_put_fetch(struct buf *b, const char *topic, int partition, int64_t offset,
		     int32_t bytes);
struct kafka_fetched {
	int code;
	int64_t high; /* watermark */
	const unsigned char *records;
	size_t nrecords; /* bytes */
};
bool kafka_read_fetch(struct kafka_reader *r, struct kafka_fetched *out);

/* Under which leader the first batch was appended; -1: nothing came. */
int32_t kafka_fetched_epoch(const struct kafka_fetched *f);

/* Calls fn with each record of whole batches (magic 2, not compressed), those of control
 * batches left out, until it returns false. False: something in them cannot be. *next is
 * the offset after the last whole batch, and stays where there is none. */
typedef bool kafka_record_fn(void *arg, int64_t offset, const unsigned char *value, size_t n);
bool kafka_each_record(const struct kafka_fetched *f, kafka_record_fn *fn, void *arg,
		       int64_t *next);

/* OffsetForLeaderEpoch 3 of one partition: where in the leader's log the last epoch ends that
 * is not later than this one; offset -1: it knows of none (KIP-320). */
void kafka_put_epoch_end(struct buf *b, const char *topic, int partition, int32_t epoch);
bool kafka_read_epoch_end(struct kafka_reader *r, struct kafka_offset *out);

/* OffsetCommit 6 and OffsetFetch 5 of one partition, by a group without members; the epoch of
 * what was read last goes with the offset, -1 where it is not known. */
void kafka_put_offset_commit(struct buf *b, const char *group, const char *topic, int partition,
			     int64_t offset, int32_t epoch);
bool kafka_read_offset_commit(struct kafka_reader *r, int *code);
void kafka_put_offset_fetch(struct buf *b, const char *group, const char *topic, int partition);
bool kafka_read_offset_fetch(struct kafka_reader *r, struct kafka_offset *out); /* -1: none */

/* FindCoordinator 1 of a group. */
void kafka_put_find_coordinator(struct buf *b, const char *group);
bool kafka_read_find_coordinator(struct kafka_reader *r, int *code, struct kafka_broker *out);

/* CreateTopics 4 of one topic: partition p on the brokers from the p-th on. */
void kafka_put_create_topic(struct buf *b, const char *topic, int partitions, int replicas,
			    const struct kafka_broker *brokers, int nbrokers);
bool kafka_read_create_topic(struct kafka_reader *r, int *code, char *why, size_t size);

/* DescribeConfigs 2 of one broker; fn is called with each name and value. */
void kafka_put_describe_broker(struct buf *b, int32_t id);
typedef void kafka_config_fn(void *arg, const char *name, const char *value);
bool kafka_read_describe_configs(struct kafka_reader *r, int *code, kafka_config_fn *fn, void *arg);

#endif
