/*
 * A disk that takes its time, for LD_PRELOAD: each fsync and fdatasync takes SLOW_DISK_MS milliseconds. One on the main
 * thread is told on stderr, since it holds up whatever that thread does.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

static void take_time(void)
{
	static const char told[] = "slow disk: a sync on the main thread\n";
	const char *ms = getenv("SLOW_DISK_MS");
	long left = ms ? strtol(ms, NULL, 10) : 0;

	if (syscall(SYS_gettid) == getpid() && write(STDERR_FILENO, told, sizeof told - 1) < 0)
		return;
	(void)poll(NULL, 0, (int)left);
}

int fsync(int fd)
{
	take_time();
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	take_time();
	return (int)syscall(SYS_fdatasync, fd);
}
