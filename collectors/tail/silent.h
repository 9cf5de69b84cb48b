/*
 * Where inotify may be silent: file systems that do not tell what others write to them (NFS, SMB, 9p, FUSE) or below
 * them (overlay).
 */
#ifndef OXP_TAIL_SILENT_H
#define OXP_TAIL_SILENT_H

#include "base/base.h"

/* Whether inotify may be silent about a file system of this statfs() type. */
bool tail_is_silent(uint64_t type);

/* The last device that was asked about, for the many files of one. */
struct tail_silence {
	bool all; /* inotify is not trusted anywhere */
	bool known, silent;
	uint64_t dev;
};

/* Whether inotify may be silent about that path, which is on that device. */
bool tail_silent_at(struct tail_silence *, const char *path, uint64_t dev);

#endif
