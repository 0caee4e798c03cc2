#include "test/fuzz/report.h"
#include "test/fuzz/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_run("report", data, size);
}

/* Mostly fields; sometimes bytes, for the readers. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	struct rng r = {.state = seed};

	return rng_below(&r, 8) ? fuzz_report_mutate(data, size, room, &r) :
				  LLVMFuzzerMutate(data, size, room);
}
