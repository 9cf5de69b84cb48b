/*
 * The first line of a file that the kernel makes, as those of /proc are.
 */
#ifndef OXP_FIRST_LINE_H
#define OXP_FIRST_LINE_H

#include "base/base.h"

/* As much of it as there is room for, without the line feed. False: the file is not there, or has nothing in it; then
 * `to` is as it was. */
bool first_line(const char *path, char *to, int room) MUST_CHECK;

#endif
