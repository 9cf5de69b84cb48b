/*
 * What the process gives back to the kernel: the pages that start-up touched and running does not need, since library
 * text is most of a small process's resident set; and memory that was freed, but not while more comes.
 */
#ifndef OXP_TRIM_H
#define OXP_TRIM_H

#include "base/base.h"

/* From this size on, memory goes back to the kernel when it is freed, and each of its pages costs a fault and is zeroed
 * when it is taken again. It is more than what comes and goes at every turn, such as a slice of a file. */
enum { TRIM_LARGE = 512 << 10 };

enum { TRIM_TURN_MS = 250 };

/*
 * How much free memory stays at the end of the heap. At rest that is 2 MiB. While much comes, it is as much as comes
 * within a second, at most `most`, and pieces of up to an eighth of that are taken from the heap, too: in a flood of
 * large requests a quarter of the CPU time went into pages that had just been given back.
 *
 * Only trim.c writes it.
 */
struct trim {
	size_t kept, most;
	unsigned calm; /* turns in a row with less than that */
	uint64_t taken; /* bytes ever, at the last turn */
};

/* Drops the clean pages of code mapped from files; the few that run on come back from the page cache when they are next
 * executed. Also returns free heap to the kernel. Call it once, after start. Returns the bytes of mappings that
 * were dropped. */
size_t trim_text(void);

/* Makes the allocator give large pieces of memory back to the kernel as soon as they are freed. By default it keeps
 * them after the first one was freed, and smaller pieces that live longer end up between them, so memory that was
 * counted as free is not. Call it at the start, before there is a second thread. */
void trim_large(void);

void trim_init(struct trim *, size_t most);
/* TRIM_TURN_MS have passed; `taken`: bytes that were ever taken for what comes. What is kept falls step by
 * step, once less has come for two seconds. */
void trim_turn(struct trim *, uint64_t taken);

#endif
