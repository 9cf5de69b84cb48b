/*
 * The calls of the program that the linker leads here (files.h).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "collectors/tail/links.h"
#include "unit/sim/inner.h"

int __real_close(int fd);
ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __real_pread(int fd, void *data, size_t size, off_t at);
int __real_open(const char *path, int flags, ...);
int __real_tail_links_open(const struct tail_links *links, const char *path, const char *name);
int __real_fstat(int fd, struct stat *info);
int __real_stat(const char *path, struct stat *info);
int __real_statfs(const char *path, struct statfs *info);
int __real_access(const char *path, int mode);
int __real_faccessat(int fd, const char *path, int mode, int flags);
off_t __real_lseek(int fd, off_t at, int whence);
int __real_ioctl(int fd, unsigned long what, ...);

int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at);
int __wrap_open(const char *path, int flags, ...);
int __wrap_tail_links_open(const struct tail_links *links, const char *path, const char *name);
int __wrap_fstat(int fd, struct stat *info);
int __wrap_stat(const char *path, struct stat *info);
int __wrap_lstat(const char *path, struct stat *info);
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *x);
int __wrap_statfs(const char *path, struct statfs *info);
int __wrap_access(const char *path, int mode);
int __wrap_faccessat(int fd, const char *path, int mode, int flags);
off_t __wrap_lseek(int fd, off_t at, int whence);
char *__wrap_realpath(const char *path, char *ret);
int __real_path_of(int fd, char to[PATH_MAX]);
int __wrap_path_of(int fd, char to[PATH_MAX]);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *d);
int __wrap_closedir(DIR *d);
int __wrap_inotify_init1(int flags);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_rm_watch(int fd, int watch);
int __wrap_ioctl(int fd, unsigned long what, ...);

static bool is_ours(const char *path)
{
	return sim.on && strncmp(path, SIM_ROOT, strlen(SIM_ROOT)) == 0;
}

/* Before each of them something may happen. */
static void between(void)
{
	if (!sim.options.between || sim.inside)
		return;
	sim.inside = true;
	sim.options.between(sim.options.context);
	sim.inside = false;
}

static bool fails(enum sim_call call)
{
	const struct sim_failure *f = &sim.failures[call];

	sim.calls[call]++;
	if (f->one_in == 0 || random_below(sim.options.random, f->one_in) > 0)
		return false;
	errno = f->error;
	return true;
}

static struct sim_inode *opened(int fd)
{
	return sim.on && fd >= 0 && fd < FDS_MAX ? sim.open[fd].inode : NULL;
}

/* The number of a descriptor that nothing comes through. */
static int placeholder(void)
{
	int fd = __real_open("/dev/null", O_RDONLY | O_CLOEXEC);

	OXP_ASSERT(fd >= 0 && fd < FDS_MAX);
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	struct sim_inode *i;
	int fd;

	if (!is_ours(path))
		return __real_open(path, flags, 0600);
	between();
	if (fails(SIM_OPEN))
		return -1;
	i = sim_find(path, true);
	errno = i ? EISDIR : ENOENT;
	if (!i || !S_ISREG(i->kind))
		return -1;
	fd = placeholder();
	i->held++;
	sim.open[fd] = (struct sim_open){ .inode = i };
	return fd;
}

/* Who made a link, and where a descriptor stands, is asked of the kernel elsewhere: here all links may be followed. */
int __wrap_tail_links_open(const struct tail_links *links, const char *path, const char *name)
{
	int fd;

	if (!is_ours(path))
		return __real_tail_links_open(links, path, name);
	fd = __wrap_open(path, O_RDONLY);
	return fd < 0 ? -errno : fd;
}

int __wrap_close(int fd)
{
	struct sim_inode *i = opened(fd);

	if (i) {
		sim.open[fd] = (struct sim_open){ .inode = NULL };
		sim_release(i);
	} else if (sim.on && fd == sim.notify.fd) {
		sim_forget_watches();
	}
	return __real_close(fd);
}

ssize_t __wrap_pread(int fd, void *data, size_t size, off_t at)
{
	struct sim_inode *i = opened(fd);
	size_t left;

	if (!i)
		return __real_pread(fd, data, size, at);
	if (size > sim.read_most)
		sim.read_most = size;
	between();
	if (fails(SIM_READ))
		return -1;
	left = (size_t)at < i->data.size ? i->data.size - (size_t)at : 0;
	if (left > size)
		left = size;
	if (left > 0)
		memcpy(data, i->data.data + at, left);
	return (ssize_t)left;
}

/* Holes of the file system are whole blocks of zeros. */
static bool is_hole(const struct sim_inode *i, size_t at)
{
	static const char zeros[BLOCK];
	size_t left = i->data.size - at, size = BLOCK - at % BLOCK;

	return memcmp(i->data.data + at, zeros, left < size ? left : size) == 0;
}

static blkcnt_t blocks_of(const struct sim_inode *i)
{
	blkcnt_t n = 0;

	for (size_t at = 0; at < i->data.size; at += BLOCK)
		n += is_hole(i, at) ? 0 : BLOCK / 512;
	return n;
}

off_t __wrap_lseek(int fd, off_t at, int whence)
{
	struct sim_inode *i = opened(fd);

	if (!i)
		return __real_lseek(fd, at, whence);
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return (off_t)(sim.open[fd].at = (size_t)at + (whence == SEEK_END ? i->data.size : 0));
	for (; (size_t)at < i->data.size; at = (at / BLOCK + 1) * BLOCK) {
		if (is_hole(i, (size_t)at) == (whence == SEEK_HOLE))
			return at;
	}
	if (whence == SEEK_HOLE)
		return (off_t)i->data.size;
	errno = ENXIO;
	return -1;
}

static int tell_stat(const struct sim_inode *i, struct stat *info)
{
	errno = ENOENT;
	if (!i)
		return -1;
	*info = (struct stat){ .st_dev = DEVICE_MINOR,
		.st_ino = i->number,
		.st_mode = i->kind | 0644,
		.st_nlink = i->path[0] != '\0',
		.st_size = (off_t)i->data.size,
		.st_blocks = blocks_of(i) };
	info->st_mtim = (struct timespec){ i->changed_ns / 1000000000, i->changed_ns % 1000000000 };
	info->st_ctim = info->st_mtim;
	return 0;
}

int __wrap_fstat(int fd, struct stat *info)
{
	struct sim_inode *i = opened(fd);

	if (!i)
		return __real_fstat(fd, info);
	between();
	return tell_stat(i, info);
}

int __wrap_stat(const char *path, struct stat *info)
{
	if (!is_ours(path))
		return __real_stat(path, info);
	between();
	return tell_stat(sim_find(path, true), info);
}

int __wrap_lstat(const char *path, struct stat *info)
{
	between();
	return tell_stat(sim_find(path, false), info);
}

int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *x)
{
	struct sim_inode *i;
	struct stat info;

	(void)mask;
	between();
	i = flags & AT_EMPTY_PATH ? opened(fd) : sim_find(path, true);
	if (tell_stat(i, &info) < 0)
		return -1;
	*x = (struct statx){ .stx_mask = STATX_BASIC_STATS | (sim.options.births ? STATX_BTIME : 0),
		.stx_mode = (uint16_t)info.st_mode,
		.stx_ino = info.st_ino,
		.stx_size = (uint64_t)info.st_size,
		.stx_dev_minor = DEVICE_MINOR };
	if (sim.options.births) {
		x->stx_btime.tv_sec = i->born_ns / 1000000000;
		x->stx_btime.tv_nsec = (uint32_t)(i->born_ns % 1000000000);
	}
	return 0;
}

/* A local one, to inotify's mind. */
int __wrap_statfs(const char *path, struct statfs *info)
{
	if (!is_ours(path))
		return __real_statfs(path, info);
	*info = (struct statfs){ .f_type = 0xef53 };
	return 0;
}

int __wrap_access(const char *path, int mode)
{
	if (!is_ours(path))
		return __real_access(path, mode);
	between();
	errno = ENOENT;
	return sim_find(path, true) ? 0 : -1;
}

int __wrap_faccessat(int fd, const char *path, int mode, int flags)
{
	return is_ours(path) ? __wrap_access(path, mode) : __real_faccessat(fd, path, mode, flags);
}

char *__wrap_realpath(const char *path, char *ret)
{
	between();
	errno = ENOENT;
	return sim_resolve(path, true, ret) ? ret : NULL;
}

/* As /proc tells it. */
int __wrap_path_of(int fd, char to[PATH_MAX])
{
	const struct sim_inode *i = opened(fd);

	if (!i)
		return __real_path_of(fd, to);
	between();
	snprintf(to, PATH_MAX, "%s", i->path[0] ? i->path : SIM_ROOT "/it (deleted)");
	return 0;
}

/* Folders. */

/* What comes behind that one. What comes and goes while this is asked again and again may be missing, or be there
 * twice, as the kernel has it with a folder in which names change. */
static struct sim_inode *next_of(int64_t order)
{
	struct sim_inode *next = NULL;

	for (struct sim_inode *i = sim.inodes; i; i = i->next)
		if (i->path[0] && i->order > order && (!next || i->order < next->order))
			next = i;
	return next;
}

static bool is_in(const struct sim_inode *i, const struct sim_inode *folder)
{
	size_t n = strlen(folder->path);

	return strncmp(i->path, folder->path, n) == 0 && i->path[n] == '/' && !strchr(i->path + n + 1, '/');
}

struct sim_listing {
	struct sim_inode *folder;
	int64_t order;
	struct dirent entry;
};

DIR *__wrap_opendir(const char *path)
{
	char trimmed[PATH_ROOM];
	size_t n = strlen(path);
	struct sim_listing *l;
	struct sim_inode *folder;

	between();
	if (fails(SIM_LIST))
		return NULL;
	snprintf(trimmed, sizeof trimmed, "%.*s", (int)(n > 1 && path[n - 1] == '/' ? n - 1 : n), path);
	folder = sim_find(trimmed, true);
	errno = ENOENT;
	if (!folder || !S_ISDIR(folder->kind))
		return NULL;
	l = oxp_new(sizeof *l);
	l->folder = folder;
	l->order = INT64_MIN;
	folder->held++;
	return (DIR *)l;
}

struct dirent *__wrap_readdir(DIR *d)
{
	struct sim_listing *l = (struct sim_listing *)d;
	struct sim_inode *i;

	between();
	do {
		i = next_of(l->order);
		l->order = i ? i->order : l->order;
	} while (i && !is_in(i, l->folder));
	if (!i)
		return NULL;
	l->entry.d_ino = i->number;
	snprintf(l->entry.d_name, sizeof l->entry.d_name, "%s", strrchr(i->path, '/') + 1);
	return &l->entry;
}

int __wrap_closedir(DIR *d)
{
	struct sim_listing *l = (struct sim_listing *)d;

	sim_release(l->folder);
	free(l);
	return 0;
}

/* inotify. */

int __wrap_inotify_init1(int flags)
{
	(void)flags;
	OXP_ASSERT(sim.on && sim.notify.fd < 0);
	if (fails(SIM_NOTIFY))
		return -1;
	sim.notify.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return sim.notify.fd;
}

int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	struct sim_notify *n = &sim.notify;
	struct sim_inode *folder;

	between();
	OXP_ASSERT(fd == n->fd);
	if (fails(SIM_WATCH))
		return -1;
	folder = sim_find(path, true);
	errno = folder ? ENOTDIR : ENOENT;
	if (!folder || !S_ISDIR(folder->kind))
		return -1;
	for (int i = 0; i < n->watch_count; i++)
		if (n->watches[i].folder == folder)
			return i + 1;
	OXP_ASSERT(n->watch_count < WATCHES_MAX);
	folder->held++;
	n->watches[n->watch_count++] = (struct sim_watch){ .folder = folder, .mask = mask };
	return n->watch_count;
}

int __wrap_inotify_rm_watch(int fd, int watch)
{
	struct sim_watch *w = &sim.notify.watches[watch - 1];

	OXP_ASSERT(fd == sim.notify.fd && watch <= sim.notify.watch_count && w->folder);
	sim_release(w->folder);
	w->folder = NULL;
	return 0;
}

static size_t read_events(char *data, size_t size)
{
	size_t got = 0;

	while (sim.notify.first && sim.notify.first->size <= size - got) {
		memcpy(data + got, &sim.notify.first->event, sim.notify.first->size);
		got += sim.notify.first->size;
		sim_forget_event();
	}
	return got;
}

static ssize_t read_on(int fd, void *data, size_t size)
{
	ssize_t got = __wrap_pread(fd, data, size, (off_t)sim.open[fd].at);

	sim.open[fd].at += got > 0 ? (size_t)got : 0;
	return got;
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
	uint64_t rung;
	size_t got;

	if (opened(fd))
		return read_on(fd, data, size);
	if (!sim.on || fd != sim.notify.fd)
		return __real_read(fd, data, size);
	between();
	got = read_events(data, size);
	if (!sim.notify.first)
		(void)!__real_read(fd, &rung, sizeof rung);
	errno = EAGAIN;
	return got > 0 ? (ssize_t)got : -1;
}

int __wrap_ioctl(int fd, unsigned long what, ...)
{
	va_list args;
	int *answer;

	va_start(args, what);
	answer = va_arg(args, int *);
	va_end(args);
	if (!sim.on || fd != sim.notify.fd)
		return __real_ioctl(fd, what, answer);
	OXP_ASSERT(what == FIONREAD);
	*answer = (int)sim.notify.count;
	return 0;
}
