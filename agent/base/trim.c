#include "base/trim.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	LINE_ROOM = 4608,
	KEPT = 2 << 20, /* free memory at the end of a heap */
	KEPT_STEP = 4 << 20, /* that is given back in one go: it takes half a millisecond */
	LARGE_PART = 8, /* of what is kept: a piece that is taken from the heap */
	LARGE_MAX = 4 << 20,
	A_SECOND_MS = 1000,
	CALM_TURNS = 8, /* what comes goes up and down, and giving back costs what is taken again */
	TOP_PAD = 128 << 10, /* what stays at the end of the heap when it gives back: mallopt(3), M_TOP_PAD */
};

/* Only private, read-only code that a file backs: what such a page holds is in the file. */
static size_t drop(const char *line)
{
	unsigned long start, end, inode;
	char rights[5];

	if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &start, &end, rights, &inode) != 4)
		return 0;
	if (strcmp(rights, "r-xp") != 0 || inode == 0)
		return 0;
	return madvise((void *)start, end - start, MADV_DONTNEED) == 0 ? end - start : 0;
}

/* mallopt(3): once they are set, they no longer adapt to what is freed. */
void trim_large(void)
{
	mallopt(M_MMAP_THRESHOLD, TRIM_LARGE);
	mallopt(M_TRIM_THRESHOLD, KEPT);
	mallopt(M_ARENA_MAX, 1); /* a heap for each lane would keep as much again */
}

void trim_init(struct trim *t, size_t most)
{
	*t = (struct trim){ .kept = KEPT, .most = most > KEPT ? most : KEPT };
}

static size_t within(size_t value, size_t least, size_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* What is over is given back down to the pad, so that has to grow, too. */
static void keep(size_t kept)
{
	size_t large = within(kept / LARGE_PART, TRIM_LARGE, LARGE_MAX);

	mallopt(M_MMAP_THRESHOLD, (int)large);
	mallopt(M_TRIM_THRESHOLD, (int)kept);
	mallopt(M_TOP_PAD, (int)within(kept, KEPT_STEP + TOP_PAD, INT_MAX) - KEPT_STEP);
}

void trim_turn(struct trim *t, uint64_t taken)
{
	uint64_t came = (taken - t->taken) * (A_SECOND_MS / TRIM_TURN_MS);
	size_t wants = came < t->most ? within((size_t)came, KEPT, t->most) : t->most;
	bool less = wants < t->kept;

	t->taken = taken;
	t->calm = less ? t->calm + 1 : 0;
	if (wants == t->kept || (less && t->calm < CALM_TURNS))
		return;
	t->kept = less ? within(t->kept - within(t->kept, 0, KEPT_STEP), wants, t->kept) : wants;
	keep(t->kept);
	if (less)
		malloc_trim(t->kept);
}

size_t trim_text(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[LINE_ROOM];
	size_t dropped = 0;

	while (maps && fgets(line, sizeof line, maps))
		dropped += drop(line);
	if (maps)
		fclose(maps);
	malloc_trim(0);
	return dropped;
}
