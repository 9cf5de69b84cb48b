#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { LINKS_MAX = 40, FD_NAME_MAX = 40, ASIDES_MAX = 1000, OURS_NAME_MAX = 64 };

/* The files that SQLite puts beside a database. */
static const char *const beside[] = { "-wal", "-shm", "-journal" };

/*
 * Where a walk has come to: `at` is the folder, `rest` what is still to be walked from there, `fd` and `info` (O_PATH)
 * the first name of it.
 */
struct walk {
	int at, fd;
	struct stat info;
	bool make, follow_all;
	bool strange; /* a link that is not trusted was followed */
	bool by_kernel; /* `name` is a link that only the kernel can follow */
	unsigned links;
	char name[NAME_MAX + 1];
	char rest[PATH_MAX];
};

static void fd_name(int fd, char to[FD_NAME_MAX])
{
	snprintf(to, FD_NAME_MAX, "/proc/self/fd/%d", fd);
}

int path_of(int fd, char to[PATH_MAX])
{
	char link[FD_NAME_MAX];
	ssize_t n;

	fd_name(fd, link);
	n = readlink(link, to, PATH_MAX - 1);
	if (n < 0)
		return errno == ENOENT && fcntl(fd, F_GETFD) >= 0 ? -ENOSYS : -errno;
	to[n] = '\0';
	return 0;
}

/* Links. */

/* Whether this is the machine itself and not a container, so that nobody else has our user number. The first namespace
 * of processes has a fixed inode in the kernel (PROC_PID_INIT_INO). */
static bool is_machine(void)
{
	char name[40];
	ssize_t n = readlink("/proc/self/ns/pid", name, sizeof name - 1);

	if (n < 0)
		return false;
	name[n] = '\0';
	return strcmp(name, "pid:[4026531836]") == 0;
}

static bool is_device_of(const char *path, dev_t device)
{
	struct stat info;

	return stat(path, &info) == 0 && info.st_dev == device;
}

static bool is_proc(int fd)
{
	struct statfs info;

	return fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

static bool is_root_or_us(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* Only its owner can exchange files in it; in a folder like /tmp, everybody only their own. */
static bool is_kept(const struct stat *folder)
{
	return is_root_or_us(folder->st_uid) && (!(folder->st_mode & S_IWOTH) || folder->st_mode & S_ISVTX);
}

static bool is_trusted(const struct walk *w)
{
	struct stat folder;

	if (fstat(w->at, &folder) < 0 || !is_kept(&folder) || !is_root_or_us(w->info.st_uid))
		return false;
	return is_machine() || is_device_of("/", folder.st_dev) || is_device_of("/dev", folder.st_dev);
}

/* Walking. */

static int replace(int *fd, int by)
{
	if (by < 0)
		return -errno;
	close(*fd);
	*fd = by;
	return 0;
}

/* Puts the link's target before the rest. */
static int splice_link(struct walk *w)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(w->fd, "", target, sizeof target - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	snprintf(rest, sizeof rest, "%s", w->rest);
	if ((size_t)snprintf(w->rest, sizeof w->rest, "%s%s%s", target, rest[0] ? "/" : "", rest) >= sizeof w->rest)
		return -ENAMETOOLONG;
	return target[0] == '/' ? replace(&w->at, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : 0;
}

/* Takes the next name off the rest. False: there is none. */
static bool next_name(struct walk *w, int *ret_failed)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t size = strcspn(from, "/");

	*ret_failed = size > NAME_MAX ? -ENAMETOOLONG : 0;
	if (size == 0 || *ret_failed)
		return false;
	memcpy(w->name, from, size);
	w->name[size] = '\0';
	memmove(w->rest, from + size, strlen(from + size) + 1);
	return true;
}

static bool is_last(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/* Looks at `name` in `at`. 0: `fd` and `info` are it; -ENOENT and the like. */
static int look(struct walk *w)
{
	int failed = 0;

	w->fd = openat(w->at, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (w->fd < 0 && errno == ENOENT && w->make) {
		if (mkdirat(w->at, w->name, 0700) < 0 && errno != EEXIST)
			return -errno;
		w->fd = openat(w->at, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (w->fd < 0 || fstat(w->fd, &w->info) < 0)
		failed = -errno;
	return failed;
}

static int follow(struct walk *w)
{
	if (is_proc(w->at)) { /* nobody can plant a link there, and some of them only the kernel can follow */
		w->by_kernel = is_last(w);
		return w->by_kernel ? 0 : replace(&w->at, openat(w->at, w->name, O_PATH | O_DIRECTORY | O_CLOEXEC));
	}
	if (!is_trusted(w)) {
		if (!w->follow_all)
			return -ELOOP;
		w->strange = true;
	}
	return splice_link(w);
}

static void drop(struct walk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* One name. 0: go on; 1: it was the last, and `fd` is it. */
static int step(struct walk *w)
{
	int failed = look(w);

	if (failed)
		return failed;
	if (S_ISLNK(w->info.st_mode)) {
		failed = follow(w);
		if (failed)
			return failed;
		if (w->by_kernel)
			return 1;
	} else if (is_last(w)) {
		return 1;
	} else {
		failed = replace(&w->at, openat(w->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	}
	drop(w);
	return failed;
}

/* 0: `fd` is what the path leads to, `name` in `at` (or `at` itself, if `name` is empty); -ENOENT with `fd` < 0: `at`
 * exists, and the last name of the path is missing in it. */
static int walk(struct walk *w, const char *path)
{
	int done = 0;

	w->fd = -1;
	w->at = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->at < 0)
		return -errno;
	if ((size_t)snprintf(w->rest, sizeof w->rest, "%s", path) >= sizeof w->rest)
		return -ENAMETOOLONG;
	w->name[0] = '\0';
	while (!done && next_name(w, &done))
		done = step(w);
	if (done == 0) { /* it ends with a folder that a link leads to, or is one: "/" */
		w->name[0] = '\0';
		done = replace(&w->fd, openat(w->at, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	}
	return done < 0 ? done : 0;
}

static void walk_done(struct walk *w)
{
	drop(w);
	if (w->at >= 0)
		close(w->at);
	w->at = -1;
}

/* Folders and entries. */

int path_folder_open(const char *path, bool make, struct path_folder *ret)
{
	struct walk w = { .at = -1, .make = make };
	int failed = walk(&w, path), fd = -1;

	if (!failed) {
		fd = openat(w.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		failed = fd < 0 ? -errno : path_of(fd, ret->name);
	}
	walk_done(&w);
	if (failed && fd >= 0)
		close(fd);
	ret->fd = failed ? -1 : fd;
	return failed;
}

void path_folder_close(struct path_folder *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int path_entry_open(const char *path, struct path_entry *ret)
{
	struct walk w = { .at = -1 };
	int failed = walk(&w, path);

	if (failed == -ENOENT && is_last(&w))
		failed = 0;
	if (!failed && !w.name[0])
		failed = -EISDIR;
	if (!failed) {
		*ret = (struct path_entry){ .fd = w.at, .by_kernel = w.by_kernel };
		memcpy(ret->name, w.name, sizeof ret->name);
		w.at = -1;
	}
	walk_done(&w);
	return failed;
}

void path_entry_close(struct path_entry *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int path_entry_folder(const struct path_entry *p, char to[PATH_MAX])
{
	return path_of(p->fd, to);
}

int path_without_links(const char *path, char to[PATH_MAX])
{
	struct path_entry at;
	char folder[PATH_MAX];
	int failed = path_entry_open(path, &at);

	if (failed)
		return failed;
	failed = at.by_kernel ? -ELOOP : path_entry_folder(&at, folder);
	path_entry_close(&at);
	if (!failed && snprintf(to, PATH_MAX, "%s/%s", folder[1] ? folder : "", at.name) >= PATH_MAX)
		failed = -ENAMETOOLONG;
	return failed;
}

int path_entry_get(const struct path_entry *p, int flags, mode_t mode)
{
	int fd = openat(p->fd, p->name, flags | O_CLOEXEC | (p->by_kernel ? 0 : O_NOFOLLOW), mode);

	return fd < 0 ? -errno : fd;
}

int path_regular_open(const char *path)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
		return fd;
	close(fd);
	return -EBADF;
}

int path_reopen(int fd, int flags)
{
	char link[FD_NAME_MAX];
	int again;

	fd_name(fd, link);
	again = open(link, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return again < 0 ? -errno : again;
}

/* Files of ours. */

int path_one_name(const struct stat *info)
{
	return info->st_nlink > 1 ? -EMLINK : 0;
}

int path_takes_lines(const struct stat *info)
{
	unsigned number = major(info->st_rdev);

	if (S_ISBLK(info->st_mode))
		return -ENOTBLK;
	if (!S_ISCHR(info->st_mode) || info->st_rdev == makedev(1, 3) || info->st_rdev == makedev(1, 7))
		return 0;
	return number == 4 || number == 5 || (number >= 136 && number <= 143) ? 0 : -ENOTBLK; /* devices.txt */
}

static int check_ours(int folder, const struct stat *info)
{
	struct stat of;

	if (S_ISLNK(info->st_mode))
		return -ELOOP;
	if (!S_ISREG(info->st_mode))
		return -EBADF;
	if (path_one_name(info) < 0)
		return -EMLINK;
	if (!is_root_or_us(info->st_uid) && (fstat(folder, &of) < 0 || info->st_uid != of.st_uid))
		return -EKEYREJECTED;
	return 0;
}

/* Checked before it is opened, so that no device or FIFO is opened, and again afterwards. */
int path_ours_open(int folder, const char *name, int flags)
{
	int failed = path_ours_check(folder, name), fd;
	struct stat info;

	if (failed)
		return failed;
	fd = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	failed = fstat(fd, &info) < 0 ? -errno : check_ours(folder, &info);
	if (failed) {
		close(fd);
		return failed;
	}
	return fd;
}

int path_ours_check(int folder, const char *name)
{
	struct stat info;

	if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return check_ours(folder, &info);
}

int path_ours_database(int folder, const char *name)
{
	char other[OURS_NAME_MAX];
	int fd = path_ours_open(folder, name, O_RDWR | O_CREAT), failed = 0;

	if (fd < 0)
		return fd;
	close(fd);
	for (size_t i = 0; i < COUNT_OF(beside) && !failed; i++) {
		snprintf(other, sizeof other, "%s%s", name, beside[i]);
		failed = path_ours_check(folder, other);
	}
	return failed;
}

/* A free NAME.corrupt-N. */
static int aside_name(int folder, const char *name, char to[OURS_NAME_MAX])
{
	struct stat info;

	for (unsigned n = 1; n < ASIDES_MAX; n++) {
		snprintf(to, OURS_NAME_MAX, "%s.corrupt-%u", name, n);
		if (fstatat(folder, to, &info, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : -errno;
	}
	return -EEXIST;
}

int path_ours_set_aside(int folder, const char *name)
{
	char from[OURS_NAME_MAX], to[OURS_NAME_MAX], target[2 * OURS_NAME_MAX];
	int failed = aside_name(folder, name, to);

	if (!failed && renameat(folder, name, folder, to) < 0 && errno != ENOENT)
		failed = -errno;
	for (size_t i = 0; i < COUNT_OF(beside) && !failed; i++) {
		snprintf(from, sizeof from, "%s%s", name, beside[i]);
		snprintf(target, sizeof target, "%s%s", to, beside[i]);
		if (renameat(folder, from, folder, target) < 0 && errno != ENOENT)
			failed = -errno;
	}
	return failed;
}

/* Files of others. */

/* The usual case, in one call: there is no link at all. */
static int open_plain(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* For a file with several names. Its owner may add names, and anybody who can write to a folder may have put it
 * there. */
static bool may_be_planted(const char *name, const struct stat *info)
{
	char folder[PATH_MAX];
	char *slash;
	struct stat of;

	snprintf(folder, sizeof folder, "%s", name);
	slash = strrchr(folder, '/');
	if (!slash)
		return true;
	slash[slash == folder] = '\0';
	if (lstat(folder, &of) < 0)
		return true;
	if (is_root_or_us(of.st_uid) && !(of.st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	return info->st_uid == 0 || info->st_uid != of.st_uid;
}

static int found(int fd, struct path_found *ret)
{
	struct stat info;
	int failed = fstat(fd, &info) < 0 ? -errno : path_of(fd, ret->name);

	if (!failed && !S_ISREG(info.st_mode))
		failed = -EBADF;
	if (!failed)
		ret->planted = path_one_name(&info) < 0 && may_be_planted(ret->name, &info);
	if (failed)
		return failed;
	return path_reopen(fd, O_RDONLY);
}

int path_read_open(const char *path, struct path_found *ret)
{
	struct walk w = { .at = -1, .follow_all = true };
	int fd = open_plain(path), failed;

	*ret = (struct path_found){ .strange = false };
	if (fd >= 0 || errno == ENOENT || errno == EACCES || errno == EMFILE || errno == ENFILE) {
		failed = fd < 0 ? -errno : found(fd, ret);
		if (fd >= 0)
			close(fd);
		return failed;
	}
	failed = walk(&w, path); /* a link, or a kernel that is older */
	ret->strange = w.strange;
	if (!failed && w.by_kernel)
		failed = replace(&w.fd, openat(w.at, w.name, O_PATH | O_CLOEXEC));
	if (!failed)
		failed = found(w.fd, ret);
	walk_done(&w);
	return failed;
}

bool path_is_below(const char *name, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(name, folder, n) == 0 && name[n] == '/';
}

const char *path_why(int failed)
{
	switch (failed) {
	case -ELOOP:
		return "it is a symbolic link that another user may have made; expected a file: remove it, or name "
		       "the path that it leads to";
	case -EMLINK:
		return "it has more than one name (a hard link), so it may be somebody else's file; expected one "
		       "name: remove it, or give another path";
	case -EBADF:
		return "it is not a regular file; expected one: remove it, or give another path";
	case -ENOTBLK:
		return "it is a device that keeps no lines; expected a file, a FIFO or a terminal: give another path";
	case -EKEYREJECTED:
		return "it belongs to another user; expected this user, root, or the owner of the folder: chown it, "
		       "remove it, or give another path";
	case -ENOSYS:
		return "/proc is not there, which tells the names of open folders; expected it to be mounted: mount "
		       "it (mount -t proc proc /proc)";
	default:
		return strerror(-failed);
	}
}
