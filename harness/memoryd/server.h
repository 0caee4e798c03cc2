#ifndef ORDEAL_MEMORYD_SERVER_H
#define ORDEAL_MEMORYD_SERVER_H

/* One member of the toy store `memory`: `ordeal memory-server`. Runs until
 * SIGTERM or SIGINT and returns an exit code. It prints "listening ADDR:PORT"
 * on standard output once it answers, and its own story on standard error.
 *
 * The protocol is lines of text over TCP, one answer a question, in order:
 *   leader             leader NAME EPOCH | leader - EPOCH    (any member; by the lease)
 *   insert V [BYTES]   ok POS | err WHY    (BYTES more in the log than the value takes)
 *   read K             value V | none | err WHY
 *   look K             value V | none | err WHY    (a replica only: what it has)
 *   write K V          ok POS | err WHY
 *   cas K EXPECT V     ok POS | mismatch V | mismatch none | err WHY    (EXPECT "none": absent)
 *   send P V [BYTES]   ok OFFSET | err WHY    (see memoryd/queue.c for this and the next two)
 *   receive P          message OFFSET V 0|1 | empty | err WHY    (1: it was handed out before)
 *   ack P OFFSET       ok OFFSET | err WHY
 *   status             {JSON in one line}
 *   settings           [{name, value, unit}] in one line
 *   dump               one line "v VALUE" an insert, "r KEY VALUE" a register, "m P OFFSET VALUE" a
 *                      message, then "end"
 *   follow MEMBER EPOCH N   the replication stream, see memoryd/repl.c
 * "err" means: certainly not done. A broken connection means: unknown. */
int memory_server_main(int argc, char **argv);

#endif
