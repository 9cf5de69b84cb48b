/*
 * The lock of a state folder: one agent has it, or whoever restores a backup into it. For agent/state/ only.
 */
#ifndef OXP_STATE_LOCK_H
#define OXP_STATE_LOCK_H

#include "base/path.h"

/* 0, and *ret is the descriptor, whose closing gives the lock back; or -errno with one sentence in `why`: -EBUSY if
 * somebody has it. `path` is the folder as people know it. *ret is -1, or to be closed, in either case. */
int lock_take(const struct path_folder *, const char *path, int *ret, char *why, size_t room) MUST_CHECK;

#endif
