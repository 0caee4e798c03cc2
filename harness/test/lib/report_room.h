#ifndef ORDEAL_TEST_LIB_REPORT_ROOM_H
#define ORDEAL_TEST_LIB_REPORT_ROOM_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "check/check.h"

/* A temporary folder "reports" with one pretended run in it, reported. */
struct report_room {
	char reports[64];  /* mkdtemp */
	char dir[96];      /* <reports>/run-a */
	char *tap;
	enum verdict verdict;
};

/* `what` is report_synth()'s. Fails the test when a report cannot be made. */
void report_room_open(struct report_room *r, unsigned what);
/* Makes the reports again. */
void report_room_again(struct report_room *r);
/* One of the run's files; the caller frees the buffer. */
void report_room_read(const struct report_room *r, const char *name, struct buf *out);
cJSON *report_room_json(const struct report_room *r, const char *name);
void report_room_close(struct report_room *r);

#endif
