#include "http/taken.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "base/process_name.h"
#include "base/text.h"

enum { PATH_ROOM = 300, LINE_ROOM = 512, LINK_ROOM = 32, TCP_LISTENS = 0x0a, UDP_BOUND = 0x07 };

/* A socket in the kernel's table. */
struct entry {
	unsigned long inode;
	unsigned uid;
};

/* Whether a line of /proc/net/tcp and its kin (proc(5)) is a listening socket. */
static bool read_entry(const char *line, unsigned state, unsigned port, struct entry *ret)
{
	unsigned its_port, its_state;

	return sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %u %*d %lu", &its_port,
		       &its_state, &ret->uid, &ret->inode) == 4 &&
	       its_port == port && its_state == state;
}

static bool find_entry(const char *table, unsigned state, unsigned port, struct entry *ret)
{
	FILE *file = fopen(table, "re");
	char line[LINE_ROOM];
	bool found = false;

	while (file && !found && fgets(line, sizeof line, file))
		found = read_entry(line, state, port, ret);
	if (file)
		fclose(file);
	return found;
}

static bool has_socket(const char *pid, const char *link)
{
	char path[PATH_ROOM], target[LINK_ROOM];
	struct dirent *e;
	bool found = false;
	DIR *fds;

	snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
	fds = opendir(path);
	while (fds && !found && (e = readdir(fds))) {
		ssize_t n;
		snprintf(path, sizeof path, "/proc/%.16s/fd/%.16s", pid, e->d_name);
		n = readlink(path, target, sizeof target);
		found = n == (ssize_t)strlen(link) && strncmp(target, link, (size_t)n) == 0;
	}
	if (fds)
		closedir(fds);
	return found;
}

/* 0: none that we may look at. */
static long holder_of(unsigned long inode)
{
	char link[LINK_ROOM];
	DIR *proc = opendir("/proc");
	struct dirent *e;
	long pid = 0;

	snprintf(link, sizeof link, "socket:[%lu]", inode);
	while (proc && !pid && (e = readdir(proc)))
		if (*e->d_name >= '1' && *e->d_name <= '9' && has_socket(e->d_name, link))
			pid = strtol(e->d_name, NULL, 10);
	if (proc)
		closedir(proc);
	return pid;
}

/* The process that listens at a path. */
static long listener_at(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof peer;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		peer.pid = 0;
	if (fd >= 0)
		close(fd);
	return peer.pid;
}

static void tell_taken(const char *address, int type, char to[LISTEN_WHY_MAX])
{
	static const char *const tables[][2] = { { "/proc/net/tcp", "/proc/net/tcp6" },
		{ "/proc/net/udp", "/proc/net/udp6" } };
	bool stream = type == SOCK_STREAM, is_unix = strncmp(address, "unix:", 5) == 0, found = false;
	unsigned port = (unsigned)strtoul(strrchr(address, ':') + 1, NULL, 10);
	struct entry entry = { .uid = 0 };
	char name[PROCESS_NAME_ROOM];
	long pid = is_unix ? listener_at(address + 5) : 0;

	for (int i = 0; i < 2 && !is_unix && !found; i++)
		found = find_entry(tables[!stream][i], stream ? TCP_LISTENS : UDP_BOUND, port, &entry);
	if (found)
		pid = holder_of(entry.inode);
	process_name(pid, name);
	if (pid)
		snprintf(to, LISTEN_WHY_MAX, "taken by process %ld (%s)%s", pid, name,
			strcmp(name, "oxpecker") == 0 ? ", another agent" : "");
	else if (found)
		snprintf(to, LISTEN_WHY_MAX, "taken by a process of user %u", entry.uid);
	else
		snprintf(to, LISTEN_WHY_MAX, "taken by another process");
}

void listen_why(const char *address, int type, int failed, char to[LISTEN_WHY_MAX])
{
	bool is_unix = strncmp(address, "unix:", 5) == 0;
	const char *why;

	switch (-failed) {
	case EADDRINUSE:
		tell_taken(address, type, to);
		return;
	case EACCES:
		why = is_unix ? "this user may not write to its folder"
			      : "a port below 1024 needs "
				"CAP_NET_BIND_SERVICE";
		break;
	case EPERM:
		why = is_unix ? "this user has to be in the group that its file is to have" : path_why(failed);
		break;
	case EADDRNOTAVAIL:
		why = "this machine has no such address";
		break;
	case EEXIST:
		why = "a file that is not a socket is in its place";
		break;
	case ENOENT:
		why = "its folder does not exist";
		break;
	case ENAMETOOLONG:
		why = "the path is longer than the 107 bytes that a socket's may have";
		break;
	default:
		why = path_why(failed);
	}
	snprintf(to, LISTEN_WHY_MAX, "%s", why);
}
