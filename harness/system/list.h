/* Every system, one line each: X(name) of its `const struct client_ops
 * client_NAME` and its `const struct model_ops model_NAME`. A run of all
 * scenarios takes them in this order: first what is quick to build. */
#define SYSTEM_LIST(X) \
	X(memory) \
	X(redis_sentinel) \
	X(redis_cluster) \
	X(postgres) \
	X(mysql) \
	X(kafka) \
	X(rabbitmq)
