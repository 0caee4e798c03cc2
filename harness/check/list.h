/* Every checker, one line each: X(name of its `const struct checker_ops`). */
#define CHECKER_LIST(X) \
	X(checker_lost_writes) \
	X(checker_linearizable) \
	X(checker_queue)
