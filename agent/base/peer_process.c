#include "base/peer_process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/first_line.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#define PIDFS_MAGIC 0x50494446 /* where each process has an inode of its own */

enum { BOOT_ROOM = 40, STAT_ROOM = 1024, STARTED_AT = 22 /* field of /proc/PID/stat */ };

/* The inode of a pidfd. *ret_known: the kernel tells of such, so that there is no other way to ask for. */
static bool inode_of(int fd, unsigned long long *ret, bool *ret_known)
{
	int pidfd = -1;
	socklen_t size = sizeof pidfd;
	struct statfs fs;
	struct stat at;
	bool fine;

	*ret_known = getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 && errno != ENOPROTOOPT;
	if (pidfd < 0)
		return false;
	fine = fstatfs(pidfd, &fs) == 0 && fs.f_type == PIDFS_MAGIC && fstat(pidfd, &at) == 0;
	close(pidfd);
	if (fine)
		*ret = at.st_ino;
	return fine;
}

/* In clock ticks since the boot. The name in the second field may have blanks and parentheses. */
static bool started_at(pid_t pid, unsigned long long *ret)
{
	char path[40], line[STAT_ROOM], *at;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	at = first_line(path, line, sizeof line) ? strrchr(line, ')') : NULL;
	for (int field = 2; at && field < STARTED_AT; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %llu", ret) == 1;
}

bool peer_process(int fd, char to[PEER_PROCESS_ROOM])
{
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof peer;
	char boot[BOOT_ROOM];
	unsigned long long number;
	bool known;

	if (!first_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot) || !*boot)
		return false;
	if (inode_of(fd, &number, &known)) {
		snprintf(to, PEER_PROCESS_ROOM, "%s pidfd %llu", boot, number);
		return true;
	}
	if (known || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0 ||
		!started_at(peer.pid, &number))
		return false;
	snprintf(to, PEER_PROCESS_ROOM, "%s pid %d %llu", boot, (int)peer.pid, number);
	return true;
}
