#ifndef ORDEAL_SYSTEM_KAFKA_MODEL_H
#define ORDEAL_SYSTEM_KAFKA_MODEL_H

#include "system/model.h"

/* Between the files of Kafka's model. */

/* The n-th number of a list in a sample's extra; -1: there is none. */
int64_t kafka_told(const struct sample *s, const char *list, int n);
int kafka_partitions(const struct sample *s);

void kafka_predict(const struct evidence *ev, const struct fault_record *fault,
		   struct prediction *out);
bool kafka_cut_back(const struct evidence *ev, char *why);
void kafka_explain(const struct evidence *ev, const struct fault_record *fault,
		   const struct prediction *pred, struct milestones *m);

#endif
