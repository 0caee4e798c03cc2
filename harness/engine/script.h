#ifndef ORDEAL_ENGINE_SCRIPT_H
#define ORDEAL_ENGINE_SCRIPT_H

#include "base/err.h"

/* Runs a script of kind/ with our own standard streams, so that its progress
 * is seen, and waits. One that fails has told its reason besides in the file
 * that ORDEAL_WHY names (kind/lib/common.sh: why()), which goes into the error:
 * a report is read where standard error is not. */
int engine_script(const char *root, const char *name, const volatile int *interrupted,
		  struct err *e);

#endif
