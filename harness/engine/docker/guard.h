#ifndef ORDEAL_ENGINE_DOCKER_GUARD_H
#define ORDEAL_ENGINE_DOCKER_GUARD_H

/* `ordeal docker-guard --state DIR --driver PID`: the dead-man timer of engine
 * docker. A process beside the driver that undoes what the journals of its
 * nodes hold, when the driver has been killed or has let its lease run out.
 * Ends on SIGTERM, and when the driver is gone and nothing is left to undo.
 * Returns an exit code. */
int docker_guard_main(int argc, char **argv);

#endif
