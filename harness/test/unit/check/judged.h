#ifndef ORDEAL_TEST_UNIT_CHECK_JUDGED_H
#define ORDEAL_TEST_UNIT_CHECK_JUDGED_H

#include "base/clock.h"
#include "scenario/metrics.h"

/* How limits are written. */

#define SEC NS_PER_S
#define AT_MOST_S(metric, s) "[{\"name\":\"n\",\"metric\":\"" metric "\",\"at_most\":" s "000000000}]"

#endif
