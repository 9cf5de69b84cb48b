/*
 * Gives back memory that start-up touched and running does not need: library text is most of a small process's
 * resident set.
 */
#ifndef OXP_TRIM_H
#define OXP_TRIM_H

#include "base/base.h"

/* From this size on, memory goes back to the kernel when it is freed, and each of its pages costs a fault and is zeroed
 * when it is taken again. It is more than what comes and goes at every turn, such as a slice of a file. */
enum { TRIM_LARGE = 512 << 10 };

/* Drops the clean pages of code mapped from files; the few that run on come back from the page cache when they are next
 * executed. Also returns free heap to the kernel. Call it once, after start. Returns the bytes of mappings that
 * were dropped. */
size_t trim_text(void);

/* Makes the allocator give large pieces of memory back to the kernel as soon as they are freed. By default it keeps
 * them after the first one was freed, and smaller pieces that live longer end up between them, so memory that was
 * counted as free is not. Call it at the start, before there is a second thread. */
void trim_large(void);

#endif
