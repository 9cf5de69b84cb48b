/* xoroshiro128+ by Blackman and Vigna (public domain), seeded through splitmix64. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

void random_seed(struct random *r, uint64_t seed)
{
	r->state[0] = splitmix(&seed);
	r->state[1] = splitmix(&seed);
}

int random_seed_kernel(struct random *r)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		return -errno;
	random_seed(r, seed);
	return 0;
}

uint64_t random_next(struct random *r)
{
	uint64_t a = r->state[0], b = r->state[1], sum = a + b;

	b ^= a;
	r->state[0] = rotate(a, 24) ^ b ^ b << 16;
	r->state[1] = rotate(b, 37);
	return sum;
}

uint64_t random_below(struct random *r, uint64_t bound)
{
	OXP_ASSERT(bound > 0);
	return (uint64_t)((unsigned __int128)random_next(r) * bound >> 64);
}
