/*
 * A disk that takes its time, for LD_PRELOAD: each fsync and fdatasync, and each close of a file that was removed,
 * takes SLOW_DISK_MS milliseconds, and as long as the file is there that SLOW_DISK_GATE names. One on the main thread
 * is told on stderr, since it holds up whatever that does.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);
int close(int fd);

static void take_time(void)
{
	static const char told[] = "slow disk: the main thread waits for it\n";
	const char *ms = getenv("SLOW_DISK_MS"), *gate = getenv("SLOW_DISK_GATE");
	long left = ms ? strtol(ms, NULL, 10) : 0;

	if (syscall(SYS_gettid) == getpid() && write(STDERR_FILENO, told, sizeof told - 1) < 0)
		return;
	(void)poll(NULL, 0, (int)left);
	while (gate && access(gate, F_OK) == 0)
		(void)poll(NULL, 0, 5);
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

int close(int fd)
{
	struct stat info;

	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 0)
		take_time();
	return (int)syscall(SYS_close, fd);
}
