/*
 * What a copy of a log file is called: app.log.1, app.log-20261129, app.log.old, or, where rotation keeps the ending,
 * app-20261129.log. A name says only what may be a copy; the bytes decide.
 */
#ifndef OXP_TAIL_COPYNAME_H
#define OXP_TAIL_COPYNAME_H

#include "base/base.h"

/* Both without their folder. */
bool tail_copyname_is(const char *name, const char *original);
/* How many bytes the two names have in common at least: those before the ending, or before whatever is added. */
size_t tail_copyname_stem(const char *original);
/* Shows each path that a file at this path may be a copy of, until it answers false. */
void tail_copyname_originals(const char *path, bool (*visit)(void *context, const char *original), void *context);

#endif
