/* Whether a log was cut back below what had been committed. The high watermark grows under a
 * leader, and a new one does not tell its own before that has reached where it began (KIP-207);
 * so one that led later and tells of less lacks what an earlier one had given out. A leader
 * that does not know yet that it was replaced tells of little, in its own, older epoch. */
#include <inttypes.h>

#include "base/json.h"
#include "system/kafka/model.h"
#include "system/kafka/wire.h"
#include "system/why.h"

/* The furthest that the newest leader of a partition has told. */
struct told {
	const struct sample *by; /* NULL: nobody yet */
	int64_t epoch, high;
};

static bool cut_back(struct told *t, const struct sample *s, int partition, char *why)
{
	struct told now = {s, kafka_told(s, "epochs", partition), kafka_told(s, "high", partition)};
	bool leads = kafka_told(s, "leaders", partition) == json_i64(s->extra, "id", -1);

	if (!leads || now.epoch < 0 || now.high < 0 || (t->by && now.epoch < t->epoch))
		return false;
	if (t->by && now.epoch > t->epoch && now.high < t->high) {
		why_say(why, "the high watermark of partition %d went back from %" PRId64 " (%s, epoch %" PRId64 ") "
			"to %" PRId64 " (%s, epoch %" PRId64 "), so what had been committed was cut off", partition,
			t->high, t->by->member, t->epoch, now.high, s->member, now.epoch);
		return true;
	}
	if (!t->by || now.epoch > t->epoch || now.high > t->high)
		*t = now;
	return false;
}

bool kafka_cut_back(const struct evidence *ev, char *why)
{
	struct told told[KAFKA_PARTITIONS_MAX] = {{0}};

	for (size_t i = 0; i < ev->nsamples; i++) {
		const struct sample *s = &ev->samples[i];

		for (int p = 0; p < kafka_partitions(s) && p < KAFKA_PARTITIONS_MAX; p++)
			if (s->ok && cut_back(&told[p], s, p, why))
				return true;
	}
	return false;
}
