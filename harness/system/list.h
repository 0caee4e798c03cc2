/* Every system, one line each: X(name of its `const struct system_ops`). A run
 * of all scenarios takes them in this order: first what is quick to build. */
#define SYSTEM_LIST(X) \
	X(system_memory) \
	X(system_redis_sentinel) \
	X(system_redis_cluster) \
	X(system_postgres)
