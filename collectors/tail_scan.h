/*
 * A look at the disk for `tail`: which files the globs match now, and which folders to watch for more. Runs in a
 * lane, since ten thousand names take tens of milliseconds.
 */
#ifndef OXP_TAIL_SCAN_H
#define OXP_TAIL_SCAN_H

#include "component.h"
#include "config/option.h"
#include "loop/lane.h"

/* What a file is, whatever it is called: inodes are used again, so birth and the first bytes belong to it. */
struct tail_identity {
	uint64_t dev, inode;
	int64_t birth_ns; /* 0 where the file system tells none */
};

struct tail_found {
	char *path;
	struct tail_identity identity;
	uint64_t size;
};

/* 0 or -errno; anything but a regular file is -EINVAL. */
int tail_identify(int fd, const char *path, struct tail_identity *ret, uint64_t *ret_size) MUST_CHECK;
bool tail_same(const struct tail_identity *, const struct tail_identity *);

struct tail_scan {
	struct job job;
	const struct option_list *globs;
	/* Files that lost their names while nobody looked. Beside each old name stand the file itself and those that
	 * had the name after it: `rotated` is what was found of them, oldest first. */
	struct tail_found *lost, *rotated;
	size_t lost_count, rotated_count, rotated_room;
	struct tail_found *files;
	size_t count, room;
	char **folders;
	size_t folder_count, folder_room;
	void (*done)(struct tail_scan *);
	void *context;
};

void tail_scan_clear(struct tail_scan *);
/* Work of the job. */
void tail_scan_work(struct job *);

#endif
