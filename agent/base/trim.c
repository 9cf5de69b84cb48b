#include "base/trim.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	LINE_ROOM = 4608,
	KEPT = 2 << 20, /* free memory at the end of a heap */
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
