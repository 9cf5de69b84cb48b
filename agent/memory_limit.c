#include "memory_limit.h"

enum {
	BESIDE = 22 << 20, /* what the process may need besides `memory`: see ceilings.md */
	LEAST = 2 << 20,
	LISTENER_PART = 6,
	LINE_PART = 16,
	LINE_ALWAYS = 1 << 20,
	KEPT_MAX = 64 << 20,
};

/*
 * A ceiling above what the kernel allows is useless: the kernel would kill the process first, and its records would be
 * lost. The rest of the limit is for everything else in the process, and for pages of files, which are charged to the
 * cgroup too.
 */
uint64_t memory_within(uint64_t wanted, uint64_t limit)
{
	uint64_t rest = limit > BESIDE ? limit - BESIDE : 0, most = limit / 2 < rest ? limit / 2 : rest;

	most = most > limit / 16 * 5 ? most : limit / 16 * 5;
	most = most > LEAST ? most : LEAST;
	return wanted <= most ? wanted : most;
}

uint64_t memory_beside(uint64_t memory, uint64_t limit)
{
	if (limit == UINT64_MAX)
		return 0;
	return limit > memory ? limit - memory : 1;
}

size_t memory_kept(uint64_t memory, uint64_t beside)
{
	uint64_t most = memory < KEPT_MAX ? memory : KEPT_MAX, rest = beside > BESIDE ? beside - BESIDE : 0;

	return (size_t)(beside && rest < most ? rest : most);
}

uint64_t memory_of_listener(uint64_t beside)
{
	return (beside + LISTENER_PART - 1) / LISTENER_PART;
}

uint64_t memory_line_max(uint64_t memory)
{
	return memory / LINE_PART > LINE_ALWAYS ? memory / LINE_PART : LINE_ALWAYS;
}

uint64_t memory_for_line(uint64_t line_max)
{
	return line_max * LINE_PART;
}
