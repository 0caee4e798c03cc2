#ifndef ORDEAL_TEST_FAILPOINTS_ROOM_H
#define ORDEAL_TEST_FAILPOINTS_ROOM_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "node/volume_store.h"
#include "test/failpoints/surroundings.h"
#include "test/failpoints/wraps.h"

/* What the parts of failpoints_test share: one trial of one fault on one machine. */

#define UID "aaaaaaaa-0000-1111-2222-333333333333"
#define NEXT_UID "bbbbbbbb-0000-1111-2222-333333333333" /* of the pod that takes its place */
#define NODE "ordeal-node1"
#define PEER "10.201.2.2" /* an address of the pod's own loopback, and of another node's pods */
#define FREEZER "/sys/fs/cgroup/freezer"
#define UNIFIED "/sys/fs/cgroup/unified"
#define VOLUME "a volume that is made and removed" /* by child processes: mkfs, mount, umount */

struct variant {
	const char *fault, *params;
	bool local;    /* processes of node/local.c; else a virtual node of engine docker */
	bool kills;    /* the pod is another one afterwards */
	bool restarts; /* the pod's sandbox is made anew while the fault is on */
	const struct surroundings *at; /* neither of these: somewhere else */
};

/* What a trial says of itself; shared. */
struct said {
	bool on, bites, seen, healed, done, local_gone;
	pid_t restarted;
	char why[600];
};

struct machine {
	char dir[64], state[100], data[512],
		other[512]; /* data: of the pod's volume; other: of the next one's */
	struct volume_store store;
	pid_t pod, server;
	bool fresh; /* the pod need not be made anew */
};

extern struct machine m;
extern struct said *said;
extern const struct variant *v;
extern const struct ground ground;

/* machine.c */

/* Without threads there are no locks that a child would wait for; and a child
 * that is to die at any place has to run our own code. */
pid_t branch(void);
/* Whether its cgroups are of version 2. */
bool unified(void);
/* A file of the pod's cgroup; "": the cgroup. */
void in_cgroup(const char *file, char out[200]);
bool write_file(const char *path, const char *text);
/* A process in the pod's cgroup, with a network of its own and an address to
 * which its packets go by the output hook. */
pid_t start_pod(void);
/* A pod and a server as they were before the first trial. */
void refresh(void);
/* Mounts and processes are this test's alone; the kernel takes all of it away
 * with its first process. */
void build(void);
void demolish(void);

/* server.c: the API server, in a process of its own that has no threads of ours. */
pid_t start_server(void);

/* looks.c: from outside. */

bool is_volume(void);
char state_of(pid_t pid);
/* Sends a datagram of the pod's; whether a rule dropped it. */
bool packet_dropped(void);
/* Is it there, whatever anybody says? */
bool applied(void);
/* Why the machine is not as it was; NULL: it is. `journal`: that it is empty, too. */
const char *left_over(bool journal);

/* trial.c */

/* Whose calls fail: who injects, follows and heals; who recovers after he has died with the
 * fault on; the same, where the journal cannot be read. */
enum phase { WORKING, RECOVERING, SWEEPING, PHASES };

/* One place that fails in one way; what is wrong with that goes to said->why. */
void attempt(enum phase phase, enum failure how, int at);
/* What an agent does that starts where another one was, and `recover`; in a child. */
void recover_all(void);

#endif
