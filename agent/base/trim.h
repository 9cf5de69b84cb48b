/*
 * Gives back memory that start-up touched and running does not need: library text is most of a small process's
 * resident set.
 */
#ifndef OXP_TRIM_H
#define OXP_TRIM_H

#include "base/base.h"

/* Drops the clean pages of code mapped from files; the few that run on come back from the page cache when they are next
 * executed. Also returns free heap to the kernel. Once, after start. Answers how many bytes of mappings were
 * dropped. */
size_t trim_text(void);

/* Has the kernel get large pieces of memory back as soon as they are freed. Left alone, the allocator keeps them once
 * one was freed, and smaller ones that live longer settle between them: what was counted as free is then not. At the
 * start, before there is a second thread. */
void trim_large(void);

#endif
