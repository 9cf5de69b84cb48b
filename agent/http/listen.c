#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "base/text.h"

/* A connection that finds no room in the kernel's queue comes again after a second: a queue of 512 overflowed within
 * 30 ms under ten thousand new ones a second. In a queue of 4,096 the last waits for a quarter of a second. */
enum { BACKLOG = 1024, HOST_MAX = 64 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

/* Whether `host` (no brackets) is numeric or localhost; fills in family and address. */
static bool numeric_host(const char *host, union address *to, socklen_t *ret_size)
{
	*to = (union address){ 0 };
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &to->v4.sin_addr) == 1) {
		to->any.sa_family = AF_INET;
		*ret_size = sizeof to->v4;
		return true;
	}
	to->any.sa_family = AF_INET6;
	*ret_size = sizeof to->v6;
	return inet_pton(AF_INET6, host, &to->v6.sin6_addr) == 1;
}

static bool parse_port(const char *text, uint16_t *ret)
{
	uint64_t port;

	if (!u64_parse(bytes_of(text), &port) || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* Copies the host of host:port without its brackets. An address of several colons needs them. */
static bool copy_host(struct bytes host, char to[HOST_MAX])
{
	bool brackets = host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';

	if (brackets)
		host = (struct bytes){ host.data + 1, host.size - 2 };
	if (host.size >= HOST_MAX || (!brackets && memchr(host.data, ':', host.size)))
		return false;
	memcpy(to, host.data, host.size);
	to[host.size] = '\0';
	return true;
}

static int parse_tcp(const char *text, union address *to, socklen_t *ret_size)
{
	const char *colon = strrchr(text, ':');
	char host[HOST_MAX];
	uint16_t port;

	if (!colon || !parse_port(colon + 1, &port) || !copy_host((struct bytes){ text, (size_t)(colon - text) }, host))
		return -EINVAL;
	if (!numeric_host(host[0] ? host : "::", to, ret_size))
		return -EINVAL;
	/* The port is at the same offset in both families. */
	to->v4.sin_port = htons(port);
	return 0;
}

static int start_listening(const struct listening *l)
{
	return l->type == SOCK_STREAM && listen(l->fd, BACKLOG) < 0 ? -errno : 0;
}

static int bind_and_listen(const struct listening *l, const union address *to, socklen_t size)
{
	return bind(l->fd, &to->any, size) < 0 ? -errno : start_listening(l);
}

static int open_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static int open_tcp(struct listening *l, const union address *to, socklen_t size)
{
	int one = 1, zero = 0, failed;

	l->fd = open_socket(to->any.sa_family, l->type);
	if (l->fd < 0)
		return l->fd;
	if (l->type == SOCK_STREAM) /* to datagrams it would mean that two may have the address */
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (to->any.sa_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	failed = bind_and_listen(l, to, size);
	if (failed)
		listening_close(l);
	return failed;
}

static int listen_tcp(struct listening *l, const char *text)
{
	union address to;
	socklen_t size;
	int failed = parse_tcp(text, &to, &size);

	if (failed)
		return failed;
	failed = open_tcp(l, &to, size);
	if (text[0] != ':' || (failed != -EAFNOSUPPORT && failed != -EADDRNOTAVAIL))
		return failed;
	/* A machine without IPv6. */
	to = (union address){ .v4 = { .sin_family = AF_INET, .sin_port = to.v4.sin_port } };
	return open_tcp(l, &to, sizeof to.v4);
}

/* 0 when nothing is at the path any more, -EADDRINUSE when somebody listens there, for whatever type. */
static int clear_path(const struct path_folder *folder, const char *name, const union address *to, int type)
{
	struct stat st;
	int fd, failed;

	if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return S_ISLNK(st.st_mode) ? -ELOOP : -EEXIST;
	fd = open_socket(AF_UNIX, type);
	if (fd < 0)
		return fd;
	failed = connect(fd, &to->any, sizeof to->un) == 0 || errno == EAGAIN || errno == EPROTOTYPE ? EADDRINUSE
												     : errno;
	close(fd);
	if (failed != ECONNREFUSED)
		return failed == ENOENT ? 0 : -failed;
	return unlinkat(folder->fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

enum { GROUP_BITS = 0070, PROC_ROOM = 32 };

/* The file is made with its mode, less the umask (Linux takes that of the socket): there is nothing to change later, by
 * a name that may be another's by then. A file that is to have another group lets none in before it has it. */
static int bind_with_mode(const struct listening *l, const union address *to, const struct unix_peers *p)
{
	unsigned mode = p->has_group ? p->mode & ~(unsigned)GROUP_BITS : p->mode;
	mode_t before;
	int failed;

	if (!p->mode)
		return bind(l->fd, &to->any, sizeof to->un) < 0 ? -errno : 0;
	if (fchmod(l->fd, mode) < 0)
		return -errno;
	before = umask(0);
	failed = bind(l->fd, &to->any, sizeof to->un) < 0 ? -errno : 0;
	umask(before);
	return failed;
}

/* By descriptor, which is that of the file itself: nobody can put another in its place. */
static int set_group(int file, const struct unix_peers *p)
{
	char self[PROC_ROOM];

	if (fchownat(file, "", (uid_t)-1, p->group, AT_EMPTY_PATH) < 0)
		return -errno;
	snprintf(self, sizeof self, "/proc/self/fd/%d", file);
	return p->mode & GROUP_BITS && chmod(self, p->mode) < 0 ? -errno : 0;
}

/* `file` is what stands there now. */
static int keep_path(struct listening *l, int file, const union address *to, const struct unix_peers *p)
{
	struct stat st;

	if (fstat(file, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return -ELOOP; /* somebody was quick to exchange it, or the folder */
	l->path = oxp_strdup(to->un.sun_path);
	l->device = st.st_dev;
	l->inode = st.st_ino;
	return p->has_group ? set_group(file, p) : 0;
}

static int bind_path(
	struct listening *l, const struct path_folder *folder, const union address *to, const struct unix_peers *p)
{
	int failed = bind_with_mode(l, to, p), file;

	if (failed)
		return failed;
	file = openat(folder->fd, strrchr(to->un.sun_path, '/') + 1, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0)
		return -errno;
	failed = keep_path(l, file, to, p);
	close(file);
	if (failed)
		return failed;
	return start_listening(l);
}

static int listen_in(
	struct listening *l, const struct path_folder *folder, const union address *to, const struct unix_peers *p)
{
	const char *name = strrchr(to->un.sun_path, '/') + 1;
	int failed = clear_path(folder, name, to, l->type);

	if (failed)
		return failed;
	l->fd = open_socket(AF_UNIX, l->type);
	failed = l->fd < 0 ? l->fd : bind_path(l, folder, to, p);
	if (failed)
		listening_close(l);
	return failed;
}

static int listen_unix(struct listening *l, const char *path, const struct unix_peers *p)
{
	union address to = { .un = { .sun_family = AF_UNIX } };
	char above[sizeof to.un.sun_path];
	struct path_folder folder;
	size_t size = strlen(path);
	int failed;

	if (path[0] != '/')
		return -EINVAL;
	if (size >= sizeof to.un.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.un.sun_path, path, size + 1);
	snprintf(above, sizeof above, "%.*s", (int)(strrchr(path, '/') - path) + 1, path);
	failed = path_folder_open(above, false, &folder);
	if (failed)
		return failed;
	failed = listen_in(l, &folder, &to, p);
	path_folder_close(&folder);
	return failed;
}

static int open_any(struct listening *l, int type, const char *address, const struct unix_peers *p)
{
	static const struct unix_peers all = { .mode = 0 };

	*l = (struct listening){ .fd = -1, .type = type };
	if (strncmp(address, "unix:", 5) == 0)
		return listen_unix(l, address + 5, p ? p : &all);
	return listen_tcp(l, address);
}

int listening_open(struct listening *l, const char *address, const struct unix_peers *p)
{
	return open_any(l, SOCK_STREAM, address, p);
}

int listening_open_datagrams(struct listening *l, const char *address, const struct unix_peers *p)
{
	return open_any(l, SOCK_DGRAM, address, p);
}

bool listening_is_lost(const struct listening *l)
{
	struct stat st;

	return l->path && (lstat(l->path, &st) < 0 || st.st_dev != l->device || st.st_ino != l->inode);
}

void listening_close(struct listening *l)
{
	if (l->path && !listening_is_lost(l))
		unlink(l->path);
	free(l->path);
	l->path = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

bool listening_starved(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

uint16_t listening_port(const struct listening *l)
{
	union address at;
	socklen_t size = sizeof at;

	if (getsockname(l->fd, &at.any, &size) < 0 || (at.any.sa_family != AF_INET && at.any.sa_family != AF_INET6))
		return 0;
	return ntohs(at.v4.sin_port);
}
