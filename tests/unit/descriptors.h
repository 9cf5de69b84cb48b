/*
 * A want of descriptors that is the same whatever the test inherited and has open.
 */
#ifndef OXP_TEST_DESCRIPTORS_H
#define OXP_TEST_DESCRIPTORS_H

#include <fcntl.h>
#include <sys/resource.h>

#include "unit/unit.h"

/* From now on exactly `count` more can be opened: the limit is the first free number behind those. */
static inline void descriptors_leave(int count)
{
	struct rlimit limit;
	int next = 0;

	for (int left = count; left > 0 || fcntl(next, F_GETFD) >= 0; next++)
		left -= fcntl(next, F_GETFD) < 0;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true((rlim_t)next <= limit.rlim_max);
	limit.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* As many as there may be. */
static inline void descriptors_leave_all(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

#endif
