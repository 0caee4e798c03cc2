#ifndef ORDEAL_APISERVER_VISITS_H
#define ORDEAL_APISERVER_VISITS_H

#include <microhttpd.h>
#include <stdint.h>

/* Connections, each of which is cut at a time of its own, whatever comes and goes on it:
 * a byte now and then holds no place for ever. */

struct visits;

/* What is heard of nothing else is cut `first_ns` after it began. */
struct visits *visits_new(int64_t first_ns);
/* Once the daemon has stopped. */
void visits_free(struct visits *v);

/* MHD_OPTION_NOTIFY_CONNECTION, with the visits. */
void visits_notify(void *arg, struct MHD_Connection *c, void **mine,
		   enum MHD_ConnectionNotificationCode code);

/* From now on it is cut after so long; 0: never. */
void visits_within(struct visits *v, struct MHD_Connection *c, int64_t ns);

#endif
