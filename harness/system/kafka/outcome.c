/* What became of a message, from its delivery report and from what left the socket. The
 * broker's side is from Kafka's sources (3.6.0: ReplicaManager.appendRecords, DelayedProduce,
 * Partition.checkEnoughReplicasReachOffset), the library's from librdkafka 2.0.2
 * (rd_kafka_handle_Produce_error, rd_kafka_broker_handle_purge). */
#include "system/kafka/producer.h"

bool kafka_was_sent(const struct kafka_report *r)
{
	/* A request that left in part is in flight to the library, and was not seen to leave. */
	return r->sends > 0 || r->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
	       r->status != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
}

/* The broker says so before it appends anything, and never after. NOT_LEADER and
 * STORAGE_ERROR are not among them: it also answers them once it has appended, when its
 * followers' answers do not come any more. */
static bool refused(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return true;
	default:
		return false;
	}
}

enum op_outcome kafka_outcome(const struct kafka_report *r)
{
	if (r->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return OP_OK;
	if (!kafka_was_sent(r))
		return OP_FAIL;
	/* Of several sendings the last one's answer says nothing of those before. */
	return r->sends == 1 && refused(r->err) ? OP_FAIL : OP_INFO;
}
