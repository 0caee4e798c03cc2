#ifndef ORDEAL_SYSTEM_REDIS_REDIRECTIONS_H
#define ORDEAL_SYSTEM_REDIS_REDIRECTIONS_H

#include "system/model.h"

/* Of Redis Cluster: for model_ops. The words are those of the servers' error
 * replies ("Redis cluster specification", "MOVED Redirection" and what follows). */
extern const struct redirection redis_redirections[];

#endif
