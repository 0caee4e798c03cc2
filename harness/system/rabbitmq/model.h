#ifndef ORDEAL_SYSTEM_RABBITMQ_MODEL_H
#define ORDEAL_SYSTEM_RABBITMQ_MODEL_H

#include "system/prediction.h"

/* Between the parts of RabbitMQ's model: its mechanisms' names, and its logs. */

#define RABBIT_MONITOR  "connections close"
#define RABBIT_DETECTOR "failure detector"
#define RABBIT_TICK     "net tick"
#define RABBIT_HEARTBEAT "heartbeats missed"
#define RABBIT_MAJORITY "a majority is left"
#define RABBIT_RESTART  "members come back"
#define RABBIT_RETURN   "a member comes back"
#define RABBIT_SPACE    "publishers blocked" /* by an alarm, until there is space */
#define RABBIT_ENDS     "fault ends" /* prediction_fault_ends() */

void rabbit_predict(const struct evidence *ev, const struct fault_record *fault,
		    struct prediction *out);
void rabbit_explain(const struct evidence *ev, const struct fault_record *fault,
		    const struct prediction *pred, struct milestones *m);
void rabbit_resync(const struct evidence *ev, int64_t from_ns, int64_t to_ns, bool back,
		   struct recovery_info *out);

/* model_ops.acted: pre_stop, by how members came back. */
const char *rabbit_acted(const struct evidence *ev, const char *setting);
bool rabbit_emptied(const struct evidence *ev, int64_t from_ns, int64_t to_ns);

enum loss_cause rabbit_loss_cause(const struct evidence *ev, const struct op *op,
				  const struct fault_record *fault, char *why);

/* The first queue, as a member told of it; NULL: it did not. */
const cJSON *rabbit_first_queue(const struct sample *s);
/* Whether a list in what was told ("suspects" of a member, "synchronised" of a queue) names
 * the node of this pod. */
bool rabbit_lists(const cJSON *o, const char *list, const char *pod);

/* "2022-11-30 03:03:07.585030+00:00 [info] <0.665.0> " */
bool rabbit_log_stamp(struct log_line *line);

#endif
