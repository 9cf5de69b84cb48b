/*
 * A write that is cut short: the test is linked with --wrap=pwrite. After so many whole calls, one writes some of its
 * bytes; from then on none writes any, as if the process were dead; or the process is.
 */
#ifndef OXP_TEST_KNIFE_H
#define OXP_TEST_KNIFE_H

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/base.h"

struct knife {
	size_t calls, bytes; /* of the call behind them */
	bool armed, dead, kills; /* the last: by SIGKILL */
	size_t made; /* calls so far */
};

static struct knife knife;

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
	if (knife.dead) {
		errno = EIO;
		return -1;
	}
	knife.made++;
	if (!knife.armed || knife.calls-- > 0)
		return __real_pwrite(fd, data, size, at);
	if (knife.bytes > 0)
		(void)!__real_pwrite(fd, data, smaller(knife.bytes, size), at);
	if (knife.kills)
		raise(SIGKILL);
	knife.dead = true;
	errno = EIO;
	return -1;
}

#endif
