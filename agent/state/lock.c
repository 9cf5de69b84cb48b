#include "state/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char lock_name[] = "lock";
enum { LOCK_PID = 24 };

/* Others may have written to it, so it is digits or nothing. */
static void read_pid(int lock, char to[LOCK_PID])
{
	ssize_t n = pread(lock, to, LOCK_PID - 1, 0);

	to[n > 0 ? n : 0] = '\0';
	to[strspn(to, "0123456789")] = '\0';
}

int lock_take(const struct path_folder *folder, const char *path, int *ret, char *why, size_t room)
{
	char pid[LOCK_PID];
	int length, failed;

	*ret = path_ours_open(folder->fd, lock_name, O_RDWR | O_CREAT);
	if (*ret < 0) {
		failed = *ret;
		*ret = -1;
		snprintf(why, room, "cannot use %s/lock: %s", path, path_why(failed));
		return failed;
	}
	if (flock(*ret, LOCK_EX | LOCK_NB) < 0) {
		read_pid(*ret, pid);
		snprintf(why, room, "%s is in use by a running agent, pid %s; give each agent a state of its own", path,
			pid);
		return -EBUSY;
	}
	/* The pid is only for people, so the agent starts even if a full disk has no room for it. */
	length = snprintf(pid, sizeof pid, "%d", getpid());
	if ((ftruncate(*ret, 0) == 0 || errno == ENOSPC) &&
		(pwrite(*ret, pid, (size_t)length, 0) == length || errno == ENOSPC))
		return 0;
	failed = errno;
	snprintf(why, room, "cannot write %s/lock: %s", path, strerror(failed));
	return -failed;
}
