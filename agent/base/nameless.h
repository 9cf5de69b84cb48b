/*
 * A file that has no name: nobody else sees it, and it is gone with its last descriptor and its last mapping.
 */
#ifndef OXP_NAMELESS_H
#define OXP_NAMELESS_H

#include "base/base.h"

/* In the file system of that folder. Returns the descriptor, or -errno. May block. */
int nameless_open(const char *folder) MUST_CHECK;
/* How many bytes it may have: half of what is free there is left to others. `in_memory`: the same where files are
 * memory (tmpfs). */
uint64_t nameless_room(int fd, uint64_t in_memory);

#endif
