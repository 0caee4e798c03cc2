/* Every system, one line each: X(name of its `const struct system_ops`). */
#define SYSTEM_LIST(X) \
	X(system_memory) \
	X(system_postgres) \
	X(system_redis_cluster)
