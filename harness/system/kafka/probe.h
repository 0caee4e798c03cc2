#ifndef ORDEAL_SYSTEM_KAFKA_PROBE_H
#define ORDEAL_SYSTEM_KAFKA_PROBE_H

#include "system/client.h"

/* What one broker says of itself: which partitions it leads, and whether their writes go
 * through; where its copy of each ends; and, as a controller, who leads the quorum.
 *
 * `writable`: it leads at least one partition with as many in sync as a write needs, and,
 * where writes wait for those (acks=all), the high watermark of one that it leads has
 * reached the log's end, or has moved since it was asked last. A leader whose followers
 * are silent takes writes and acknowledges none. */
struct probe *kafka_probe_new(const struct access *acc, const struct member *m);
void kafka_probe_free(struct probe *p);
void kafka_probe(struct probe *p, struct sample *s, int64_t timeout_ns);

/* client_ops.inforce: by DescribeConfigs of a broker, and the clients' own. */
int kafka_inforce(const struct access *acc, cJSON *out, struct err *e);

#endif
