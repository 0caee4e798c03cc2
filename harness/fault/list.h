/* Every fault, one line each: X(name of its `const struct fault_ops`). */
#define FAULT_LIST(X) \
	X(fault_kill_pod) \
	X(fault_kill_process) \
	X(fault_pause) \
	X(fault_partition_node) \
	X(fault_node_down) \
	X(fault_fill_disk) \
	X(fault_rolling_restart) \
	X(fault_claim_lost)
