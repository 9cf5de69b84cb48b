/*
 * A folder of its own for a test, which is removed with everything in it.
 */
#ifndef OXP_TEST_SCRATCH_H
#define OXP_TEST_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/unit.h"

struct scratch {
	char path[64];
	int fd;
};

static inline void scratch_init(struct scratch *s, const char *name)
{
	snprintf(s->path, sizeof s->path, "/tmp/oxp-%s-XXXXXX", name);
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
}

/* Folders in it: one that only its owner may write to, and one that everybody may. */
static inline void scratch_ours_and_shared(const struct scratch *s)
{
	assert_int_equal(mkdirat(s->fd, "ours", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "shared", 0700), 0);
	assert_int_equal(fchmodat(s->fd, "shared", 0777, 0), 0);
}

static inline int scratch_remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

/* A folder with everything in it. */
static inline void scratch_remove(const char *path)
{
	assert_int_equal(nftw(path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void scratch_done(struct scratch *s)
{
	close(s->fd);
	scratch_remove(s->path);
}

#endif
