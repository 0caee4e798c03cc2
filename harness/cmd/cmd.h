#ifndef ORDEAL_CMD_CMD_H
#define ORDEAL_CMD_CMD_H

#include "base/err.h"

/* Subcommands: argv[0] is the subcommand's name; each returns the exit code.
 * 0 all passed, 1 an expectation failed, 2 bad usage or input, 3 broken or
 * undecided, 130 interrupted. */
enum {
	EXIT_PASSED = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3,
	EXIT_INTERRUPTED = 130,
};

int cmd_run(int argc, char **argv);
int cmd_place(int argc, char **argv); /* up, down, status, recover */
int cmd_report(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_list(int argc, char **argv);

/* Becomes the number of SIGINT or SIGTERM once one has come. The first call
 * installs the handlers; a second signal ends the program at once. */
const volatile int *cmd_interrupted(void);

/* Prints the error and returns the exit code that belongs to it. */
int cmd_fail(const struct err *e);

/* Says what is wrong with the command line and where help is. */
int cmd_usage(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same of an option that getopt_long() was not content with; `c` is what
 * it returned, its short options begin with ":", so that it is silent itself. */
int cmd_bad_option(char **argv, int c);

#endif
