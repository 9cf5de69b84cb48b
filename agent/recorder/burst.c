#include "recorder/burst.h"

#include <string.h>

void burst_init(struct burst *b, uint64_t threshold, struct duration within)
{
	*b = (struct burst){ .threshold = threshold, .within = within };
}

void burst_forget(struct burst *b)
{
	memset(b->counts, 0, sizeof b->counts);
}

uint64_t burst_add(struct burst *b, struct mono_time now, uint64_t count)
{
	int64_t slot = now.ns / (b->within.ns / BURST_SLOTS + 1);
	uint64_t sum = 0;

	if (slot - b->slot > BURST_SLOTS)
		burst_forget(b);
	else
		while (b->slot < slot)
			b->counts[++b->slot % (BURST_SLOTS + 1)] = 0;
	b->slot = slot;
	b->counts[slot % (BURST_SLOTS + 1)] += count;
	for (size_t i = 0; i <= BURST_SLOTS; i++)
		sum += b->counts[i];
	return sum >= b->threshold ? sum : 0;
}
