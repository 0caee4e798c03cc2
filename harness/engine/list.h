/* Every engine, one line each: X(name of its `const struct engine_ops`). */
#define ENGINE_LIST(X) \
	X(engine_kind) \
	X(engine_docker) \
	X(engine_kube) \
	X(engine_local)
