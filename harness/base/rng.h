#ifndef ORDEAL_BASE_RNG_H
#define ORDEAL_BASE_RNG_H

#include <assert.h>
#include <stdint.h>

/* A seeded random source: the same seed gives the same choices on every
 * machine (splitmix64; Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", 2014). Not for secrets. */
struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number in 0..n-1; n is not 0. The bias of the modulo is below n/2^64. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	assert(n);
	return rng_next(r) % n;
}

#endif
