#ifndef ORDEAL_TEST_LIB_MEMORY_CLUSTER_H
#define ORDEAL_TEST_LIB_MEMORY_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "system/client.h"

/* Three members of the toy store as children of the test. The test program
 * is its own server: its main() hands the command line to
 * memory_cluster_dispatch() first. */

struct memory_cluster {
	char dir[64];
	struct member members[3];
	struct access acc;
	pid_t pid[3];
	const char *options[9]; /* further ones of every member, NULL-terminated */
};

/* True when this process was a server, with its exit code in *code. */
bool memory_cluster_dispatch(int argc, char **argv, int *code);

/* Starts all three and waits until they are redundant. The options (up to
 * eight words, then NULL) follow the fixed ones. */
void memory_cluster_up(struct memory_cluster *mc, const char *const options[]);
void memory_cluster_down(struct memory_cluster *mc);

void memory_cluster_start(struct memory_cluster *mc, int i);
/* Sends the signal; waits for the end when it is a deadly one. */
void memory_cluster_signal(struct memory_cluster *mc, int i, int sig);

/* Index of the writable primary other than `not`, once there is one. */
int memory_cluster_primary(struct memory_cluster *mc, int not);
void memory_cluster_await_redundant(struct memory_cluster *mc);
void memory_cluster_sample(struct memory_cluster *mc, int i, struct sample *s);

#endif
